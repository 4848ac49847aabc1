/* Redis as the pre-flight sees it: reachable, encrypted, new enough, and not set to throw tasks away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_foreign.h"
#include "ipc/redis/redis.h"
#include "ipc/redis/redis_mode.h"
#include "services/check/check_internal.h"

struct redis_check {
    struct event_base *base;
    struct redis *redis;
    const struct redis_url *url;
    struct check_line *line;
    struct queue_keys keys;
    const char *queues; /* served ones, with commas */
    int64_t start_ms;
    int tries; /* connections that came to nothing */
    struct redis_mode mode;
    char why[512];
};

/* The value of "name:" in INFO's text, cut to size; "" when it is not there. */
static void info_field(const char *info, const char *name, char *out, size_t size)
{
    char key[64];
    out[0] = 0;
    snprintf(key, sizeof key, "\n%s:", name);
    const char *at = strstr(info, key);
    if (!at) return;
    at += strlen(key);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/* Where Sentinels have led to, or nothing. Returns out. */
static const char *named_master(const struct redis_check *p, char *out, size_t size)
{
    const struct redis_url *at = redis_where(p->redis);
    out[0] = 0;
    if (at->sentinels.hosts[0])
        snprintf(out, size, " at %s:%d, the master of \"%s\"", at->host, at->port, at->sentinels.master);
    return out;
}

static void say_info(struct redis_check *p, const char *info)
{
    char master[420], valkey[32], version[32], policy[48], maxmemory[32], role[16];
    info_field(info, "valkey_version", valkey, sizeof valkey);
    info_field(info, "redis_version", version, sizeof version);
    info_field(info, "maxmemory_policy", policy, sizeof policy);
    info_field(info, "maxmemory", maxmemory, sizeof maxmemory);
    info_field(info, "role", role, sizeof role);
    const char *kind = valkey[0] ? "Valkey" : "Redis", *number = valkey[0] ? valkey : version;
    long long took = (long long)(mono_ms() - p->start_ms);
    const char *tls = p->url->transport == REDIS_TLS    ? "TLS"
                      : p->url->transport == REDIS_UNIX ? "unix socket"
                                                        : "no TLS";
    char cluster[8], mode[24], keeps[REDIS_MODE_SIZE];
    redis_mode_words(&p->mode, keeps, sizeof keeps);
    info_field(info, "cluster_enabled", cluster, sizeof cluster);
    info_field(info, "redis_mode", mode, sizeof mode);
    if (strcmp(cluster, "1") == 0)
        check_say(p->line, CHECK_FAILED, "%s %s is a cluster: Redis Cluster is not supported, name a single server",
                  kind, number);
    else if (strcmp(mode, "sentinel") == 0)
        check_say(p->line, CHECK_FAILED,
                  "this is a Sentinel, not the server that it watches: REDIS_URL must name that, or be sentinel://");
    else if (strcmp(role, "slave") == 0)
        check_say(p->line, CHECK_FAILED, "%s %s is a read-only replica: REDIS_URL must name the primary", kind, number);
    else if (version[0] && strtol(version, NULL, 10) < 6)
        check_say(p->line, CHECK_FAILED, "%s %s is too old: 6.2 or later is needed", kind, number);
    else if (policy[0] && strcmp(policy, "noeviction") != 0 && strcmp(maxmemory, "0") != 0)
        check_say(p->line, CHECK_WARNING,
                  "%s %s, %s, %s: maxmemory-policy %s may throw %s away when memory runs out: set noeviction", kind,
                  number, tls, keeps, policy,
                  strncmp(policy, "volatile", 8) == 0 ? "results and locks" : "queued tasks");
    else if (redis_mode_keeps_nothing(&p->mode))
        check_say(p->line, CHECK_WARNING,
                  "%s %s%s, %s, nothing is kept over a restart: what waits in it is lost then: set appendonly yes",
                  kind, number, named_master(p, master, sizeof master), tls);
    else
        check_say(p->line, CHECK_OK, "%s %s%s, %s, %s, eviction %s, answered in %lld ms", kind, number,
                  named_master(p, master, sizeof master), tls, keeps, policy[0] ? policy : "unknown", took);
}

static void on_foreign(void *arg, const char *problem)
{
    struct redis_check *p = arg;
    if (problem[0] && p->line->verdict == CHECK_OK) check_say(p->line, CHECK_WARNING, "%s", problem);
    event_base_loopbreak(p->base);
}

/* The last question: is something where no worker would look? False: it cannot be asked. */
static bool ask_foreign(struct redis_check *p)
{
    char texts[QUEUE_NAMES_MAX][128];
    const char *names[QUEUE_NAMES_MAX];
    int count = queue_names(p->queues, texts, QUEUE_NAMES_MAX);
    for (int i = 0; i < count; i++) names[i] = texts[i];
    return queue_foreign_ask(p->redis, &p->keys, names, count, on_foreign, p) == 0;
}

static void on_info(void *arg, const struct redis_answer *answer)
{
    struct redis_check *p = arg;
    if (answer->fault == REDIS_FINE && answer->reply && answer->reply->str) {
        redis_mode_info(&p->mode, answer->reply->str);
        say_info(p, answer->reply->str);
    } else {
        check_say(p->line, CHECK_WARNING,
                  "works, version and eviction unknown: INFO was refused (%.100s); ACL SETUSER %.64s +info shows them",
                  answer->text, p->url->user[0] ? p->url->user : "default");
    }
    const char *user = p->url->user[0] ? p->url->user : "default", *missing = redis_missing(p->redis);
    if (*missing)
        check_say(
            p->line, CHECK_FAILED,
            "the user %.64s lacks %s: whoever waits for a result is not told, and remote control is deaf: ACL SETUSER "
            "%.64s allchannels +publish +subscribe +psubscribe",
            user, missing, user);
    if (*redis_unwritable(p->redis))
        check_say(p->line, CHECK_FAILED, "it takes no writes: %.200s", redis_unwritable(p->redis));
    if (p->line->verdict == CHECK_FAILED || !ask_foreign(p)) event_base_loopbreak(p->base);
}

/* CONFIG may be refused: then INFO tells what it knows. */
static void on_conf(void *arg, const struct redis_answer *answer)
{
    struct redis_check *p = arg;
    redis_mode_conf(&p->mode, answer->reply);
    if (redis_call(p->redis, on_info, p, "INFO", REDIS_END) != 0) event_base_loopbreak(p->base);
}

static void on_state(void *arg, bool is_up, const char *why)
{
    struct redis_check *p = arg;
    if (!is_up) {
        snprintf(p->why, sizeof p->why, "%s", why);
        if (++p->tries >= redis_url_places(p->url)) event_base_loopbreak(p->base);
        return;
    }
    p->why[0] = 0;
    if (redis_call(p->redis, on_conf, p, "CONFIG", "GET", REDIS_MODE_ASK, REDIS_END) != 0)
        event_base_loopbreak(p->base);
}

static void probe_run(struct redis_check *p)
{
    struct err err = {0};
    char where[REDIS_URL_SHOWN_SIZE];
    check_say(p->line, CHECK_FAILED, "%s did not answer within %d s", redis_url_shown(p->url, where, sizeof where),
              CHECK_TIMEOUT_S);
    p->redis = redis_new(p->base, p->url, "logikald-check", &err);
    if (!p->redis) {
        check_say(p->line, CHECK_FAILED, "%s", err.text);
        return;
    }
    redis_on_state(p->redis, on_state, p);
    redis_start(p->redis);
    event_base_loopexit(p->base, &(struct timeval){.tv_sec = CHECK_TIMEOUT_S});
    event_base_dispatch(p->base);
    if (p->why[0]) check_say(p->line, CHECK_FAILED, "%s: %s", where, p->why);
    redis_on_state(p->redis, NULL, NULL);
    redis_free(p->redis);
    event_base_loop(p->base, EVLOOP_NONBLOCK);
}

void check_redis(const struct conf *conf, struct check_line *line)
{
    struct err err = {0};
    struct redis_url url;
    int rc = redis_url_from_conf(conf, &url, &err);
    if (rc == -ERR_NOT_FOUND) {
        check_say(line, CHECK_SKIPPED, "not configured: web serves, and manual syncs run without it");
        return;
    }
    struct redis_check probe = {.url = &url,
                                .line = line,
                                .queues = conf_str(conf, SET_WORKER_QUEUES),
                                .start_ms = mono_ms(),
                                .base = rc == 0 ? event_base_new() : NULL};
    if (rc == 0) queue_keys_init(&probe.keys, conf, &url);
    if (probe.base)
        probe_run(&probe);
    else
        check_say(line, CHECK_FAILED, "%s", rc == 0 ? "no event loop" : err.text);
    if (probe.base) event_base_free(probe.base);
}
