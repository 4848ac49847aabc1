/* The supervisor's flight recorder: each event becomes a line of RUN_DIR/events.log (ipc/flight.h), which outlives us.
 * Needs no database; bounded in size by the file, in rate by itself. While the disk is full the newest wait in memory.
 */
#ifndef LOGIKALD_SUPERVISOR_CHILD_RECORDER_H
#define LOGIKALD_SUPERVISOR_CHILD_RECORDER_H

#include "supervisor/supervisor.h"

struct child;

/* Begins to record; first, that the supervisor before was killed, when its status still lies there. */
int recorder_open(struct supervisor *s, struct err *err);
void recorder_close(struct supervisor *s); /* what waits is tried once more */

/* child: a name or NULL; detail: more lines, or NULL. Secrets of the configuration are taken out of both texts. */
void recorder_note(struct supervisor *s, const char *event, const char *child, int pid, const char *text,
                   const char *detail);
void recorder_say(struct supervisor *s, const char *event, const char *child, int pid, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* With its last lines, of which the stack of a crash is a part. */
void recorder_exit(const struct child *c, const char *event, const char *text);

void recorder_retry(struct supervisor *s); /* from time to time: what could not be written */

#endif
