/* /metrics in Prometheus' text format. What is in memory is printed at once; the queue and the database are asked for
 * the rest, and what cannot be reached is left out, with logikald_up telling so. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/version.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/redis.h"
#include "services/store/sizes.h"
#include "services/store/web/watch/metrics_read.h"
#include "services/web/cache/cache.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"
#include "services/web/http/server.h"
#include "services/web/jobs/queue_link.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/metrics/metrics_internal.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

#define TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP logikald_%s %s\n# TYPE logikald_%s %s\n", name, help, name, type);
}

void metrics_one(struct buf *out, const char *name, const char *type, const char *help, double value)
{
    metrics_head(out, name, type, help);
    buf_printf(out, "logikald_%s %.15g\n", name, value);
}

void metrics_label(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"') buf_char(out, '\\');
        if (*p == '\n')
            buf_str(out, "\\n");
        else
            buf_char(out, *p);
    }
    buf_char(out, '"');
}

/* ---- this process ---- */

static const char *method_of(const struct route *t)
{
    return t->method == EVHTTP_REQ_GET      ? "GET"
           : t->method == EVHTTP_REQ_POST   ? "POST"
           : t->method == EVHTTP_REQ_PUT    ? "PUT"
           : t->method == EVHTTP_REQ_DELETE ? "DELETE"
                                            : "PATCH";
}

static void add_route(struct buf *out, int index)
{
    metrics_label(out, "route", index < routes_count ? routes[index].path : "unknown");
    buf_char(out, ',');
    metrics_label(out, "method", index < routes_count ? method_of(&routes[index]) : "any");
}

static void add_requests(struct buf *out, const struct metrics *m)
{
    metrics_head(out, "http_requests_total", "counter", "Requests answered, by route, method and status");
    for (int i = 0; i <= routes_count; i++)
        for (int k = 0; m->routes[i] && k < METRICS_STATUSES && m->routes[i]->status[k].status; k++) {
            buf_str(out, "logikald_http_requests_total{");
            add_route(out, i);
            buf_printf(out, ",status=\"%d\"} %" PRId64 "\n", m->routes[i]->status[k].status,
                       m->routes[i]->status[k].count);
        }
    metrics_head(out, "http_request_duration_seconds", "histogram",
                 "Time from the request to the last byte of its answer");
    for (int i = 0; i <= routes_count; i++) {
        const struct route_metrics *c = m->routes[i];
        for (int k = 0; c && k <= METRICS_BUCKETS; k++) {
            buf_str(out, "logikald_http_request_duration_seconds_bucket{");
            add_route(out, i);
            if (k < METRICS_BUCKETS)
                buf_printf(out, ",le=\"%g\"} %" PRId64 "\n", metrics_le_s[k], c->buckets[k]);
            else
                buf_printf(out, ",le=\"+Inf\"} %" PRId64 "\n", c->count);
        }
        if (!c) continue;
        buf_str(out, "logikald_http_request_duration_seconds_sum{");
        add_route(out, i);
        buf_printf(out, "} %.6f\nlogikald_http_request_duration_seconds_count{", c->sum_s);
        add_route(out, i);
        buf_printf(out, "} %" PRId64 "\n", c->count);
    }
}

