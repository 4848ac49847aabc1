/* What is ordered from the parts lists of a project: panes, profiles to be cut, articles by packing units; as JSON,
 * lines or CSV. A list that something is missing from is refused, unless it is asked for as it is. */
#include "services/web/api/parts/orders.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/store/web/parts/bom_read.h"
#include "services/web/api/parts/parts_cursor.h"
#include "services/web/api/parts/parts_mark.h"
#include "services/web/api/parts/parts_rows.h"
#include "services/web/cache/list_more.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define LIST(name, names)                                                                                              \
    static const struct list_more name##_more = {&query_##name,                                                        \
                                                 names,                                                                \
                                                 "{\"data\":[",                                                        \
                                                 parts_rows_tail,                                                      \
                                                 "Project not found",                                                  \
                                                 .page = LIST_WHOLE,                                                   \
                                                 .changed = parts_list_changed}

LIST(glass_order, "line,supplier,supplier_name,code,name,width,height,size_unit,spacer,amount,area,area_unit,weight,"
                  "weight_unit,positions,lines_without_amount,lines_unread");
LIST(cutting_list, "line,code,supplier_code,description,colour,length,length_unit,angle_left,angle_right,amount,"
                   "total_length,supplier_name,lines_without_amount,positions,lines_unread");
LIST(stock_list, "line,supplier,supplier_name,code,supplier_code,description,colour,amount,units,unit,pack_size,packs,"
                 "price,prices,lines_without_amount,lines_unread");

struct whole {
    void (*go)(struct req *r, const PGresult *head);
};

/* By how it is with a list: what its elevation is answered and shown tells why. As query_bom_unread has them. */
static const struct {
    const char *state, *what_to_do;
} lacking[] = {
    {"still to be read or fetched", "ask again when they are"},
    {"could not be read (failed)", "waiting repairs none of them: have the file put right in Logikal, or read again by"
                                   " POST /api/v1/elevations/{id}/enrichment/trigger?force=true"},
    {"not taken as they came (refused)", "have Logikal give another, and fetch it by POST"
                                         " /api/v1/sync/force/project/{project_id}"},
    {"not the newest",
     "Logikal's newer list could not be had; POST /api/v1/sync/force/project/{project_id} tries again"},
};
#define LACKING_COLUMN 4 /* of the first one's number; the id follows */

static void refuse(struct req *r, const PGresult *result, int64_t unread)
{
    struct buf out = {0};
    buf_printf(&out, "The parts lists of %lld elevations are not in it, or not the newest ones: ", (long long)unread);
    for (int i = 0; i < (int)(sizeof lacking / sizeof *lacking); i++) {
        const char *count = PQgetvalue(result, 0, LACKING_COLUMN + 2 * i);
        const char *id = PQgetvalue(result, 0, LACKING_COLUMN + 2 * i + 1);
        if (strcmp(count, "0") == 0) continue;
        buf_printf(&out, "%s %s: %s", count, lacking[i].state, lacking[i].what_to_do);
        if (i > 0)
            buf_printf(&out, " (why: /api/v1/elevations/%s/parts, or the page /ui/why?of=elevation:%%23%s)", id, id);
        buf_str(&out, ". ");
    }
    buf_printf(&out, "With incomplete=true there is what can be had. They are those of %s%s", PQgetvalue(result, 0, 1),
               unread > 20 ? " ..." : "");
    if (out.failed)
        reply_unavailable(r, 1, "No memory");
    else
        reply_detail(r, 409, "%.*s", (int)out.len, out.data);
    buf_free(&out);
}

static void then_unread(struct req *r, const PGresult *result, void *arg)
{
    const struct whole *w = arg;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Project not found");
        return;
    }
    int64_t unread = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (unread > 0 && !req_arg_bool(r, "incomplete")) {
        refuse(r, result, unread);
        return;
    }
    reply_header(r, "X-Parts-Not-Read", req_printf(r, "%lld", (long long)unread));
    w->go(r, result);
}

void order_when_whole(struct req *r, void (*go)(struct req *r, const PGresult *head))
{
    struct whole *w = req_alloc(r, sizeof *w);
    w->go = go;
    req_query_with(r, &query_bom_unread, 1, (const char *[]){req_param(r, 0)}, then_unread, w);
}

static void send_list(struct req *r, const PGresult *head)
{
    const char *mark = PQgetvalue(head, 0, 2);
    int64_t bound;
    if (!parts_cursor_is_gone(r, mark, &bound) && !parts_unchanged(r, mark))
        list_more_reply_bound(r, r->state, req_param(r, 0), req_strdup(r, mark), bound);
}

static void order(struct req *r, const struct list_more *list)
{
    r->state = (void *)list;
    order_when_whole(r, send_list);
}

void web_glass_order(struct req *r)
{
    order(r, &glass_order_more);
}

void web_cutting_list(struct req *r)
{
    order(r, &cutting_list_more);
}

void web_stock_list(struct req *r)
{
    order(r, &stock_list_more);
}
