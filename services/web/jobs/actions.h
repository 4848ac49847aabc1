/* Tasks on behalf of requests: through the queue where Redis and a worker are there, else in a child of this process
 * ("logikald task ..."), so that a manual sync works with neither. The loop only waits. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_ACTIONS_H
#define LOGIKALD_SERVICES_WEB_JOBS_ACTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/err.h"
#include "conf/machine/random.h"
#include "services/web/web.h"

#define ACTION_CHILDREN_MAX 4  /* at the same time */
#define ACTION_KEPT         32 /* finished ones whose result is remembered */

enum action_state { ACTION_STARTING, ACTION_QUEUED, ACTION_RUNNING, ACTION_DONE, ACTION_FAILED };

struct action {
    char id[UUID_TEXT_SIZE];
    char task[96];
    enum action_state state;
    bool is_local;      /* in a child */
    int64_t started_ms; /* unix time */
    int64_t ended_ms;
    cJSON *kwargs, *result; /* result: of a finished local one */
};

/* result: what the task answered (belongs to the action), or NULL and err: ERR_TIMEOUT when it still runs after
 * timeout_ms, ERR_CANCELLED when this process stops while the task goes on in a worker, else why it failed. */
typedef void (*action_fn)(void *arg, const cJSON *result, const struct err *err);

struct actions *actions_new(struct web *web); /* NULL without memory */
void actions_free(struct actions *a);         /* ends the children; nobody is called any more */
void actions_drain(struct actions *a);        /* whoever waits for a worker's result is told ERR_CANCELLED */

/* Starts a task and returns its id (valid until the callback). kwargs is taken. fn may be NULL: nobody waits.
 * The callback comes exactly once, from the loop. NULL and err when it cannot be started. */
const char *action_start(struct actions *a, const char *task, const char *queue, cJSON *kwargs, int64_t timeout_ms,
                         action_fn fn, void *arg, struct err *err);
/* A task of this process, running or remembered; NULL when there is none with this id. */
const struct action *action_find(const struct actions *a, const char *id);
const struct action *action_next(const struct actions *a, const struct action *after); /* NULL: the first one */
bool action_terminate(struct actions *a, const char *id); /* asks a local one to stop; false: none runs */

#endif
