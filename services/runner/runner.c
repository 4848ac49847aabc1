/* A runner: the process in which tasks run, one after the other, as plain synchronous functions. It reads RUN frames,
 * answers each with a DONE frame, and makes everything that is text there (results, follow-ups), so that the worker's
 * loop only passes bytes on. It never speaks to Redis. It dies with its worker. */
#include "services/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/machine/file.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/machine/trim.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "services/runner/confine.h"
#include "services/runner/followup.h"
#include "services/runner/running.h"
#include "services/tasks/arguments.h"
#include "services/tasks/task_table.h"

#define RETRY_CAP_MS 600000
#define RETRIES      3
#define REPR_LIMIT   512
#define RSS_EVERY    256 /* tasks; after long ones always */
#define RSS_AFTER_US 20000
#define LULL_MS      300 /* without a task after the last */

struct runner_self {
    const struct conf *conf;
    struct runner_shared *shared;
    const struct queue_keys *keys;
    int fd;
    struct running *task;
    bool has_short_wait; /* for bytes of the worker */
    struct buf in;
};

/* Claims the number: false when the worker has taken the task back. */
static bool claim(struct runner_shared *shared, uint32_t seq)
{
    atomic_store(&shared->started_us, mono_us()); /* before the claim: the worker measures from it */
    for (;;) {
        uint64_t word = atomic_load(&shared->word);
        if (seq <= atomic_load(&shared->dead) || seq > word_limit(word)) return false;
        if (atomic_compare_exchange_strong(&shared->word, &word, word_of(word_limit(word), seq))) break;
    }
    return true;
}

static int rss_mib(void)
{
    char text[64] = "";
    file_read(AT_FDCWD, "/proc/self/statm", text, sizeof text);
    char *second = strchr(text, ' ');
    return second ? (int)(strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) >> 20) : 0;
}

/* What one run left behind, on its way into a DONE frame. */
struct run {
    struct task_ctx ctx;
    const struct wire *frame; /* its RUN frame */
    struct message_body body;
    cJSON *result, *canvas;
    struct err err;
    struct buf json, repr, traceback, value, sends, children;
};

static void tell_failure(struct run *run, const char *type, const char *status)
{
    struct result_spec spec = {.task_id = run->ctx.id,
                               .group = run->frame->text[RUN_GROUP],
                               .parent_id = run->frame->text[RUN_PARENT],
                               .status = status};
    buf_printf(&run->traceback, "Traceback (most recent call last):\n  File \"logikald\", in %s\n%s: %s\n",
               run->ctx.name, type, run->err.text);
    result_exception(&run->value, type, run->err.text, "builtins");
    cJSON *message = cJSON_CreateString(run->err.text);
    buf_printf(&run->repr, "%s(", type);
    python_repr(&run->repr, message, false, REPR_LIMIT);
    buf_char(&run->repr, ')');
    cJSON_Delete(message);
    buf_char(&run->children, ']');
    spec.value = run->value.data;
    spec.traceback = run->traceback.data;
    spec.children = run->children.data;
    result_encode(&run->json, &spec);
}

static enum wire_status tell_success(struct runner_self *self, struct run *run)
{
    if (atomic_load(&self->shared->has_listeners)) python_repr(&run->repr, run->result, false, REPR_LIMIT);
    json_exact(run->result);
    char *value = run->result ? cJSON_PrintUnformatted(run->result) : NULL;
    struct result_spec spec = {.task_id = run->ctx.id,
                               .group = run->frame->text[RUN_GROUP],
                               .parent_id = run->frame->text[RUN_PARENT],
                               .status = "SUCCESS",
                               .value = value};
    buf_char(&run->children, ']');
    spec.children = run->children.data;
    result_encode(&run->json, &spec);
    if (run->result && !value) run->json.failed = true;
    free(value);
    bool is_unsuccessful = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(run->result, "success"));
    return is_unsuccessful ? RAN_UNSUCCESSFUL : RAN_OK;
}

