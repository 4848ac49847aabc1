/* How far the feed is held back: readers see no further than the oldest transaction that still runs, and one that stays
 * open keeps what was committed since from all of them. Asked every few seconds; told in the log, on the dashboard and
 * as a metric. So is that PostgreSQL is another one than before (a standby took over, it was restored): to know what
 * readers may have lost then, how far they can have come is noted while all is well. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_FEED_LAG_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_FEED_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/clock.h"
#include "services/web/web.h"

struct feed_lag {
    struct pool_call *call, *mark;
    int64_t seconds;                /* age of the first change that is committed and held back; 0 = none is */
    char holder[300];               /* the transaction that holds them, as far as PostgreSQL tells */
    bool is_late;                   /* longer than CHANGES_LAG_SECONDS */
    int64_t switches;               /* times that PostgreSQL was another one than before */
    char switched[CLOCK_TEXT_SIZE]; /* the last time, if that is less than an hour ago */
};

void feed_lag_ask(struct web *web, struct feed_lag *f);

#endif
