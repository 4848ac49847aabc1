/* The worker role: sets up the rooms of worker_internal.h around one event loop, and takes them down.
 *
 * Stopping (TERM, INT, or by remote control): nothing is fetched any more; what has not started goes back to its queue;
 * what runs gets the grace time, then is asked to stop, then is killed; what did not finish goes back whole. */
#include "services/worker/worker_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/notify.h"
#include "services/role.h"
#include "services/runner/confine.h"
#include "services/tasks/task_table.h"

#define EXIT_CONFIG   78
#define EXIT_INTERNAL 70
#define OBEY_MS       2500 /* between being asked to stop and being killed */
#define FLUSH_MS      3000 /* for the last results */

int worker_row(const struct held *h)
{
    return h->def ? (int)(h->def - task_table(NULL)) : -1;
}

bool worker_is_idle(const struct worker *w)
{
    return w->ready_count + w->sent_count + w->over_count + w->ending_count == 0 && TAILQ_EMPTY(&w->sends);
}

/* ---- stopping ---- */
enum stop_stage { STOP_GRACE, STOP_ASKED, STOP_KILLED };

static void leave(struct worker *w)
{
    if (w->is_leaving) return;
    if (redis_is_up(w->redis))
        standing_leave(w);
    else
        event_base_loopbreak(w->base); /* the lease runs out, or the successor takes over */
}

void worker_told_idle(struct worker *w)
{
    if (w->is_stopping && worker_is_idle(w)) leave(w);
}

static void stop_in(struct worker *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(w->stop_timer, &tv);
}

static void give_back_ready(struct worker *w)
{
    struct held *list[BATCH_MAX], *h;
    size_t count;
    do {
        count = 0;
        TAILQ_FOREACH(h, &w->ready, link)
        if (count < BATCH_MAX) list[count++] = h;
        if (count > 0) standing_hand_back(w, list, count, false);
    } while (count > 0);
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct held *h;
    switch (w->stop_stage++) {
    case STOP_GRACE:
        log_warning("the grace time is over: %d running tasks are asked to stop", w->sent_count);
        for (int i = 0; i < RUNNERS_MAX; i++)
            if (w->pool.runners[i].pid && (h = runners_running(&w->pool.runners[i])))
                runners_cancel(w, h, CANCEL_STOPPING);
        stop_in(w, OBEY_MS);
        break;
    case STOP_ASKED:
        for (int i = 0; i < RUNNERS_MAX; i++)
            if (w->pool.runners[i].pid && w->pool.runners[i].sent_count > 0)
                runners_kill(&w->pool.runners[i], CANCEL_STOPPING);
        stop_in(w, FLUSH_MS);
        break;
    default: leave(w); break;
    }
}

void worker_stop(struct worker *w, const char *why)
{
    if (w->is_stopping) return;
    w->is_stopping = true;
    log_info("stopping: %s", why);
    notify_stopping();
    consumer_stop(w);
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) runners_take_back(w, &w->pool.runners[i]);
    give_back_ready(w);
    stop_in(w, conf_int(w->conf, SET_WORKER_GRACE) * 1000);
    worker_told_idle(w);
}

/* ---- signals ---- */
static void on_stop_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)what;
    worker_stop(arg, sig == SIGINT ? "interrupted" : "asked to");
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    struct worker *w = arg;
    struct err err;
    struct conf_paths paths = conf_paths_from_environment();
    struct conf *conf = conf_load(&paths, &err);
    if (!conf) {
        log_error("configuration refused, the running one stays: %s", err.text);
        return;
    }
    conf_free(w->conf);
    w->conf = conf;
    log_set_level(log_level_of(conf_str(conf, SET_LOG_LEVEL)));
    log_set_format(strcmp(conf_str(conf, SET_LOG_FORMAT), "json") == 0 ? LOG_JSON : LOG_TEXT);
    runners_recycle(w); /* new runners see the new settings */
    log_info("configuration reloaded");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_watchdog();
}

/* ---- connection ---- */
static void on_redis(void *arg, bool is_up, const char *why)
{
    struct worker *w = arg;
    char where[600];
    redis_url_shown(&w->url, where, sizeof where);
    w->is_registered = false;
    w->is_fetching = false;
    if (is_up) {
        log_info("connected to %s", where);
        w->is_told_down = false;
        standing_up(w);
        notify_ready("consuming");
    } else {
        if (!w->is_told_down) log_warning("%s is not usable, trying on: %s", where, why);
        w->is_told_down = true;
        notify_status("waiting for Redis");
        if (!w->is_ready_told) notify_ready("waiting for Redis"); /* it is not our fault: do not restart us */
        if (w->is_stopping && w->is_leaving) event_base_loopbreak(w->base);
    }
    w->is_ready_told = true;
}

