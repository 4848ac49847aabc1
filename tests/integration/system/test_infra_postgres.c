/* PostgreSQL as it is found elsewhere: databases that only read, have another encoding, other people's tables, a role
 * that may only write rows. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/shape.h"
#include "tests/support/web.h"

static struct pg_server pg;

/* ---- databases that differ ---- */

static void database_url(const char *name, const char *user, const char *query, char *out, size_t size)
{
    snprintf(out, size, "postgresql://%s@127.0.0.1:%d/%s?sslmode=disable%s", user, pg.port, name, query);
}

/* A one-shot of ours with these settings: its exit status, and its words. */
static int run(const char *what, const char *url, const char *setting, char **output)
{
    char database[400];
    snprintf(database, sizeof database, "DATABASE_URL=%s", url);
    char *const env[] = {database, (char *)(uintptr_t)(setting ? setting : "LOG_LEVEL=info"), NULL};
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)(uintptr_t)what, NULL};
    return process_run(argv, env, output);
}

static void must(const char *what, const char *url, const char *setting, bool works, const char *text)
{
    char *output = NULL;
    int status = run(what, url, setting, &output);
    if ((status == 0) != works || !strstr(output, text))
        fail_msg("%s %s: %d, without \"%s\": %s", what, url, status, text, output);
    free(output);
}

