/* The feed: who is told of changes, and the journal of them, of everything or of one object. */
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_feed.h"
#include "services/store/web/feed/webhooks_read.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"

#define SHOWN      50
#define SHOWN_TEXT "51" /* one more tells that there are older ones */

static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *list = cJSON_GetObjectItemCaseSensitive(data, "journal");
    bool is_more = cJSON_GetArraySize(list) > SHOWN;
    if (is_more) cJSON_DeleteItemFromArray(list, SHOWN);
    ui_page_pager(p, "before", is_more ? json_text(cJSON_GetArrayItem(list, SHOWN - 1), "cursor") : "", "");
}

/* What belongs to an elevation has its row's number. */
static const char *types_of(const char *type, const char *object)
{
    bool is_all = type && strcmp(type, "elevation") == 0 && object && *object;
    return is_all ? "elevation,thumbnail,parts_list,glass" : type;
}

void web_ui_feed(struct req *r)
{
    static const struct ui_look look = {"feed", "feed", "Feed", "feed objects"};
    static const char *const names[] = {"type", "object", "project"};
    const char *before = req_arg(r, "before"), *type = req_arg(r, "type"), *object = req_arg(r, "object");
    struct change_cursor cursor;
    if (before && *before && (!change_cursor_read(&cursor, before) || cursor.snapshot)) {
        reply_invalid(r, "query", "before", "cursor", "A cursor of this journal");
        return;
    }
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_filter(p, names, sizeof names / sizeof *names);
    ui_page_sql(p, "hooks", &query_webhook_list, 2, (const char *[]){NULL, r->who.is_viewer ? "short" : NULL});
    ui_page_sql(p, "journal", &ui_query_journal, 5,
                (const char *[]){types_of(type, object), object, req_arg(r, "project"), before, SHOWN_TEXT});
    ui_page_before(p, prepare);
    ui_page_go(p);
}
