/* Counting (metrics.c) and printing (metrics_print.c; metrics_children.c: what the supervisor tells; metrics_tasks.c:
 * what became of tasks). */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_METRICS_METRICS_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_WATCH_METRICS_METRICS_INTERNAL_H

#include "conf/text/buf.h"
#include "ipc/queue/task_counts.h"
#include "services/web/watch/metrics/metrics.h"

#define METRICS_BUCKETS  10
#define METRICS_STATUSES 12 /* different statuses of one route */

struct route_metrics {
    struct {
        int status;
        int64_t count;
    } status[METRICS_STATUSES];
    int64_t buckets[METRICS_BUCKETS], count;
    double sum_s;
};

struct metrics {
    struct web *web;
    struct route_metrics **routes; /* by the route's index; the last one counts unknown paths; made when needed */
};

/* name without "logikald_" */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_one(struct buf *out, const char *name, const char *type, const char *help, double value);
/* name="value", with what would end it escaped. */
void metrics_label(struct buf *out, const char *name, const char *value);
void metrics_children(struct buf *out, const struct web *web);
void metrics_tasks(struct buf *out, const struct task_count_list *list);

extern const double metrics_le_s[METRICS_BUCKETS];

#endif
