/* Sessions with PostgreSQL: see db_session.h. That settings reached the server is known by a setting of our own name;
 * that a pooler is in between, by the process number in the cancel key, which is not the server's then. */
#include "services/store/db/db_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"

#define VERSION_MIN 130000

const char db_session_look[] =
    "SELECT pg_backend_pid(), coalesce(current_setting('logikald.session', true), '') = 'set',"
    " current_setting('transaction_read_only') = 'on', pg_is_in_recovery(), current_schema() IS NOT NULL,"
    " current_setting('server_version_num'), current_setting('server_encoding')";

const char *db_session_word(const PQconninfoOption *url, const char *keyword)
{
    for (; url && url->keyword; url++)
        if (strcmp(url->keyword, keyword) == 0) return url->val && *url->val ? url->val : NULL;
    return NULL;
}

/* A value of "options": blanks end it, and a backslash takes the next character as it is. */
static void add_escaped(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == ' ' || *value == '\\' || *value == '\t' || *value == '\n') buf_char(out, '\\');
        buf_char(out, *value);
    }
}

/* A schema as an identifier of the search path. */
static void quote_schema(struct buf *out, const char *schema)
{
    buf_char(out, '"');
    for (; *schema; schema++) {
        if (*schema == '"') buf_char(out, '"');
        buf_char(out, *schema);
    }
    buf_char(out, '"');
}

static bool has_schema(const struct db_session_want *want)
{
    return want->schema && *want->schema;
}

/* What our statements and their answers mean the same by, whatever a database or a role has been given (ALTER DATABASE
 * ... SET): a German DateStyle writes times that nobody else reads, without array_nulls a NULL is the word, and without
 * standard_conforming_strings our patterns are no texts. */
static const struct {
    const char *name, *value;
    bool is_of_sessions; /* of no use in a transaction that has begun */
} always[] = {
    {"timezone", "UTC", false},
    {"DateStyle", "ISO", false},
    {"IntervalStyle", "postgres", false},
    {"extra_float_digits", "1", false},
    {"bytea_output", "hex", false},
    {"standard_conforming_strings", "on", false},
    {"array_nulls", "on", false},
    {"transform_null_equals", "off", false},
    {"default_transaction_isolation", "read committed", true},
};

/* Theirs first, so that ours win. */
static void make_options(char *out, size_t size, const char *theirs, const struct db_session_want *want)
{
    struct buf text = {0}, path = {0};
    buf_printf(&text, "%s%s-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64, theirs ? theirs : "",
               theirs ? " " : "", want->timeout_ms, want->timeout_ms);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        buf_printf(&text, " -c %s=", always[i].name);
        add_escaped(&text, always[i].value);
    }
    if (want->is_relaxed) buf_str(&text, " -c synchronous_commit=off");
    if (has_schema(want)) {
        quote_schema(&path, want->schema);
        buf_str(&text, " -c search_path=");
        add_escaped(&text, path.data ? path.data : "");
    }
    buf_str(&text, " -c logikald.session=set");
    snprintf(out, size, "%s", text.failed || path.failed ? "" : text.data);
    buf_free(&text);
    buf_free(&path);
}

static bool is_ours(const char *keyword)
{
    return strcmp(keyword, "options") == 0 || strcmp(keyword, "host") == 0 || strcmp(keyword, "port") == 0 ||
           strcmp(keyword, "hostaddr") == 0;
}

/* Encryption by Kerberos only where it is asked for: merely to see that there is none, libpq has its libraries read
 * files at each connection and keep what they found, in every process. */
static const char *usual_gssencmode(const PQconninfoOption *url)
{
    return db_session_word(url, "gssencmode") || getenv("PGGSSENCMODE") ? NULL : "disable";
}

void db_session_words(struct db_session_words *out, const PQconninfoOption *url, const struct db_session_want *want,
                      const char *host, const char *hostaddr, const char *port, bool with_options)
{
    int n = 0;
    for (const PQconninfoOption *o = url; o->keyword && n < DB_SESSION_WORDS_MAX - 16; o++) {
        if (!o->val || !*o->val || is_ours(o->keyword)) continue;
        out->keys[n] = o->keyword, out->values[n++] = o->val;
    }
    make_options(out->options, sizeof out->options, db_session_word(url, "options"), want);
    const char *more[][2] = {{"host", host},
                             {"hostaddr", hostaddr},
                             {"port", port},
                             {"options", with_options ? out->options : NULL},
                             {"application_name", want->application},
                             {"client_encoding", "UTF8"},
                             {"gssencmode", usual_gssencmode(url)},
                             {"keepalives_idle", "30"},
                             {"keepalives_interval", "10"},
                             {"keepalives_count", "3"},
                             {"tcp_user_timeout", "30000"}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i][1]) {
            out->keys[n] = more[i][0];
            out->values[n++] = more[i][1];
        }
    out->keys[n] = out->values[n] = NULL;
}

bool db_session_refused_options(const char *message)
{
    return strstr(message, "startup parameter") || strstr(message, "command-line options") ||
           strstr(message, "startup option");
}

void db_session_learn(struct db_session *out, const PGconn *conn, const PGresult *row)
{
    *out = (struct db_session){.is_pooled = strtol(PQgetvalue(row, 0, 0), NULL, 10) != PQbackendPID(conn) ||
                                            *PQgetvalue(row, 0, 1) != 't',
                               .is_read_only = *PQgetvalue(row, 0, 2) == 't',
                               .is_standby = *PQgetvalue(row, 0, 3) == 't',
                               .has_schema = *PQgetvalue(row, 0, 4) == 't',
                               .version = (int)strtol(PQgetvalue(row, 0, 5), NULL, 10)};
    snprintf(out->encoding, sizeof out->encoding, "%s", PQgetvalue(row, 0, 6));
}

