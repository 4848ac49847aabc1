/* See plant.h. One cause is told once: a queue that nobody takes from because the worker is stopped is told as the
 * worker that is stopped. */
#include "services/why/plant.h"

#include <stdio.h>
#include <string.h>

#include "services/why/link.h"

#define SNAPSHOT_OLD_MS 15000
#define SILENT_SHARE    0.7 /* of the watchdog's time without a ping */
#define SLACK_MS        5000
#define LEASE_MS        15000 /* of a worker, when its setting is not known */
#define TICKS_LATE      3     /* so many intervals without a tick are none */
#define SCHEDULE_QUEUE  "scheduler"
#define TICK            "smart-sync-scheduler"

cJSON *plant_database(const cJSON *facts)
{
    const cJSON *database = fact(facts, "database");
    if (!database || fact_is(database, "is_up")) return NULL;
    if (!fact_is(database, "is_used")) {
        cJSON *link = why_link(WHY_STUCK, "PostgreSQL is not configured");
        why_do(link, "Set DATABASE_URL.");
        return link;
    }
    if (strstr(fact_text(database, "why"), "does not exist")) {
        cJSON *old = why_link(WHY_STUCK, "PostgreSQL answers, and is not as this version needs it: %s",
                              fact_text(database, "why"));
        why_do(old, "Run logikald migrate, with the user that owns the tables.");
        return old;
    }
    const char *why = fact_text(database, "why"), *colon = strstr(why, ": ");
    if (strncmp(why, "PostgreSQL", 10) == 0 && colon) why = colon + 2; /* it begins so by itself */
    cJSON *link =
        why_link(WHY_STUCK, "PostgreSQL is not reachable: %s. How the copy is cannot be told until it is", why);
    why_do(link, "Check that the server runs and that DATABASE_URL is right; nothing has to be restarted.");
    return link;
}

cJSON *plant_redis(const cJSON *facts)
{
    const cJSON *redis = fact(facts, "redis");
    if (!redis || fact_is(redis, "is_up")) return NULL;
    if (!fact_is(redis, "is_used")) {
        cJSON *link = why_link(WHY_STUCK, "Redis is not configured: there are no queues, and neither worker nor beat");
        why_do(link, "Set REDIS_URL. Syncs that are started by hand run in children of web meanwhile.");
        return link;
    }
    cJSON *link = why_link(WHY_STUCK, "Redis is not reachable: %s. No task is sent or taken until it is",
                           fact_text(redis, "why"));
    why_do(link, "Check that the server runs and that REDIS_URL is right; nothing has to be restarted.");
    return link;
}

/* ---- processes ---- */

static bool is_snapshot_old(const cJSON *facts)
{
    double written = fact_number(fact(facts, "supervisor"), "written_ms");
    return written > 0 && fact_number(facts, "now_ms") - written > SNAPSHOT_OLD_MS;
}

bool plant_knows_children(const cJSON *facts)
{
    return fact(facts, "supervisor") && !is_snapshot_old(facts);
}

cJSON *plant_supervisor(const cJSON *facts)
{
    const cJSON *s = fact(facts, "supervisor");
    bool is_stopped = fact_is(s, "is_stopped");
    if (!s || (!is_stopped && !is_snapshot_old(facts))) return NULL;
    const char *unwritable = fact_text(s, "unwritable");
    cJSON *link =
        is_stopped ? why_link(WHY_STUCK, "The supervisor is stopped by a signal (SIGSTOP) and watches nothing")
        : *unwritable
            ? why_link(WHY_STUCK, "The supervisor has not been able to report since then: the run directory %s is %s",
                       fact_text(s, "run_dir"), unwritable)
            : why_link(WHY_STUCK, "The supervisor has not reported since then: it is gone, or it hangs");
    why_since_ms(link, fact_number(s, "written_ms"));
    if (*unwritable && !is_stopped)
        why_do(link, "Make room there, or mount it so that it can be written to; nothing has to be restarted.");
    else
        why_do(link, "Look at the container's log; restart the container when it does not come back.");
    return link;
}

