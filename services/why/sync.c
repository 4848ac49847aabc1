/* Links of the sync itself: runs under way, leases, failures, what is held back. See sync.h. */
#include "services/why/sync.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "services/why/link.h"

#define STILL_S 60 /* a run tells of itself more often */

static bool has(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

void sync_add_advice(const cJSON *facts, const char *error, cJSON *link)
{
    char setting[1400];
    if (has(error, "refuses the login") || has(error, "LOGIKAL_AUTH"))
        why_do(link, "Correct user and password and reload: %s, and LOGIKAL_AUTH_PASSWORD. logikald check tries them.",
               why_setting(facts, "LOGIKAL_AUTH_USERNAME", setting, sizeof setting));
    else if (has(error, "PARTS_MAX_BYTES"))
        why_do(link, "Allow more, and reload: %s", why_setting(facts, "PARTS_MAX_BYTES", setting, sizeof setting));
    else if (has(error, "LOGIKAL_MAX_ANSWER_BYTES"))
        why_do(link, "Allow more, and reload: LOGIKAL_MAX_ANSWER_BYTES");
    else if (has(error, "Logikal"))
        why_do(link, "Look at Logikal's server: logikald check asks it (%s)",
               why_setting(facts, "LOGIKAL_API_BASE_URL", setting, sizeof setting));
    else
        why_do(link, "The worker's log has the details: logikald ctl tail worker, or the Sync logs page.");
}

static cJSON *running(const cJSON *facts, const cJSON *run)
{
    char span[SPAN_TEXT_SIZE], progress[64] = "";
    double total = fact_number(run, "total"), still = fact_number(run, "updated_s");
    if (total > 0) snprintf(progress, sizeof progress, ", %.0f of %.0f", fact_number(run, "current"), total);
    cJSON *link = why_link(WHY_WAITS, "A sync is running (%s)%s%s%s", fact_text(run, "scope"), progress,
                           *fact_text(run, "status") ? ": " : "", fact_text(run, "status"));
    why_since(link, fact_text(run, "started_at"));
    if (*fact_text(run, "trouble")) {
        cJSON *cause = why_link(WHY_WAITS, "%s; it is being tried again", fact_text(run, "trouble"));
        char setting[200];
        why_since(cause, fact_text(run, "trouble_since"));
        why_next(cause, NULL, "The run gives up when the budget is used up: %s",
                 why_setting(facts, "LOGIKAL_RETRY_BUDGET_SECONDS", setting, sizeof setting));
        sync_add_advice(facts, fact_text(run, "trouble"), cause);
        why_because(link, cause);
    } else if (still > STILL_S) {
        why_because(link, why_link(WHY_WAITS, "It has said nothing for %s: its worker hangs, is frozen or is gone",
                                   span_text(still, span)));
    }
    if (*fact_text(run, "task_id")) why_do(link, "Look at its task: logikald why task:%s", fact_text(run, "task_id"));
    return link;
}

/* The owner of a lease names the task for which it is held. */
static bool is_of_a_run(const cJSON *facts, const cJSON *lease)
{
    const cJSON *run;
    cJSON_ArrayForEach(run, fact(fact(facts, "plant"), "runs")) {
        const char *task = fact_text(run, "task_id");
        if (*task && strstr(fact_text(lease, "owner"), task)) return true;
    }
    return false;
}

/* A lease that somebody holds keeps others out until it ends by itself. */
static cJSON *held_lease(const cJSON *facts, const cJSON *lease, bool has_run)
{
    double left = fact_number(lease, "left_s");
    if (!lease || left <= 0 || has_run) return NULL;
    if (is_of_a_run(facts, lease)) {
        cJSON *now = why_link(WHY_WAITS, "It is being read right now, by a sync that is running");
        why_since(now, fact_text(lease, "acquired_at"));
        return now;
    }
    cJSON *link = why_link(WHY_WAITS, "The lease of %s is held by %s, which has no run: it has just begun, or is gone",
                           fact_text(lease, "name"), fact_text(lease, "owner"));
    why_since(link, fact_text(lease, "acquired_at"));
    why_next(link, fact_text(lease, "expires_at"),
             "Unless it is renewed it ends by itself, and the next sync takes it");
    return link;
}

bool sync_add_run(const cJSON *facts, const char *scope, cJSON *link)
{
    const cJSON *plant = fact(facts, "plant"), *run, *lease = why_find(fact(plant, "leases"), "name", scope);
    bool has_run = false;
    cJSON_ArrayForEach(run, fact(plant, "runs")) {
        if (strcmp(fact_text(run, "scope"), scope) != 0) continue;
        cJSON *cause = running(facts, run);
        has_run = true;
        if (fact_number(lease, "left_s") <= 0 && fact_number(run, "updated_s") > STILL_S) {
            why_because(cause, why_link(WHY_WAITS, "Its lease has ended"));
            why_next(cause, NULL, "The next sync of this scope takes its place");
        } else if (fact_number(run, "updated_s") > STILL_S) {
            why_next(cause, fact_text(lease, "expires_at"),
                     "Its lease ends unless it is renewed; then the next sync goes on");
        }
        why_because(link, cause);
    }
    why_because(link, held_lease(facts, lease, has_run));
    return has_run;
}

cJSON *sync_last_failure(const cJSON *facts, const cJSON *t)
{
    const char *finished = fact_text(t, "finished"), *error = fact_text(t, "error");
    bool has_failed = strcmp(finished, "failed") == 0;
    if (!has_failed && strcmp(finished, "partial") != 0) return NULL;
    double retries = fact_number(t, "retry_count"), most = fact_number(t, "max_retries");
    bool is_login = has(error, "refuses the login");
    cJSON *link = why_link(is_login ? WHY_STUCK : WHY_WAITS, "The last sync %s: %s",
                           has_failed ? "failed" : "was not complete", *error ? error : "no reason was given");
    why_since(link, fact_text(t, "last_attempt"));
    sync_add_advice(facts, error, link);
    if (*fact_text(t, "next_retry_at"))
        why_next(link, fact_text(t, "next_retry_at"),
                 "It is tried again, %.0f of %.0f (retries, %.0f min apart, on Sync "
                 "intervals)",
                 retries, most, fact_number(t, "retry_delay_min"));
    else if (has_failed)
        why_next(link, NULL,
                 "Its retries are used up: it is tried again when its interval of %.0f min is over, counted "
                 "from the last attempt",
                 fact_number(t, "interval_min"));
    else
        why_next(link, NULL, "What failed is asked for again with the next sync");
    return link;
}

cJSON *sync_holds(const cJSON *facts, const char *type)
{
    static const char *const members[][2] = {
        {"directory", "directories"}, {"project", "projects"}, {"phase", "phases"}, {"elevation", "elevations"}};
    const cJSON *hold;
    cJSON_ArrayForEach(hold, fact(fact(facts, "plant"), "holds")) {
        double count = 0;
        for (int i = 0; i < 4; i++)
            if (strcmp(members[i][0], type) == 0) count = fact_number(hold, members[i][1]);
        if (count <= 0) continue;
        cJSON *link = why_link(WHY_STUCK,
                               "%.0f of them are missing in Logikal, and that is not believed (hold %.0f, %s): "
                               "they are kept and served as before",
                               count, fact_number(hold, "id"), fact_text(hold, "reason"));
        why_since(link, fact_text(hold, "since"));
        why_do(link, "Were they deleted there? logikald hold apply %.0f marks them as gone.", fact_number(hold, "id"));
        why_do(link, "Else bring them back, which releases the hold, or: logikald hold refuse %.0f",
               fact_number(hold, "id"));
        return link;
    }
    return NULL;
}
