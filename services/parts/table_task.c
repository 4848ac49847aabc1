/* Rows of a table out of a stored file, as a task: web has it run in a process of its own. */
#include <string.h>

#include "services/parts/table.h"
#include "services/parts/tasks.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_files.h"

#define ROWS_BYTES (1536 * 1024) /* a page that is larger is to be asked for in smaller ones */

static int64_t number_of(const cJSON *value, int64_t otherwise)
{
    return cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= INT32_MAX
               ? (int64_t)value->valuedouble
               : otherwise;
}

/* What is wrong with the request or the file is a result; only what is wrong here is a failure of the task. */
static int result_of(int64_t count, const struct buf *names, const struct buf *rows, const struct err *err,
                     cJSON **result)
{
    bool is_told = count == -ERR_NOT_FOUND || count == -ERR_LIMIT || count == -ERR_INPUT || count == -ERR_TIMEOUT;
    if (count < 0 && !is_told) return (int)count;
    *result = cJSON_CreateObject();
    cJSON_AddBoolToObject(*result, "success", count >= 0);
    if (count < 0) {
        cJSON_AddStringToObject(*result, "problem", err->text);
        cJSON_AddBoolToObject(*result, "is_too_large", count == -ERR_LIMIT);
    } else {
        cJSON_AddNumberToObject(*result, "count", (double)count);
        cJSON_AddStringToObject(*result, "names", names->data ? names->data : "");
        cJSON_AddStringToObject(*result, "rows", rows->data ? rows->data : "");
    }
    return 0;
}

int task_parts_table_rows(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const char *sha256 = cJSON_GetStringValue(task_arg(args, kwargs, 0, "sha256"));
    const char *table = cJSON_GetStringValue(task_arg(args, kwargs, 1, "table"));
    int64_t first = number_of(task_arg(args, kwargs, 2, "first"), 0);
    int64_t limit = number_of(task_arg(args, kwargs, 3, "limit"), 1000);
    struct buf file = {0}, names = {0}, rows;
    if (!sha256 || !table) {
        ctx->exc_type = "ValueError";
        return err_set(err, ERR_INPUT, "sha256 or table is missing");
    }
    buf_init(&rows, ROWS_BYTES);
    struct db *db = db_open_conf(ctx->conf, false, "logikald parts", err);
    int64_t count = db ? parts_file_load(db, sha256, &file, err) : -(int64_t)err->code;
    db_close(db);
    if (count == 0) count = parts_table_rows(file.data, file.len, table, first, limit, &names, &rows, err);
    int rc = result_of(count, &names, &rows, err, result);
    buf_free(&file);
    buf_free(&names);
    buf_free(&rows);
    return rc;
}
