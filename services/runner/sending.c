/* A Celery signature made into messages, with groups, chains and chords unfolded. */
#include "services/runner/sending.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "services/runner/signature.h"
#include "services/runner/wire.h"
#include "services/tasks/task_table.h"

/* ---- reading ---- */
static double number_of(const cJSON *object, const char *name)
{
    const cJSON *value = signature_member(object, name);
    return cJSON_IsNumber(value) && value->valuedouble > 0 && value->valuedouble < 1e9 ? value->valuedouble : 0;
}

/* eta or expires: ISO text, or seconds from now. */
static int64_t time_of(const cJSON *options, const char *name)
{
    int64_t unix_us = 0;
    const cJSON *seconds = signature_member(options, name);
    const char *text = signature_text(options, name);
    if (cJSON_IsNumber(seconds) && seconds->valuedouble > -1e9 && seconds->valuedouble < 1e9)
        return wall_us() + (int64_t)(seconds->valuedouble * 1e6);
    return text && clock_parse_iso_loose(text, &unix_us) == 0 ? unix_us : 0;
}

static const char *queue_of(const struct sending *s, const char *task, const cJSON *options)
{
    const struct task_def *def = task_find(task, true);
    const char *queue = signature_text(options, "queue");
    if (!queue) queue = signature_text(options, "routing_key");
    if (!queue && def) queue = def->queue;
    return queue && strlen(queue) < 128 ? queue : s->queue;
}

static void add_child(struct buf *children, const char *text)
{
    if (!children) return;
    if (children->len > 1) buf_str(children, ", "); /* behind the opening bracket */
    buf_str(children, text ? text : "null");
}

/* ---- one task ---- */
/* Lists are made from their beginning: cJSON_InsertItemInArray of some versions (1.7.15 as Debian 12 has it) inserts
 * nothing but at the front, and what it was given is lost. */
static void append(cJSON *to, const cJSON *list)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, list) {
        cJSON_AddItemToArray(to, cJSON_Duplicate(one, true));
    }
}

static cJSON *arguments(const cJSON *signature, const cJSON *prefix)
{
    const cJSON *given = signature_member(signature, "args");
    cJSON *args = cJSON_CreateArray();
    if (!cJSON_IsTrue(signature_member(signature, "immutable"))) append(args, prefix);
    if (cJSON_IsArray(given)) append(args, given);
    return args;
}

/* What its sender bears and what it bears itself. */
struct stamps {
    cJSON *names, *values;
};

static struct stamps stamps_of(const struct sending *s, const cJSON *options)
{
    const cJSON *own = signature_member(options, "stamped_headers"), *one;
    struct stamps stamps = {0};
    if (!cJSON_IsArray(s->stamped_headers) && !cJSON_IsArray(own)) return stamps;
    stamps.names = cJSON_IsArray(s->stamped_headers) ? cJSON_Duplicate(s->stamped_headers, true) : cJSON_CreateArray();
    stamps.values = cJSON_IsObject(s->stamps) ? cJSON_Duplicate(s->stamps, true) : cJSON_CreateObject();
    cJSON_ArrayForEach(one, own) {
        const char *name = cJSON_GetStringValue(one);
        const cJSON *value = name ? signature_member(options, name) : NULL, *known;
        bool is_known = false;
        if (!value) continue;
        cJSON_ArrayForEach(known, stamps.names) {
            is_known = is_known || (cJSON_IsString(known) && strcmp(known->valuestring, name) == 0);
        }
        if (!is_known) cJSON_AddItemToArray(stamps.names, cJSON_CreateString(name));
        cJSON_DeleteItemFromObjectCaseSensitive(stamps.values, name);
        cJSON_AddItemToObject(stamps.values, name, cJSON_Duplicate(value, true));
    }
    return stamps;
}

static cJSON *copy(const cJSON *value)
{
    return value ? cJSON_Duplicate(value, true) : NULL;
}

static void put_message(struct sending *s, const struct message_spec *spec)
{
    char list[QUEUE_KEY_SIZE];
    struct buf message = {0};
    message_encode(&message, spec);
    queue_list_key(s->keys, list, spec->queue, spec->priority);
    struct wire frame = {.type = WIRE_SEND, .text = {list, message.data}, .len = {0, (uint32_t)message.len}};
    if (message.failed || !wire_put(s->sends, &frame)) s->sends->failed = true;
    buf_free(&message);
}

