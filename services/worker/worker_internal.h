/* Inside of the worker role. One event loop owns everything here; tasks run in runner processes.
 *
 *   consumer.c      messages in: fetch, wait, judge each
 *   held.c          a message in our hands, from fetch to acknowledgement
 *   runners.c       runner processes: start, end, crash
 *   feed.c          tasks to runners, and what comes back
 *   outcome.c       what became of a message, as finish.lua is told
 *   finish.c        outcomes to Redis, in batches
 *   standing.c      registration, lease renewal, dead workers
 *   limits.c        time limits, STARTED, work that waits behind a long task
 *   events.c        what monitors hear
 *   pidbox.c        remote control; inspect.c: its answers
 *   revoked.c       ids that must not run
 *   surroundings.c  orphans of Python workers, dangerous settings of the server */
#ifndef LOGIKALD_SERVICES_WORKER_INTERNAL_H
#define LOGIKALD_SERVICES_WORKER_INTERNAL_H

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <event2/event.h>

#include "conf/buf.h"
#include "conf/conf.h"
#include "ipc/queue.h"
#include "ipc/queue_keys.h"
#include "ipc/queue_message.h"
#include "ipc/redis.h"
#include "ipc/task.h"
#include "ipc/task_counts.h"
#include "services/runner/wire.h"

#define RUNNERS_MAX      64
#define WINDOW_MAX       64        /* tasks given to a runner ahead, when they are short */
#define WINDOW_US        3000      /* as much expected work as is given ahead */
#define BATCH_MAX        128       /* messages of one fetch or finish */
#define LARGE_BYTES      (1 << 20) /* of a message: memory is given back after it */
#define DEAD_LETTERS_MAX 10000
#define REVOKED_MAX      50000

struct worker;
struct send;
struct bufferevent;

/* ---- a message in our hands ---- */
enum held_state {
    HELD_READY, /* waits for a runner */
    HELD_SENT,  /* given to a runner: waits there, or runs */
    HELD_OVER,  /* its outcome is known and not yet written */
    HELD_ENDING /* its outcome is on its way to Redis */
};
enum cancel_reason { CANCEL_NONE, CANCEL_SOFT_LIMIT, CANCEL_HARD_LIMIT, CANCEL_REVOKED, CANCEL_STOPPING, CANCEL_LOST };

struct push {
    char list[QUEUE_KEY_SIZE];
    char *raw;
    size_t len;
};

struct outcome {
    char flags[8];            /* for finish.lua */
    char key[QUEUE_KEY_SIZE]; /* of the result */
    char *json;               /* result object, ours */
    char *dead;               /* dead letter, ours */
    struct push *pushes;
    size_t push_count;
    int64_t delay_ms; /* flag r */
    char later_tag[UUID_TEXT_SIZE];
    char later_list[QUEUE_KEY_SIZE];
    char *later_raw;
};

struct held {
    TAILQ_ENTRY(held) link;
    enum held_state state;
    struct message m;
    char *raw;
    size_t raw_len;
    char tag[192];
    char list[QUEUE_KEY_SIZE], queue[128];
    int deliveries;             /* this one included */
    const struct task_def *def; /* NULL = unknown */
    struct runner *runner;
    uint32_t seq;
    int64_t expected_us;
    bool is_started_told;
    bool is_doubtful;  /* Redis did not know it when its outcome was told */
    bool is_forgotten; /* Redis has forgotten it, and nobody has taken it from us */
    enum cancel_reason cancel;
    int64_t cancelled_ms, started_wall_us; /* 0 = not */
    int unsent;                            /* follow-ups on their way to Redis */
    bool is_over;                          /* the runner is done, the outcome waits for unsent */
    struct outcome outcome;
    enum task_end end; /* with the outcome, for the counts; TASK_ENDS = none, it goes on */
    int64_t run_us;    /* negative = it did not come to its end */
};
TAILQ_HEAD(held_list, held);

/* held.c. held_new copies raw, decodes, and links it into ready; err tells why it is malformed (m.id may be known). */
struct held *held_new(struct worker *w, const char *tag, const char *list, const char *queue, int deliveries,
                      const char *raw, size_t len, struct err *err);
