/* Sessions with PostgreSQL and what runs in them: the words and the settings that they are opened with, what errors are
 * called, statements that are prepared and get lost, and stages that dead runs have left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db_session.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_stage.h"
#include "tests/support/store.h"

STORE_WORLD()

/* What each session, or each transaction, is always set to. */
#define ALWAYS                                                                                                         \
    " -c timezone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex"          \
    " -c standard_conforming_strings=on -c array_nulls=on -c transform_null_equals=off"                                \
    " -c default_transaction_isolation=read\\ committed"
#define ALWAYS_WITHIN                                                                                                  \
    " set_config('timezone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('IntervalStyle',"          \
    " 'postgres', true), set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true),"        \
    " set_config('standard_conforming_strings', 'on', true), set_config('array_nulls', 'on', true),"                   \
    " set_config('transform_null_equals', 'off', true)"

/* ---- the words of a connection ---- */

static PQconninfoOption *parse(const char *url)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    if (!options) fail_msg("%s", why);
    return options;
}

static const char *word_of(const struct db_session_words *words, const char *key)
{
    const char *value = NULL;
    for (int i = 0; words->keys[i]; i++)
        if (strcmp(words->keys[i], key) == 0) value = words->values[i];
    return value;
}

TEST(test_the_words_of_a_connection)
{
    struct db_session_words words;
    struct db_session_want want = {.application = "me", .timeout_ms = 7000};
    PQconninfoOption *url = parse("postgres://u:p@h1:1,h2:2/d?sslmode=require&options=-c%20a%3Db");
    db_session_words(&words, url, &want, "h2", NULL, "2", true);
    assert_string_equal(word_of(&words, "host"), "h2");
    assert_string_equal(word_of(&words, "port"), "2");
    assert_null(word_of(&words, "hostaddr"));
    assert_string_equal(word_of(&words, "user"), "u");
    assert_string_equal(word_of(&words, "password"), "p");
    assert_string_equal(word_of(&words, "dbname"), "d");
    assert_string_equal(word_of(&words, "sslmode"), "require");
    assert_string_equal(word_of(&words, "application_name"), "me");
    assert_string_equal(word_of(&words, "client_encoding"), "UTF8");
    assert_string_equal(word_of(&words, "gssencmode"), "disable");
    assert_string_equal(word_of(&words, "keepalives_idle"), "30");
    assert_string_equal(word_of(&words, "keepalives_interval"), "10");
    assert_string_equal(word_of(&words, "keepalives_count"), "3");
    assert_string_equal(word_of(&words, "tcp_user_timeout"), "30000");
    assert_string_equal(word_of(&words, "options"),
                        "-c a=b -c statement_timeout=7000 -c lock_timeout=7000" ALWAYS " -c logikald.session=set");
    assert_string_equal(db_session_word(url, "sslmode"), "require");
    assert_null(db_session_word(url, "sslcert"));
    assert_null(db_session_word(url, "nonsense"));
    PQconninfoFree(url);

    url = parse("postgres://u@h/d?gssencmode=prefer");
    want = (struct db_session_want){.application = "me", .schema = "a \"b\\", .is_relaxed = true};
    db_session_words(&words, url, &want, "h", "1.2.3.4", "5", true);
    assert_string_equal(word_of(&words, "hostaddr"), "1.2.3.4");
    assert_string_equal(word_of(&words, "gssencmode"), "prefer");
    assert_string_equal(word_of(&words, "options"),
                        "-c statement_timeout=0 -c lock_timeout=0" ALWAYS
                        " -c synchronous_commit=off -c search_path=\"a\\ \"\"b\\\\\" -c logikald.session=set");
    db_session_words(&words, url, &want, "h", NULL, "5", false);
    assert_null(word_of(&words, "options"));
    PQconninfoFree(url);
}

