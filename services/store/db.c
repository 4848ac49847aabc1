/* A blocking PostgreSQL connection: see db.h. What it must be set to is session.c's, how long it waits db_wire.c's. */
#include "services/store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/log.h"
#include "services/store/clean.h"
#include "services/store/database_url.h"
#include "services/store/db_doubt.h"
#include "services/store/db_wire.h"
#include "services/store/session.h"

#define SLACK_MS  5000 /* beyond the statement timeout, by which the server answers itself */
#define LOOK_MS   10000
#define LITTLE_MS 2000 /* for what nobody waits for */

struct db {
    PGconn *conn;
    PQconninfoOption *url;
    struct session_want want;
    char application[64], schema[64], run_id[DB_NUMBER_SIZE], task_id[128];
    struct session session;
    char *sql;           /* makes the settings in each transaction; NULL = the session has them */
    int64_t patience_ms; /* after which a statement that may take long is asked after; 0 = never */
    char now[200];       /* how the statement that is under way begins */
    const char *given_up;
    char state[6]; /* SQLSTATE of the last failure */
};

/* What a migration warns of is for the operator; other notices are not. */
static void on_notice(void *arg, const char *message)
{
    (void)arg;
    static const char warning[] = "WARNING:  takeover: ";
    if (strncmp(message, warning, sizeof warning - 1) == 0)
        log_warning("%.*s", (int)strcspn(message + 10, "\n"), message + 10);
    else
        log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

/* The server's or libpq's message, first line only, without "ERROR:  " in front. */
static void message_line(const char *message, char *out, size_t size)
{
    if (strncmp(message, "ERROR:  ", 8) == 0) message += 8;
    snprintf(out, size, "%.*s", (int)strcspn(message, "\n"), message);
}

/* ---- life ---- */

/* Of several hosts, the first that can be written. */
static bool may_choose(const struct db *db)
{
    const char *hosts = session_word(db->url, "host");
    return hosts && strchr(hosts, ',') && !session_word(db->url, "target_session_attrs");
}

static PGconn *connect_to(const struct db *db, bool with_options, bool is_choosy)
{
    struct session_words words;
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", DB_CONNECT_TIMEOUT_S);
    session_words(&words, db->url, &db->want, session_word(db->url, "host"), session_word(db->url, "hostaddr"),
                  session_word(db->url, "port"), with_options);
    int n = 0;
    while (words.keys[n]) n++;
    words.keys[n] = "connect_timeout", words.values[n++] = timeout;
    if (is_choosy) words.keys[n] = "target_session_attrs", words.values[n++] = "read-write";
    words.keys[n] = words.values[n] = NULL;
    return PQconnectdbParams(words.keys, words.values, 0);
}

static int connect_db(struct db *db, struct err *err)
{
    char text[400];
    for (int i = may_choose(db) ? 0 : 2; i < 4 && PQstatus(db->conn) != CONNECTION_OK; i++) {
        bool has_options = i % 2 == 0;
        if (!has_options && (!db->conn || !session_refused_options(PQerrorMessage(db->conn)))) continue;
        PQfinish(db->conn);
        db->conn = connect_to(db, has_options, i < 2);
    }
    if (PQstatus(db->conn) == CONNECTION_OK && PQsetnonblocking(db->conn, 1) == 0) {
        PQsetNoticeProcessor(db->conn, on_notice, NULL);
        return 0;
    }
    message_line(db->conn ? PQerrorMessage(db->conn) : "no memory", text, sizeof text);
    return err_set(err, ERR_DB, "PostgreSQL is unreachable: %s", text);
}

/* A pooler in statement mode has none. */
static int try_transaction(struct db *db, struct err *err)
{
    char text[300];
    PGresult *r = wire_script_within(db->conn, "BEGIN", LOOK_MS);
    bool is_good = PQresultStatus(r) == PGRES_COMMAND_OK;
    message_line(r ? PQresultErrorMessage(r) : "no answer", text, sizeof text);
    PQclear(r);
    db_rollback(db);
    if (is_good && db_is_alive(db)) return 0;
    return err_set(err, ERR_CONFIG,
                   "the connection pooler of DATABASE_URL gives no transactions (%s): it must be in transaction or "
                   "session mode, not in statement mode",
                   text);
}

static int learn(struct db *db, struct err *err)
{
    int64_t wait_ms = db->want.timeout_ms && db->want.timeout_ms < LOOK_MS ? db->want.timeout_ms + SLACK_MS : LOOK_MS;
    PGresult *r = wire_script_within(db->conn, session_look, wait_ms);
    char text[400];
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        message_line(r ? PQresultErrorMessage(r) : "no answer", text, sizeof text);
        PQclear(r);
        return err_set(err, ERR_DB, "PostgreSQL is unreachable: %s", text);
    }
    session_learn(&db->session, db->conn, r);
    PQclear(r);
    if (!db->session.is_pooled) return 0;
    if (!(db->sql = session_sql(db->conn, db->url, &db->want, err))) return -(int)err->code;
    return try_transaction(db, err);
}

static struct db *open_db(const char *url, const char *schema, int64_t timeout_ms, const char *application,
                          struct err *err)
{
    PQconninfoOption *parsed = database_url_parse(url ? url : "", err);
    if (!parsed) return NULL;
    struct db *db = calloc(1, sizeof *db);
    if (!db) return PQconninfoFree(parsed), err_set(err, ERR_NOMEM, "no memory"), NULL;
    db->url = parsed;
    snprintf(db->application, sizeof db->application, "%s", application);
    snprintf(db->schema, sizeof db->schema, "%s", schema ? schema : "");
    db->want = (struct session_want){.application = db->application, .schema = db->schema, .timeout_ms = timeout_ms};
    if (connect_db(db, err) == 0 && learn(db, err) == 0) return db;
    db_close(db);
    return NULL;
}

