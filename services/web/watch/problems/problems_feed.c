/* See problems_feed.h. What a receiver does is no fault of the copy: it blocks nothing. */
#include "services/web/watch/problems/problems_feed.h"

#include <string.h>

#define FAILURES_MANY 3 /* in a row: the first are everyday's */

static void judge_hook(struct findings *f, const cJSON *h)
{
    const char *state = fact_text(h, "state"), *name = fact_text(h, "name"), *id = fact_text(h, "id");
    const char *why = fact_text(h, "error");
    cJSON *p = NULL;
    if (strcmp(state, "failed") == 0) {
        p = problem(f, SEVERITY_WRONG, "webhook", id,
                    "The webhook %.120s is paused, it has failed for too long: %.200s", name, why);
        problem_advice(p, "Put its receiver right, then resume it on the Feed page: it goes on where it was.");
    } else if (strcmp(state, "gone") == 0) {
        p = problem(f, SEVERITY_LOOK, "webhook", id, "The webhook %.120s is switched off: its receiver answered 410",
                    name);
        problem_advice(p, "Delete it, or resume it on the Feed page.");
    } else if (strcmp(state, "active") == 0 && fact_number(h, "failures") >= FAILURES_MANY) {
        p = problem(f, SEVERITY_LOOK, "webhook", id, "The webhook %.120s has failed %.0f times in a row: %.200s", name,
                    fact_number(h, "failures"), why);
        problem_advice(p, "It is tried again by itself.");
        problem_text(p, "next", fact_text(h, "next"));
    }
    if (!p) return;
    problem_text(p, "since", fact_text(h, "since"));
    problem_text(p, "link", "/ui/feed");
}

/* A transaction somewhere that stays open. */
static void judge_lag(struct findings *f, const cJSON *feed)
{
    if (!fact_is(feed, "is_late")) return;
    problem_advice(problem(f, SEVERITY_LOOK, "feed", "", "The feed of changes has been held back for %.0f s by %s",
                           fact_number(feed, "seconds"), fact_text(feed, "holder")),
                   "Nothing is lost, and all comes when it ends. End it (pg_terminate_backend), and set "
                   "idle_in_transaction_session_timeout in PostgreSQL.");
}

/* A standby that lacked the last seconds, or a backup. */
static void judge_switch(struct findings *f, const cJSON *feed)
{
    if (!*fact_text(feed, "switched")) return;
    cJSON *p = problem(f, SEVERITY_LOOK, "PostgreSQL", "another",
                       "PostgreSQL is another one than before (a standby took over, or it was restored): what was "
                       "committed last may be gone");
    problem_advice(p, "What is due is read from Logikal again. Readers of the feed who had come further are told (410, "
                      "webhooks a gap) and read all anew. This is told for an hour.");
    problem_text(p, "since", fact_text(feed, "switched"));
    problem_text(p, "hits", "what was written by hand or told to others in its last seconds");
    problem_text(p, "link", "/ui/feed");
}

void judge_feed(struct findings *f, const cJSON *facts)
{
    const cJSON *h;
    cJSON_ArrayForEach(h, fact(fact(facts, "sync"), "hooks")) judge_hook(f, h);
    judge_lag(f, fact(facts, "feed"));
    judge_switch(f, fact(facts, "feed"));
}
