/* What is said of a Redis that cannot be used: see redis_outage.h. */
#include "ipc/redis/redis_outage.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"

#define SECOND_MS 2000  /* what is another reason for less is on its way to the one that stays */
#define MORE_MS   60000 /* reasons that take turns */

bool redis_outage_tell(struct redis_outage *o, const char *why)
{
    int64_t now = mono_ms(), pause_ms = o->times == 1 ? SECOND_MS : MORE_MS;
    if (o->times > 0 && (now - o->told_ms < pause_ms || strncmp(o->told, why, sizeof o->told - 1) == 0)) return false;
    snprintf(o->told, sizeof o->told, "%s", why);
    o->told_ms = now;
    o->times++;
    return true;
}

void redis_outage_over(struct redis_outage *o)
{
    *o = (struct redis_outage){0};
}
