/* Between limiter.c (deciding) and limiter_shared.c (what other processes counted, through Redis). */
#ifndef LOGIKALD_SERVICES_WEB_GATE_LIMITER_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_GATE_LIMITER_INTERNAL_H

#include "services/web/gate/limiter.h"

#define LIMITER_ROWS 256
#define LIMITER_WAYS 4

struct limit_entry {
    char key[96];
    int64_t used_ms;                    /* unix time */
    int64_t minute, hour;               /* the windows, as numbers since 1970 */
    int64_t in_minute, in_hour;         /* counted here */
    int64_t told_minute, told_hour;     /* of those, told to Redis */
    int64_t shared_minute, shared_hour; /* counted elsewhere */
};

struct limiter {
    struct web *web;
    struct limit_entry *entries; /* made when first needed */
    struct event *timer;         /* runs while there is something to tell */
};

struct limit_entry *limiter_entry(struct limiter *l, const char *key);

/* ---- limiter_shared.c ---- */
void limiter_shared_counted(struct limiter *l); /* something was counted: tell Redis within a second */
void limiter_shared_stop(struct limiter *l);

#endif