static void add_process(struct buf *out, const struct web *web)
{
    struct server_stats s;
    struct cache_stats c;
    server_stats(web->server, &s);
    cache_stats(web->cache, &c);
    metrics_one(out, "http_connections", "gauge", "Open client connections", s.connections);
    metrics_one(out, "http_connections_cut_total", "counter", "Connections cut because they were too slow",
                (double)s.cut);
    metrics_one(out, "http_cache_hits_total", "counter", "Answers from memory", (double)c.hits);
    metrics_one(out, "http_cache_misses_total", "counter", "Answers that had to be loaded", (double)c.misses);
    metrics_one(out, "http_cache_bytes", "gauge", "Bytes of answers kept in memory", (double)c.bytes);
    metrics_one(out, "http_cache_entries", "gauge", "Answers kept in memory", (double)c.entries);
    if (!web->pool) return;
    struct pool_stats p;
    pool_stats(web->pool, &p);
    metrics_one(out, "db_pool_connections", "gauge", "Open connections to PostgreSQL", p.open);
    metrics_one(out, "db_pool_busy", "gauge", "Connections with a statement under way", p.busy);
    metrics_one(out, "db_pool_waiting", "gauge", "Statements that wait for a connection", p.waiting);
    metrics_one(out, "db_queries_total", "counter", "Statements answered", (double)p.queries);
    metrics_one(out, "db_query_errors_total", "counter", "Statements that failed", (double)p.errors);
    metrics_one(out, "db_query_seconds_total", "counter", "Time that statements took", (double)p.busy_us / 1e6);
    metrics_one(out, "db_connects_total", "counter", "Connections made to PostgreSQL", (double)p.reconnects);
}

static void add_up(struct buf *out, const struct web *web)
{
    metrics_head(out, "up", "gauge", "1 when the component can be reached");
    buf_printf(out, "logikald_up{component=\"database\"} %d\n", web->verdict->is_db_up);
    if (web->redis) buf_printf(out, "logikald_up{component=\"redis\"} %d\n", redis_is_up(web->redis));
    metrics_one(out, "feed_lag_seconds", "gauge",
                "Age of the first change that a running transaction keeps from readers",
                (double)web->verdict->feed.seconds);
    metrics_one(out, "feed_switches_total", "counter",
                "Times that PostgreSQL was another one than before (fail-over, restore)",
                (double)web->verdict->feed.switches);
    metrics_head(out, "usable", "gauge", "1 when the component can be reached and lets us do what is needed");
    buf_printf(out, "logikald_usable{component=\"database\"} %d\n",
               web->verdict->is_db_up && !*verdict_db_fault(web->verdict) &&
                   web->verdict->migrations.state == MIGRATIONS_DONE);
    if (!web->redis) return;
    buf_printf(out, "logikald_usable{component=\"redis\"} %d\n",
               redis_is_up(web->redis) && !*verdict_redis_fault(web->verdict));
    buf_printf(out, "logikald_usable{component=\"queue\"} %d\n", !backlog_is_stuck(&web->verdict->backlog, mono_ms()));
    metrics_one(out, "redis_went_back_total", "counter", "Times that Redis came back without what it had acknowledged",
                (double)redis_went_back());
    metrics_one(out, "redis_reconnects_total", "counter", "Connections made to Redis", (double)queue_link_reconnects());
}

static void add_verdict(struct buf *out, const struct web *web)
{
    static const char *const states[] = {"fresh", "look", "wrong", "unknown"};
    const cJSON *verdict = facts_verdict(web->facts), *p;
    metrics_head(out, "verdict", "gauge", "1 for the state that the verdict is in");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        buf_printf(out, "logikald_verdict{state=\"%s\"} %d\n", states[i],
                   strcmp(fact_text(verdict, "state"), states[i]) == 0);
    metrics_head(out, "problem", "gauge", "1 for each problem that there is");
    cJSON_ArrayForEach(p, fact(verdict, "problems")) {
        buf_str(out, "logikald_problem{");
        metrics_label(out, "key", fact_text(p, "key"));
        buf_char(out, ',');
        metrics_label(out, "severity", fact_text(p, "severity"));
        buf_str(out, "} 1\n");
    }
}

/* ---- the database ---- */

