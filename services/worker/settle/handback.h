/* Messages that this worker does not finish. The only place that answers what happens to a message when the worker
 * stops, when it has lost its lease, when Redis has lost its data, when a runner died in it, or when it cannot run now:
 * the table of fates in handback.c. What goes back is kept until Redis has confirmed it. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_HANDBACK_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_HANDBACK_H

#include "services/runner/wire.h"
#include "services/worker/delivery.h"

int handback_open(struct worker *w, struct err *err);
void handback_close(struct worker *w);

/* One that is READY, or SENT and does not run any more. */
void handback_return(struct worker *w, struct delivery *d, const char *why);
void handback_later(struct worker *w, struct delivery *d, int64_t delay_ms, const char *why); /* not before that */
/* Its runner ended while it ran it (see runners_on_death), or it gave up as it was asked to. */
void handback_died(struct worker *w, struct delivery *d, enum cancel_reason why, pid_t pid, int status);
void handback_cancelled(struct worker *w, struct delivery *d, const char *error);

void handback_forget(struct worker *w, struct delivery *d); /* others have it, and its task has ended here */

/* The worker stops: what has not started goes back. */
void handback_stop(struct worker *w);
void handback_cut(struct worker *w); /* the connection broke */
/* Registered. What Redis holds for this worker (tag, mark and list ...), what others took, and what is in hand are made
 * to agree. asked_us: when Redis was asked. */
enum registration {
    REGISTRATION_KEPT,   /* under the same epoch */
    REGISTRATION_FORGOT, /* Redis did not know this worker */
    REGISTRATION_LOST    /* it was taken for dead: others have what it held */
};
void handback_reconcile(struct worker *w, enum registration how, int64_t asked_us, const redisReply *held,
                        const redisReply *taken);
/* What Redis holds for this worker and has never arrived, or was lost on its way, goes back; not what may still come.
 */
void handback_strangers(struct worker *w, const redisReply *held,
                        bool (*may_come)(const struct worker *w, const char *tag));
void handback_taken(struct worker *w, const redisReply *taken); /* tags that another kombu process put back */

#endif
