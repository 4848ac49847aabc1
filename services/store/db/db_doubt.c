/* See db_doubt.h. A statement that takes long is no fault, and a connection that hangs is: neither keepalives nor
 * tcp_user_timeout tell the one from the other when somebody on the way acknowledges every byte. The server knows. */
#include "services/store/db/db_doubt.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/store/db/db_wire.h"

#define ANSWER_MS 4000

/* Statements of our role, also those that a pooler runs for us under another process number. */
static const char activity_sql[] = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                                   " AND pid <> pg_backend_pid() AND starts_with(query, $1)"
                                   " AND coalesce(wait_event_type, '') <> 'Client'";

static PGconn *connect_anew(const PQconninfoOption *url, const struct db_session_want *want)
{
    struct db_session_words words;
    db_session_words(&words, url, want, db_session_word(url, "host"), db_session_word(url, "hostaddr"),
                     db_session_word(url, "port"), false);
    int n = 0;
    while (words.keys[n]) n++;
    words.keys[n] = "connect_timeout", words.values[n++] = "4";
    words.keys[n] = words.values[n] = NULL;
    return PQconnectdbParams(words.keys, words.values, 0);
}

static bool ask(PGconn *conn, const char *sql)
{
    const char *values[] = {sql};
    struct wire_query query = {.sql = activity_sql, .n = 1, .values = values};
    struct wire_limit limit = {.deadline_ms = mono_ms() + ANSWER_MS};
    PGresult *r = PQsetnonblocking(conn, 1) == 0 ? wire_query(conn, &query, &limit) : NULL;
    bool is_told = PQresultStatus(r) == PGRES_TUPLES_OK;
    bool is_so = !is_told || strtol(PQgetvalue(r, 0, 0), NULL, 10) > 0; /* a pooler may have no server free for us */
    PQclear(r);
    return is_so;
}

bool doubt_is_worked_on(const PQconninfoOption *url, const struct db_session_want *want, const char *sql)
{
    PGconn *conn = connect_anew(url, want);
    bool is_up = PQstatus(conn) == CONNECTION_OK;
    bool is_refused = conn && !is_up && strstr(PQerrorMessage(conn), "FATAL"); /* it answers: too many connections */
    bool is_so = is_up ? ask(conn, sql) : is_refused;
    PQfinish(conn);
    return is_so;
}
