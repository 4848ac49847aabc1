/* Pictures come from the upstream, and whatever their bytes and their declared type are, no browser runs them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

static struct web_server web;
static char *token;

static int set_up(void **state)
{
    (void)state;
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

static int tear_down(void **state)
{
    (void)state;
    free(token);
    web_end(&web);
    return 0;
}

#define SVG  "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>evil(1)</script></svg>"
#define PNG  "\\x89504e470d0a1a0a"
#define HTML "<html><script>evil(1)</script>"

static void test_only_four_types_are_shown(void **state)
{
    (void)state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_four_types_are_shown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
