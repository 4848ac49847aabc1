/* What a running task asks of its runner: to tell how far it is, whether it was cancelled, to send a task, to start a
 * canvas. All of it goes to the worker as frames of the task, before the one of its end. */
#include "services/runner/runner_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue/result.h"
#include "services/runner/sending.h"
#include "services/runner/signature.h"
#include "services/tasks/task_table.h"

#define PROGRESS_MS 200 /* between two tellings */

static void on_progress(void *arg, int64_t current, int64_t total, const char *status)
{
    struct runner_self *self = arg;
    int64_t now = mono_ms();
    if (now - self->told_ms < PROGRESS_MS && current != total) return;
    self->told_ms = now;
    struct buf value = {0}, json = {0};
    buf_printf(&value, "{\"current\": %lld, \"total\": %lld, \"status\": ", (long long)current, (long long)total);
    buf_json_string(&value, status ? status : "", status ? strlen(status) : 0);
    buf_char(&value, '}');
    struct result_spec spec = {.task_id = self->frame->text[RUN_ID],
                               .group = self->frame->text[RUN_GROUP],
                               .parent_id = self->frame->text[RUN_PARENT],
                               .status = "PROGRESS",
                               .value = value.data};
    result_encode(&json, &spec);
    struct wire frame = {.type = WIRE_PROGRESS, .seq = self->seq, .text = {json.data}};
    self->has_spoken = true;
    if (!value.failed && !json.failed && wire_put(&self->out, &frame)) runner_flush(self);
    buf_free(&value);
    buf_free(&json);
}

static bool on_is_cancelled(void *arg)
{
    const struct runner_self *self = arg;
    return atomic_load(&self->shared->cancelled) == self->seq;
}

static int on_enqueue(void *arg, const char *task, const cJSON *args, const cJSON *kwargs,
                      const struct task_options *options, char *id_out, struct err *err)
{
    struct runner_self *self = arg;
    const struct task_def *def = task_find(task, true);
    char id[MESSAGE_ID_LIMIT + 1], list[QUEUE_KEY_SIZE];
    struct message_spec spec = message_spec_of(task, args, kwargs, options, id);
    if (!spec.queue) spec.queue = def ? def->queue : self->frame->text[RUN_QUEUE];
    if (!spec.root_id) spec.root_id = self->frame->text[RUN_ROOT];
    if (!spec.parent_id) spec.parent_id = self->frame->text[RUN_ID];
    spec.stamped_headers = signature_member(self->canvas, "stamped_headers");
    spec.stamps = signature_member(self->canvas, "stamps");
    struct buf message = {0};
    message_encode(&message, &spec);
    queue_list_key(self->keys, list, spec.queue, spec.priority);
    struct wire frame = {
        .type = WIRE_SEND, .seq = self->seq, .text = {list, message.data}, .len = {0, (uint32_t)message.len}};
    bool is_fine = !message.failed && wire_put(&self->out, &frame);
    self->has_spoken = true;
    if (is_fine) runner_flush(self);
    buf_free(&message);
    if (id_out) snprintf(id_out, UUID_TEXT_SIZE, "%.*s", UUID_TEXT_SIZE - 1, id);
    return is_fine ? 0 : err_set(err, ERR_NOMEM, "no memory to send %s", task);
}

/* Frames of the block go by the socket, each with this task's number. */
static void speak(struct runner_self *self, const struct buf *sends)
{
    struct wire frame;
    int64_t size;
    for (size_t at = 0; at < sends->len; at += (size_t)size) {
        size = wire_take(sends->data + at, sends->len - at, &frame);
        if (size <= 0) break;
        frame.seq = self->seq;
        wire_put(&self->out, &frame);
    }
    self->has_spoken = true;
    runner_flush(self);
}

static int on_start(void *arg, const cJSON *signature, cJSON **result, struct err *err)
{
    struct runner_self *self = arg;
    struct buf sends = {0}, children = {0};
    struct sending as = {.keys = self->keys,
                         .parent_id = self->frame->text[RUN_ID],
                         .root_id = self->frame->text[RUN_ROOT],
                         .queue = self->frame->text[RUN_QUEUE],
                         .stamped_headers = signature_member(self->canvas, "stamped_headers"),
                         .stamps = signature_member(self->canvas, "stamps"),
                         .sends = &sends};
    int rc = sending_one(&as, signature, NULL, NULL, &children, err);
    if (rc == 0 && (sends.failed || children.failed)) rc = err_set(err, ERR_NOMEM, "no memory to send a canvas");
    if (rc == 0) {
        speak(self, &sends);
        if (self->children.len > 0) buf_str(&self->children, ", ");
        buf_str(&self->children, children.data);
        if (result) *result = json_parse(children.data, children.len);
    }
    buf_free(&sends);
    buf_free(&children);
    return rc;
}

const struct task_ops runner_ops = {
    .progress = on_progress, .is_cancelled = on_is_cancelled, .enqueue = on_enqueue, .start = on_start};