static int64_t retry_delay_ms(const struct task_ctx *ctx)
{
    int64_t delay = ctx->retry_after_ms;
    for (int i = 0; i < ctx->retries && delay < RETRY_CAP_MS; i++) delay *= 2;
    if (delay > RETRY_CAP_MS) delay = RETRY_CAP_MS;
    return delay - (int64_t)(random_u64() % (uint64_t)(delay / 4 + 1)); /* jitter: three quarters to all of it */
}

static enum wire_status judge(struct runner_self *self, struct run *run, int rc, int64_t *delay_ms)
{
    int max = run->ctx.max_retries > 0 ? run->ctx.max_retries : RETRIES;
    struct ended_task ended = {.keys = self->keys,
                               .id = run->frame->text[RUN_ID],
                               .root_id = run->frame->text[RUN_ROOT],
                               .queue = run->frame->text[RUN_QUEUE],
                               .group = run->frame->text[RUN_GROUP],
                               .canvas = run->canvas};
    if (rc == 0) rc = followups_of_success(&ended, &run->body, run->result, &run->sends, &run->children, &run->err);
    if (rc == 0 && !run->sends.failed) return tell_success(self, run);
    if (run->err.code == ERR_CANCELLED) return RAN_CANCELLED;
    const char *type = run->ctx.exc_type ? run->ctx.exc_type : "RuntimeError";
    if (run->ctx.retry_after_ms > 0 && run->ctx.retries < max) {
        *delay_ms = retry_delay_ms(&run->ctx);
        buf_str(&run->children, "[[");
        buf_json_string(&run->children, run->ctx.id, strlen(run->ctx.id));
        buf_str(&run->children, ", null], null]");
        tell_failure(run, type, "RETRY");
        return RAN_RETRY;
    }
    buf_reset(&run->sends);
    buf_reset(&run->children);
    buf_char(&run->children, '[');
    tell_failure(run, type, "FAILURE");
    struct err why;
    if (followups_of_failure(&ended, &run->body, run->value.data, &run->sends, &why) != 0) {
        log_warning("what follows the task's failure is not sent: %s", why.text);
        buf_reset(&run->sends);
    }
    return RAN_FAILED;
}

/* Runs what the frame asks for: what became of it. */
static enum wire_status execute(struct runner_self *self, struct run *run, int64_t *delay_ms)
{
    const struct wire *frame = run->frame;
    const struct task_def *def = task_find(frame->text[RUN_NAME], true);
    const struct message packed = {.body = (char *)(uintptr_t)frame->text[RUN_BODY],
                                   .body_len = frame->len[RUN_BODY],
                                   .packing = (enum packing)frame->status};
    if (message_body_of(&packed, UNPACK_MEMORY_TASK, &run->body, &run->err) != 0 || !def) return RAN_MALFORMED;
    if (frame->text[RUN_CANVAS]) run->canvas = json_parse(frame->text[RUN_CANVAS], frame->len[RUN_CANVAS]);
    json_exact(run->canvas);
    running_set_canvas(self->task, run->canvas);
    int rc = task_check_dry_run(def, run->body.args, run->body.kwargs, &run->err);
    if (rc == 0 && (rc = arguments_check(def, run->body.args, run->body.kwargs, &run->err)) != 0)
        run->ctx.exc_type = "TypeError";
    if (rc == 0) rc = def->run(&run->ctx, run->body.args, run->body.kwargs, &run->result, &run->err);
    arguments_tell_ignored(def, run->body.args, run->body.kwargs, run->result);
    buf_char(&run->children, '[');
    const struct buf *started = running_children(self->task);
    if (started->len > 0) buf_str(&run->children, started->data);
    run->children.failed = run->children.failed || started->failed;
    return judge(self, run, rc, delay_ms);
}

