/* A blocking PostgreSQL connection: see db.h. Session settings are made on connecting, so a statement that runs away or
 * a dead peer ends by itself. */
#include "services/store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/log.h"
#include "services/store/database_url.h"

struct db {
    PGconn *conn;
};

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    log_debug("postgresql: %.*s", (int)strcspn(message, "\n"), message);
}

/* The server's or libpq's message, first line only, without "ERROR:  " in front. */
static void message_line(const char *message, char *out, size_t size)
{
    if (strncmp(message, "ERROR:  ", 8) == 0) message += 8;
    snprintf(out, size, "%.*s", (int)strcspn(message, "\n"), message);
}

struct db *db_open(const char *url, int64_t timeout_ms, const char *application, struct err *err)
{
    PQconninfoOption *parsed = database_url_parse(url ? url : "", err);
    if (!parsed) return NULL;
    PQconninfoFree(parsed);
    char options[128], connect_timeout[16], text[400];
    snprintf(options, sizeof(options), "-c statement_timeout=%" PRId64 " -c timezone=UTC -c lock_timeout=%" PRId64,
             timeout_ms, timeout_ms);
    snprintf(connect_timeout, sizeof(connect_timeout), "%d", DB_CONNECT_TIMEOUT_S);
    const char *keys[] = {
        "dbname",     "options",         "connect_timeout",     "application_name", "client_encoding",
        "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
        NULL};
    const char *values[] = {url, options, connect_timeout, application, "UTF8", "1", "30", "10", "3", "60000", NULL};

    struct db *db = calloc(1, sizeof(*db));
    if (!db) return err_set(err, ERR_NOMEM, "no memory"), NULL;
    db->conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(db->conn) == CONNECTION_OK) {
        PQsetNoticeProcessor(db->conn, ignore_notice, NULL);
        return db;
    }
    message_line(db->conn ? PQerrorMessage(db->conn) : "no memory", text, sizeof(text));
    err_set(err, ERR_DB, "PostgreSQL is unreachable: %s", text);
    db_close(db);
    return NULL;
}

struct db *db_open_conf(const struct conf *conf, bool long_writes, const char *application, struct err *err)
{
    int64_t timeout_ms = conf_int(conf, SET_DATABASE_TIMEOUT) * (long_writes ? 10 : 1);
    return db_open(conf_str(conf, SET_DATABASE_URL), timeout_ms, application, err);
}

void db_close(struct db *db)
{
    if (!db) return;
    PQfinish(db->conn);
    free(db);
}

bool db_is_alive(const struct db *db)
{
    return db && PQstatus(db->conn) == CONNECTION_OK;
}

static int fail(struct db *db, const PGresult *result, struct err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    char text[400];
    if (PQstatus(db->conn) != CONNECTION_OK) {
        message_line(PQerrorMessage(db->conn), text, sizeof(text));
        return err_set(err, ERR_DB, "connection to PostgreSQL lost: %s", text);
    }
    message_line(message ? message : PQerrorMessage(db->conn), text, sizeof(text));
    if (state && (strcmp(state, "57014") == 0 || strcmp(state, "55P03") == 0))
        return err_set(err, ERR_TIMEOUT, "PostgreSQL: %s", text);
    return err_set(err, ERR_DB, "PostgreSQL: %s%s%.100s", text, detail ? ": " : "", detail ? detail : "");
}

static PGresult *checked(struct db *db, PGresult *result, struct err *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
    fail(db, result, err);
    PQclear(result);
    return NULL;
}

PGresult *db_query(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    return checked(db, PQexecParams(db->conn, sql, n, NULL, values, NULL, NULL, 0), err);
}

PGresult *db_query_binary(struct db *db, struct err *err, const char *sql, int n, const char *const *values,
                          const int *lengths)
{
    int formats[16] = {0};
    for (int i = 0; i < n && i < 16; i++) formats[i] = lengths[i] > 0;
    return checked(db, PQexecParams(db->conn, sql, n, NULL, values, lengths, formats, 0), err);
}

