/* The queue as its users see it: send a task, read or await its result, look into the queues. Celery's clients do the
 * same on the same keys; see docs/queue.md. Asynchronous on one struct redis; nothing here blocks.
 *
 * Every function that takes a callback returns 0 when it was accepted (the callback is called exactly once, later, from
 * the loop), or a negative error with err filled (the callback is never called) - typically -ERR_REDIS: not connected.
 * After queue_free no callback is called any more. */
#ifndef LOGIKALD_IPC_QUEUE_QUEUE_H
#define LOGIKALD_IPC_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/machine/random.h"
#include "ipc/redis/queue_keys.h"
#include "ipc/redis/redis.h"
#include "ipc/task.h"

struct queue;

/* On an open connection that outlives it (the queue opens one more of its own for result_wait, when first needed).
 * Reads prefixes and queue names from conf, which need not outlive the call. */
struct queue *queue_new(struct event_base *base, struct redis *redis, const struct conf *conf, struct err *err);
void queue_free(struct queue *q); /* NULL is fine */

/* err is NULL when it went well. */
typedef void (*queue_done_fn)(void *arg, const struct err *err);

/* Sends a task. args: array or NULL; kwargs: object or NULL; options may be NULL (then the queue is "celery": pass the
 * task's own queue). The id goes to id_out (may be NULL) at once; fn (may be NULL) is told when Redis has it. */
int queue_send(struct queue *q, const char *task, const cJSON *args, const cJSON *kwargs,
               const struct task_options *options, char id_out[UUID_TEXT_SIZE], queue_done_fn fn, void *arg,
               struct err *err);

#define QUEUE_REVOKED_MAX 50000 /* ids that are remembered */

/* Revokes: remembered in Redis, so that no worker begins them, whether one listens now or not; what waits for its time
 * ends at once; then told to every worker. With terminate a running task is stopped too. fn is told when Redis has it.
 */
int queue_revoke(struct queue *q, const char *const *ids, size_t count, bool terminate, queue_done_fn fn, void *arg,
                 struct err *err);

/* The first half of it, for who has no struct queue; fn gets the answer: a list of the ids that waited for their time.
 */
int queue_note_revoked(struct redis *redis, const struct queue_keys *keys, int64_t result_expires_s,
                       const char *const *ids, size_t count, redis_fn fn, void *arg);

enum result_state {
    RESULT_PENDING, /* nothing known: not started, or expired, or never sent */
    RESULT_STARTED,
    RESULT_PROGRESS,
    RESULT_RETRY,
    RESULT_SUCCESS,
    RESULT_FAILURE,
    RESULT_REVOKED,
    RESULT_OTHER /* a custom state of a Python worker */
};
struct result {
    enum result_state state;
    const char *status;    /* Celery's word: "SUCCESS" ... */
    const char *task_id;   /* as asked */
    const cJSON *value;    /* "result": the value, the progress object, or {exc_type, exc_message, exc_module} */
    const char *traceback; /* or NULL */
    const char *date_done; /* ISO, UTC without offset, or NULL */
    const char *error;     /* for FAILURE, REVOKED, RETRY: "ValueError: boom"; else NULL */
    const char *json;      /* the whole object as stored; NULL when PENDING */
};
bool result_is_ready(enum result_state state); /* SUCCESS, FAILURE, REVOKED */

/* result belongs to the queue and is gone after the call. Either err or result is NULL. */
typedef void (*result_fn)(void *arg, const struct result *result, const struct err *err);
int result_get(struct queue *q, const char *task_id, result_fn fn, void *arg, struct err *err);

/* Waits until the task is ready or timeout_ms have passed (then err is ERR_TIMEOUT); survives reconnects. progress (may
 * be NULL) is called for each state before. NULL with err when it was not accepted. The wait is over, and must not be
 * cancelled any more, when fn is called. */
struct result_wait;
struct result_wait *result_wait(struct queue *q, const char *task_id, int64_t timeout_ms, result_fn progress,
                                result_fn fn, void *arg, struct err *err);
void result_wait_cancel(struct result_wait *w); /* fn will not be called; NULL is fine */

/* ---- looking in ---- */
#define QUEUE_NAMES_MAX 16
struct queue_depth {
    char name[128];
    int64_t depth;         /* messages waiting, all priorities */
    int64_t oldest_age_ms; /* of the message next in line; -1 = none, or its sender gave no time */
    bool is_paused;        /* no worker takes from it */
    int64_t paused_ms;     /* since when (unix) */
    char paused_by[128];
};
struct queue_stats {
    size_t count;
    struct queue_depth queues[QUEUE_NAMES_MAX];
    int64_t unacked;   /* fetched and not acknowledged */
    int64_t scheduled; /* waiting for their time (eta, retries) */
    int64_t dead;      /* dead letters */
    int64_t workers;   /* workers whose heartbeat is fresh */
};
typedef void (*queue_stats_fn)(void *arg, const struct queue_stats *stats, const struct err *err);
int queue_stats(struct queue *q, queue_stats_fn fn, void *arg, struct err *err);

