/* Why a task is where it is: running, waiting, waiting for its time, given up, revoked, done, lost. */
#include <stdio.h>
#include <string.h>

#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/plant.h"

static const char *name_of(const cJSON *entry)
{
    return *fact_text(entry, "task") ? fact_text(entry, "task") : "a task that cannot be read";
}

static cJSON *with_revoke(const cJSON *facts, enum why_state state, cJSON *link)
{
    double at_ms = fact_number(fact(facts, "marks"), "revoked_ms");
    if (at_ms <= 0) return link;
    cJSON *cause = why_link(state, "It was revoked: no worker begins it");
    why_since_ms(cause, at_ms);
    why_because(link, cause);
    return link;
}

static cJSON *dead(const cJSON *entry)
{
    cJSON *link = why_link(WHY_STUCK, "%s was given up, and is a dead letter", name_of(entry));
    const char *reason = fact_text(entry, "reason");
    why_since(link, fact_text(entry, "at"));
    why_because(link, why_link(WHY_STUCK, "%s", *reason ? reason : "no reason was kept"));
    why_do(link, "When its cause is gone: logikald queue retry %s, or the Tasks page; else delete it there.",
           fact_text(entry, "id"));
    return link;
}

/* A worker has it. Is that worker well? */
static cJSON *in_hand(const cJSON *facts, const cJSON *entry, const cJSON *result)
{
    const char *owner = fact_text(entry, "worker"), *status = fact_text(result, "status");
    const cJSON *worker = why_find(fact(facts, "workers"), "id", owner);
    double lease_ms = fact_number(fact(fact(facts, "settings"), "WORKER_LEASE_SECONDS"), "number") * 1000;
    double tries = fact_number(entry, "deliveries");
    bool is_lost = *owner && (!worker || fact_number(worker, "last_seen_ms") > lease_ms);
    double running_ms = fact_number(entry, "running_ms");
    bool has_begun = running_ms > 0 || strcmp(status, "STARTED") == 0 || strcmp(status, "PROGRESS") == 0;
    char span[SPAN_TEXT_SIZE], setting[200];
    cJSON *link;
    if (has_begun && *fact_text(result, "progress"))
        link = why_link(WHY_WAITS, "%s is running: %s", name_of(entry), fact_text(result, "progress"));
    else
        link = why_link(WHY_WAITS, has_begun ? "%s is running" : "%s is in a worker's hands", name_of(entry));
    if (is_lost || !*owner) {
        cJSON *cause =
            why_link(WHY_WAITS, "The worker that holds it has not been heard of: it hangs, is frozen or is gone");
        if (worker)
            why_because(cause, why_link(WHY_WAITS, "Worker %s has said nothing for %s", fact_text(worker, "node"),
                                        span_text(fact_number(worker, "last_seen_ms") / 1000, span)));
        why_next(cause, NULL, "It goes to another worker when the lease is over: %s, or for a Python worker %s",
                 why_setting(facts, "WORKER_LEASE_SECONDS", setting, sizeof setting), "its visibility timeout");
        why_because(link, cause);
        plant_add_workers(facts, cause);
    } else {
        why_because(link,
                    why_link(WHY_FINE, "Worker %s holds it, with %.0f of %.0f runners busy", fact_text(worker, "node"),
                             fact_number(worker, "active"), fact_number(worker, "concurrency")));
        why_next(link, NULL, has_begun ? "It ends by itself, or at its time limit" : "It begins when a runner is free");
    }
    if (tries > 1)
        why_because(link,
                    why_link(WHY_WAITS, "It is its delivery number %.0f: a worker died or was cut off with it", tries));
    if (strcmp(status, "RETRY") == 0)
        why_because(link, why_link(WHY_WAITS, "It failed before, and is tried again: %s", fact_text(result, "error")));
    /* Its worker tells after a while, a sync at once. */
    if (running_ms > 0) why_since_ms(link, fact_number(facts, "now_ms") - running_ms);
    why_since(link,
              fact_text(why_find(fact(fact(facts, "plant"), "runs"), "task_id", fact_text(entry, "id")), "started_at"));
    why_do(link, "To stop it: Tasks page, or DELETE /api/v1/scheduler/tasks/%s", fact_text(entry, "id"));
    return with_revoke(facts, WHY_WAITS, link);
}