const char *db_session_fault(const struct db_session *s)
{
    if (s->is_standby) return "it is a standby, which only reads: DATABASE_URL must lead to the primary";
    if (s->is_read_only)
        return "it only reads (default_transaction_read_only is on): switch that off for the database or the role; "
               "managed platforms do it when the disk is full";
    if (strcmp(s->encoding, "UTF8") != 0)
        return "its encoding is not UTF8, and the upstream's texts do not fit: make a database with ENCODING 'UTF8' "
               "TEMPLATE template0";
    if (s->version < VERSION_MIN) return "it is too old: PostgreSQL 13 or later is needed";
    return NULL;
}

const char *db_session_advice(const char *sqlstate)
{
    static const struct {
        const char *sqlstate, *text;
    } rows[] = {
        {"53100", "the disk of PostgreSQL is full: make room, and it goes on by itself"},
        {"53300", "all connections of PostgreSQL are taken: raise max_connections, or lower DATABASE_POOL_SIZE"},
        {"25006", "PostgreSQL only reads: a standby, or default_transaction_read_only is on"},
        {"42501",
         "the role of DATABASE_URL lacks a right: GRANT SELECT, INSERT, UPDATE, DELETE on all tables and USAGE "
         "on all sequences of the schema"},
        {"22P05", "the encoding of the database is not UTF8"},
        {"42P01", "a table is missing: `logikald migrate` makes it"},
        {"42703", "a column is missing: `logikald check` tells whose table it is"},
        {"0LP01", "a pooler in statement mode cannot be used: transaction or session mode is needed"},
    };
    for (size_t i = 0; sqlstate && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].sqlstate, sqlstate) == 0) return rows[i].text;
    return NULL;
}

bool db_session_was_undone(const char *sqlstate)
{
    return sqlstate && (strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "40001") == 0);
}

/* ---- the settings of a transaction ---- */

static void add_setting(struct buf *sql, PGconn *conn, const char *name, const char *value)
{
    char *quoted_name = PQescapeLiteral(conn, name, strlen(name));
    char *quoted = PQescapeLiteral(conn, value, strlen(value));
    buf_printf(sql, "%sset_config(%s, %s, true)", sql->len ? ", " : "SELECT ", quoted_name ? quoted_name : "NULL",
               quoted ? quoted : "NULL");
    if (!quoted || !quoted_name) sql->failed = true;
    PQfreemem(quoted_name);
    PQfreemem(quoted);
}

/* The next word of "options", its backslashes taken away; false at the end. */
static bool next_word(const char **at, struct buf *word)
{
    buf_reset(word);
    *at += strspn(*at, " \t\n");
    if (!**at) return false;
    for (; **at && !strchr(" \t\n", **at); (*at)++) {
        if (**at == '\\' && (*at)[1]) (*at)++;
        buf_char(word, **at);
    }
    return !word->failed;
}

/* "name=value"; a dash in the name stands for an underscore, as the server has it. */
static bool add_pair(struct buf *sql, PGconn *conn, char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals || equals == pair) return false;
    *equals = '\0';
    for (char *p = pair; *p; p++)
        if (*p == '-') *p = '_';
    add_setting(sql, conn, pair, equals + 1);
    return true;
}

/* What the URL's options set: "-c name=value", "-cname=value", "--name=value". */
static int add_theirs(struct buf *sql, PGconn *conn, const char *options, struct err *err)
{
    struct buf word = {0};
    bool is_good = true;
    while (is_good && next_word(&options, &word)) {
        if (strcmp(word.data, "-c") == 0)
            is_good = next_word(&options, &word) && add_pair(sql, conn, word.data);
        else
            is_good = (strncmp(word.data, "-c", 2) == 0 || strncmp(word.data, "--", 2) == 0) &&
                      add_pair(sql, conn, word.data + 2);
    }
    if (!is_good)
        err_set(err, ERR_CONFIG,
                "the options of DATABASE_URL hold \"%.60s\", which cannot be set through a connection pooler: only -c "
                "name=value can, or ALTER ROLE ... SET",
                word.data ? word.data : "");
    buf_free(&word);
    return is_good ? 0 : -ERR_CONFIG;
}

char *db_session_sql(PGconn *conn, const PQconninfoOption *url, const struct db_session_want *want, struct err *err)
{
    struct buf sql = {0}, path = {0};
    char timeout[24];
    const char *theirs = db_session_word(url, "options");
    snprintf(timeout, sizeof timeout, "%" PRId64, want->timeout_ms);
    if (theirs && add_theirs(&sql, conn, theirs, err) < 0) {
        buf_free(&sql);
        return NULL;
    }
    add_setting(&sql, conn, "statement_timeout", timeout);
    add_setting(&sql, conn, "lock_timeout", timeout);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!always[i].is_of_sessions) add_setting(&sql, conn, always[i].name, always[i].value);
    if (want->is_relaxed) add_setting(&sql, conn, "synchronous_commit", "off");
    if (want->run_id) add_setting(&sql, conn, "logikald.run_id", want->run_id);
    if (want->task_id) add_setting(&sql, conn, "logikald.task_id", want->task_id);
    if (has_schema(want)) {
        quote_schema(&path, want->schema);
        add_setting(&sql, conn, "search_path", path.data ? path.data : "");
    }
    bool failed = sql.failed || path.failed;
    buf_free(&path);
    if (failed) {
        err_set(err, ERR_NOMEM, "no memory");
        buf_free(&sql);
        return NULL;
    }
    return sql.data;
}
