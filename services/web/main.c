/* The web role: sets up its rooms, runs the loop, and leaves in order. SIGTERM and SIGINT stop accepting, let requests
 * finish and end with 0; SIGHUP takes over the settings that can change in place. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <sodium.h>

#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/text/copy.h"
#include "ipc/notify.h"
#include "ipc/queue/task_counts.h"
#include "services/lull.h"
#include "services/role.h"
#include "services/store/db/pool.h"
#include "services/web/api/feed/change_waits.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/versions.h"
#include "services/web/gate/credentials/attempts.h"
#include "services/web/gate/codes.h"
#include "services/web/gate/origin/cors.h"
#include "services/web/gate/credentials/hasher.h"
#include "services/web/gate/credentials/identities.h"
#include "services/web/gate/limiter.h"
#include "services/web/gate/page.h"
#include "services/web/gate/route.h"
#include "services/web/http/server.h"
#include "services/web/jobs/actions.h"
#include "services/web/jobs/feed_watch.h"
#include "services/web/jobs/queue_link.h"
#include "services/web/ui/ui.h"
#include "services/web/watch/access_log.h"
#include "services/web/watch/alarms/alarms.h"
#include "services/web/watch/alarms/episodes.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/timeline/flight_take.h"
#include "services/web/watch/metrics/metrics.h"
#include "services/web/watch/health/verdict.h"
#include "services/web/web.h"
#include "services/why/gather.h"

#define GRACE_S 25 /* for requests under way; below the supervisor's default of 30 */

static void end(struct web *web, const char *why)
{
    log_info("web stopped: %s", why);
    event_base_loopbreak(web->base);
}

static void on_drained(void *arg)
{
    end(arg, "all requests answered");
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    end(arg, "requests that took too long were cut");
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
    (void)what;
    struct web *web = arg;
    if (web->is_stopping) {
        end(web, "told a second time; requests under way were cut");
        return;
    }
    web->is_stopping = true;
    log_info("signal %d: no new connections, finishing requests", (int)sig);
    notify_stopping();
    event_base_once(web->base, -1, EV_TIMEOUT, on_grace_over, web, &(struct timeval){.tv_sec = GRACE_S});
    server_drain(web->server, on_drained, web);
    actions_drain(web->actions);
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    struct web *web = arg;
    conf_reload(&web->conf, NULL, NULL);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_watchdog();
}

static int take_secrets(struct web *web)
{
    if (sodium_init() < 0) return -1;
    text_copy(web->jwt_key, sizeof web->jwt_key, conf_str(web->conf, SET_JWT_SECRET_KEY));
    text_copy(web->jwt_previous, sizeof web->jwt_previous, conf_str(web->conf, SET_JWT_SECRET_KEY_PREVIOUS));
    if (!conf_is_set(web->conf, SET_ADMIN_PASSWORD))
        log_warning("ADMIN_PASSWORD is not set: nobody can log in as administrator");
    return 0;
}

/* A page for people, a code for programs. */
static bool refuse_in_form(struct req *r, int status, const char *code, const char *text)
{
    return page_refuse(r, status, text) || (!code && codes_refuse(r, status, text));
}

static void add_headers(struct req *r)
{
    limiter_answer(r);
    cors_headers(r);
}

/* The wings above the server, each at its place in a request's life. */
static void (*const listeners[])(const struct req *r) = {ui_action_record, access_log, NULL};
static const struct http_hooks hooks = {.route = route_request,
                                        .headers = add_headers,
                                        .refuse = refuse_in_form,
                                        .over = listeners,
                                        .body_max = route_body_max};

/* Changes of epoll's set are gathered until the loop waits: those of a usual request undo each other, which saves four
 * of its seven calls to the kernel. No descriptor in the loop may have a duplicate in this process (linger.h). */
