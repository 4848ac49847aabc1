/* One connection of the pool: has itself connected, sends statements into the pipeline and hands out what comes
 * back. Every call is followed by a sync of its own, so that one failing statement fails alone. */
#include "services/store/db/pool_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"

static void drop_events(struct pool_conn *c)
{
    if (c->read) event_free(c->read);
    if (c->write) event_free(c->write);
    c->read = c->write = NULL;
}

void conn_close(struct pool_conn *c)
{
    drop_events(c);
    pool_dial_cancel(c->dial);
    c->dial = NULL;
    free(c->sql);
    c->sql = NULL;
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
    c->state = CONN_CLOSED;
    memset(c->is_prepared, 0, sizeof c->is_prepared);
    memset(c->carried, 0, sizeof c->carried);
}

static void conn_broke(struct pool_conn *c)
{
    char why[256];
    const char *text = c->pg ? PQerrorMessage(c->pg) : "no memory";
    snprintf(why, sizeof why, "%.*s", (int)strcspn(text, "\n"), text);
    pool_conn_lost(c, *why ? why : "the connection was closed");
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

/* ---- connecting ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static void note_pooled(struct pool *p, bool is_pooled)
{
    if (is_pooled && !p->is_pooled)
        log_info("a connection pooler is between us and PostgreSQL: settings go with each transaction, statements are "
                 "not prepared");
    p->is_pooled = is_pooled;
}

static void on_dialled(void *arg, const struct pool_dialled *result)
{
    struct pool_conn *c = arg;
    c->dial = NULL;
    if (!result->pg) {
        pool_conn_lost(c, result->why);
        return;
    }
    c->pg = result->pg;
    c->sql = result->sql;
    note_pooled(c->pool, result->session.is_pooled);
    PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
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

void conn_open(struct pool_conn *c)
{
    struct pool *p = c->pool;
    c->since_ms = mono_ms();
    c->state = CONN_CONNECTING;
    c->dial = pool_dial_start(p->base, p->options, &p->want, on_dialled, c);
    if (!c->dial) pool_conn_lost(c, "no memory");
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
    snprintf(name, sizeof name, "q%d", call->query_id);
    call->is_led = false;
    if (c->sql || c->pool->is_unprepared) {
        call->is_led = c->sql != NULL;
        if (c->sql) rc = PQsendQueryParams(c->pg, c->sql, 0, NULL, NULL, NULL, NULL, 0);
        if (rc == 1) rc = PQsendQueryParams(c->pg, q->sql, call->n, NULL, call->values, NULL, NULL, format);
    } else {
        if (!c->is_prepared[call->query_id]) {
            rc = PQsendPrepare(c->pg, name, q->sql, call->n, NULL);
            call->is_led = c->is_prepared[call->query_id] = true;
        }
        if (rc == 1) rc = PQsendQueryPrepared(c->pg, name, call->n, call->values, NULL, NULL, format);
    }
    if (rc == 1) rc = PQpipelineSync(c->pg);
    TAILQ_INSERT_TAIL(&c->calls, call, link);
    if (c->in_flight++ == 0) c->since_ms = mono_ms();
    c->carried[call->query_id]++;
    if (q->is_slow) c->slow_in_flight++;
    if (q->is_patient) c->patient_in_flight++;
    return rc == 1 ? flush(c) : -1;
}

static void call_finish(struct pool_conn *c)
{
    struct pool_call *call = TAILQ_FIRST(&c->calls);
    TAILQ_REMOVE(&c->calls, call, link);
    c->in_flight--;
    if (!call->is_ghost) c->carried[call->query_id]--;
    if (call->query->is_slow) c->slow_in_flight--;
    if (call->query->is_patient) c->patient_in_flight--;
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
    if (call->is_led) {
        call->is_led = false;
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
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