static const struct {
    const char *key, *name, *type, *help, *label1, *label2;
} families[] = {
    {"age", "sync_age_seconds", "gauge", "Seconds since the last sync of the type; -1 = never", "type", NULL},
    {"interval", "sync_interval_seconds", "gauge", "Interval of the type", "type", NULL},
    {"enabled", "sync_enabled", "gauge", "1 when the type is synced on schedule", "type", NULL},
    {"failed", "sync_last_failed", "gauge", "1 when the last sync of the type failed", "type", NULL},
    {"synced", "sync_objects_total", "counter", "Objects by type and outcome", "type", "outcome"},
    {"bucket", "sync_duration_seconds_bucket", NULL, NULL, "type", "le"},
    {"sum", "sync_duration_seconds_sum", NULL, NULL, "type", NULL},
    {"count", "sync_duration_seconds_count", NULL, NULL, "type", NULL},
    {"held", "sync_held", "gauge", "Rows of the type that are missing in Logikal and held: not believed to be gone",
     "type", NULL},
    {"objects", "objects", "gauge", "Rows of the type, living or marked as gone", "type", "state"},
    {"rows", "stored_objects", "gauge", "Rows of a table, as PostgreSQL estimates them", "table", NULL},
    {"hooks", "webhooks", "gauge", "Webhooks by their state", "state", NULL},
    {"hook_lag", "webhook_lag_seconds", "gauge", "Age of the oldest change that is not delivered; 0 = none", "webhook",
     NULL},
    {"hook_failures", "webhook_failures", "gauge", "Tries in vain since the last delivery", "webhook", NULL},
    {"hook_tries", "webhook_tries_total", "counter", "POSTs to the webhook", "webhook", NULL},
    {"hook_delivered", "webhook_changes_total", "counter", "Changes that were delivered", "webhook", NULL},
    {"history_lost", "task_history_lost", "gauge",
     "Tasks of the last TASK_HISTORY_DAYS whose history could not be written", NULL, NULL},
    {"parse", "parts_lists_unread", "gauge", "Parts lists that are not read, by their state", "status", NULL},
};

static void add_family(struct buf *out, const PGresult *result, size_t f)
{
    if (families[f].type) metrics_head(out, families[f].name, families[f].type, families[f].help);
    if (strcmp(families[f].key, "bucket") == 0)
        metrics_head(out, "sync_duration_seconds", "histogram", "Duration of syncs by type");
    for (int row = 0; row < PQntuples(result); row++) {
        if (strcmp(PQgetvalue(result, row, 0), families[f].key) != 0) continue;
        if (!families[f].label1) {
            buf_printf(out, "logikald_%s %s\n", families[f].name, PQgetvalue(result, row, 3));
            continue;
        }
        buf_printf(out, "logikald_%s{", families[f].name);
        metrics_label(out, families[f].label1, PQgetvalue(result, row, 1));
        if (families[f].label2) {
            buf_char(out, ',');
            metrics_label(out, families[f].label2, PQgetvalue(result, row, 2));
        }
        buf_printf(out, "} %s\n", PQgetvalue(result, row, 3));
    }
}

static double size_of(const PGresult *result, const char *kind)
{
    for (int row = 0; row < PQntuples(result); row++)
        if (strcmp(PQgetvalue(result, row, 0), "size") == 0 && strcmp(PQgetvalue(result, row, 1), kind) == 0)
            return strtod(PQgetvalue(result, row, 3), NULL);
    return 0;
}

static void add_sizes(struct buf *out, const PGresult *result, const struct web *web)
{
    const struct sizes s = {.database = (int64_t)size_of(result, "database"), .per_day = size_of(result, "growth")};
    int64_t limit = conf_int(web->conf, SET_DATABASE_SIZE_LIMIT);
    metrics_one(out, "database_bytes", "gauge", "Size of the database", (double)s.database);
    metrics_one(out, "database_limit_bytes", "gauge", "How large it may become; 0 = not known", (double)limit);
    metrics_one(out, "database_growth_bytes_per_day", "gauge",
                "How fast it grows, by two weeks; 0 = not, or not known yet", s.per_day);
    metrics_one(out, "database_full_in_seconds", "gauge", "When it will be full at this rate; -1 = not, or not known",
                sizes_full_in(&s, limit));
    metrics_one(out, "parts_bytes", "gauge", "Parts lists as they are stored", size_of(result, "parts"));
    metrics_one(out, "parts_raw_bytes", "gauge", "The same as files", size_of(result, "parts_raw"));
    metrics_one(out, "parts_files", "gauge", "Different parts lists that are stored", size_of(result, "parts_files"));
}