/* Sentences for each state in which a child is not at work. */
static const struct {
    const char *state, *what, *advice; /* advice: with the name */
    enum why_state is;
} states[] = {
    {"crash-loop", "%s ends again and again", "Its last lines say why: logikald ctl tail %s", WHY_STUCK},
    {"backoff", "%s failed and is started again soon", "Its last lines say why: logikald ctl tail %s", WHY_WAITS},
    {"dumping", "%s hung: it did not ping in time, and is replaced", "Its stack is in its log: logikald ctl tail %s",
     WHY_WAITS},
    {"waiting", "%s waits for what it depends on", "logikald ctl status tells what of %s's needs is not ready",
     WHY_WAITS},
    {"starting", "%s is starting", NULL, WHY_WAITS},
    {"stopping", "%s is stopping", NULL, WHY_WAITS},
    {"killing", "%s did not stop in time and is killed", NULL, WHY_WAITS},
    {"lingering", "%s has ended, and something that it started has not", NULL, WHY_WAITS},
    {"down", "%s is down", "Start it: logikald ctl start %s", WHY_STUCK},
    {"done", "%s has ended and is not started again", "Start it: logikald ctl start %s", WHY_STUCK},
};

static cJSON *child_by_state(const cJSON *child, const char *name, const char *state)
{
    char text[200];
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].state, state) != 0) continue;
        const char *at = strstr(states[i].what, "%s");
        snprintf(text, sizeof text, "%.*s%.64s%s", (int)(at - states[i].what), states[i].what, name, at + 2);
        const char *exit = fact_text(child, "last_exit");
        cJSON *link = why_link(states[i].is, "%s%s%s%s", text, *exit ? " (last exit: " : "", exit, *exit ? ")" : "");
        if (states[i].advice) {
            at = strstr(states[i].advice, "%s");
            why_do(link, "%.*s%s%s", (int)(at - states[i].advice), states[i].advice, name, at + 2);
        }
        return link;
    }
    return NULL;
}

static double setting_ms(const cJSON *facts, const char *name)
{
    return 1000 * fact_number(fact(fact(facts, "settings"), name), "number");
}

/* A role pings twice in its watchdog's time. */
static bool is_silent(const cJSON *facts, const cJSON *child)
{
    if (fact_is(child, "is_stopped")) return true;
    double watchdog_ms = setting_ms(facts, "WATCHDOG_SECONDS");
    return watchdog_ms > 0 && fact_number(child, "watchdog_age_ms") > SILENT_SHARE * watchdog_ms;
}

cJSON *plant_child(const cJSON *facts, const cJSON *child)
{
    const char *name = fact_text(child, "name"), *state = fact_text(child, "state");
    bool is_loop = fact_is(child, "is_crash_loop");
    cJSON *link = NULL;
    char span[SPAN_TEXT_SIZE], setting[200];
    if (fact_is(child, "is_held")) {
        link = why_link(WHY_STUCK, "%s was stopped by hand (ctl stop, or the System page)", name);
        why_since_ms(link, fact_number(child, "last_exit_ms"));
        why_do(link, "Start it: logikald ctl start %s, or the System page.", name);
        return link;
    }
    if (fact_is(child, "is_ready") && !is_loop) {
        double age = fact_number(child, "watchdog_age_ms") + fact_number(facts, "now_ms") -
                     fact_number(fact(facts, "supervisor"), "written_ms");
        if (!is_silent(facts, child)) return NULL;
        if (fact_is(child, "is_stopped"))
            link = why_link(WHY_WAITS, "%s is stopped by a signal (SIGSTOP) and does nothing", name);
        else
            link = why_link(WHY_WAITS, "%s has not pinged for %s: it hangs, or is frozen", name,
                            span_text(age / 1000, span));
        why_next(link, NULL, "It is killed and replaced when the watchdog's time is over (%s)",
                 why_setting(facts, "WATCHDOG_SECONDS", setting, sizeof setting));
        return link;
    }
    if (strcmp(state, "done") == 0 && strncmp(fact_text(child, "last_exit"), "exit status 0", 13) == 0) return NULL;
    link = child_by_state(child, name, is_loop ? "crash-loop" : state);
    if (!link) return NULL;
    why_since_ms(link, fact_number(child, "last_exit_ms"));
    if (fact_number(child, "next_start_ms") > 0)
        why_next_ms(link, fact_number(child, "next_start_ms"), "It is started again");
    return link;
}

/* The children of a role that are not at work become causes. Returns how many are. */
static int add_children(const cJSON *facts, const char *role, cJSON *link)
{
    int well = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, fact(fact(facts, "supervisor"), "children")) {
        if (strcmp(fact_text(child, "role"), role) != 0) continue;
        cJSON *cause = plant_child(facts, child);
        well += !cause;
        why_because(link, cause);
    }
    return well;
}

