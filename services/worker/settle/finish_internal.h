/* Outcomes and follow-ups on their way to Redis, as the two files of finish see them. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_INTERNAL_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_INTERNAL_H

#include "services/worker/complaint.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/finish_call.h"

#define SLOTS    2
#define RETRY_MS 300

struct send {
    TAILQ_ENTRY(send) link;
    struct delivery *d; /* NULL = gone */
    char tag[96], list[QUEUE_KEY_SIZE];
    bool is_value; /* list is a key */
    char *raw;
    size_t len;
};
TAILQ_HEAD(send_list, send);

struct item {
    struct delivery *d; /* its outcome; NULL = */
    struct send *send;
};

struct batch {
    struct worker *worker;
    int slot;
    char name[64];
    size_t count;
    struct item items[BATCH_MAX];
    bool is_under_way, is_lost; /* lost: the epoch is over, whatever is answered */
    bool was_sent, renews;      /* it may have been done; the slots' time begins anew with it */
};

struct finish {
    struct event *flush, *retry;
    struct batch *slots[SLOTS];
    struct send_list sends; /* not in a batch */
    char nonce[UUID_TEXT_SIZE];
    int64_t batches, retry_ms;
    int64_t renewed_ms;  /* when the slots' time was last begun anew; 0 = never */
    bool is_tried_alone; /* in this turn of the retry timer */
    bool is_held_up;     /* nothing is sent until it is registered again */
    struct complaint not_done, not_kept, not_heard;
    void (*on_doubt)(struct worker *w);
};

void finish_complain(struct complaint *c, const char *what, const char *why);
void finish_send_free(struct send *s);
void finish_write(struct worker *w, struct batch *b); /* sends it, for the first time or again as it was */
/* Its script failed as a whole: its items go one by one from now on, so that what is wrong with one holds up no
 * other. */
void finish_take_apart(struct worker *w, struct batch *b);
void finish_on_flush(evutil_socket_t fd, short what, void *arg);
void finish_on_retry(evutil_socket_t fd, short what, void *arg);

#endif
