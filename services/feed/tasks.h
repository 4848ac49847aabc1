/* The tasks of the feed (rows of services/tasks/task_table.c), and how others bring a delivery about. */
#ifndef LOGIKALD_SERVICES_FEED_TASKS_H
#define LOGIKALD_SERVICES_FEED_TASKS_H

#include "ipc/task.h"

#define FEED_DELIVER_TASK "tasks.feed_tasks.deliver_webhooks"
#define FEED_TEST_TASK    "tasks.feed_tasks.test_webhook"
#define FEED_QUEUE        "scheduler"

/* Delivers what waits: {"success", "posts", "changes", "refused"}. */
int task_deliver_webhooks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                          struct err *err);
/* {"webhook_id": N}: one POST of a test message: {"success", "status", "took_ms", "error"}. */
int task_test_webhook(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

#endif