/* As Celery writes a result of which nothing is known but its id. */
static void add_sent(struct buf *children, const char *id)
{
    struct buf child = {0};
    buf_str(&child, "[[");
    buf_json_string(&child, id, strlen(id));
    buf_str(&child, ", null], null]");
    add_child(children, child.data);
    buf_free(&child);
}

static void id_of(const cJSON *options, char id[MESSAGE_ID_LIMIT + 1])
{
    const char *given = signature_text(options, "task_id");
    if (given && strlen(given) <= MESSAGE_ID_LIMIT)
        snprintf(id, MESSAGE_ID_LIMIT + 1, "%s", given);
    else
        random_uuid4(id);
}

static int send_task(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                     struct buf *children, struct err *err)
{
    char id[MESSAGE_ID_LIMIT + 1];
    const cJSON *options = signature_member(signature, "options"), *kwargs = signature_member(signature, "kwargs");
    const char *task = signature_text(signature, "task");
    if (!task || strlen(task) > MESSAGE_ID_LIMIT)
        return err_set(err, ERR_INPUT, "a follow-up's signature names no task");
    id_of(options, id);
    double countdown = number_of(options, "countdown"), priority = number_of(options, "priority");
    const char *root_id = signature_text(options, "root_id"), *parent_id = signature_text(options, "parent_id");
    struct stamps stamps = stamps_of(s, options);
    enum { CARRIED = 10 };
    cJSON *carried[CARRIED] = {arguments(signature, prefix),
                               cJSON_IsObject(kwargs) ? copy(kwargs) : NULL,
                               signature_list_option(signature, "link"),
                               signature_list_option(signature, "link_error"),
                               chain && chain->child ? copy(chain) : NULL,
                               copy(signature_member(options, "chord")),
                               copy(signature_member(options, "headers")),
                               copy(signature_member(options, "group_index")),
                               stamps.names,
                               stamps.values};
    struct message_spec spec = {
        .task = task,
        .id = id,
        .queue = queue_of(s, task, options),
        .root_id = root_id && (s->is_template || !s->root_id) ? root_id : s->root_id,
        .parent_id = parent_id && (s->is_template || !s->parent_id) ? parent_id : s->parent_id,
        .group = signature_text(options, "group_id"),
        .shadow = signature_text(options, "shadow"),
        .eta_us = countdown > 0 ? wall_us() + (int64_t)(countdown * 1e6) : time_of(options, "eta"),
        .expires_us = time_of(options, "expires"),
        .hard_limit_ms = (int64_t)(number_of(options, "time_limit") * 1000),
        .soft_limit_ms = (int64_t)(number_of(options, "soft_time_limit") * 1000),
        .priority = priority > 9 ? 9 : (int)priority,
        .ignores_result = cJSON_IsTrue(signature_member(options, "ignore_result")),
        .args_repr = signature_text(options, "argsrepr"),
        .kwargs_repr = signature_text(options, "kwargsrepr"),
        .is_plain = s->is_template,
    };
    if (s->is_template && !spec.args_repr) spec.args_repr = "([...],)"; /* the results come later */
    for (int i = 0; i < CARRIED; i++) json_exact(carried[i]);
    spec.args = carried[0], spec.kwargs = carried[1], spec.callbacks = carried[2], spec.errbacks = carried[3];
    spec.chain = carried[4], spec.chord = carried[5], spec.headers = carried[6], spec.group_index = carried[7];
    spec.stamped_headers = carried[8], spec.stamps = carried[9];
    put_message(s, &spec);
    add_sent(children, id);
    for (int i = 0; i < CARRIED; i++) cJSON_Delete(carried[i]);
    return 0;
}

/* ---- what stands for several ---- */
static int send(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                struct buf *children, int depth, struct err *err);

static void put_value(struct sending *s, const char *group, const char *suffix, const char *value)
{
    char key[QUEUE_KEY_SIZE];
    struct wire frame = {.type = WIRE_SET, .text = {queue_group_key(s->keys, key, group, suffix), value}};
    if (!value || !wire_put(s->sends, &frame)) s->sends->failed = true;
}

