/* What a blocking connection runs: statements, scripts, transactions, COPY. How long it waits is db_wire.c's; what went
 * wrong is told in PostgreSQL's own words. */
#include "services/store/db/db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/db/clean.h"
#include "services/store/db/db_doubt.h"
#include "services/store/db/db_wire.h"

#define LITTLE_MS 2000 /* for what nobody waits for */

void db_message_line(const char *message, char *out, size_t size)
{
    if (strncmp(message, "ERROR:  ", 8) == 0) message += 8;
    snprintf(out, size, "%.*s", (int)strcspn(message, "\n"), message);
}

bool db_was_refused(const struct db *db)
{
    static const char *const classes[] = {"21", "22", "23", "44", "54", "P0"};
    for (size_t i = 0; db_is_alive(db) && i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(db->state, classes[i], 2) == 0) return true;
    return false;
}

static int fail(struct db *db, const PGresult *result, struct err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *advice = db_session_advice(state);
    char text[300];
    snprintf(db->state, sizeof db->state, "%s", state ? state : "");
    if (db->given_up) return err_set(err, ERR_DB, "connection to PostgreSQL lost: %s", db->given_up);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        db_message_line(message ? message : PQerrorMessage(db->conn), text, sizeof text);
        return err_set(err, ERR_DB, "connection to PostgreSQL lost: %s", text);
    }
    db_message_line(message ? message : PQerrorMessage(db->conn), text, sizeof text);
    if (state && (strcmp(state, "57014") == 0 || strcmp(state, "55P03") == 0))
        return err_set(err, ERR_TIMEOUT, "PostgreSQL: %s", text);
    if (advice) return err_set(err, ERR_DB, "PostgreSQL: %s (%s)", text, advice);
    return err_set(err, ERR_DB, "PostgreSQL: %s%s%.100s", text, detail ? ": " : "", detail ? detail : "");
}

static bool is_worked_on(void *arg)
{
    const struct db *db = arg;
    return doubt_is_worked_on(db->url, &db->want, db->now);
}

/* For a statement that begins now; sql NULL: for more of the one that is under way. */
static struct wire_limit limit_of(struct db *db, const char *sql)
{
    if (sql) snprintf(db->now, sizeof db->now, "%s", sql);
    return (struct wire_limit){.deadline_ms = db->want.timeout_ms ? mono_ms() + db->want.timeout_ms + DB_SLACK_MS : 0,
                               .patience_ms = db->patience_ms,
                               .is_worked_on = is_worked_on,
                               .arg = db};
}

static void note_silence(struct db *db, const PGresult *result, const struct wire_limit *limit)
{
    if (!result && limit->given_up && !db_is_alive(db)) db->given_up = limit->given_up;
}

static PGresult *checked(struct db *db, PGresult *result, struct err *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        db->state[0] = '\0';
        return result;
    }
    fail(db, result, err);
    PQclear(result);
    return NULL;
}

/* What makes the settings of a statement that is a transaction of its own. */
static const char *settings_of(const struct db *db)
{
    return db->sql && !db_in_transaction(db) ? db->sql : NULL;
}

/* Of values: which of them are binary. */
static void formats_of(int formats[16], const int *lengths, int n)
{
    for (int i = 0; i < n && i < 16; i++) formats[i] = lengths[i] > 0;
}

/* It was a transaction of its own. */
static bool is_undone_alone(const struct db *db, const PGresult *result)
{
    return result && db_session_was_undone(PQresultErrorField(result, PG_DIAG_SQLSTATE)) && !db_in_transaction(db);
}

