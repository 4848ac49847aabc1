/* What pages, answers and metrics say of a world that is known, word by word: of rows (tests/fixtures/shown/world.sql),
 * a queue and a supervisor's report. The files beside the rows have the requests and what is expected. Where that was
 * meant to change, SHOWN_WRITE=1 writes them anew: `git diff` shows what will be seen, to be read before it is
 * believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "conf/version.h"
#include "tests/support/answers/shown.h"
#include "tests/support/answers/shown_world.h"
#include "tests/support/rig.h"
#include "tests/support/web.h"

static struct web_server web;
static struct rig rig;
static int64_t began_ms;

static bool has(const char *path, const char *text)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    bool has = reply.status == 200 && strstr(reply.body, text);
    http_reply_free(&reply);
    return has;
}

FIXTURE(set_up)
{
    static char redis_url[160];
    static const char *settings[] = {redis_url,
                                     "LOG_LEVEL=warning",
                                     "LOGIKAL_API_BASE_URL=http://127.0.0.1:1/x",
                                     "LOGIKAL_AUTH_USERNAME=demo",
                                     "LOGIKAL_AUTH_PASSWORD=demo",
                                     "ALERT_AFTER_SECONDS=3600",
                                     "BACKGROUND_SYNC_ENABLED=true",
                                     "VIEWER_PASSWORD=a viewer of this world",
                                     NULL};
    char *sql = support_read_file("tests/fixtures/shown/world.sql");
    WAIT_UNTIL(wall_ms() / 1000 % 3600 > 1, 5000); /* a full hour is no time of the world's */
    began_ms = wall_ms();
    rig_open(&rig, NULL);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", rig.server.url);
    web_servers(&web);
    pg_exec(&web.pg, sql);
    free(sql);
    shown_queue(&rig);
    shown_report();
    web_run(&web, settings, true);
    web_log_in(&web);
    WAIT_UNTIL(has("/ui/system", "append-only file"), 20000); /* what is asked for by itself from time to time */
    WAIT_UNTIL(has("/api/v1/verdict", "parts lists") && has("/api/v1/verdict", "dead letters") &&
                   has("/api/v1/verdict", "Not believed to be gone"),
               30000);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    rig_close(&rig);
    return 0;
}

/* ---- what is shown ---- */

/* The part of a JSON text at "MEMBER|MEMBER"; to be freed. */
static char *part_of(const char *body, char *members)
{
    cJSON *json = cJSON_Parse(body);
    const cJSON *at = json;
    for (char *rest = members, *name; at && (name = strsep(&rest, "|")) != NULL;)
        at = cJSON_GetObjectItemCaseSensitive(at, name);
    char *text = cJSON_PrintUnformatted(at), *out = strdup(text ? text : "nothing");
    free(text);
    cJSON_Delete(json);
    return out;
}

/* The lines of an answer's head, but for those that differ each time. */
static char *headers_of(const char *headers)
{
    static const char *const left_out[] = {
        "HTTP/", "Date:", "Content-Length:", "X-Request-ID:", "ETag:", "Content-Type:"};
    char *copy = strdup(headers), *rest = copy, *line;
    struct buf out = {0};
    buf_str(&out, "");
    while ((line = strsep(&rest, "\n")) != NULL) {
        bool is_left_out = !*line || *line == '\r';
        for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
            is_left_out = is_left_out || strncasecmp(line, left_out[i], strlen(left_out[i])) == 0;
        if (!is_left_out) buf_printf(&out, "%.*s\n", (int)strcspn(line, "\r"), line);
    }
    free(copy);
    return out.data;
}

/* "METHOD PATH#PART BODY"; "GET!" is asked by nobody, "GET+" tells the head, too, "GET?" both. */
static char *answer(const char *request)
{
    char method[16] = "", path[2000] = "", mark = 0;
    int body = 0;
    sscanf(request, "%15[A-Z]%c%1999s %n", method, &mark, path, &body);
    char *part = strchr(path, '#'), port[4][16];
    if (part) *part++ = 0;
    snprintf(port[0], sizeof port[0], "%d", web.port);
    snprintf(port[1], sizeof port[1], "%d", web.pg.port);
    snprintf(port[2], sizeof port[2], "%d", rig.server.port);
    const struct shown_words words[] = {{support_dir(), "{dir}"}, {version_text, "{version}"}, {port[0], "{port}"},
                                        {port[1], "{port}"},      {port[2], "{port}"},         {NULL, NULL}};
    struct http_reply reply = web_call(&web, method, path, mark == '!' || mark == '?' ? NULL : web.admin,
                                       body && request[body] ? request + body : NULL);
    char *body_part = part ? part_of(reply.body, part) : NULL;
    char *plain = shown_plain(body_part ? body_part : reply.body ? reply.body : "", words), *out = NULL;
    char *head = mark == '+' || mark == '?' ? headers_of(reply.headers ? reply.headers : "") : strdup("");
    char *plain_head = *head ? shown_plain(head, words) : strdup("");
    free(head);
    free(body_part);
    const char *type = reply.headers ? strcasestr(reply.headers, "\ncontent-type:") : NULL;
    if (asprintf(&out, "%d%.*s\n%s%s", reply.status, type ? (int)strcspn(type + 14, "\r\n") : 0, type ? type + 14 : "",
                 plain_head, plain) < 0)
        abort();
    free(plain);
    free(plain_head);
    http_reply_free(&reply);
    return out;
}

