/* See verdict.h. One ping at a time to each; a change of the connection's state counts at once. */
#include "services/web/watch/health/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/redis.h"
#include "services/store/db/db_session.h"
#include "services/store/web/watch/health_read.h"
#include "services/store/web/holds_read.h"
#include "services/web/gate/credentials/signing_key.h"
#include "services/web/http/server.h"

#define REFRESH_S         4
#define HURRY_S           1 /* while something is missing */
#define SILENT_US         4500000
#define START_TOGETHER_MS 15000 /* within which a PostgreSQL that was started with us has come up */

/* A database that answers may still only read, or not hold what is to be written. */
static void judge_session(struct verdict *v, const PGresult *row)
{
    struct db_session session;
    db_session_learn(&session, NULL, row);
    const char *fault = db_session_fault(&session);
    if (fault && !v->db_fault[0]) log_error("PostgreSQL cannot be used: %s", fault);
    if (!fault && v->db_fault[0]) log_info("PostgreSQL can be used again");
    snprintf(v->db_fault, sizeof v->db_fault, "%s", fault ? fault : "");
}

/* The cause alone: that it is unreachable says whoever tells of it. */
static void keep_why(struct verdict *v, const char *why)
{
    const char *colon = strstr(why, "unreachable: ");
    snprintf(v->db_why, sizeof v->db_why, "%.250s", colon ? strchr(colon, ' ') + 1 : why);
}

static void on_ping(void *arg, const PGresult *result, const struct err *err)
{
    struct verdict *v = arg;
    v->call = NULL;
    if (!err) judge_session(v, result);
    if (!err && !v->is_db_up) log_info("PostgreSQL answers");
    v->is_db_up = !err;
    keep_why(v, err ? err->text : "");
    v->db_ms = (double)(mono_us() - v->asked_us) / 1000;
    v->db_checked_ms = wall_ms();
}

/* Full disks are found before a sync or a login meets them. */
static void on_room(void *arg, const PGresult *result, const struct err *err)
{
    struct verdict *v = arg;
    v->room_call = NULL;
    if (err || PQntuples(result) == 0) return;
    const char *why = PQgetvalue(result, 0, 0);
    if (*why && !v->db_full[0]) log_error("PostgreSQL has no room for more rows: %s", why);
    if (!*why && v->db_full[0]) log_info("PostgreSQL has room again");
    snprintf(v->db_full, sizeof v->db_full, "%s", "");
    if (*why)
        snprintf(v->db_full, sizeof v->db_full,
                 "it has no room for more rows (%.150s): make room, and it goes on by itself", why);
}

static void on_holds(void *arg, const PGresult *result, const struct err *err)
{
    struct verdict *v = arg;
    v->holds_call = NULL;
    if (err || PQntuples(result) == 0) return;
    struct hold_sum *h = &v->holds;
    h->open = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    h->id = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    snprintf(h->reason, sizeof h->reason, "%s", PQgetvalue(result, 0, 2));
    snprintf(h->since, sizeof h->since, "%s", PQgetvalue(result, 0, 3));
    int64_t *counts[] = {&h->directories, &h->projects, &h->phases, &h->elevations};
    for (int i = 0; i < 4; i++) *counts[i] = strtoll(PQgetvalue(result, 0, 4 + i), NULL, 10);
}

static void take_field(const char *info, const char *name, char *out, size_t size)
{
    const char *at = strstr(info, name);
    if (at) snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), "\r\n"), at + strlen(name));
}

static void on_info(void *arg, const struct redis_answer *answer)
{
    struct verdict *v = arg;
    v->is_redis_asked = false;
    v->is_redis_up = answer->reply != NULL; /* INFO may be refused */
    v->redis_ms = (double)(mono_us() - v->redis_asked_us) / 1000;
    v->redis_checked_ms = wall_ms();
    if (!v->is_redis_up || answer->reply->type != REDIS_REPLY_STRING) return;
    char number[32] = "0";
    take_field(answer->reply->str, "redis_version:", v->redis_version, sizeof v->redis_version);
    take_field(answer->reply->str, "used_memory_human:", v->redis_memory, sizeof v->redis_memory);
    take_field(answer->reply->str, "connected_clients:", number, sizeof number);
    v->redis_clients = strtoll(number, NULL, 10);
    take_field(answer->reply->str, "uptime_in_seconds:", number, sizeof number);
    v->redis_uptime_s = strtoll(number, NULL, 10);
    take_field(answer->reply->str, "maxmemory_policy:", v->redis_policy, sizeof v->redis_policy);
    snprintf(number, sizeof number, "0");
    take_field(answer->reply->str, "maxmemory:", number, sizeof number);
    v->redis_limit_bytes = strtoll(number, NULL, 10);
    redis_keeps_learn(&v->redis_keeps, v->web->redis, answer->reply->str);
}

/* Told once, however many connections notice it. One that starts together with us is waited for without an error. */
static void tell_db(struct verdict *v)
{
    if (v->is_db_up || v->is_db_told || !v->web->pool) return;
    if (!v->was_db_up && mono_ms() - v->opened_ms < START_TOGETHER_MS) {
        if (!v->is_db_awaited) log_info("waiting for PostgreSQL: %s", v->db_why);
        v->is_db_awaited = true;
        return;
    }
    log_error("PostgreSQL is unreachable: %s; what needs it answers 503 until it is back", v->db_why);
    v->is_db_told = true;
}

