/* What is odd in a parts list, over the API: numbers that nothing can be counted with, or that doubles get wrong, texts
 * that look like times, a list that is larger than a page of it. The first three windows have a plain list, the fourth
 * the odd one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/parts/parts_world.h"

static void store(void)
{
    static const char plain[] = "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount INTEGER);"
                                "CREATE TABLE Articles (ArticleCode, Description, Amount, Units, Price, Color);";
    for (int i = 1; i <= 3; i++)
        parts_list_store_rows(&world.web, i, plain,
                              "INSERT INTO Elevations VALUES ('{E}', 'W', 1);"
                              "INSERT INTO Articles VALUES ('A', 'x', 1, 1, 1, NULL)");
    parts_list_read(&world.web, "[[1,2,3],true]");
}

FIXTURE(set_up)
{
    setenv("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:quarantine_size_mb=2", 1); /* web's memory is looked at */
    parts_open_windows(store);
    return 0;
}

FIXTURE(tear_down)
{
    parts_close();
    return 0;
}

/* ---- numbers that nothing can be counted with ---- */

static const char packed[] =
    "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount, AutoDescription,"
    " AutoDescriptionShort, Width_Unit, Height_Unit, Weight_Unit, Area_Unit, SystemCode, SystemName, SystemLongName);"
    "CREATE TABLE Articles (ArticleCode, Amount, Units, PUSize, Price);"
    "CREATE TABLE Profiles (ArticleCode, Amount, Length);"
    "CREATE TABLE Glass (GlassID, Name, Amount, AreaOffer);";
static const char *const counted[] = {"/elevations/4/bom",
                                      "/phases/1/bom",
                                      "/projects/p1/bom",
                                      "/projects/p1/stock-list?incomplete=true",
                                      "/projects/p1/cutting-list?incomplete=true",
                                      "/projects/p1/glass-order?incomplete=true",
                                      "/projects/p1/stock-list/print?incomplete=true",
                                      "/projects/p1/cutting-list/print?incomplete=true",
                                      "/projects/p1/glass-order/print?incomplete=true"};
#define COUNTED (sizeof counted / sizeof *counted)

static void expect_counted(void)
{
    for (size_t i = 0; i < COUNTED; i++) parts_expect_all(counted[i], 200, (const char *const[]){"", NULL});
}

TEST(test_an_absurd_number_in_a_list_is_told_and_spoils_nothing)
{
    static const struct {
        const char *articles, *profiles, *glass, *told;
    } rows[] = {
        {"1e308, 1, 10, 1", "1, 1", "1, 1", "Articles.Amount is too large or too small a number"},
        {"'-1e308', 1, 10, 1", "1, 1", "1, 1", "Articles.Amount is too large or too small a number"},
        {"1e59, 1, 1e-300, 1", "1, 1", "1, 1", "Articles.PUSize is too large or too small a number"},
        {"1, '1e-400', 1e-60, 1", "1, 1", "1, 1", "Articles.Units is too large or too small a number"},
        {"1, 1, 1, 1e200", "1e60, 1e60", "1, 1", "Articles.Price is too large or too small a number"},
        {"1, 1, 1, 1", "1e300, 1e300", "1, 1", "Profiles.Amount is too large or too small a number"},
        {"1, 1, 1, 1", "1, 1", "1e-170, 1e-170", "Glass.Amount is too large or too small a number"},
        {"0, 0.0, '0', '0e-400'", "0, 1e60", "1e60, 1e60", ""}, /* as they are */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char list[600];
        snprintf(
            list, sizeof list,
            "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E}', 'W'); INSERT INTO Articles VALUES ('A', %s);"
            "INSERT INTO Profiles VALUES ('P', %s); INSERT INTO Glass VALUES ('G', 'Float', %s)",
            rows[i].articles, rows[i].profiles, rows[i].glass);
        parts_list_store_rows(&world.web, 4, packed, list);
        parts_list_read(&world.web, "[[4],true]");
        char *told = pg_value(&world.web.pg, "SELECT coalesce(parse_error, '') FROM elevations WHERE id = 4");
        if (!strstr(told, rows[i].told) || (strstr(told, "too large") && !*rows[i].told))
            fail_msg("%s is not told, but \"%s\"", rows[i].told, told);
        free(told);
        expect_counted();
    }
}

