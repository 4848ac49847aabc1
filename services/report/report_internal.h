/* The parts of a report: each is written to standard output by a process of its own, so that one which hangs, crashes
 * or grows takes nothing else with it. */
#ifndef LOGIKALD_SERVICES_REPORT_INTERNAL_H
#define LOGIKALD_SERVICES_REPORT_INTERNAL_H

#include "conf/text/buf.h"
#include "conf/conf.h"

struct scrub;

#define PART_BYTES (4 * 1024 * 1024) /* more of one is cut, and said to be */

struct report_part {
    const char *name;                      /* of its file in the archive */
    const char *what;                      /* in words, for the contents */
    int (*write)(const struct conf *conf); /* to standard output; 0, or what is missing is said there */
};

/* Runs all side by side, for as long at most; what it wrote is in text, what is wrong with it in fault ("" = nothing).
 */
struct report_result {
    struct buf text;
    char fault[160];
};
void parts_run(const struct conf *conf, int seconds, const struct report_part *parts, size_t count,
               struct report_result *results);

/* report_machine.c */
int report_settings(const struct conf *conf);
int report_status(const struct conf *conf);
int report_events(const struct conf *conf);
int report_logs(const struct conf *conf);
int report_system(const struct conf *conf);
/* report_stores.c */
int report_check(const struct conf *conf);
int report_queues(const struct conf *conf);
int report_database(const struct conf *conf);
int report_verdict(const struct conf *conf);
int report_metrics(const struct conf *conf);

/* All secrets that are known here, also as base64 and hexadecimal digits have them. */
void report_secrets(struct scrub *scrub, const struct conf *conf);

#endif
