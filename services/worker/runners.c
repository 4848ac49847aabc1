/* The pool of runner processes: started ahead, fed over socket pairs, replaced when they die, are full, or were killed
 * for overrunning their time. A runner gets one task at a time while tasks are long or unknown; tasks that are known to
 * be short go in windows, so that neither side waits for the other. What waits behind a task that turns out to be long
 * is taken back (see struct runner_shared). */
#include "services/worker/worker_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>

#include "conf/clock.h"
#include "conf/log.h"

#define RESPAWN_MS 500 /* for a runner that dies without having done anything */
#define SHORT_US   2000

static void on_frame(struct bufferevent *bev, void *arg);
static void on_end(struct bufferevent *bev, short what, void *arg);

static void spawn_later(struct worker *w)
{
    struct timeval tv = {.tv_usec = RESPAWN_MS * 1000};
    if (!evtimer_pending(w->pool.respawn, NULL)) evtimer_add(w->pool.respawn, &tv);
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
    r->pid = fork();
    if (r->pid == 0) runner_main(w->conf, r->shared, pair[1], &w->keys, worker_pid);
    close(pair[1]);
    if (r->pid > 0) {
        evutil_make_socket_nonblocking(pair[0]);
        r->bev = bufferevent_socket_new(w->base, pair[0], BEV_OPT_CLOSE_ON_FREE);
    }
    if (r->pid < 0 || !r->bev) {
        log_error("cannot start a runner: %s", strerror(errno));
        if (r->pid > 0) {
            kill(r->pid, SIGKILL);
            waitpid(r->pid, NULL, 0);
        }
        close(pair[0]);
        r->pid = 0;
        return false;
    }
    r->next_seq = 1;
    r->tasks_done = r->killed_ms = 0;
    r->spawned_ms = mono_ms();
    r->is_retiring = false;
    r->killed = CANCEL_NONE;
    bufferevent_setcb(r->bev, on_frame, NULL, on_end, r);
    bufferevent_enable(r->bev, EV_READ | EV_WRITE);
    return true;
}

static void fill(struct worker *w)
{
    for (int i = 0; i < w->pool.size && !w->pool.is_closing; i++)
        if (!w->pool.runners[i].pid && !spawn(&w->pool.runners[i])) {
            spawn_later(w);
            break;
        }
}

static void on_respawn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    fill(w);
    runners_feed(w);
    consumer_wake(w);
}

int runners_open(struct worker *w, int size, struct err *err)
{
    struct pool *p = &w->pool;
    size_t bytes = RUNNERS_MAX * sizeof *p->shared;
    p->shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->shared == MAP_FAILED) return err_errno(err, "memory shared with runners");
    p->respawn = evtimer_new(w->base, on_respawn, w);
    for (int i = 0; i < RUNNERS_MAX; i++) {
        p->runners[i] = (struct runner){.worker = w, .index = i, .shared = &p->shared[i]};
        TAILQ_INIT(&p->runners[i].sent);
    }
    p->size = size;
    fill(w);
    return 0;
}

/* Ends the process: by closing its socket when it is idle, so that it leaves by itself. */
static void retire(struct runner *r)
{
    r->is_retiring = true;
    if (r->sent_count == 0 && r->bev) shutdown(bufferevent_getfd(r->bev), SHUT_WR);
}

void runners_resize(struct worker *w, int size)
{
    w->pool.size = size < 1 ? 1 : size > RUNNERS_MAX ? RUNNERS_MAX : size;
    for (int i = w->pool.size; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) retire(&w->pool.runners[i]);
    fill(w);
    consumer_wake(w);
}

void runners_recycle(struct worker *w)
{
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) retire(&w->pool.runners[i]);
}

