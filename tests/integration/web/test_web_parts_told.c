/* What is told of parts lists over the API, beyond their figures: all digits of a number in every form, why a list
 * cannot be read, and that nothing has changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/parts/parts_world.h"

static const char tables[] = "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount INTEGER);"
                             "CREATE TABLE Articles (ArticleCode, Description, Amount, Units, Price, Color, Odd);"
                             "CREATE TABLE Other (a, b, c);";
/* A list of one article, and a row of a table that is not stored. */
#define LIST(code, amount, units, price, odd)                                                                          \
    "INSERT INTO Elevations VALUES ('{E}', 'W', 1);"                                                                   \
    "INSERT INTO Articles VALUES (" code ", 'x', " amount ", " units ", " price ", NULL, " odd ");"                    \
    "INSERT INTO Other VALUES (" odd ", " price ", " amount ")"

static const struct {
    const char *list;
    const char *code, *amount, *units, *price, *odd; /* as JSON */
    const char *other[3];
} numbers[] = {
    /* the first integer that a double does not have; the largest that SQLite has; 17 digits of a fraction */
    {LIST("9007199254740993", "9007199254740993", "9223372036854775807", "0.30000000000000004", "-9007199254740995"),
     "\"9007199254740993\"",
     "9007199254740993",
     "9223372036854775807",
     "0.30000000000000004",
     "-9007199254740995",
     {"-9007199254740995", "0.30000000000000004", "9007199254740993"}},
    /* the smallest; a small and a large fraction */
    {LIST("'12345678901234567890'", "-9223372036854775808", "1.7976931348623157e-300", "123456789012.34567",
          "9007199254740992001"),
     "\"12345678901234567890\"",
     "-9223372036854775808",
     NULL,
     "123456789012.34567",
     "9007199254740992001",
     {"9007199254740992001", "123456789012.34567", "-9223372036854775808"}},
    /* texts that are numbers stay as they are where they are texts */
    {LIST("'007'", "'12345678901234567890123'", "'0.1234567890123456789'", "99999999999999.98",
          "'10000000000000000001'"),
     "\"007\"",
     "12345678901234567890123",
     "0.1234567890123456789",
     "99999999999999.98",
     "\"10000000000000000001\"",
     {"\"10000000000000000001\"", "99999999999999.98", "\"12345678901234567890123\""}},
};
#define NUMBERS 3

static void store(void)
{
    for (int i = 0; i < NUMBERS; i++) parts_list_store_rows(&world.web, i + 1, tables, numbers[i].list);
    parts_list_read(&world.web, "[[1,2,3],true]");
}

FIXTURE(set_up)
{
    parts_open_windows(store);
    return 0;
}

FIXTURE(tear_down)
{
    parts_close();
    return 0;
}

/* ---- digits ---- */

/* The text of a member's value, as it came, up to its comma or end: "" when there is none. */
static const char *value_of(const char *json, const char *name)
{
    static char out[100];
    char key[60];
    snprintf(key, sizeof key, "\"%s\"", name);
    const char *p = strstr(json, key);
    out[0] = 0;
    if (!p) return out;
    p += strlen(key);
    p += strspn(p, ": ");
    snprintf(out, sizeof out, "%.*s", (int)strcspn(p, ",}"), p);
    return out;
}

static void expect_member(const char *what, const char *json, const char *name, const char *value)
{
    if (value && strcmp(value_of(json, name), value) != 0)
        fail_msg("%s: %s is %s, not %s, in %s", what, name, value_of(json, name), value, json);
}

static void expect_line(const char *what, const char *json, int i)
{
    expect_member(what, json, "code", numbers[i].code);
    expect_member(what, json, "amount", numbers[i].amount);
    expect_member(what, json, "units", numbers[i].units);
    expect_member(what, json, "price", numbers[i].price);
    expect_member(what, json, "Odd", numbers[i].odd);
}

/* A value as CSV has it: text without its quotes. */
static void add_plain(char *out, const char *value)
{
    size_t len = strlen(value), quoted = *value == '"';
    sprintf(out + strlen(out), "%s%.*s", *out ? "," : "", (int)(len - 2 * quoted), value + quoted);
}

