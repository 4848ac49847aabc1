/* Joining: see join.h. The other one is seen through its lease and its row in sync_runs. */
#include "services/sync/tasks/join.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/store/sync/sync_log.h"
#include "services/sync/tasks/result.h"

#define LOOK_MS 100

static void pause_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

static cJSON *take_result(const char *text)
{
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    if (json) cJSON_AddTrueToObject(json, "joined");
    return json;
}

/* After run_open said -ERR_CONFLICT (run->db is open). 0: the other run covers what is asked (the force, the types, the
 * place) and has ended well, *result is its result, with "joined": true. 1: the other run has ended without a result
 * for us (it does something else, its process died, it failed, or it was of a wider scope): it is our turn, try
 * run_open again. -ERR_CANCELLED, -ERR_DB. Blocks as long as the other one works, reporting its progress. */
static int join_run(struct sync_run *run, const struct run_ask *ask, cJSON **result, struct err *err)
{
    struct task_ctx *ctx = run->ctx;
    int64_t other = sync_run_current(run->db, ask->scope, ask->asks, ask->is_forced, err);
    if (other < 0) return -ERR_DB;
    for (;;) {
        char state[16] = "running", *text = NULL;
        int held = lease_holder(run->db, ask->scope, NULL, err);
        if (held < 0 || (other && sync_run_look(run->db, other, state, &text, err) < 0)) return -ERR_DB;
        *result = strcmp(state, "completed") == 0 || strcmp(state, "held") == 0 ? take_result(text) : NULL;
        free(text);
        if (*result) return 0;
        if (!held || strcmp(state, "running") != 0) return 1;
        if (ctx->ops->is_cancelled(ctx->self)) return err_set(err, ERR_CANCELLED, "the task was cancelled");
        ctx->ops->progress(ctx->self, 0, 0,
                           other ? "waiting for a sync that is running already"
                                 : "waiting for another sync to end; this one comes next");
        pause_ms(LOOK_MS);
    }
}

int join_or_open(struct sync_run *run, struct task_ctx *ctx, const struct run_ask *ask, cJSON **result, struct err *err)
{
    for (;;) {
        int rc = run_open(run, ctx, ask, err);
        if (rc != -ERR_CONFLICT) return rc;
        int joined = join_run(run, ask, result, err);
        run_close(run, NULL, NULL);
        if (joined <= 0) return joined < 0 ? joined : 1;
    }
}

int join_or_work(struct task_ctx *ctx, const struct run_ask *ask, run_work_fn work, void *arg, cJSON **result,
                 struct err *err)
{
    struct sync_run run;
    int rc = join_or_open(&run, ctx, ask, result, err);
    if (rc == 1) return 0;
    if (rc == 0) rc = work(&run, arg, result, err);
    run_close(&run, result_state(*result, rc), *result);
    if (rc == 0) return 0;
    cJSON_Delete(*result);
    *result = NULL;
    return rc;
}