void held_free(struct worker *w, struct held *h); /* from whatever list it is in */
void held_move(struct worker *w, struct held *h, enum held_state state);
bool held_is_running(const struct held *h);
struct held *held_by_tag(struct worker *w, const char *tag);

/* ---- runners ---- */
struct runner {
    struct worker *worker;
    int index;
    pid_t pid; /* 0 = none */
    struct bufferevent *bev;
    struct runner_shared *shared;
    uint32_t next_seq; /* of the next task given; the last given is next_seq - 1 */
    struct held_list sent;
    int sent_count;
    int64_t sent_us; /* expected run time of what it was given */
    int64_t tasks_done, spawned_ms, killed_ms;
    bool is_retiring;          /* gets nothing more; ends when idle */
    enum cancel_reason killed; /* why we killed it; CANCEL_NONE = we did not */
};

struct pool {
    struct runner runners[RUNNERS_MAX];
    struct runner_shared *shared;
    int size;
    struct event *child_signal, *respawn;
    int64_t processed;
    bool is_closing;
};

int runners_open(struct worker *w, int size, struct err *err);
void runners_close(struct worker *w); /* kills what is left */
void runners_resize(struct worker *w, int size);
void runners_feed(struct worker *w);                        /* ready messages to runners */
void runners_take_back(struct worker *w, struct runner *r); /* what waits behind the running task, to ready */
void runners_cancel(struct worker *w, struct held *h, enum cancel_reason why); /* asks the running task to stop */
void runners_kill(struct runner *r, enum cancel_reason why);
void runners_recycle(struct worker *w);               /* each runner is replaced when it is idle (new configuration) */
int runners_want(struct worker *w);                   /* how many messages we may have in hand */
struct held *runners_running(const struct runner *r); /* what it runs now, or NULL */

void runners_read(struct runner *r); /* feed.c: frames that have come by the socket */
void runners_read_ring(struct runner *r);
void runners_retire(struct runner *r); /* ends when idle */

/* ---- consumer.c ---- */
int consumer_open(struct worker *w, struct err *err);
void consumer_close(struct worker *w);
void consumer_wake(struct worker *w); /* something may have changed: fetch when there is room */
void consumer_stop(struct worker *w); /* fetches no more */
void consumer_lost(struct worker *w); /* the connection broke */
int consumer_add_queue(struct worker *w, const char *name, struct err *err);
int consumer_drop_queue(struct worker *w, const char *name);

/* ---- finish.c ---- */
void finish_open(struct worker *w);
void finish_close(struct worker *w);
void finish_add(struct worker *w, struct held *h);    /* its outcome is complete */
void finish_wake(struct worker *w);                   /* the connection is up, or time has passed */
void finish_forget(struct worker *w, struct held *h); /* it is being freed: its sends go on without it */
/* A state before the end (STARTED, PROGRESS), best effort. */
void finish_state(struct worker *w, struct held *h, const char *json, bool is_start);
void finish_send(struct worker *w, struct held *h, const char *list, const char *raw, size_t len);

/* ---- outcome.c: fill h->outcome and hand it to finish ---- */
void outcome_done(struct worker *w, struct held *h, const struct wire *frame);
void outcome_malformed(struct worker *w, struct held *h, const char *reason);
void outcome_unknown(struct worker *w, struct held *h);
void outcome_revoked(struct worker *w, struct held *h, const char *word); /* expired, revoked, terminated */
void outcome_failed(struct worker *w, struct held *h, const char *exc_type, const char *message, const char *module);
void outcome_later(struct worker *w, struct held *h, int64_t delay_ms); /* its eta has not come */
void outcome_free(struct outcome *o);

/* ---- standing.c ---- */
int standing_open(struct worker *w, struct err *err);
void standing_close(struct worker *w);
void standing_up(struct worker *w);    /* connected (again) */
void standing_check(struct worker *w); /* Redis does not know what we thought we held */
/* Gives messages back to their lists; counted = the delivery counts (its runner crashed). They are freed. */
void standing_hand_back(struct worker *w, struct held **list, size_t count, bool counted);
void standing_leave(struct worker *w); /* stops being a worker in Redis; everything held goes back */

