/* A delivery: a message in this worker's hands, from the fetch until Redis has heard what became of it. It is in one
 * state and in one list at any time; delivery_set_state is the only way from one to the other, checks it against the
 * table of transitions and logs it. What it is made of is open to all rooms; where it stands is this room's. */
#ifndef LOGIKALD_SERVICES_WORKER_DELIVERY_H
#define LOGIKALD_SERVICES_WORKER_DELIVERY_H

#include <sys/queue.h>

#include "conf/machine/random.h"
#include "ipc/queue/queue_message.h"
#include "ipc/task.h"
#include "services/worker/worker.h"

enum delivery_state {
    DELIVERY_READY,     /* waits for a runner */
    DELIVERY_SENT,      /* given to a runner: waits there, or runs */
    DELIVERY_OVER,      /* its outcome is known and not yet written */
    DELIVERY_ENDING,    /* its outcome is on its way to Redis */
    DELIVERY_RETURNING, /* is being handed back, and Redis has not confirmed it */
    DELIVERY_STATES
};

enum cancel_reason { CANCEL_NONE, CANCEL_SOFT_LIMIT, CANCEL_HARD_LIMIT, CANCEL_REVOKED, CANCEL_STOPPING, CANCEL_LOST };

/* How a hand-back counts, in handback.lua's letters. */
enum delivery_count { COUNTS_NOT = '0', COUNTS_CRASH = 'c' };

struct push {
    char list[QUEUE_KEY_SIZE];
    char *raw;
    size_t len;
};

struct outcome {
    char *json; /* result object, ours */
    char *dead; /* dead letter, ours */
    struct push *pushes;
    size_t push_count;
    struct push *rest; /* of the chain: list is the id of a task that will not run, raw its result */
    size_t rest_count;
    struct push *sets; /* values that are kept as long as results: list is the key */
    size_t set_count;
    char *parts; /* what becomes of its chord, in the words of chord.c; ours */
    char **part_keys;
    size_t part_key_count;
    int64_t delay_ms;
    char later_tag[UUID_TEXT_SIZE];
    char *later_raw;    /* goes to the scheduled ones, ours */
    bool later_is_same; /* it is this message, of which monitors have heard; else a try of the worker's own */
    enum task_end end;  /* for the counts; TASK_ENDS = none, it goes on */
    int64_t run_us;     /* negative = it did not come to its end */
    int64_t ended_us;   /* unix time, when that is known; 0 = now */
    char *why;          /* it did not succeed: for people, ours; NULL = its result says so */
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    enum delivery_state state;
    struct message m;
    char *raw;
    size_t raw_len;
    char tag[96];
    int64_t taken_us;         /* when it came (monotonic) */
    const char *list, *queue; /* kept as long as the worker lives */
    char history[41];         /* SHA-1 under which Redis has a history of it; "" = none */
    int deliveries;           /* this one included */
    bool is_known;            /* monitors have heard that it was received */
    bool is_timed;            /* it has waited by Redis's clock: the eta, by a worker's, may be wrong by a step of it */
    bool is_suspect;          /* runs alone: it was there each time when a worker died */
    bool is_marked_alone;     /* Redis knows that */
    const struct task_def *def; /* NULL = unknown */
    int row;                    /* in the task table; -1 = unknown */

    int slot; /* of its runner, while SENT */
    uint32_t seq;
    int64_t expected_us;
    bool is_started_told;
    enum cancel_reason cancel;
    int64_t cancelled_ms, started_wall_us; /* 0 = not */
    int64_t limit_ms;                      /* the hard limit that it ran into; 0 = none */

    int unsent;       /* follow-ups of the running task on their way to Redis */
    bool is_doubtful; /* Redis did not know it when its outcome was told: nothing more until that is cleared up */
    bool is_alone;    /* its outcome was refused in a batch: it goes by itself */
    struct outcome outcome;

    enum delivery_count counts; /* of its return */
    int64_t return_delay_ms;
    bool is_under_way; /* the return is */
};
TAILQ_HEAD(delivery_list, delivery);

int deliveries_open(struct worker *w, struct err *err);
void deliveries_close(struct worker *w); /* frees all of them */
/* fn is called by the loop after something became ready, ended, or was given back. */
void deliveries_on_change(struct worker *w, void (*fn)(struct worker *w));
void deliveries_changed(struct worker *w);

/* What fetch.lua gave. A fresh delivery is READY; raw is copied and decoded, err tells why it is malformed (m.id may be
 * known). NULL, or ERR_NOMEM in err: no memory. */
struct fetched {
    const char *tag, *list, *queue, *history, *raw;
    size_t len;
};
struct delivery *delivery_new(struct worker *w, const struct fetched *f, struct err *err);
void delivery_free(struct worker *w, struct delivery *d); /* from whatever list it is in */
/* For SENT, slot is its runner's. */
void delivery_set_state(struct worker *w, struct delivery *d, enum delivery_state to, const char *why);
void delivery_send(struct worker *w, struct delivery *d, int slot);
void delivery_take_back(struct worker *w, struct delivery *d, const char *why); /* SENT to the front of READY */
bool delivery_keeps_result(const struct delivery *d);
/* How it fails is kept, as by Celery, also where only the message says that its result is not wanted. */
bool delivery_keeps_failure(const struct delivery *d);
bool delivery_state_allows(enum delivery_state from, enum delivery_state to);

/* In the order in which they came. sent: of one runner. */
struct delivery_list *deliveries_in(struct worker *w, enum delivery_state state);
struct delivery_list *deliveries_sent(struct worker *w, int slot);
int deliveries_count(const struct worker *w, enum delivery_state state);
int deliveries_sent_count(const struct worker *w, int slot);
int64_t deliveries_sent_us(const struct worker *w, int slot); /* expected run time of what the runner was given */
size_t deliveries_bytes(const struct worker *w);              /* of all messages in hand */
bool deliveries_are_none(const struct worker *w);
struct delivery *delivery_by_tag(struct worker *w, const char *tag);
/* Calls fn for each, in any state; it may free the one it is given. */
void deliveries_each(struct worker *w, void (*fn)(struct worker *w, struct delivery *d, void *arg), void *arg);

#endif