PGresult *db_query_bytes(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    return checked(db, PQexecParams(db->conn, sql, n, NULL, values, NULL, NULL, 1), err);
}

int64_t db_exec(struct db *db, struct err *err, const char *sql, int n, const char *const *values)
{
    PGresult *result = db_query(db, err, sql, n, values);
    if (!result) return -ERR_DB;
    int64_t rows = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return rows;
}

int db_script(struct db *db, struct err *err, const char *sql)
{
    PGresult *result = checked(db, PQexec(db->conn, sql), err);
    if (!result) return -ERR_DB;
    PQclear(result);
    return 0;
}

int db_begin(struct db *db, struct err *err)
{
    return db_script(db, err, "BEGIN");
}

int db_commit(struct db *db, struct err *err)
{
    /* COMMIT of a failed transaction answers ROLLBACK without an error. */
    PGresult *result = checked(db, PQexec(db->conn, "COMMIT"), err);
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
    if (db_in_transaction(db)) PQclear(PQexec(db->conn, "ROLLBACK"));
}

int db_copy_begin(struct db *db, struct err *err, const char *sql)
{
    PGresult *result = PQexec(db->conn, sql);
    bool is_ok = PQresultStatus(result) == PGRES_COPY_IN;
    int rc = is_ok ? 0 : fail(db, result, err);
    PQclear(result);
    return rc;
}

int db_copy_data(struct db *db, struct err *err, const char *bytes, size_t len)
{
    if (len > INT32_MAX) return err_set(err, ERR_LIMIT, "too much for one chunk of a COPY");
    if (PQputCopyData(db->conn, bytes, (int)len) == 1) return 0;
    return fail(db, NULL, err);
}

int64_t db_copy_end(struct db *db, struct err *err)
{
    if (PQputCopyEnd(db->conn, NULL) != 1) return fail(db, NULL, err);
    int64_t rows = -1;
    for (PGresult *result; (result = PQgetResult(db->conn)) != NULL;) {
        if (PQresultStatus(result) == PGRES_COMMAND_OK)
            rows = strtoll(PQcmdTuples(result), NULL, 10);
        else
            fail(db, result, err);
        PQclear(result);
    }
    return rows < 0 ? -ERR_DB : rows;
}

void db_copy_field(struct buf *out, const char *text, char separator)
{
    if (!text) buf_add(out, "\\N", 2);
    for (const char *p = text; p && *p;) {
        size_t plain = strcspn(p, "\\\n\r\t");
        buf_add(out, p, plain);
        p += plain;
        if (!*p) break;
        buf_char(out, '\\');
        buf_char(out, *p == '\n' ? 'n' : *p == '\r' ? 'r' : *p == '\t' ? 't' : '\\');
        p++;
    }
    buf_char(out, separator);
}

void db_array_begin(struct buf *out)
{
    buf_char(out, '{');
}

void db_array_add(struct buf *out, const char *text)
{
    if (out->len > 1) buf_char(out, ',');
    if (!text) {
        buf_add(out, "NULL", 4);
        return;
    }
    buf_char(out, '"');
    for (const char *p = text; *p;) {
        size_t plain = strcspn(p, "\\\"");
        buf_add(out, p, plain);
        p += plain;
        if (!*p) break;
        buf_char(out, '\\');
        buf_char(out, *p++);
    }
    buf_char(out, '"');
}

void db_array_end(struct buf *out)
{
    buf_char(out, '}');
}

const char *db_number(char out[DB_NUMBER_SIZE], int64_t value)
{
    snprintf(out, DB_NUMBER_SIZE, "%" PRId64, value);
    return out;
}

const char *db_text(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

int64_t db_int(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

double db_double(const PGresult *r, int row, int column)
{
    return strtod(PQgetvalue(r, row, column), NULL);
}

bool db_bool(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}
