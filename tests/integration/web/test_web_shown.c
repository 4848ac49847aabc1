/* What pages, answers and metrics say of a world that is known, word by word: of rows (tests/fixtures/shown/world.sql),
 * a queue and a supervisor's report. The files beside the rows have the requests and what is expected. Where that was
 * meant to change, SHOWN_WRITE=1 writes them anew: `git diff` shows what will be seen, to be read before it is
 * believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "conf/version.h"
#include "ipc/flight.h"
#include "ipc/snapshot.h"
#include "tests/support/answers/shown.h"
#include "tests/support/rig.h"
#include "tests/support/web.h"

#define WAITING   130 /* more than a page */
#define SCHEDULED 3
#define DEAD      60 /* more than a page */

static struct web_server web;
static struct rig rig;
static int64_t began_ms;

/* ---- the world ---- */

/* A command with bytes for its last %b. */
static void with_bytes(const char *fmt, int n, const struct buf *bytes)
{
    redisReply *reply = redisCommand(rig.redis, fmt, n, bytes->data, bytes->len);
    if (!reply || reply->type == REDIS_REPLY_ERROR) fail_msg("%s: %s", fmt, reply ? reply->str : "no answer");
    freeReplyObject(reply);
}

static void add_waiting(void)
{
    for (int i = 0; i < WAITING; i++) {
        char id[32], args[64];
        snprintf(id, sizeof id, "w-%d", i);
        snprintf(args, sizeof args, "[%d, \"%s\"]", i, i % 2 ? "zwei & <drei>" : "eins");
        rig_send(&rig, i % 10 == 9 ? "sqlite_parser" : "sync", i % 2 ? "tasks.odd" : "tasks.even", id, args);
    }
    rig_int(&rig, "LPUSH sync {\"no\":\"message\"}");
}

static void add_scheduled(void)
{
    for (int i = 0; i < SCHEDULED; i++) {
        char id[32];
        struct buf message = {0}, value = {0};
        snprintf(id, sizeof id, "s-%d", i);
        struct message_spec spec = {.task = "tasks.later", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&value, "sync\n%s\n", id);
        buf_add(&value, message.data, message.len);
        rig_int(&rig, "ZADD logikald.scheduled %lld tag-%d", 2000000000000LL + i * 60000LL, i);
        with_bytes("HSET logikald.scheduled.messages tag-%d %b", i, &value);
        rig_int(&rig, "HSET logikald.scheduled.ids %s tag-%d", id, i);
        buf_free(&message);
        buf_free(&value);
    }
}

/* The last one is what a worker could not read. */
static void add_dead(void)
{
    for (int i = 0; i < DEAD; i++) {
        struct buf message = {0}, entry = {0};
        char id[32];
        snprintf(id, sizeof id, "d-%d", i);
        struct message_spec spec = {.task = "tasks.broken", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&entry,
                   "{\"reason\": \"it was Tuesday\", \"queue\": \"sync\", \"list\": \"sync\", \"id\": \"%s\", "
                   "\"task\": \"tasks.broken\", \"deliveries\": %d, \"at\": \"2020-01-01T00:00:00Z\", \"message\": ",
                   id, i % 4 + 1);
        buf_json_string(&entry, message.data, message.len);
        buf_char(&entry, '}');
        rig_push(&rig, "logikald.dead", entry.data, entry.len);
        buf_free(&message);
        buf_free(&entry);
    }
    rig_int(&rig, "LPUSH logikald.dead nonsense");
}

/* A worker that lives long enough, and has two tasks. */
static void add_running(void)
{
    static const char *const ids[] = {"t-3", "r-1"};
    long long now = wall_ms() / 1000;
    rig_int(&rig, "ZADD logikald.workers %lld h/worker.0/77", now + 3600);
    rig_int(&rig, "HSET logikald.registered h/worker.0/77 %s", "7.1 30 5");
    char text[400];
    int len = snprintf(
        text, sizeof text,
        "{\"node\": \"celery@h\", \"pid\": 77, \"concurrency\": 4, \"active\": 2, \"processed\": 9, \"queues\": "
        "[\"sync\"], \"began\": {\"7.1.1\": \"%lld\"}}",
        (now - 3LL * 3600) * 1000);
    with_bytes("HSET logikald.about h/worker.%d/77 %b", 0, &(struct buf){.data = text, .len = (size_t)len});
    for (int i = 0; i < 2; i++) {
        struct buf message = {0}, entry = {0};
        struct message_spec spec = {.task = "tasks.running", .id = ids[i], .queue = "sync"};
        message_encode(&message, &spec);
        buf_char(&entry, '[');
        buf_add(&entry, message.data, message.len);
        buf_str(&entry, ", \"\", \"sync\"]");
        with_bytes("HSET unacked 7.1.%d %b", i + 1, &entry);
        rig_int(&rig, "ZADD unacked_index %d 7.1.%d", 1577836800 + i, i + 1);
        buf_free(&message);
        buf_free(&entry);
    }
}

