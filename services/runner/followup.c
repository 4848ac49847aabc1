/* What a task that has ended sends: callbacks, the rest of its chain, errbacks, its part of a chord. */
#include "services/runner/followup.h"

#include <stdlib.h>
#include <string.h>

#include "services/runner/chord.h"
#include "services/runner/sending.h"
#include "services/runner/signature.h"

static struct sending sending_of(const struct ended_task *ended, struct buf *sends)
{
    return (struct sending){.keys = ended->keys,
                            .parent_id = ended->id,
                            .root_id = ended->root_id,
                            .queue = ended->queue,
                            .stamped_headers = signature_member(ended->canvas, "stamped_headers"),
                            .stamps = signature_member(ended->canvas, "stamps"),
                            .sends = sends};
}

/* ---- its part of a chord ---- */
struct ending {
    struct chord_parts parts;
    const char *state, *value;
    struct err *err;
    int rc;
};

static void add_own_part(struct ending *e, const struct ended_task *ended, const struct message_body *body)
{
    if (!body->chord || !ended->group) return;
    struct chord_part part = {.group = ended->group,
                              .id = ended->id,
                              .index = signature_member(ended->canvas, "group_index"),
                              .state = e->state,
                              .value = e->value,
                              .body = body->chord};
    e->rc = chord_parts_add(&e->parts, &part, e->err);
}

/* A task behind it in its chain, which will not run. */
static void add_part_of(void *arg, const cJSON *task)
{
    struct ending *e = arg;
    const cJSON *options = signature_member(task, "options");
    struct chord_part part = {.group = signature_text(options, "group_id"),
                              .id = signature_text(options, "task_id"),
                              .index = signature_member(options, "group_index"),
                              .state = e->state,
                              .value = e->value,
                              .body = signature_member(options, "chord")};
    if (part.body && part.group && e->rc == 0) e->rc = chord_parts_add(&e->parts, &part, e->err);
}

static int put_parts(const struct ended_task *ended, const struct message_body *body, const char *state,
                     const char *value, bool with_chain, struct buf *sends, struct err *err)
{
    struct ending e = {.parts = {.as = sending_of(ended, NULL)}, .state = state, .value = value, .err = err};
    const cJSON *one;
    add_own_part(&e, ended, body);
    if (with_chain) {
        cJSON_ArrayForEach(one, body->chain) {
            signature_each(one, add_part_of, &e);
        }
    }
    chord_parts_put(&e.parts, sends);
    return e.rc;
}

/* ---- what others ask ---- */
static int put_success(const struct ended_task *ended, const struct message_body *body, const cJSON *result,
                       struct buf *sends, struct err *err)
{
    if (!body->chord || !ended->group) return 0;
    cJSON *exact = result ? cJSON_Duplicate(result, true) : cJSON_CreateNull();
    json_exact(exact);
    char *value = cJSON_PrintUnformatted(exact);
    int rc = put_parts(ended, body, "SUCCESS", value ? value : "null", false, sends, err);
    if (!value) sends->failed = true;
    free(value);
    cJSON_Delete(exact);
    return rc;
}

int followups_of_success(const struct ended_task *ended, const struct message_body *body, const cJSON *result,
                         struct buf *sends, struct buf *children, struct err *err)
{
    struct sending as = sending_of(ended, sends);
    cJSON *prefix = cJSON_CreateArray();
    cJSON_AddItemToArray(prefix, result ? cJSON_Duplicate(result, true) : cJSON_CreateNull());
    int rc = sending_callbacks(&as, body->callbacks, prefix, children, err);
    if (rc == 0 && body->chain) {
        cJSON *rest = cJSON_Duplicate(body->chain, true);
        cJSON *next = cJSON_DetachItemFromArray(rest, cJSON_GetArraySize(rest) - 1);
        rc = sending_one(&as, next, prefix, rest, children, err);
        cJSON_Delete(next);
        cJSON_Delete(rest);
    }
    if (rc == 0) rc = put_success(ended, body, result, sends, err);
    cJSON_Delete(prefix);
    return rc;
}

int followups_of_failure(const struct ended_task *ended, const struct message_body *body, const char *value,
                         struct buf *sends, struct err *err)
{
    struct sending as = sending_of(ended, sends);
    cJSON *prefix = cJSON_CreateArray();
    cJSON_AddItemToArray(prefix, cJSON_CreateString(ended->id));
    int rc = sending_group(&as, body->errbacks, prefix, NULL, err);
    cJSON_Delete(prefix);
    return rc ? rc : put_parts(ended, body, "FAILURE", value, true, sends, err);
}

int followups_of_revoke(const struct ended_task *ended, const struct message_body *body, const char *value,
                        struct buf *sends, struct err *err)
{
    return put_parts(ended, body, "REVOKED", value, true, sends, err);
}