/* A chord's size is told with its header, and the shape of the results where they are not a plain list. */
static void tell_chord(struct sending *s, const char *group, cJSON *tasks, int size)
{
    char number[24];
    struct buf shape = {0};
    const cJSON *one;
    bool is_nested = false;
    snprintf(number, sizeof number, "%d", size);
    put_value(s, group, ".s", number);
    cJSON_ArrayForEach(one, tasks) {
        is_nested = is_nested || signature_ends_in_group(one);
    }
    if (!is_nested) return;
    buf_str(&shape, "{\"result\": ");
    signature_group_result(&shape, group, tasks, NULL, 0);
    buf_char(&shape, '}');
    put_value(s, group, "", shape.failed ? NULL : shape.data);
    buf_free(&shape);
}

/* The tasks at once, each with the prefix. body: what follows when all have ended; or NULL. */
static int send_group(struct sending *s, const cJSON *group, const cJSON *body, const cJSON *prefix,
                      struct buf *children, int depth, struct err *err)
{
    char id[MESSAGE_ID_LIMIT + 1];
    const char *given = signature_text(signature_member(group, "options"), "task_id");
    struct chord_place place = {.group = id, .body = body};
    struct buf child = {0};
    cJSON *tasks = cJSON_CreateArray(), *one;
    int rc = 0, size = 0;
    if (given && strlen(given) <= MESSAGE_ID_LIMIT)
        snprintf(id, sizeof id, "%s", given);
    else
        random_uuid4(id);
    signature_flatten(tasks, signature_members(group), 0);
    cJSON_ArrayForEach(one, tasks) {
        signature_pass_on(one, group);
        size += signature_freeze(one, &place, 0);
    }
    signature_group_result(&child, id, tasks, NULL, 0); /* gives ids to all of them */
    if (body && size > 0) tell_chord(s, id, tasks, size);
    if (body && size == 0) {
        cJSON *none = cJSON_CreateArray();
        cJSON_AddItemToArray(none, cJSON_CreateArray());
        rc = send(s, body, none, NULL, children, depth + 1, err);
        cJSON_Delete(none);
    } else {
        cJSON_ArrayForEach(one, tasks) {
            if (rc == 0) rc = send(s, one, prefix, NULL, NULL, depth + 1, err);
        }
        add_child(children, child.data);
    }
    buf_free(&child);
    cJSON_Delete(tasks);
    return rc;
}

/* A chord's body is the follow-up of whoever sends the chord, though the last part will send it. */
static void prepare_body(const struct sending *s, cJSON *body, const cJSON *chain)
{
    if (chain && chain->child) signature_set_option(body, "chain", copy(chain));
    if (!s->is_template && s->parent_id) signature_set_option(body, "parent_id", cJSON_CreateString(s->parent_id));
    if (!s->is_template && s->root_id) signature_set_option(body, "root_id", cJSON_CreateString(s->root_id));
    if (signature_kind(body) == KIND_TASK) signature_id(body);
}

static int send_chord(struct sending *s, const cJSON *chord, const cJSON *prefix, const cJSON *chain,
                      struct buf *children, int depth, struct err *err)
{
    const cJSON *header = signature_member(signature_member(chord, "kwargs"), "header"), *option;
    const cJSON *own = signature_member(chord, "args");
    cJSON *group = cJSON_Duplicate(chord, true), *body = copy(signature_body(chord));
    cJSON *before = cJSON_IsTrue(signature_member(chord, "immutable")) || !prefix ? cJSON_CreateArray() : copy(prefix);
    if (!cJSON_IsArray(signature_members(chord))) {
        cJSON_Delete(before), cJSON_Delete(body), cJSON_Delete(group);
        return err_set(err, ERR_INPUT, "a chord has no header");
    }
    append(before, own);
    const char *id = signature_text(signature_member(header, "options"), "task_id");
    signature_set_option(group, "task_id", id ? cJSON_CreateString(id) : cJSON_CreateNull());
    if (body) {
        cJSON_ArrayForEach(option, signature_member(chord, "options")) {
            if (strcmp(option->string, "task_id") != 0 && !cJSON_IsNull(option))
                signature_set_option(body, option->string, cJSON_Duplicate(option, true));
        }
        prepare_body(s, body, chain);
    }
    int rc = send_group(s, group, body, before, children, depth, err);
    cJSON_Delete(before);
    cJSON_Delete(body);
    cJSON_Delete(group);
    return rc;
}

