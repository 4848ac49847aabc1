/* The schedule: which entries there are (from the configuration), and which are due. Pure: facts and a clock in, a
 * decision out. */
#ifndef LOGIKALD_SERVICES_SCHEDULE_SCHEDULE_H
#define LOGIKALD_SERVICES_SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/crontab.h"

#define SCHEDULE_MAX 8

struct schedule_entry {
    const char *name, *task, *queue;
    enum setting_id setting; /* that says when it is due */
    int64_t every_ms;        /* 0 = by crontab */
    struct crontab crontab;
    int64_t expires_ms; /* a tick that nobody takes is dropped after this */
    int64_t last_ms;    /* last run, wall time; 0 = none known, or what stands there is no time */
    char last[40];      /* what stands in Redis as the last run, as it stands there; "" = nothing */
};

struct schedule {
    struct schedule_entry entries[SCHEDULE_MAX];
    int count;
};

/* 0 or -ERR_CONFIG. */
int schedule_from_conf(const struct conf *conf, struct schedule *out, struct err *err);

enum tick_due { DUE_NOT, DUE_FIRE, DUE_NOTE }; /* NOTE: remember now as the last run, send nothing */
struct tick_verdict {
    enum tick_due due;
    int64_t run_ms;  /* for FIRE and NOTE: what becomes the last run */
    int64_t next_ms; /* for NOT: when to look again (wall time) */
};
/* An interval entry that never ran fires at once; a crontab entry waits for its first time. Missed runs are made up
 * once. A last run in the future (the clock went back) counts as missed. */
void schedule_set_last(struct schedule_entry *e, const char *text); /* as it stands in Redis; NULL = nothing */
struct tick_verdict schedule_judge(const struct schedule_entry *e, int64_t now_ms);

#endif
