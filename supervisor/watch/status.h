/* What is known about the supervisor and its children, gathered for people and programs: the snapshot file, the answer
 * to `ctl status`, the dump on USR2. */
#ifndef LOGIKALD_SUPERVISOR_WATCH_STATUS_H
#define LOGIKALD_SUPERVISOR_WATCH_STATUS_H

#include "ipc/snapshot.h"
#include "supervisor/supervisor.h"

int status_open(struct supervisor *s, struct err *err); /* starts to keep the snapshot file up to date */
void status_close(struct supervisor *s);                /* and removes it */
void status_changed(struct supervisor *s);              /* the file is written soon; many changes are one writing */

cJSON *status_json(struct supervisor *s); /* with the runtime settings; the caller's to delete, NULL without memory */
void status_log(struct supervisor *s);

#endif
