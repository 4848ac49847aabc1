/* What a Redis refuses this user (ACL), or cannot do (Cluster), of all that the queue needs: asked once, by a script
 * that does nothing in all the ways in which the others do something. */
#ifndef LOGIKALD_IPC_REDIS_RIGHTS_H
#define LOGIKALD_IPC_REDIS_RIGHTS_H

#include "ipc/queue_keys.h"
#include "ipc/redis.h"

/* problem: "" = nothing; else what is refused and what to do. Not called when there was no answer. 0 = it will be. */
typedef void (*redis_rights_fn)(void *arg, const char *problem);
int redis_rights_ask(struct redis *redis, const struct queue_keys *keys, redis_rights_fn fn, void *arg);

#endif
