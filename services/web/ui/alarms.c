/* The page of alarms: what is told to whom, what is kept still for a while, and what was sent. */
#include <string.h>

#include "conf/text/json.h"
#include "services/alert/channels.h"
#include "services/store/web/watch/alerts_sql.h"
#include "services/web/gate/handlers.h"
#include "services/web/ui/page.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/problems/problem.h"

#define SHOWN "100"

/* Whom each channel tells. */
static void add_channels(cJSON *data, const struct conf *conf)
{
    static const int of[CHANNELS] = {[CHANNEL_WEBHOOK] = SET_ALERT_WEBHOOK, [CHANNEL_MAIL] = SET_ALERT_MAIL_TO};
    char value[512];
    cJSON *list = cJSON_AddArrayToObject(data, "channels");
    for (int i = 0; i < CHANNELS; i++) {
        if (!channel_is_set(conf, (enum channel)i)) continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "channel", channel_name((enum channel)i));
        cJSON_AddStringToObject(one, "to", conf_shown(conf, of[i], value, sizeof value));
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddNumberToObject(data, "after_s", (double)conf_int(conf, SET_ALERT_AFTER));
    cJSON_AddNumberToObject(data, "repeat_s", (double)conf_int(conf, SET_ALERT_REPEAT));
    cJSON_AddBoolToObject(data, "tells_all", strcmp(conf_str(conf, SET_ALERT_SEVERITY), "look") == 0);
    cJSON_AddBoolToObject(data, "has_heartbeat", conf_is_set(conf, SET_HEARTBEAT_URL));
    cJSON_AddNumberToObject(data, "heartbeat_s", (double)conf_int(conf, SET_HEARTBEAT_EVERY));
}

static const cJSON *row_of(const cJSON *rows, const char *key)
{
    const cJSON *each;
    cJSON_ArrayForEach(each, rows)
        if (strcmp(fact_text(each, "key"), key) == 0) return each;
    return NULL;
}

/* What there is, and whether it was told or is silenced. A silence holds a problem's cause, while that is there. */
static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *problem, *silence;
    const cJSON *told = json_member(data, "told");
    cJSON *silences = cJSON_GetObjectItemCaseSensitive(data, "silences");
    bool tells_all = cJSON_IsTrue(json_member(data, "tells_all"));
    cJSON *problems = cJSON_GetObjectItemCaseSensitive(data, "problems");
    cJSON_ArrayForEach(silence, silences) {
        const cJSON *of = row_of(problems, fact_text(silence, "key"));
        if (of) cJSON_AddStringToObject(silence, "cause", fact_text(of, "cause"));
    }
    cJSON_ArrayForEach(problem, problems) {
        const cJSON *row = row_of(told, fact_text(problem, "key")),
                    *quiet = row_of(silences, fact_text(problem, "key"));
        if (row) cJSON_AddStringToObject(problem, "told_at", fact_text(row, "told_at"));
        if (quiet) cJSON_AddStringToObject(problem, "silenced_until", fact_text(quiet, "until"));
        cJSON_AddBoolToObject(problem, "is_minor", !tells_all && problem_severity(problem) == SEVERITY_LOOK);
    }
}

void web_ui_alarms(struct req *r)
{
    static const struct ui_look look = {"alarms", "alarms", "Alarms", "verdict"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    const cJSON *problems = fact(facts_verdict(r->web->facts), "problems");
    cJSON_AddItemToObject(data, "problems", problems ? cJSON_Duplicate(problems, true) : cJSON_CreateArray());
    add_channels(data, r->web->conf);
    ui_page_sql(p, "told", &query_alerts_open, 0, NULL);
    ui_page_sql(p, "silences", &query_silences, 0, NULL);
    ui_page_sql(p, "sent", &query_alert_log, 1, (const char *[]){SHOWN});
    ui_page_before(p, prepare);
    ui_page_go(p);
}
