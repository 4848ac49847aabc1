/* What follows a finished task: signatures (callbacks, errbacks, the next of a chain) become messages, as Celery's
 * apply_async makes them of a signature's args, kwargs and options. */
#include "services/runner/followup.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/random.h"
#include "ipc/task.h"
#include "services/runner/wire.h"
#include "services/tasks/task_table.h"

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
    return cJSON_IsNull(value) ? NULL : value;
}

static const char *text_member(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);
    return cJSON_IsString(value) && value->valuestring[0] ? value->valuestring : NULL;
}

static double number_member(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);
    return cJSON_IsNumber(value) && value->valuedouble > 0 && value->valuedouble < 1e9 ? value->valuedouble : 0;
}

/* eta or expires: ISO text, or seconds from now. */
static int64_t time_member(const cJSON *options, const char *name)
{
    int64_t unix_us = 0;
    double seconds = number_member(options, name);
    const char *text = text_member(options, name);
    if (seconds > 0) return wall_us() + (int64_t)(seconds * 1e6);
    return text && clock_parse_iso_loose(text, &unix_us) == 0 ? unix_us : 0;
}

static const char *queue_of(const struct ended_task *ended, const char *task, const cJSON *options)
{
    const struct task_def *def = task_find(task, true);
    const char *queue = text_member(options, "queue");
    if (!queue) queue = text_member(options, "routing_key");
    if (!queue && def) queue = def->queue;
    return queue && strlen(queue) < 128 ? queue : ended->queue;
}

/* A list as it is, or a lone signature as a list of one (the caller deletes what is returned). */
static cJSON *as_list(const cJSON *value)
{
    if (!value) return NULL;
    if (cJSON_IsArray(value)) return cJSON_Duplicate(value, true);
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_Duplicate(value, true));
    return list;
}

static cJSON *arguments(const cJSON *signature, const cJSON *first)
{
    const cJSON *given = member(signature, "args");
    cJSON *args = cJSON_IsArray(given) ? cJSON_Duplicate(given, true) : cJSON_CreateArray();
    if (!cJSON_IsTrue(member(signature, "immutable")))
        cJSON_InsertItemInArray(args, 0, first ? cJSON_Duplicate(first, true) : cJSON_CreateNull());
    return args;
}

static int add_task(const struct ended_task *ended, const cJSON *signature, const cJSON *first, const cJSON *chain,
                    struct buf *sends, struct buf *children, struct err *err)
{
    char id[MESSAGE_ID_LIMIT + 1], list[QUEUE_KEY_SIZE];
    const cJSON *options = member(signature, "options");
    const char *task = text_member(signature, "task"), *given_id = text_member(options, "task_id");
    if (!task || strlen(task) > MESSAGE_ID_LIMIT)
        return err_set(err, ERR_INPUT, "a follow-up's signature names no task");
    if (given_id && strlen(given_id) <= MESSAGE_ID_LIMIT)
        snprintf(id, sizeof id, "%s", given_id);
    else
        random_uuid4(id);
    double countdown = number_member(options, "countdown");
    cJSON *args = arguments(signature, first), *callbacks = as_list(member(options, "link"));
    cJSON *errbacks = as_list(member(options, "link_error"));
    cJSON *kwargs =
        cJSON_IsObject(member(signature, "kwargs")) ? cJSON_Duplicate(member(signature, "kwargs"), true) : NULL;
    cJSON *carried[] = {args, callbacks, errbacks, kwargs};
    for (int i = 0; i < 4; i++) json_exact(carried[i]);
    struct message_spec spec = {.task = task,
                                .id = id,
                                .queue = queue_of(ended, task, options),
                                .args = args,
                                .kwargs = kwargs,
                                .callbacks = callbacks,
                                .errbacks = errbacks,
                                .chain = chain,
                                .root_id = ended->root_id,
                                .parent_id = ended->id,
                                .group = text_member(options, "group_id"),
                                .eta_us = countdown > 0 ? wall_us() + (int64_t)(countdown * 1e6)
                                                        : time_member(options, "eta"),
                                .expires_us = time_member(options, "expires"),
                                .hard_limit_ms = (int64_t)(number_member(options, "time_limit") * 1000),
                                .soft_limit_ms = (int64_t)(number_member(options, "soft_time_limit") * 1000),
                                .priority = (int)number_member(options, "priority") % 10};
    struct buf message = {0};
    message_encode(&message, &spec);
    queue_list_key(ended->keys, list, spec.queue, spec.priority);
    struct wire frame = {.type = WIRE_SEND, .text = {list, message.data}, .len = {0, (uint32_t)message.len}};
    if (message.failed || !wire_put(sends, &frame)) sends->failed = true;
    if (children->len > 1) buf_str(children, ", "); /* behind the opening bracket */
    buf_str(children, "[[");
    buf_json_string(children, id, strlen(id));
    buf_str(children, ", null], null]");
    buf_free(&message);
    for (int i = 0; i < 4; i++) cJSON_Delete(carried[i]);
    return 0;
}

