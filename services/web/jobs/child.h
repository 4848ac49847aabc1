/* A task in a process of its own: `logikald task NAME --id ID --kwargs JSON`, whose standard output is the result. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_CHILD_H
#define LOGIKALD_SERVICES_WEB_JOBS_CHILD_H

#include <event2/event.h>

#include "conf/err.h"

struct job_child;

/* status: exit status, or minus the signal. The child is gone after the call and must not be freed. */
typedef void (*child_fn)(void *arg, const char *output, int status);

struct job_child *job_child_start(struct event_base *base, const char *task, const char *id, const char *kwargs,
                                  child_fn fn, void *arg, struct err *err);
void child_terminate(struct job_child *c); /* SIGTERM: it stops in order and then ends */
void job_child_free(struct job_child *c);  /* terminates it and waits for nothing; NULL is fine */

#endif
