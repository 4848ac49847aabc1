/* Statements on the wire. The server ends what takes too long by itself (statement_timeout); this room ends what the
 * server, or somebody on the way to it, does not answer any more: a hung pooler acknowledges every byte, so that
 * neither keepalives nor tcp_user_timeout notice. The connection is non-blocking, and every wait is a poll with a
 * deadline. */
#include "services/store/db/db_wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "conf/clock.h"

#define LITTLE_MS 500

/* What is sent or read from now on fails at once, also the goodbye of the protocol (Terminate). */
static int give_up(PGconn *conn)
{
    if (PQsocket(conn) >= 0) shutdown(PQsocket(conn), SHUT_RDWR);
    PQconsumeInput(conn);
    return -1;
}

static int give_up_for(PGconn *conn, struct wire_limit *limit, const char *why)
{
    limit->given_up = why;
    return give_up(conn);
}

/* Milliseconds until there is something to decide. */
static int next_ms(const struct wire_limit *limit, int64_t now)
{
    int64_t left_ms = limit->deadline_ms ? limit->deadline_ms - now : INT_MAX;
    int64_t patience_ms = limit->patience_ms ? limit->moved_ms + limit->patience_ms - now : INT_MAX;
    if (patience_ms < left_ms) left_ms = patience_ms;
    return left_ms < 0 ? 0 : left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* The statement may have ended while the server was asked about it. */
static bool is_frozen(struct pollfd *fd, const struct wire_limit *limit)
{
    return !limit->is_worked_on(limit->arg) && poll(fd, 1, LITTLE_MS) <= 0;
}

static int wait_for(PGconn *conn, short events, struct wire_limit *limit)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = events};
    if (!limit->moved_ms) limit->moved_ms = mono_ms();
    for (;;) {
        int64_t now = mono_ms();
        if (fd.fd < 0) return give_up(conn);
        if (limit->deadline_ms && now >= limit->deadline_ms)
            return give_up_for(conn, limit, "no answer in time, neither a result nor the end of the statement");
        if (limit->patience_ms && now >= limit->moved_ms + limit->patience_ms) {
            if (is_frozen(&fd, limit))
                return give_up_for(conn, limit, "no answer in time, and the server does not work on the statement");
            limit->moved_ms = mono_ms();
        }
        int rc = poll(&fd, 1, next_ms(limit, now));
        if (rc > 0) {
            limit->moved_ms = mono_ms();
            return 0;
        }
        if (rc < 0 && errno != EINTR) return give_up(conn);
    }
}

/* Everything is sent; what comes meanwhile is read, so that neither side waits for the other. */
static int flush(PGconn *conn, struct wire_limit *limit)
{
    for (int rc; (rc = PQflush(conn)) != 0;) {
        if (rc < 0 || wait_for(conn, POLLIN | POLLOUT, limit) < 0) return -1;
        struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
        if (poll(&fd, 1, 0) > 0 && PQconsumeInput(conn) != 1) return -1;
    }
    return 0;
}

/* The next result, NULL at the end of a statement's results. */
static int next_result(PGconn *conn, PGresult **result, struct wire_limit *limit)
{
    *result = NULL;
    while (PQisBusy(conn)) {
        if (wait_for(conn, POLLIN, limit) < 0 || PQconsumeInput(conn) != 1) return -1;
    }
    *result = PQgetResult(conn);
    return 0;
}

static bool is_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

/* Keeps the first error, else the last result. */
static void keep(PGresult **kept, PGresult *result)
{
    if (*kept && (is_error(*kept) || PQresultStatus(result) == PGRES_PIPELINE_ABORTED)) {
        PQclear(result);
        return;
    }
    PQclear(*kept);
    *kept = result;
}

static PGresult *collect(PGconn *conn, struct wire_limit *limit)
{
    PGresult *kept = NULL, *result;
    if (flush(conn, limit) < 0) return NULL;
    for (;;) {
        if (next_result(conn, &result, limit) < 0) break;
        if (!result) return kept;
        keep(&kept, result);
        if (PQresultStatus(kept) == PGRES_COPY_IN) return kept;
    }
    PQclear(kept);
    return NULL;
}

/* Up to the end of the pipeline: each statement's results end with a NULL. */
static PGresult *collect_pipeline(PGconn *conn, struct wire_limit *limit)
{
    PGresult *kept = NULL, *result;
    int rc = flush(conn, limit);
    while (rc == 0 && (rc = next_result(conn, &result, limit)) == 0) {
        if (!result) continue;
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
            keep(&kept, result);
            if (PQstatus(conn) != CONNECTION_OK) break;
            continue;
        }
        PQclear(result);
        if (PQexitPipelineMode(conn) != 1) give_up(conn);
        return kept;
    }
    PQclear(kept);
    return NULL;
}

static int send_one(PGconn *conn, const struct wire_query *q)
{
    if (q->name) return PQsendQueryPrepared(conn, q->name, q->n, q->values, q->lengths, q->formats, q->result_format);
    return PQsendQueryParams(conn, q->sql, q->n, NULL, q->values, q->lengths, q->formats, q->result_format);
}

PGresult *wire_query(PGconn *conn, const struct wire_query *q, struct wire_limit *limit)
{
    if (!q->before) return send_one(conn, q) == 1 ? collect(conn, limit) : NULL;
    if (PQenterPipelineMode(conn) != 1) return NULL;
    const struct wire_query before = {.sql = q->before};
    if (send_one(conn, &before) == 1 && send_one(conn, q) == 1 && PQpipelineSync(conn) == 1)
        return collect_pipeline(conn, limit);
    give_up(conn); /* half a pipeline is on its way */
    return NULL;
}

PGresult *wire_prepare(PGconn *conn, const char *name, const char *sql, int n, struct wire_limit *limit)
{
    return PQsendPrepare(conn, name, sql, n, NULL) == 1 ? collect(conn, limit) : NULL;
}

PGresult *wire_script(PGconn *conn, const char *sql, struct wire_limit *limit)
{
    return PQsendQuery(conn, sql) == 1 ? collect(conn, limit) : NULL;
}

PGresult *wire_script_within(PGconn *conn, const char *sql, int64_t ms)
{
    struct wire_limit limit = {.deadline_ms = mono_ms() + ms};
    return wire_script(conn, sql, &limit);
}

int wire_copy_data(PGconn *conn, const char *bytes, int len, struct wire_limit *limit)
{
    for (int rc; (rc = PQputCopyData(conn, bytes, len)) != 1;)
        if (rc < 0 || wait_for(conn, POLLOUT, limit) < 0) return -1;
    return flush(conn, limit);
}

PGresult *wire_copy_end(PGconn *conn, struct wire_limit *limit)
{
    for (int rc; (rc = PQputCopyEnd(conn, NULL)) != 1;)
        if (rc < 0 || wait_for(conn, POLLOUT, limit) < 0) return NULL;
    return collect(conn, limit);
}
