/* See signature.h. What counts towards a chord is told so in its options (group_id, group_index, chord), as Celery
 * "freezes" it; so a chord that is begun here looks like one that a Python process began. */
#include "services/runner/signature.h"

#include <stdlib.h>
#include <string.h>

#include "conf/machine/random.h"
#include "ipc/queue/queue_message.h"

/* ---- reading ---- */
const cJSON *signature_member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
    return cJSON_IsNull(value) ? NULL : value;
}

const char *signature_text(const cJSON *object, const char *name)
{
    const cJSON *value = signature_member(object, name);
    return cJSON_IsString(value) && value->valuestring[0] ? value->valuestring : NULL;
}

enum signature_kind signature_kind(const cJSON *signature)
{
    const char *task = signature_text(signature, "task");
    const cJSON *kwargs = signature_member(signature, "kwargs");
    if (!task || strncmp(task, "celery.", 7) != 0) return KIND_TASK;
    bool has_tasks = cJSON_IsArray(signature_member(kwargs, "tasks"));
    if (strcmp(task, "celery.group") == 0 && has_tasks) return KIND_GROUP;
    if (strcmp(task, "celery.chain") == 0 && has_tasks) return KIND_CHAIN;
    if (strcmp(task, "celery.chord") == 0 && signature_member(kwargs, "header")) return KIND_CHORD;
    return KIND_TASK;
}

/* The members of a group or chain, or of a chord's header, which is a list or a group. */
cJSON *signature_members(const cJSON *signature)
{
    const cJSON *kwargs = signature_member(signature, "kwargs");
    if (signature_kind(signature) != KIND_CHORD) return (cJSON *)(uintptr_t)signature_member(kwargs, "tasks");
    const cJSON *header = signature_member(kwargs, "header");
    if (cJSON_IsObject(header)) header = signature_member(signature_member(header, "kwargs"), "tasks");
    return (cJSON *)(uintptr_t)header;
}

cJSON *signature_body(const cJSON *chord)
{
    return (cJSON *)(uintptr_t)signature_member(signature_member(chord, "kwargs"), "body");
}

static bool is_whole(const cJSON *signature, int depth)
{
    const cJSON *one;
    enum signature_kind kind = signature_kind(signature);
    if (!cJSON_IsObject(signature) || depth > SIGNATURE_DEPTH) return false;
    if (kind == KIND_TASK) return true;
    if (!cJSON_IsArray(signature_members(signature))) return false;
    cJSON_ArrayForEach(one, signature_members(signature)) {
        if (!is_whole(one, depth + 1)) return false;
    }
    return kind != KIND_CHORD || !signature_body(signature) || is_whole(signature_body(signature), depth + 1);
}

bool signature_is_whole(const cJSON *signature)
{
    return is_whole(signature, 0);
}

static void each(const cJSON *signature, int depth, void (*fn)(void *arg, const cJSON *task), void *arg)
{
    const cJSON *one;
    enum signature_kind kind = signature_kind(signature);
    if (depth > SIGNATURE_DEPTH) return;
    if (kind == KIND_TASK && signature_text(signature_member(signature, "options"), "task_id")) fn(arg, signature);
    if (kind == KIND_TASK) return;
    cJSON_ArrayForEach(one, signature_members(signature)) {
        each(one, depth + 1, fn, arg);
    }
    if (kind == KIND_CHORD) each(signature_body(signature), depth + 1, fn, arg);
}

void signature_each(const cJSON *signature, void (*fn)(void *arg, const cJSON *task), void *arg)
{
    each(signature, 0, fn, arg);
}

/* ---- changing a copy ---- */
static cJSON *options_of(cJSON *signature)
{
    cJSON *options = cJSON_GetObjectItemCaseSensitive(signature, "options");
    if (cJSON_IsObject(options)) return options;
    cJSON_DeleteItemFromObjectCaseSensitive(signature, "options");
    return cJSON_AddObjectToObject(signature, "options");
}

void signature_set_option(cJSON *signature, const char *name, cJSON *value)
{
    cJSON *options = options_of(signature);
    cJSON_DeleteItemFromObjectCaseSensitive(options, name);
    cJSON_AddItemToObject(options, name, value);
}

const char *signature_id(cJSON *signature)
{
    char id[UUID_TEXT_SIZE];
    const char *given = signature_text(options_of(signature), "task_id");
    if (given && strlen(given) <= MESSAGE_ID_LIMIT) return given;
    signature_set_option(signature, "task_id", cJSON_CreateString(random_uuid4(id)));
    return signature_text(options_of(signature), "task_id");
}

/* A list option may be one signature. */
cJSON *signature_list_option(const cJSON *signature, const char *name)
{
    const cJSON *value = signature_member(signature_member(signature, "options"), name);
    if (!value) return NULL;
    if (cJSON_IsArray(value)) return cJSON_Duplicate(value, true);
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_Duplicate(value, true));
    return list;
}

void signature_extend_option(cJSON *signature, const char *name, const cJSON *more)
{
    const cJSON *one;
    if (!more) return;
    cJSON *list = signature_list_option(signature, name);
    if (!list) list = cJSON_CreateArray();
    cJSON_ArrayForEach(one, more) {
        cJSON_AddItemToArray(list, cJSON_Duplicate(one, true));
    }
    signature_set_option(signature, name, list);
}

