/* Clients whose broker settings are not ours put tasks where no worker looks: lists of other priority steps, or with
 * another separator. Such lists, and bindings written with another separator, are found by the names that they can
 * have. */
#ifndef LOGIKALD_IPC_QUEUE_QUEUE_FOREIGN_H
#define LOGIKALD_IPC_QUEUE_QUEUE_FOREIGN_H

#include "ipc/redis/queue_keys.h"
#include "ipc/redis/redis.h"

/* problem: "" = nothing found; else what, and what to set. Not called when there was no answer. 0 = it will be.
 * names: count queues that are served. */
typedef void (*queue_foreign_fn)(void *arg, const char *problem);
int queue_foreign_ask(struct redis *redis, const struct queue_keys *keys, const char *const *names, int count,
                      queue_foreign_fn fn, void *arg);

#endif
