/* Asking a program that cannot tell whether it is ready, or whether it is still well: a TCP or unix connection that is
 * accepted, an HTTP path that answers 2xx or 3xx, or a command that exits with status 0. Tried again and again until it
 * succeeds; nothing blocks.
 */
#ifndef LOGIKALD_SUPERVISOR_CHILD_PROBE_H
#define LOGIKALD_SUPERVISOR_CHILD_PROBE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "conf/err.h"
#include "conf/program.h"

struct child;
struct readiness_probe;

/* Where to ask; worked out from readiness and its target. */
struct probe_target {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char path[256]; /* of HTTP */
    char host[128];
    char **command; /* words, NULL-terminated; owned */
};

/* 0, or -ERR_CONFIG with what was expected. The host is an address or "localhost". probe_target_free releases. */
int probe_target_parse(enum program_ready kind, const char *text, struct probe_target *out, struct err *err);
void probe_target_free(struct probe_target *t);

/* Asks on behalf of a child that starts, which gets EVENT_READY once. NULL (logged) when it cannot be asked. */
struct readiness_probe *probe_start(struct child *c);
/* Asks a program that is ready, at its liveness interval; it gets EVENT_SICK after so many failures in a row. NULL when
 * it has no liveness probe, or (logged) cannot be asked. */
struct readiness_probe *probe_start_liveness(struct child *c);
void probe_free(struct readiness_probe *p); /* no more questions; NULL is fine */

#endif