static cJSON *scheduled(const cJSON *facts, const cJSON *entry, const cJSON *result)
{
    cJSON *link = why_link(WHY_WAITS, "%s waits for its time", name_of(entry));
    double retries = fact_number(entry, "retries");
    if (strcmp(fact_text(result, "status"), "RETRY") == 0 || retries > 0) {
        const char *error = fact_text(result, "error");
        cJSON *cause =
            why_link(WHY_WAITS, "It failed, and is tried again (try %.0f)%s%s", retries + 1, *error ? ": " : "", error);
        why_since(cause, fact_text(result, "done"));
        why_because(link, cause);
    } else if (*fact_text(entry, "eta")) {
        why_because(link, why_link(WHY_WAITS, "Its sender asked for that time (eta)"));
    } else {
        why_because(link, why_link(WHY_WAITS, "Its kind is limited in its rate (rate_limit, set by remote control)"));
    }
    why_next(link, fact_text(entry, "due"), "Then it goes into queue %s", fact_text(entry, "queue"));
    if (*fact_text(entry, "expires"))
        why_because(link, why_link(WHY_FINE, "It is dropped when it has not begun at %s", fact_text(entry, "expires")));
    why_do(link, "To cancel it: Tasks page, or DELETE /api/v1/scheduler/tasks/%s", fact_text(entry, "id"));
    plant_add_queue(facts, fact_text(entry, "queue"), link);
    return with_revoke(facts, WHY_WAITS, link);
}

static cJSON *waiting(const cJSON *facts, const cJSON *entry, const cJSON *result)
{
    const char *queue = fact_text(entry, "queue");
    const cJSON *before = fact(fact(facts, "task"), "before");
    cJSON *link = why_link(WHY_WAITS, "%s waits in queue %s", name_of(entry), queue);
    with_revoke(facts, WHY_WAITS, link);
    if (cJSON_IsNumber(before) && before->valuedouble > 0)
        why_because(link, why_link(WHY_WAITS, "%.0f other%s before it", before->valuedouble,
                                   before->valuedouble == 1 ? " is" : "s are"));
    if (strcmp(fact_text(result, "status"), "RETRY") == 0 || fact_number(entry, "retries") > 0)
        why_because(link, why_link(WHY_WAITS, "It failed before, and is tried again: %s", fact_text(result, "error")));
    if (*fact_text(entry, "expires"))
        why_because(link, why_link(WHY_FINE, "It is dropped when it has not begun at %s", fact_text(entry, "expires")));
    const cJSON *place = why_find(fact(fact(facts, "stats"), "queues"), "name", queue);
    why_next(link, NULL,
             fact_is(place, "is_paused") ? "Nothing of that queue begins until it is resumed"
                                         : "It begins when it is the next in line and a runner is free");
    why_do(link, "To cancel it: Tasks page, or DELETE /api/v1/scheduler/tasks/%s", fact_text(entry, "id"));
    plant_add_queue(facts, queue, link);
    why_because(link, plant_busy(facts));
    return link;
}

