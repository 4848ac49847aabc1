/* The pool: see runners.h. A runner is one struct and one process; its socket's end is the process's end. */
#include "services/worker/runners/runners.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/stream.h"
#include "services/runner/runner.h"
#include "services/worker/events/events.h"

#define RESPAWN_MS 500       /* for a runner that dies without having done anything */
#define KEPT_BYTES (1 << 20) /* of memory for what runners say */

struct runner {
    struct worker *worker;
    int slot;
    pid_t pid; /* 0 = none */
    struct stream *stream;
    struct buf in; /* a frame that is not whole yet */
    struct runner_shared *shared;
    uint32_t next_seq; /* of the next task given; the last given is next_seq - 1 */
    int64_t tasks_done, spawned_ms;
    bool is_retiring;          /* gets nothing more; ends when idle */
    enum cancel_reason killed; /* why it was killed; CANCEL_NONE = it was not */
};

struct runners {
    struct runner runners[RUNNERS_MAX];
    struct runner_shared *shared;
    int size;
    struct event *respawn;
    bool is_closing;
    void (*on_frame)(struct worker *w, int slot, const struct wire *frame);
    void (*on_death)(struct worker *w, struct delivery *running, enum cancel_reason why, pid_t pid, int status);
};

static void on_bytes(void *arg, const char *bytes, size_t len);
static void on_end(void *arg, int error);

static void spawn_later(struct worker *w)
{
    struct timeval tv = {.tv_usec = RESPAWN_MS * 1000};
    if (!evtimer_pending(w->runners->respawn, NULL)) evtimer_add(w->runners->respawn, &tv);
}

static bool spawn(struct runner *r)
{
    struct worker *w = r->worker;
    pid_t worker_pid = getpid();
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("cannot start a runner: %s", strerror(errno));
        return false;
    }
    atomic_store(&r->shared->word, 0);
    atomic_store(&r->shared->dead, 0);
    atomic_store(&r->shared->cancelled, 0);
    atomic_store(&r->shared->started_us, 0);
    atomic_store(&r->shared->ring_read, atomic_load(&r->shared->ring_written));
    atomic_store(&r->shared->is_rung, false);
    r->pid = fork();
    if (r->pid == 0) runner_main(w->conf, r->shared, pair[1], &w->keys, worker_pid);
    int error = r->pid < 0 ? errno : ENOMEM;
    close(pair[1]);
    if (r->pid > 0)
        r->stream = stream_new(w->base, pair[0], on_bytes, on_end, r);
    else
        close(pair[0]);
    if (!r->stream) {
        log_error("cannot start a runner: %s", strerror(error));
        if (r->pid > 0) {
            kill(r->pid, SIGKILL);
            waitpid(r->pid, NULL, 0);
        }
        r->pid = 0;
        return false;
    }
    r->next_seq = 1;
    r->tasks_done = 0;
    r->spawned_ms = mono_ms();
    r->is_retiring = false;
    r->killed = CANCEL_NONE;
    return true;
}

static void fill(struct worker *w)
{
    for (int i = 0; i < w->runners->size && !w->runners->is_closing; i++)
        if (!w->runners->runners[i].pid && !spawn(&w->runners->runners[i])) {
            spawn_later(w);
            break;
        }
}

static void on_respawn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    fill(w);
    deliveries_changed(w);
}

int runners_open(struct worker *w, int size, struct err *err)
{
    struct runners *p = w->runners = calloc(1, sizeof *p);
    size_t bytes = RUNNERS_MAX * sizeof *p->shared;
    if (!p) return err_set(err, ERR_NOMEM, "no memory");
    p->shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->shared == MAP_FAILED) {
        p->shared = NULL;
        return err_errno(err, "memory shared with runners");
    }
    p->respawn = evtimer_new(w->base, on_respawn, w);
    if (!p->respawn) return err_set(err, ERR_NOMEM, "no memory for a timer");
    for (int i = 0; i < RUNNERS_MAX; i++)
        p->runners[i] = (struct runner){.worker = w, .slot = i, .shared = &p->shared[i]};
    p->size = size;
    fill(w);
    return 0;
}

static void hang_up(struct runner *r)
{
    stream_free(r->stream);
    buf_free(&r->in);
    r->stream = NULL;
    r->pid = 0;
}

void runners_close(struct worker *w)
{
    struct runners *p = w->runners;
    if (!p) return;
    p->is_closing = true;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        struct runner *r = &p->runners[i];
        if (!r->pid) continue;
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
        hang_up(r);
    }
    if (p->respawn) event_free(p->respawn);
    if (p->shared) munmap(p->shared, RUNNERS_MAX * sizeof *p->shared);
    free(p);
    w->runners = NULL;
}