TEST(test_an_absurd_amount_of_an_elevation_spoils_nothing)
{
    static const char *const amounts[] = {"1e308", "-1e308", "1e61", "1e-300", "0", "'NaN'", "'Infinity'", "1e60"};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "UPDATE elevations SET amount = %s WHERE id = 4", amounts[i]);
        pg_exec(&world.web.pg, sql);
        expect_counted();
    }
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 1e308 WHERE id = 4");
    parts_expect_all("/elevations/4/bom", 200, (const char *const[]){"\"lines_without_amount\": 1", NULL});
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 1 WHERE id = 4");
}

/* ---- sums are exact ---- */

static void run_exact_sums(const char *what, const char *directory, const char *third, const char *fourth)
{
    char *argv[] = {(char *)"/usr/bin/python3",
                    (char *)"tests/clients/exact_sums.py",
                    (char *)what,
                    (char *)directory,
                    (char *)third,
                    (char *)fourth,
                    NULL};
    char *output = NULL;
    if (process_run(argv, NULL, &output) != 0) fail_msg("exact_sums.py %s %s: %s", what, third, output);
    free(output);
}

static void store_file(const char *directory, int window)
{
    char path[100];
    static unsigned char bytes[256 * 1024];
    snprintf(path, sizeof path, "%s/%d.sqlite", directory, window);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof bytes);
    parts_list_store(&world.web, window, bytes, (sqlite3_int64)size);
}

/* Files by chance, full of what doubles get wrong, beside sums that Python makes of them in decimals. */
TEST(test_sums_are_those_that_decimals_give)
{
    static const char *const seeds[] = {"1", "2"};
    char directory[] = "/tmp/logikald-sums-XXXXXX", path[80];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/times", directory);
    FILE *times = fopen(path, "w");
    assert_non_null(times);
    fputs("1\n3\n0.1\n7\n", times);
    fclose(times);
    pg_exec(&world.web.pg,
            "UPDATE elevations SET amount = CASE id WHEN 2 THEN 3 WHEN 3 THEN 0.1 WHEN 4 THEN 7 ELSE 1 END");
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        run_exact_sums("make", directory, seeds[i], NULL);
        for (int window = 1; window <= 4; window++) store_file(directory, window);
        parts_list_read(&world.web, "[[1,2,3,4],true]");
        run_exact_sums("check", directory, world.web.url, world.token);
    }
    for (int window = 1; window <= 4; window++) {
        snprintf(path, sizeof path, "%s/%d.sqlite", directory, window);
        remove(path);
    }
    snprintf(path, sizeof path, "%s/times", directory);
    remove(path);
    remove(directory);
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 1");
    store();
}

/* ---- texts that look like times ---- */

#define TIME_1 "2026-01-31T08:00:00.5"
#define TIME_2 "2026-01-31T08:00:00.25Z"
#define TIME_3 "2026-01-31T08:00:00.125+01:00"

static void expect_exact(const char *path, const char *accept, const char *const texts[])
{
    struct http_reply reply = parts_ask(path, accept);
    if (reply.status != 200) fail_msg("%s: %d %s", path, reply.status, reply.body);
    for (; *texts; texts++)
        if (!strstr(reply.body, *texts)) fail_msg("%s: %s is not in %s", path, *texts, reply.body);
    for (const char *p = reply.body; (p = strstr(p, "2026-01-31T08:00:00.")) != NULL; p++)
        if (strncmp(p + 21, "00000", 5) == 0 || strncmp(p + 22, "0000", 4) == 0 || strncmp(p + 23, "000", 3) == 0)
            fail_msg("%s: a text got digits in %s", path, reply.body);
    http_reply_free(&reply);
}