TEST(test_pages)
{
    shown_check("pages.txt", began_ms, answer);
}

TEST(test_answers)
{
    shown_check("answers.txt", began_ms, answer);
}

TEST(test_heads)
{
    shown_check("heads.txt", began_ms, answer);
}

/* Of the forms that a client takes the one that it prefers; of equals the first. */
TEST(test_the_form_that_is_preferred)
{
    static const struct {
        const char *accept, *type;
    } rows[] = {{"text/csv", "text/csv"},
                {"*/*", "application/json"},
                {"text/csv;q=0.5, application/json;q=0.4", "text/csv"},
                {"text/csv;q=0.4,application/json;q=0.5", "application/json"},
                {"text/csv; q=0.4, application/json; q=0.5", "application/json"},
                {"text/csv;\tq=0.4, application/x-ndjson", "application/x-ndjson"},
                {"text/csv;charset=utf-8;q=0.4, application/x-ndjson;q=0.5", "application/x-ndjson"},
                {"text/csv;q=0.4;x=y, application/ndjson;q=0.3", "text/csv"},
                {"application/jsonl;q=0.5, text/csv;q=0.5", "application/x-ndjson"},
                {"TEXT/CSV, application/json;q=0.9", "text/csv"},
                {"text/csv;q=0", "application/json"},
                {"text/html, text/csv;q=0.1", "text/csv"},
                {"text/csvx", "application/json"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char accept[120], type[60];
        snprintf(accept, sizeof accept, "Accept: %s", rows[i].accept);
        snprintf(type, sizeof type, "Content-Type: %s", rows[i].type);
        struct http_reply reply = web_ask(&web, "GET", "/api/v1/projects/cached", web.admin, accept);
        if (reply.status != 200 || !strcasestr(reply.headers, type))
            fail_msg("%s: %d %s", rows[i].accept, reply.status, reply.headers);
        http_reply_free(&reply);
    }
}

/* What is done, each with its answer, and what is shown then. Nothing is done twice. */
TEST(test_deeds)
{
    shown_check("deeds.txt", began_ms, answer);
}

/* Of messages behind 64 MiB it is only told that they are there. */
#define LARGE_COUNT 18
#define LARGE_BYTES 4000000

static void move(const char *from, const char *to)
{
    freeReplyObject(redisCommand(rig.redis, "RENAME %s %s", from, to));
}

static void put_large(void)
{
    char tag[16], *body = malloc(LARGE_BYTES + 1);
    memset(body, 'A', LARGE_BYTES);
    body[LARGE_BYTES] = 0;
    move("unacked", "away");
    move("unacked_index", "away_index");
    for (int i = 0; i < LARGE_COUNT; i++) {
        snprintf(tag, sizeof tag, "e9.%d", i);
        freeReplyObject(redisCommand(rig.redis, "ZADD unacked_index 1 %s", tag));
        freeReplyObject(redisCommand(rig.redis, "HSET unacked %s %s%s%s%s%s", tag, "[{\"body\": \"", body,
                                     "\", \"headers\": {\"task\": \"t\", \"id\": \"", tag, "\"}}, \"\", \"sync\"]"));
        freeReplyObject(
            redisCommand(rig.redis, "RPUSH logikald.dead %s%s%s", "{\"reason\": \"r\", \"message\": \"", body, "\"}"));
    }
    free(body);
}

TEST(test_what_is_too_large_to_be_looked_at_is_not_left_out)
{
    put_large();
    struct http_reply page = web_call(&web, "GET", "/ui/tasks", web.admin, NULL);
    assert_int_equal(page.status, 200);
    assert_non_null(strstr(page.body, "not looked at"));
    assert_non_null(strstr(page.body, "DELETE /api/v1/admin/dead-letters/"));
    assert_null(strstr(page.body, "DELETE /api/v1/admin/dead-letters/\"")); /* that would be all of them */
    assert_null(strstr(page.body, "{\"letter\":\"\"}"));
    http_reply_free(&page);
    struct http_reply done =
        web_call(&web, "POST", "/api/v1/admin/tasks/bulk", web.admin, "{\"list\":\"running\",\"action\":\"cancel\"}");
    if (done.status != 200 || !strstr(done.body, "\"count\":18")) fail_msg("%d %s", done.status, done.body);
    http_reply_free(&done);
    freeReplyObject(redisCommand(rig.redis, "DEL unacked unacked_index logikald.dead"));
    move("away", "unacked");
    move("away_index", "unacked_index");
}

TEST(test_what_is_shown_without_postgresql)
{
    pg_kill(&web.pg);
    WAIT_UNTIL(has("/api/v1/verdict", "PostgreSQL: unreachable"), 30000);
    shown_check("away.txt", began_ms, answer);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_pages),
    cmocka_unit_test(test_answers),
    cmocka_unit_test(test_heads),
    cmocka_unit_test(test_the_form_that_is_preferred),
    cmocka_unit_test(test_deeds),
    cmocka_unit_test(test_what_is_too_large_to_be_looked_at_is_not_left_out),
    cmocka_unit_test(test_what_is_shown_without_postgresql),
};
TEST_MAIN(tests, set_up, tear_down)
