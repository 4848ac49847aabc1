/* What a task's end without success sends besides: errbacks, the end of its chain, its chord. */
#include "services/worker/settle/aftermath.h"

#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "ipc/queue/result.h"
#include "services/runner/followup.h"
#include "services/runner/signature.h"
#include "services/runner/wire.h"

/* An outcome that is not whole would cost the task: the supervisor replaces us, and the successor takes what we hold.
 */
static _Noreturn void no_memory(void)
{
    log_critical("no memory for what follows a task");
    abort();
}

static struct push *grow(struct push **list, size_t *count)
{
    struct push *grown = realloc(*list, (*count + 1) * sizeof *grown);
    if (!grown) no_memory();
    *list = grown;
    return &grown[(*count)++];
}

/* raw is taken. */
static void fill(struct push *push, const char *list, char *raw, size_t len)
{
    if (!raw) no_memory();
    snprintf(push->list, sizeof push->list, "%s", list);
    push->raw = raw;
    push->len = len;
}

/* ---- follow-ups ---- */
static void take_key(struct outcome *o, const char *key)
{
    char **grown = realloc(o->part_keys, (o->part_key_count + 1) * sizeof *grown);
    if (grown) o->part_keys = grown;
    if (!grown || !(o->part_keys[o->part_key_count] = strdup(key))) no_memory();
    o->part_key_count++;
}

void aftermath_take(struct outcome *o, const char *block, size_t len)
{
    struct wire frame;
    int64_t size;
    while (len > 0 && (size = wire_take(block, len, &frame)) > 0 && frame.text[SEND_LIST]) {
        bool is_pair = frame.type == WIRE_SEND || frame.type == WIRE_SET;
        if (is_pair && !frame.text[SEND_MESSAGE]) break;
        if (frame.type == WIRE_SEND)
            fill(grow(&o->pushes, &o->push_count), frame.text[SEND_LIST], strdup(frame.text[SEND_MESSAGE]),
                 frame.len[SEND_MESSAGE]);
        else if (frame.type == WIRE_SET)
            fill(grow(&o->sets, &o->set_count), frame.text[SEND_LIST], strdup(frame.text[SEND_MESSAGE]),
                 frame.len[SEND_MESSAGE]);
        else if (frame.type == WIRE_KEY)
            take_key(o, frame.text[0]);
        else if (frame.type == WIRE_PARTS && !o->parts && !(o->parts = strdup(frame.text[0])))
            no_memory();
        block += size;
        len -= (size_t)size;
    }
}

/* ---- the rest of the chain ---- */
struct rest {
    struct outcome *o;
    cJSON *result;
};

static void put_text(cJSON *object, const char *name, const char *text)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (text) cJSON_AddStringToObject(object, name, text);
}

static void fail_one(void *arg, const cJSON *task)
{
    struct rest *rest = arg;
    const cJSON *options = signature_member(task, "options");
    const char *id = signature_text(options, "task_id");
    if (strlen(id) > MESSAGE_ID_LIMIT) return;
    put_text(rest->result, "group_id", signature_text(options, "group_id"));
    put_text(rest->result, "parent_id", signature_text(options, "parent_id"));
    put_text(rest->result, "task_id", id);
    char *raw = cJSON_PrintUnformatted(rest->result);
    fill(grow(&rest->o->rest, &rest->o->rest_count), id, raw, raw ? strlen(raw) : 0);
}

/* The result of the outcome. What a runner tells may have been scribbled over by its task, and may not be kept at all:
 * then the failure is told in our own words. */
static cJSON *result_of(const struct delivery *d)
{
    const char *json = d->outcome.json;
    struct buf value = {0}, own = {0};
    cJSON *result = json ? json_parse(json, strlen(json)) : NULL;
    if (!cJSON_IsObject(result)) {
        cJSON_Delete(result);
        result_exception(&value, "RuntimeError", "an earlier task of the chain failed", "builtins");
        result_encode(&own, &(struct result_spec){.task_id = d->m.id, .status = "FAILURE", .value = value.data});
        result = own.data ? json_parse(own.data, own.len) : NULL;
    }
    if (!result) no_memory();
    json_exact(result);
    cJSON_ReplaceItemInObjectCaseSensitive(result, "children", cJSON_CreateArray());
    buf_free(&value);
    buf_free(&own);
    return result;
}

static void fail_rest(struct delivery *d, const struct message_body *body)
{
    const cJSON *one;
    if (!body->chain) return;
    struct rest rest = {.o = &d->outcome, .result = result_of(d)};
    cJSON_ArrayForEach(one, body->chain) {
        signature_each(one, fail_one, &rest);
    }
    cJSON_Delete(rest.result);
}

static bool open_body(const struct delivery *d, struct message_body *body)
{
    *body = (struct message_body){0};
    if (message_body_of(&d->m, UNPACK_MEMORY_LOOP, body, NULL) == 0) return true;
    message_body_free(body);
    return false;
}

void aftermath_rest(struct delivery *d)
{
    struct message_body body;
    if (!open_body(d, &body)) return;
    fail_rest(d, &body);
    message_body_free(&body);
}

/* ---- errbacks and chords ---- */
typedef int (*followups_fn)(const struct ended_task *task, const struct message_body *body, const char *value,
                            struct buf *sends, struct err *err);

static void tell(struct worker *w, struct delivery *d, const char *value, followups_fn followups)
{
    struct message_body body;
    struct buf sends = {0}, text = {0};
    struct err err = {0};
    if (!d->m.id || !open_body(d, &body)) return;
    fail_rest(d, &body);
    message_canvas(&d->m, &text);
    cJSON *canvas = text.data ? json_parse(text.data, text.len) : NULL;
    struct ended_task ended = {.keys = &w->keys,
                               .id = d->m.id,
                               .root_id = d->m.root_id ? d->m.root_id : d->m.id,
                               .queue = d->queue,
                               .group = d->m.group,
                               .canvas = canvas};
    int rc = followups(&ended, &body, value, &sends, &err);
    if (sends.failed) no_memory();
    if (rc != 0)
        log_warning("task %s[%s]: what follows its end is not sent: %s", d->m.task ? d->m.task : "?", d->m.id,
                    err.text);
    else if (sends.data)
        aftermath_take(&d->outcome, sends.data, sends.len);
    cJSON_Delete(canvas);
    buf_free(&sends);
    buf_free(&text);
    message_body_free(&body);
}

void aftermath_failed(struct worker *w, struct delivery *d, const char *value)
{
    tell(w, d, value, followups_of_failure);
}

void aftermath_revoked(struct worker *w, struct delivery *d, const char *value)
{
    tell(w, d, value, followups_of_revoke);
}