static int open_redis(struct worker *w, struct err *err)
{
    w->redis = redis_new(w->base, &w->url, "logikald-worker", err);
    w->listener = redis_new(w->base, &w->url, "logikald-control", err);
    if (!w->redis || !w->listener) return -ERR_CONFIG;
    redis_on_state(w->redis, on_redis, w);
    return 0;
}

static int open_signals(struct worker *w, struct err *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int64_t every = notify_watchdog_interval_ms();
    for (int i = 0; i < 3; i++) {
        w->signals[i] = evsignal_new(w->base, numbers[i], numbers[i] == SIGHUP ? on_reload : on_stop_signal, w);
        if (!w->signals[i] || evsignal_add(w->signals[i], NULL) != 0) return err_set(err, ERR_NOMEM, "no memory");
    }
    w->stop_timer = evtimer_new(w->base, on_stop_timer, w);
    if (every > 0) {
        struct timeval tv = {.tv_sec = every / 1000, .tv_usec = every % 1000 * 1000};
        w->watchdog = event_new(w->base, -1, EV_PERSIST, on_watchdog, w);
        if (w->watchdog) event_add(w->watchdog, &tv);
    }
    return 0;
}

static int concurrency(const struct conf *conf)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t asked = conf_int(conf, SET_WORKER_CONCURRENCY);
    if (asked > 0) return (int)asked;
    return cpus < 1 ? 1 : cpus > 4 ? 4 : (int)cpus;
}

/* Runners are forked before anything else is set up: they share the untouched pages. */
static int worker_open(struct worker *w, struct err *err)
{
    int rc = redis_url_from_conf(w->conf, &w->url, err);
    if (rc) return rc;
    w->base = event_base_new();
    if (!w->base) return err_set(err, ERR_SYSTEM, "no event loop");
    TAILQ_INIT(&w->ready);
    TAILQ_INIT(&w->over);
    w->started_ms = mono_ms();
    queue_keys_init(&w->keys, w->conf, &w->url);
    w->counts = task_counts_new(w->conf);
    if (!w->counts) return err_set(err, ERR_NOMEM, "no memory");
    finish_open(w);
    if (!rc) rc = standing_open(w, err);
    if (!rc) rc = limits_open(w, err);
    if (!rc) rc = events_open(w, err);
    if (!rc) rc = surroundings_open(w, err);
    if (!rc) rc = open_signals(w, err);
    confine_prepare();
    if (!rc) rc = runners_open(w, concurrency(w->conf), err);
    if (!rc) rc = open_redis(w, err);
    if (!rc) rc = consumer_open(w, err);
    if (!rc) rc = pidbox_open(w, err);
    return rc;
}

static void worker_close(struct worker *w)
{
    if (!w->base) return;
    w->is_stopping = w->is_leaving = true;
    consumer_close(w);
    pidbox_close(w);
    redis_free(w->listener);
    redis_free(w->redis);
    runners_close(w);
    struct held *h;
    while ((h = TAILQ_FIRST(&w->ready))) held_free(w, h);
    while ((h = TAILQ_FIRST(&w->over))) held_free(w, h);
    finish_close(w);
    standing_close(w);
    limits_close(w);
    events_close(w);
    surroundings_close(w);
    revoked_close(w);
    for (int i = 0; i < 3; i++)
        if (w->signals[i]) event_free(w->signals[i]);
    if (w->stop_timer) event_free(w->stop_timer);
    if (w->watchdog) event_free(w->watchdog);
    task_counts_free(w->counts);
    buf_free(&w->scratch);
    event_base_free(w->base);
}

int worker_main(struct conf *conf, int argc, char **argv)
{
    static struct worker worker;
    struct worker *w = &worker;
    struct err err = {0};
    (void)argc, (void)argv;
    w->conf = conf;
    int rc = worker_open(w, &err), status = 0;
    if (rc == 0) {
        log_info("worker %s with %d runners serves %s", w->node, w->pool.size, conf_str(conf, SET_WORKER_QUEUES));
        redis_start(w->redis);
        redis_start(w->listener);
        event_base_dispatch(w->base);
    } else {
        log_critical("the worker cannot start: %s", err.text);
        status = rc == -ERR_NOT_FOUND || rc == -ERR_CONFIG ? EXIT_CONFIG : EXIT_INTERNAL;
    }
    worker_close(w);
    conf_free(w->conf);
    if (rc == 0) log_info("stopped");
    return status;
}