void runners_close(struct worker *w)
{
    struct held *h;
    w->pool.is_closing = true;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        struct runner *r = &w->pool.runners[i];
        if (!r->pid) continue;
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
        bufferevent_free(r->bev);
        while ((h = TAILQ_FIRST(&r->sent))) held_free(w, h);
        r->pid = 0;
    }
    if (w->pool.respawn) event_free(w->pool.respawn);
    if (w->pool.shared) munmap(w->pool.shared, RUNNERS_MAX * sizeof *w->pool.shared);
}

void runners_kill(struct runner *r, enum cancel_reason why)
{
    if (!r->pid || r->killed != CANCEL_NONE) return;
    r->killed = why;
    r->killed_ms = mono_ms();
    kill(r->pid, SIGKILL);
}

struct held *runners_running(const struct runner *r)
{
    struct held *h;
    uint32_t started = (uint32_t)atomic_load(&r->shared->word);
    TAILQ_FOREACH(h, &r->sent, link)
    if (h->seq == started) return h;
    return NULL;
}

void runners_cancel(struct worker *w, struct held *h, enum cancel_reason why)
{
    (void)w;
    if (h->state != HELD_SENT || h->cancel != CANCEL_NONE) return;
    h->cancel = why;
    h->cancelled_ms = mono_ms();
    atomic_store(&h->runner->shared->cancelled, h->seq);
}

void runners_take_back(struct worker *w, struct runner *r)
{
    uint64_t word = atomic_load(&r->shared->word);
    struct held *h, *before;
    do {
        if (word >> 32 == (uint32_t)word) return;
    } while (!atomic_compare_exchange_weak(&r->shared->word, &word, (word & UINT32_MAX) << 32 | (word & UINT32_MAX)));
    atomic_store(&r->shared->dead, (uint32_t)(word >> 32));
    for (h = TAILQ_LAST(&r->sent, held_list); h && h->seq > (uint32_t)word; h = before) {
        before = TAILQ_PREV(h, held_list, link);
        held_move(w, h, HELD_READY);
        TAILQ_REMOVE(&w->ready, h, link); /* to the front, in their order */
        TAILQ_INSERT_HEAD(&w->ready, h, link);
    }
}

/* ---- giving ---- */
static void give(struct worker *w, struct runner *r, struct held *h)
{
    int row = worker_row(h);
    h->expected_us = row >= 0 && w->typical_per_row[row] > 0 ? w->typical_per_row[row] : WINDOW_US;
    h->runner = r;
    h->seq = r->next_seq++;
    h->is_started_told = false;
    held_move(w, h, HELD_SENT);
    struct wire frame = {.type = WIRE_RUN, .seq = h->seq, .retries = h->m.retries, .deliveries = h->deliveries};
    frame.text[RUN_ID] = h->m.id;
    frame.text[RUN_NAME] = h->m.task;
    frame.text[RUN_QUEUE] = h->queue;
    frame.text[RUN_ROOT] = h->m.root_id ? h->m.root_id : h->m.id;
    frame.text[RUN_BODY] = h->m.body;
    frame.len[RUN_BODY] = (uint32_t)h->m.body_len;
    frame.text[RUN_GROUP] = h->m.group;
    frame.text[RUN_PARENT] = h->m.parent_id;
    buf_reset(&w->scratch);
    if (!wire_put(&w->scratch, &frame)) {
        log_critical("no memory to give a task to its runner");
        abort(); /* the supervisor replaces us, and the successor takes what we hold */
    }
    atomic_store(&r->shared->has_listeners, w->has_listeners);
    uint64_t word = atomic_load(&r->shared->word);
    while (!atomic_compare_exchange_weak(&r->shared->word, &word, (uint64_t)h->seq << 32 | (uint32_t)word)) continue;
    bufferevent_write(r->bev, w->scratch.data, w->scratch.len);
    if (row >= 0) w->total_per_name[row]++;
}

static bool has_room(const struct runner *r, int64_t expected_us)
{
    if (!r->pid || r->is_retiring || r->killed) return false;
    if (r->sent_count == 0) return true;
    return expected_us < SHORT_US && r->sent_us + expected_us <= WINDOW_US && r->sent_count < WINDOW_MAX;
}

