/* Sync logs: the list by filter, and its export. */
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_logs.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"

#define SHOWN      50
#define SHOWN_TEXT "51" /* one more tells that there are older ones */

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
    if (cJSON_GetArraySize(list) <= SHOWN) return;
    cJSON_DeleteItemFromArray(list, SHOWN);
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, SHOWN - 1), "id");
    cJSON_AddNumberToObject(data, "older", last ? last->valuedouble : 0);
}

void web_ui_sync_logs(struct req *r)
{
    static const struct ui_look look = {"sync-logs", "logs", "Sync logs", "logs"};
    static const char *const names[] = {"type", "status", "since", "until"};
    const char *since, *until, *before = req_arg(r, "before");
    if (!ui_page_time(r, "since", &since) || !ui_page_time(r, "until", &until)) return;
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *filter = cJSON_AddObjectToObject(ui_page_data(p), "filter");
    for (int i = 0; i < 4; i++)
        cJSON_AddStringToObject(filter, names[i], req_arg(r, names[i]) ? req_arg(r, names[i]) : "");
    ui_page_sql(p, "types", &ui_query_log_types, 0, NULL);
    ui_page_sql(p, "logs", &ui_query_logs, 6,
                (const char *[]){req_arg(r, "type"), req_arg(r, "status"), since, until, before, SHOWN_TEXT});
    ui_page_before(p, prepare);
    ui_page_go(p);
}

static void then_export(struct req *r, const PGresult *result)
{
    bool is_csv = strcmp(req_arg(r, "format"), "csv") == 0;
    reply_header(r, "Content-Disposition",
                 is_csv ? "attachment; filename=\"sync-logs.csv\"" : "attachment; filename=\"sync-logs.json\"");
    reply_bytes(r, 200, is_csv ? "text/csv; charset=utf-8" : TYPE_JSON, PQgetvalue(result, 0, 0),
                (size_t)PQgetlength(result, 0, 0));
}

void web_ui_sync_logs_export(struct req *r)
{
    const char *since, *until;
    if (!ui_page_time(r, "since", &since) || !ui_page_time(r, "until", &until)) return;
    bool is_csv = strcmp(req_arg(r, "format"), "csv") == 0;
    req_query(r, is_csv ? &ui_query_logs_csv : &ui_query_logs_json, 4,
              (const char *[]){req_arg(r, "type"), req_arg(r, "status"), since, until}, then_export);
}
