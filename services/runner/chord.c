/* See chord.h. The form that finish.lua reads is JSON. Keys have numbers, as Lua counts.
 *
 * A part: "k" (numbers of the keys .j, .t, .s and of the saved group), "id" (as JSON text), "index" (score), "state",
 * "result" (JSON text; without one it is the failure of the chord before it), "spec".
 *
 * A spec, what becomes of the body: "token"; "push" (pairs of key and message, with the token, as a JSON text in the
 * message's body, where the results belong); "set" (pairs of key and value); "fail": "push" and "set" likewise,
 * "result" (pairs of key and JSON, with the token where the message of the ChordError belongs), "parts". */
#include "services/runner/chord.h"

#include <stdlib.h>
#include <string.h>

#include "conf/machine/random.h"
#include "ipc/queue/result.h"
#include "services/runner/signature.h"
#include "services/runner/wire.h"

#define TOKEN_BYTES 16

/* The number of a key, as Lua counts. */
static int key_of(struct chord_parts *p, const char *key)
{
    for (int i = 0; i < p->name_count; i++)
        if (strcmp(p->names[i], key) == 0) return i + 1;
    char **grown = realloc(p->names, (size_t)(p->name_count + 1) * sizeof *grown);
    if (grown) p->names = grown;
    char *copy = grown ? strdup(key) : NULL;
    if (!copy) {
        p->has_failed = true;
        return 1;
    }
    p->names[p->name_count++] = copy;
    return p->name_count;
}

static void add_pair(struct buf *out, int key, const char *text, size_t len)
{
    if (out->len > 0) buf_str(out, ", ");
    buf_printf(out, "[%d, ", key);
    buf_json_string(out, text, len);
    buf_char(out, ']');
}

/* Frames of type SEND and SET as pairs. */
static void take_frames(struct chord_parts *p, const struct buf *sends, struct buf *push, struct buf *set)
{
    struct wire frame;
    int64_t size;
    for (size_t at = 0; at < sends->len; at += (size_t)size) {
        size = wire_take(sends->data + at, sends->len - at, &frame);
        if (size <= 0) break;
        add_pair(frame.type == WIRE_SET ? set : push, key_of(p, frame.text[SEND_LIST]), frame.text[SEND_MESSAGE],
                 frame.len[SEND_MESSAGE]);
    }
    p->has_failed = p->has_failed || sends->failed;
}

/* ---- when a chord fails ---- */
struct failing {
    struct chord_parts *parts;
    const char *token;
    struct buf result, lost;
    const char *waited_id, *children; /* of the task that the body's result is looked for under */
    int depth;
    struct err *err;
};

static int add_part(struct chord_parts *p, struct buf *out, const struct chord_part *part, int depth, struct err *err);

/* A task of the body, which will not run: its result, and its part of another chord. */
static void fail_task(void *arg, const cJSON *task)
{
    struct failing *f = arg;
    char key[QUEUE_KEY_SIZE];
    struct buf json = {0}, value = {0};
    const cJSON *options = signature_member(task, "options");
    const char *id = signature_text(options, "task_id"), *group = signature_text(options, "group_id");
    if (strlen(id) > MESSAGE_ID_LIMIT) return;
    result_exception(&value, "ChordError", f->token, "celery.exceptions");
    struct result_spec spec = {.task_id = id,
                               .group = group,
                               .parent_id = signature_text(options, "parent_id"),
                               .status = "FAILURE",
                               .value = value.data};
    if (f->waited_id && strcmp(id, f->waited_id) == 0) spec.children = f->children;
    result_encode(&json, &spec);
    add_pair(&f->result, key_of(f->parts, queue_result_key(f->parts->as.keys, key, id)), json.data ? json.data : "",
             json.len);
    const cJSON *outer = signature_member(options, "chord");
    if (outer && group) {
        struct chord_part part = {.group = group,
                                  .id = id,
                                  .index = signature_member(options, "group_index"),
                                  .state = "FAILURE",
                                  .body = outer};
        if (f->lost.len > 0) buf_str(&f->lost, ", ");
        add_part(f->parts, &f->lost, &part, f->depth + 1, f->err);
    }
    f->parts->has_failed = f->parts->has_failed || json.failed || value.failed;
    buf_free(&json);
    buf_free(&value);
}

/* The id under which whoever waits for the body looks. */
static const char *result_id(const cJSON *body, int depth)
{
    const cJSON *tasks = signature_members(body);
    if (signature_kind(body) == KIND_CHORD && signature_body(body) && depth < SIGNATURE_DEPTH)
        return result_id(signature_body(body), depth + 1);
    if (signature_kind(body) == KIND_CHAIN && tasks && tasks->child && depth < SIGNATURE_DEPTH)
        return result_id(tasks->child->prev, depth + 1);
    return signature_text(signature_member(body, "options"), "task_id");
}

/* children: of the body's result. */
static void add_errbacks(struct chord_parts *p, const cJSON *body, struct buf *push, struct buf *set,
                         struct buf *children, struct err *err)
{
    struct buf sends = {0};
    const char *id = result_id(body, 0);
    cJSON *errbacks = signature_list_option(body, "link_error"), *prefix = cJSON_CreateArray();
    if (!errbacks && signature_kind(body) == KIND_CHAIN && signature_members(body)->child)
        errbacks = signature_list_option(signature_members(body)->child, "link_error");
    cJSON_AddItemToArray(prefix, id ? cJSON_CreateString(id) : cJSON_CreateNull());
    struct sending as = p->as;
    as.sends = &sends;
    as.parent_id = as.root_id = id; /* the body is as good as sent, and a task of its own */
    buf_char(children, '[');
    if (errbacks && sending_group(&as, errbacks, prefix, children, err) == 0) take_frames(p, &sends, push, set);
    buf_char(children, ']');
    cJSON_Delete(errbacks);
    cJSON_Delete(prefix);
    buf_free(&sends);
}

