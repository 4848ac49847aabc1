/* The history of tasks: how each delivery ended that did not simply succeed at once, as a row in PostgreSQL, for longer
 * than Redis keeps results. Rows are kept here until PostgreSQL has them, 4 MiB of them at most; what is more is
 * dropped, counted and told. No task waits for any of it. Without DATABASE_URL, or with TASK_HISTORY_DAYS=0, there is
 * none. */
#ifndef LOGIKALD_SERVICES_WORKER_EVENTS_HISTORY_H
#define LOGIKALD_SERVICES_WORKER_EVENTS_HISTORY_H

#include "services/worker/delivery.h"

int history_open(struct worker *w, struct err *err);
void history_close(struct worker *w);

/* Its outcome is in Redis. */
void history_ended(struct worker *w, const struct delivery *d);
/* Its runner died, and it goes back to its queue. */
void history_crashed(struct worker *w, const struct delivery *d, const char *why);

/* For each heartbeat: what others have revoked where it waited, nobody's delivery any more, is written here. */
void history_look(struct worker *w);

void history_stop(struct worker *w); /* what is kept is written now, or within two seconds, or given up */
bool history_is_idle(const struct worker *w);

#endif
