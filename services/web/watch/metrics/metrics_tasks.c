/* What became of tasks, for /metrics: counts by name and state, and how long they ran. All states of a task are printed
 * as soon as it is known, so that the first failure is an increase. */
#include "services/web/watch/metrics/metrics_internal.h"

#include <inttypes.h>

#include "services/tasks/task_table.h"

static void add_ends(struct buf *out, const struct task_count *count)
{
    for (int end = 0; end < TASK_ENDS; end++) {
        buf_str(out, "logikald_tasks_total{");
        metrics_label(out, "task", count->task);
        buf_printf(out, ",state=\"%s\"} %" PRId64 "\n", task_end_name((enum task_end)end), count->ends[end]);
    }
}

static void add_durations(struct buf *out, const struct task_count *count)
{
    int64_t total = 0, all = 0;
    for (int i = 0; i <= TASK_BOUNDS; i++) all += count->runs[i];
    for (int i = 0; all > 0 && i <= TASK_BOUNDS; i++) {
        total += count->runs[i];
        buf_str(out, "logikald_task_duration_seconds_bucket{");
        metrics_label(out, "task", count->task);
        if (i < TASK_BOUNDS)
            buf_printf(out, ",le=\"%g\"} %" PRId64 "\n", (double)task_bounds_us[i] / 1e6, total);
        else
            buf_printf(out, ",le=\"+Inf\"} %" PRId64 "\n", total);
    }
    if (all == 0) return;
    buf_str(out, "logikald_task_duration_seconds_sum{");
    metrics_label(out, "task", count->task);
    buf_printf(out, "} %.6f\nlogikald_task_duration_seconds_count{", (double)count->run_us / 1e6);
    metrics_label(out, "task", count->task);
    buf_printf(out, "} %" PRId64 "\n", total);
}

void metrics_tasks(struct buf *out, const struct task_count_list *list)
{
    struct task_count_list all = *list;
    size_t rows;
    const struct task_def *table = task_table(&rows);
    for (size_t i = 0; i < rows; i++)
        if (!table[i].is_diagnostic) task_count_of(&all, table[i].name);
    metrics_head(out, "tasks_total", "counter", "Tasks that ended, by name and state, in all workers");
    for (size_t i = 0; i < all.count; i++) add_ends(out, &all.of[i]);
    metrics_head(out, "task_duration_seconds", "histogram", "Run time of tasks that succeeded, failed or are retried");
    for (size_t i = 0; i < all.count; i++) add_durations(out, &all.of[i]);
}
