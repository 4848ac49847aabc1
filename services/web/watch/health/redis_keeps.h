/* Whether Redis keeps anything over a restart: neither an append-only file nor snapshots means that what waits is lost
 * then. Asked by INFO and, where that is allowed, CONFIG. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_REDIS_KEEPS_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_REDIS_KEEPS_H

#include <stdbool.h>

#include "ipc/redis/redis.h"
#include "ipc/redis/redis_mode.h"

struct redis_keeps {
    bool is_asked, is_refused; /* CONFIG is not allowed: not asked again, since each refusal has the rights looked at */
    bool is_forgetful;
    struct redis_mode mode;
};
void redis_keeps_learn(struct redis_keeps *k, struct redis *redis, const char *info);

#endif
