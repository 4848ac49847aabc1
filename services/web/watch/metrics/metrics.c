/* Counts requests by route and status, and their times, for /metrics. */
#include "services/web/watch/metrics/metrics_internal.h"

#include <stdlib.h>

#include "services/web/gate/route.h"

const double metrics_le_s[METRICS_BUCKETS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 30};

struct metrics *metrics_new(struct web *web)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->web = web;
    m->routes = calloc((size_t)routes_count + 1, sizeof *m->routes); /* NOLINT(bugprone-sizeof-expression) */
    if (m->routes) return m;
    free(m);
    return NULL;
}

void metrics_free(struct metrics *m)
{
    if (!m) return;
    for (int i = 0; i <= routes_count; i++) free(m->routes[i]);
    free(m->routes);
    free(m);
}

void metrics_request(struct metrics *m, const struct route *route, int status, int64_t us)
{
    int index = route ? (int)(route - routes) : routes_count;
    struct route_metrics *c = m->routes[index];
    if (!c) c = m->routes[index] = calloc(1, sizeof *c);
    if (!c) return;
    for (int i = 0; i < METRICS_STATUSES; i++) {
        if (c->status[i].status && c->status[i].status != status) continue;
        c->status[i].status = status;
        c->status[i].count++;
        break;
    }
    double seconds = (double)us / 1e6;
    for (int i = 0; i < METRICS_BUCKETS; i++) c->buckets[i] += seconds <= metrics_le_s[i];
    c->count++;
    c->sum_s += seconds;
}
