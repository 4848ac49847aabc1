/* The worker role: sets up the rooms of worker.h around one event loop, ties them together, and takes them down.
 *
 * Stopping (TERM, INT, or by remote control): nothing is fetched any more; what has not started goes back to its queue;
 * what runs gets the grace time, then is asked to stop, then is killed; what did not finish goes back whole. The worker
 * leaves as soon as it has nothing in hand. */
#include "services/worker/worker.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/machine/cgroup.h"
#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "ipc/redis/redis_outage.h"
#include "ipc/notify.h"
#include "services/lull.h"
#include "services/role.h"
#include "services/runner/confine.h"
#include "services/worker/broker/broker_check.h"
#include "services/worker/complaint.h"
#include "services/worker/delivery.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback.h"
#include "services/worker/events/history.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/dispatch/limits.h"
#include "services/worker/broker/membership.h"
#include "services/worker/monitor/pidbox.h"
#include "services/worker/monitor/revoke.h"
#include "services/worker/runners/runners.h"
#include "services/worker/runners/scale.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/dispatch/stamped.h"

#define OBEY_MS  2500 /* between being asked to stop and being killed */
#define FLUSH_MS 3000 /* for the last results */

#define RUNNERS_LEAST 2 /* of a worker that was not told how many */
#define RUNNERS_USUAL 4

/* What belongs to the process alone: nobody else sees it. */
static struct {
    struct event *signals[3], *stop_timer, *watchdog;
    struct lull *lull;
    int stop_stage;
    struct redis_outage outage;
    bool is_ready_told;
    struct complaint deaf; /* why nothing is heard */
} own;

/* ---- stopping ---- */
enum stop_stage { STOP_GRACE, STOP_ASKED, STOP_KILLED };

static bool is_idle(struct worker *w)
{
    return deliveries_are_none(w) && finish_is_idle(w) && history_is_idle(w) && !consumer_is_fetching(w);
}

static void stop_in(int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(own.stop_timer, &tv);
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct delivery *d;
    switch (own.stop_stage++) {
    case STOP_GRACE:
        log_warning("the grace time is over: %d running tasks are asked to stop", deliveries_count(w, DELIVERY_SENT));
        for (int i = 0; i < RUNNERS_MAX; i++)
            if ((d = runners_running(w, i))) runners_cancel(w, d, CANCEL_STOPPING);
        stop_in(OBEY_MS);
        break;
    case STOP_ASKED:
        for (int i = 0; i < RUNNERS_MAX; i++)
            if (deliveries_sent_count(w, i) > 0) runners_kill(w, i, CANCEL_STOPPING);
        stop_in(FLUSH_MS);
        break;
    default: membership_leave(w); break;
    }
}

void worker_stop(struct worker *w, const char *why)
{
    if (w->is_stopping) return;
    w->is_stopping = true;
    log_info("stopping: %s", why);
    notify_stopping();
    consumer_stop(w);
    membership_check(w); /* the connections that waited may have taken something: it goes back */
    handback_stop(w);
    history_stop(w);
    stop_in(conf_int(w->conf, SET_WORKER_GRACE) * 1000);
    deliveries_changed(w);
}

/* ---- what follows a change ---- */
static void on_change(struct worker *w)
{
    if (!w->is_stopping) {
        dispatch_ready(w);
        consumer_wake(w);
        return;
    }
    handback_stop(w);
    if (is_idle(w)) membership_leave(w);
}

static void on_registered(struct worker *w, bool is_news)
{
    if (is_news) {
        revoke_catch_up(w);
        broker_check_up(w);
        events_worker(w, "worker-online");
    }
    deliveries_changed(w);
}

static bool on_heartbeat(struct worker *w)
{
    if (!membership_is_registered(w) || membership_is_leaving(w)) return false;
    task_counts_tell(w->counts, w->redis); /* in the same round trip */
    history_look(w);
    return true;
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
    if (conf_reload(&w->conf, NULL, NULL)) runners_recycle(w); /* new runners see the new settings */
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_watchdog();
}

/* ---- connections ---- */
static void cut(struct worker *w)
{
    membership_cut(w);
    finish_cut(w);
    handback_cut(w);
    consumer_cut(w);
}

/* Redis does not know this worker's epoch. */
static void on_doubt(struct worker *w)
{
    cut(w);
    membership_check(w);
}

static void on_redis(void *arg, bool is_up, const char *why)
{
    struct worker *w = arg;
    char where[REDIS_URL_SHOWN_SIZE];
    redis_url_shown(&w->url, where, sizeof where);
    cut(w);
    if (is_up) {
        log_info("connected to %s", where);
        redis_outage_over(&own.outage);
        membership_up(w);
        notify_ready("consuming");
    } else {
        if (redis_outage_tell(&own.outage, why)) log_warning("%s is not usable, trying on: %s", where, why);
        notify_status("waiting for Redis");
        if (!own.is_ready_told) notify_ready("waiting for Redis"); /* not this process's fault: do not restart it */
        if (w->is_stopping && membership_is_leaving(w)) event_base_loopbreak(w->base);
    }
    own.is_ready_told = true;
}

