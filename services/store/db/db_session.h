/* What a session with PostgreSQL must be like, for the blocking connection (db.c) and the pool alike: which words it is
 * opened with, what it is set to, and what is known of it once it stands.
 *
 * Settings go with the connection ("options") where that reaches the server. A pooler refuses or drops them, and may
 * hand every transaction to another session: then they are set in each transaction instead, by db_session_sql. Nothing
 * else may rest on the session: no temporary table, no lock that outlives its transaction; a prepared statement only
 * where nothing is in between, and where it can be done without. */
#ifndef LOGIKALD_SERVICES_STORE_DB_DB_SESSION_H
#define LOGIKALD_SERVICES_STORE_DB_DB_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db_session_want {
    const char *application;
    const char *schema; /* ours alone; NULL or "" = what the role and the database say */
    int64_t timeout_ms; /* of statements, and of waiting for locks; 0 = none */
    bool is_relaxed;    /* a commit does not wait for the disk */
    /* What the journal of changes says of who wrote: a run of the sync and a task; NULL = nothing. */
    const char *run_id, *task_id;
};

#define DB_SESSION_WORDS_MAX 64
struct db_session_words {
    const char *keys[DB_SESSION_WORDS_MAX], *values[DB_SESSION_WORDS_MAX];
    char options[2600];
};
/* The words for PQconnectStartParams and PQconnectdbParams; hostaddr may be NULL. They point into url and want. */
void db_session_words(struct db_session_words *out, const PQconninfoOption *url, const struct db_session_want *want,
                      const char *host, const char *hostaddr, const char *port, bool with_options);
/* libpq's message says that the other side does not take "options": to be tried again without. */
bool db_session_refused_options(const char *message);

/* Asked once after connecting; the row goes to db_session_learn. */
#define DB_SESSION_STATEMENT_MODE                                                                                      \
    "the connection pooler of DATABASE_URL is in statement mode, which gives no transactions: transaction or session " \
    "mode is needed"
extern const char db_session_look[];
struct db_session {
    bool is_pooled; /* something in between deals out server sessions, or has dropped our settings */
    bool is_read_only, is_standby;
    bool has_schema; /* there is a schema to make tables in */
    int version;     /* 150003 */
    char encoding[24];
};
void db_session_learn(struct db_session *out, const PGconn *conn, const PGresult *row);
/* What keeps the program from working with such a database, in words with what to do; NULL when nothing does. */
const char *db_session_fault(const struct db_session *s);

/* What to do about an error of this SQLSTATE, NULL when nothing is known. */
const char *db_session_advice(const char *sqlstate);

/* The transaction was undone as a whole (SQLSTATE), to get others out of a deadlock or of an order that cannot be: the
 * same may well succeed now. */
#define DB_SESSION_UNDONE_MAX 3 /* times that a statement is done again */
bool db_session_was_undone(const char *sqlstate);

/* The statement that makes the settings for the transaction that it runs in; free() it. NULL with err when the options
 * of the URL hold something that cannot be set this way. */
char *db_session_sql(PGconn *conn, const PQconninfoOption *url, const struct db_session_want *want, struct err *err);

/* A word of the URL, NULL when it is not there or empty. */
const char *db_session_word(const PQconninfoOption *url, const char *keyword);

#endif
