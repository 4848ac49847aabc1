/* Lists for readers that ask for more: what changed since a time, what is gone, lines and CSV, and the way to the next
 * page; on every list alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;
static char *token;

/* rows: the member that holds them ("" = the document itself). */
static const struct {
    const char *path, *rows, *table, *id;
    bool is_paged;
} lists[] = {
    {"/api/v1/directories/cached", "data", "directories", "logikal_id", true},
    {"/api/v1/directories/", "data", "directories", "logikal_id", true},
    {"/api/v1/directories/syncable/", "data", "directories", "logikal_id", true},
    {"/api/v1/projects/cached", "data", "projects", "logikal_id", true},
    {"/api/v1/projects/cached?directory_id=1", "data", "projects", "logikal_id", true},
    {"/api/v1/projects/", "data", "projects", "logikal_id", true},
    {"/api/v1/phases/cached", "data", "phases", "logikal_id", true},
    {"/api/v1/phases/cached?project_id=1", "data", "phases", "logikal_id", true},
    {"/api/v1/elevations/cached", "data", "elevations", "logikal_id", true},
    {"/api/v1/elevations/cached?phase_id=1", "data", "elevations", "logikal_id", true},
    {"/api/v1/odoo/projects", "projects", "projects", "id", false},
    {"/api/v1/odoo/projects/p1/phases", "", "phases", "id", false},
    {"/api/v1/odoo/projects/p1/phases/h1/elevations", "", "elevations", "id", false},
};
enum { LISTS = sizeof lists / sizeof *lists, ROWS = 7, GONE = 2 };

/* Of each type seven that are there, two that are gone. */
FIXTURE(set_up)
{
    static const char *const environment[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, updated_at, deleted_at) SELECT 'd' || i, 'D ' || i,"
                     " '2020-01-01', CASE WHEN i > 7 THEN timestamptz '2020-02-01' END FROM generate_series(1, 9) i");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id, updated_at, deleted_at) SELECT 'p' || i,"
                     " 'P ' || i, 1, '2020-01-01', CASE WHEN i > 7 THEN timestamptz '2020-02-01' END"
                     " FROM generate_series(1, 9) i");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id, updated_at, deleted_at) SELECT 'h' || i,"
                     " 'H ' || i, 1, '2020-01-01', CASE WHEN i > 7 THEN timestamptz '2020-02-01' END"
                     " FROM generate_series(1, 9) i");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id, width, updated_at, deleted_at)"
                     " SELECT 'e' || i, 'E ' || i, 1, 1, 1200.5, '2020-01-01', CASE WHEN i > 7 THEN timestamptz"
                     " '2020-02-01' END FROM generate_series(1, 9) i");
    pg_exec(&web.pg,
            "INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G1', 'A'), (1, 'G2', 'B')");
    web_run(&web, environment, true);
    web_log_in(&web);
    token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

static struct http_reply ask(const char *path, const char *more, const char *accept)
{
    char url[900], bearer[2200], header[120];
    snprintf(url, sizeof url, "%s%s%s%s", web.url, path, !*more ? "" : strchr(path, '?') ? "&" : "?", more);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    snprintf(header, sizeof header, "Accept: %s", accept ? accept : "*/*");
    const char *headers[] = {bearer, header, NULL};
    struct http_reply reply = http_request("GET", url, headers, NULL);
    if (reply.status != 200 && reply.status != 422) printf("%s: %ld %s\n", url, (long)reply.status, reply.body);
    return reply;
}

static cJSON *rows_of(cJSON *document, int i)
{
    return *lists[i].rows ? cJSON_GetObjectItem(document, lists[i].rows) : document;
}

