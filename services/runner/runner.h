/* The runner process: runs the tasks that the worker gives it over fd, one at a time, and tells what became of each.
 * It has no event loop and no Redis; see wire.h for what it says and hears. */
#ifndef LOGIKALD_SERVICES_RUNNER_H
#define LOGIKALD_SERVICES_RUNNER_H

#include <sys/types.h>

#include "conf/conf.h"
#include "ipc/redis/queue_keys.h"
#include "services/runner/wire.h"

/* Called in the child after fork; never returns, and ends when worker_pid is gone. */
void runner_main(const struct conf *conf, struct runner_shared *shared, int fd, const struct queue_keys *keys,
                 pid_t worker_pid) __attribute__((noreturn));

#endif
