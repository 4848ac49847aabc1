/* What the supervisor tells of its children, as metrics: nothing while it does not report. */
#include <stdlib.h>

#include "conf/clock.h"
#include "ipc/snapshot.h"
#include "services/web/watch/metrics/metrics_internal.h"

static void child_gauge(struct buf *out, const struct snapshot *s, const char *name, const char *type, const char *help,
                        double (*value)(const struct snapshot_child *c))
{
    metrics_head(out, name, type, help);
    for (int i = 0; i < s->count; i++) {
        buf_printf(out, "logikald_%s{", name);
        metrics_label(out, "child", s->children[i].name);
        buf_printf(out, "} %.15g\n", value(&s->children[i]));
    }
}

static double child_ready(const struct snapshot_child *c)
{
    return c->is_ready;
}

static double child_restarts(const struct snapshot_child *c)
{
    return (double)c->restarts;
}

static double child_memory(const struct snapshot_child *c)
{
    return (double)(c->pss_bytes ? c->pss_bytes : c->rss_bytes);
}

static double child_cpu(const struct snapshot_child *c)
{
    return (double)c->cpu_ms / 1000;
}

static double child_loop(const struct snapshot_child *c)
{
    return c->is_crash_loop;
}

void metrics_children(struct buf *out, const struct web *web)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (s && snapshot_read(conf_str(web->conf, SET_RUN_DIR), s, NULL) == 0 && !snapshot_is_stale(s, wall_ms())) {
        child_gauge(out, s, "child_ready", "gauge", "1 when the child is ready", child_ready);
        child_gauge(out, s, "child_restarts_total", "counter", "Restarts of the child", child_restarts);
        child_gauge(out, s, "child_memory_bytes", "gauge", "Memory of the child and its descendants", child_memory);
        child_gauge(out, s, "child_cpu_seconds_total", "counter", "Processor time of the child", child_cpu);
        child_gauge(out, s, "child_crash_loop", "gauge", "1 while the child keeps crashing", child_loop);
        metrics_one(out, "supervisor_memory_bytes", "gauge", "Memory of the supervisor", (double)s->pss_bytes);
        metrics_one(out, "supervisor_reloads_total", "counter", "Reloads of the configuration", (double)s->reloads);
    }
    free(s);
}
