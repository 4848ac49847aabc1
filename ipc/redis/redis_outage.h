/* What is said of a Redis that cannot be used, by whoever tries on: why it went, and when another reason stays in its
 * way (a password that was changed meanwhile). Connections come and go faster than anybody reads. */
#ifndef LOGIKALD_IPC_REDIS_REDIS_OUTAGE_H
#define LOGIKALD_IPC_REDIS_REDIS_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct redis_outage {
    char told[160];
    int64_t told_ms;
    int times; /* 0 = it is usable */
};
bool redis_outage_tell(struct redis_outage *o, const char *why); /* true: say it now */
void redis_outage_over(struct redis_outage *o);

#endif
