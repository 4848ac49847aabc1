/* Bills and differences that take long to make: made once and kept, by one for all who ask meanwhile, never held whole
 * by web, told where they cannot be kept; and a long list that becomes another one while it is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/parts/parts_large.h"
#include "tests/support/parts/parts_world.h"

FIXTURE(set_up)
{
    setenv("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:quarantine_size_mb=2", 1); /* web's memory is looked at */
    parts_open_windows(parts_large_plain);
    parts_large_store("1", MANY);
    return 0;
}

FIXTURE(tear_down)
{
    parts_close();
    return 0;
}

static void expect_body(const char *path, const char *header, int status, const char *body)
{
    struct http_reply reply = parts_ask(path, header);
    if (reply.status != status || (body && strcmp(reply.body, body) != 0))
        fail_msg("%s: %d, %zu bytes: %.200s", path, reply.status, strlen(reply.body), reply.body);
    http_reply_free(&reply);
}

/* What is made of all lists of a project or a phase: by which function, and what has it become another one. "{now}" is
 * the time when the test begins: what lies behind it is of no interest to a difference until then. */
#define BILL       "bom_document", "integer[], integer[], double precision[]"
#define DIFFERENCE "bom_difference", "integer[], integer[], float8[], integer[], integer[], float8[]"
#define OF_BILL    "UPDATE elevations SET amount = amount + $1 WHERE id = 4"
#define OF_VERSION                                                                                                     \
    "UPDATE parts_versions SET amount = coalesce(amount, 1) + $1 WHERE elevation_id = 4 AND valid_to IS NULL"

static const struct made {
    const char *path, *function, *types, *change;
    const char *alias; /* the same by another name */
} made[] = {
    {"/projects/p1/bom", BILL, OF_BILL, "/projects/1/bom"},
    {"/phases/1/bom", BILL, OF_BILL, "/phases/0001/bom"},
    {"/projects/p1/bom/diff?from=2020-01-01T00:00:00Z&to={now}", DIFFERENCE, OF_VERSION,
     "/projects/1/bom/diff?to={now}&from=2020-01-01T01:00:00.000%2B01:00"},
};
#define MADE (sizeof made / sizeof *made)