/* What is asked of a group or chord as a whole is asked of each of its tasks. */
void signature_pass_on(cJSON *to, const cJSON *from)
{
    static const char *const names[] = {"queue",   "routing_key",   "priority",   "countdown",
                                        "eta",     "expires",       "time_limit", "soft_time_limit",
                                        "headers", "ignore_result", "shadow",     NULL};
    const cJSON *options = signature_member(from, "options");
    for (int i = 0; names[i]; i++) {
        const cJSON *value = signature_member(options, names[i]);
        if (value) signature_set_option(to, names[i], cJSON_Duplicate(value, true));
    }
}

/* ---- results, as Celery's as_tuple() has them ---- */
static void add_name(struct buf *out, const char *id, const char *parent)
{
    buf_str(out, "[");
    buf_json_string(out, id, strlen(id));
    buf_printf(out, ", %s]", parent ? parent : "null");
}

static void add_result(struct buf *out, cJSON *signature, const char *parent, int depth);

static void add_results(struct buf *out, cJSON *tasks, int depth)
{
    cJSON *one;
    buf_char(out, '[');
    cJSON_ArrayForEach(one, tasks) {
        if (one->prev && one != tasks->child) buf_str(out, ", ");
        add_result(out, one, NULL, depth + 1);
    }
    buf_char(out, ']');
}

void signature_group_result(struct buf *out, const char *id, cJSON *tasks, const char *parent, int depth)
{
    buf_char(out, '[');
    add_name(out, id, parent);
    buf_str(out, ", ");
    add_results(out, tasks, depth);
    buf_char(out, ']');
}

/* Whatever has no id yet gets one. */
static void add_result(struct buf *out, cJSON *signature, const char *parent, int depth)
{
    struct buf before = {0}, after = {0};
    enum signature_kind kind = depth > SIGNATURE_DEPTH ? KIND_TASK : signature_kind(signature);
    cJSON *one;
    if (kind == KIND_GROUP) {
        signature_group_result(out, signature_id(signature), signature_members(signature), parent, depth);
    } else if (kind == KIND_CHORD && signature_body(signature)) {
        signature_group_result(&before, signature_id(signature), signature_members(signature), parent, depth);
        add_result(out, signature_body(signature), before.data, depth + 1);
    } else if (kind == KIND_CHAIN && signature_members(signature)->child) {
        cJSON_ArrayForEach(one, signature_members(signature)) {
            buf_reset(&after);
            add_result(&after, one, before.data ? before.data : parent, depth + 1);
            buf_reset(&before);
            buf_str(&before, after.data ? after.data : "null");
        }
        buf_str(out, before.data);
    } else {
        buf_char(out, '[');
        add_name(out, signature_id(signature), parent);
        buf_str(out, ", null]");
    }
    out->failed = out->failed || before.failed || after.failed;
    buf_free(&before);
    buf_free(&after);
}

/* ---- places in a chord ---- */
/* Gives what counts of a signature its place: the task, the last of a chain, all of a group, the body of a chord. How
 * many they are. */
int signature_freeze(cJSON *signature, struct chord_place *place, int depth)
{
    cJSON *one;
    int count = 0;
    enum signature_kind kind = depth > SIGNATURE_DEPTH ? KIND_TASK : signature_kind(signature);
    if (kind == KIND_CHORD && signature_body(signature))
        return signature_freeze(signature_body(signature), place, depth + 1);
    if (kind == KIND_CHAIN) {
        for (int i = cJSON_GetArraySize(signature_members(signature)) - 1; i >= 0 && count == 0; i--)
            count = signature_freeze(cJSON_GetArrayItem(signature_members(signature), i), place, depth + 1);
        return count;
    }
    if (kind == KIND_GROUP || kind == KIND_CHORD) {
        cJSON_ArrayForEach(one, signature_members(signature)) {
            count += signature_freeze(one, place, depth + 1);
        }
        return count;
    }
    signature_id(signature);
    if (!signature_text(options_of(signature), "group_id"))
        signature_set_option(signature, "group_id", cJSON_CreateString(place->group));
    if (!place->body) return 1;
    signature_set_option(signature, "chord", cJSON_Duplicate(place->body, true));
    signature_set_option(signature, "group_index", cJSON_CreateNumber(place->index++));
    return 1;
}

/* Groups in groups are one. */
void signature_flatten(cJSON *to, const cJSON *tasks, int depth)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, tasks) {
        if (signature_kind(one) == KIND_GROUP && depth < SIGNATURE_DEPTH) {
            signature_flatten(to, signature_members(one), depth + 1);
        } else {
            cJSON_AddItemToArray(to, cJSON_Duplicate(one, true));
        }
    }
}

bool signature_ends_in_group(const cJSON *signature)
{
    const cJSON *tasks = signature_kind(signature) == KIND_CHAIN ? signature_members(signature) : NULL;
    const cJSON *last = tasks && tasks->child ? tasks->child->prev : NULL;
    return last && (signature_kind(last) == KIND_GROUP || signature_ends_in_group(last));
}