/* ---- putting it together ---- */

static void send_metrics(struct req *r)
{
    struct buf *out = r->state;
    reply_bytes(r, 200, TYPE_PROMETHEUS, out->data ? out->data : "", out->len);
}

static void forget_metrics(void *out)
{
    buf_free(out);
}

static void on_rows(void *arg, const PGresult *result, const struct err *err)
{
    struct req *r = arg;
    for (size_t f = 0; !err && f < sizeof families / sizeof *families; f++) add_family(r->state, result, f);
    if (!err) add_sizes(r->state, result, r->web);
    send_metrics(r);
}

static void ask_database(struct req *r)
{
    if (!r->web->pool || !pool_query(r->web->pool, &query_metrics, 0, NULL, on_rows, r)) send_metrics(r);
}

/* ---- the queue ---- */

static void on_tasks(void *arg, const struct task_count_list *list, const struct err *err)
{
    struct req *r = arg;
    if (!err) metrics_tasks(r->state, list);
    ask_database(r);
}

/* Where there is no Redis, this process counts alone what its children do. */
static void ask_tasks(struct req *r)
{
    struct web *web = r->web;
    if (!web->redis) metrics_tasks(r->state, task_counts_own(web->task_counts));
    task_counts_tell(web->task_counts, web->redis);
    if (!web->redis || task_counts_read(web->task_counts, web->redis, on_tasks, r) != 0) ask_database(r);
}

static void queue_gauge(struct buf *out, const struct queue_stats *stats, const char *name, const char *help,
                        double (*value)(const struct queue_depth *q))
{
    metrics_head(out, name, "gauge", help);
    for (size_t i = 0; i < stats->count; i++) {
        buf_printf(out, "logikald_%s{", name);
        metrics_label(out, "queue", stats->queues[i].name);
        buf_printf(out, "} %.15g\n", value(&stats->queues[i]));
    }
}

static double queue_waiting(const struct queue_depth *q)
{
    return (double)q->depth;
}

static double queue_age_s(const struct queue_depth *q)
{
    return q->oldest_age_ms < 0 ? -1 : (double)q->oldest_age_ms / 1000;
}

static double queue_paused(const struct queue_depth *q)
{
    return q->is_paused;
}

static void on_queues(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct req *r = arg;
    struct buf *out = r->state;
    if (!err) {
        queue_gauge(out, stats, "queue_depth", "Messages that wait in the queue", queue_waiting);
        queue_gauge(out, stats, "queue_oldest_age_seconds", "Age of the message next in line; -1 = none", queue_age_s);
        queue_gauge(out, stats, "queue_paused", "1 = no worker takes from the queue until it is resumed", queue_paused);
        metrics_one(out, "queue_unacked", "gauge", "Messages fetched and not acknowledged", (double)stats->unacked);
        metrics_one(out, "queue_scheduled", "gauge", "Messages that wait for their time", (double)stats->scheduled);
        metrics_one(out, "queue_dead", "gauge", "Dead letters", (double)stats->dead);
        metrics_one(out, "workers", "gauge", "Workers with a fresh heartbeat", (double)stats->workers);
    }
    ask_tasks(r);
}

void web_metrics(struct req *r)
{
    if (!conf_bool(r->web->conf, SET_METRICS_ENABLED)) {
        reply_detail(r, 404, "Metrics are switched off (PROMETHEUS_ENABLED)");
        return;
    }
    struct buf *out = req_alloc(r, sizeof *out);
    r->state = out;
    req_on_end(r, forget_metrics, out);
    metrics_head(out, "build_info", "gauge", "Version");
    buf_printf(out, "logikald_build_info{version=\"%s\",pid=\"%d\"} 1\n", version_text, (int)getpid());
    add_up(out, r->web);
    add_verdict(out, r->web);
    add_process(out, r->web);
    add_requests(out, r->web->metrics);
    metrics_children(out, r->web);
    if (!r->web->queue || queue_stats(r->web->queue, on_queues, r, NULL) != 0) ask_tasks(r);
}
