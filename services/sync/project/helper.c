/* Help between workers: asking for it, and noticing that a helper is gone. See helper.h. */
#include "services/sync/project/helper.h"

#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/sync/sync_share.h"
#include "services/store/owner.h"

#define SOON_MS    1000 /* between the first requests: a runner of this very worker may have taken one */
#define SOON_COUNT 10
#define LATER_MS   10000 /* and afterwards: a worker may have been added */
#define EXPIRES_MS 5000

int helper_request(struct task_ctx *ctx, int64_t list, const char *leader, int hops, struct err *err)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddNumberToObject(kwargs, "run_id", (double)list);
    cJSON_AddStringToObject(kwargs, "worker", leader);
    cJSON_AddNumberToObject(kwargs, "hops", hops);
    const struct task_options options = {
        .queue = "sync", .parent_id = ctx->id, .root_id = ctx->root_id, .expires_ms = EXPIRES_MS};
    int rc = ctx->ops->enqueue(ctx->self, HELP_TASK, NULL, kwargs, &options, NULL, err);
    cJSON_Delete(kwargs);
    return rc;
}

void helper_ask(struct sync_run *run, struct helper_call *call)
{
    char worker[OWNER_WORKER_SIZE];
    struct err err = {0};
    if (logikal_has_one_session(run->client)) return; /* a helper's login would take it from where it is */
    if (run->is_dry || call->count < 0 || mono_ms() < call->next_ms) return;
    owner_worker(worker);
    call->next_ms = mono_ms() + (call->count < SOON_COUNT ? SOON_MS : LATER_MS);
    call->count = helper_request(run->ctx, run->id, worker, 0, &err) == 0 ? call->count + 1 : -1;
}

int helper_free_lost(struct sync_run *run, int64_t list, struct err *err)
{
    PGresult *r = shares_holders(run->db, list, &run->lease, err);
    int rc = r ? 0 : -ERR_DB;
    for (int i = 0; r && rc == 0 && i < PQntuples(r); i++) {
        const char *owner = db_text(r, i, 2);
        if (db_bool(r, i, 3) && !owner_is_dead(owner)) continue;
        log_info("a helper of the sync is gone (%s); its projects are taken over", *owner ? owner : "it has ended");
        rc = shares_free(run->db, list, db_text(r, i, 0), db_text(r, i, 1), owner, err);
    }
    PQclear(r);
    return rc;
}