static bool ready_says(struct web_server *web, int status, const char *text)
{
    struct http_reply reply = web_call(web, "GET", "/api/v1/health/ready", NULL, NULL);
    bool does = reply.status == status && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

static void admin_does(PGconn *admin, const char *sql)
{
    PGresult *r = PQexec(admin, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQerrorMessage(admin));
    PQclear(r);
}

/* check, migrate, readiness and health all say it, and it heals by itself. */
TEST(test_what_cannot_be_written_is_told)
{
    static const struct {
        const char *make, *heal, *text;
    } rows[] = {
        {"ALTER DATABASE logikald SET default_transaction_read_only = on",
         "ALTER DATABASE logikald RESET default_transaction_read_only", "it only reads"},
        {"ALTER ROLE postgres SET default_transaction_read_only = on",
         "ALTER ROLE postgres RESET default_transaction_read_only", "it only reads"},
    };
    static const char end_ours[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE application_name LIKE 'logikald%'";
    PGconn *admin = pg_connect(&pg);
    admin_does(admin, "SET default_transaction_read_only = off");
    must("migrate", pg.url, NULL, true, "up to date");
    struct web_server web = {.pg = pg};
    web_run(&web, NULL, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        admin_does(admin, rows[i].make);
        admin_does(admin, end_ours); /* those that are connected go on; new ones meet it */

        must("migrate", pg.url, NULL, false, rows[i].text);
        WAIT_UNTIL(ready_says(&web, 503, rows[i].text), 20000);
        assert_int_equal(web_status(&web, "GET", "/api/v1/health/detailed", NULL, NULL), 503);

        admin_does(admin, rows[i].heal);
        admin_does(admin, end_ours);
        WAIT_UNTIL(ready_says(&web, 200, "ready"), 20000);
    }
    web_stop(&web);
    PQfinish(admin);
}

TEST(test_other_encodings_are_refused)
{
    static const char *const encodings[] = {"LATIN1", "SQL_ASCII", "WIN1252"};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        char sql[200], name[40], url[200];
        snprintf(name, sizeof name, "other%zu", i);
        snprintf(sql, sizeof sql, "CREATE DATABASE %s ENCODING '%s' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
                 name, encodings[i]);
        pg_exec(&pg, sql);
        database_url(name, "postgres", "", url, sizeof url);
        must("migrate", url, NULL, false, "encoding is not UTF8");
        must("check", url, NULL, false, "encoding is not UTF8");
    }
}

static void other_database(const char *name, const char *sql, char *url, size_t size)
{
    char create[100];
    struct err err = {0};
    snprintf(create, sizeof create, "CREATE DATABASE %s", name);
    pg_exec(&pg, create);
    database_url(name, "postgres", "", url, size);
    struct db *db = db_open(url, NULL, 10000, "test", &err);
    if (!db || db_script(db, &err, sql) < 0) fail_msg("%s", err.text);
    db_close(db);
}

TEST(test_tables_of_somebody_else_are_named)
{
    static const char *const rows[][2] = {
        {"CREATE TABLE leases (y integer)", "leases"},
        {"CREATE TABLE projects (id serial, title text)", "projects"},
        {"CREATE TABLE sessions (sid varchar PRIMARY KEY, sess json)", "sessions"},
        {"CREATE TABLE clients (id serial, company text)", "clients"},
        {"CREATE VIEW sync_runs AS SELECT 1 AS id", "sync_runs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[40], url[200];
        snprintf(name, sizeof name, "shared%zu", i);
        other_database(name, rows[i][0], url, sizeof url);
        must("check", url, NULL, false, "is not ours");
        must("migrate", url, NULL, false, "is not ours");
        must("migrate", url, NULL, false, rows[i][1]);
        must("migrate", url, "DB_SCHEMA=ours alone", true, "up to date");
        must("check", url, "DB_SCHEMA=ours alone", true, "migrated");
        must("migrate", url, "DB_SCHEMA=ours alone", true, "0 migrations applied");
    }
}

/* Words that other libraries have in their URLs. */
TEST(test_words_that_are_not_ours_are_named)
{
    static const char *const rows[][2] = {
        {"&pgbouncer=true", "pgbouncer="},
        {"&schema=app", "schema="},
        {"&connection_limit=5", "connection_limit="},
        {"&connect_timeout=5&prepareThreshold=0", "prepareThreshold="},
    };
    char url[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        database_url("logikald", "postgres", rows[i][0], url, sizeof url);
        must("check", url, NULL, false, rows[i][1]);
    }
    must("check", "postgresql://u:p/a?schema=x@127.0.0.1:1/d", NULL, false, "percent-encoded"); /* a password */
}

TEST(test_options_of_the_url_are_kept)
{
    char url[300];
    struct err err = {0};
    other_database("optional", "CREATE SCHEMA app2", url, sizeof url);
    database_url("optional", "postgres", "&options=-csearch_path%3Dapp2", url, sizeof url);
    must("migrate", url, NULL, true, "up to date");
    struct db *db = db_open(url, NULL, 10000, "test", &err);
    PGresult *r = db_query(db, &err,
                           "SELECT count(*) FILTER (WHERE schemaname = 'app2'), count(*) FILTER (WHERE schemaname ="
                           " 'public'), current_setting('statement_timeout'), current_setting('timezone') FROM"
                           " pg_tables",
                           0, NULL);
    if (!r) fail_msg("%s", err.text);
    assert_true(db_int(r, 0, 0) > 20);
    assert_int_equal(db_int(r, 0, 1), 0);
    assert_string_equal(db_text(r, 0, 2), "10s");
    assert_string_equal(db_text(r, 0, 3), "UTC");
    PQclear(r);
    db_close(db);
}

TEST(test_role_that_may_only_write_rows_is_enough)
{
    char url[200], url_writer[200];
    pg_exec(&pg, "CREATE ROLE writer LOGIN");
    other_database("separate", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", url, sizeof url);
    database_url("separate", "writer", "", url_writer, sizeof url_writer);
    must("check", url_writer, NULL, false, "may not create tables");
    must("migrate", url, NULL, true, "up to date");
    must("check", url_writer, NULL, false, "GRANT SELECT, INSERT");
    struct err err = {0};
    struct db *db = db_open(url, NULL, 10000, "test", &err);
    assert_int_equal(
        db_script(db, &err, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer"), 0);
    must("check", url_writer, NULL, false, "GRANT SELECT, INSERT");
    assert_int_equal(db_script(db, &err, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer"), 0);
    db_close(db);

    must("check", url_writer, NULL, true, "may not migrate");
    must("migrate", url_writer, NULL, true, "0 migrations applied");
}

/* What is read from the text of the migrations is what they have made: no table of ours is taken for somebody else's.
 */
TEST(test_shape_is_that_of_the_migrations)
{
    char url[200];
    struct err err = {0};
    struct buf tables = {0}, columns = {0};
    other_database("shape", "SELECT 1", url, sizeof url);
    must("migrate", url, NULL, true, "up to date");
    shape_of(NULL, false, &tables, &columns);
    struct db *db = db_open(url, NULL, 10000, "test", &err);
    const char *values[] = {tables.data, columns.data};
    PGresult *r = db_query(db, &err,
                           "WITH ours AS (SELECT DISTINCT t, c FROM unnest($1::text[], $2::text[]) AS w(t, c)),"
                           " there AS (SELECT c.relname::text AS t, a.attname::text AS c FROM pg_class c JOIN"
                           "  pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
                           "  AND c.relkind IN ('r', 'p') AND c.relname <> 'logikald_migrations' AND a.attnum > 0"
                           "  AND NOT a.attisdropped)"
                           " SELECT coalesce(ours.t, there.t) || '.' || coalesce(ours.c, there.c), ours.t IS NULL"
                           " FROM ours LEFT JOIN there USING (t, c) WHERE there.t IS NULL"
                           " AND to_regclass(ours.t) IS NOT NULL",
                           2, values);
    if (!r) fail_msg("%s", err.text);
    for (int i = 0; i < PQntuples(r); i++)
        print_message("%s is %s\n", db_text(r, i, 0), db_bool(r, i, 1) ? "not read" : "not there");
    assert_int_equal(PQntuples(r), 0);
    PQclear(r);
    db_close(db);
    buf_free(&tables);
    buf_free(&columns);
}

FIXTURE(start)
{
    pg_start(&pg);
    return 0;
}

FIXTURE(stop)
{
    pg_stop(&pg);
    return 0;
}

/* ---- statements that run often ---- */

static int64_t prepared_statements(struct db *db)
{
    struct err err = {0};
    PGresult *r = db_query(db, &err, "SELECT count(*) FROM pg_prepared_statements", 0, NULL);
    if (!r) fail_msg("%s", err.text);
    int64_t count = db_int(r, 0, 0);
    PQclear(r);
    return count;
}

static const char often_all[] = "SELECT * FROM often WHERE length(x) = length($1::bytea)";
static const char often_add[] = "INSERT INTO often VALUES ($1::bytea) RETURNING length(x)";

static void often(struct db *db, const char *sql, int columns, int rows)
{
    static const char bytes[] = "a\0b";
    const char *const values[] = {bytes};
    const int lengths[] = {3};
    struct err err = {0};
    PGresult *r = db_query_often(db, &err, sql, 1, values, lengths);
    if (!r) fail_msg("%s", err.text);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(PQnfields(r), columns);
    assert_int_equal(PQntuples(r), rows);
    PQclear(r);
}

/* Planned once, and again as they stand when they got lost or when the table has changed; within a transaction never,
 * since what fails there cannot be had again. */
TEST(test_statements_that_run_often_survive_what_happens_to_them)
{
    char url[300];
    struct err err = {0};
    database_url("postgres", "postgres", "", url, sizeof url);
    struct db *db = db_open(url, NULL, 20000, "test", &err);
    if (!db) fail_msg("%s", err.text);
    db_script(db, &err, "CREATE TABLE often (x bytea)");

    for (int i = 1; i <= 3; i++) {
        often(db, often_add, 1, 1);
        often(db, often_all, 1, i);
        assert_int_equal(prepared_statements(db), 2);
    }
    for (int i = 0; i < 450; i++) often(db, often_all, 1, 3); /* planned anew now and then */
    assert_int_equal(prepared_statements(db), 2);
    db_script(db, &err, "ALTER TABLE often ADD y integer");
    often(db, often_all, 2, 3);
    often(db, often_add, 1, 1);
    db_close(db);

    db = db_open(url, NULL, 20000, "test", &err);
    often(db, often_all, 2, 4);
    db_script(db, &err, "DEALLOCATE ALL");
    often(db, often_all, 2, 4);
    assert_int_equal(prepared_statements(db), 0);
    db_close(db);

    db = db_open(url, NULL, 20000, "test", &err);
    assert_int_equal(db_begin(db, &err), 0);
    often(db, often_add, 1, 1);
    assert_int_equal(prepared_statements(db), 0);
    assert_int_equal(db_commit(db, &err), 0);
    assert_null(db_query_often(db, &err, "SELECT nothing FROM often", 0, NULL, NULL));
    assert_non_null(strstr(err.text, "nothing"));
    db_script(db, &err, "DROP TABLE often");
    db_close(db);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_statements_that_run_often_survive_what_happens_to_them),
    cmocka_unit_test(test_what_cannot_be_written_is_told),
    cmocka_unit_test(test_other_encodings_are_refused),
    cmocka_unit_test(test_tables_of_somebody_else_are_named),
    cmocka_unit_test(test_words_that_are_not_ours_are_named),
    cmocka_unit_test(test_options_of_the_url_are_kept),
    cmocka_unit_test(test_role_that_may_only_write_rows_is_enough),
    cmocka_unit_test(test_shape_is_that_of_the_migrations),
};
TEST_MAIN(tests, start, stop)
