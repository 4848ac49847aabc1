/* What surrounds our own work in Redis: messages that died with a Python worker, and a server whose settings endanger
 * tasks. Looked at after connecting and then once a minute. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/log.h"

#define EVERY_S              60
#define VISIBILITY_TIMEOUT_S "3600" /* kombu's default */

static void on_restored(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE || answer->reply->type != REDIS_REPLY_INTEGER || answer->reply->integer == 0)
        return;
    log_warning("%lld messages that a Python worker left behind go back to their queues",
                (long long)answer->reply->integer);
    consumer_wake(w);
}

static void restore_orphans(struct worker *w)
{
    char keys[3][QUEUE_KEY_SIZE], held[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&w->keys, keys[0], KEY_UNACKED, ""),
                          queue_key(&w->keys, keys[1], KEY_UNACKED_INDEX, ""),
                          queue_key(&w->keys, keys[2], KEY_WORKERS, ""),
                          VISIBILITY_TIMEOUT_S,
                          w->keys.prefix,
                          queue_key(&w->keys, held, KEY_HELD, "")};
    redis_script(w->redis, "orphans", on_restored, w, 3, 6, argv, NULL);
}

static void on_info(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    const char *text =
        answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_STRING ? answer->reply->str : "";
    const char *policy = strstr(text, "maxmemory_policy:");
    if (!policy) return;
    policy += strlen("maxmemory_policy:");
    int len = (int)strcspn(policy, "\r\n");
    if (strncmp(policy, "allkeys", 7) == 0)
        log_warning("Redis has the eviction policy %.*s: when its memory is full it throws queued tasks away; set "
                    "maxmemory-policy to noeviction",
                    len, policy);
    else if (strncmp(policy, "volatile", 8) == 0)
        log_warning("Redis has the eviction policy %.*s: when its memory is full it throws results and locks away; set "
                    "maxmemory-policy to noeviction",
                    len, policy);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->is_registered && !w->is_stopping) restore_orphans(w);
}

void surroundings_up(struct worker *w)
{
    if (!w->has_looked_around) redis_call(w->redis, on_info, w, "INFO", "memory", REDIS_END);
    w->has_looked_around = true;
    restore_orphans(w);
}

int surroundings_open(struct worker *w, struct err *err)
{
    struct timeval tv = {.tv_sec = EVERY_S};
    w->surroundings_timer = event_new(w->base, -1, EV_PERSIST, on_timer, w);
    if (!w->surroundings_timer || event_add(w->surroundings_timer, &tv) != 0)
        return err_set(err, ERR_NOMEM, "no memory for a timer");
    return 0;
}

void surroundings_close(struct worker *w)
{
    if (w->surroundings_timer) event_free(w->surroundings_timer);
}
