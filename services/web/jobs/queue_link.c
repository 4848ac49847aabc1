/* Opens web's connection to Redis and its queue, and says when it comes and goes. */
#include "services/web/jobs/queue_link.h"

#include <event2/event.h>

#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/redis.h"
#include "ipc/redis/redis_outage.h"
#include "ipc/queue/task_counts.h"

static long reconnects;

static struct {
    void (*fn)(struct web *web); /* NULL: nobody waits */
    struct event *late;
} waiter;

long queue_link_reconnects(void)
{
    return reconnects;
}

/* ---- the first attempt ---- */

static void forget_waiter(void)
{
    if (waiter.late) event_free(waiter.late);
    waiter.late = NULL;
    waiter.fn = NULL;
}

static void tell_waiter(struct web *web)
{
    void (*fn)(struct web *) = waiter.fn;
    forget_waiter();
    if (fn) fn(web);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    log_info("Redis has not answered within %d ms: serving without waiting for it any longer", QUEUE_LINK_TRY_MS);
    tell_waiter(arg);
}

void queue_link_when_tried(struct web *web, void (*fn)(struct web *web))
{
    waiter.fn = fn;
    waiter.late = web->queue ? evtimer_new(web->base, on_late, web) : NULL;
    if (waiter.late)
        event_add(waiter.late, &(struct timeval){.tv_sec = QUEUE_LINK_TRY_MS / 1000});
    else
        tell_waiter(web);
}

/* ---- its state ---- */

static void on_state(void *arg, bool is_up, const char *why)
{
    static struct redis_outage outage;
    struct web *web = arg;
    if (is_up) {
        redis_outage_over(&outage);
        log_info("Redis is reachable");
        task_counts_doubt(web->task_counts);
        task_counts_tell(web->task_counts, web->redis);
    }
    reconnects += is_up;
    if (!is_up && redis_outage_tell(&outage, why))
        log_warning("Redis is unreachable: %s; tasks run in a child of this process instead", why);
    tell_waiter(web);
}

void queue_link_open(struct web *web)
{
    struct err err = {0};
    struct redis_url url;
    if (redis_url_from_conf(web->conf, &url, &err) != 0) {
        if (err.code != ERR_NOT_FOUND) log_error("Redis is not used: %s", err.text);
        return;
    }
    web->redis = redis_new(web->base, &url, "logikald-web", &err);
    if (web->redis) web->queue = queue_new(web->base, web->redis, web->conf, &err);
    if (!web->queue) {
        log_error("Redis is not used: %s", err.text);
        queue_link_close(web);
        return;
    }
    redis_on_state(web->redis, on_state, web);
    redis_start(web->redis);
}

void queue_link_close(struct web *web)
{
    forget_waiter();
    redis_free(web->redis); /* answers who waits, through the queue */
    web->redis = NULL;
    queue_free(web->queue);
    web->queue = NULL;
}