TEST(test_texts_of_files_that_look_like_times_stay_as_they_are)
{
    static const char *const forms[] = {"Accept: application/json", "Accept: application/x-ndjson", "Accept: text/csv"};
    static const char *const all[] = {TIME_1, TIME_2, TIME_3, NULL}, *const code[] = {TIME_1, NULL};
    static const char times[] =
        "CREATE TABLE Elevations (ElevationID, Name, Amount);"
        "CREATE TABLE Articles (ArticleCode, Description, Amount, \"" TIME_3 "\");"
        "CREATE TABLE Profiles (ArticleCode, Amount, Length); CREATE TABLE Glass (GlassID, Name, Amount);"
        "CREATE TABLE Other (a, \"" TIME_3 "\", b);";
    static const char rows[] = "INSERT INTO Elevations VALUES ('{E}', 'W', 1);"
                               "INSERT INTO Articles VALUES ('" TIME_1 "', '" TIME_2 "', 1, '" TIME_1 "');"
                               "INSERT INTO Profiles VALUES ('" TIME_1 "', 1, 1);"
                               "INSERT INTO Glass VALUES ('" TIME_1 "', '" TIME_1 "', 1);"
                               "INSERT INTO Other VALUES ('" TIME_1 "', '" TIME_2 "', 1)";
    static const char *const bills[] = {"/elevations/4/bom", "/phases/1/bom", "/projects/p1/bom",
                                        "/elevations/4/bom/diff", "/projects/p1/bom/diff?from=2020-01-01T00:00:00.5Z"};
    static const char *const orders[] = {"/projects/p1/stock-list?incomplete=true",
                                         "/projects/p1/cutting-list?incomplete=true",
                                         "/projects/p1/glass-order?incomplete=true"};
    parts_list_store_rows(&world.web, 4, times, rows);
    parts_list_read(&world.web, "[[4],true]");
    for (int i = 0; i < 3; i++) {
        expect_exact("/elevations/4/parts/Articles", forms[i], i == 2 ? code : all);
        expect_exact("/elevations/4/parts/Other", forms[i], all);
        for (int n = 0; n < 3; n++) expect_exact(orders[n], forms[i], code);
    }
    for (int i = 0; i < 5; i++) expect_exact(bills[i], forms[0], code);
    expect_exact(bills[4], forms[0], (const char *const[]){"\"2020-01-01T00:00:00.500000+00:00\"", NULL});
    struct http_reply reply =
        web_call(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token, "{\"elevation_ids\":[4]}");
    for (int i = 0; i < 3; i++) assert_non_null(strstr(reply.body, all[i]));
    http_reply_free(&reply);

    pg_exec(&world.web.pg, "UPDATE parts_versions SET valid_from = '2026-02-01T08:00:00.5Z' WHERE elevation_id = 4 AND"
                           " valid_to IS NULL"); /* a time of ours has all its digits */
    static const char *const own[] = {"\"valid_from\": \"2026-02-01T08:00:00.500000+00:00\"", NULL};
    parts_expect_all("/elevations/4/bom", 200, own);
    parts_expect_all("/elevations/4/bom/diff", 200, own);
    parts_expect_all("/elevations/4/parts", 200, own);
    parts_expect_all("/elevations/4/versions", 200, own);
    reply = web_call(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token, "{\"elevation_ids\":[4]}");
    assert_non_null(strstr(reply.body, own[0]));
    http_reply_free(&reply);
}

/* ---- a page of a list that is larger than it ---- */

#define MANY 20000

static void store_many(const char *price, int many)
{
    char list[1400];
    snprintf(
        list, sizeof list,
        "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E}', 'W');"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO Articles SELECT printf('A%%05d', i), 1, 1, 1, %s FROM n;"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO Profiles SELECT 'P', 1, i FROM n;"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)"
        " INSERT INTO Glass SELECT 'G', printf('%%03d', i) || replace(hex(zeroblob(700)), '00', '\"<'), 1, 1 FROM n",
        many, price, many);
    parts_list_store_rows(&world.web, 4, packed, list);
    parts_list_read(&world.web, "[[4],true]");
}

