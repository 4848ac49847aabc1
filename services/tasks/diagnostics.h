/* Diagnostic tasks, registered only with DIAGNOSTIC_TASKS=true: for an operator's smoke test, and for tests and
 * benchmarks as load. Named tasks.diagnostics.*; queue sync unless sent elsewhere. */
#ifndef LOGIKALD_SERVICES_TASKS_DIAGNOSTICS_H
#define LOGIKALD_SERVICES_TASKS_DIAGNOSTICS_H

#include "ipc/task.h"

/* noop(): null */
int task_noop(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* add(a, b): the sum of two numbers */
int task_add(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* sum(numbers): of a list; for the body of a chord */
int task_sum(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* given(*args): its args as a list */
int task_given(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* echo(**kwargs): its kwargs */
int task_echo(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* sleep(seconds): PROGRESS ten times on the way; the seconds it slept */
int task_sleep(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* fail(message, retries=0): a ValueError, after as many retries (every second) as asked for */
int task_fail(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* crash(signal=11): its runner dies of the signal */
int task_crash(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* effect(key, delay_ms=0): one more in key of Redis; the new value. For counting how often a task took effect: each run
 * counts once (key.runs has those that have), and asks again when an answer does not come. */
int task_effect(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* ignored(): does nothing and keeps no result */
int task_ignored(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

#endif