/* A group with something behind it is a chord, whose body is that. */
static int send_group_in_chain(struct sending *s, const cJSON *group, const cJSON *prefix, const cJSON *chain,
                               struct buf *children, int depth, struct err *err)
{
    if (!chain || !chain->child) return send_group(s, group, NULL, prefix, children, depth, err);
    cJSON *rest = cJSON_Duplicate(chain, true);
    cJSON *body = cJSON_DetachItemFromArray(rest, cJSON_GetArraySize(rest) - 1);
    bool is_fine = signature_is_whole(body);
    if (is_fine) prepare_body(s, body, rest);
    int rc = !is_fine ? err_set(err, ERR_INPUT, "what is behind a group in its chain is no signature")
                      : send_group(s, group, body, prefix, children, depth, err);
    cJSON_Delete(body);
    cJSON_Delete(rest);
    return rc;
}

/* The first of the tasks gets the prefix; the others come behind it, before what comes behind the chain. Messages hold
 * chains from the last to the next. Arguments of the chain itself are left out, as by Celery. */
static int send_chain(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                      struct buf *children, int depth, struct err *err)
{
    cJSON *tasks = cJSON_Duplicate(signature_members(signature), true), *one;
    cJSON *callbacks = signature_list_option(signature, "link"),
          *errbacks = signature_list_option(signature, "link_error");
    cJSON *rest = chain ? cJSON_Duplicate(chain, true) : cJSON_CreateArray();
    cJSON *before =
        cJSON_IsTrue(signature_member(signature, "immutable")) || !prefix ? cJSON_CreateArray() : copy(prefix);
    cJSON_ArrayForEach(one, tasks) {
        signature_extend_option(one, "link_error", errbacks);
        if (!one->next) signature_extend_option(one, "link", callbacks);
    }
    cJSON *head = cJSON_DetachItemFromArray(tasks, 0);
    for (int i = cJSON_GetArraySize(tasks); i-- > 0;) cJSON_AddItemToArray(rest, cJSON_DetachItemFromArray(tasks, i));
    int rc =
        head ? send(s, head, before, rest, children, depth + 1, err) : err_set(err, ERR_INPUT, "a chain has no tasks");
    cJSON *owned[] = {head, tasks, callbacks, errbacks, rest, before};
    for (int i = 0; i < 6; i++) cJSON_Delete(owned[i]);
    return rc;
}

static int send(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                struct buf *children, int depth, struct err *err)
{
    if (depth > SIGNATURE_DEPTH || !signature_is_whole(signature))
        return err_set(err, ERR_INPUT, "a signature is none, or holds one that is none, or is nested too deeply");
    if (!chain || !chain->child) chain = signature_member(signature_member(signature, "options"), "chain");
    if (!cJSON_IsArray(chain)) chain = NULL;
    switch (signature_kind(signature)) {
    case KIND_GROUP: return send_group_in_chain(s, signature, prefix, chain, children, depth, err);
    case KIND_CHAIN: return send_chain(s, signature, prefix, chain, children, depth, err);
    case KIND_CHORD: return send_chord(s, signature, prefix, chain, children, depth, err);
    default: return send_task(s, signature, prefix, chain, children, err);
    }
}

int sending_one(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                struct buf *children, struct err *err)
{
    return send(s, signature, prefix, chain, children, 0, err);
}

int sending_group(struct sending *s, const cJSON *signatures, const cJSON *prefix, struct buf *children,
                  struct err *err)
{
    if (!cJSON_IsArray(signatures) || !signatures->child) return 0;
    cJSON *group = cJSON_CreateObject();
    cJSON_AddStringToObject(group, "task", "celery.group");
    cJSON_AddItemToObject(cJSON_AddObjectToObject(group, "kwargs"), "tasks", cJSON_Duplicate(signatures, true));
    int rc = send(s, group, prefix, NULL, children, 0, err);
    cJSON_Delete(group);
    return rc;
}

int sending_callbacks(struct sending *s, const cJSON *signatures, const cJSON *prefix, struct buf *children,
                      struct err *err)
{
    const cJSON *one;
    int rc = 0;
    if (!cJSON_IsArray(signatures) || !signatures->child) return 0;
    if (!signatures->child->next) return send(s, signatures->child, prefix, NULL, children, 0, err);
    cJSON *others = cJSON_CreateArray();
    cJSON_ArrayForEach(one, signatures) {
        if (signature_kind(one) != KIND_GROUP)
            cJSON_AddItemToArray(others, cJSON_Duplicate(one, true));
        else if (rc == 0)
            rc = send(s, one, prefix, NULL, children, 0, err);
    }
    if (rc == 0) rc = sending_group(s, others, prefix, children, err);
    cJSON_Delete(others);
    return rc;
}
