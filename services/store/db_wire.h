/* Statements on the wire, each with a deadline of our own: see db_wire.c. For db.c alone. */
#ifndef LOGIKALD_SERVICES_STORE_DB_WIRE_H
#define LOGIKALD_SERVICES_STORE_DB_WIRE_H

#include <stdint.h>
#include <libpq-fe.h>

struct wire_query {
    const char *before; /* a statement that runs in the same transaction before it, NULL = none */
    const char *sql;
    int n;
    const char *const *values;
    const int *lengths, *formats; /* NULL = text */
    int result_format;
};

/* All wait until mono_ms() is at the deadline (0 = for ever), and then give the connection up: PQstatus says that it is
 * bad. NULL when nothing came; the first error otherwise, or the last result. */
PGresult *wire_query(PGconn *conn, const struct wire_query *query, int64_t deadline_ms);
/* Several statements, without parameters. Ends at the result that begins a COPY. */
PGresult *wire_script(PGconn *conn, const char *sql, int64_t deadline_ms);
int wire_copy_data(PGconn *conn, const char *bytes, int len, int64_t deadline_ms); /* 0, or -1 */
PGresult *wire_copy_end(PGconn *conn, int64_t deadline_ms);

#endif
