/* How far the feed is held back: readers see no further than the oldest transaction that still runs, and one that stays
 * open keeps what was committed since from all of them. Asked every few seconds; told in the log, on the dashboard and
 * as a metric. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_FEED_LAG_H
#define LOGIKALD_SERVICES_WEB_WATCH_FEED_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/web.h"

struct feed_lag {
    struct pool_call *call;
    int64_t seconds;  /* age of the first change that is committed and held back; 0 = none is */
    char holder[300]; /* the transaction that holds them, as far as PostgreSQL tells */
    bool is_late;     /* longer than CHANGES_LAG_SECONDS */
};

void feed_lag_ask(struct web *web, struct feed_lag *f);

#endif
