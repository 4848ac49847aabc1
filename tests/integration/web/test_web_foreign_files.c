/* Files of the upstream, and whatever their bytes and their declared type are: no browser runs a picture, and the web
 * process opens no parts list; what its page shows has been read by the task that reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "conf/clock.h"
#include "tests/support/web.h"

static struct web_server web;
static char *token;

FIXTURE(set_up)
{
    static const char *const settings[] = {"RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", "LOG_LEVEL=warning",
                                           NULL};
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "viewer-of-images", "[\"elevations:read\"]");
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, upstream_path, level, upstream_chain) VALUES"
                     " ('d', 'd', 'd', 0, 'd')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p', 'p', id FROM directories");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT 'h', 'h', id FROM projects");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id) SELECT 'e', 'e', id FROM phases");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

#define SVG  "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>evil(1)</script></svg>"
#define PNG  "\\x89504e470d0a1a0a"
#define HTML "<html><script>evil(1)</script>"

TEST(test_only_four_types_are_shown)
{
    static const struct {
        const char *declared, *bytes; /* a bytea's text: "\x..." or plain */
        const char *type;             /* NULL: a download */
    } rows[] = {
        {"image/SVG+xml", SVG, NULL},
        {"image/svg+xml", SVG, NULL},
        {"image/png", SVG, NULL},
        {"IMAGE/SVG", SVG, NULL},
        {"text/html", HTML, NULL},
        {"image/png; charset=utf-7", HTML, NULL},
        {"image/x-foo\"; charset=utf-7", HTML, NULL},
        {"image/xml", "<?xml version=\"1.0\"?><x/>", NULL},
        {"image/webp", "RIFF    WEBP", NULL},
        {"image/png", "", NULL},
        {"image/png\r\nX-Evil: 1", HTML, NULL},
        {"application/xhtml+xml", HTML, NULL},
        {"image/svg+xml", PNG, "image/png"},
        {"text/html", "\\xffd8ffe000104a464946", "image/jpeg"},
        {"text/html", "GIF89a" HTML, "image/gif"},
        {"text/html", "GIF8 is no picture", NULL},
        {"", "BM this is one", "image/bmp"},
    };
    static const char *const paths[] = {"/api/v1/elevations/1/image", "/api/v1/elevations/e/thumbnail",
                                        "/api/v1/elevations/1/thumbnail"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        PGconn *c = pg_connect(&web.pg);
        const char *values[] = {rows[i].bytes, rows[i].declared};
        PGresult *r = PQexecParams(c,
                                   "INSERT INTO elevation_thumbnails (elevation_id, content, content_type, sha256)"
                                   " SELECT id, $1::bytea, $2, md5($1::bytea) FROM elevations"
                                   " ON CONFLICT (elevation_id) DO UPDATE SET content = excluded.content,"
                                   " content_type = excluded.content_type, sha256 = excluded.sha256",
                                   2, NULL, values, NULL, NULL, 0);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(c));
        PQclear(r);
        PQfinish(c);
        for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
            char wanted[100];
            struct http_reply reply = web_call(&web, "GET", paths[p], token, NULL);
            snprintf(wanted, sizeof wanted, "Content-Type: %s\r\n",
                     rows[i].type ? rows[i].type : "application/octet-stream");
            bool fits = reply.status == 200 && strstr(reply.headers, wanted) &&
                        strstr(reply.headers, "X-Content-Type-Options: nosniff\r\n") &&
                        strstr(reply.headers, "Content-Security-Policy: default-src 'none'; sandbox") &&
                        !strstr(reply.headers, "X-Evil") &&
                        !strstr(reply.headers, "Content-Disposition: attachment") == (rows[i].type != NULL);
            if (!fits) fail_msg("%s, %s: %d %s", rows[i].declared, rows[i].bytes, reply.status, reply.headers);
            http_reply_free(&reply);
        }
    }
}

/* ---- parts lists ---- */

static long memory_kib(const char *what)
{
    char path[64], line[200];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)web.process.pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0) kib = strtol(line + strlen(what) + 1, NULL, 10);
    fclose(f);
    return kib;
}

