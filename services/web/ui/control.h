/* Asking the supervisor over its control socket, without waiting for it. */
#ifndef LOGIKALD_SERVICES_WEB_UI_CONTROL_H
#define LOGIKALD_SERVICES_WEB_UI_CONTROL_H

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "conf/err.h"

/* answer: the last object, {"ok":...}; lines: an array of texts (tail). Both are the control's and gone after the call;
 * NULL with err when there was no answer: ERR_NOT_FOUND without a supervisor, ERR_TIMEOUT, ERR_SYSTEM. */
typedef void (*ui_control_fn)(void *arg, const cJSON *answer, const cJSON *lines, const struct err *err);

/* fn is called exactly once, later, from the loop. 0, or a negative error (then it is not called). */
int ui_control_ask(struct event_base *base, const char *run_dir, const char *command, int argc, char *const *argv,
                   ui_control_fn fn, void *arg, struct err *err);

#endif
