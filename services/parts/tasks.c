/* The parser's tasks: see tasks.h. */
#include "services/parts/tasks.h"

#include <math.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/feed/nudge.h"
#include "services/parts/image.h"
#include "services/parts/move.h"
#include "services/parts/parse.h"
#include "services/parts/enqueue.h"
#include "services/store/db/db.h"

#define TRIGGER_BATCH 100
#define ERRORS_SHOWN  100
#define MOVE_MS       60000 /* of a trigger's time, for what an earlier version stored */

static int value_error(struct task_ctx *ctx, struct err *err, const char *text)
{
    ctx->exc_type = "ValueError";
    return err_set(err, ERR_INPUT, "%s", text);
}

static bool is_id(const cJSON *value)
{
    return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble) && value->valuedouble > 0 &&
           value->valuedouble <= INT32_MAX;
}

static bool is_fine(enum parse_outcome outcome)
{
    return outcome == PARSE_SUCCESS || outcome == PARSE_PARTIAL || outcome == PARSE_CURRENT || outcome == PARSE_BUSY;
}

/* A message that comes again, and a try after a failure, do what the one before them had begun: nobody else does for
 * many minutes. */
static struct parts_how how(const struct task_ctx *ctx, bool force)
{
    return (struct parts_how){.is_forced = force, .is_again = ctx->deliveries > 1 || ctx->retries > 0};
}

/* What is lost with the server's crash is read again, so no commit waits for the disk. */
static struct db *open_db(struct task_ctx *ctx, struct err *err)
{
    struct db *db = db_open_conf(ctx->conf, false, "logikald parser", err);
    image_limit((size_t)conf_int(ctx->conf, SET_PARTS_MAX));
    if (!db || (db_relax(db, true, err) == 0 && db_origin(db, 0, ctx->id, err) == 0)) return db;
    db_close(db);
    return NULL;
}

/* What the reader keeps from file to file ends with the task. */
static void close_db(struct db *db)
{
    image_forget();
    db_close(db);
}

static cJSON *result_of(int64_t id, enum parse_outcome outcome, const struct err *why)
{
    cJSON *result = cJSON_CreateObject();
    cJSON_AddBoolToObject(result, "success", is_fine(outcome));
    cJSON_AddNumberToObject(result, "elevation_id", (double)id);
    cJSON_AddStringToObject(result, "parse_status", parse_outcome_name(outcome));
    cJSON_AddBoolToObject(result, "skipped", outcome == PARSE_CURRENT || outcome == PARSE_BUSY);
    if (why->text[0]) cJSON_AddStringToObject(result, "error", why->text);
    if (outcome == PARSE_FAILED) log_warning("parts list of elevation %lld: %s", (long long)id, why->text);
    return result;
}

static int parse_one(struct db *db, int64_t id, struct parts_how how, cJSON **out, struct err *err)
{
    enum parse_outcome outcome;
    struct err why;
    int rc = parts_parse_many(db, &id, 1, how, &outcome, &why, err);
    if (rc == 0) *out = result_of(id, outcome, &why);
    return rc;
}

int task_parse_elevation_sqlite(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err)
{
    const cJSON *id = task_arg(args, kwargs, 0, "elevation_id");
    if (!is_id(id)) return value_error(ctx, err, "elevation_id is missing or is not a row id");
    bool force = task_flag(args, kwargs, 1, "force");
    struct db *db = open_db(ctx, err);
    int rc = db ? parse_one(db, (int64_t)id->valuedouble, how(ctx, force), result, err) : err_result(err);
    struct feed_nudger feed = {0};
    if (rc >= 0) feed_committed(&feed, ctx, db);
    close_db(db);
    return rc < 0 ? rc : 0;
}

static void count_outcome(int64_t id, enum parse_outcome outcome, const struct err *why, int64_t counts[2],
                          cJSON *errors)
{
    counts[is_fine(outcome) ? 0 : 1]++;
    if (!is_fine(outcome) && cJSON_GetArraySize(errors) < ERRORS_SHOWN)
        cJSON_AddItemToArray(errors, result_of(id, outcome, why));
}

