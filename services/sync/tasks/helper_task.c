/* The task of a helper: it joins a sync that another worker leads, with sessions of its own, and leaves when there is
 * nothing to take any more. One helper for each worker and run, none in the worker that leads: LOGIKAL_MAX_SESSIONS is
 * what a worker may open. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/store/sync/sync_log.h"
#include "services/store/sync/sync_share.h"
#include "services/sync/project/helper.h"
#include "services/store/owner.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"
#include "services/sync/project/worklist.h"

#define HOPS_MAX     6
#define STAY_AWAY_MS 100

struct helper_wish {
    int64_t list; /* the run that asks */
    const char *leader;
    int hops;
};

static int decline(struct task_ctx *ctx, cJSON **result, const char *reason)
{
    *result = result_skipped(ctx, reason);
    return 0;
}

/* Passes the request on to whoever is next at the queue. This runner stays away from it for a moment, or it would be
 * the next one again: the worker that sends is the first to see what it has sent. */
static int pass_on(struct task_ctx *ctx, const struct helper_wish *q, cJSON **result, const char *reason)
{
    const struct timespec pause = {.tv_nsec = STAY_AWAY_MS * 1000000L};
    if (q->hops < HOPS_MAX && helper_request(ctx, q->list, q->leader, q->hops + 1, NULL) == 0) nanosleep(&pause, NULL);
    return decline(ctx, result, reason);
}

static int is_wanted(struct task_ctx *ctx, int64_t list, struct err *err)
{
    struct db *db = db_open_conf(ctx->conf, false, "logikald help", err);
    int rc = db ? shares_run_lives(db, list, err) : err_result(err);
    if (rc == 1) rc = shares_has_free(db, list, err);
    db_close(db);
    return rc;
}

static cJSON *make_result(struct sync_run *run, int64_t projects, int rc, const struct err *why)
{
    cJSON *result = result_new(run, true, rc < 0 ? why->text : "helped with a sync");
    cJSON_DeleteItemFromObject(result, "run_id");
    cJSON_AddNumberToObject(result, "run_id", (double)run->helps);
    cJSON_AddNumberToObject(result, "projects_synced", (double)projects);
    result_add_counts(result, &run->counts);
    result_add_upstream(result, run);
    result_add_errors(result, run);
    return result;
}

/* What it writes, the run that it helps has changed; and it takes from rows what that one would. */
static int join(struct sync_run *run, int64_t list, struct err *err)
{
    run->helps = list;
    int rc = db_origin(run->db, list, run->ctx->id, err);
    int is_forced = rc == 0 ? sync_run_is_forced(run->db, list, err) : rc;
    run->stage.takes_all = is_forced > 0;
    return is_forced < 0 ? is_forced : 0;
}

static int help(struct task_ctx *ctx, const char *scope, const struct helper_wish *q, cJSON **result, struct err *err)
{
    struct sync_run run;
    struct err why = {0};
    int64_t projects = 0;
    const struct run_ask ask = {.scope = scope, .asks = "help"};
    int rc = run_open(&run, ctx, &ask, err);
    if (rc < 0) {
        run_close(&run, "failed", NULL);
        return rc == -ERR_CONFLICT ? pass_on(ctx, q, result, "this worker helps already") : rc;
    }
    rc = join(&run, q->list, &why);
    if (rc == 0) rc = run_connect(&run, &why);
    if (rc == 0) rc = worklist_help(&run, &projects, &why);
    bool is_cancelled = rc == -ERR_CANCELLED && ctx->ops->is_cancelled(ctx->self);
    *result = make_result(&run, projects, rc, &why);
    run_close(&run, rc == 0 ? "completed" : rc == -ERR_CANCELLED ? "cancelled" : "failed", *result);
    if (rc == 0 || (rc == -ERR_CANCELLED && !is_cancelled)) return 0;
    cJSON_Delete(*result);
    *result = NULL;
    return err_set(err, why.code, "%s", why.text);
}

int task_help_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *run = task_arg(args, kwargs, 0, "run_id"), *hops = task_arg(args, kwargs, 2, "hops");
    const char *leader = cJSON_GetStringValue(task_arg(args, kwargs, 1, "worker"));
    char self[OWNER_WORKER_SIZE], scope[LEASE_NAME_SIZE];
    if (!cJSON_IsNumber(run) || !(run->valuedouble >= 1 && run->valuedouble < 9e15)) {
        ctx->exc_type = "ValueError";
        return err_set(err, ERR_INPUT, "run_id is missing or is not the number of a run");
    }
    const struct helper_wish q = {.list = (int64_t)run->valuedouble,
                                  .leader = leader ? leader : "",
                                  .hops = cJSON_IsNumber(hops) ? hops->valueint : 0};
    int wanted = is_wanted(ctx, q.list, err);
    if (wanted <= 0) return wanted < 0 ? wanted : decline(ctx, result, "the sync needs no help any more");
    owner_worker(self);
    if (strcmp(q.leader, self) == 0) return pass_on(ctx, &q, result, "the sync is led by this worker");
    snprintf(scope, sizeof scope, "help:%lld:%s", (long long)q.list, self);
    return help(ctx, scope, &q, result, err);
}