/* ---- workers ---- */

static bool has_child(const cJSON *facts, const char *role)
{
    return why_find(fact(fact(facts, "supervisor"), "children"), "role", role) != NULL;
}

static cJSON *switch_off(const cJSON *facts, const char *so)
{
    char setting[200];
    const cJSON *value = fact(fact(facts, "settings"), "BACKGROUND_SYNC_ENABLED");
    if (!value || strcmp(fact_text(value, "value"), "true") == 0) return NULL;
    cJSON *link = why_link(WHY_STUCK, "Background sync is off: %s. %s",
                           why_setting(facts, "BACKGROUND_SYNC_ENABLED", setting, sizeof setting), so);
    why_do(link,
           "Set BACKGROUND_SYNC_ENABLED=true where it is set and reload, or until the next start: logikald ctl set "
           "BACKGROUND_SYNC_ENABLED true");
    return link;
}

static const cJSON *child_of_pid(const cJSON *facts, double pid)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, fact(fact(facts, "supervisor"), "children"))
        if (fact_number(child, "pid") == pid) return child;
    return NULL;
}

/* Those that Redis has registered: how many renew; the others become causes, but for what the supervisor has told. */
static int add_registered(const cJSON *facts, cJSON *link)
{
    int well = 0;
    char span[SPAN_TEXT_SIZE];
    double lease_ms = setting_ms(facts, "WORKER_LEASE_SECONDS");
    if (lease_ms <= 0) lease_ms = LEASE_MS;
    const cJSON *worker;
    cJSON_ArrayForEach(worker, fact(facts, "workers")) {
        double silent = fact_number(worker, "last_seen_ms");
        const cJSON *child = child_of_pid(facts, fact_number(worker, "pid"));
        if (silent <= lease_ms) {
            well++;
            continue;
        }
        if (child && (!fact_is(child, "is_ready") || is_silent(facts, child))) continue;
        cJSON *cause = why_link(WHY_WAITS, "Worker %s has not been heard of for %s: it hangs, is frozen or is gone",
                                fact_text(worker, "node"), span_text(silent / 1000, span));
        why_since_ms(cause, fact_number(facts, "now_ms") - silent);
        why_next(cause, NULL, "What it holds goes to another worker when its lease is over");
        why_because(link, cause);
    }
    return well;
}

void plant_add_workers(const cJSON *facts, cJSON *link)
{
    char setting[200];
    bool knows = plant_knows_children(facts);
    cJSON *found = why_link(WHY_FINE, " "); /* collects, so that a worker at work can silence the others */
    int ready = knows ? add_children(facts, "worker", found) : 0;
    int renewing = add_registered(facts, found);
    if (renewing == 0 && fact(facts, "workers") && !why_has_cause(found)) {
        cJSON *cause = why_link(WHY_STUCK, "No worker is there");
        cJSON *off = knows && !has_child(facts, "worker") ? switch_off(facts, "The supervisor starts no worker") : NULL;
        const char *note = knows ? fact_text(fact(facts, "supervisor"), "background_note") : "";
        why_because(cause, off);
        if (*note) why_because(cause, why_link(WHY_STUCK, "%s", note));
        if (ready > 0) why_because(cause, why_link(WHY_WAITS, "A worker runs, and has not registered with Redis yet"));
        if (!why_has_cause(cause))
            why_do(cause, "Start one: logikald worker, or with the supervisor (%s).",
                   why_setting(facts, "BACKGROUND_SYNC_ENABLED", setting, sizeof setting));
        why_because(link, cause);
    }
    for (cJSON *causes = cJSON_GetObjectItemCaseSensitive(found, "because"), *each;
         renewing == 0 && (each = cJSON_DetachItemFromArray(causes, 0));)
        why_because(link, each);
    cJSON_Delete(found);
}

void plant_runners(const cJSON *facts, double *runners, double *active)
{
    const cJSON *w;
    *runners = *active = 0;
    cJSON_ArrayForEach(w, fact(facts, "workers")) {
        *active += fact_number(w, "active");
        *runners += fact_number(w, "concurrency");
    }
}