static struct event_base *loop_new(void)
{
    struct event_config *config = event_config_new();
    if (!config) return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int set_up(struct web *web)
{
    struct err err = {0};
    web->base = loop_new();
    if (!web->base || take_secrets(web) != 0) return EXIT_INTERNAL;
    web->started_ms = wall_ms();
    web->pool = pool_new(web->base, web->conf, "logikald web", &err);
    if (!web->pool) log_warning("running without PostgreSQL: %s", err.text);
    web->task_counts = task_counts_new(web->conf);
    if (!web->task_counts) return EXIT_INTERNAL;
    queue_link_open(web);
    web->versions = versions_new(web);
    web->limiter = limiter_new(web);
    web->attempts = attempts_new(web);
    web->metrics = metrics_new(web);
    web->hasher = hasher_new(web);
    web->cache = cache_new(web);
    web->actions = actions_new(web);
    web->feed_watch = feed_watch_new(web);
    web->change_waits = change_waits_new(web);
    web->verdict = verdict_new(web);
    web->facts = facts_new(web);
    web->alarms = alarms_new(web);
    web->episodes = episodes_new(web);
    web->flight_take = flight_take_new(web);
    web->ui = ui_new(web);
    web->lull = lull_new(web->base);
    if (!web->versions || !web->limiter || !web->attempts || !web->metrics || !web->verdict || !web->facts ||
        !web->alarms || !web->episodes || !web->flight_take || !web->hasher || !web->cache || !web->actions ||
        !web->feed_watch || !web->change_waits || !web->ui)
        return EXIT_INTERNAL;
    web->server = server_new(web, &hooks, &err);
    if (web->server) return 0;
    log_critical("%s", err.text);
    return err.code == ERR_CONFIG ? EXIT_CONFIG : EXIT_UNAVAILABLE;
}

static void tear_down(struct web *web)
{
    server_close(web->server);
    queue_link_close(web); /* answers who waits for Redis; who waits for something else is not called any more */
    hasher_free(web->hasher);
    actions_free(web->actions);
    feed_watch_free(web->feed_watch);
    server_free(web->server);
    change_waits_free(web->change_waits);
    cache_free(web->cache);
    task_counts_free(web->task_counts);
    flight_take_free(web->flight_take);
    episodes_free(web->episodes);
    alarms_free(web->alarms);
    facts_free(web->facts);
    verdict_free(web->verdict);
    metrics_free(web->metrics);
    limiter_free(web->limiter);
    attempts_free(web->attempts);
    versions_free(web->versions);
    pool_free(web->pool);
    ui_free(web->ui);
    why_asks_free();
    identities_free();
    lull_free(web->lull);
    if (web->base) event_base_free(web->base);
    conf_free(web->conf);
}

/* Whatever it needs has been tried by now: only what is away is said to be away. */
static void serve(struct web *web)
{
    char text[64];
    if (web->is_stopping) return;
    server_open(web->server);
    snprintf(text, sizeof text, "serving on port %d", server_port(web->server));
    log_info("%s", text);
    notify_ready(text);
}

int web_main(struct conf *conf, int argc, char **argv)
{
    (void)argc, (void)argv;
    struct web web = {.conf = conf};
    int status = set_up(&web);
    if (status == 0) {
        struct event *signals[] = {
            evsignal_new(web.base, SIGTERM, on_stop, &web), evsignal_new(web.base, SIGINT, on_stop, &web),
            evsignal_new(web.base, SIGHUP, on_reload, &web), event_new(web.base, -1, EV_PERSIST, on_watchdog, NULL)};
        int64_t ping_ms = notify_watchdog_interval_ms();
        for (int i = 0; i < 3; i++) event_add(signals[i], NULL);
        if (ping_ms > 0)
            event_add(signals[3], &(struct timeval){.tv_sec = ping_ms / 1000, .tv_usec = ping_ms % 1000 * 1000});
        queue_link_when_tried(&web, serve);
        event_base_dispatch(web.base);
        for (int i = 0; i < 4; i++) event_free(signals[i]);
    }
    tear_down(&web);
    return status;
}
