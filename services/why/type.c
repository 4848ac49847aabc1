/* Why a type of objects is as fresh or as old as it is. Whether it is due is judged by the function by which the
 * scheduler judges it. */
#include <stdio.h>
#include <string.h>

#include "services/sync/due.h"
#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/plant.h"
#include "services/why/sync.h"

#define FUTURE_S 60

/* What the scheduler would know of all types. */
static int configs_of(const cJSON *types, struct object_config out[OBJECT_TYPES_MAX])
{
    int n = 0;
    const cJSON *t;
    cJSON_ArrayForEach(t, types) {
        if (n == OBJECT_TYPES_MAX) break;
        struct object_config *c = &out[n++];
        *c = (struct object_config){.interval_min = fact_int(t, "interval_min"),
                                    .stale_min = fact_int(t, "stale_min"),
                                    .priority = fact_int(t, "priority"),
                                    .max_retries = fact_int(t, "max_retries"),
                                    .retry_count = fact_int(t, "retry_count"),
                                    .since_sync_s = fact_whole(t, "since_sync_s"),
                                    .since_attempt_s = fact_whole(t, "since_attempt_s"),
                                    .retry_in_s = fact_whole(t, "retry_in_s"),
                                    .is_enabled = fact_is(t, "is_on"),
                                    .has_failed = fact_is(t, "has_failed"),
                                    .oldest_s = -1};
        snprintf(c->type, sizeof c->type, "%s", fact_text(t, "type"));
        snprintf(c->depends_on, sizeof c->depends_on, "%s", fact_text(t, "depends_on"));
    }
    return n;
}

static enum due due_now(const cJSON *types, const char *type, const struct object_config **config)
{
    static struct object_config configs[OBJECT_TYPES_MAX];
    struct due_entry plan[OBJECT_TYPES_MAX];
    int n = configs_of(types, configs), count = due_plan(configs, n, DUE_BY_INTERVAL, plan);
    for (int i = 0; i < count; i++) {
        *config = &configs[plan[i].config];
        if (strcmp((*config)->type, type) == 0) return plan[i].due;
    }
    *config = NULL;
    return DUE_NOT;
}

static cJSON *age_of(const cJSON *t)
{
    double age = fact_number(t, "since_sync_s"), stale = fact_number(t, "stale_min") * 60;
    const char *name = fact_text(t, "name");
    char span[SPAN_TEXT_SIZE], limit[SPAN_TEXT_SIZE];
    cJSON *link;
    if (age < 0)
        link = why_link(WHY_WAITS, "%s: never synced yet", name);
    else if (fact_number(t, "future_s") > FUTURE_S)
        link = why_link(WHY_STUCK, "%s: their last sync lies %s in the future, so they are not due until then", name,
                        span_text(fact_number(t, "future_s"), span));
    else if (stale > 0 && age > stale)
        link = why_link(WHY_WAITS, "%s are stale: %s old, and %s is their staleness threshold", name,
                        span_text(age, span), span_text(stale, limit));
    else
        link = why_link(WHY_FINE, "%s are fresh: synced %s ago", name, span_text(age, span));
    if (fact_number(t, "future_s") > FUTURE_S)
        why_do(link, "A clock was wrong. Sync them by hand (button \"Sync now\" on Sync intervals), and set the clocks "
                     "by NTP.");
    why_since(link, fact_text(t, "last_sync"));
    return link;
}

static cJSON *switched_off(const cJSON *t)
{
    if (fact_is(t, "is_on")) return NULL;
    cJSON *link = why_link(WHY_STUCK, "Scheduled sync of %s is switched off, by the switch on Sync intervals",
                           fact_text(t, "name"));
    why_do(link, "Switch it on there, or: POST /api/v1/admin/sync-intervals/%s/toggle", fact_text(t, "type"));
    return link;
}

/* Why the scheduler does not sync it at its next tick, or that it does; stands: no tick comes as it is. */
static void add_due(const cJSON *facts, const cJSON *t, bool stands, cJSON *link)
{
    const struct object_config *c = NULL;
    const char *type = fact_text(t, "type"), *name = fact_text(t, "name");
    const cJSON *types = fact(fact(facts, "plant"), "types");
    enum due due = due_now(types, type, &c);
    char setting[200], span[32];
    if (due == DUE_CYCLE || due == DUE_BLOCKED) {
        cJSON *cause =
            why_link(WHY_STUCK, "%s: %s", due == DUE_CYCLE ? name : fact_text(t, "depends_on"), due_reason(due));
        why_do(cause, due == DUE_CYCLE ? "Correct \"depends on\" of the types on Sync intervals."
                                       : "See why that is: logikald why type:NAME of it. Until then this one waits.");
        why_because(link, cause);
    } else if (due == DUE_NOT) {
        why_because(link, why_link(WHY_FINE, "Its interval of %d min (Sync intervals) is not over", c->interval_min));
        why_next(link, fact_text(t, "next"),
                 stands ? "It stays as it is until the cause is mended; it is due again"
                        : "It is synced with the first tick after that");
    } else if (due_is_yes(due) && stands) {
        why_next(link, NULL, "It is due (%s), and synced with the first tick when the cause is mended",
                 due_reason(due));
    } else if (due_is_yes(due)) {
        double every = fact_number(fact(fact(facts, "settings"), "SYNC_INTERVAL_SECONDS"), "number");
        why_next(link, NULL, "It is due (%s): synced with the next tick, within %s (%s)", due_reason(due),
                 span_text(every, span), why_setting(facts, "SYNC_INTERVAL_SECONDS", setting, sizeof setting));
    }
}

cJSON *why_type(const cJSON *facts, const char *type)
{
    const cJSON *plant = fact(facts, "plant"), *t = why_find(fact(plant, "types"), "type", type);
    if (!cJSON_IsObject(plant)) {
        cJSON *link = why_link(WHY_UNKNOWN, "How fresh type %s is is not known", type);
        why_because(link, plant_database(facts));
        plant_add_schedule(facts, link);
        return link;
    }
    if (!t) {
        cJSON *link = why_link(WHY_STUCK, "Type %s is not synced: Sync intervals has no row for it", type);
        why_do(link, "Add it there, or put all built-in types back: POST /api/v1/admin/sync-intervals/reset");
        return link;
    }
    cJSON *link = age_of(t);
    if (!fact_is(t, "is_known")) {
        cJSON *cause = why_link(WHY_STUCK, "Nothing in this program syncs a type %s", type);
        why_do(cause, "Is its name misspelt? Delete the type on Sync intervals, and add the right one.");
        why_because(link, cause);
        return link;
    }
    cJSON *off = switched_off(t);
    why_because(link, off);
    bool is_running = sync_add_run(facts, "tree", link);
    why_because(link, sync_last_failure(facts, t));
    why_because(link, sync_holds(facts, type));
    if (off) return link;
    cJSON *schedule = why_link(WHY_FINE, " "), *cause; /* collects */
    plant_add_schedule(facts, schedule);
    add_due(facts, t, why_worst(schedule) == WHY_STUCK, link);
    if (is_running)
        why_next(link, NULL, "The sync that is running reads it when it was due as that began, else the next one");
    while ((cause = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(schedule, "because"), 0)))
        why_because(link, cause);
    cJSON_Delete(schedule);
    return link;
}
