/* Remote control as Celery's `inspect` and `control` speak it. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_PIDBOX_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_PIDBOX_H

#include "services/worker/worker.h"

int pidbox_open(struct worker *w, struct err *err);
void pidbox_close(struct worker *w);

#endif
