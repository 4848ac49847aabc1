/* What became of tasks, counted by name: a process counts in memory what ended with it and tells Redis now and then,
 * where the counts of all processes are added up for /metrics. What is told is what the process has counted since it
 * began, so telling twice counts once, and an answer that is lost does no harm. A process that is killed takes along
 * what it had not told. */
#ifndef LOGIKALD_IPC_QUEUE_TASK_COUNTS_H
#define LOGIKALD_IPC_QUEUE_TASK_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "ipc/redis/redis.h"

enum task_end {
    TASK_SUCCESS,
    TASK_FAILURE, /* raised, or came to its end with a result that says success: false */
    TASK_RETRY,   /* this try failed, and another one follows */
    TASK_REVOKED, /* before or while it ran, or expired */
    TASK_DEAD,    /* became a dead letter: unreadable, unknown, or delivered too often */
    TASK_ENDS
};
const char *task_end_name(enum task_end end); /* "success" ... */

#define TASK_BOUNDS      12 /* of the histogram */
#define TASK_COUNT_NAMES 64
#define TASK_COUNT_OTHER "other" /* the name of what is not in the table of tasks, or would be one too many */
extern const int64_t task_bounds_us[TASK_BOUNDS];

struct task_count {
    char task[128];
    int64_t ends[TASK_ENDS];
    int64_t runs[TASK_BOUNDS + 1]; /* by duration: within each bound and above the one before; the last: longer */
    int64_t run_us;
};
struct task_count_list {
    size_t count;
    struct task_count of[TASK_COUNT_NAMES];
};
/* The entry of this name, made when needed; the one of "other" when there is no room. NULL = "other". */
struct task_count *task_count_of(struct task_count_list *list, const char *task);

struct task_counts;
struct task_counts *task_counts_new(const struct conf *conf); /* NULL without memory */
void task_counts_free(struct task_counts *c); /* after the connection that it was used with; NULL is fine */

/* task: a name from the table of tasks, or NULL. run_us: how long it ran; negative when it did not come to its end. */
void task_counts_add(struct task_counts *c, const char *task, enum task_end end, int64_t run_us);
/* What this process has counted. */
const struct task_count_list *task_counts_own(const struct task_counts *c);

/* Tells Redis, when there is news and a connection. */
void task_counts_tell(struct task_counts *c, struct redis *redis);
/* A new connection: the server may have lost what it was told. It is told again with the next. */
void task_counts_doubt(struct task_counts *c);

/* The counts of all processes, as Redis has them; the list is gone after the call. Returns 0 when fn will be called. */
typedef void (*task_counts_fn)(void *arg, const struct task_count_list *list, const struct err *err);
int task_counts_read(struct task_counts *c, struct redis *redis, task_counts_fn fn, void *arg);

#endif
