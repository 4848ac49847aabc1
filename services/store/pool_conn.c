/* One connection of the pool: resolves the host, connects, sends statements into the pipeline and hands out what comes
 * back. Every call is followed by a sync of its own, so that one failing statement fails alone. */
#include "services/store/pool_internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/dns.h>

#include "conf/clock.h"
#include "conf/log.h"

static void conn_watch(struct pool_conn *c, short what);
static void on_connect_event(evutil_socket_t fd, short what, void *arg);

const char *conn_option(const struct pool *pool, const char *keyword)
{
    for (PQconninfoOption *o = pool->options; o && o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0) return o->val && *o->val ? o->val : NULL;
    return NULL;
}

static void drop_events(struct pool_conn *c)
{
    if (c->read) event_free(c->read);
    if (c->write) event_free(c->write);
    c->read = c->write = NULL;
}

void conn_close(struct pool_conn *c)
{
    drop_events(c);
    if (c->resolving) evdns_getaddrinfo_cancel(c->resolving);
    c->resolving = NULL;
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
    c->state = CONN_CLOSED;
    memset(c->is_prepared, 0, sizeof(c->is_prepared));
    memset(c->carried, 0, sizeof(c->carried));
}

static void conn_broke(struct pool_conn *c)
{
    char why[256];
    const char *text = c->pg ? PQerrorMessage(c->pg) : "no memory";
    snprintf(why, sizeof(why), "%.*s", (int)strcspn(text, "\n"), text);
    pool_conn_lost(c, *why ? why : "the connection was closed");
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

/* ---- connecting ---- */

static void connect_to(struct pool_conn *c, const char *hostaddr)
{
    struct pool *p = c->pool;
    const char *keys[64], *values[64];
    char session[128];
    int n = 0;
    for (PQconninfoOption *o = p->options; o->keyword && n < 48; o++) {
        if (!o->val || !*o->val || strcmp(o->keyword, "options") == 0) continue;
        keys[n] = o->keyword, values[n++] = o->val;
    }
    snprintf(session, sizeof(session), "-c statement_timeout=%" PRId64 " -c timezone=UTC -c lock_timeout=%" PRId64,
             p->timeout_ms, p->timeout_ms);
    const char *more[][2] = {
        {"options", session},        {"hostaddr", hostaddr},       {"application_name", p->application},
        {"client_encoding", "UTF8"}, {"keepalives_idle", "30"},    {"keepalives_interval", "10"},
        {"keepalives_count", "3"},   {"tcp_user_timeout", "30000"}};
    for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
        if (more[i][1]) keys[n] = more[i][0], values[n++] = more[i][1];
    keys[n] = values[n] = NULL;
    c->pg = PQconnectStartParams(keys, values, 0);
    c->state = CONN_CONNECTING;
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD || PQsocket(c->pg) < 0) {
        conn_broke(c);
        return;
    }
    PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    conn_watch(c, EV_WRITE);
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *arg)
{
    struct pool_conn *c = arg;
    char text[INET6_ADDRSTRLEN] = "";
    if (result == EVUTIL_EAI_CANCEL) return;
    c->resolving = NULL;
    if (result == 0 && found)
        evutil_inet_ntop(found->ai_family,
                         found->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
                                                     : (void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr,
                         text, sizeof(text));
    if (found) evutil_freeaddrinfo(found);
    if (*text)
        connect_to(c, text);
    else
        pool_conn_lost(c, "the host name of DATABASE_URL cannot be resolved");
}

/* A name that libpq would resolve itself, and block on. */
static bool needs_resolving(const struct pool *p)
{
    const char *host = conn_option(p, "host");
    unsigned char address[16];
    if (!host || *host == '/' || *host == '@' || strchr(host, ',') || conn_option(p, "hostaddr")) return false;
    return inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

void conn_open(struct pool_conn *c)
{
    struct pool *p = c->pool;
    c->since_ms = mono_ms();
    if (!needs_resolving(p)) {
        connect_to(c, NULL);
        return;
    }
    c->state = CONN_RESOLVING;
    if (!p->dns) p->dns = evdns_base_new(p->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_ADDRCONFIG};
    struct evdns_getaddrinfo_request *request =
        p->dns ? evdns_getaddrinfo(p->dns, conn_option(p, "host"), NULL, &hints, on_resolved, c) : NULL;
    if (request)
        c->resolving = request;
    else if (!p->dns)
        pool_conn_lost(c, "no name server is configured");
}

static void conn_watch(struct pool_conn *c, short what)
{
    drop_events(c);
    c->read = event_new(c->pool->base, PQsocket(c->pg), what, on_connect_event, c);
    if (!c->read || event_add(c->read, NULL) != 0) pool_conn_lost(c, "no memory");
}

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static void on_connect_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool_conn *c = arg;
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING: conn_watch(c, EV_READ); return;
    case PGRES_POLLING_WRITING: conn_watch(c, EV_WRITE); return;
    case PGRES_POLLING_OK: break;
    default: conn_broke(c); return;
    }
    drop_events(c);
    c->read = event_new(c->pool->base, PQsocket(c->pg), EV_READ | EV_PERSIST, on_readable, c);
    c->write = event_new(c->pool->base, PQsocket(c->pg), EV_WRITE, on_writable, c);
    if (!c->read || !c->write || event_add(c->read, NULL) != 0 || PQsetnonblocking(c->pg, 1) != 0 ||
        PQenterPipelineMode(c->pg) != 1) {
        conn_broke(c);
        return;
    }
    c->state = CONN_READY;
    c->since_ms = mono_ms();
    pool_conn_ready(c);
}

