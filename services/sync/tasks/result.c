/* Results of the sync's tasks as JSON, and the answers that several tasks share. See result.h. */
#include "services/sync/tasks/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"
#include "services/store/sync/sync_log.h"
#include "services/store/sync/sync_preview.h"

static void add_head(cJSON *result, const struct task_ctx *ctx, const char *when)
{
    char text[CLOCK_TEXT_SIZE];
    cJSON_AddStringToObject(result, "task_id", ctx->id ? ctx->id : "");
    cJSON_AddStringToObject(result, when, clock_iso_us(wall_us(), text));
}

cJSON *result_skipped(const struct task_ctx *ctx, const char *reason)
{
    cJSON *result = cJSON_CreateObject();
    cJSON_AddTrueToObject(result, "success");
    cJSON_AddTrueToObject(result, "skipped");
    cJSON_AddStringToObject(result, "reason", reason);
    add_head(result, ctx, "checked_at");
    return result;
}

bool result_is_switched_off(const struct task_ctx *ctx, cJSON **result)
{
    if (conf_bool(ctx->conf, SET_BACKGROUND_SYNC)) return false;
    *result = result_skipped(ctx, "Background sync is disabled");
    return true;
}

void result_add_duration(cJSON *result, int64_t ms)
{
    cJSON_DeleteItemFromObject(result, "duration_seconds");
    cJSON_AddNumberToObject(result, "duration_seconds", (double)ms / 1000.0);
}

cJSON *result_new(const struct sync_run *run, bool is_success, const char *message)
{
    cJSON *result = cJSON_CreateObject();
    cJSON_AddBoolToObject(result, "success", is_success);
    char *text = strdup(message);
    cJSON_AddStringToObject(result, "message", text ? utf8_finish(text) : "");
    free(text);
    add_head(result, run->ctx, "completed_at");
    if (run->id && !run->is_dry) cJSON_AddNumberToObject(result, "run_id", (double)run->id);
    result_add_duration(result, run_duration_ms(run));
    return result;
}

void result_add_upstream(cJSON *result, const struct sync_run *run)
{
    cJSON_AddNumberToObject(result, "projects_helped", (double)run->projects_helped);
    if (!run->client) return;
    const struct logikal_stats *stats = logikal_stats(run->client);
    cJSON *o = cJSON_AddObjectToObject(result, "upstream");
    cJSON_AddNumberToObject(o, "calls", (double)stats->calls);
    cJSON_AddNumberToObject(o, "logins", (double)stats->logins);
    cJSON_AddNumberToObject(o, "logouts", (double)stats->logouts);
    cJSON_AddNumberToObject(o, "retries", (double)stats->retries);
    cJSON_AddNumberToObject(o, "peak_sessions", stats->peak_sessions);
    cJSON_AddNumberToObject(o, "sessions_unknown", (double)stats->sessions_unknown + run->sessions_unknown);
}

void result_add_errors(cJSON *result, const struct sync_run *run)
{
    cJSON *errors = cJSON_AddArrayToObject(result, "errors");
    for (const char *p = run->errors.data; p && *p;) {
        size_t len = strcspn(p, "\n");
        char line[401];
        snprintf(line, sizeof line, "%.*s", (int)(len < 400 ? len : 400), p);
        cJSON_AddItemToArray(errors, cJSON_CreateString(utf8_finish(line)));
        p += len + (p[len] == '\n');
    }
    cJSON_AddNumberToObject(result, "error_count", (double)run->error_count);
}

void result_add_counts(cJSON *result, const struct sync_counts *c)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {{"projects_busy", c->projects_busy},       {"phases_synced", c->phases},
                {"elevations_synced", c->elevations},      {"elevations_changed", c->elevations_written},
                {"thumbnails_synced", c->thumbnails},      {"thumbnails_failed", c->thumbnails_failed},
                {"parts_lists_synced", c->parts_lists},    {"parts_lists_failed", c->parts_failed},
                {"places_unchecked", c->places_unchecked}, {"vanished", c->vanished}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cJSON_AddNumberToObject(result, rows[i].name, (double)rows[i].value);
}

