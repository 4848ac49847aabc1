/* Gathers the facts of which a chain is made (explain.h), from PostgreSQL, Redis, the supervisor's snapshot and the
 * settings, side by side. What is away, or has not answered in time, is told as such and waited for no longer. For web
 * and for the command alike: nothing blocks. */
#ifndef LOGIKALD_SERVICES_WHY_GATHER_H
#define LOGIKALD_SERVICES_WHY_GATHER_H

#include <event2/event.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "ipc/queue/queue.h"
#include "services/store/db/pool.h"

struct why_sources {
    struct event_base *base;
    const struct conf *conf;
    struct pool *pool;         /* NULL: not configured */
    struct queue *queue;       /* NULL: not configured */
    const char *redis_is_down; /* why it need not be asked; NULL: it is up, or nobody knows */
};

/* What came of it. candidates: what it can mean, see subject.h; with exactly one, chain is its chain (explain.h). With
 * none, unknown says so and is_unsure whether it may be in what is away. All of it is gone after the call. */
struct why_answer {
    const cJSON *chain; /* or NULL */
    const cJSON *candidates;
    const char *unknown;
    bool is_unsure;
};
typedef void (*why_fn)(void *arg, const struct why_answer *answer);

/* of: see subject.h. objects_only: of nothing but directories, projects and elevations. fn is called once, later, from
 * the loop, within some seconds. NULL without memory. */
struct why_ask;
struct why_ask *why_ask(const struct why_sources *sources, const char *of, bool objects_only, why_fn fn, void *arg);
void why_ask_forget(struct why_ask *ask); /* fn will not be called; not after it was */

/* Once pool and queue are gone: what they will not answer any more. */
void why_asks_free(void);

#endif
