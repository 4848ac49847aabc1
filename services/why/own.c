/* The facts that are there without asking: settings with where they are set, the supervisor's snapshot, what is
 * configured; and answers of the queue as facts. See own.h. */
#include "services/why/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "ipc/mask.h"
#include "ipc/snapshot.h"
#include "services/why/link.h"

/* Those that chains name. */
static const enum setting_id named[] = {SET_BACKGROUND_SYNC,    SET_SYNC_INTERVAL,       SET_WORKER_QUEUES,
                                        SET_WORKER_CONCURRENCY, SET_WORKER_LEASE,        SET_RESULT_EXPIRES,
                                        SET_WATCHDOG,           SET_PARTS_MAX,           SET_LOGIKAL_URL,
                                        SET_LOGIKAL_USER,       SET_LOGIKAL_RETRY_BUDGET};

static void add_settings(cJSON *facts, const struct conf *conf)
{
    static const char *const places[] = {[SOURCE_DEFAULT] = "the default",
                                         [SOURCE_FILE] = "set in the configuration file",
                                         [SOURCE_ENV_FILE] = "set in the env file",
                                         [SOURCE_ENVIRONMENT] = "set in the environment",
                                         [SOURCE_OVERRIDE] = "set by ctl set, until the supervisor ends"};
    cJSON *all = cJSON_AddObjectToObject(facts, "settings");
    char shown[1100];
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        cJSON *one = cJSON_AddObjectToObject(all, settings[named[i]].env);
        cJSON_AddStringToObject(one, "value", conf_shown(conf, named[i], shown, sizeof shown));
        cJSON_AddStringToObject(one, "where", places[conf_source(conf, named[i])]);
        if (settings[named[i]].type == SETTING_INT)
            cJSON_AddNumberToObject(one, "number", (double)conf_int(conf, named[i]));
    }
}

/* What the supervisor will know when its watchdog's time is over. */
static void add_stopped(cJSON *supervisor)
{
    cJSON *child;
    if (snapshot_is_stopped(fact_int(supervisor, "pid"))) cJSON_AddTrueToObject(supervisor, "is_stopped");
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(supervisor, "children"))
        if (snapshot_is_stopped(fact_int(child, "pid"))) cJSON_AddTrueToObject(child, "is_stopped");
}

static void add_supervisor(cJSON *facts, const struct conf *conf)
{
    struct err err = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    int rc = s ? snapshot_read(conf_str(conf, SET_RUN_DIR), s, &err) : -ERR_NOMEM;
    cJSON *supervisor = rc == 0 ? snapshot_to_json(s) : NULL;
    add_stopped(supervisor);
    const char *unwritable = snapshot_unwritable(conf_str(conf, SET_RUN_DIR));
    if (supervisor && unwritable) {
        cJSON_AddStringToObject(supervisor, "unwritable", unwritable);
        cJSON_AddStringToObject(supervisor, "run_dir", conf_str(conf, SET_RUN_DIR));
    }
    if (rc == 0)
        cJSON_AddItemToObject(facts, "supervisor", supervisor);
    else
        cJSON_AddStringToObject(facts, "supervisor_note",
                                rc == -ERR_NOT_FOUND ? "No supervisor has reported here" : err.text);
    free(s);
}

static void add_store(cJSON *facts, const char *name, bool is_used, const char *why)
{
    cJSON *store = cJSON_AddObjectToObject(facts, name);
    cJSON_AddBoolToObject(store, "is_used", is_used);
    cJSON_AddBoolToObject(store, "is_up", false);
    cJSON_AddStringToObject(store, "why", why ? why : "");
}

cJSON *own_facts(const struct why_sources *sources, const char *of)
{
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddStringToObject(facts, "of", of);
    cJSON_AddNumberToObject(facts, "now_ms", (double)wall_ms());
    add_settings(facts, sources->conf);
    add_supervisor(facts, sources->conf);
    add_store(facts, "database", sources->pool != NULL, NULL);
    add_store(facts, "redis", sources->queue != NULL, sources->redis_is_down);
    return facts;
}

cJSON *own_stats(const struct queue_stats *stats)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "queues");
    for (size_t i = 0; i < stats->count; i++) {
        const struct queue_depth *q = &stats->queues[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", q->name);
        cJSON_AddNumberToObject(one, "depth", (double)q->depth);
        cJSON_AddNumberToObject(one, "oldest_ms", (double)q->oldest_age_ms);
        cJSON_AddBoolToObject(one, "is_paused", q->is_paused);
        cJSON_AddStringToObject(one, "paused_by", q->paused_by);
        cJSON_AddNumberToObject(one, "paused_ms", (double)q->paused_ms);
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddNumberToObject(out, "unacked", (double)stats->unacked);
    cJSON_AddNumberToObject(out, "scheduled", (double)stats->scheduled);
    cJSON_AddNumberToObject(out, "dead", (double)stats->dead);
    cJSON_AddNumberToObject(out, "workers", (double)stats->workers);
    return out;
}

cJSON *own_result(const struct result *result)
{
    char progress[300];
    const cJSON *value = result->value;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "status", result->status ? result->status : "");
    bool says_failed = result->state == RESULT_SUCCESS && cJSON_IsFalse(json_member(value, "success"));
    const char *error = says_failed ? json_text(value, "message") : result->error;
    if (says_failed && !error) error = json_text(value, "error");
    cJSON_AddBoolToObject(out, "says_failed", says_failed);
    char *masked = mask_text(error ? error : "");
    cJSON_AddStringToObject(out, "error", masked ? masked : "");
    free(masked);
    cJSON_AddStringToObject(out, "done", result->date_done ? result->date_done : "");
    if (result->state == RESULT_PROGRESS && cJSON_IsObject(value)) {
        char count[64] = "";
        const char *status = fact_text(value, "status");
        if (fact_number(value, "total") > 0)
            snprintf(count, sizeof count, "%.0f of %.0f", fact_number(value, "current"), fact_number(value, "total"));
        snprintf(progress, sizeof progress, "%s%s%.200s", count, *count && *status ? ", " : "", status);
        cJSON_AddStringToObject(out, "progress", progress);
    }
    return out;
}

void own_choose(cJSON *facts, const cJSON *candidates)
{
    if (cJSON_GetArraySize(candidates) != 1) return;
    cJSON_AddStringToObject(facts, "kind", fact_text(candidates->child, "kind"));
    cJSON_AddStringToObject(facts, "key", fact_text(candidates->child, "key"));
    cJSON_AddStringToObject(facts, "name", fact_text(candidates->child, "name"));
}
