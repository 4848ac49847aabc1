/* What became of a message, put into the form that finish.lua takes: the result object, follow-ups, a dead letter, a
 * later message. Tells the monitors, and hands the message on to finish.c. The delivery belongs to finish.c afterwards.
 */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_OUTCOME_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_OUTCOME_H

#include "services/runner/wire.h"
#include "services/worker/delivery.h"

void outcome_ran(struct worker *w, struct delivery *d,
                 const struct wire *frame); /* to its end; any but RAN_CANCELLED */
void outcome_malformed(struct worker *w, struct delivery *d, const char *reason);
void outcome_unknown(struct worker *w, struct delivery *d);
void outcome_revoked(struct worker *w, struct delivery *d, const char *word); /* expired, revoked, terminated */
/* The task ran into a time limit: the hard one (d->limit_ms), or the soft one. */
void outcome_overran(struct worker *w, struct delivery *d, bool is_hard);
/* The message was delivered too often: its runner or worker died each of these times. */
void outcome_lost(struct worker *w, struct delivery *d, int times);
void outcome_later(struct worker *w, struct delivery *d, int64_t delay_ms); /* its eta has not come */

#endif