/* ---- statements ---- */

static int flush(struct pool_conn *c)
{
    int rc = PQflush(c->pg);
    if (rc > 0) event_add(c->write, NULL);
    return rc < 0 ? -1 : 0;
}

int conn_send(struct pool_conn *c, struct pool_call *call)
{
    const struct query *q = call->query;
    char name[16];
    int format = q->is_binary, rc = 1;
    snprintf(name, sizeof(name), "q%d", call->query_id);
    call->is_preparing = false;
    if (c->pool->is_unprepared) {
        rc = PQsendQueryParams(c->pg, q->sql, call->n, NULL, call->values, NULL, NULL, format);
    } else {
        if (!c->is_prepared[call->query_id]) {
            rc = PQsendPrepare(c->pg, name, q->sql, call->n, NULL);
            call->is_preparing = c->is_prepared[call->query_id] = true;
        }
        if (rc == 1) rc = PQsendQueryPrepared(c->pg, name, call->n, call->values, NULL, NULL, format);
    }
    if (rc == 1) rc = PQpipelineSync(c->pg);
    TAILQ_INSERT_TAIL(&c->calls, call, link);
    if (c->in_flight++ == 0) c->since_ms = mono_ms();
    c->carried[call->query_id]++;
    if (q->is_slow) c->slow_in_flight++;
    return rc == 1 ? flush(c) : -1;
}

static void call_finish(struct pool_conn *c)
{
    struct pool_call *call = TAILQ_FIRST(&c->calls);
    TAILQ_REMOVE(&c->calls, call, link);
    c->in_flight--;
    if (!call->is_ghost) c->carried[call->query_id]--;
    if (call->query->is_slow) c->slow_in_flight--;
    pool_call_done(c->pool, call);
}

static void take_result(struct pool_conn *c, PGresult *result)
{
    struct pool_call *call = TAILQ_FIRST(&c->calls);
    ExecStatusType status = PQresultStatus(result);
    if (!call) {
        PQclear(result);
        return;
    }
    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        call_finish(c);
        return;
    }
    if (call->is_preparing) {
        call->is_preparing = false;
        if (status == PGRES_COMMAND_OK) {
            PQclear(result);
            return;
        }
        c->is_prepared[call->query_id] = false;
    }
    if (call->result || status == PGRES_PIPELINE_ABORTED)
        PQclear(result); /* what counts is the first one: the error */
    else
        call->result = result;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool_conn *c = arg;
    PGconn *pg = c->pg;
    if (PQconsumeInput(pg) != 1) {
        conn_broke(c);
        return;
    }
    c->since_ms = mono_ms();
    for (int ends = 0; c->pg == pg && c->in_flight > 0 && ends < 2 && !PQisBusy(pg);) {
        PGresult *result = PQgetResult(pg);
        ends = result ? 0 : ends + 1;
        if (result) take_result(c, result);
    }
    if (c->pg != pg || c->state != CONN_READY) return;
    if (PQstatus(pg) == CONNECTION_BAD || flush(c) != 0)
        conn_broke(c);
    else
        pool_conn_moved(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool_conn *c = arg;
    if (flush(c) != 0) conn_broke(c);
}
