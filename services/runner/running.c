/* What a running task asks of its runner (progress, was it cancelled, a task to send, a canvas to start), and its end:
 * see running.h. */
#include "services/runner/running.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "services/runner/sending.h"
#include "services/runner/signature.h"
#include "services/tasks/task_table.h"

#define PROGRESS_MS 200 /* between two tellings */
#define OUT_KEPT    (1 << 20)

struct running {
    struct runner_shared *shared;
    const struct queue_keys *keys;
    int fd;
    const struct wire *frame; /* its RUN frame */
    const cJSON *canvas;
    struct buf children;
    int64_t told_ms; /* last progress */
    bool has_spoken; /* it has sent something by the socket: its end must follow there */
    struct buf out;
};

struct running *running_new(int fd, struct runner_shared *shared, const struct queue_keys *keys)
{
    struct running *r = calloc(1, sizeof *r);
    if (r) *r = (struct running){.shared = shared, .keys = keys, .fd = fd};
    return r;
}

void running_begin(struct running *r, const struct wire *frame)
{
    r->frame = frame;
    r->canvas = NULL;
    r->told_ms = 0;
    r->has_spoken = false;
    buf_reset(&r->children);
}

void running_set_canvas(struct running *r, const cJSON *canvas)
{
    r->canvas = canvas;
}

const struct buf *running_children(const struct running *r)
{
    return &r->children;
}

/* Sends what is in out to the worker; ends the process when the worker is gone. */
static void flush(struct running *r)
{
    size_t at = 0;
    while (at < r->out.len) {
        ssize_t n = write(r->fd, r->out.data + at, r->out.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0);
        at += (size_t)n;
    }
    if (r->out.cap > OUT_KEPT)
        buf_free(&r->out);
    else
        buf_reset(&r->out);
}

/* By the ring where it can, and a word by the socket unless one is on its way. */
bool running_end(struct running *r, struct wire *done)
{
    struct wire word = {.type = WIRE_RING};
    done->seq = r->frame->seq;
    r->canvas = NULL;
    if (!wire_put(&r->out, done)) return false;
    if (!r->has_spoken && ring_put(r->shared, r->out.data, r->out.len)) {
        buf_reset(&r->out);
        if (atomic_exchange(&r->shared->is_rung, true)) return true;
        wire_put(&r->out, &word);
    }
    flush(r);
    return true;
}

static void on_progress(void *arg, int64_t current, int64_t total, const char *status)
{
    struct running *r = arg;
    int64_t now = mono_ms();
    if (now - r->told_ms < PROGRESS_MS && current != total) return;
    r->told_ms = now;
    struct buf value = {0}, json = {0};
    buf_printf(&value, "{\"current\": %lld, \"total\": %lld, \"status\": ", (long long)current, (long long)total);
    buf_json_string(&value, status ? status : "", status ? strlen(status) : 0);
    buf_char(&value, '}');
    struct result_spec spec = {.task_id = r->frame->text[RUN_ID],
                               .group = r->frame->text[RUN_GROUP],
                               .parent_id = r->frame->text[RUN_PARENT],
                               .status = "PROGRESS",
                               .value = value.data};
    result_encode(&json, &spec);
    struct wire frame = {.type = WIRE_PROGRESS, .seq = r->frame->seq, .text = {json.data}};
    r->has_spoken = true;
    if (!value.failed && !json.failed && wire_put(&r->out, &frame)) flush(r);
    buf_free(&value);
    buf_free(&json);
}

static bool on_is_cancelled(void *arg)
{
    const struct running *r = arg;
    return atomic_load(&r->shared->cancelled) == r->frame->seq;
}

static int on_enqueue(void *arg, const char *task, const cJSON *args, const cJSON *kwargs,
                      const struct task_options *options, char *id_out, struct err *err)
{
    struct running *r = arg;
    const struct task_def *def = task_find(task, true);
    char id[MESSAGE_ID_LIMIT + 1], list[QUEUE_KEY_SIZE];
    struct message_spec spec = message_spec_of(task, args, kwargs, options, id);
    if (!spec.queue) spec.queue = def ? def->queue : r->frame->text[RUN_QUEUE];
    if (!spec.root_id) spec.root_id = r->frame->text[RUN_ROOT];
    if (!spec.parent_id) spec.parent_id = r->frame->text[RUN_ID];
    spec.stamped_headers = signature_member(r->canvas, "stamped_headers");
    spec.stamps = signature_member(r->canvas, "stamps");
    struct buf message = {0};
    message_encode(&message, &spec);
    queue_list_key(r->keys, list, spec.queue, spec.priority);
    struct wire frame = {
        .type = WIRE_SEND, .seq = r->frame->seq, .text = {list, message.data}, .len = {0, (uint32_t)message.len}};
    bool is_fine = !message.failed && wire_put(&r->out, &frame);
    r->has_spoken = true;
    if (is_fine) flush(r);
    buf_free(&message);
    if (id_out) snprintf(id_out, UUID_TEXT_SIZE, "%.*s", UUID_TEXT_SIZE - 1, id);
    return is_fine ? 0 : err_set(err, ERR_NOMEM, "no memory to send %s", task);
}

/* Frames of the block go by the socket, each with this task's number. */
static void speak(struct running *r, const struct buf *sends)
{
    struct wire frame;
    int64_t size;
    for (size_t at = 0; at < sends->len; at += (size_t)size) {
        size = wire_take(sends->data + at, sends->len - at, &frame);
        if (size <= 0) break;
        frame.seq = r->frame->seq;
        wire_put(&r->out, &frame);
    }
    r->has_spoken = true;
    flush(r);
}

static int on_start(void *arg, const cJSON *signature, cJSON **result, struct err *err)
{
    struct running *r = arg;
    struct buf sends = {0}, children = {0};
    struct sending as = {.keys = r->keys,
                         .parent_id = r->frame->text[RUN_ID],
                         .root_id = r->frame->text[RUN_ROOT],
                         .queue = r->frame->text[RUN_QUEUE],
                         .stamped_headers = signature_member(r->canvas, "stamped_headers"),
                         .stamps = signature_member(r->canvas, "stamps"),
                         .sends = &sends};
    int rc = sending_one(&as, signature, NULL, NULL, &children, err);
    if (rc == 0 && (sends.failed || children.failed)) rc = err_set(err, ERR_NOMEM, "no memory to send a canvas");
    if (rc == 0) {
        speak(r, &sends);
        if (r->children.len > 0) buf_str(&r->children, ", ");
        buf_str(&r->children, children.data);
        if (result) *result = json_parse(children.data, children.len);
    }
    buf_free(&sends);
    buf_free(&children);
    return rc;
}

const struct task_ops running_ops = {
    .progress = on_progress, .is_cancelled = on_is_cancelled, .enqueue = on_enqueue, .start = on_start};
