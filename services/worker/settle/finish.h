/* Outcomes to Redis: collected, and written many at a time by one call of finish.lua, in one round trip. At most two
 * batches are under way; what ends meanwhile waits and makes the next one larger. A batch whose answer was lost is sent
 * again as it was, under its name, and Redis does it once. Follow-ups that a running task sends go out at once, in the
 * same way and behind the same fence; its outcome waits until Redis has them. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_H

#include "services/worker/delivery.h"

int finish_open(struct worker *w, struct err *err);
void finish_close(struct worker *w);
/* fn is called when Redis says that something is not this worker's: register, and see what is true. */
void finish_on_doubt(struct worker *w, void (*fn)(struct worker *w));

void finish_add(struct worker *w, struct delivery *d); /* its outcome is complete */
/* A state before the end (STARTED, PROGRESS), best effort. */
void finish_state(struct worker *w, struct delivery *d, const char *json, bool is_start);
/* Notes that it runs alone, and sets is_marked_alone when Redis has it. */
void finish_mark_alone(struct worker *w, struct delivery *d);
/* A follow-up of a running task: a message for a list, or a value for a key. */
void finish_send(struct worker *w, struct delivery *d, bool is_value, const char *list, const char *raw, size_t len);

void finish_cut(struct worker *w); /* the connection broke: nothing is under way any more */
/* Registered: batches that were not answered are sent again, and doubts are over. Under the epoch that was lost nothing
 * is sent again: what has ended is forgotten. */
void finish_resume(struct worker *w, bool is_epoch_lost);
void finish_forget(struct worker *w, struct delivery *d); /* it is about to be freed: its sends go on without it */
bool finish_is_idle(const struct worker *w);

#endif