/* ---- the spec ---- */
static int add_body(struct chord_parts *p, const struct chord_part *part, const char *token, struct buf *push,
                    struct buf *set, struct err *err)
{
    char text[2 * TOKEN_BYTES + 3];
    struct buf sends = {0};
    cJSON *prefix = cJSON_CreateArray();
    struct sending as = p->as;
    as.is_template = true;
    as.sends = &sends;
    as.parent_id = part->id;
    snprintf(text, sizeof text, "\"%s\"", token);
    cJSON_AddItemToArray(prefix, cJSON_CreateRaw(text));
    int rc = sending_one(&as, part->body, prefix, NULL, NULL, err);
    if (rc == 0) take_frames(p, &sends, push, set);
    cJSON_Delete(prefix);
    buf_free(&sends);
    return rc;
}

static void add_list(struct buf *out, const char *name, const struct buf *list)
{
    buf_printf(out, "\"%s\": [", name);
    if (list->len > 0) buf_add(out, list->data, list->len);
    buf_char(out, ']');
}

static int add_spec(struct chord_parts *p, struct buf *out, const struct chord_part *part, int depth, struct err *err)
{
    char token[2 * TOKEN_BYTES + 1];
    struct buf push = {0}, set = {0}, fail_push = {0}, fail_set = {0}, children = {0};
    struct failing failing = {.parts = p, .token = token, .depth = depth, .err = err};
    random_token_hex(token, TOKEN_BYTES);
    int rc = add_body(p, part, token, &push, &set, err);
    add_errbacks(p, part->body, &fail_push, &fail_set, &children, err);
    failing.waited_id = result_id(part->body, 0);
    failing.children = children.data;
    if (depth < SIGNATURE_DEPTH) signature_each(part->body, fail_task, &failing);
    buf_printf(out, "{\"token\": \"%s\", ", token);
    add_list(out, "push", &push);
    buf_str(out, ", ");
    add_list(out, "set", &set);
    buf_str(out, ", \"fail\": {");
    add_list(out, "push", &fail_push);
    buf_str(out, ", ");
    add_list(out, "set", &fail_set);
    buf_str(out, ", ");
    add_list(out, "result", &failing.result);
    buf_str(out, ", ");
    add_list(out, "parts", &failing.lost);
    buf_str(out, "}}");
    struct buf *all[] = {&push, &set, &fail_push, &fail_set, &failing.result, &failing.lost, &children};
    for (int i = 0; i < 7; i++) {
        p->has_failed = p->has_failed || all[i]->failed;
        buf_free(all[i]);
    }
    return rc;
}

static void add_index(struct buf *out, const cJSON *index)
{
    if (cJSON_IsNumber(index))
        buf_printf(out, "\"%.17g\"", index->valuedouble);
    else
        buf_str(out, "\"+inf\"");
}

static int add_part(struct chord_parts *p, struct buf *out, const struct chord_part *part, int depth, struct err *err)
{
    static const char *const suffixes[] = {".j", ".t", ".s", ""};
    char key[QUEUE_KEY_SIZE];
    struct buf spec = {0}, id = {0};
    int rc = add_spec(p, &spec, part, depth, err);
    buf_str(out, "{\"k\": [");
    for (int i = 0; i < 4; i++)
        buf_printf(out, "%s%d", i > 0 ? ", " : "",
                   key_of(p, queue_group_key(p->as.keys, key, part->group, suffixes[i])));
    buf_json_string(&id, part->id, strlen(part->id));
    buf_str(out, "], \"id\": ");
    buf_json_string(out, id.data ? id.data : "", id.len);
    buf_str(out, ", \"index\": ");
    add_index(out, part->index);
    buf_printf(out, ", \"state\": \"%s\"", part->state);
    if (part->value) {
        buf_str(out, ", \"result\": ");
        buf_json_string(out, part->value, strlen(part->value));
    }
    buf_str(out, ", \"spec\": ");
    buf_str(out, spec.data ? spec.data : "{}");
    buf_char(out, '}');
    p->has_failed = p->has_failed || spec.failed || id.failed || out->failed;
    buf_free(&spec);
    buf_free(&id);
    return rc;
}

/* ---- what others ask ---- */
int chord_parts_add(struct chord_parts *parts, const struct chord_part *part, struct err *err)
{
    buf_str(&parts->json, parts->json.len > 0 ? ", " : "[");
    return add_part(parts, &parts->json, part, 0, err);
}

void chord_parts_put(struct chord_parts *parts, struct buf *sends)
{
    if (parts->json.len > 0) {
        buf_char(&parts->json, ']');
        struct wire frame = {.type = WIRE_PARTS, .text = {parts->json.data}, .len = {(uint32_t)parts->json.len}};
        for (int i = 0; i < parts->name_count; i++) {
            struct wire key = {.type = WIRE_KEY, .text = {parts->names[i]}};
            if (!wire_put(sends, &key)) sends->failed = true;
        }
        if (parts->has_failed || parts->json.failed || !wire_put(sends, &frame)) sends->failed = true;
    }
    for (int i = 0; i < parts->name_count; i++) free(parts->names[i]);
    free(parts->names);
    buf_free(&parts->json);
    *parts = (struct chord_parts){0};
}
