/* The supervisor's side of the control socket (ipc/control.h): accepts, checks who asks, and passes each request to its
 * row in the table of commands (control_commands.c). Connections, requests and answers are bounded. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_CONTROL_H
#define LOGIKALD_SUPERVISOR_CONTROL_CONTROL_H

#include <cjson/cJSON.h>

#include "supervisor/supervisor.h"

struct child;
struct control_peer;

int control_serve(struct supervisor *s, struct err *err); /* in place of a stale socket */
/* Makes the socket again when its name has gone. */
int control_keep(struct supervisor *s, struct err *err);
void control_stop(struct supervisor *s);
/* True when this one is still connected: for answers that come later. */
bool control_is_there(const struct supervisor *s, const struct control_peer *p);
/* Answers what is still owed, as far as the other side takes it at once: before an exit or exec. */
void control_flush(struct supervisor *s);

/* A line of a child's log, to those who follow it. */
void control_line(struct supervisor *s, const struct child *c, const char *text, size_t len);

/* For the commands. Takes answer (NULL is fine); it is the last one. */
void control_answer(struct control_peer *p, bool is_ok, cJSON *answer);
void control_answer_text(struct control_peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void control_refuse(struct control_peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void control_say_line(struct control_peer *p, const char *text, size_t len);
bool control_follow(struct control_peer *p,
                    const char *name); /* further lines of these children; false = too many do */
struct supervisor *control_supervisor(struct control_peer *p);

/* control_commands.c */
void control_execute(struct control_peer *p, const char *command, int argc, char **argv);

#endif
