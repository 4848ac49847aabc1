/* What Celery's monitors hear (celeryev), and the Lamport clock that orders it. */
#ifndef LOGIKALD_SERVICES_WORKER_EVENTS_EVENTS_H
#define LOGIKALD_SERVICES_WORKER_EVENTS_EVENTS_H

#include "services/worker/delivery.h"

enum event_kind { EVENT_RECEIVED, EVENT_STARTED, EVENT_SUCCEEDED, EVENT_FAILED, EVENT_RETRIED, EVENT_REVOKED };

int events_open(struct worker *w, struct err *err);
void events_close(struct worker *w);
/* beat is called before each heartbeat (every 2 s); false = none now. */
void events_on_heartbeat(struct worker *w, bool (*beat)(struct worker *w));
void events_task(struct worker *w, enum event_kind kind, const struct delivery *d, const char *text,
                 const char *traceback, int64_t runtime_us);
void events_revoked_id(struct worker *w, const char *task_id); /* it was revoked where it waited, in nobody's hands */
void events_worker(struct worker *w, const char *type);        /* worker-online ... */
bool events_have_listeners(const struct worker *w);            /* to task events */
bool events_of_tasks(struct worker *w, bool is_on);            /* whether they are sent at all; true: that is news */
void events_count_done(struct worker *w);                      /* one more task has ended here */
int64_t events_done_count(const struct worker *w);
int64_t events_clock(const struct worker *w); /* Lamport: as it stands */
int64_t events_tick(struct worker *w);        /* the next value */
void events_heard(struct worker *w, int64_t clock);

#endif