cJSON *plant_busy(const cJSON *facts)
{
    double runners, active;
    char setting[200];
    plant_runners(facts, &runners, &active);
    if (runners <= 0 || active < runners) return NULL;
    cJSON *link = why_link(WHY_WAITS, "All %.0f runners of all workers are busy", runners);
    why_do(link, "More runners: %s", why_setting(facts, "WORKER_CONCURRENCY", setting, sizeof setting));
    return link;
}

/* ---- queues ---- */

static cJSON *paused(const cJSON *queue)
{
    if (!fact_is(queue, "is_paused")) return NULL;
    const char *name = fact_text(queue, "name");
    cJSON *link = why_link(WHY_STUCK, "Queue %s was paused by %s: no worker takes from it", name,
                           *fact_text(queue, "paused_by") ? fact_text(queue, "paused_by") : "somebody");
    why_since_ms(link, fact_number(queue, "paused_ms"));
    why_do(link, "Resume it: logikald queue resume %s, or the Tasks page.", name);
    return link;
}

void plant_add_queue(const cJSON *facts, const char *queue, cJSON *link)
{
    cJSON *redis = plant_redis(facts);
    why_because(link, redis);
    if (redis) return;
    const cJSON *stats = fact(facts, "stats"), *q = why_find(fact(stats, "queues"), "name", queue);
    char setting[600];
    if (stats && !q) {
        cJSON *cause = why_link(WHY_STUCK, "No worker with these settings serves a queue %s: %s", queue,
                                why_setting(facts, "WORKER_QUEUES", setting, sizeof setting));
        why_do(cause, "Add it to WORKER_QUEUES, or start a worker elsewhere that serves it.");
        why_because(link, cause);
        return;
    }
    why_because(link, paused(q));
    plant_add_workers(facts, link);
}

/* ---- the schedule ---- */

static cJSON *paused_tick(const cJSON *pause)
{
    if (!cJSON_IsObject(pause)) return NULL;
    cJSON *link = why_link(WHY_STUCK, "The schedule's entry " TICK " was paused by %s: nothing is synced on schedule",
                           *fact_text(pause, "by") ? fact_text(pause, "by") : "somebody");
    why_since_ms(link, fact_number(pause, "since_ms"));
    why_do(link, "Resume it: page Schedule, or POST /api/v1/admin/schedule/" TICK "/resume");
    return link;
}

static void add_beat(const cJSON *facts, cJSON *link)
{
    const cJSON *marks = fact(facts, "marks"), *runs = fact(marks, "runs");
    double every_ms = setting_ms(facts, "SYNC_INTERVAL_SECONDS");
    double last_ms = fact_number(runs, TICK), now_ms = fact_number(facts, "now_ms");
    bool knows = plant_knows_children(facts);
    int well = 0, causes = cJSON_GetArraySize(fact(link, "because"));
    why_because(link, paused_tick(fact(fact(marks, "paused"), TICK)));
    if (knows) well = add_children(facts, "beat", link);
    if (cJSON_GetArraySize(fact(link, "because")) > causes || !marks) return;
    if (!*fact_text(marks, "leader") && well == 0) {
        cJSON *cause = why_link(WHY_STUCK, "No beat leads the schedule: nothing is due by itself");
        const char *note = knows ? fact_text(fact(facts, "supervisor"), "background_note") : "";
        if (*note) why_because(cause, why_link(WHY_STUCK, "%s", note));
        why_since_ms(cause, last_ms);
        why_do(cause, "Start one: logikald ctl start beat, or logikald beat where each role runs by itself.");
        why_because(link, cause);
    } else if (last_ms > 0 && every_ms > 0 && now_ms - last_ms > TICKS_LATE * every_ms + SLACK_MS) {
        cJSON *cause = why_link(WHY_STUCK, "The beat that leads has sent no tick for long");
        why_since_ms(cause, last_ms);
        why_do(cause, "Its log says more: logikald ctl tail beat. Restart it: logikald ctl restart beat.");
        why_because(link, cause);
    }
}

void plant_add_schedule(const cJSON *facts, cJSON *link)
{
    cJSON *supervisor = plant_supervisor(facts);
    cJSON *off = switch_off(facts, "Nothing is synced on schedule, and neither worker nor beat is started");
    why_because(link, supervisor);
    why_because(link, off);
    if (off) return;
    cJSON *redis = plant_redis(facts);
    why_because(link, redis);
    if (redis) return;
    add_beat(facts, link);
    plant_add_queue(facts, SCHEDULE_QUEUE, link);
}