/* The ids of a list in JSON, split by blanks. */
static char *ids(int i, const char *more)
{
    static char out[4000];
    struct http_reply reply = ask(lists[i].path, more, NULL);
    assert_int_equal(reply.status, 200);
    cJSON *document = cJSON_Parse(reply.body), *row;
    size_t n = 0;
    assert_non_null(document);
    out[0] = 0;
    cJSON_ArrayForEach(row, rows_of(document, i)) {
        bool is_extended = strcmp(more, "") != 0;
        assert_true(cJSON_HasObjectItem(row, "deleted_at") == is_extended);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s%s ",
                              cJSON_GetStringValue(cJSON_GetObjectItem(row, lists[i].id)),
                              cJSON_IsString(cJSON_GetObjectItem(row, "deleted_at")) ? "!" : "", "");
    }
    if (*lists[i].rows)
        assert_int_equal(cJSON_GetObjectItem(document, "count")->valueint, cJSON_GetArraySize(rows_of(document, i)));
    cJSON_Delete(document);
    http_reply_free(&reply);
    return out;
}

TEST(test_lists_tell_what_changed_since_and_what_is_gone)
{
    for (int i = 0; i < LISTS; i++) {
        char sql[300], c = lists[i].table[0] == 'p' && lists[i].table[1] == 'h' ? 'h' : lists[i].table[0];
        char all[200], whole[200], since[100];
        snprintf(all, sizeof all, "%1$c1 %1$c2 %1$c3 %1$c4 %1$c5 %1$c6 %1$c7 ", c);
        snprintf(whole, sizeof whole, "%1$c1 %1$c2 %1$c3 %1$c4 %1$c5 %1$c6 %1$c7 %1$c8! %1$c9! ", c);

        assert_string_equal(ids(i, ""), all);
        assert_string_equal(ids(i, "include_deleted=true"), whole);
        assert_string_equal(ids(i, "updated_since=2019-12-31T00:00:00Z"), all);
        assert_string_equal(ids(i, "updated_since=2020-01-15T00:00:00Z"), "");
        snprintf(since, sizeof since, "%1$c8! %1$c9! ", c);
        assert_string_equal(ids(i, "updated_since=2020-01-15T00:00:00Z&include_deleted=true"), since);

        snprintf(sql, sizeof sql, "UPDATE %s SET updated_at = '2021-05-05 10:00:00+00' WHERE logikal_id = '%c3'",
                 lists[i].table, c);
        pg_exec(&web.pg, sql);
        snprintf(since, sizeof since, "%c3 ", c);
        assert_string_equal(ids(i, "updated_since=2021-05-05T12:00:00%2B02:00"), since);
        assert_string_equal(ids(i, "updated_since=2021-05-05T10:00:01Z"), "");
        snprintf(sql, sizeof sql, "UPDATE %s SET updated_at = '2020-01-01' WHERE logikal_id = '%c3'", lists[i].table,
                 c);
        pg_exec(&web.pg, sql);
    }
    struct http_reply none = ask("/api/v1/odoo/projects/nowhere/phases", "include_deleted=true", NULL);
    assert_int_equal(none.status, 404);
    http_reply_free(&none);
    none = ask("/api/v1/odoo/projects/p8/phases", "updated_since=2020-01-01T00:00:00Z", NULL);
    assert_int_equal(none.status, 404); /* gone, and not asked for */
    http_reply_free(&none);
    none = ask("/api/v1/odoo/projects/p8/phases", "include_deleted=true", NULL);
    assert_string_equal(none.body, "[]");
    http_reply_free(&none);
}

/* Members of the first object of the JSON form, split by commas. */
static char *members(int i)
{
    static char out[1500];
    struct http_reply reply = ask(lists[i].path, "include_deleted=true", NULL);
    cJSON *document = cJSON_Parse(reply.body), *member;
    size_t n = 0;
    cJSON_ArrayForEach(member, cJSON_GetArrayItem(rows_of(document, i), 0))
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", n ? "," : "", member->string);
    cJSON_Delete(document);
    http_reply_free(&reply);
    return out;
}

