/* What a task is, for the one who writes it and the one who runs it.
 *
 * A task is a plain synchronous function in a runner process (or in a one-shot child). It reports progress, asks
 * whether it should stop, and may send follow-up tasks, all through its context; it never sees Redis. */
#ifndef LOGIKALD_IPC_TASK_H
#define LOGIKALD_IPC_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "conf/err.h"

struct task_ctx;

/* How a follow-up or a request is sent. Zero = defaults. */
struct task_options {
    const char *queue;     /* NULL = the task's own */
    const char *task_id;   /* NULL = a fresh UUID */
    const char *parent_id; /* NULL = none */
    const char *root_id;   /* NULL = its own id */
    int64_t countdown_ms;  /* > 0: not before now + countdown */
    int64_t expires_ms;    /* > 0: dropped when not started within this */
    int priority;          /* 0 (first) to 9 (last) */
    int retries;
};

/* What the runner offers. All calls are cheap; none throws; `self` is task_ctx.self. */
struct task_ops {
    /* Publishes PROGRESS {current, total, status}. Rate-limited by the runner, so call it freely. */
    void (*progress)(void *self, int64_t current, int64_t total, const char *status);
    /* True once the task was revoked, the soft time limit passed, or the worker is stopping. Poll it at least once a
     * second; then release everything (log out of Logikal) and return ERR_CANCELLED. */
    bool (*is_cancelled)(void *self);
    /* Sends a task; its id goes to id_out (UUID_TEXT_SIZE bytes) when not NULL. args (array) and kwargs (object) may be
     * NULL and stay the caller's. Where there is no queue (one-shot child without Redis) it returns -ERR_REDIS. */
    int (*enqueue)(void *self, const char *task, const cJSON *args, const cJSON *kwargs,
                   const struct task_options *options, char *id_out, struct err *err);
    /* Sends a canvas: a Celery signature (a task, group, chain or chord) that stays the caller's. *result (may
     * be NULL) becomes what Celery's client takes for its result, the caller's to delete. */
    int (*start)(void *self, const cJSON *signature, cJSON **result, struct err *err);
};

struct task_ctx {
    const char *id, *name, *queue;
    const char *root_id;
    int retries;             /* earlier tries of this message */
    int deliveries;          /* 1 = first delivery; more after a crash */
    const struct conf *conf; /* the configuration in force when the task started */
    int64_t retry_after_ms;  /* set by the task with a failure: run me again after this (RETRY state) */
    int max_retries;         /* set by the task with it; 0 = 3 */
    const char
        *exc_type; /* set by the task: Python class for the result ("ValueError"), static text; NULL = "RuntimeError" */
    const struct task_ops *ops;
    void *self;
};

/* Runs the task. 0: *result (may stay NULL = null) is the runner's to delete. Negative: FAILURE with err->text, or
 * RETRY when retry_after_ms was set, or REVOKED when the code is ERR_CANCELLED. */
typedef int (*task_fn)(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

/* In the environment of a task that web runs in a process of its own. */
#define TASK_OF_WEB "LOGIKALD_TASK_OF_WEB"

/* A row of the task table (services/tasks/task_table.c). */
struct task_def {
    const char *name;
    const char *queue;
    task_fn run;
    bool is_diagnostic; /* only with DIAGNOSTIC_TASKS=true */
    bool ignores_result;
    const char *params; /* its arguments in their order, those that are yes or no with a ?; NULL: whatever is given */
    int dry_run_at;     /* where dry_run stands among the arguments by position; 0 = cannot be previewed */
};

/* A context for running a task without a worker (command line, one-shot child, tests): progress goes to the log at
 * debug level, is_cancelled follows *stop, enqueue fails with ERR_REDIS. */
void task_ctx_local(struct task_ctx *ctx, const struct conf *conf, const char *id, const char *name,
                    const volatile int *stop);

/* Arguments by name or position, as Python would bind them: args[index] or kwargs[name]; NULL when absent. */
const cJSON *task_arg(const cJSON *args, const cJSON *kwargs, int index, const char *name);
/* Is it meant as yes: 1, 0 (also NULL and null), or -1 when it is neither. Numbers as in Python; "true", "no" ... */
int task_truth(const cJSON *value);
bool task_flag(const cJSON *args, const cJSON *kwargs, int index, const char *name); /* task_truth is 1 */

#endif
