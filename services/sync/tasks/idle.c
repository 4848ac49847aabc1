/* An idle tick: see idle.h. Its result has the members of a sync's, with nothing in them. */
#include "services/sync/tasks/idle.h"

#include "conf/clock.h"
#include "services/store/sync/sync_config.h"
#include "services/sync/tasks/result.h"

static cJSON *make_result(struct sync_run *run)
{
    cJSON *result = result_new(run, true, "nothing is due");
    cJSON_AddFalseToObject(result, "skipped");
    cJSON_AddItemToObject(result, "objects_synced", cJSON_CreateObject());
    cJSON_AddItemToObject(result, "details", cJSON_CreateObject());
    result_add_counts(result, &run->counts);
    cJSON_AddNumberToObject(result, "projects_skipped", 0);
    result_add_errors(result, run);
    return result;
}

static int load(struct task_ctx *ctx, enum due_mode mode, struct object_config configs[OBJECT_TYPES_MAX],
                struct err *err)
{
    struct db *db = db_open_conf(ctx->conf, false, "logikald tick", err);
    int n = db ? sync_config_load(db, configs, err) : -ERR_DB;
    if (n > 0 && mode == DUE_SAFETY_NET && sync_config_look_at_rows(db, configs, n, err) < 0) n = -ERR_DB;
    db_close(db);
    return n;
}

int idle_look(struct task_ctx *ctx, enum due_mode mode, cJSON **result, struct err *err)
{
    struct sync_run run = {.ctx = ctx, .started_ms = mono_ms()};
    struct object_config configs[OBJECT_TYPES_MAX];
    struct due_entry plan[OBJECT_TYPES_MAX];
    int n = load(ctx, mode, configs, err), due = 0;
    if (n < 0) return n;
    int count = due_plan(configs, n, mode, plan);
    for (int i = 0; i < count; i++) {
        const char *type = configs[plan[i].config].type;
        if (plan[i].due == DUE_CYCLE) run_note_error(&run, "%s is not synced: %s", type, due_reason(DUE_CYCLE));
        due += due_is_yes(plan[i].due);
    }
    if (due == 0) *result = make_result(&run);
    buf_free(&run.errors);
    return due == 0;
}