/* The same as settings of each transaction, where a pooler is in between. */
TEST(test_settings_of_a_transaction)
{
    static const struct {
        const char *options, *expected; /* NULL: they cannot be set so */
    } rows[] = {
        {"-c a=b", "set_config('a', 'b', true), "},
        {"-ca=b --c-d=e", "set_config('a', 'b', true), set_config('c_d', 'e', true), "},
        {"  -c\ta=\\ x\\\\y ", "set_config('a',  E' x\\\\y', true), "},
        {"-c a=b\\", "set_config('a',  E'b\\\\', true), "},
        {"-c a=", "set_config('a', '', true), "},
        {"-c a", NULL},
        {"-c =b", NULL},
        {"-c", NULL},
        {"a=b", NULL},
        {"-xa=b", NULL},
        {"-a=b", NULL},
    };
    PGconn *conn = pg_connect(&s.pg);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text = rows[i].options;
        char expected[800];
        struct err err = {0};
        PQconninfoOption url[] = {{.keyword = (char *)(uintptr_t) "options", .val = (char *)(uintptr_t)text},
                                  {.keyword = NULL}};
        struct db_session_want want = {.timeout_ms = 5};
        char *made = db_session_sql(conn, url, &want, &err);
        snprintf(expected, sizeof expected,
                 "SELECT %sset_config('statement_timeout', '5', true), set_config('lock_timeout',"
                 " '5', true)," ALWAYS_WITHIN,
                 rows[i].expected ? rows[i].expected : "");
        if (!made != !rows[i].expected || (made && strcmp(made, expected) != 0))
            fail_msg("%s: %s", text, made ? made : err.text);
        assert_int_equal(err.code, made ? ERR_NONE : ERR_CONFIG);
        free(made);
    }
    PQconninfoOption none[] = {{.keyword = NULL}};
    struct db_session_want want = {
        .timeout_ms = 5, .is_relaxed = true, .run_id = "7", .task_id = "t", .schema = "x\"y"};
    char *made = db_session_sql(conn, none, &want, &s.err);
    assert_string_equal(strstr(made, " set_config('timezone'"), ALWAYS_WITHIN
                        ", set_config('synchronous_commit', 'off', true),"
                        " set_config('logikald.run_id', '7', true), set_config('logikald.task_id', 't', true),"
                        " set_config('search_path', '\"x\"\"y\"', true)");
    free(made);
    PQfinish(conn);
}

TEST(test_what_a_session_is_good_for)
{
    static const struct {
        struct db_session session;
        const char *fault; /* how it begins; NULL = none */
    } rows[] = {
        {{.version = 130000, .encoding = "UTF8"}, NULL},
        {{.version = 129999, .encoding = "UTF8"}, "it is too old"},
        {{.version = 150003, .encoding = "LATIN1"}, "its encoding is not UTF8"},
        {{.version = 150003, .encoding = "UTF8", .is_read_only = true}, "it only reads"},
        {{.version = 150003, .encoding = "UTF8", .is_read_only = true, .is_standby = true}, "it is a standby"},
        {{.version = 150003, .encoding = "UTF8", .is_pooled = true}, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *fault = db_session_fault(&rows[i].session);
        if (!fault != !rows[i].fault || (fault && strncmp(fault, rows[i].fault, strlen(rows[i].fault)) != 0))
            fail_msg("row %zu: %s", i, fault);
    }
    static const struct {
        const char *state, *word;
    } advice[] = {{"53100", "disk"},     {"53300", "max_connections"}, {"25006", "only reads"}, {"42501", "GRANT"},
                  {"22P05", "encoding"}, {"42P01", "migrate"},         {"42703", "check"},      {"0LP01", "pooler"}};
    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++)
        assert_non_null(strstr(db_session_advice(advice[i].state), advice[i].word));
    assert_null(db_session_advice("42601"));
    assert_null(db_session_advice(NULL));
    assert_true(db_session_was_undone("40P01") && db_session_was_undone("40001"));
    assert_false(db_session_was_undone("40002") || db_session_was_undone(NULL));
    assert_true(db_session_refused_options("unsupported startup parameter: options"));
    assert_true(db_session_refused_options("unrecognized startup option"));
    assert_true(db_session_refused_options("use of command-line options is refused"));
    assert_false(db_session_refused_options("password authentication failed"));
    const struct db_session *own = db_session(s.db);
    assert_false(own->is_pooled || own->is_read_only || own->is_standby);
    assert_true(own->has_schema && own->version >= 130000);
    assert_string_equal(own->encoding, "UTF8");
}

/* ---- errors ---- */

