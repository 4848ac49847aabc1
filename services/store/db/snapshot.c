/* See snapshot.h. Behind a pooler the transaction keeps its session, and statements are not prepared. */
#include "services/store/db/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/pool_internal.h"

#define CONNECT_S 10
#define ALONE_S   10 /* beyond its time PostgreSQL ends it, should nobody here be able to */
#define SLACK_S   5  /* beyond the statement timeout a silent connection is taken for dead */

struct held_snapshot {
    struct pool *pool;
    int64_t seconds;
    struct pool_dial *dial;
    PGconn *pg;
    struct event *read, *write, *late;
    const struct query *first; /* NULL: it has begun */
    pool_fn fn;                /* NULL: nothing is under way */
    void *arg;
    PGresult *result; /* the last one, or the first that failed */
};

static void drop_connection(struct held_snapshot *s)
{
    if (s->read) event_free(s->read);
    if (s->write) event_free(s->write);
    pool_dial_cancel(s->dial);
    if (s->pg) PQfinish(s->pg);
    s->read = s->write = NULL;
    s->dial = NULL;
    s->pg = NULL;
}

void snapshot_close(struct held_snapshot *s)
{
    if (!s) return;
    drop_connection(s);
    if (s->late) event_free(s->late);
    PQclear(s->result);
    free(s);
}

/* The call may close the snapshot. */
static void answer(struct held_snapshot *s, const struct err *err)
{
    PGresult *result = s->result;
    pool_fn fn = s->fn;
    s->result = NULL;
    s->fn = NULL;
    event_del(s->late);
    fn(s->arg, err ? NULL : result, err);
    PQclear(result);
}

static void broke(struct held_snapshot *s, const char *why)
{
    struct err err;
    err_set(&err, ERR_DB, "PostgreSQL: %.*s", (int)strcspn(why, "\n"), *why ? why : "the connection was lost");
    drop_connection(s);
    if (s->fn) answer(s, &err);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct held_snapshot *s = arg;
    broke(s, s->pg || s->dial ? "no answer in time" : "the connection was lost");
}

/* ---- statements ---- */

static void flush(struct held_snapshot *s)
{
    int rc = PQflush(s->pg);
    if (rc > 0) event_add(s->write, NULL);
    if (rc < 0) broke(s, PQerrorMessage(s->pg));
}

static void await(struct held_snapshot *s, int sent)
{
    event_add(s->late, &(struct timeval){.tv_sec = s->pool->timeout_ms / 1000 + SLACK_S});
    if (sent == 1)
        flush(s);
    else
        broke(s, PQerrorMessage(s->pg));
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static void done(struct held_snapshot *s)
{
    const struct query *first = s->first;
    struct err err;
    if (is_good(s->result) && first) {
        PQclear(s->result);
        s->result = NULL;
        s->first = NULL;
        await(s, PQsendQueryParams(s->pg, first->sql, 0, NULL, NULL, NULL, NULL, 0));
    } else if (is_good(s->result)) {
        answer(s, NULL);
    } else {
        const char *state = PQresultErrorField(s->result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorMessage(s->result);
        err_set(&err, state && strcmp(state, "57014") == 0 ? ERR_TIMEOUT : ERR_DB, "PostgreSQL: %.*s",
                (int)strcspn(text, "\n"), text);
        drop_connection(s);
        answer(s, &err);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct held_snapshot *s = arg;
    if (PQconsumeInput(s->pg) != 1) {
        broke(s, PQerrorMessage(s->pg));
        return;
    }
    while (s->fn && !PQisBusy(s->pg)) {
        PGresult *result = PQgetResult(s->pg);
        if (!result) {
            done(s);
            return;
        }
        if (!s->result || is_good(s->result)) {
            PQclear(s->result);
            s->result = result;
        } else {
            PQclear(result);
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

void snapshot_query(struct held_snapshot *s, const struct query *query, int n, const char *const *values, pool_fn fn,
                    void *arg)
{
    s->fn = fn;
    s->arg = arg;
    if (s->pg)
        await(s, PQsendQueryParams(s->pg, query->sql, n, NULL, values, NULL, NULL, 0));
    else /* it broke while it was left alone: told from the loop */
        event_active(s->late, EV_TIMEOUT, 1);
}

/* ---- beginning ---- */

static void begin(struct held_snapshot *s, const char *more)
{
    char *sql = NULL;
    int n = asprintf(&sql,
                     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout"
                     " = '%" PRId64 "s'%s%s",
                     s->seconds + ALONE_S, more ? "; " : "", more ? more : "");
    await(s, n > 0 ? PQsendQuery(s->pg, sql) : 0);
    if (n > 0) free(sql);
}

static void on_dialled(void *arg, const struct pool_dialled *dialled)
{
    struct held_snapshot *s = arg;
    s->dial = NULL;
    s->pg = dialled->pg;
    if (!s->pg) {
        broke(s, dialled->why);
        return;
    }
    s->read = event_new(s->pool->base, PQsocket(s->pg), EV_READ | EV_PERSIST, on_readable, s);
    s->write = event_new(s->pool->base, PQsocket(s->pg), EV_WRITE, on_writable, s);
    if (s->read && s->write && event_add(s->read, NULL) == 0 && PQsetnonblocking(s->pg, 1) == 0)
        begin(s, dialled->sql);
    else
        broke(s, "no memory");
    free(dialled->sql);
}

struct held_snapshot *snapshot_open(struct pool *pool, int64_t seconds, const struct query *first, pool_fn fn,
                                    void *arg)
{
    struct held_snapshot *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    *s = (struct held_snapshot){.pool = pool, .seconds = seconds, .first = first, .fn = fn, .arg = arg};
    s->late = evtimer_new(pool->base, on_late, s);
    s->dial = s->late ? pool_dial_start(pool->base, pool->options, &pool->want, on_dialled, s) : NULL;
    if (!s->dial) {
        snapshot_close(s);
        return NULL;
    }
    event_add(s->late, &(struct timeval){.tv_sec = CONNECT_S});
    return s;
}
