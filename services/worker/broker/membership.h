/* This worker's place among the workers: registration under an epoch, renewal of the lease on all it holds, taking over
 * from the dead, leaving. The lease is renewed from the event loop, so a task that runs for hours keeps its message; a
 * worker that is frozen or cut off loses its epoch to whoever takes it for dead, and from then on writes nothing.
 *
 * Who is dead is judged by nobody's wall clock: a worker whose record has not changed for a whole lease (the longer one
 * of both) as this process has seen it, by its own monotonic clock, while this process itself was awake. */
#ifndef LOGIKALD_SERVICES_WORKER_BROKER_MEMBERSHIP_H
#define LOGIKALD_SERVICES_WORKER_BROKER_MEMBERSHIP_H

#include "services/worker/worker.h"

int membership_open(struct worker *w, struct err *err);
void membership_close(struct worker *w);
/* fn is called after each registration that brought this worker and Redis to agree; is_news: it was not registered. */
void membership_on_state(struct worker *w, void (*fn)(struct worker *w, bool is_news));

void membership_up(struct worker *w);    /* connected (again) */
void membership_cut(struct worker *w);   /* the connection broke */
void membership_check(struct worker *w); /* Redis does not know what this worker thought it held */
bool membership_is_registered(const struct worker *w);
bool membership_is_leaving(const struct worker *w);
/* Stops being a worker in Redis; what it still held goes back. Ends the loop. */
void membership_leave(struct worker *w);

#endif
