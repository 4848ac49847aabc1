/* Sync logs: the list by filter. */
#include <stdio.h>
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_logs.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"

#define SHOWN      50
#define SHOWN_TEXT "51" /* one more tells that there are older ones */

static const char *const names[] = {"type", "status", "since", "until"};
#define NAMES (sizeof names / sizeof *names)

/* The template has the chosen type first: also one of which nothing is recorded. */
static void drop_chosen(cJSON *types, const char *chosen)
{
    for (int i = cJSON_GetArraySize(types) - 1; i >= 0; i--)
        if (strcmp(cJSON_GetStringValue(cJSON_GetArrayItem(types, i)), chosen) == 0)
            cJSON_DeleteItemFromArray(types, i);
}

static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *list = cJSON_GetObjectItemCaseSensitive(data, "logs");
    drop_chosen(cJSON_GetObjectItemCaseSensitive(data, "types"), json_text(json_member(data, "filter"), "type"));
    char next[32] = "";
    if (cJSON_GetArraySize(list) > SHOWN) {
        cJSON_DeleteItemFromArray(list, SHOWN);
        snprintf(next, sizeof next, "%.0f", json_number(cJSON_GetArrayItem(list, SHOWN - 1), "id", 0));
    }
    ui_page_pager(p, "before", next, "");
}

void web_ui_sync_logs(struct req *r)
{
    static const struct ui_look look = {"sync-logs", "logs", "Sync logs", "logs"};
    const char *since, *until, *before = req_arg(r, "before");
    if (!ui_page_period(r, &since, &until)) return;
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_filter(p, names, NAMES);
    ui_page_sql(p, "types", &ui_query_log_types, 0, NULL);
    ui_page_sql(p, "logs", &ui_query_logs, 6,
                (const char *[]){req_arg(r, "type"), req_arg(r, "status"), since, until, before, SHOWN_TEXT});
    ui_page_before(p, prepare);
    ui_page_go(p);
}