/* Stores a SQLite file made by these statements as the elevation's parts list. */
static void store_list(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_int64 len;
    char *why = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
    unsigned char *bytes = sqlite3_serialize(db, "main", &len, 0);
    PGconn *c = pg_connect(&web.pg);
    PGresult *r = PQexecParams(c,
                               "INSERT INTO elevation_parts_lists (elevation_id, content, sha256, size_bytes)"
                               " SELECT id, $1, encode(sha256($1), 'hex'), length($1) FROM elevations"
                               " ON CONFLICT (elevation_id) DO UPDATE SET content = excluded.content,"
                               " sha256 = excluded.sha256, size_bytes = excluded.size_bytes",
                               1, (const Oid[]){17}, (const char *[]){(const char *)bytes}, (const int[]){(int)len},
                               (const int[]){1}, 0);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    sqlite3_free(bytes);
    sqlite3_close(db);
    pg_exec(&web.pg, "UPDATE elevations SET has_parts_data = true, parse_status = 'pending', parse_retry_count = 0");
}

static char *page(void)
{
    struct http_reply reply = web_call(&web, "GET", "/ui/browse/elevations/1", web.admin, NULL);
    assert_int_equal(reply.status, 200);
    free(reply.headers);
    return reply.body;
}

TEST(test_no_page_opens_a_parts_list)
{
#define COLUMN(n) "b" #n " AS (length(hex(zeroblob(20000000+a))))"
    static const char *const rows[] = {
        "CREATE TABLE Elevations(a); INSERT INTO Elevations VALUES (1), (2), (3); PRAGMA writable_schema = 1;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE Elevations(a integer, b0 AS (printf(''%*d'',200000000,a)),"
        " b1 AS (printf(''%*d'',200000000,a)), b2 AS (printf(''%*d'',200000000,a)))'",
        "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t"
        " SELECT i FROM n; PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TABLE t(a "
        "integer, " COLUMN(0) "," COLUMN(1) "," COLUMN(2) "," COLUMN(3) "," COLUMN(4) ")'",
        "CREATE TABLE t(a); INSERT INTO t VALUES ('<script>evil(1)</script>')",
    };
    free(page());
    long before = memory_kib("VmHWM:");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        store_list(rows[i]);
        int64_t began = mono_ms();
        free(page());
        if (mono_ms() - began > 5000) fail_msg("file %zu: the page took %d ms", i, (int)(mono_ms() - began));
        assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    }
    long grown = memory_kib("VmHWM:") - before;
    if (grown > 30000) fail_msg("the web process grew by %ld KiB", grown);
}

TEST(test_the_page_shows_what_the_task_has_read)
{
    store_list(
        "CREATE TABLE Elevations (Name, AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit,"
        " Height_Output, Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName,"
        " SystemLongName, ColorBase_Long); INSERT INTO Elevations (Name, SystemCode) VALUES ('e', 'S1');"
        "CREATE TABLE Glass (GlassID, Name); CREATE TABLE Articles(ArticleCode, Description);"
        "INSERT INTO Articles VALUES ('7', '<b>evil</b> article'); CREATE TABLE \"<i>evil</i>\"(x)");
    char *unread = page();
    assert_null(strstr(unread, "Articles"));

    assert_int_equal(web_status(&web, "POST", "/api/v1/elevations/1/enrichment/trigger?force=true", web.admin, NULL),
                     200);

    char *read = page();
    if (!strstr(read, "<b>Articles</b>") || !strstr(read, "&lt;b&gt;evil&lt;/b&gt; article") ||
        !strstr(read, "&lt;i&gt;evil&lt;/i&gt;"))
        fail_msg("%s", read);
    assert_null(strstr(read, "<b>evil</b>"));
    assert_null(strstr(read, "<i>evil</i>"));
    store_list("CREATE TABLE Other(a)"); /* what was read of another file is not shown for this one */
    char *changed = page();
    assert_null(strstr(changed, "Articles"));
    free(unread);
    free(read);
    free(changed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_only_four_types_are_shown),
    cmocka_unit_test(test_no_page_opens_a_parts_list),
    cmocka_unit_test(test_the_page_shows_what_the_task_has_read),
};
TEST_MAIN(tests, set_up, tear_down)
