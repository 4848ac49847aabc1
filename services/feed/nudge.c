/* Sends for a task that delivers, once, after something was committed. */
#include "services/feed/nudge.h"

#include <stddef.h>

#include "conf/clock.h"
#include "services/feed/tasks.h"
#include "services/store/db/db.h"
#include "services/store/webhooks.h"

#define EVERY_MS   20
#define EXPIRES_MS 60000

int feed_send(struct task_ctx *ctx)
{
    const struct task_options options = {
        .queue = FEED_QUEUE, .parent_id = ctx->id, .root_id = ctx->root_id, .expires_ms = EXPIRES_MS};
    return ctx->ops->enqueue(ctx->self, FEED_DELIVER_TASK, NULL, NULL, &options, NULL, NULL);
}

void feed_committed(struct feed_nudger *n, struct task_ctx *ctx, struct db *db)
{
    n->is_owed = true;
    feed_tick(n, ctx, db, false);
}

void feed_tick(struct feed_nudger *n, struct task_ctx *ctx, struct db *db, bool is_end)
{
    int64_t now_ms = mono_ms();
    if (!n->is_owed || n->has_no_queue || !db_is_alive(db) || db_in_transaction(db)) return;
    if (!is_end && n->last_ms && now_ms - n->last_ms < EVERY_MS) return;
    n->is_owed = false;
    n->last_ms = now_ms;
    if (webhooks_ask(db, NULL) == 1) n->has_no_queue = feed_send(ctx) != 0;
}