TEST(test_lists_come_as_lines_and_as_csv)
{
    for (int i = 0; i < LISTS; i++) {
        struct http_reply lines = ask(lists[i].path, "", "application/x-ndjson");
        struct http_reply csv = ask(lists[i].path, "include_deleted=true", "text/csv");
        int count = 0;
        assert_non_null(strcasestr(lines.headers, "content-type: application/x-ndjson"));
        assert_non_null(strcasestr(csv.headers, "content-type: text/csv"));
        assert_non_null(strcasestr(csv.headers, "vary: accept,"));

        for (char *save = NULL, *line = strtok_r(lines.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            cJSON *row = cJSON_Parse(line);
            if (!cJSON_IsObject(row)) fail_msg("%s: %s", lists[i].path, line);
            assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItem(row, lists[i].id)));
            cJSON_Delete(row);
            count++;
        }
        assert_int_equal(count, ROWS);

        char *end = strstr(csv.body, "\r\n");
        assert_non_null(end);
        *end = 0;
        assert_string_equal(csv.body, members(i));
        count = 0;
        for (const char *p = end + 2; (p = strstr(p, "\r\n")) != NULL; p += 2) count++;
        assert_int_equal(count, ROWS + GONE);
        http_reply_free(&lines);
        http_reply_free(&csv);
    }
}

