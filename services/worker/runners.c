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
#include "services/runner/runner.h"

#define RESPAWN_MS 500 /* for a runner that dies without having done anything */

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
    atomic_store(&r->shared->ring_read, atomic_load(&r->shared->ring_written));
    atomic_store(&r->shared->is_rung, false);
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
void runners_retire(struct runner *r)
{
    r->is_retiring = true;
    if (r->sent_count == 0 && r->bev) shutdown(bufferevent_getfd(r->bev), SHUT_WR);
}

void runners_resize(struct worker *w, int size)
{
    w->pool.size = size < 1 ? 1 : size > RUNNERS_MAX ? RUNNERS_MAX : size;
    for (int i = w->pool.size; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) runners_retire(&w->pool.runners[i]);
    fill(w);
    consumer_wake(w);
}

void runners_recycle(struct worker *w)
{
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) runners_retire(&w->pool.runners[i]);
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

static void on_frame(struct bufferevent *bev, void *arg)
{
    struct runner *r = arg;
    (void)bev;
    runners_read(r);
    runners_feed(r->worker);
    consumer_wake(r->worker);
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
    (void)bev, (void)what;
    struct runner *r = arg;
    struct worker *w = r->worker;
    int status = 0;
    runners_read(r); /* what it said last */
    runners_read_ring(r);
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