TEST(test_numbers_keep_all_their_digits_in_every_form)
{
    static const char *const forms[] = {"Accept: application/json", "Accept: application/x-ndjson"};
    for (int i = 0; i < NUMBERS; i++) {
        char path[100], body[60], line[400] = "";
        for (int form = 0; form < 2; form++) {
            snprintf(path, sizeof path, "/elevations/%d/parts/Articles", i + 1);
            struct http_reply reply = parts_ask(path, forms[form]);
            expect_line(path, reply.body, i);
            http_reply_free(&reply);
            snprintf(path, sizeof path, "/elevations/%d/parts/Other", i + 1);
            reply = parts_ask(path, forms[form]);
            for (int c = 0; c < 3; c++)
                expect_member(path, reply.body, (const char *[]){"a", "b", "c"}[c], numbers[i].other[c]);
            http_reply_free(&reply);
        }
        struct http_reply reply = parts_ask(path, "Accept: text/csv");
        for (int c = 0; c < 3; c++) add_plain(line, numbers[i].other[c]);
        assert_string_equal(strchr(reply.body, '\n') + 1, strcat(line, "\r\n"));
        http_reply_free(&reply);

        snprintf(path, sizeof path, "/elevations/%d/parts/Articles", i + 1);
        reply = parts_ask(path, "Accept: text/csv");
        char amount[60] = "", price[60] = "";
        add_plain(amount, numbers[i].amount);
        add_plain(price, numbers[i].price);
        if (!strstr(reply.body, amount) || !strstr(reply.body, price) || !strstr(reply.body, numbers[i].odd + 1))
            fail_msg("%s, %s are not in %s", amount, price, reply.body);
        http_reply_free(&reply);

        snprintf(body, sizeof body, "{\"elevation_ids\":[%d]}", i + 1);
        reply = web_call(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token, body);
        expect_line("batchGet", strstr(reply.body, "\"article\""), i);
        http_reply_free(&reply);
    }
}

/* ---- nothing has changed ---- */

static const char *const documents[] = {"/elevations/1/bom",
                                        "/phases/1/bom",
                                        "/projects/p1/bom",
                                        "/elevations/1/parts",
                                        "/elevations/1/parts/Articles",
                                        "/elevations/1/parts/Other?limit=1",
                                        "/elevations/1/versions",
                                        "/projects/p1/glass-order?incomplete=true",
                                        "/projects/p1/cutting-list?incomplete=true",
                                        "/projects/p1/stock-list?incomplete=true",
                                        "/projects/p1/bom/diff?from=2020-01-01T00:00:00Z"};
#define DOCUMENTS (sizeof documents / sizeof *documents)

static void tag_of(const struct http_reply *reply, char out[120])
{
    const char *tag = strcasestr(reply->headers, "\nETag:");
    snprintf(out, 120, "If-None-Match: %.*s", tag ? (int)strcspn(tag + 7, "\r\n") : 0, tag ? tag + 7 : "");
}

/* Which of the documents are other ones than those that the client has, as letters from a on; tags are those of now. */
static const char *changed(char tags[DOCUMENTS][120])
{
    static char out[DOCUMENTS + 1];
    size_t n = 0;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct http_reply reply = parts_ask(documents[i], tags[i]);
        if (reply.status == 200)
            out[n++] = (char)('a' + i);
        else if (reply.status != 304)
            fail_msg("%s: %d %s", documents[i], reply.status, reply.body);
        tag_of(&reply, tags[i]);
        if (!strchr(tags[i], '"')) fail_msg("%s has no ETag", documents[i]);
        http_reply_free(&reply);
    }
    out[n] = 0;
    return out;
}

TEST(test_answers_that_the_client_has_are_not_made_again)
{
    char tags[DOCUMENTS][120] = {{0}}, csv[120];
    assert_string_equal(changed(tags), "abcdefghijk");
    assert_string_equal(changed(tags), "");
    struct http_reply reply = parts_ask(documents[4], "Accept: text/csv"); /* another form has another tag */
    tag_of(&reply, csv);
    assert_string_not_equal(csv, tags[4]);
    http_reply_free(&reply);
    reply = parts_ask("/elevations/2/parts/Articles", tags[4]);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);

    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 2 WHERE id = 1"); /* multiplies what is in it */
    assert_string_equal(changed(tags), "abcdefhij");
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 2, description = 'x' WHERE id = 1; ANALYZE elevations");
    assert_string_equal(changed(tags), "");
    pg_exec(&world.web.pg, "UPDATE elevations SET name = 'other' WHERE id = 2");
    assert_string_equal(changed(tags), "bchij");
    pg_exec(&world.web.pg, "UPDATE projects SET name = 'P 2'");
    assert_string_equal(changed(tags), "c");
    parts_list_store_rows(&world.web, 2, tables,
                          LIST("'A'", "1", "1", "1", "1")); /* an order of it is refused meanwhile */
    parts_list_read(&world.web, "[[2],true]");
    assert_string_equal(changed(tags), "bchijk");
    parts_list_store_rows(&world.web, 1, tables, LIST("'B'", "1", "1", "1", "1"));
    parts_list_read(&world.web, "[[1],true]");
    assert_string_equal(changed(tags), "abcdefghijk");
    assert_string_equal(changed(tags), "");
    struct http_reply other =
        parts_ask("/projects/p1/bom/diff?from=2021-01-01T00:00:00Z", tags[10]); /* of other times */
    assert_int_equal(other.status, 200);
    http_reply_free(&other);
}