void runners_on_frame(struct worker *w, void (*fn)(struct worker *w, int slot, const struct wire *frame))
{
    w->runners->on_frame = fn;
}

void runners_on_death(struct worker *w, void (*fn)(struct worker *w, struct delivery *running, enum cancel_reason why,
                                                   pid_t pid, int status))
{
    w->runners->on_death = fn;
}

/* ---- size and age ---- */
/* Ends the process: by closing its socket when it is idle, so that it leaves by itself. */
static void runners_retire(struct worker *w, int slot)
{
    struct runner *r = &w->runners->runners[slot];
    r->is_retiring = true;
    if (deliveries_sent_count(w, slot) == 0 && r->stream) shutdown(stream_fd(r->stream), SHUT_WR);
}

int runners_size(const struct worker *w)
{
    return w->runners->size;
}

void runners_resize(struct worker *w, int size)
{
    w->runners->size = size < 1 ? 1 : size > RUNNERS_MAX ? RUNNERS_MAX : size;
    for (int i = w->runners->size; i < RUNNERS_MAX; i++)
        if (w->runners->runners[i].pid) runners_retire(w, i);
    fill(w);
    deliveries_changed(w);
}

void runners_recycle(struct worker *w)
{
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->runners->runners[i].pid) runners_retire(w, i);
}

void runners_task_done(struct worker *w, int slot, int64_t rss_bytes)
{
    struct runner *r = &w->runners->runners[slot];
    int64_t max_tasks = conf_int(w->conf, SET_RUNNER_MAX_TASKS), max_bytes = conf_int(w->conf, SET_RUNNER_MAX_BYTES);
    r->tasks_done++;
    if ((max_tasks > 0 && r->tasks_done >= max_tasks) || (max_bytes > 0 && rss_bytes > max_bytes)) {
        if (!r->is_retiring)
            log_debug("runner %d retires after %lld tasks, %lld MiB", (int)r->pid, (long long)r->tasks_done,
                      (long long)(rss_bytes >> 20));
        r->is_retiring = true;
        runners_take_back(w, slot);
    }
    if (r->is_retiring && deliveries_sent_count(w, slot) == 0) runners_retire(w, slot);
}

/* ---- one runner ---- */
pid_t runners_pid(const struct worker *w, int slot)
{
    return w->runners->runners[slot].pid;
}

bool runners_is_open(const struct worker *w, int slot)
{
    const struct runner *r = &w->runners->runners[slot];
    return r->pid && !r->is_retiring && r->killed == CANCEL_NONE;
}

int runners_open_count(const struct worker *w)
{
    int open = 0;
    for (int i = 0; i < w->runners->size; i++) open += runners_is_open(w, i);
    return open;
}

uint32_t runners_next_seq(struct worker *w, int slot)
{
    return w->runners->runners[slot].next_seq++;
}

void runners_give(struct worker *w, int slot, uint32_t seq, const char *frame, size_t size)
{
    struct runner *r = &w->runners->runners[slot];
    atomic_store(&r->shared->has_listeners, events_have_listeners(w));
    uint64_t word = atomic_load(&r->shared->word);
    while (!atomic_compare_exchange_weak(&r->shared->word, &word, word_of(seq, word_started(word)))) continue;
    stream_write(r->stream, frame, size);
}

void runners_send(struct worker *w)
{
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->runners->runners[i].stream) stream_flush(w->runners->runners[i].stream);
}

struct delivery *runners_running(struct worker *w, int slot)
{
    struct delivery *d;
    if (!w->runners->runners[slot].pid) return NULL;
    uint32_t started = word_started(atomic_load(&w->runners->runners[slot].shared->word));
    TAILQ_FOREACH(d, deliveries_sent(w, slot), link)
        if (d->seq == started) return d;
    return NULL;
}

bool runners_is_running(const struct worker *w, const struct delivery *d)
{
    return d->state == DELIVERY_SENT && word_started(atomic_load(&w->runners->runners[d->slot].shared->word)) == d->seq;
}

int64_t runners_started_us(const struct worker *w, int slot)
{
    return atomic_load(&w->runners->runners[slot].shared->started_us);
}

