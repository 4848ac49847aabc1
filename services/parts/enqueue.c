/* Having stored parts lists read: over the queue where there is one, else here and now. See enqueue.h. */
#include "services/parts/enqueue.h"

#include <string.h>

#include "services/parts/parse.h"
#include "services/parts/read.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_store.h"

#define BATCH_MAX   1000
#define BATCH_USUAL 100
#define BATCH_TASK  "tasks.sqlite_parser_tasks.batch_parse_elevations"

static const char *const statuses[] = {
    [PARTS_NEW] = "{pending}", [PARTS_FAILED] = "{failed,validation_failed}", [PARTS_PARTIAL] = "{partial}"};

struct request_limits {
    int max_retries, delay_min, batch;
    bool is_enabled;
};

static int load_limits(struct db *db, struct request_limits *out, struct err *err)
{
    *out = (struct request_limits){.max_retries = 3, .delay_min = 5, .batch = BATCH_USUAL};
    PGresult *r = db_query(db, err,
                           "SELECT max_retry_attempts, retry_delay_minutes, batch_size, is_sync_enabled FROM"
                           " object_sync_configs WHERE object_type = 'sqlite_parser'",
                           0, NULL);
    if (!r) return -ERR_DB;
    if (PQntuples(r))
        *out = (struct request_limits){.max_retries = (int)db_int(r, 0, 0),
                                       .delay_min = (int)db_int(r, 0, 1),
                                       .batch = (int)db_int(r, 0, 2),
                                       .is_enabled = db_bool(r, 0, 3)};
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
        int rc = parts_parse_many(db, some, n, (struct parts_how){0}, outcomes, whys, err);
        if (rc < 0) return rc;
        for (int i = 0; i < n; i++) {
            bool has_failed = outcomes[i] == PARSE_FAILED || outcomes[i] == PARSE_INVALID;
            out->failed += has_failed;
            out->read += !has_failed;
        }
    }
    return 0;
}

struct asking {
    struct task_ctx *ctx;
    struct db *db;
    enum parts_waiting which;
    int64_t project_id;
    int batch;
    bool has_queue, needs_queue; /* that there is none is found out once */
};

/* One lot: sent, or read here. */
static int ask_for(struct asking *a, const PGresult *ids, struct parts_requested *out, struct err *err)
{
    if (a->has_queue) a->has_queue = send(a->ctx, ids, NULL) == 0;
    if (!a->has_queue && a->needs_queue) return 0;
    out->batches++;
    if (!a->has_queue) return read_here(a->ctx, a->db, ids, out, err);
    out->sent += PQntuples(ids);
    return 0;
}

static int ask(struct asking *a, const struct request_limits *limits, struct parts_requested *out, struct err *err)
{
    bool are_new = a->which == PARTS_NEW;
    int64_t after = 0;
    int rc = 0, rows, limit = a->batch < 1 ? 1 : a->batch > BATCH_MAX ? BATCH_MAX : a->batch;
    do {
        PGresult *ids = parts_waiting_ids(a->db, statuses[a->which], a->project_id, after, limit, limits->max_retries,
                                          are_new ? 0 : limits->delay_min, are_new ? PARTS_READER : 0, err);
        if (!ids) return -ERR_DB;
        rows = PQntuples(ids);
        if (rows) after = db_int(ids, rows - 1, 0);
        if (rows) rc = ask_for(a, ids, out, err);
        PQclear(ids);
    } while (rc == 0 && rows == limit && (a->has_queue || !a->needs_queue) && !a->ctx->ops->is_cancelled(a->ctx->self));
    return rc;
}

int parts_request(struct task_ctx *ctx, struct db *db, enum parts_waiting which, int64_t project_id, int batch,
                  struct parts_requested *out, struct err *err)
{
    struct request_limits limits;
    struct asking a = {ctx, db, which, project_id, batch, .has_queue = true};
    *out = (struct parts_requested){0};
    return load_limits(db, &limits, err) < 0 ? -ERR_DB : ask(&a, &limits, out, err);
}

int parts_request_soon(struct task_ctx *ctx, struct db *db, int64_t project_id, struct err *err)
{
    struct request_limits limits;
    struct parts_requested asked = {0};
    if (load_limits(db, &limits, err) < 0) return -ERR_DB;
    struct asking a = {ctx, db, PARTS_NEW, project_id, limits.batch, .has_queue = true, .needs_queue = true};
    return limits.is_enabled ? ask(&a, &limits, &asked, err) : 0;
}
