/* Tasks that wait while the workers have nothing to do: whatever the cause, that is not well. Judged from what the
 * queue says every few seconds; a pure function. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_BACKLOG_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/queue/queue.h"

#define BACKLOG_PATIENCE_MS 6000

struct backlog {
    int64_t waiting;  /* in queues that are not paused, as last seen */
    int64_t since_ms; /* since when nothing was taken although something waits (mono_ms); 0 = all is well */
    bool had_workers; /* of ours, at any time */
    char queue[128];  /* the one with most */
};

void backlog_look(struct backlog *b, const struct queue_stats *stats, int64_t now_ms);
bool backlog_is_stuck(const struct backlog *b, int64_t now_ms);

#endif