static int parse_all(struct task_ctx *ctx, struct db *db, const cJSON *ids, bool force, int64_t counts[2],
                     cJSON *errors, struct err *err)
{
    struct feed_nudger feed = {0};
    int64_t some[PARSE_MANY], total = cJSON_GetArraySize(ids), done = 0;
    enum parse_outcome outcomes[PARSE_MANY];
    struct err whys[PARSE_MANY];
    for (const cJSON *id = ids->child; id;) {
        int n = 0;
        if (ctx->ops->is_cancelled(ctx->self)) return err_set(err, ERR_CANCELLED, "the task was cancelled");
        for (; id && n < PARSE_MANY; id = id->next) some[n++] = is_id(id) ? (int64_t)id->valuedouble : 0;
        int rc = parts_parse_many(db, some, n, how(ctx, force), outcomes, whys, err);
        if (rc < 0) return rc;
        for (int i = 0; i < n; i++) count_outcome(some[i], outcomes[i], &whys[i], counts, errors);
        done += n;
        feed_committed(&feed, ctx, db);
        ctx->ops->progress(ctx->self, done, total, "parts lists");
    }
    return 0;
}

int task_batch_parse_elevations(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err)
{
    const cJSON *ids = task_arg(args, kwargs, 0, "elevation_ids");
    if (!cJSON_IsArray(ids)) return value_error(ctx, err, "elevation_ids is missing or is not a list");
    bool force = task_flag(args, kwargs, 1, "force");
    int64_t started_ms = mono_ms(), counts[2] = {0};
    cJSON *errors = cJSON_CreateArray();
    struct db *db = open_db(ctx, err);
    int rc = db ? parse_all(ctx, db, ids, force, counts, errors, err) : err_result(err);
    close_db(db);
    if (rc < 0) {
        cJSON_Delete(errors);
        return rc;
    }
    *result = cJSON_CreateObject();
    cJSON_AddTrueToObject(*result, "success");
    cJSON_AddNumberToObject(*result, "total", cJSON_GetArraySize(ids));
    cJSON_AddNumberToObject(*result, "successful", (double)counts[0]);
    cJSON_AddNumberToObject(*result, "failed", (double)counts[1]);
    cJSON_AddItemToObject(*result, "errors", errors);
    cJSON_AddNumberToObject(*result, "duration_seconds", (double)(mono_ms() - started_ms) / 1000.0);
    return 0;
}

static int batch_size(struct db *db, struct err *err)
{
    PGresult *r =
        db_query(db, err, "SELECT batch_size FROM object_sync_configs WHERE object_type = 'sqlite_parser'", 0, NULL);
    if (!r) return -ERR_DB;
    int size = PQntuples(r) ? (int)db_int(r, 0, 0) : TRIGGER_BATCH;
    PQclear(r);
    return size;
}

int task_trigger_parsing_for_new_files(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                       struct err *err)
{
    (void)args, (void)kwargs;
    if (!conf_bool(ctx->conf, SET_BACKGROUND_SYNC)) {
        *result = cJSON_CreateObject();
        cJSON_AddTrueToObject(*result, "success");
        cJSON_AddTrueToObject(*result, "skipped");
        cJSON_AddStringToObject(*result, "reason", "Background sync is disabled");
        cJSON_AddStringToObject(*result, "task_id", ctx->id);
        return 0;
    }
    struct parts_requested n = {0};
    struct db *db = open_db(ctx, err);
    int64_t moved = db ? parts_move_all(ctx, db, MOVE_MS, err) : -(int64_t)err->code;
    int batch = moved < 0 ? (int)moved : batch_size(db, err);
    int rc = batch < 0 ? batch : parts_request(ctx, db, PARTS_NEW, 0, batch, &n, err);
    close_db(db);
    if (rc < 0) return rc;
    *result = cJSON_CreateObject();
    cJSON_AddTrueToObject(*result, "success");
    cJSON_AddNumberToObject(*result, "triggered", (double)(n.sent + n.read + n.failed));
    cJSON_AddNumberToObject(*result, "batches", (double)n.batches);
    cJSON_AddNumberToObject(*result, "parsed", (double)n.read);
    cJSON_AddNumberToObject(*result, "failed", (double)n.failed);
    if (moved) cJSON_AddNumberToObject(*result, "moved", (double)moved);
    return 0;
}

int task_take_over_parts_files(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                               struct err *err)
{
    (void)args, (void)kwargs;
    struct db *db = open_db(ctx, err);
    int64_t moved = db ? parts_move_all(ctx, db, 0, err) : -(int64_t)err->code;
    close_db(db);
    if (moved < 0) return (int)moved;
    *result = cJSON_CreateObject();
    cJSON_AddTrueToObject(*result, "success");
    cJSON_AddNumberToObject(*result, "moved", (double)moved);
    return 0;
}