TEST(test_accept_picks_the_form)
{
    static const struct {
        const char *accept, *type;
    } table[] = {{"*/*", "application/json"},
                 {"text/csv", "text/csv"},
                 {"text/csv;q=0.5, application/json", "application/json"},
                 {"application/json;q=0.5, text/csv", "text/csv"},
                 {"text/html,application/xhtml+xml,*/*;q=0.8", "application/json"},
                 {"APPLICATION/X-NDJSON", "application/x-ndjson"},
                 {"application/x-ndjson;q=0", "application/json"},
                 {"application/x-ndjson ; charset=utf-8 ; q=0.9 , text/csv;q=0.2", "application/x-ndjson"},
                 {"application/x-ndjsonx, text/csvx", "application/json"},
                 {",,;q=1,text/csv;;q=", "application/json"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char type[60];
        struct http_reply reply = ask("/api/v1/projects/cached", "", table[i].accept);
        snprintf(type, sizeof type, "content-type: %s", table[i].type);
        if (!strcasestr(reply.headers, type)) fail_msg("%s: %s", table[i].accept, reply.headers);
        http_reply_free(&reply);
    }
}

TEST(test_csv_holds_any_text_and_no_formula)
{
    static const struct {
        const char *name, *csv;
    } table[] = {{"plain", "plain"},
                 {"Müller & Söhne", "Müller & Söhne"},
                 {"a,b", "\"a,b\""},
                 {"say \"hi\"", "\"say \"\"hi\"\"\""},
                 {"two\nlines", "\"two\nlines\""},
                 {"=1+1", "\"'=1+1\""},
                 {"+49 30", "\"'+49 30\""},
                 {"-x\"y", "\"'-x\"\"y\""},
                 {"@SUM(A1)", "\"'@SUM(A1)\""},
                 {"\ttab", "\"'\ttab\""},
                 {"a=1", "a=1"},
                 {"a;=1+1;b", "\"a;'=1+1;b\""}, /* as one cell of three, where lines are split at semicolons */
                 {"a;b - c", "a;b - c"},
                 {"one\n-2\n\n@x", "\"one\n'-2\n\n'@x\""},
                 {"\n=1", "\"'\n'=1\""},
                 {";+1", "\";'+1\""},
                 {"\uff1d1", "\"'\uff1d1\""},
                 {"a;\uff20b", "\"a;'\uff20b\""},
                 {"", ""}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char expected[200];
        PGconn *conn = pg_connect(&web.pg);
        const char *values[] = {table[i].name};
        PQclear(PQexecParams(conn, "UPDATE phases SET name = $1 WHERE id = 2", 1, NULL, values, NULL, NULL, 0));
        PQfinish(conn);
        struct http_reply reply = ask("/api/v1/phases/cached", "", "text/csv");
        snprintf(expected, sizeof expected, "\r\nh2,%s,,1,", table[i].csv);
        if (!strstr(reply.body, expected)) fail_msg("%s: %s", table[i].name, reply.body);
        http_reply_free(&reply);
    }
}

/* Follows Link until there is none; returns the ids. */
static char *follow(int i, const char *more, const char *accept, int *pages)
{
    static char out[4000];
    char path[400];
    size_t n = 0;
    snprintf(path, sizeof path, "%s%s%s", lists[i].path, strchr(lists[i].path, '?') ? "&" : "?", more);
    out[0] = 0;
    for (*pages = 1; *pages < 20; (*pages)++) {
        struct http_reply reply = ask(path, "", accept);
        assert_int_equal(reply.status, 200);
        for (const char *p = reply.body; (p = strstr(p, "logikal_id")) != NULL;) {
            p = strchr(p, ':') + 1;
            p += strspn(p, " \"");
            n += (size_t)snprintf(out + n, sizeof out - n, "%.*s ", (int)strcspn(p, "\""), p);
        }
        char *link = strcasestr(reply.headers, "\r\nlink: <");
        if (link) {
            snprintf(path, sizeof path, "%.*s", (int)strcspn(link + 9, ">"), link + 9);
            assert_memory_equal(link + 9 + strlen(path), ">; rel=\"next\"\r\n", 15);
        }
        http_reply_free(&reply);
        if (!link) return out;
    }
    fail_msg("no end");
    return out;
}

/* A row's time moves with what it tells, whoever writes it; lists: the first that has it. */
TEST(test_whatever_a_row_tells_counts_as_its_change)
{
    static const struct {
        int list;
        const char *update, *told;
    } table[] = {
        {0, "UPDATE directories SET parent_id = 2 WHERE id = 4", "d4 "},
        {0, "UPDATE directories SET full_path = 'D/4' WHERE id = 4", "d4 "},
        {0, "UPDATE directories SET exclude_from_sync = true WHERE id = 2", "d2 d4 "}, /* and what it is put on */
        {0, "UPDATE directories SET synced_at = now(), last_api_sync = now() WHERE id = 3", ""},
        {3, "UPDATE projects SET directory_id = 2 WHERE id = 5", "p5 "},
        {3, "UPDATE projects SET last_sync_date = now(), synced_at = now(), sync_status = 'synced'", ""},
        {3, "UPDATE projects SET name = name, description = NULL", ""},
        {10, "UPDATE projects SET status = 'active' WHERE id = 6", "p6 "},
        {6, "UPDATE phases SET description = 'new' WHERE id = 3", "h3 "},
        {6, "UPDATE phases SET last_sync_date = now(), synced_at = now()", ""},
        {8, "UPDATE elevations SET thumbnail_url = '/t' WHERE id = 1", "e1 "},
        {8, "UPDATE elevations SET has_parts_data = true, parts_synced_at = now() WHERE id = 2", "e2 "},
        {8, "UPDATE elevations SET parse_status = 'failed', parse_error = 'torn' WHERE id = 3", "e3 "},
        {8, "UPDATE elevations SET parts_synced_at = now(), parse_started_at = now(), synced_at = now()", ""},
        {12, "UPDATE elevations SET parts_count = 7 WHERE id = 4", "e4 "},
        {12, "UPDATE elevations SET deleted_at = now() WHERE id = 5", ""},
        {12, "UPDATE elevations SET deleted_at = NULL WHERE id = 5", "e5 "},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *of = lists[table[i].list].table;
        char sql[200];
        pg_exec(&web.pg, table[i].update);
        const char *told = ids(table[i].list, "updated_since=2020-01-15T00:00:00Z");
        if (strcmp(told, table[i].told) != 0) fail_msg("%s: %s", table[i].update, told);
        snprintf(sql, sizeof sql, "UPDATE %s SET updated_at = '2020-01-01' WHERE updated_at <> '2020-01-01'", of);
        pg_exec(&web.pg, sql);
    }
    pg_exec(&web.pg, "UPDATE directories SET exclude_from_sync = false, parent_id = NULL, updated_at = '2020-01-02'");
    pg_exec(&web.pg, "UPDATE projects SET directory_id = 1, updated_at = '2020-01-02'");
    pg_exec(&web.pg, "UPDATE directories SET updated_at = '2020-01-01'");
    pg_exec(&web.pg, "UPDATE projects SET updated_at = '2020-01-01'");
}

TEST(test_pages_lead_to_the_next_in_every_form)
{
    for (int i = 0; i < LISTS; i++) {
        char c = lists[i].table[0] == 'p' && lists[i].table[1] == 'h' ? 'h' : lists[i].table[0], all[200], whole[200];
        int pages;
        if (!lists[i].is_paged) continue;
        snprintf(all, sizeof all, "%1$c1 %1$c2 %1$c3 %1$c4 %1$c5 %1$c6 %1$c7 ", c);
        snprintf(whole, sizeof whole, "%1$c1 %1$c2 %1$c3 %1$c4 %1$c5 %1$c6 %1$c7 %1$c8 %1$c9 ", c);

        assert_string_equal(follow(i, "limit=3", NULL, &pages), all);
        assert_int_equal(pages, 3);
        assert_string_equal(follow(i, "limit=3", NULL, &pages), all); /* now from the cache */
        assert_string_equal(follow(i, "limit=4&include_deleted=true", NULL, &pages), whole);
        assert_int_equal(pages, 3);
        assert_string_equal(follow(i, "limit=2&include_deleted=yes&updated_since=2019-01-01T00:00:00%2B00:00",
                                   "application/x-ndjson", &pages),
                            whole);
        assert_int_equal(pages, 5);
    }
}

TEST(test_what_is_no_time_or_boolean_is_refused)
{
    static const char *const bad[] = {"updated_since=yesterday",
                                      "updated_since=",
                                      "updated_since=2020-13-01T00:00:00Z",
                                      "updated_since=1580000000x",
                                      "updated_since=2020-01-01'--",
                                      "include_deleted=maybe",
                                      "include_deleted=2"};
    for (int i = 0; i < LISTS; i++)
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
            struct http_reply reply = ask(lists[i].path, bad[j], NULL);
            if (reply.status != 422 || !strstr(reply.body, "\"loc\":[\"query\""))
                fail_msg("%s %s: %ld %s", lists[i].path, bad[j], (long)reply.status, reply.body);
            http_reply_free(&reply);
        }
}