static void path_of(const char *pattern, char path[200])
{
    static char *now;
    const char *at = strstr(pattern, "{now}");
    if (!now)
        now = pg_value(&world.web.pg, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    snprintf(path, 200, "%.*s%s%s", (int)(at ? at - pattern : 100), pattern, at ? now : "", at ? at + 5 : "");
}

static void change(const struct made *m, const char *by)
{
    PGconn *pg = pg_connect(&world.web.pg);
    PGresult *r = PQexecParams(pg, m->change, 1, NULL, &by, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(pg));
    PQclear(r);
    PQfinish(pg);
}

static void rename_function(const char *from, const char *types, const char *to)
{
    char sql[300];
    snprintf(sql, sizeof sql, "ALTER FUNCTION %s(%s) RENAME TO %s", from, types, to);
    pg_exec(&world.web.pg, sql);
}

static int kept(void)
{
    return (int)pg_int(&world.web.pg, "SELECT count(*) FROM parts_bills");
}

static void expect_verdict(const char *text, bool is_there)
{
    struct http_reply reply;
    int64_t end = mono_ms() + 30000;
    do { /* a judgement is taken for half a second */
        reply = web_call(&world.web, "GET", "/api/v1/verdict", world.web.admin, NULL);
        if ((strstr(reply.body, text) != NULL) == is_there) break;
        if (mono_ms() > end) fail_msg("%s is %sin %s", text, is_there ? "not " : "", reply.body);
        http_reply_free(&reply);
        support_pause();
    } while (true);
    http_reply_free(&reply);
}

/* A disk that is full, and a table that refuses: made each time, told where the operator looks, and kept again. */
static void expect_unkept(const char *path, const char *body, size_t which)
{
    static const struct {
        const char *harm, *heal, *told;
    } rows[] = {
        {"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend "
         "file'"
         " USING ERRCODE = 'disk_full'; END $$; CREATE TRIGGER full_disk BEFORE INSERT ON parts_bills EXECUTE FUNCTION"
         " full_disk()",
         "DROP FUNCTION full_disk() CASCADE", "could not extend file"},
        {"ALTER TABLE parts_bills ADD CONSTRAINT refused CHECK (false) NOT VALID",
         "ALTER TABLE parts_bills DROP CONSTRAINT refused", "violates check constraint"},
    };
    const size_t i = which % (sizeof rows / sizeof *rows);
    pg_exec(&world.web.pg, "TRUNCATE parts_bills");
    pg_exec(&world.web.pg, rows[i].harm);
    expect_body(path, NULL, 200, body);
    assert_int_equal(kept(), 0);
    expect_verdict(rows[i].told, true);
    char *log = process_log(&world.web.process);
    if (!strstr(log, rows[i].told)) fail_msg("%s: not in %s", rows[i].told, log);
    free(log);
    pg_exec(&world.web.pg, rows[i].heal);
    expect_body(path, NULL, 200, body);
    assert_int_equal(kept(), 1);
    expect_verdict("cannot be kept", false);
}

TEST(test_a_large_bill_is_made_once)
{
    parts_large_store("CASE i WHEN 1 THEN 4242 ELSE 1 END", 3000);
    for (const struct made *m = made; m < made + MADE; m++) {
        char header[120], path[200], alias[200];
        path_of(m->path, path);
        path_of(m->alias, alias);
        struct http_reply first = parts_ask(path, NULL);
        assert_int_equal(first.status, 200);
        assert_true(strlen(first.body) > 600000);
        cJSON_Delete(parts_json(path));
        const char *etag = strcasestr(first.headers, "\nETag: ");
        snprintf(header, sizeof header, "If-None-Match: %.*s", (int)strcspn(etag + 7, "\r\n"), etag + 7);
        rename_function(m->function, m->types, "bom_that_nobody_finds");
        expect_body(path, NULL, 200, first.body);
        expect_body(alias, NULL, 200, first.body);
        expect_body(path, header, 304, NULL);
        rename_function("bom_that_nobody_finds", m->types, m->function);
        pg_exec(&world.web.pg, "TRUNCATE parts_bills"); /* as after a crash of the server */
        expect_body(path, NULL, 200, first.body);
        assert_int_equal(kept(), 1);

        change(m, "1");
        struct http_reply second = parts_ask(path, header);
        assert_int_equal(second.status, 200);
        assert_string_not_equal(first.body, second.body);
        /* what nobody has read for ten minutes goes with the next one; one that cannot be kept is made each time */
        pg_exec(&world.web.pg, "UPDATE parts_bills SET made_at = now() - interval '11 minutes'");
        change(m, "1");
        expect_body(path, NULL, 200, NULL);
        assert_int_equal(kept(), 1);
        change(m, "-1");
        expect_unkept(path, second.body, (size_t)(m - made));
        change(m, "-1");
        pg_exec(&world.web.pg, "TRUNCATE parts_bills");
        http_reply_free(&first);
        http_reply_free(&second);
    }
    expect_body("/elevations/4/bom", NULL, 200, NULL);
    assert_int_equal(kept(), 0); /* a window's is quick to make */
}

/* Each pair of times is another difference: as many as one likes, of which a few stay, and of bills none goes for them.
 */
TEST(test_of_differences_the_newest_few_are_kept)
{
    static const char *const paths[] = {"/projects/p1/bom/diff?from=2020-01-01T00:00:00Z",
                                        "/projects/p1/bom/diff?from=2020-01-01T00:00:01Z"};
    expect_body("/projects/p1/bom", NULL, 200, NULL);
    expect_body(paths[0], NULL, 200, NULL);
    pg_exec(&world.web.pg, "INSERT INTO parts_bills SELECT bill || n, mark, made_at - n * interval '1 s', document, kin"
                           " FROM parts_bills, generate_series(1, 20) n WHERE kin IS NOT NULL");
    expect_body(paths[1], NULL, 200, NULL);
    assert_int_equal(kept(), 9);
    assert_int_equal(pg_int(&world.web.pg, "SELECT count(*) FROM parts_bills WHERE kin IS NULL"), 1);
    rename_function(DIFFERENCE, "bom_that_nobody_finds");
    for (int i = 0; i < 2; i++) expect_body(paths[i], NULL, 200, NULL);
    rename_function("bom_that_nobody_finds", "integer[], integer[], float8[], integer[], integer[], float8[]",
                    "bom_difference");
    pg_exec(&world.web.pg, "TRUNCATE parts_bills");
}

/* Those who ask while it is made wait for that one. */
TEST(test_a_herd_that_asks_for_one_bill_has_it_made_once)
{
    for (const struct made *m = made; m < made + MADE; m++) {
        char path[200], sql[700];
        struct http_reply replies[PARTS_TOGETHER];
        bool is_bill = m->types == made[0].types;
        path_of(m->path, path);
        rename_function(m->function, m->types, "bom_really");
        snprintf(
            sql, sizeof sql,
            "CREATE SEQUENCE bills_made; CREATE FUNCTION %s(%s) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM"
            " nextval('bills_made'); PERFORM pg_advisory_xact_lock_shared(78); RETURN bom_really($1, $2, $3%s); END $$",
            m->function, m->types, is_bill ? "" : ", $4, $5, $6");
        pg_exec(&world.web.pg, sql);
        parts_ask_together(path, "SELECT pg_advisory_xact_lock(78)", replies);
        for (int i = 0; i < PARTS_TOGETHER; i++) {
            if (replies[i].status != 200 || strcmp(replies[i].body, replies[0].body) != 0)
                fail_msg("%s: number %d got %d, %zu bytes", path, i, replies[i].status, strlen(replies[i].body));
            assert_true(strlen(replies[i].body) > 600000);
        }
        for (int i = 0; i < PARTS_TOGETHER; i++) http_reply_free(&replies[i]);
        assert_int_equal(pg_int(&world.web.pg, "SELECT last_value FROM bills_made"), 1);
        assert_int_equal(kept(), 1);
        snprintf(sql, sizeof sql, "DROP FUNCTION %s(%s); DROP SEQUENCE bills_made; TRUNCATE parts_bills", m->function,
                 m->types);
        pg_exec(&world.web.pg, sql);
        rename_function("bom_really", m->types, m->function);
    }
}

static long peak_kb(void)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)world.web.process.pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    if (f) fclose(f);
    assert_true(kb > 0);
    return kb;
}

