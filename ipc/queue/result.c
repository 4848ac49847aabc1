/* Task results as Celery stores them: one JSON object under celery-task-meta-<id>, published on the channel of the same
 * name. See result.h. */
#include "ipc/queue/result.h"

#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "ipc/queue/queue_message.h"

static const struct {
    const char *word;
    enum result_state state;
} states[] = {
    {"PENDING", RESULT_PENDING}, {"STARTED", RESULT_STARTED}, {"PROGRESS", RESULT_PROGRESS}, {"RETRY", RESULT_RETRY},
    {"SUCCESS", RESULT_SUCCESS}, {"FAILURE", RESULT_FAILURE}, {"REVOKED", RESULT_REVOKED},
};

static enum result_state state_of(const char *word)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].word, word) == 0) return states[i].state;
    return RESULT_OTHER;
}

bool result_is_ready(enum result_state state)
{
    return state == RESULT_SUCCESS || state == RESULT_FAILURE || state == RESULT_REVOKED;
}

void result_exception_of(struct buf *out, const char *exc_type, const char *args, const char *exc_module)
{
    buf_str(out, "{\"exc_type\": ");
    buf_json_string(out, exc_type, strlen(exc_type));
    buf_printf(out, ", \"exc_message\": [%s], \"exc_module\": ", args);
    buf_json_string(out, exc_module, strlen(exc_module));
    buf_char(out, '}');
}

void result_exception(struct buf *out, const char *exc_type, const char *message, const char *exc_module)
{
    struct buf args = {0};
    if (message) buf_json_string(&args, message, strlen(message));
    if (args.failed) out->failed = true;
    result_exception_of(out, exc_type, args.data ? args.data : "", exc_module);
    buf_free(&args);
}

void result_encode(struct buf *out, const struct result_spec *spec)
{
    char now[CLOCK_TEXT_SIZE];
    buf_str(out, "{\"status\": \"");
    buf_str(out, spec->status);
    buf_str(out, "\", \"result\": ");
    buf_str(out, spec->value ? spec->value : "null");
    buf_json_member(out, "traceback", spec->traceback);
    buf_str(out, ", \"children\": ");
    buf_str(out, spec->children ? spec->children : "[]");
    buf_json_member(out, "date_done", result_is_ready(state_of(spec->status)) ? clock_iso_us(wall_us(), now) : NULL);
    if (spec->group) buf_json_member(out, "group_id", spec->group);
    if (spec->parent_id) buf_json_member(out, "parent_id", spec->parent_id);
    buf_json_member(out, "task_id", spec->task_id);
    buf_char(out, '}');
}

static void describe(const cJSON *value, struct buf *error)
{
    const char *type = json_text(value, "exc_type");
    const cJSON *message = json_member(value, "exc_message");
    const cJSON *first = message && cJSON_IsArray(message) ? message->child : message;
    buf_str(error, type ? type : "Error");
    if (first && cJSON_IsString(first)) buf_printf(error, ": %s", first->valuestring);
    if (first && cJSON_IsNumber(first)) buf_printf(error, ": %g", first->valuedouble);
}

void result_decode(const char *json, size_t len, const char *task_id, struct result *out, cJSON **owner,
                   struct buf *error)
{
    *out = (struct result){.state = RESULT_PENDING, .status = "PENDING", .task_id = task_id};
    *owner = json ? json_parse(json, len) : NULL;
    const char *status = cJSON_IsObject(*owner) ? json_text(*owner, "status") : NULL;
    if (!status || !*status) return;
    out->status = status;
    out->state = state_of(status);
    out->value = cJSON_GetObjectItemCaseSensitive(*owner, "result");
    out->traceback = json_text(*owner, "traceback");
    out->date_done = json_text(*owner, "date_done");
    out->json = json;
    if (out->state == RESULT_FAILURE || out->state == RESULT_REVOKED || out->state == RESULT_RETRY) {
        buf_reset(error);
        describe(out->value, error);
        out->error = error->data;
    }
}