static PGresult *run(struct db *db, struct err *err, struct wire_query query)
{
    struct wire_limit limit = limit_of(db, query.sql);
    struct clean clean;
    if (clean_values(&clean, query.n, query.values, query.formats) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a statement"), NULL;
    query.before = settings_of(db);
    query.values = clean.values;
    PGresult *result = wire_query(db->conn, &query, &limit);
    for (int i = 0; i < DB_SESSION_UNDONE_MAX && is_undone_alone(db, result); i++) {
        log_info("PostgreSQL has undone a statement to get out of a deadlock: it is done again");
        PQclear(result);
        limit = limit_of(db, query.sql);
        result = wire_query(db->conn, &query, &limit);
    }
    clean_free(&clean);
    note_silence(db, result, &limit);
    return checked(db, result, err);
}

PGresult *db_query(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    return run(db, err, (struct wire_query){.sql = sql, .n = n, .values = values});
}

PGresult *db_query_binary(struct db *db, struct err *err, const char *sql, int n, const char *const *values,
                          const int *lengths)
{
    int formats[16] = {0};
    formats_of(formats, lengths, n);
    return run(db, err,
               (struct wire_query){.sql = sql, .n = n, .values = values, .lengths = lengths, .formats = formats});
}

/* ---- statements that run often ---- */

#define PLAN_USES 200 /* then it is planned anew: tables may have grown out of the plan */

static bool prepare(struct db *db, int i, const char *sql, int n)
{
    char name[24], drop[40];
    struct wire_limit limit = limit_of(db, sql);
    snprintf(name, sizeof name, "often%d", i);
    snprintf(drop, sizeof drop, "DEALLOCATE %s", name);
    if (db->often[i]) PQclear(wire_script(db->conn, drop, &limit));
    db->often[i] = NULL;
    PGresult *r = wire_prepare(db->conn, name, sql, n, &limit);
    note_silence(db, r, &limit);
    bool is_prepared = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    db->is_unprepared = !is_prepared; /* why it cannot be, is told by running it */
    if (!is_prepared) return false;
    db->often[i] = sql;
    db->often_uses[i] = 0;
    return true;
}

/* Which of the prepared ones it is, after having it prepared; -1: it is to be run as it stands. */
static int prepared(struct db *db, const char *sql, int n)
{
    int i = 0;
    if (db->sql || db->is_unprepared || db_in_transaction(db)) return -1;
    while (i < DB_OFTEN && db->often[i] && db->often[i] != sql) i++;
    if (i == DB_OFTEN) return -1;
    bool is_good = db->often[i] && db->often_uses[i] < PLAN_USES;
    if (!is_good && !prepare(db, i, sql, n)) return -1;
    db->often_uses[i]++;
    return i;
}

/* It got lost (somebody is in between after all), or a migration has changed what it answers: nothing was done. */
static bool is_stale(const struct db *db)
{
    static const char *const states[] = {"26000", "42P05", "0A000"};
    for (size_t i = 0; db_is_alive(db) && i < sizeof states / sizeof *states; i++)
        if (strcmp(db->state, states[i]) == 0) return true;
    return false;
}

static PGresult *run_often(struct db *db, struct err *err, struct wire_query query)
{
    int i = prepared(db, query.sql, query.n);
    struct err why = {0};
    char name[24];
    if (i < 0) return run(db, err, query);
    snprintf(name, sizeof name, "often%d", i);
    query.name = name;
    PGresult *r = run(db, &why, query);
    if (r) return r;
    if (!is_stale(db)) return err_set(err, why.code, "%s", why.text), NULL;
    log_info("a statement that was prepared cannot be used on this connection any more (%s): doing without", db->state);
    db->is_unprepared = true;
    query.name = NULL;
    return run(db, err, query);
}

PGresult *db_query_often(struct db *db, struct err *err, const char *sql, int n, const char *const *values,
                         const int *lengths)
{
    int formats[16] = {0};
    formats_of(formats, lengths, n);
    return run_often(db, err,
                     (struct wire_query){.sql = sql, .n = n, .values = values, .lengths = lengths, .formats = formats});
}

PGresult *db_query_bytes_often(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    return run_often(db, err, (struct wire_query){.sql = sql, .n = n, .values = values, .result_format = 1});
}

PGresult *db_query_bytes(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    return run(db, err, (struct wire_query){.sql = sql, .n = n, .values = values, .result_format = 1});
}

int64_t db_exec(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    PGresult *result = db_query(db, err, sql, n, values);
    if (!result) return -ERR_DB;
    int64_t rows = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return rows;
}

int64_t db_exec_all(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    for (int64_t all = 0, count;; all += count) {
        count = db_exec(db, err, sql, n, values);
        if (count <= 0) return count < 0 ? count : all;
    }
}

/* Several statements in one message are one transaction, unless they say otherwise themselves. */
static PGresult *run_script(struct db *db, const char *before, const char *sql, const char *after)
{
    struct buf text = {0};
    bool is_plain = !before && !after;
    if (!is_plain)
        buf_printf(&text, "%s%s%s%s%s", before ? before : "", before ? ";" : "", sql, after ? ";" : "",
                   after ? after : "");
    const char *all = is_plain || text.failed ? sql : text.data;
    struct wire_limit limit = limit_of(db, all);
    PGresult *result = text.failed ? NULL : wire_script(db->conn, all, &limit);
    note_silence(db, result, &limit);
    buf_free(&text);
    return result;
}

int db_script(struct db *db, struct err *err, const char *sql)
{
    PGresult *result = checked(db, run_script(db, settings_of(db), sql, NULL), err);
    if (!result) return -ERR_DB;
    PQclear(result);
    return 0;
}

int db_begin(struct db *db, struct err *err)
{
    PGresult *result = checked(db, run_script(db, NULL, "BEGIN", settings_of(db)), err);
    if (!result) return -ERR_DB;
    PQclear(result);
    return 0;
}

int db_commit(struct db *db, struct err *err)
{
    /* COMMIT of a failed transaction answers ROLLBACK without an error. */
    PGresult *result = checked(db, run_script(db, NULL, "COMMIT", NULL), err);
    if (!result) return -ERR_DB;
    bool is_committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return is_committed ? 0 : err_set(err, ERR_DB, "PostgreSQL rolled the transaction back");
}

bool db_in_transaction(const struct db *db)
{
    PGTransactionStatusType status = PQtransactionStatus(db->conn);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db)) PQclear(wire_script_within(db->conn, "ROLLBACK", LITTLE_MS));
}

int db_copy_begin(struct db *db, struct err *err, const char *sql)
{
    PGresult *result = run_script(db, settings_of(db), sql, NULL);
    bool is_ok = PQresultStatus(result) == PGRES_COPY_IN;
    int rc = is_ok ? 0 : fail(db, result, err);
    PQclear(result);
    return rc;
}

int db_copy_data(struct db *db, struct err *err, const char *bytes, size_t len)
{
    struct wire_limit limit = limit_of(db, NULL);
    if (len > INT32_MAX) return err_set(err, ERR_LIMIT, "too much for one chunk of a COPY");
    if (wire_copy_data(db->conn, bytes, (int)len, &limit) == 0) return 0;
    note_silence(db, NULL, &limit);
    return fail(db, NULL, err);
}

int64_t db_copy_end(struct db *db, struct err *err)
{
    struct wire_limit limit = limit_of(db, NULL);
    PGresult *result = wire_copy_end(db->conn, &limit);
    note_silence(db, result, &limit);
    result = checked(db, result, err);
    if (!result) return -ERR_DB;
    int64_t rows = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return rows;
}
