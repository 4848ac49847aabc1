/* What happens to us and our children: recorded (recorder.h), and told to the events hook, a command of the operator's,
 * run on changes of state with the event in its environment. One at a time, from a bounded queue, at a bounded rate;
 * what is too much is dropped and counted. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_EVENTS_H
#define LOGIKALD_SUPERVISOR_CHILD_EVENTS_H

#include "supervisor/supervisor.h"

int events_command_open(struct supervisor *s, struct err *err);
void events_command_close(struct supervisor *s);

/* At the end: what waits is still told, within EVENTS_FINISH_MS. True when that is over; otherwise children_settle is
 * asked for when there is news. */
#define EVENTS_FINISH_MS 5000
bool events_finish(struct supervisor *s);

/* event: "exit", "crash-loop", "recovered", "hung", "held", "gave-up", "stop", "gate", "reload", "reload-refused",
 * "memory". child: a name or NULL.
 * The hook is not run when no command is configured. */
void events_emit(struct supervisor *s, const char *event, const char *child, int pid, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
struct child;
void events_emit_exit(const struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void events_emit_reload(struct supervisor *s, int count, const char *what); /* what: lines for the record alone */
bool events_is_busy(const struct supervisor *s);                            /* a command runs */
/* Those that wait, over an exec. */
cJSON *events_save(const struct supervisor *s);
void events_restore(struct supervisor *s, const cJSON *list);
int64_t events_dropped(const struct supervisor *s);

#endif