/* What the runner was given, to the front of READY and in its order: all with a number above this, but for one. */
static void take_back(struct worker *w, int slot, const struct delivery *but, uint32_t above, const char *why)
{
    struct delivery *d, *before;
    for (d = TAILQ_LAST(deliveries_sent(w, slot), delivery_list); d; d = before) {
        before = TAILQ_PREV(d, delivery_list, link);
        if (d != but && d->seq > above) delivery_take_back(w, d, why);
    }
}

void runners_take_back(struct worker *w, int slot)
{
    struct runner *r = &w->runners->runners[slot];
    if (!r->pid) return;
    uint64_t word = atomic_load(&r->shared->word);
    do {
        if (word_limit(word) == word_started(word)) return;
    } while (!atomic_compare_exchange_weak(&r->shared->word, &word, word_of(word_started(word), word_started(word))));
    atomic_store(&r->shared->dead, word_limit(word));
    take_back(w, slot, NULL, word_started(word), "taken back from its runner");
}

void runners_cancel(struct worker *w, struct delivery *d, enum cancel_reason why)
{
    if (d->state != DELIVERY_SENT || (d->cancel != CANCEL_NONE && why != CANCEL_LOST)) return;
    d->cancel = why;
    d->cancelled_ms = mono_ms();
    atomic_store(&w->runners->runners[d->slot].shared->cancelled, d->seq);
}

void runners_kill(struct worker *w, int slot, enum cancel_reason why)
{
    struct runner *r = &w->runners->runners[slot];
    if (!r->pid || r->killed != CANCEL_NONE) return;
    r->killed = why;
    kill(r->pid, SIGKILL);
}

enum cancel_reason runners_killed_for(const struct worker *w, int slot)
{
    return w->runners->runners[slot].killed;
}

/* ---- what runners say ---- */
static void read_ring(struct runner *r)
{
    struct wire frame;
    struct buf bytes = {0};
    atomic_store(&r->shared->is_rung, false); /* first: what comes after the last look rings again */
    while (ring_take(r->shared, &bytes))
        if (wire_take(bytes.data, bytes.len, &frame) > 0 && frame.type == WIRE_DONE)
            r->worker->runners->on_frame(r->worker, r->slot, &frame);
    buf_free(&bytes);
}

/* All whole frames at the front of the bytes: how many bytes they are, or -1 when there is nonsense among them. */
static int64_t take_frames(struct runner *r, const char *bytes, size_t len)
{
    struct wire frame;
    int64_t size = 0;
    size_t at = 0;
    while ((size = wire_take(bytes + at, len - at, &frame)) > 0) {
        if (frame.type == WIRE_RING)
            read_ring(r);
        else
            r->worker->runners->on_frame(r->worker, r->slot, &frame);
        at += (size_t)size;
    }
    return size < 0 ? -1 : (int64_t)at;
}

/* What ends in the middle of a frame waits for the rest of it. */
static void on_bytes(void *arg, const char *bytes, size_t len)
{
    struct runner *r = arg;
    bool has_begun = r->in.len > 0;
    if (has_begun) buf_add(&r->in, bytes, len);
    int64_t taken = has_begun ? take_frames(r, r->in.data, r->in.len) : take_frames(r, bytes, len);
    if (taken >= 0 && has_begun)
        buf_consume(&r->in, (size_t)taken);
    else if (taken >= 0 && (size_t)taken < len)
        buf_add(&r->in, bytes + taken, len - (size_t)taken);
    if (taken < 0 || r->in.failed) {
        log_error("runner %d %s: it is replaced", (int)r->pid, taken < 0 ? "writes nonsense" : "says more than fits");
        kill(r->pid, SIGKILL);
        buf_free(&r->in);
    }
    if (r->in.len == 0 && r->in.cap > KEPT_BYTES) buf_free(&r->in);
    deliveries_changed(r->worker);
}

static void on_end(void *arg, int error)
{
    (void)error;
    struct runner *r = arg;
    struct worker *w = r->worker;
    int status = 0;
    read_ring(r); /* what it said last */
    kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) continue;
    struct delivery *running = runners_running(w, r->slot);
    take_back(w, r->slot, running, 0, "its runner has ended");
    if (running) w->runners->on_death(w, running, r->killed, r->pid, status);
    bool is_hasty = r->tasks_done == 0 && !running && mono_ms() - r->spawned_ms < RESPAWN_MS && !r->is_retiring;
    hang_up(r);
    if (is_hasty && !w->runners->is_closing) {
        log_error("a runner ended as soon as it had started (status %d)", status);
        spawn_later(w);
    } else {
        fill(w);
    }
    deliveries_changed(w);
}