TEST(test_many_rows_are_streamed_whole)
{
    int lines = 0;
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'm' || i, 'Many ' || i, 1,"
                     " 1 FROM generate_series(1, 3000) i");
    struct http_reply reply = ask("/api/v1/elevations/cached", "", "application/x-ndjson");
    for (const char *p = reply.body; (p = strchr(p, '\n')) != NULL; p++) lines++;
    assert_int_equal(lines, ROWS + 3000);
    http_reply_free(&reply);
    reply = ask("/api/v1/odoo/projects/p1/phases/h1/elevations", "updated_since=2020-01-02T00:00:00Z", NULL);
    cJSON *document = cJSON_Parse(reply.body);
    assert_int_equal(cJSON_GetArraySize(document), 3000);
    cJSON_Delete(document);
    http_reply_free(&reply);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lists_tell_what_changed_since_and_what_is_gone),
    cmocka_unit_test(test_whatever_a_row_tells_counts_as_its_change),
    cmocka_unit_test(test_lists_come_as_lines_and_as_csv),
    cmocka_unit_test(test_accept_picks_the_form),
    cmocka_unit_test(test_csv_holds_any_text_and_no_formula),
    cmocka_unit_test(test_pages_lead_to_the_next_in_every_form),
    cmocka_unit_test(test_what_is_no_time_or_boolean_is_refused),
    cmocka_unit_test(test_many_rows_are_streamed_whole),
};
TEST_MAIN(tests, set_up, tear_down)
