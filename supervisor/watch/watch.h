/* What is looked at from time to time: the memory and CPU of each child against its limits, the container's memory, and
 * whether the essential children are up. */
#ifndef LOGIKALD_SUPERVISOR_WATCH_WATCH_H
#define LOGIKALD_SUPERVISOR_WATCH_WATCH_H

#include "supervisor/supervisor.h"

#define WATCH_INTERVAL_MS 5000

int watch_open(struct supervisor *s, struct err *err);
void watch_close(struct supervisor *s);

/* True when the cgroup's count of kills for lack of memory went up since the last question. */
bool watch_oom_happened(struct supervisor *s);

/* Gives up (exit status 70) when an essential child has been wanted for essential_timeout_s and was not up; otherwise
 * looks again when that time would come. */
void watch_essential(struct supervisor *s);

#endif
