/* Looks whether webhooks are due that no worker delivers, and delivers them in a child. */
#include "services/web/jobs/feed_watch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/machine/random.h"
#include "ipc/queue/queue.h"
#include "services/store/web/feed/webhooks_read.h"
#include "services/web/jobs/child.h"

#define DELIVER_TASK  "tasks.feed_tasks.deliver_webhooks"
#define DELIVER_QUEUE "scheduler"
#define EXPIRES_MS    60000
#define IDLE_S        10

struct feed_watch {
    struct web *web;
    struct event *timer;
    struct pool_call *look;
    struct job_child *child;
    bool is_there;               /* the database has been migrated */
    bool is_asking;              /* the queue for its workers */
    bool is_told, is_told_again; /* of something written; again: while the look at it was under way */
};

static void look(struct feed_watch *w);

static void on_child_end(void *arg, const char *output, int status)
{
    struct feed_watch *w = arg;
    w->child = NULL;
    if (status != 0)
        log_warning("webhooks were not delivered to: %s %d: %.300s", status < 0 ? "signal" : "exit status", abs(status),
                    output);
    if (w->is_told) look(w);
}

static void start(struct feed_watch *w)
{
    char id[UUID_TEXT_SIZE];
    struct err err = {0};
    w->is_told = false;
    w->child = job_child_start(w->web->base, DELIVER_TASK, random_uuid4(id), "{}", on_child_end, w, &err);
    if (!w->child) log_warning("webhooks are not delivered to: %s", err.text);
}

static void on_look(void *arg, const PGresult *result, const struct err *err)
{
    struct feed_watch *w = arg;
    w->look = NULL;
    bool is_due = !err && PQntuples(result) && *PQgetvalue(result, 0, 0) == 't';
    int64_t idle_s = is_due ? strtoll(PQgetvalue(result, 0, 1), NULL, 10) : 0;
    if (is_due && !w->child && !w->web->is_stopping &&
        (w->is_told || idle_s > conf_int(w->web->conf, SET_WEBHOOK_TICK)))
        start(w);
    else if (!is_due && !w->is_told_again)
        w->is_told = false;
    bool is_again = w->is_told_again;
    w->is_told_again = false;
    if (is_again) look(w);
}

static void on_there(void *arg, const PGresult *result, const struct err *err)
{
    struct feed_watch *w = arg;
    w->look = NULL;
    w->is_there = !err && *PQgetvalue(result, 0, 0) == 't';
    if (w->is_there) look(w);
}

static void look(struct feed_watch *w)
{
    if (w->look || !w->web->pool) return;
    w->look = w->is_there ? pool_query(w->web->pool, &query_webhooks_waiting, 0, NULL, on_look, w)
                          : pool_query(w->web->pool, &query_webhooks_there, 0, NULL, on_there, w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct feed_watch *w = arg;
    int64_t tick_s = conf_int(w->web->conf, SET_WEBHOOK_TICK);
    event_add(w->timer,
              &(struct timeval){.tv_sec = tick_s ? tick_s : IDLE_S}); /* it may be another one after a reload */
    if (tick_s) look(w);
}

void feed_watch_look(struct feed_watch *w)
{
    if (!w) return;
    w->is_told = true;
    if (w->look) w->is_told_again = true;
    look(w);
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct feed_watch *w = arg;
    const struct task_options options = {.queue = DELIVER_QUEUE, .expires_ms = EXPIRES_MS};
    w->is_asking = false;
    if (err || !stats || stats->workers == 0 ||
        queue_send(w->web->queue, DELIVER_TASK, NULL, NULL, &options, NULL, NULL, NULL, NULL) != 0)
        feed_watch_look(w);
}

void feed_watch_send(struct feed_watch *w)
{
    if (w->is_asking) return; /* what it leads to begins later */
    w->is_asking = w->web->queue && queue_stats(w->web->queue, on_stats, w, NULL) == 0;
    if (!w->is_asking) feed_watch_look(w);
}

struct feed_watch *feed_watch_new(struct web *web)
{
    struct feed_watch *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->web = web;
    w->timer = evtimer_new(web->base, on_timer, w);
    if (!w->timer) {
        free(w);
        return NULL;
    }
    on_timer(-1, 0, w);
    return w;
}

void feed_watch_free(struct feed_watch *w)
{
    if (!w) return;
    job_child_free(w->child);
    if (w->timer) event_free(w->timer);
    free(w);
}