static struct runner *choose(struct worker *w, const struct held *h)
{
    int row = worker_row(h);
    int64_t expected = row >= 0 && w->typical_per_row[row] > 0 ? w->typical_per_row[row] : WINDOW_US;
    struct runner *best = NULL;
    for (int i = 0; i < w->pool.size; i++) {
        struct runner *r = &w->pool.runners[i];
        if (has_room(r, expected) && (!best || r->sent_us < best->sent_us)) best = r;
    }
    return best;
}

static bool is_held_up(struct worker *w, const struct held *h, int64_t now_us)
{
    int row = worker_row(h);
    if (row < 0 || w->rate_per_name[row] == 0) return false;
    if (now_us < w->next_start_us[row]) return true;
    w->next_start_us[row] = now_us + w->rate_per_name[row];
    return false;
}

void runners_feed(struct worker *w)
{
    struct held *h, *next;
    bool given = false;
    int64_t now_us = mono_us();
    if (w->is_stopping) return;
    for (h = TAILQ_FIRST(&w->ready); h; h = next) {
        next = TAILQ_NEXT(h, link);
        struct runner *r = choose(w, h);
        if (!r) break;
        if (is_held_up(w, h, now_us)) continue;
        give(w, r, h);
        given = true;
    }
    if (given) limits_watch(w);
}

int runners_want(struct worker *w)
{
    int alive = 0;
    for (int i = 0; i < w->pool.size; i++) {
        const struct runner *r = &w->pool.runners[i];
        if (r->pid && !r->is_retiring && !r->killed) alive++;
    }
    if (w->typical_us <= 0 || w->typical_us >= SHORT_US) return alive;
    int64_t ahead = 2 * WINDOW_US / w->typical_us;
    return alive * (int)(ahead < 1 ? 1 : ahead > WINDOW_MAX ? WINDOW_MAX : ahead);
}

/* ---- taking ---- */
static void smooth(int64_t *typical, int64_t took_us)
{
    if (took_us < 1) took_us = 1;
    *typical = *typical == 0 || took_us > *typical * 16 ? took_us : (*typical * 7 + took_us) / 8;
}

static void take_done(struct runner *r, const struct wire *frame)
{
    struct worker *w = r->worker;
    struct held *h;
    TAILQ_FOREACH(h, &r->sent, link)
    if (h->seq == frame->seq) break;
    if (!h) return;
    int row = worker_row(h);
    int64_t took_us = frame->status == RAN_RETRY ? 1000 : frame->number;
    int64_t max_tasks = conf_int(w->conf, SET_RUNNER_MAX_TASKS), max_bytes = conf_int(w->conf, SET_RUNNER_MAX_BYTES);
    smooth(&w->typical_us, took_us);
    if (row >= 0) smooth(&w->typical_per_row[row], took_us);
    r->tasks_done++;
    if (!h->is_started_told) events_task(w, EVENT_STARTED, h, NULL, NULL, 0);
    outcome_done(w, h, frame);
    if ((max_tasks > 0 && r->tasks_done >= max_tasks) || (max_bytes > 0 && (int64_t)frame->flags << 20 > max_bytes)) {
        if (!r->is_retiring)
            log_debug("runner %d retires after %lld tasks, %d MiB", (int)r->pid, (long long)r->tasks_done,
                      frame->flags);
        r->is_retiring = true;
        runners_take_back(w, r);
    }
    if (r->is_retiring && r->sent_count == 0) retire(r);
}

static void take_frame(struct runner *r, const struct wire *frame)
{
    struct held *h;
    if (frame->type == WIRE_DONE) {
        take_done(r, frame);
        return;
    }
    TAILQ_FOREACH(h, &r->sent, link)
    if (h->seq == frame->seq) break;
    if (!h || h->cancel == CANCEL_LOST) return;
    if (frame->type == WIRE_PROGRESS && frame->text[0])
        finish_state(r->worker, h, frame->text[0], false);
    else if (frame->type == WIRE_SEND && frame->text[SEND_LIST] && frame->text[SEND_MESSAGE])
        finish_send(r->worker, h, frame->text[SEND_LIST], frame->text[SEND_MESSAGE], frame->len[SEND_MESSAGE]);
}