/* ---- surroundings.c ---- */
int surroundings_open(struct worker *w, struct err *err);
void surroundings_close(struct worker *w);
void surroundings_up(struct worker *w); /* registered after connecting */

/* ---- limits.c ---- */
int limits_open(struct worker *w, struct err *err);
void limits_close(struct worker *w);
void limits_watch(struct worker *w); /* a runner got work: look at it soon */

/* ---- events.c ---- */
enum event_kind { EVENT_RECEIVED, EVENT_STARTED, EVENT_SUCCEEDED, EVENT_FAILED, EVENT_RETRIED, EVENT_REVOKED };
int events_open(struct worker *w, struct err *err);
void events_close(struct worker *w);
void events_task(struct worker *w, enum event_kind kind, const struct held *h, const char *text, const char *traceback,
                 int64_t runtime_us);
void events_worker(struct worker *w, const char *type); /* worker-online ... */
int64_t events_clock(struct worker *w);                 /* Lamport: the next value */
void events_heard(struct worker *w, int64_t clock);

/* ---- pidbox.c, inspect.c ---- */
int pidbox_open(struct worker *w, struct err *err);
void pidbox_close(struct worker *w);
cJSON *inspect_answer(struct worker *w, const char *method, const cJSON *arguments); /* NULL = no such method */

cJSON *inspect_scheduled(struct worker *w, const redisReply *reply); /* of view.lua */

/* ---- revoked.c ---- */
void revoked_add(struct worker *w, const char *id);
bool revoked_has(struct worker *w, const char *id);
void revoked_list(struct worker *w, cJSON *out);
void revoked_close(struct worker *w);
void revoked_load(struct worker *w); /* from Redis, after connecting */
void revoked_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal, int *running);

/* ---- the worker ---- */
struct waiter {
    struct worker *worker;
    struct redis *redis;
    char queue[128];
    bool is_armed, is_paused;
};

struct worker {
    struct event_base *base;
    struct conf *conf;
    struct redis_url url;
    struct queue_keys keys;
    struct redis *redis, *listener;
    char id[256], node[300], host[256];
    int64_t started_ms;
    bool is_registered, is_stopping, is_ready_told;
    int stop_stage;

    struct waiter waiters[QUEUE_NAMES_MAX];
    int queue_count, first_queue, fetched_first;
    struct event *poll, *wake;
    struct redis_sub *resumed;
    bool is_fetching, must_fetch, is_told_down;
    int64_t fetched_ms;

    struct held_list ready, over; /* sent ones are in their runner's list */
    int ready_count, over_count, sent_count;
    int ending_count; /* in finish batches under way */
    struct event *finish_event, *finish_retry;
    int finish_batches;
    TAILQ_HEAD(send_list, send) sends; /* follow-ups that Redis has not confirmed */

    struct pool pool;
    int64_t typical_us;          /* run time of recent tasks, smoothed; 0 = unknown */
    int64_t typical_per_row[64]; /* by row of the task table */
    struct event *limits_timer;

    struct event *lease_timer;
    int64_t up_since_ms;
    bool is_leasing, must_lease, has_taken_over, is_leaving;
    char predecessor[256];

    struct task_counts *counts;

    struct event *beat_timer, *event_flush;
    struct buf event_batch;
    int event_count;
    bool has_listeners;
    int64_t clock;

    struct redis_sub *pidbox;
    struct revoked *revoked;
    int64_t rate_per_name[64]; /* microseconds between two starts, by row of the task table; 0 = no limit */
    int64_t next_start_us[64];
    int64_t total_per_name[64];

    struct event *surroundings_timer;
    bool has_looked_around, must_trim;

    struct event *signals[4], *stop_timer, *watchdog;
    struct buf scratch;
};

bool worker_is_idle(const struct worker *w); /* nothing in hand */
void worker_stop(struct worker *w, const char *why);
void worker_told_idle(struct worker *w); /* something ended: a stopping worker may leave now */
int worker_row(const struct held *h);    /* its row in the task table, or -1 */

#endif
