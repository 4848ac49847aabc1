/* Tasks to runners, and what comes back. A runner gets one task at a time while tasks are long or unknown; tasks that
 * are known to be short go in windows, so that neither side waits for the other. A task that is limited in its rate
 * waits in Redis, not here. A suspect (a message that was there each time when a worker died) runs alone. */
#ifndef LOGIKALD_SERVICES_WORKER_DISPATCH_DISPATCH_H
#define LOGIKALD_SERVICES_WORKER_DISPATCH_DISPATCH_H

#include "services/worker/delivery.h"

int dispatch_open(struct worker *w, struct err *err);
void dispatch_close(struct worker *w);
/* fn is called when a runner was given work. */
void dispatch_on_given(struct worker *w, void (*fn)(struct worker *w));

void dispatch_ready(struct worker *w);     /* what is READY to runners that have room */
int dispatch_want(const struct worker *w); /* how many messages may be in hand */
/* A task of this row has been running for so long: it is no short one. */
void dispatch_note_long(struct worker *w, int row, int64_t elapsed_us);
void dispatch_set_rate(struct worker *w, int row, double per_second); /* 0 = no limit */
double dispatch_rate(const struct worker *w, int row);                /* a second; 0 = no limit */
int64_t dispatch_total(const struct worker *w, int row);              /* tasks of this row given to runners so far */

#endif
