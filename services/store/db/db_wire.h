/* Statements on the wire, each with a deadline of our own: see db_wire.c. For db.c and db_statement.c alone. */
#ifndef LOGIKALD_SERVICES_STORE_DB_DB_WIRE_H
#define LOGIKALD_SERVICES_STORE_DB_DB_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

struct wire_query {
    const char *before; /* a statement that runs in the same transaction before it, NULL = none */
    const char *sql;
    const char *name; /* of the prepared statement to run instead of the text, NULL = none */
    int n;
    const char *const *values;
    const int *lengths, *formats; /* NULL = text */
    int result_format;
};

/* How long to wait. Until mono_ms() is at the deadline (0 = for ever); and after each patience (0 = never) in which
 * nothing moved, is_worked_on is asked whether the server works on it. Either gives the connection up: PQstatus says
 * that it is bad, and why. */
struct wire_limit {
    int64_t deadline_ms, patience_ms;
    bool (*is_worked_on)(void *arg);
    void *arg;
    int64_t moved_ms;
    const char *given_up; /* NULL = it was not */
};

/* NULL when nothing came; the first error otherwise, or the last result. */
PGresult *wire_query(PGconn *conn, const struct wire_query *query, struct wire_limit *limit);
/* Has a statement prepared; its result as wire_query's. */
PGresult *wire_prepare(PGconn *conn, const char *name, const char *sql, int n, struct wire_limit *limit);
/* Several statements, without parameters. Ends at the result that begins a COPY. */
PGresult *wire_script(PGconn *conn, const char *sql, struct wire_limit *limit);
/* With a deadline alone. */
PGresult *wire_script_within(PGconn *conn, const char *sql, int64_t ms);
int wire_copy_data(PGconn *conn, const char *bytes, int len, struct wire_limit *limit); /* 0, or -1 */
PGresult *wire_copy_end(PGconn *conn, struct wire_limit *limit);

#endif
