/* Why a queue stands, and why a process runs or does not. */
#include <stdio.h>
#include <string.h>

#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/plant.h"

/* ---- queues ---- */

static cJSON *depth_of(const cJSON *q, const char *name)
{
    double depth = fact_number(q, "depth"), oldest = fact_number(q, "oldest_ms");
    char span[SPAN_TEXT_SIZE];
    if (depth == 0) return why_link(WHY_FINE, "Queue %s is empty: nothing waits in it", name);
    if (oldest <= 0)
        return why_link(WHY_WAITS, "%.0f task%s in queue %s", depth, depth == 1 ? " waits" : "s wait", name);
    return why_link(WHY_WAITS, "%.0f task%s in queue %s; the next in line has waited for %s", depth,
                    depth == 1 ? " waits" : "s wait", name, span_text(oldest / 1000, span));
}

cJSON *why_queue(const cJSON *facts, const char *queue)
{
    const cJSON *stats = fact(facts, "stats"), *q = why_find(fact(stats, "queues"), "name", queue);
    cJSON *link = q       ? depth_of(q, queue)
                  : stats ? why_link(WHY_UNKNOWN, "Queue %s is none of those that are served here", queue)
                          : why_link(WHY_UNKNOWN, "What waits in queue %s is not known", queue);
    double active, runners;
    plant_add_queue(facts, queue, link);
    if (!stats || why_has_cause(link)) return link;
    plant_runners(facts, &runners, &active);
    cJSON *busy = fact_number(q, "depth") > 0 ? plant_busy(facts) : NULL;
    why_because(link, busy);
    if (busy)
        why_next(link, NULL, "The next in line is taken when a runner is free");
    else if (runners > 0 && active >= runners)
        why_next(link, NULL, "What is sent now waits until one of %.0f runners is free: all are busy", runners);
    else
        why_next(link, NULL, "%s: %.0f of %.0f runners are busy",
                 fact_number(q, "depth") > 0 ? "What waits is taken now" : "What is sent is taken at once", active,
                 runners);
    return link;
}

/* ---- processes ---- */

static cJSON *at_work(const cJSON *facts, const cJSON *child)
{
    const char *status = fact_text(child, "status"), *exit = fact_text(child, "last_exit");
    char span[SPAN_TEXT_SIZE];
    double uptime = (fact_number(facts, "now_ms") - fact_number(child, "started_ms")) / 1000;
    if (fact_number(child, "started_ms") <= 0) {
        cJSON *done = why_link(WHY_FINE, "%s is %s: it has ended, as it should (%s)", fact_text(child, "name"),
                               fact_text(child, "state"), exit);
        why_since_ms(done, fact_number(child, "last_exit_ms"));
        return done;
    }
    cJSON *link = why_link(WHY_FINE, "%s is %s%s%s%s, up for %s, %.0f restarts%s%s", fact_text(child, "name"),
                           fact_text(child, "state"), *status ? " (" : "", status, *status ? ")" : "",
                           span_text(uptime, span), fact_number(child, "restarts"), *exit ? "; last exit: " : "", exit);
    why_since_ms(link, fact_number(child, "started_ms"));
    return link;
}

static cJSON *supervisor(const cJSON *facts)
{
    const cJSON *s = fact(facts, "supervisor");
    char span[SPAN_TEXT_SIZE];
    if (!s) {
        const char *note = fact_text(facts, "supervisor_note");
        cJSON *link = why_link(WHY_UNKNOWN, "%s", *note ? note : "No supervisor has reported here");
        why_do(link,
               "Where each role runs by itself there is none. Else: logikald ctl status, with its LOGIKALD_RUN_DIR.");
        return link;
    }
    cJSON *link = plant_supervisor(facts);
    if (link) return link;
    double uptime = (fact_number(facts, "now_ms") - fact_number(s, "started_ms")) / 1000;
    link = why_link(WHY_FINE, "The supervisor is %s, up for %s, with %.0f reloads", fact_text(s, "state"),
                    span_text(uptime, span), fact_number(s, "reloads"));
    why_since_ms(link, fact_number(s, "started_ms"));
    if (*fact_text(s, "reload_error")) {
        cJSON *cause = why_link(WHY_STUCK, "The last reload was refused: %s", fact_text(s, "reload_error"));
        why_since_ms(cause, fact_number(s, "reload_ms"));
        why_do(cause, "Correct it and reload again; until then the former configuration is in force.");
        why_because(link, cause);
    }
    if (*fact_text(s, "background_note")) why_because(link, why_link(WHY_STUCK, "%s", fact_text(s, "background_note")));
    return link;
}

/* None of that role is among the supervisor's children, or there is no supervisor. */
static cJSON *absent(const cJSON *facts, const char *role)
{
    bool knows = plant_knows_children(facts);
    cJSON *link = why_link(knows ? WHY_STUCK : WHY_UNKNOWN,
                           knows ? "The supervisor runs no %s"
                                 : "Whether a %s runs is not "
                                   "known here",
                           role);
    if (strcmp(role, "worker") == 0) {
        cJSON *redis = plant_redis(facts);
        why_because(link, redis);
        if (!redis) plant_add_workers(facts, link);
    } else if (strcmp(role, "beat") == 0) {
        plant_add_schedule(facts, link);
    }
    if (!why_has_cause(link)) why_because(link, plant_supervisor(facts));
    const cJSON *marks = fact(facts, "marks"), *w;
    cJSON_ArrayForEach(w, fact(facts, "workers"))
        if (strcmp(role, "worker") == 0)
            why_because(link, why_link(WHY_FINE, "Worker %s is registered with Redis, with %.0f of %.0f runners busy",
                                       fact_text(w, "node"), fact_number(w, "active"), fact_number(w, "concurrency")));
    if (strcmp(role, "beat") == 0 && *fact_text(marks, "leader"))
        why_because(link, why_link(WHY_FINE, "A beat leads the schedule: %s", fact_text(marks, "leader")));
    return link;
}

/* What of the whole keeps a process from its work though it runs. */
static void add_needs(const cJSON *facts, const char *role, cJSON *link)
{
    bool is_worker = strcmp(role, "worker") == 0, is_beat = strcmp(role, "beat") == 0;
    if (!is_beat && (is_worker || strcmp(role, "web") == 0 || strcmp(role, "migrate") == 0))
        why_because(link, plant_database(facts));
    if (is_worker || is_beat) why_because(link, plant_redis(facts));
}

cJSON *why_process(const cJSON *facts, const char *name)
{
    const cJSON *child;
    cJSON *all[64], *link = NULL;
    int count = 0;
    const char *role = name;
    if (strcmp(name, "supervisor") == 0) return supervisor(facts);
    if (plant_knows_children(facts))
        cJSON_ArrayForEach(child, fact(fact(facts, "supervisor"), "children")) {
            bool is_it = strcmp(fact_text(child, "name"), name) == 0;
            if ((!is_it && strcmp(fact_text(child, "role"), name) != 0) || count == 64) continue;
            cJSON *cause = plant_child(facts, child);
            all[count++] = cause ? cause : at_work(facts, child);
            if (is_it) role = fact_text(child, "role");
        }
    if (count == 0) return absent(facts, name);
    if (count == 1) {
        link = all[0];
    } else {
        link = why_link(WHY_FINE, "%d processes are %s", count, name);
        for (int i = 0; i < count; i++) why_because(link, all[i]);
    }
    add_needs(facts, role, link);
    return link;
}