TEST(test_what_errors_are_called)
{
    static const struct {
        const char *sql;
        enum err_code code;
        bool is_refused; /* for the values that it was given */
        const char *text;
    } rows[] = {
        {"SELECT 1/0", ERR_DB, true, "PostgreSQL: division by zero"},
        {"SELECT 'x'::int", ERR_DB, true, "PostgreSQL: invalid input syntax for type integer: \"x\""},
        {"SELECT (SELECT generate_series(1, 2))", ERR_DB, true,
         "PostgreSQL: more than one row returned by a subquery used as an expression"},
        {"INSERT INTO directories (id, logikal_id, name) VALUES (1, 'A', 'A'), (2, 'A', 'B')", ERR_DB, true,
         "PostgreSQL: duplicate key value violates unique constraint"},
        {"DO $$ BEGIN RAISE 'of our own'; END $$", ERR_DB, true, "PostgreSQL: of our own"},
        {"SELECT 1 FROM nowhere", ERR_DB, false,
         "PostgreSQL: relation \"nowhere\" does not exist (a table is missing: `logikald migrate` makes it)"},
        {"SELEC 1", ERR_DB, false, "PostgreSQL: syntax error at or near \"SELEC\""},
        {"SET LOCAL statement_timeout = 1; SELECT pg_sleep(30)", ERR_TIMEOUT, false,
         "PostgreSQL: canceling statement due to statement timeout"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        assert_int_equal(db_script(s.db, &err, rows[i].sql), -ERR_DB);
        if (err.code != rows[i].code || strncmp(err.text, rows[i].text, strlen(rows[i].text)) != 0)
            fail_msg("row %zu: %d %s", i, (int)err.code, err.text);
        if (db_was_refused(s.db) != rows[i].is_refused) fail_msg("row %zu: refused?", i);
        assert_int_equal(db_exec(s.db, &err, "SELECT 1", 0, NULL), 1);
        assert_false(db_was_refused(s.db)); /* that was the one before */
    }
}

TEST(test_transactions)
{
    sql("CREATE TABLE tried (n int)");
    assert_int_equal(db_begin(s.db, &s.err), 0);
    assert_true(db_in_transaction(s.db));
    sql("INSERT INTO tried VALUES (1)");
    assert_int_equal(db_commit(s.db, &s.err), 0);
    assert_false(db_in_transaction(s.db));
    assert_int_equal(db_begin(s.db, &s.err), 0);
    sql("INSERT INTO tried VALUES (2)");
    assert_int_equal(db_exec(s.db, &s.err, "SELECT 1/0", 0, NULL), -ERR_DB);
    assert_true(db_in_transaction(s.db));
    assert_int_equal(db_commit(s.db, &s.err), -ERR_DB); /* it was none */
    assert_string_equal(s.err.text, "PostgreSQL rolled the transaction back");
    assert_int_equal(db_begin(s.db, &s.err), 0);
    sql("INSERT INTO tried VALUES (3)");
    db_rollback(s.db);
    assert_false(db_in_transaction(s.db));
    db_rollback(s.db);
    expect("1", "SELECT string_agg(n::text, ' ') FROM tried");
    assert_int_equal(db_exec(s.db, &s.err, "INSERT INTO tried SELECT generate_series(1, 7)", 0, NULL), 7);
    static const char some[] = "DELETE FROM tried WHERE ctid IN (SELECT ctid FROM tried LIMIT 3)";
    assert_int_equal(db_exec_all(s.db, &s.err, some, 0, NULL), 8);
    assert_int_equal(db_exec_all(s.db, &s.err, some, 0, NULL), 0);
    assert_int_equal(db_exec_all(s.db, &s.err, "SELEC", 0, NULL), -ERR_DB);
    assert_int_equal(db_copy_begin(s.db, &s.err, "COPY tried FROM STDIN"), 0);
    assert_int_equal(db_copy_data(s.db, &s.err, "1\n2\n3", 5), 0);
    assert_int_equal(db_copy_data(s.db, &s.err, "4\n", 2), 0);
    assert_int_equal(db_copy_end(s.db, &s.err), 3);
    expect("1 2 34", "SELECT string_agg(n::text, ' ' ORDER BY n) FROM tried");
    assert_int_equal(db_copy_begin(s.db, &s.err, "COPY nowhere FROM STDIN"), -ERR_DB);
    assert_int_equal(db_copy_begin(s.db, &s.err, "COPY tried FROM STDIN"), 0);
    assert_int_equal(db_copy_data(s.db, &s.err, "x\n", 2), 0);
    assert_int_equal(db_copy_end(s.db, &s.err), -ERR_DB);
    sql("DROP TABLE tried");
}

/* ---- statements that run often ---- */

static const char often_sql[] = "SELECT * FROM often WHERE $1::int > 0", other_sql[] = "SELECT $1::int + 1";

static const char *often(const char *text)
{
    const char *values[] = {"1"};
    return store_rows(db_query_often(s.db, &s.err, text, 1, values, (const int[]){0}));
}

static const char prepared[] = "SELECT coalesce(string_agg(name, ' ' ORDER BY name), '') FROM pg_prepared_statements";

TEST(test_statements_are_planned_once)
{
    sql("CREATE TABLE often (n int); INSERT INTO often VALUES (5)");
    expect("", prepared);
    assert_string_equal(often(often_sql), "5");
    expect("often0", prepared);
    assert_string_equal(often(other_sql), "2");
    expect("often0 often1", prepared);
    char *made = store_value(&s, "SELECT prepare_time FROM pg_prepared_statements WHERE name = 'often0'");
    for (int i = 2; i <= 200; i++) assert_string_equal(often(often_sql), "5");
    expect(made, "SELECT prepare_time FROM pg_prepared_statements WHERE name = 'often0'");
    assert_string_equal(often(often_sql), "5"); /* tables may have grown out of the plan by now */
    expect("often0 often1", prepared);
    char *again = store_value(&s, "SELECT prepare_time FROM pg_prepared_statements WHERE name = 'often0'");
    assert_string_not_equal(made, again);
    free(made);
    free(again);

    assert_int_equal(db_begin(s.db, &s.err), 0); /* inside of a transaction one that fails would end it */
    assert_string_equal(often("SELECT $1::int + 5"), "6");
    assert_int_equal(db_commit(s.db, &s.err), 0);
    expect("often0 often1", prepared);
}

/* One that answers otherwise since a migration, or that got lost: it is done all the same. */
TEST(test_statements_that_cannot_be_used_any_more)
{
    for (int i = 0; i < 2; i++) {
        struct db *db = s.db;
        s.db = db_open(s.pg.url, NULL, 60000, "test", &s.err);
        assert_string_equal(often(often_sql), i == 0 ? "5" : "5 -");
        expect("often0", prepared);
        sql(i == 0 ? "ALTER TABLE often ADD COLUMN m int" : "DEALLOCATE often0");
        assert_string_equal(often(often_sql), "5 -");
        assert_string_equal(often(other_sql), "2");
        expect(i == 0 ? "often0" : "", prepared); /* nothing is prepared any more */
        db_close(s.db);
        s.db = db;
    }
    const char *values[] = {"x"};
    assert_null(db_query_often(s.db, &s.err, other_sql, 1, values, (const int[]){0})); /* its own fault */
    assert_int_equal(s.err.code, ERR_DB);
    assert_true(db_was_refused(s.db));
    assert_string_equal(often(other_sql), "2");
}

/* ---- stages ---- */

static void fill(int64_t stage)
{
    char text[600];
    snprintf(
        text, sizeof text,
        "INSERT INTO sync_stage_directories (stage, listing) VALUES (%1$lld, 1); INSERT INTO sync_stage_projects "
        "(stage,"
        " listing) VALUES (%1$lld, 1); INSERT INTO sync_stage_phases (stage, listing) VALUES (%1$lld, 1); INSERT INTO"
        " sync_stage_elevations (stage, listing) VALUES (%1$lld, 1); INSERT INTO sync_stage_listed (stage, kind) VALUES"
        " (%1$lld, 'd'); INSERT INTO sync_stage_plan (stage, seq) VALUES (%1$lld, 1)",
        (long long)stage);
    sql(text);
}

static const char staged[] = "SELECT concat_ws(' ', (SELECT count(*) FROM sync_stages), (SELECT count(*) FROM "
                             "sync_stage_directories), (SELECT count(*)"
                             " FROM sync_stage_projects), (SELECT count(*) FROM sync_stage_phases), (SELECT count(*) "
                             "FROM sync_stage_elevations),"
                             " (SELECT count(*) FROM sync_stage_listed), (SELECT count(*) FROM sync_stage_plan))";

TEST(test_stages_that_dead_runs_have_left)
{
    struct lease lease[3];
    struct stage stage[3], one;
    for (int i = 0; i < 3; i++) {
        char name[20];
        snprintf(name, sizeof name, "l%d", i);
        assert_int_equal(lease_acquire(s.db, &lease[i], name, "me", 600000, &s.err), 0);
        assert_int_equal(stage_open(&stage[i], s.db, &lease[i], 77, &s.err), 0);
        assert_int_equal(stage[i].batch_rows[STAGE_ELEVATIONS], 77);
        fill(stage[i].id);
    }
    expect("3 3 3 3 3 3 3", staged);
    assert_int_equal(stage_check(&stage[0], &s.err), 0);
    sql("UPDATE leases SET expires_at = now() - interval '9 minutes' WHERE name = 'l1'; UPDATE leases SET expires_at = "
        "now() -"
        " interval '11 minutes' WHERE name = 'l2'");
    assert_int_equal(stage_open(&one, s.db, &lease[0], 1, &s.err), 0); /* sweeps the last one */
    expect("3 2 2 2 2 2 2", staged);
    assert_int_equal(stage_check(&stage[2], &s.err), -ERR_CONFLICT);
    assert_int_equal(stage_check(&stage[1], &s.err), 0);
    sql("UPDATE leases SET token = token + 1 WHERE name = 'l1'"); /* another holder */
    struct stage more;
    assert_int_equal(stage_open(&more, s.db, &lease[0], 1, &s.err), 0);
    expect("3 1 1 1 1 1 1", staged);
    assert_int_equal(stage_check(&stage[1], &s.err), -ERR_CONFLICT);
    fill(999999); /* rows of no stage */
    assert_int_equal(stage_sweep(s.db, &s.err), 0);
    expect("3 1 1 1 1 1 1", staged);
    stage_close(&one);
    stage_close(&more);
    expect("1 1 1 1 1 1 1", staged);
    stage_close(&stage[0]);
    assert_int_equal(stage[0].id, 0);
    expect("0 0 0 0 0 0 0", staged);
}

TEST(test_lists_on_the_stage)
{
    static const char *const tables[STAGE_TABLE_COUNT] = {"directories", "projects", "phases", "elevations"};
    struct lease lease;
    struct stage stage, other;
    assert_int_equal(lease_acquire(s.db, &lease, "lists", "me", 600000, &s.err), 0);
    assert_int_equal(stage_open(&stage, s.db, &lease, 100, &s.err), 0);
    assert_int_equal(stage_open(&other, s.db, &lease, 100, &s.err), 0);
    for (int table = 0; table < STAGE_TABLE_COUNT; table++) {
        char text[300], ids[40];
        snprintf(text, sizeof text, "INSERT INTO sync_stage_%s (stage, listing) VALUES (%lld, 1), (%lld, 2), (%lld, 1)",
                 tables[table], (long long)stage.id, (long long)stage.id, (long long)other.id);
        sql(text);
        assert_int_equal(stage_forget(&stage, (enum stage_table)table, 1, &s.err), 0);
        snprintf(text, sizeof text,
                 "SELECT string_agg(concat_ws('/', stage, listing), ' ' ORDER BY stage) FROM sync_stage_%s",
                 tables[table]);
        snprintf(ids, sizeof ids, "%lld/2 %lld/1", (long long)stage.id, (long long)other.id);
        expect(ids, text);
    }
    stage_close(&stage);
    stage_close(&other);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_words_of_a_connection),
    cmocka_unit_test(test_settings_of_a_transaction),
    cmocka_unit_test(test_what_a_session_is_good_for),
    cmocka_unit_test(test_what_errors_are_called),
    cmocka_unit_test(test_transactions),
    cmocka_unit_test(test_statements_are_planned_once),
    cmocka_unit_test(test_statements_that_cannot_be_used_any_more),
    cmocka_unit_test(test_stages_that_dead_runs_have_left),
    cmocka_unit_test(test_lists_on_the_stage),
};
TEST_MAIN(tests, start, stop)
