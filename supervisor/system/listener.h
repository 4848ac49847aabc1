/* The listening socket for HTTP: made once by the supervisor, inherited by every web process, so that no web crash or
 * replacement refuses a connection. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_LISTENER_H
#define LOGIKALD_SUPERVISOR_SYSTEM_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "conf/err.h"

/* A listening, non-blocking, close-on-exec descriptor for http.host and http.port, or -1 with err. One that was passed
 * to us (LISTEN_FDS) is used instead. Blocks only when http.host is a name that must be looked up. */
int listener_open(const struct conf *conf, struct err *err);

/* True when listener_open would succeed at a next start, with fd (ours, or -1) closed by then; else err. In a process
 * of its own, which has at most two seconds (a name may have to be looked up). */
bool listener_check(const struct conf *conf, int fd, struct err *err);

/* "0.0.0.0:8001", "[::]:8001" as it is bound. Returns out; "" when fd is no socket. */
const char *listener_words(int fd, char *out, size_t size);

#endif
