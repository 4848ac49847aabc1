/* What a parts list holds: its tables, and the rows of any of them. */
#include <inttypes.h>
#include <stdlib.h>

#include "services/store/web/parts/parts_read.h"
#include "services/web/api/parts/parts_cursor.h"
#include "services/web/api/parts/parts_mark.h"
#include "services/web/api/parts/parts_ready.h"
#include "services/web/api/parts/parts_rows.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

static const struct list_more typed = {
    &query_parts_rows,
    "line,insertion,position,code,supplier_code,name,short_name,description,what,colour,amount,units,unit,pack_size,"
    "price,length,length_unit,width,width_unit,height,height_unit,weight,weight_unit,area,area_unit,angle_left,"
    "angle_right,spacer,minutes,value,u_value,u_unit,supplier,supplier_name,other",
    "{\"data\":[",
    parts_rows_tail,
    "Elevation not found",
    .page = LIST_WHOLE, /* a statement takes the whole list apart each time */
    .changed = parts_list_changed};

void parts_rows_tail(struct req *r, struct buf *out, const struct list_totals *totals, const char *next_cursor)
{
    (void)r;
    buf_printf(out, "],\"count\":%" PRId64 ",\"next_cursor\":%s}", totals->count,
               next_cursor && *next_cursor ? next_cursor : "null");
}

static void ask_tables(struct req *r, const struct parts_ready *ready)
{
    if (parts_unchanged(r, ready->mark)) return;
    parts_reply_marked(r, &query_parts_tables, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_parts_tables(struct req *r)
{
    parts_ready(r, false, ask_tables);
}

struct table_asked {
    const struct parts_ready *ready;
    int64_t bound; /* of cursors */
};

static void then_table(struct req *r, const PGresult *result)
{
    const struct table_asked *asked = r->state;
    const struct parts_ready *ready = asked->ready;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "The parts list has no such table: /api/v1/elevations/%s/parts lists those that it has",
                     req_param(r, 0));
        return;
    }
    if (parts_unchanged(r, ready->mark)) return;
    const char *table = req_strdup(r, PQgetvalue(result, 0, 0));
    if (PQgetisnull(result, 0, 1))
        parts_rows_of_file(r, ready->sha256, table, asked->bound);
    else
        list_more_reply_bound(r, &typed, req_printf(r, "%s/%s", ready->version, ready->mark), table, asked->bound);
}

static void ask_table(struct req *r, const struct parts_ready *ready)
{
    struct table_asked *asked = req_alloc(r, sizeof *asked);
    asked->ready = ready;
    r->state = asked;
    if (!parts_cursor_is_gone(r, req_printf(r, "%s %s", ready->version, ready->sha256), &asked->bound))
        req_query(r, &query_parts_table, 2, (const char *[]){req_param(r, 0), req_param(r, 1)}, then_table);
}

void web_parts_table(struct req *r)
{
    parts_ready(r, false, ask_table);
}