/* What is kept of tasks that ended, or tell how far they are. */
static void add_results(void)
{
    static const struct {
        const char *id, *json;
    } results[] = {
        {"x-done", "{\"status\": \"SUCCESS\", \"result\": {\"success\": true, \"items\": 3, \"password\": \"abc\"}, "
                   "\"traceback\": null, \"children\": [], \"date_done\": \"2020-01-08T10:00:00.123456\", \"task_id\": "
                   "\"x-done\"}"},
        {"x-says-no", "{\"status\": \"SUCCESS\", \"result\": {\"success\": false, \"message\": \"no such project\"}, "
                      "\"date_done\": \"2020-01-08T10:00:00\", \"task_id\": \"x-says-no\"}"},
        {"x-failed",
         "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"ValueError\", \"exc_message\": [\"token=abc is "
         "bad\"], \"exc_module\": \"builtins\"}, \"traceback\": \"line 1\\nline 2\", \"date_done\": "
         "\"2020-01-08T11:00:00\", \"task_id\": \"x-failed\"}"},
        {"x-half", "{\"status\": \"PROGRESS\", \"result\": {\"current\": 3, \"total\": 7, \"status\": \"phases\"}, "
                   "\"task_id\": \"x-half\"}"},
        {"x-again", "{\"status\": \"RETRY\", \"result\": {\"exc_type\": \"OSError\", \"exc_message\": [\"gone\"]}, "
                    "\"date_done\": null, \"task_id\": \"x-again\"}"},
        {"x-revoked", "{\"status\": \"REVOKED\", \"result\": {\"exc_type\": \"TaskRevokedError\", \"exc_message\": "
                      "[\"expired\"]}, \"date_done\": \"2020-01-08T12:00:00\", \"task_id\": \"x-revoked\"}"},
        {"x-begun",
         "{\"status\": \"STARTED\", \"result\": {\"pid\": 7, \"hostname\": \"h\"}, \"task_id\": \"x-begun\"}"},
    };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        redisReply *reply = redisCommand(rig.redis, "SET celery-task-meta-%s %s", results[i].id, results[i].json);
        assert_true(reply && reply->type == REDIS_REPLY_STATUS);
        freeReplyObject(reply);
    }
}

/* What a supervisor would have reported; it is not stale before this program ends. */
static void add_report(void)
{
    char run_dir[300];
    struct err err = {0};
    int64_t now = wall_ms();
    struct snapshot *s = calloc(1, sizeof *s);
    *s = (struct snapshot){.written_ms = now + 3600000,
                           .started_ms = now - 10 * 3600000LL,
                           .pid = 1,
                           .version = "1.2.3",
                           .state = "running",
                           .background_sync = true,
                           .background_note = "beat waits",
                           .listening = "127.0.0.1:1",
                           .reloads = 3,
                           .reloads_refused = 1,
                           .reload_ms = now - 2 * 3600000LL,
                           .reload_error = "PORT: 0 is no port",
                           .memory_limit_bytes = 512 << 20,
                           .memory_used_bytes = 100 << 20,
                           .oom_kills = 2,
                           .rss_bytes = 9 << 20,
                           .pss_bytes = 7 << 20,
                           .log_lines_dropped = 5,
                           .count = 6};
    static const struct snapshot_child children[6] = {
        {.name = "web.0",
         .role = "web",
         .state = "ready",
         .pid = 1,
         .rss_bytes = 40 << 20,
         .cpu_permille = 15,
         .is_ready = true},
        {.name = "worker.0",
         .role = "worker",
         .state = "ready",
         .status = "2 tasks",
         .pid = 1,
         .restarts = 4,
         .rss_bytes = 30 << 20,
         .pss_bytes = 20 << 20,
         .last_exit = "exit status 1",
         .is_ready = true,
         .is_draining = true},
        {.name = "worker.1",
         .role = "worker",
         .state = "backoff",
         .restarts = 9,
         .last_exit = "killed by SIGKILL",
         .is_crash_loop = true},
        {.name = "beat", .role = "beat", .state = "down", .is_held = true},
        {.name = "my-redis", .role = "my-redis", .state = "down", .is_program = true, .rss_bytes = 5 << 20},
        {.name = "migrate", .role = "migrate", .state = "done"},
    };
    memcpy(s->children, children, sizeof children);
    s->children[0].started_ms = now - 5 * 3600000LL;
    s->children[1].last_exit_ms = now - 6 * 3600000LL;
    s->children[2].next_start_ms = now + 2 * 3600000LL;
    snprintf(run_dir, sizeof run_dir, "%s/run", support_dir());
    mkdir(run_dir, 0700);
    assert_int_equal(snapshot_write(run_dir, s, &err), 0);
    free(s);
    static const char *const told[] = {"start", "held", "released", "reload", "reload-refused", "gate", "stop"};
    for (int i = 0; i < 7; i++) {
        struct flight_event e = {"00000000-0000-4000-8000-00000000000a",
                                 i + 1,
                                 now - (9 - i) * 3600000LL,
                                 "h",
                                 "1.2.3",
                                 told[i],
                                 i % 2 ? "web.0" : "",
                                 i % 2 ? 5 : 0,
                                 "It was told",
                                 i % 3 ? "" : "more"};
        char *line = flight_line(&e);
        assert_int_equal(flight_append(run_dir, line, strlen(line), &err), 0);
        free(line);
    }
}

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
    add_waiting();
    add_scheduled();
    add_dead();
    add_running();
    add_results();
    add_report();
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

TEST(test_what_is_shown_without_postgresql)
{
    pg_kill(&web.pg);
    WAIT_UNTIL(has("/api/v1/verdict", "PostgreSQL: unreachable"), 30000);
    shown_check("away.txt", began_ms, answer);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_pages), cmocka_unit_test(test_answers),
    cmocka_unit_test(test_heads), cmocka_unit_test(test_the_form_that_is_preferred),
    cmocka_unit_test(test_deeds), cmocka_unit_test(test_what_is_shown_without_postgresql),
};
TEST_MAIN(tests, set_up, tear_down)