/* In the words of the message: "2 directories, 6 projects ...". */
static const char *held_text(const struct hold_state *held, char *out, size_t size)
{
    static const char *const names[MISSING_TYPES][2] = {
        {"directory", "directories"}, {"project", "projects"}, {"phase", "phases"}, {"elevation", "elevations"}};
    size_t len = 0;
    *out = '\0';
    for (int i = 0; i < MISSING_TYPES && len < size; i++) {
        if (!held->rows[i]) continue;
        len += (size_t)snprintf(out + len, size - len, "%s%lld %s", len ? ", " : "", (long long)held->rows[i],
                                names[i][held->rows[i] != 1]);
    }
    return out;
}

static void add_held(cJSON *result, const struct sync_run *run)
{
    char rows[120], message[300];
    snprintf(
        message, sizeof message,
        "held: missing in Logikal (%s) are %s; they are served as before until they return, or hold %lld is applied "
        "or refused",
        run->hold.reason, held_text(&run->hold, rows, sizeof rows), (long long)run->hold.id);
    cJSON_ReplaceItemInObjectCaseSensitive(result, "success", cJSON_CreateFalse());
    cJSON_ReplaceItemInObjectCaseSensitive(result, "message", cJSON_CreateString(message));
    cJSON *held = cJSON_AddObjectToObject(result, "held");
    cJSON_AddNumberToObject(held, "hold", (double)run->hold.id);
    cJSON_AddStringToObject(held, "reason", run->hold.reason);
    for (int i = 0; i < MISSING_TYPES; i++) cJSON_AddNumberToObject(held, missing_types[i], (double)run->hold.rows[i]);
}

void result_add_status(cJSON *result, const struct sync_run *run, int rc, bool is_broken)
{
    bool is_success = rc == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "success"));
    const char *status = "failed";
    if (rc == -ERR_CANCELLED)
        status = "cancelled";
    else if (is_success && run->hold.id)
        status = "held";
    else if (is_success && !run->error_count)
        status = "completed";
    else if (rc == 0 || is_broken)
        status = "partial";
    if (is_success && run->hold.id) add_held(result, run);
    cJSON_AddStringToObject(result, "status", status);
}

const char *result_state(const cJSON *result, int rc)
{
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "status"));
    if (rc == -ERR_CANCELLED) return "cancelled";
    if (rc == 0 && status && strcmp(status, "held") == 0) return "held";
    return rc == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "success")) ? "completed" : "failed";
}

char *argument_text(const cJSON *args, const cJSON *kwargs, int index, const char *name, struct err *err)
{
    const cJSON *value = task_arg(args, kwargs, index, name);
    char number[32];
    const char *text = NULL;
    if (cJSON_IsString(value) && *value->valuestring && strlen(value->valuestring) < 2048) text = value->valuestring;
    if (cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble) && fabs(value->valuedouble) < 1e15) {
        snprintf(number, sizeof number, "%.0f", value->valuedouble);
        text = number;
    }
    char *copy = text ? strdup(text) : NULL;
    if (!text) err_set(err, ERR_INPUT, "%s is missing or is not a text", name);
    if (text && !copy) err_set(err, ERR_NOMEM, "no memory");
    return copy;
}

int result_add_preview(cJSON *result, struct sync_run *run, struct err *err)
{
    static const char *const not_seen[] = {"thumbnails", "parts_lists", "glass"};
    char message[600];
    if (!run->is_dry) return 0;
    PGresult *r = preview_changes(run->db, err);
    cJSON *preview = r ? cJSON_Parse(db_text(r, 0, 0)) : NULL;
    PQclear(r);
    if (!r) return -ERR_DB;
    const char *was = json_text(result, "message");
    snprintf(message, sizeof message, "dry run, nothing is written: %s", was ? was : "");
    cJSON_ReplaceItemInObjectCaseSensitive(result, "message", cJSON_CreateString(utf8_finish(message)));
    cJSON_AddTrueToObject(result, "dry_run");
    cJSON_AddItemToObject(result, "preview", preview);
    cJSON_AddItemToObject(result, "not_previewed", cJSON_CreateStringArray(not_seen, 3));
    return 0;
}

int result_log(struct sync_run *run, int64_t log, const cJSON *result, int rc, int64_t processed, int64_t successful,
               int64_t failed, struct err *err)
{
    const struct log_end end = {.status = result_state(result, rc),
                                .message = json_text(result, "message"),
                                .error = run->errors.data,
                                .processed = processed,
                                .successful = successful,
                                .failed = failed,
                                .duration_ms = run_duration_ms(run)};
    return sync_log_end(run->db, log, &end, err);
}