TEST(test_a_refusal_has_no_tag)
{
    struct http_reply reply = parts_ask("/projects/p1/glass-order", NULL);
    assert_int_equal(reply.status, 409);
    assert_null(strcasestr(reply.headers, "\nETag:"));
    http_reply_free(&reply);
}

/* ---- lists that cannot be read ---- */

static void expect_not_told(const char *path, const char *text)
{
    struct http_reply reply = parts_ask(path, NULL);
    if (strstr(reply.body, text)) fail_msg("%s: %s is in %s", path, text, reply.body);
    http_reply_free(&reply);
}

static void expect_refused(void)
{
    static const char *const told[] = {"\\\"W4\\\"", "could not be read", "/elevations/4/parts-list",
                                       "/elevations/4/enrichment/trigger?force=true", NULL};
    parts_expect_all("/elevations/4/bom", 409, told);
    parts_expect_all("/elevations/4/parts", 409, told);
    parts_expect_all("/elevations/4/parts/Articles", 409, told);
    parts_expect_all("/projects/p1/stock-list", 409,
                     (const char *const[]){"W4 (failed)", "1 could not be read", "waiting repairs none",
                                           "/elevations/4/parts", "of=elevation:%234", "incomplete=true", NULL});
    parts_expect_all("/projects/p1/bom", 200,
                     (const char *const[]){"\"is_whole\": false", "\"state\": \"failed\"", "W4", "\"error\": ", NULL});
    struct http_reply reply =
        web_call(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token, "{\"elevation_ids\":[4]}");
    assert_non_null(strstr(reply.body, "\"state\": \"failed\""));
    http_reply_free(&reply);
    reply = web_call(&world.web, "GET", "/ui/browse/elevations/4", world.web.admin, NULL);
    assert_non_null(strstr(reply.body, "<a href=\"/api/v1/elevations/4/parts-list\">the stored file</a>"));
    http_reply_free(&reply);
}

/* What is stored of it, though it cannot be read, is had as it came. */
static void expect_file(sqlite3_int64 size)
{
    char url[200], wanted[40], command[2600], *output = NULL, *const argv[] = {"/bin/sh", "-c", command, NULL};
    snprintf(url, sizeof url, "%s/api/v1/elevations/4/parts-list", world.web.url);
    snprintf(command, sizeof command,
             "curl -s -o /dev/null -w '%%{http_code} %%{size_download}' -H 'Authorization: "
             "Bearer %s' %s",
             world.token, url);
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 0);
    snprintf(wanted, sizeof wanted, "200 %lld", (long long)size);
    assert_string_equal(output, wanted);
    free(output);
}

TEST(test_a_list_that_cannot_be_read_says_so_with_its_elevation_and_what_to_do)
{
    sqlite3_int64 size;
    unsigned char *whole = parts_list_make(tables, LIST("'A'", "1", "1", "1", "1"), &size);
    unsigned char *broken = malloc((size_t)size);
    for (int i = 0; i < 4; i++) {
        sqlite3_int64 len = size;
        memcpy(broken, whole, (size_t)size);
        if (i == 0) memcpy(broken, "<html>Service", 13);            /* no SQLite at all */
        if (i == 1) len = size / 2;                                 /* cut off */
        if (i == 2) memset(broken + 100, 0xff, (size_t)size - 100); /* the head is fine, the rest is not */
        if (i == 3) memset(broken + 20, 0xff, 4), len = 4096 - 1;   /* a part of a page */
        parts_list_store(&world.web, 4, broken, len);
        parts_list_try(&world.web, "[[4],true]");
        expect_refused();
        expect_file(len);
    }
    parts_list_store(&world.web, 4, whole, size);
    parts_list_read(&world.web, "[[4],true]");
    parts_expect_all("/elevations/4/bom", 200, (const char *const[]){"\"is_whole\": true", NULL});
    parts_expect_all("/elevations/4/bom/diff?from=1", 409,
                     (const char *const[]){"\\\"W4\\\"", "Version 1", "/versions", NULL});
    free(broken);
    sqlite3_free(whole);
}

