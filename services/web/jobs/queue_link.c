/* Opens web's connection to Redis and its queue, and says when it comes and goes. */
#include "services/web/jobs/queue_link.h"

#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/redis.h"
#include "ipc/redis/redis_outage.h"
#include "ipc/queue/task_counts.h"

static long reconnects;

long queue_link_reconnects(void)
{
    return reconnects;
}

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
    redis_free(web->redis); /* answers who waits, through the queue */
    web->redis = NULL;
    queue_free(web->queue);
    web->queue = NULL;
}
