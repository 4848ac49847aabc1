/* Telling operators: what was told, silences, and a test of the channels. */
#include "services/store/web/watch/alerts_sql.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/watch/alarms/alarms.h"

void web_alert_log(struct req *r)
{
    const char *limit = req_arg(r, "limit");
    req_json(r, &query_alert_log, 1, (const char *[]){limit ? limit : "100"}, NULL);
}

void web_silences(struct req *r)
{
    req_json(r, &query_silences, 0, NULL, NULL);
}

void web_silence_add(struct req *r)
{
    const char *values[] = {req_body_str(r, "key"), req_body_text(r, "minutes"), req_body_str(r, "reason"),
                            r->who.name};
    req_json(r, &query_silence_add, 4, values, NULL);
}

void web_silence_remove(struct req *r)
{
    req_json(r, &query_silence_remove, 1, (const char *[]){req_param(r, 0)}, "No such silence");
}

static void on_tested(void *arg, cJSON *results)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddItemToObject(out, "channels", results);
    reply_cjson_take(arg, 200, out);
}

void web_alert_test(struct req *r)
{
    struct err err = {0};
    if (alarms_test(r->web->alarms, on_tested, r, &err) < 0) reply_fault(r, 409, "NO_CHANNEL", "%s", err.text);
}