/* ---- lists that were not taken ---- */

TEST(test_a_list_that_was_not_taken_says_so_and_is_not_waited_for)
{
    static const char *const statuses[] = {"failed", "validation_failed"};
    static const char *const below[] = {"bom", "parts", "parts/Articles", "parts-list"};
    static const char *const told[] = {"\\\"W5\\\"", "PARTS_MAX_BYTES", "/sync/force/project/", NULL};
    pg_exec(&world.web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data) VALUES"
            " ('e5', 'W5', 1, 1, 1, true);"
            "INSERT INTO elevation_parts_lists (elevation_id, error) SELECT id, 'it has 30000000 bytes:"
            " PARTS_MAX_BYTES would have to be more' FROM elevations WHERE logikal_id = 'e5'");
    for (int i = 0; i < 2; i++) {
        char sql[120], path[60];
        snprintf(sql, sizeof sql, "UPDATE elevations SET parse_status = '%s' WHERE logikal_id = 'e5'", statuses[i]);
        pg_exec(&world.web.pg, sql);
        for (int n = 0; n < 4; n++) {
            snprintf(path, sizeof path, "/elevations/5/%s", below[n]);
            parts_expect_all(path, 409, told);
        }
        parts_expect_all("/projects/p1/glass-order", 409,
                         (const char *const[]){"W5 (refused)", "1 not taken", "/elevations/5/parts",
                                               "/ui/why?of=elevation:%235", NULL});
        expect_not_told("/projects/p1/glass-order/print", "ask again");
    }
    pg_exec(&world.web.pg,
            "UPDATE elevations SET parse_status = 'pending' WHERE logikal_id = 'e5'"); /* it may still come */
    parts_expect_all("/projects/p1/glass-order", 409,
                     (const char *const[]){"W5 (missing)", "1 still to be read or fetched: ask again", NULL});
    parts_expect_all("/elevations/5/bom", 503, (const char *const[]){"not fetched yet", "PARTS_MAX_BYTES", NULL});
    pg_exec(&world.web.pg, "DELETE FROM elevations WHERE logikal_id = 'e5'");
}

TEST(test_a_list_that_is_not_the_newest_says_so)
{
    char tags[DOCUMENTS][120] = {{0}};
    changed(tags);
    parts_expect_all("/projects/p1/stock-list", 200, (const char *const[]){"\"data\":[", NULL});
    pg_exec(&world.web.pg, "UPDATE elevation_parts_lists SET error = 'Logikal answered 500' WHERE elevation_id = 2");
    assert_string_equal(changed(tags), "bchij");
    parts_expect_all("/projects/p1/bom", 200,
                     (const char *const[]){"\"behind\": \"Logikal answered 500\"", "\"is_whole\": false", NULL});
    parts_expect_all("/elevations/2/parts", 200, (const char *const[]){"\"behind\": \"Logikal answered 500\"", NULL});
    parts_expect_all("/elevations/1/bom", 200, (const char *const[]){"\"is_whole\": true", NULL});
    parts_expect_all("/projects/p1/stock-list", 409,
                     (const char *const[]){"(an older one)", "1 not the newest", "/elevations/2/parts", NULL});
    parts_expect_all("/projects/p1/stock-list?incomplete=true", 200, (const char *const[]){"\"data\":[", NULL});
    pg_exec(&world.web.pg, "UPDATE elevation_parts_lists SET error = NULL");
    parts_expect_all("/projects/p1/bom", 200, (const char *const[]){"\"is_whole\": true", NULL});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_numbers_keep_all_their_digits_in_every_form),
    cmocka_unit_test(test_answers_that_the_client_has_are_not_made_again),
    cmocka_unit_test(test_a_refusal_has_no_tag),
    cmocka_unit_test(test_a_list_that_cannot_be_read_says_so_with_its_elevation_and_what_to_do),
    cmocka_unit_test(test_a_list_that_was_not_taken_says_so_and_is_not_waited_for),
    cmocka_unit_test(test_a_list_that_is_not_the_newest_says_so),
};
TEST_MAIN(tests, set_up, tear_down)
