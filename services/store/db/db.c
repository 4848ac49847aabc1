/* A blocking PostgreSQL connection: how it is opened, and what is set for it. What it must be set to is db_session.c's,
 * its statements are db_statement.c's. */
#include "services/store/db/db_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/log.h"
#include "services/store/db/database_url.h"
#include "services/store/db/db_wire.h"

#define LOOK_MS 10000

/* What a migration warns of is for the operator; other notices are not. */
static void on_notice(void *arg, const char *message)
{
    (void)arg;
    const char *taken = strstr(message, ":  takeover: "); /* behind "WARNING" in the server's language */
    if (taken && taken < message + strcspn(message, "\n"))
        log_warning("%.*s", (int)strcspn(taken + 3, "\n"), taken + 3);
    else
        log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

/* Of several hosts, the first that can be written. */
static bool may_choose(const struct db *db)
{
    const char *hosts = db_session_word(db->url, "host");
    return hosts && strchr(hosts, ',') && !db_session_word(db->url, "target_session_attrs");
}

static PGconn *connect_to(const struct db *db, bool with_options, bool is_choosy)
{
    struct db_session_words words;
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", DB_CONNECT_TIMEOUT_S);
    db_session_words(&words, db->url, &db->want, db_session_word(db->url, "host"), db_session_word(db->url, "hostaddr"),
                     db_session_word(db->url, "port"), with_options);
    int n = 0;
    while (words.keys[n]) n++;
    words.keys[n] = "connect_timeout";
    words.values[n++] = timeout;
    if (is_choosy) {
        words.keys[n] = "target_session_attrs";
        words.values[n++] = "read-write";
    }
    words.keys[n] = words.values[n] = NULL;
    return PQconnectdbParams(words.keys, words.values, 0);
}

static int connect_db(struct db *db, struct err *err)
{
    char text[400];
    for (int i = may_choose(db) ? 0 : 2; i < 4 && PQstatus(db->conn) != CONNECTION_OK; i++) {
        bool has_options = i % 2 == 0;
        if (!has_options && (!db->conn || !db_session_refused_options(PQerrorMessage(db->conn)))) continue;
        PQfinish(db->conn);
        db->conn = connect_to(db, has_options, i < 2);
    }
    if (PQstatus(db->conn) == CONNECTION_OK && PQsetnonblocking(db->conn, 1) == 0) {
        PQsetNoticeProcessor(db->conn, on_notice, NULL);
        return 0;
    }
    db_message_line(db->conn ? PQerrorMessage(db->conn) : "no memory", text, sizeof text);
    return err_set(err, ERR_DB, "PostgreSQL is unreachable: %s", text);
}

/* A pooler in statement mode has none. */
static int try_transaction(struct db *db, struct err *err)
{
    char text[300];
    PGresult *r = wire_script_within(db->conn, "BEGIN", LOOK_MS);
    bool is_good = PQresultStatus(r) == PGRES_COMMAND_OK;
    db_message_line(r ? PQresultErrorMessage(r) : "no answer", text, sizeof text);
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
    int64_t wait_ms =
        db->want.timeout_ms && db->want.timeout_ms < LOOK_MS ? db->want.timeout_ms + DB_SLACK_MS : LOOK_MS;
    PGresult *r = wire_script_within(db->conn, db_session_look, wait_ms);
    char text[400];
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        db_message_line(r ? PQresultErrorMessage(r) : "no answer", text, sizeof text);
        PQclear(r);
        return err_set(err, ERR_DB, "PostgreSQL is unreachable: %s", text);
    }
    db_session_learn(&db->session, db->conn, r);
    PQclear(r);
    if (!db->session.is_pooled) return 0;
    if (!(db->sql = db_session_sql(db->conn, db->url, &db->want, err))) return err_result(err);
    return try_transaction(db, err);
}

struct db *db_open(const char *url, const char *schema, int64_t timeout_ms, const char *application, struct err *err)
{
    PQconninfoOption *parsed = database_url_parse(url ? url : "", err);
    if (!parsed) return NULL;
    struct db *db = calloc(1, sizeof *db);
    if (!db) {
        PQconninfoFree(parsed);
        err_set(err, ERR_NOMEM, "no memory");
        return NULL;
    }
    db->url = parsed;
    snprintf(db->application, sizeof db->application, "%s", application);
    snprintf(db->schema, sizeof db->schema, "%s", schema ? schema : "");
    db->want = (struct db_session_want){.application = db->application, .schema = db->schema, .timeout_ms = timeout_ms};
    if (connect_db(db, err) == 0 && learn(db, err) == 0) return db;
    db_close(db);
    return NULL;
}

struct db *db_open_for(const struct conf *conf, int64_t timeout_ms, const char *application, struct err *err)
{
    return db_open(conf_str(conf, SET_DATABASE_URL), conf_str(conf, SET_DATABASE_SCHEMA), timeout_ms, application, err);
}

struct db *db_open_conf(const struct conf *conf, bool long_writes, const char *application, struct err *err)
{
    struct db *db = db_open_for(conf, conf_int(conf, SET_DATABASE_TIMEOUT) * (long_writes ? 10 : 1), application, err);
    const char *fault = db ? db_session_fault(&db->session) : NULL;
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

const struct db_session *db_session(const struct db *db)
{
    return &db->session;
}

/* A session of our own is set; where each transaction may get another one, the settings of each are made anew. */
static int change(struct db *db, const char *set, struct err *err)
{
    if (!db->session.is_pooled) return db_script(db, err, set);
    char *sql = db_session_sql(db->conn, db->url, &db->want, err);
    if (!sql) return err_result(err);
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
