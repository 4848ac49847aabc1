/* An orphan as it lies in kombu's unacked hash: [message, exchange, routing key], in any form in which a kombu process
 * writes or reads it. Pure. */
#ifndef LOGIKALD_SERVICES_WORKER_BROKER_ORPHAN_H
#define LOGIKALD_SERVICES_WORKER_BROKER_ORPHAN_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/redis/queue_keys.h"

struct orphan {
    const char *raw; /* the message's own bytes, within the entry */
    size_t len;
    char exchange[256], routing_key[256]; /* exchange "" = none or null */
    int priority;
};
/* False: it is no such entry, or the names are longer than that. */
bool orphan_read(const char *entry, size_t len, struct orphan *out);
/* The queue of a member "routing key SEP pattern SEP queue" of a binding set when the routing key is bound by it, else
 * NULL. Patterns as topic exchanges have them: words between dots, * for one, # for any number. */
const char *orphan_queue_of(const struct queue_keys *keys, const char *member, const char *routing_key);

#endif