/* The task stands in no queue: what is kept of it is its result. */
static cJSON *ended(const cJSON *facts, const cJSON *result)
{
    const char *status = fact_text(result, "status"), *error = fact_text(result, "error");
    char setting[200];
    cJSON *link;
    if (fact_is(result, "says_failed")) {
        link = why_link(WHY_STUCK, "The task came to its end, and its result says that it did not succeed");
        why_because(link, why_link(WHY_STUCK, "%s", *error ? error : "it gave no reason"));
        why_do(link, "When its cause is gone, send it again: the Tasks page of it, or logikald task NAME.");
    } else if (strcmp(status, "SUCCESS") == 0) {
        link = why_link(WHY_FINE, "The task is done, with success");
    } else if (strcmp(status, "FAILURE") == 0) {
        link = why_link(WHY_STUCK, "The task failed");
        why_because(link, why_link(WHY_STUCK, "%s", *error ? error : "no error was kept"));
        why_do(link, "When its cause is gone, send it again: the Tasks page of it, or logikald task NAME.");
    } else if (strcmp(status, "REVOKED") == 0) {
        link = why_link(WHY_FINE, "The task was not done, or stopped%s%s", *error ? ": " : "", error);
        with_revoke(facts, WHY_FINE, link);
    } else {
        link = why_link(WHY_STUCK, "The task says %s, and neither a queue nor a worker has it: it is lost", status);
        why_because(link,
                    why_link(WHY_STUCK, "Its worker died without a trace, Redis lost the message, or a Python worker "
                                        "runs it that acknowledges early"));
        why_do(link, "Send it again; docs/queue.md tells what is lost when.");
    }
    why_since(link, fact_text(result, "done"));
    if (fact_number(fact(fact(facts, "settings"), "RESULT_EXPIRES"), "number") > 0)
        why_next(link, NULL, "Its result is forgotten after a while: %s",
                 why_setting(facts, "RESULT_EXPIRES", setting, sizeof setting));
    return link;
}

/* What PostgreSQL keeps of it, when Redis has forgotten it. */
static cJSON *past(const cJSON *t)
{
    static const char *const bad[] = {"failure", "dead", "lost"};
    const char *error = fact_text(t, "error"), *name = fact_text(t, "name");
    enum why_state state = strcmp(fact_text(t, "state"), "retry") == 0 ? WHY_WAITS : WHY_FINE;
    char times[64] = "", took[64] = "";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strcmp(fact_text(t, "state"), bad[i]) == 0) state = WHY_STUCK;
    if (fact_number(t, "tries") > 1) snprintf(times, sizeof times, ", after %.0f tries", fact_number(t, "tries"));
    if (fact_number(t, "run_ms") > 0) snprintf(took, sizeof took, ", having run for %.0f ms", fact_number(t, "run_ms"));
    cJSON *link = why_link(state, "%s ended as %s on worker %s%s%s", *name ? name : "A task", fact_text(t, "state"),
                           fact_text(t, "worker"), times, took);
    why_since(link, fact_text(t, "ended_at"));
    if (*error) why_because(link, why_link(state, "%s", error));
    if (state == WHY_STUCK)
        why_do(link, "When its cause is gone, send it again: the Tasks page, or POST /api/v1/admin/tasks/%s/again",
               fact_text(t, "id"));
    return link;
}

static cJSON *nothing_known(const cJSON *facts, const char *id)
{
    char setting[200];
    cJSON *redis = plant_redis(facts);
    if (redis) {
        cJSON *link = why_link(WHY_UNKNOWN, "Where task %s is is not known", id);
        why_because(link, redis);
        return link;
    }
    if (fact_number(fact(facts, "marks"), "revoked_ms") > 0)
        return with_revoke(facts, WHY_FINE,
                           why_link(WHY_FINE, "Nothing is known of a task %s but that it was revoked", id));
    cJSON *link = why_link(WHY_UNKNOWN, "Nothing is known of a task %s", id);
    why_because(link, why_link(WHY_UNKNOWN,
                               "It was never sent here, or it ended so long ago that its result is forgotten (%s), or "
                               "Redis has lost it",
                               why_setting(facts, "RESULT_EXPIRES", setting, sizeof setting)));
    why_do(link, "Is the id right, and is it this Redis? The log of the workers names each task that ended badly.");
    return link;
}

cJSON *why_task(const cJSON *facts, const char *id)
{
    const cJSON *task = fact(facts, "task"), *result = fact(task, "result"), *entry;
    if ((entry = why_find(fact(task, "unacked"), "id", id))) return in_hand(facts, entry, result);
    if ((entry = why_find(fact(task, "scheduled"), "id", id))) return scheduled(facts, entry, result);
    if ((entry = why_find(fact(task, "waiting"), "id", id))) return waiting(facts, entry, result);
    if ((entry = why_find(fact(task, "dead"), "id", id))) return dead(entry);
    if (*fact_text(result, "status")) return ended(facts, result);
    const cJSON *history = fact(fact(facts, "history"), "task");
    return cJSON_IsObject(history) ? past(history) : nothing_known(facts, id);
}