TEST(test_the_page_of_a_large_list_shows_its_beginning_and_says_how_much_more_there_is)
{
    static const char *const shown[] = {">A00001<", ">A00500<",
                                        "19500 more lines are not shown: <a href=\"/api/v1/elevations/4/bom\">",
                                        "…</td>", /* the panes' names, and the cuts of the profile */ NULL};
    store_many("1", MANY);
    store_many("CASE i WHEN 19999 THEN 2 ELSE 1 END", MANY);
    struct http_reply reply = web_call(&world.web, "GET", "/ui/browse/elevations/4", world.web.admin, NULL);
    assert_int_equal(reply.status, 200);
    for (int i = 0; i < 4; i++)
        if (!strstr(reply.body, shown[i])) fail_msg("%s is not shown in %.20000s", shown[i], reply.body);
    assert_null(strstr(reply.body, ">A00501<"));
    assert_non_null(strstr(reply.body, ">A19999<")); /* which differs between the versions */
    assert_non_null(
        strstr(reply.body, "(those that differ come first): <a href=\"/api/v1/elevations/4/bom/diff?from="));
    assert_non_null(strstr(reply.body, "</html>"));
    http_reply_free(&reply);
}

/* ---- a bill that takes long ---- */

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
    store_many("CASE i WHEN 1 THEN 4242 ELSE 1 END", 3000);
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

/* As an earlier version has stored them. */
TEST(test_sums_that_no_number_holds_are_refused_with_what_to_look_for)
{
    pg_exec(&world.web.pg,
            "UPDATE parts_lines SET lines = '[{\"line\":1,\"code\":\"A\",\"amount\":1e308,\"length\":1e308},"
            "{\"line\":2,\"code\":\"A\",\"amount\":1e308,\"area\":1e308}]'"
            " WHERE kind IN ('article', 'profile', 'glass') AND sha256 ="
            " (SELECT sha256 FROM parts_states WHERE elevation_id = 4)");
    for (size_t i = 0; i < COUNTED; i++)
        parts_expect_all(counted[i], 409,
                         (const char *const[]){"too large or too small", "amounts", "packing units", NULL});
    struct http_reply reply = web_call(&world.web, "GET", "/ui/browse/elevations/4", world.web.admin, NULL);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "too large or too small"));
    http_reply_free(&reply);
    for (size_t i = 0; i < COUNTED; i++) { /* people see a page */
        if (!strstr(counted[i], "/print")) continue;
        reply = parts_ask(counted[i], "Accept: text/html,*/*;q=0.8");
        assert_int_equal(reply.status, 409);
        if (!strstr(reply.headers, "text/html") || !strstr(reply.body, "too large or too small"))
            fail_msg("%s: %s %s", counted[i], reply.headers, reply.body);
        http_reply_free(&reply);
    }
    reply = parts_ask("/projects/p1/stock-list/print?incomplete=perhaps", "Accept: text/html");
    assert_int_equal(reply.status, 422);
    assert_non_null(strstr(reply.body, "incomplete: "));
    assert_non_null(strstr(reply.body, "</html>"));
    http_reply_free(&reply);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_an_absurd_number_in_a_list_is_told_and_spoils_nothing),
    cmocka_unit_test(test_an_absurd_amount_of_an_elevation_spoils_nothing),
    cmocka_unit_test(test_sums_are_those_that_decimals_give),
    cmocka_unit_test(test_texts_of_files_that_look_like_times_stay_as_they_are),
    cmocka_unit_test(test_the_page_of_a_large_list_shows_its_beginning_and_says_how_much_more_there_is),
    cmocka_unit_test(test_a_large_bill_is_made_once),
    cmocka_unit_test(test_of_differences_the_newest_few_are_kept),
    cmocka_unit_test(test_a_herd_that_asks_for_one_bill_has_it_made_once),
    cmocka_unit_test(test_web_holds_no_large_bill),
    cmocka_unit_test(test_a_list_that_becomes_another_one_while_it_is_sent_is_cut),
    cmocka_unit_test(test_sums_that_no_number_holds_are_refused_with_what_to_look_for),
};
TEST_MAIN(tests, set_up, tear_down)