/* Lists as JSON, offset from the next in line, limit at most 1000; the array belongs to the queue and is gone after the
 * call. Entries (members that are not known are null):
 *   QUEUE_WAITING  {"queue","id","task","args","kwargs","retries","eta","expires","priority","size_bytes"}
 *   QUEUE_UNACKED  the same and {"tag","worker","deliveries","running_ms"}; running_ms: of what its worker has told of
 *   QUEUE_SCHEDULED the same as waiting, and {"tag","due"}
 *   QUEUE_DEAD {"index","letter","reason","queue","id","task","deliveries","at","size_bytes","message","args","kwargs"}
 *   QUEUE_WORKERS  {"id","node","pid","active","processed","concurrency","last_seen_ms"}
 * name is the queue for QUEUE_WAITING, else NULL. */
enum queue_view { QUEUE_WAITING, QUEUE_UNACKED, QUEUE_SCHEDULED, QUEUE_DEAD, QUEUE_WORKERS };
typedef void (*queue_list_fn)(void *arg, const cJSON *entries, const struct err *err);
int queue_list(struct queue *q, enum queue_view view, const char *name, int64_t offset, int64_t limit, queue_list_fn fn,
               void *arg, struct err *err);

/* What else Redis keeps: {"leader": of the beats, "runs": {entry of the schedule: when it last ran, unix ms},
 * "noted": {entry: true} for those whose time is none at which it was sent (never yet, or it was paused),
 * "paused": {entry: {"since_ms","by"}}, "revoked_ms": when the task was}; what there is not is left out. task_id may be
 * NULL. As queue_list. */
int queue_marks(struct queue *q, const char *task_id, queue_list_fn fn, void *arg, struct err *err);

/* All that waits, is scheduled or dead and matches: text (any case; in id, task, queue or reason; NULL = everything),
 * queue (NULL = all served), letter (of a dead letter as listed; NULL = any). SWEEP_LOOK gives the first `wanted`
 * entries and how many match, and looks at `most` at most (0 = at all; then is_whole is false when there were more).
 * The others change all of it, in short steps: what waits or is scheduled can be cancelled (its result is REVOKED),
 * dead letters retried or deleted. On an error count says how many were changed before it. */
struct queue_sweep {
    enum queue_view view;
    const char *queue, *text, *letter;
    int64_t wanted, most;
};
enum queue_sweep_action { SWEEP_LOOK, SWEEP_CANCEL, SWEEP_RETRY, SWEEP_DELETE };
typedef void (*queue_sweep_fn)(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err);
int queue_sweep(struct queue *q, const struct queue_sweep *what, enum queue_sweep_action action, queue_sweep_fn fn,
                void *arg, struct err *err);

/* Changes; fn gets how many messages were moved or removed. */
typedef void (*queue_count_fn)(void *arg, int64_t count, const struct err *err);
/* Dead letters with this task id (NULL = all) go back to their queues with a clean delivery count. */
int queue_retry_dead(struct queue *q, const char *task_id, queue_count_fn fn, void *arg, struct err *err);
int queue_purge(struct queue *q, const char *name, queue_count_fn fn, void *arg, struct err *err);
/* Is it one of WORKER_QUEUES? Else -ERR_NOT_FOUND, and err names those that there are. For what was found of a queue
 * that may be misspelt: nothing. */
int queue_check_name(const struct queue *q, const char *name, struct err *err);
/* Pauses a queue for all workers until it is resumed; what they hold already they finish. by: who did it. The name must
 * be one of WORKER_QUEUES (else -ERR_NOT_FOUND); resuming takes any. Count 0: it was so already, and nothing changed.
 */
int queue_pause(struct queue *q, const char *name, const char *by, queue_count_fn fn, void *arg, struct err *err);
int queue_resume(struct queue *q, const char *name, queue_count_fn fn, void *arg, struct err *err);
/* The same for an entry of the schedule: while it is paused its runs are left out. The name is not looked at. */
int queue_entry_pause(struct queue *q, const char *entry, const char *by, queue_count_fn fn, void *arg,
                      struct err *err);
int queue_entry_resume(struct queue *q, const char *entry, queue_count_fn fn, void *arg, struct err *err);
/* Notes that somebody has had the entry run now; the schedule goes on as before. Nobody is told how that went. */
void queue_entry_note_run(struct queue *q, const char *entry, const char *by);
int queue_purge_dead(struct queue *q, queue_count_fn fn, void *arg, struct err *err);

#endif