/* The connection that listens: it may be refused where the other one is not. */
static void on_listener(void *arg, bool is_up, const char *why)
{
    struct worker *w = arg;
    bool is_refused = strstr(why, "may not subscribe") != NULL; /* else both are down for one reason */
    if (is_up || (!is_refused && !redis_is_up(w->redis)) || !complaint_is_due(&own.deaf, why)) return;
    log_error("remote control and revokes are not heard, trying on: %s", why);
}

static int open_redis(struct worker *w, struct err *err)
{
    w->redis = redis_new(w->base, &w->url, "logikald-worker", err);
    w->listener = redis_new(w->base, &w->url, "logikald-control", err);
    if (!w->redis || !w->listener) return -ERR_CONFIG;
    redis_on_state(w->redis, on_redis, w);
    redis_on_state(w->listener, on_listener, w);
    return 0;
}

static int open_signals(struct worker *w, struct err *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int64_t every = notify_watchdog_interval_ms();
    for (int i = 0; i < 3; i++) {
        own.signals[i] = evsignal_new(w->base, numbers[i], numbers[i] == SIGHUP ? on_reload : on_stop_signal, w);
        if (!own.signals[i] || evsignal_add(own.signals[i], NULL) != 0) return err_set(err, ERR_NOMEM, "no memory");
    }
    own.stop_timer = evtimer_new(w->base, on_stop_timer, w);
    if (every > 0) {
        struct timeval tv = {.tv_sec = every / 1000, .tv_usec = every % 1000 * 1000};
        own.watchdog = event_new(w->base, -1, EV_PERSIST, on_watchdog, w);
        if (own.watchdog) event_add(own.watchdog, &tv);
    }
    return 0;
}

/* As many as there are processors for us: a container may have a part of the machine's. With one alone everything would
 * wait for a long sync, which itself waits for the upstream most of the time. */
static int concurrency(const struct conf *conf)
{
    char dir[PATH_MAX];
    int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN), asked = conf_int(conf, SET_WORKER_CONCURRENCY);
    if (asked > 0) return (int)asked;
    int64_t quota = cgroup_find("", "cpu", dir, sizeof dir) ? (cgroup_read_cpu(dir) + 999) / 1000 : 0;
    if (quota > 0 && quota < cpus) cpus = quota;
    return cpus < RUNNERS_LEAST ? RUNNERS_LEAST : cpus > RUNNERS_USUAL ? RUNNERS_USUAL : (int)cpus;
}

static void tie(struct worker *w)
{
    deliveries_on_change(w, on_change);
    events_on_heartbeat(w, on_heartbeat);
    consumer_on_doubt(w, on_doubt, membership_check, membership_is_registered);
    membership_on_state(w, on_registered);
}

/* Runners are forked before connections are set up: they share the untouched pages. */
static int worker_open(struct worker *w, struct err *err)
{
    int rc = redis_url_from_conf(w->conf, &w->url, err);
    if (rc) return rc;
    w->base = event_base_new();
    if (!w->base) return err_set(err, ERR_SYSTEM, "no event loop");
    w->started_ms = mono_ms();
    queue_keys_init(&w->keys, w->conf, &w->url);
    w->counts = task_counts_new(w->conf);
    if (!w->counts) return err_set(err, ERR_NOMEM, "no memory");
    static int (*const before[])(struct worker * w, struct err * err) = {deliveries_open, revoked_open,   stamped_open,
                                                                         events_open,     history_open,   finish_open,
                                                                         handback_open,   membership_open};
    for (size_t i = 0; i < sizeof before / sizeof *before && rc == 0; i++) rc = before[i](w, err);
    confine_prepare(); /* after their tables: most of those is never touched, as long as no freed memory is under it */
    if (rc == 0) rc = open_signals(w, err);
    if (rc == 0) rc = runners_open(w, concurrency(w->conf), err);
    static int (*const after[])(struct worker * w, struct err * err) = {
        dispatch_open, limits_open, scale_open, open_redis, consumer_open, broker_check_open, pidbox_open};
    for (size_t i = 0; i < sizeof after / sizeof *after && rc == 0; i++) rc = after[i](w, err);
    own.lull = lull_new(w->base);
    if (rc == 0) tie(w);
    return rc;
}

static void worker_close(struct worker *w)
{
    if (!w->base) return;
    w->is_stopping = true;
    consumer_close(w);
    pidbox_close(w);
    redis_free(w->listener);
    redis_free(w->redis);
    w->listener = w->redis = NULL;
    runners_close(w);
    finish_close(w);
    deliveries_close(w);
    handback_close(w);
    membership_close(w);
    broker_check_close(w);
    dispatch_close(w);
    limits_close(w);
    scale_close(w);
    history_close(w);
    events_close(w);
    revoked_close(w);
    stamped_close(w);
    for (int i = 0; i < 3; i++)
        if (own.signals[i]) event_free(own.signals[i]);
    if (own.stop_timer) event_free(own.stop_timer);
    if (own.watchdog) event_free(own.watchdog);
    lull_free(own.lull);
    task_counts_free(w->counts);
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
        log_info("worker %s with %d runners serves %s", w->node, runners_size(w), conf_str(conf, SET_WORKER_QUEUES));
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
