/* Queries of a test. pg_value and pg_int share one connection, which is opened anew after it broke (they may be asked
 * every few milliseconds); pg_exec and pg_connect use one of their own. */
#include "tests/support/support_internal.h"

#include <stdlib.h>
#include <string.h>

static PGconn *cached;
static int cached_port;

static void quiet(void *arg, const char *message)
{
    (void)arg, (void)message;
}

void pg_close_cached(void)
{
    PQfinish(cached);
    cached = NULL;
}

PGconn *pg_connect(struct pg_server *pg)
{
    PGconn *c = PQconnectdb(pg->url);
    PQsetNoticeProcessor(c, quiet, NULL);
    if (PQstatus(c) == CONNECTION_OK) return c;
    print_message("%s\n", PQerrorMessage(c));
    PQfinish(c);
    fail_msg("cannot connect to the test's PostgreSQL");
    return NULL;
}

/* NULL when there is no answer at all. */
static PGresult *query(struct pg_server *pg, const char *sql)
{
    for (int i = 0; i < 2; i++) {
        if (cached && (cached_port != pg->port || PQstatus(cached) != CONNECTION_OK)) pg_close_cached();
        if (!cached) cached = PQconnectdb(pg->url);
        cached_port = pg->port;
        PGresult *r = PQexec(cached, sql);
        if (PQstatus(cached) == CONNECTION_OK) return r;
        PQclear(r);
    }
    return NULL;
}

char *pg_value(struct pg_server *pg, const char *sql)
{
    PGresult *r = query(pg, sql);
    bool has_row = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0;
    if (!has_row && PQresultStatus(r) != PGRES_TUPLES_OK) print_message("%s: %s\n", sql, PQresultErrorMessage(r));
    char *value = strdup(has_row ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return value;
}

int64_t pg_int(struct pg_server *pg, const char *sql)
{
    PGresult *r = query(pg, sql);
    bool has_row = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0 && !PQgetisnull(r, 0, 0);
    int64_t value = has_row ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;
    PQclear(r);
    return value;
}

void pg_exec(struct pg_server *pg, const char *sql)
{
    PGconn *c = pg_connect(pg);
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        print_message("%s: %s\n", sql, PQresultErrorMessage(r));
    PQclear(r);
    PQfinish(c);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("statement failed");
}

void pg_settle(struct pg_server *pg)
{
    WAIT_UNTIL(
        pg_int(pg, "SELECT coalesce(max(xid) < pg_snapshot_xmin(pg_current_snapshot()), true)::int FROM changes") == 1,
        20000);
}