/* Tells what became of it, with everything that the run left behind, which is freed. */
static void tell_done(struct runner_self *self, struct run *run, enum wire_status status, int64_t took,
                      int64_t delay_ms)
{
    static int since_rss;
    struct wire done = {.type = WIRE_DONE, .status = (int32_t)status, .run_us = took, .delay_ms = delay_ms};
    if (took > RSS_AFTER_US || ++since_rss >= RSS_EVERY) {
        done.flags = rss_mib();
        since_rss = 0;
    }
    done.text[DONE_JSON] = run->json.data;
    done.text[DONE_REPR] = run->repr.data;
    done.text[DONE_TRACEBACK] = run->traceback.data;
    done.text[DONE_ERROR] = run->err.text;
    if (run->sends.len > 0) {
        done.text[DONE_SENDS] = run->sends.data;
        done.len[DONE_SENDS] = (uint32_t)run->sends.len;
    }
    struct buf *bufs[] = {&run->json, &run->repr, &run->traceback, &run->value, &run->sends, &run->children};
    bool is_whole = run->err.code != ERR_NOMEM || status != RAN_MALFORMED;
    for (int i = 0; i < 6; i++) is_whole &= !bufs[i]->failed;
    if (!is_whole || !running_end(self->task, &done)) abort(); /* no memory: as good as a crash */
    message_body_free(&run->body);
    cJSON_Delete(run->result);
    cJSON_Delete(run->canvas);
    for (int i = 0; i < 6; i++) buf_free(bufs[i]);
}

static void run_task(struct runner_self *self, const struct wire *frame)
{
    int64_t began = mono_us(), delay_ms = 0;
    struct run run = {.ctx = {.id = frame->text[RUN_ID],
                              .name = frame->text[RUN_NAME],
                              .queue = frame->text[RUN_QUEUE],
                              .root_id = frame->text[RUN_ROOT],
                              .retries = frame->retries,
                              .deliveries = frame->deliveries,
                              .conf = self->conf,
                              .ops = &running_ops,
                              .self = self->task},
                      .frame = frame};
    running_begin(self->task, frame);
    log_set_task(run.ctx.id);
    enum wire_status status = execute(self, &run, &delay_ms);
    log_set_task(NULL);
    tell_done(self, &run, status, mono_us() - began, delay_ms);
}

/* Whether the next wait for bytes ends by itself: as long as there is something to give back. */
static void wait_is_short(struct runner_self *self, bool is_short)
{
    struct timeval most = {.tv_usec = is_short ? LULL_MS * 1000 : 0};
    if (is_short == self->has_short_wait) return;
    setsockopt(self->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    self->has_short_wait = is_short;
}

/* Nothing to do: what tasks have needed and waiting does not. */
static void rest(struct runner_self *self)
{
    trim();
    wait_is_short(self, false);
}

static void read_some(struct runner_self *self)
{
    if (!buf_reserve(&self->in, 65536)) abort();
    ssize_t n = read(self->fd, self->in.data + self->in.len, 65536);
    if (n < 0 && errno == EAGAIN) return rest(self);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) _exit(0); /* the worker is gone, or wants us gone */
    self->in.len += (size_t)n;
}

static void become_runner(int fd, pid_t worker_pid)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != worker_pid) _exit(0);
    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP) signal(sig, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* beyond a limit of files (ulimit -f) a write fails */
    signal(SIGINT, SIG_IGN);  /* the worker decides when we stop */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd != 3) dup2(fd, 3);
    close_range(4, ~0u, 0);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    unsetenv("LOGIKALD_NOTIFY_FD");
    unsetenv("NOTIFY_SOCKET");
}

void runner_main(const struct conf *conf, struct runner_shared *shared, int fd, const struct queue_keys *keys,
                 pid_t worker_pid)
{
    become_runner(fd, worker_pid);
    confine_enter();
    struct runner_self self = {
        .conf = conf, .shared = shared, .keys = keys, .fd = 3, .task = running_new(3, shared, keys)};
    if (!self.task) abort();
    wait_is_short(&self, true); /* what is free in the worker's heap by the fork is ours to give back, too */
    for (;;) {
        read_some(&self);
        size_t at = 0;
        struct wire frame;
        int64_t size;
        while ((size = wire_take(self.in.data + at, self.in.len - at, &frame)) > 0) {
            if (frame.type == WIRE_RUN && claim(self.shared, frame.seq)) {
                wait_is_short(&self, true);
                run_task(&self, &frame);
            }
            at += (size_t)size;
        }
        if (size < 0) abort();
        buf_consume(&self.in, at);
        if (self.in.len == 0 && self.in.cap > (1 << 20)) buf_free(&self.in);
    }
}