static int add(const struct ended_task *ended, const cJSON *signature, const cJSON *first, const cJSON *chain,
               struct buf *sends, struct buf *children, struct err *err);

/* Each member of a group gets the argument. What would have to wait for all of them is a chord, and comes as such. */
static int add_group(const struct ended_task *ended, const cJSON *tasks, const cJSON *first, const cJSON *chain,
                     struct buf *sends, struct buf *children, struct err *err)
{
    const cJSON *member_signature;
    int rc =
        chain ? err_set(err, ERR_INPUT, "a group with something behind it is a chord, which is not supported here") : 0;
    cJSON_ArrayForEach(member_signature, tasks) {
        if (rc == 0) rc = add(ended, member_signature, first, NULL, sends, children, err);
    }
    return rc;
}

/* The first of the tasks gets the argument; the others come behind it, before what comes behind the chain. Messages
 * hold chains from the last to the next. */
static int add_chain(const struct ended_task *ended, const cJSON *tasks, const cJSON *first, const cJSON *chain,
                     struct buf *sends, struct buf *children, struct err *err)
{
    const cJSON *head = cJSON_GetArrayItem(tasks, 0), *one;
    if (!head) return err_set(err, ERR_INPUT, "a chain has no tasks");
    cJSON *rest = chain ? cJSON_Duplicate(chain, true) : cJSON_CreateArray();
    int behind = cJSON_GetArraySize(rest);
    for (one = head->next; one; one = one->next) cJSON_InsertItemInArray(rest, behind, cJSON_Duplicate(one, true));
    json_exact(rest);
    int rc = add(ended, head, first, rest->child ? rest : NULL, sends, children, err);
    cJSON_Delete(rest);
    return rc;
}

/* A signature that follows: a task, or Celery's own that stand for several. */
static int add(const struct ended_task *ended, const cJSON *signature, const cJSON *first, const cJSON *chain,
               struct buf *sends, struct buf *children, struct err *err)
{
    const char *task = text_member(signature, "task");
    const cJSON *tasks = member(member(signature, "kwargs"), "tasks");
    if (task && strcmp(task, "celery.group") == 0 && cJSON_IsArray(tasks))
        return add_group(ended, tasks, first, chain, sends, children, err);
    if (task && strcmp(task, "celery.chain") == 0 && cJSON_IsArray(tasks))
        return add_chain(ended, tasks, first, chain, sends, children, err);
    return add_task(ended, signature, first, chain, sends, children, err);
}

static int add_all(const struct ended_task *ended, const cJSON *signatures, const cJSON *first, struct buf *sends,
                   struct buf *children, struct err *err)
{
    const cJSON *signature;
    cJSON_ArrayForEach(signature, signatures) {
        int rc = add(ended, signature, first, NULL, sends, children, err);
        if (rc) return rc;
    }
    return 0;
}

int followups_of_success(const struct ended_task *ended, const struct message_body *body, const cJSON *result,
                         struct buf *sends, struct buf *children, struct err *err)
{
    int rc = add_all(ended, body->callbacks, result, sends, children, err);
    if (rc || !body->chain) return rc;
    cJSON *rest = cJSON_Duplicate(body->chain, true);
    cJSON *next = cJSON_DetachItemFromArray(rest, cJSON_GetArraySize(rest) - 1);
    json_exact(rest);
    rc = add(ended, next, result, rest->child ? rest : NULL, sends, children, err);
    cJSON_Delete(next);
    cJSON_Delete(rest);
    return rc;
}

int followups_of_failure(const struct ended_task *ended, const struct message_body *body, struct buf *sends,
                         struct buf *children, struct err *err)
{
    cJSON *id = cJSON_CreateString(ended->id);
    int rc = add_all(ended, body->errbacks, id, sends, children, err);
    cJSON_Delete(id);
    return rc;
}
