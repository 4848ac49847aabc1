/* What is odd in a parts list, over the API: numbers that nothing can be counted with, or that doubles get wrong, texts
 * that look like times, a list that is larger than a page of it. The first three windows have a plain list, the fourth
 * the odd one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/parts/parts_large.h"
#include "tests/support/parts/parts_world.h"

FIXTURE(set_up)
{
    parts_open_windows(parts_large_plain);
    return 0;
}

FIXTURE(tear_down)
{
    parts_close();
    return 0;
}

/* ---- numbers that nothing can be counted with ---- */

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
        parts_list_store_rows(&world.web, 4, parts_large_tables, list);
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
    parts_large_plain();
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

TEST(test_the_page_of_a_large_list_shows_its_beginning_and_says_how_much_more_there_is)
{
    static const char *const shown[] = {">A00001<", ">A00500<",
                                        "19500 more lines are not shown: <a href=\"/api/v1/elevations/4/bom\">",
                                        "…</td>", /* the panes' names, and the cuts of the profile */ NULL};
    parts_large_store("1", MANY);
    parts_large_store("CASE i WHEN 19999 THEN 2 ELSE 1 END", MANY);
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
    cmocka_unit_test(test_sums_that_no_number_holds_are_refused_with_what_to_look_for),
};
TEST_MAIN(tests, set_up, tear_down)