static void on_frame(struct bufferevent *bev, void *arg)
{
    struct runner *r = arg;
    struct worker *w = r->worker;
    struct evbuffer *in = bufferevent_get_input(bev);
    char head[4];
    for (;;) {
        ssize_t got = evbuffer_copyout(in, head, sizeof head);
        int64_t size = wire_size(head, got > 0 ? (size_t)got : 0);
        struct wire frame;
        if (size == 0 || (size > 0 && evbuffer_get_length(in) < (size_t)size)) break;
        const char *bytes = size > 0 ? (const char *)evbuffer_pullup(in, size) : NULL;
        if (!bytes || wire_take(bytes, (size_t)size, &frame) <= 0) {
            log_error("runner %d writes nonsense: it is replaced", (int)r->pid);
            kill(r->pid, SIGKILL);
            evbuffer_drain(in, evbuffer_get_length(in));
            break;
        }
        take_frame(r, &frame);
        evbuffer_drain(in, (size_t)size);
    }
    runners_feed(w);
    consumer_wake(w);
}

/* What the task that was running when its runner ended comes to. */
static void judge_crash(struct worker *w, struct runner *r, struct held *h, int status)
{
    enum cancel_reason why = r->killed != CANCEL_NONE   ? r->killed
                             : h->cancel == CANCEL_LOST ? CANCEL_LOST
                                                        : CANCEL_NONE;
    switch (why) {
    case CANCEL_SOFT_LIMIT:
    case CANCEL_HARD_LIMIT:
        outcome_failed(w, h, "TimeLimitExceeded", "the task ran into its time limit", "billiard.exceptions");
        return;
    case CANCEL_REVOKED: outcome_revoked(w, h, "terminated"); return;
    case CANCEL_STOPPING: standing_hand_back(w, &h, 1, false); return;
    case CANCEL_LOST: held_free(w, h); return;
    case CANCEL_NONE: break;
    }
    if (WIFSIGNALED(status))
        log_error("runner %d died of signal %d (%s) in task %s[%s]: delivery %d of at most %d", (int)r->pid,
                  WTERMSIG(status), strsignal(WTERMSIG(status)), h->m.task, h->m.id, h->deliveries,
                  (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES));
    else
        log_error("runner %d left with status %d in task %s[%s]: delivery %d of at most %d", (int)r->pid,
                  WEXITSTATUS(status), h->m.task, h->m.id, h->deliveries,
                  (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES));
    standing_hand_back(w, &h, 1, true);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)what;
    struct runner *r = arg;
    struct worker *w = r->worker;
    int status = 0;
    on_frame(bev, r); /* what it said last */
    kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) continue;
    struct held *running = runners_running(r), *h, *before;
    for (h = TAILQ_LAST(&r->sent, held_list); h; h = before) {
        before = TAILQ_PREV(h, held_list, link);
        if (h == running) continue;
        held_move(w, h, HELD_READY);
        TAILQ_REMOVE(&w->ready, h, link);
        TAILQ_INSERT_HEAD(&w->ready, h, link);
    }
    if (running) judge_crash(w, r, running, status);
    bool is_hasty = r->tasks_done == 0 && !running && mono_ms() - r->spawned_ms < RESPAWN_MS && !r->is_retiring;
    bufferevent_free(r->bev);
    r->bev = NULL;
    r->pid = 0;
    if (is_hasty && !w->pool.is_closing) {
        log_error("a runner ended as soon as it had started (status %d)", status);
        spawn_later(w);
    } else {
        fill(w);
    }
    runners_feed(w);
    consumer_wake(w);
    worker_told_idle(w);
}