/* The highest so far is what it has now, where that may be said (root). */
static void forget_peak(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)world.web.process.pid);
    FILE *f = fopen(path, "we");
    if (!f) return;
    fputs("5", f);
    fclose(f);
}

/* 16 MB each, for which a function of the test's own stands: what matters is how it is sent. */
TEST(test_web_holds_no_large_bill)
{
    forget_peak();
    long before_kb = peak_kb();
    for (const struct made *m = made; m < made + MADE; m++) {
        char path[200], sql[500];
        path_of(m->path, path);
        rename_function(m->function, m->types, "bom_really");
        snprintf(sql, sizeof sql,
                 "CREATE FUNCTION %s(%s) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT jsonb_build_object('added',"
                 " jsonb_agg(md5(n::text) || repeat('x', 1000))) FROM generate_series(1, 16000) n $$",
                 m->function, m->types);
        pg_exec(&world.web.pg, sql);
        struct http_reply reply = parts_ask(path, NULL);
        assert_int_equal(reply.status, 200);
        assert_true(strlen(reply.body) > 16000000);
        http_reply_free(&reply);
        snprintf(sql, sizeof sql, "DROP FUNCTION %s(%s); TRUNCATE parts_bills", m->function, m->types);
        pg_exec(&world.web.pg, sql);
        rename_function("bom_really", m->types, m->function);
    }
    print_message("web grew by %ld kB\n", peak_kb() - before_kb);
    if (peak_kb() - before_kb > 13000) fail_msg("web grew by %ld kB", peak_kb() - before_kb);
}

/* A list of several statements, of which the first one is held until an elevation is built twice: what comes after it
 * would be the rest of another list. The list is that of the test before, of which one line costs 4242. */
TEST(test_a_list_that_becomes_another_one_while_it_is_sent_is_cut)
{
    static const char *const paths[] = {"/projects/p1/stock-list?incomplete=true",
                                        "/projects/p1/stock-list/print?incomplete=true"};
    char *function = pg_value(&world.web.pg, "SELECT pg_get_functiondef('bom_figure(numeric)'::regprocedure)");
    pg_exec(&world.web.pg,
            "CREATE OR REPLACE FUNCTION bom_figure(x numeric) RETURNS numeric LANGUAGE plpgsql VOLATILE AS"
            " $$ BEGIN IF x = 4242 THEN PERFORM pg_advisory_xact_lock_shared(77); END IF; RETURN"
            " trim_scale(x); END $$");
    for (int i = 0; i < 2; i++) {
        struct http_reply reply = parts_ask_while(paths[i], "SELECT pg_advisory_xact_lock(77)",
                                                  "UPDATE elevations SET amount = amount + 1 WHERE id = 1");
        if (reply.status != 0) fail_msg("%s: %d, and not cut: %.200s", paths[i], reply.status, reply.body);
        http_reply_free(&reply);
    }
    pg_exec(&world.web.pg, function);
    free(function);
    struct http_reply reply = parts_ask(paths[0], NULL);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 1");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_large_bill_is_made_once),
    cmocka_unit_test(test_of_differences_the_newest_few_are_kept),
    cmocka_unit_test(test_a_herd_that_asks_for_one_bill_has_it_made_once),
    cmocka_unit_test(test_web_holds_no_large_bill),
    cmocka_unit_test(test_a_list_that_becomes_another_one_while_it_is_sent_is_cut),
};
TEST_MAIN(tests, set_up, tear_down)
