/* Crontab times: "minute hour day-of-month month day-of-week" in UTC, each field *, a number, a name (jan, mon), a
 * range, a list, or any of these with /step. As in Celery's crontab a time must match all five fields. Pure. */
#ifndef LOGIKALD_CONF_CRONTAB_H
#define LOGIKALD_CONF_CRONTAB_H

#include <stdint.h>

#include "conf/err.h"

struct crontab {
    uint64_t minutes, hours, days, months, weekdays; /* bit n = value n; Sunday is 0 */
};

int crontab_parse(const char *text, struct crontab *out, struct err *err); /* 0 or -ERR_CONFIG */
/* The first matching minute after unix_s, or -1: there is none within eight years (30 February). */
int64_t crontab_next(const struct crontab *c, int64_t unix_s);

#endif