/* A server that hangs is found out before the connection's own deadline. */
static void judge_silence(struct verdict *v)
{
    if (!v->call || !v->is_db_up || mono_us() - v->asked_us < SILENT_US) return;
    log_error("PostgreSQL has not answered for %d seconds", SILENT_US / 1000000);
    v->is_db_up = false;
    snprintf(v->db_why, sizeof v->db_why, "it does not answer");
}

const char *verdict_db_fault(const struct verdict *v)
{
    return v->db_fault[0] ? v->db_fault : v->db_full;
}

const char *verdict_redis_fault(const struct verdict *v)
{
    static char text[400];
    const struct redis *redis = v->web->redis;
    const char *missing = redis ? redis_missing(redis) : "", *unwritable = redis ? redis_unwritable(redis) : "";
    text[0] = '\0';
    if (*missing)
        snprintf(text, sizeof text,
                 "Redis lets us not do what is needed (%s): the log and `logikald check` tell what to grant", missing);
    else if (*unwritable)
        snprintf(text, sizeof text, "Redis takes no writes: %s", unwritable);
    return text;
}

static bool is_complete(const struct verdict *v)
{
    return v->is_db_up && !*verdict_db_fault(v) && v->migrations.state == MIGRATIONS_DONE && *v->web->jwt_key;
}

static void on_queues(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct verdict *v = arg;
    v->is_queue_asked = false;
    if (err || !stats) return;
    backlog_look(&v->backlog, stats, mono_ms());
    bool is_stuck = backlog_is_stuck(&v->backlog, mono_ms());
    if (is_stuck && !v->is_backlog_told)
        log_error("%lld tasks wait (queue %s), no worker takes any, and none is being worked on",
                  (long long)v->backlog.waiting, v->backlog.queue);
    if (!is_stuck && v->is_backlog_told) log_info("tasks are taken again");
    v->is_backlog_told = is_stuck;
}

static void refresh(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct verdict *v = arg;
    struct web *web = v->web;
    judge_silence(v);
    tell_db(v);
    if (v->timer) event_add(v->timer, &(struct timeval){.tv_sec = is_complete(v) ? REFRESH_S : HURRY_S});
    if (web->pool && !v->call) {
        v->asked_us = mono_us();
        v->call = pool_query(web->pool, &query_ping, 0, NULL, on_ping, v);
    }
    migrations_ask(&v->migrations);
    if (v->is_db_up && v->migrations.state == MIGRATIONS_DONE && !v->room_call)
        v->room_call = pool_query(web->pool, &query_room, 0, NULL, on_room, v);
    if (is_complete(v) && !v->holds_call) v->holds_call = pool_query(web->pool, &query_holds_now, 0, NULL, on_holds, v);
    if (is_complete(v)) feed_lag_ask(web, &v->feed);
    v->is_redis_used = web->redis != NULL;
    if (!web->redis || v->is_redis_asked) return;
    if (web->queue && !v->is_queue_asked) v->is_queue_asked = queue_stats(web->queue, on_queues, v, NULL) == 0;
    redis_went_back_ask(web->redis);
    v->redis_asked_us = mono_us();
    v->is_redis_asked = redis_call(web->redis, on_info, v, "INFO", REDIS_END) == 0;
    if (!v->is_redis_asked) v->is_redis_up = false;
}

static void on_pool_state(void *arg, bool is_up, const char *why)
{
    struct verdict *v = arg;
    if (is_up) log_info("PostgreSQL is reachable");
    v->is_db_up = is_up;
    v->was_db_up = v->was_db_up || is_up;
    if (is_up) v->is_db_told = false;
    keep_why(v, why);
    if (!is_up) /* what it was is over, and a pooler that cannot be used is reachable */
        snprintf(v->db_fault, sizeof v->db_fault, "%s",
                 strstr(why, DB_SESSION_STATEMENT_MODE) ? DB_SESSION_STATEMENT_MODE : "");
    if (is_up)
        migrations_ask(&v->migrations);
    else
        tell_db(v);
}

const char *verdict_why_not_ready(const struct verdict *v)
{
    static char text[500];
    const struct migrations *m = &v->migrations;
    if (server_is_draining(v->web->server)) return "stopping";
    if (!v->is_db_up && !v->db_fault[0]) return "PostgreSQL is unreachable";
    if (*verdict_db_fault(v)) {
        snprintf(text, sizeof text, "PostgreSQL cannot be used: %s", verdict_db_fault(v));
        return text;
    }
    if (m->state == MIGRATIONS_FOREIGN) return m->foreign;
    if (m->state == MIGRATIONS_UNKNOWN) return "PostgreSQL has not told yet whether it is migrated";
    if (m->state == MIGRATIONS_MISSING) {
        snprintf(text, sizeof text,
                 "the database lacks %d migrations of this version (first: %s): run `logikald migrate`", m->missing,
                 m->first_missing);
        return text;
    }
    return *v->web->jwt_key ? NULL : "the key of the client tokens has not been read yet";
}

struct verdict *verdict_new(struct web *web)
{
    struct verdict *v = calloc(1, sizeof *v);
    if (v) v->opened_ms = mono_ms();
    if (!v) return NULL;
    v->web = web;
    v->migrations = (struct migrations){.web = web, .done = signing_key_ask};
    snprintf(v->db_why, sizeof v->db_why, "%s", web->pool ? "not connected yet" : "DATABASE_URL is not set");
    v->timer = event_new(web->base, -1, EV_PERSIST, refresh, v);
    if (web->pool) pool_on_state(web->pool, on_pool_state, v);
    refresh(-1, 0, v);
    return v;
}

void verdict_free(struct verdict *v)
{
    if (!v) return;
    if (v->timer) event_free(v->timer);
    free(v);
}