struct db *db_open(const char *url, int64_t timeout_ms, const char *application, struct err *err)
{
    return open_db(url, NULL, timeout_ms, application, err);
}

struct db *db_open_for(const struct conf *conf, int64_t timeout_ms, const char *application, struct err *err)
{
    return open_db(conf_str(conf, SET_DATABASE_URL), conf_str(conf, SET_DATABASE_SCHEMA), timeout_ms, application, err);
}

struct db *db_open_conf(const struct conf *conf, bool long_writes, const char *application, struct err *err)
{
    struct db *db = db_open_for(conf, conf_int(conf, SET_DATABASE_TIMEOUT) * (long_writes ? 10 : 1), application, err);
    const char *fault = db ? session_fault(&db->session) : NULL;
    if (db && long_writes) db->patience_ms = conf_int(conf, SET_DATABASE_TIMEOUT);
    if (!fault) return db;
    err_set(err, ERR_DB, "PostgreSQL cannot be used: %s", fault);
    db_close(db);
    return NULL;
}

void db_close(struct db *db)
{
    if (!db) return;
    PQfinish(db->conn);
    PQconninfoFree(db->url);
    free(db->sql);
    free(db);
}

bool db_is_alive(const struct db *db)
{
    return db && PQstatus(db->conn) == CONNECTION_OK;
}

const struct session *db_session(const struct db *db)
{
    return &db->session;
}

/* A session of our own is set; where each transaction may get another one, the settings of each are made anew. */
static int change(struct db *db, const char *set, struct err *err)
{
    if (!db->session.is_pooled) return db_script(db, err, set);
    char *sql = session_sql(db->conn, db->url, &db->want, err);
    if (!sql) return -(int)err->code;
    free(db->sql);
    db->sql = sql;
    return 0;
}

int db_relax(struct db *db, bool is_relaxed, struct err *err)
{
    db->want.is_relaxed = is_relaxed;
    return change(db, is_relaxed ? "SET synchronous_commit = off" : "SET synchronous_commit = on", err);
}

int db_origin(struct db *db, int64_t run_id, const char *task_id, struct err *err)
{
    if (run_id)
        db_number(db->run_id, run_id);
    else
        db->run_id[0] = 0;
    snprintf(db->task_id, sizeof db->task_id, "%s", task_id ? task_id : "");
    db->want.run_id = db->run_id;
    db->want.task_id = db->task_id;
    if (db->session.is_pooled) return change(db, "", err);
    const char *values[] = {db->run_id, db->task_id};
    PGresult *r =
        db_query(db, err, "SELECT set_config('logikald.run_id', $1, false), set_config('logikald.task_id', $2, false)",
                 2, values);
    PQclear(r);
    return r ? 0 : -ERR_DB;
}

int db_set_timeout(struct db *db, int64_t timeout_ms, struct err *err)
{
    char set[100];
    snprintf(set, sizeof set, "SET statement_timeout = %" PRId64 "; SET lock_timeout = %" PRId64, timeout_ms,
             timeout_ms);
    db->want.timeout_ms = timeout_ms;
    return change(db, set, err);
}

bool db_wants_schema(const struct db *db)
{
    return *db->schema != 0;
}

int db_make_schema(struct db *db, struct err *err)
{
    const char *values[] = {db->schema};
    if (!*db->schema) return 0;
    PGresult *r = db_query(db, err,
                           "SELECT format('CREATE SCHEMA IF NOT EXISTS %I', $1::text) WHERE NOT EXISTS"
                           " (SELECT FROM pg_namespace WHERE nspname = $1)",
                           1, values);
    if (!r) return -ERR_DB;
    int rc = PQntuples(r) ? db_script(db, err, db_text(r, 0, 0)) : 0;
    PQclear(r);
    if (rc < 0) err_prefix(err, "DB_SCHEMA");
    return rc;
}

/* ---- statements ---- */

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
    const char *advice = session_advice(state);
    char text[300];
    snprintf(db->state, sizeof db->state, "%s", state ? state : "");
    if (db->given_up) return err_set(err, ERR_DB, "connection to PostgreSQL lost: %s", db->given_up);
    if (PQstatus(db->conn) != CONNECTION_OK) {
        message_line(message ? message : PQerrorMessage(db->conn), text, sizeof text);
        return err_set(err, ERR_DB, "connection to PostgreSQL lost: %s", text);
    }
    message_line(message ? message : PQerrorMessage(db->conn), text, sizeof text);
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
    return (struct wire_limit){.deadline_ms = db->want.timeout_ms ? mono_ms() + db->want.timeout_ms + SLACK_MS : 0,
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
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return db->state[0] = '\0', result;
    fail(db, result, err);
    PQclear(result);
    return NULL;
}

/* What makes the settings of a statement that is a transaction of its own. */
static const char *settings_of(const struct db *db)
{
    return db->sql && !db_in_transaction(db) ? db->sql : NULL;
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
    for (int i = 0; i < n && i < 16; i++) formats[i] = lengths[i] > 0;
    return run(db, err,
               (struct wire_query){.sql = sql, .n = n, .values = values, .lengths = lengths, .formats = formats});
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
