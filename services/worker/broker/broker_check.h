/* What surrounds this worker's own work in Redis: messages that died with a Python worker, settings that endanger
 * tasks, rights that the user lacks. Looked at after connecting, orphans then once a minute. */
#ifndef LOGIKALD_SERVICES_WORKER_BROKER_BROKER_CHECK_H
#define LOGIKALD_SERVICES_WORKER_BROKER_BROKER_CHECK_H

#include "services/worker/worker.h"

int broker_check_open(struct worker *w, struct err *err);
void broker_check_close(struct worker *w);
void broker_check_up(struct worker *w); /* registered after connecting */

#endif
