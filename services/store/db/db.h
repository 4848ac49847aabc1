/* A blocking PostgreSQL connection for task runners and tools (the web process has its own, non-blocking pool).
 *
 * The one door for text: whatever is handed in goes to the server as valid UTF-8 ('?' for a byte that is not), so that
 * no text can be the reason of an error (clean.h). Parameters are always bound, results are libpq's. Every function
 * that can fail fills err with ERR_DB (or ERR_TIMEOUT when the statement timeout struck) and PostgreSQL's own words;
 * the password never appears. All of them block, for at most the connect timeout, or the statement timeout and five
 * seconds: by then the server has ended the statement, and a connection that still says nothing is given up. Behind a
 * connection pooler each transaction may get another session of the server: nothing here rests on one, and no caller
 * may. Not for use by several threads at once. */
#ifndef LOGIKALD_SERVICES_STORE_DB_DB_H
#define LOGIKALD_SERVICES_STORE_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct db;
struct conf;
struct db_session;

#define DB_CONNECT_TIMEOUT_S 10
#define DB_NUMBER_SIZE       24

/* A connection from a postgres:// or postgresql:// URL (or key=value words; sslmode and the like are honoured), with
 * UTC as its time zone. timeout_ms is the statement timeout, 0 = none (and no deadline). application shows in
 * pg_stat_activity. schema: the one that is looked in first; NULL or "" = the server's own. */
struct db *db_open(const char *url, const char *schema, int64_t timeout_ms, const char *application, struct err *err);
/* The same from the settings; long_writes grants the sync's own writes ten times the statement timeout. */
struct db *db_open_conf(const struct conf *conf, bool long_writes, const char *application, struct err *err);
struct db *db_open_for(const struct conf *conf, int64_t timeout_ms, const char *application, struct err *err);
void db_close(struct db *db); /* NULL is fine; an open transaction is rolled back by the server */
bool db_is_alive(const struct db *db);
/* The last statement failed because of the values that it was given (SQLSTATE classes 21, 22, 23, 44, 54 and P0): with
 * other values it would have worked. */
bool db_was_refused(const struct db *db);
const struct db_session *db_session(const struct db *db); /* what is known of it: db_session.h */

/* Makes the schema that the settings name, when it is not there: 0 or negative. */
bool db_wants_schema(const struct db *db); /* the settings name one */
int db_make_schema(struct db *db, struct err *err);

/* From the next transaction on: does a commit wait for the disk? How long may a statement take? 0 or negative. */
int db_relax(struct db *db, bool is_relaxed, struct err *err);
int db_set_timeout(struct db *db, int64_t timeout_ms, struct err *err);

/* Runs one statement. values[n] are text, NULL = SQL null. The result is the caller's to PQclear; NULL on an error. */
PGresult *db_query(struct db *db, struct err *err, const char *sql, int n, const char *const *values);
/* As db_query for statements without rows: how many rows were touched (0 when it does not say), or negative. */
int64_t db_exec(struct db *db, struct err *err, const char *sql, int n, const char *const *values);
/* The same for one that touches so many rows at once: again until it touches no more. */
int64_t db_exec_all(struct db *db, struct err *err, const char *sql, int n, const char *const *values);
/* Several statements at once, without parameters (migrations). */
int db_script(struct db *db, struct err *err, const char *sql);
/* As db_query with binary values where lengths[i] > 0 (bytea); lengths[i] 0 = text. */
PGresult *db_query_binary(struct db *db, struct err *err, const char *sql, int n, const char *const *values,
                          const int *lengths);

/* As db_query_binary, for a statement of a file's own that runs again and again: where nobody is between us and the
 * server, and outside of transactions, the server plans it once. sql lives for good, and is known by where it stands.
 */
PGresult *db_query_often(struct db *db, struct err *err, const char *sql, int n, const char *const *values,
                         const int *lengths);

/* As db_query, but every cell of the result comes in PostgreSQL's binary form: bytea as its bytes, text as it is. */
PGresult *db_query_bytes(struct db *db, struct err *err, const char *sql, int n, const char *const *values);

/* The same for a statement that runs again and again (db_query_often). */
PGresult *db_query_bytes_often(struct db *db, struct err *err, const char *sql, int n, const char *const *values);

/* Who writes from now on, for the journal of changes; run_id 0 and task_id NULL or "" = nobody in particular. */
int db_origin(struct db *db, int64_t run_id, const char *task_id, struct err *err);

int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* no error: what went wrong before is what matters; does nothing outside one */
bool db_in_transaction(const struct db *db);

/* COPY ... FROM STDIN in text format: begin, any number of chunks of whole or partial lines, end (rows, or negative).
 */
int db_copy_begin(struct db *db, struct err *err, const char *sql);
int db_copy_data(struct db *db, struct err *err, const char *bytes, size_t len);
int64_t db_copy_end(struct db *db, struct err *err);
/* Adds a field in COPY's text format ("\N" for NULL) and the separator that follows it ('\t' or '\n'). */
void db_copy_field(struct buf *out, const char *text, char separator);

/* Array literals for unnest: '{' elements '}'. add quotes; NULL adds a null. */
void db_array_begin(struct buf *out);
void db_array_add(struct buf *out, const char *text);
void db_array_end(struct buf *out);

/* The same in PostgreSQL's binary form, for many or large elements (db_query_binary): nothing is escaped here or there.
 * add takes valid UTF-8, without U+0000. */
enum db_element { DB_TEXT = 25, DB_JSONB = 3802 };
void db_elements_begin(struct buf *out, enum db_element type);
void db_elements_add(struct buf *out, enum db_element type, const char *text, size_t len);
void db_elements_end(struct buf *out);

const char *db_number(char out[DB_NUMBER_SIZE], int64_t value); /* decimal text; returns out */

/* Cells of a result: NULL stays NULL; a number of a null cell is 0. */
const char *db_text(const PGresult *r, int row, int column);
int64_t db_int(const PGresult *r, int row, int column);
bool db_bool(const PGresult *r, int row, int column);

#endif
