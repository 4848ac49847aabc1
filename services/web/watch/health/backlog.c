/* Tasks that wait while the workers have nothing to do: whatever the cause, that is not well. See backlog.h. */
#include "services/web/watch/health/backlog.h"

#include <stdio.h>

void backlog_look(struct backlog *b, const struct queue_stats *stats, int64_t now_ms)
{
    int64_t waiting = 0, most = 0;
    for (size_t i = 0; i < stats->count; i++) {
        const struct queue_depth *q = &stats->queues[i];
        if (q->is_paused) continue;
        waiting += q->depth;
        if (q->depth <= most) continue;
        most = q->depth;
        snprintf(b->queue, sizeof b->queue, "%s", q->name);
    }
    b->had_workers = b->had_workers || stats->workers > 0;
    /* What a worker of ours holds that has lost its lease waits, too; those of others have none. */
    bool is_held = stats->workers > 0 || !b->had_workers;
    if (!is_held) waiting += stats->unacked;
    bool is_moving = waiting == 0 || (is_held && stats->unacked > 0) || waiting < b->waiting;
    if (is_moving)
        b->since_ms = 0;
    else if (!b->since_ms)
        b->since_ms = now_ms;
    b->waiting = waiting;
}

bool backlog_is_stuck(const struct backlog *b, int64_t now_ms)
{
    return b->since_ms && now_ms - b->since_ms >= BACKLOG_PATIENCE_MS;
}
