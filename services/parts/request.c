/* Having stored parts lists read: over the queue where there is one, else here and now. See request.h. */
#include "services/parts/request.h"

#include <string.h>

#include "services/parts/parse.h"
#include "services/parts/read.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts_store.h"

#define BATCH_MAX  1000
#define BATCH_TASK "tasks.sqlite_parser_tasks.batch_parse_elevations"

static const char *const statuses[] = {
    [PARTS_NEW] = "{pending}", [PARTS_FAILED] = "{failed,validation_failed}", [PARTS_PARTIAL] = "{partial}"};

struct request_limits {
    int max_retries, delay_min;
};

static int load_limits(struct db *db, struct request_limits *out, struct err *err)
{
    *out = (struct request_limits){.max_retries = 3, .delay_min = 5};
    PGresult *r = db_query(db, err,
                           "SELECT max_retry_attempts, retry_delay_minutes FROM object_sync_configs"
                           " WHERE object_type = 'sqlite_parser'",
                           0, NULL);
    if (!r) return -ERR_DB;
    if (PQntuples(r))
        *out = (struct request_limits){.max_retries = (int)db_int(r, 0, 0), .delay_min = (int)db_int(r, 0, 1)};
    PQclear(r);
    return 0;
}

static int send(struct task_ctx *ctx, const PGresult *ids, struct err *err)
{
    cJSON *args = cJSON_CreateArray(), *list = cJSON_CreateArray(), *kwargs = cJSON_CreateObject();
    const struct task_options options = {.queue = "sqlite_parser", .parent_id = ctx->id, .root_id = ctx->root_id};
    for (int i = 0; i < PQntuples(ids); i++) cJSON_AddItemToArray(list, cJSON_CreateNumber((double)db_int(ids, i, 0)));
    cJSON_AddItemToArray(args, list);
    int rc = ctx->ops->enqueue(ctx->self, BATCH_TASK, args, kwargs, &options, NULL, err);
    cJSON_Delete(args);
    cJSON_Delete(kwargs);
    return rc;
}

static int read_here(struct task_ctx *ctx, struct db *db, const PGresult *ids, struct parts_requested *out,
                     struct err *err)
{
    int64_t some[PARSE_MANY];
    enum parse_outcome outcomes[PARSE_MANY];
    struct err whys[PARSE_MANY];
    for (int first = 0, n; first < PQntuples(ids) && !ctx->ops->is_cancelled(ctx->self); first += n) {
        for (n = 0; n < PARSE_MANY && first + n < PQntuples(ids); n++) some[n] = db_int(ids, first + n, 0);
        int rc = parts_parse_many(db, some, n, false, outcomes, whys, err);
        if (rc < 0) return rc;
        for (int i = 0; i < n; i++) {
            bool has_failed = outcomes[i] == PARSE_FAILED || outcomes[i] == PARSE_INVALID;
            out->failed += has_failed;
            out->read += !has_failed;
        }
    }
    return 0;
}

int parts_request(struct task_ctx *ctx, struct db *db, enum parts_waiting which, int64_t project_id, int batch,
                  struct parts_requested *out, struct err *err)
{
    struct request_limits limits;
    bool has_queue = true;
    int64_t after = 0;
    int rc = 0, rows, limit = batch < 1 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch;
    *out = (struct parts_requested){0};
    if (load_limits(db, &limits, err) < 0) return -ERR_DB;
    do {
        PGresult *ids =
            parts_waiting_ids(db, statuses[which], project_id, after, limit, limits.max_retries,
                              which == PARTS_NEW ? 0 : limits.delay_min, which == PARTS_NEW ? PARTS_READER : 0, err);
        if (!ids) return -ERR_DB;
        rows = PQntuples(ids);
        if (rows) after = db_int(ids, rows - 1, 0);
        if (rows && has_queue) has_queue = send(ctx, ids, NULL) == 0;
        out->batches += rows > 0;
        if (rows && has_queue) {
            out->sent += rows;
        } else if (rows) {
            rc = read_here(ctx, db, ids, out, err);
        }
        PQclear(ids);
    } while (rc == 0 && rows == limit && !ctx->ops->is_cancelled(ctx->self));
    return rc;
}
