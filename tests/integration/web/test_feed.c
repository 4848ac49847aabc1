/* The journal of changes: what is written for each kind of change, and that a reader who goes on from its cursor gets
 * every change once and in order, whoever commits late, waits, or takes the right away meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/random.h"
#include "tests/support/web.h"

static struct web_server web;
static char *token;

FIXTURE(set_up)
{
    static const char *const environment[] = {
        "RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0",          "LOG_LEVEL=warning",
        "CHANGES_LAG_SECONDS=2",   "METRICS_TOKEN=only-for-metrics", NULL};
    web_servers(&web);
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

static struct http_reply ask(const char *query, const char *bearer, const char *more)
{
    char url[600], header[2200];
    snprintf(url, sizeof url, "%s/api/v1/changes%s", web.url, query);
    snprintf(header, sizeof header, "Authorization: Bearer %s", bearer);
    const char *headers[] = {header, more, NULL};
    return http_request("GET", url, headers, NULL);
}

static cJSON *page_of(const char *query)
{
    struct http_reply reply = ask(query, token, NULL);
    if (reply.status != 200) printf("%s: %ld %s\n", query, (long)reply.status, reply.body);
    assert_int_equal(reply.status, 200);
    cJSON *page = cJSON_Parse(reply.body);
    assert_non_null(page);
    http_reply_free(&reply);
    return page;
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void take_cursor(const cJSON *page, char cursor[100])
{
    snprintf(cursor, 100, "%s", text_of(page, "next"));
}

static void cursor_now(char cursor[100])
{
    pg_settle(&web.pg);
    cJSON *page = page_of("?since=now");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 0);
    take_cursor(page, cursor);
    cJSON_Delete(page);
}

/* "type operation field,field;..." of all changes after the cursor, which moves on. */
static char *story(char cursor[100])
{
    static char out[8000];
    char query[160];
    snprintf(query, sizeof query, "?since=%s", cursor);
    cJSON *page = page_of(query), *change, *field;
    size_t n = 0;
    out[0] = 0;
    cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
        n += (size_t)snprintf(out + n, sizeof out - n, "%s %s", text_of(change, "type"), text_of(change, "operation"));
        cJSON_ArrayForEach(field, cJSON_GetObjectItem(change, "fields")) {
            char *before = cJSON_PrintUnformatted(cJSON_GetObjectItem(field, "before"));
            char *after = cJSON_PrintUnformatted(cJSON_GetObjectItem(field, "after"));
            bool is_time = strcmp(field->string, "deleted_at") == 0;
            n += (size_t)snprintf(out + n, sizeof out - n, " %s=%s>%s", field->string,
                                  is_time && strcmp(before, "null") != 0 ? "T" : before,
                                  is_time && strcmp(after, "null") != 0 ? "T" : after);
            free(before);
            free(after);
        }
        n += (size_t)snprintf(out + n, sizeof out - n, ";");
    }
    take_cursor(page, cursor);
    cJSON_Delete(page);
    return out;
}

TEST(test_each_kind_of_change_is_told_with_before_and_after)
{
    static const char *const steps[][2] = {
        {"INSERT INTO directories (logikal_id, name) VALUES ('d1', 'D 1'), ('d2', 'D 2')",
         "directory created name=null>\"D 1\" parent_id=null>null;directory created name=null>\"D 2\" "
         "parent_id=null>null;"},
        {"INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p', 'Haus', id FROM directories WHERE name = "
         "'D 1'",
         "project created name=null>\"Haus\" directory_id=null>1;"},
        {"UPDATE projects SET directory_id = 2, name = 'Haus B'",
         "project moved name=\"Haus\">\"Haus B\" directory_id=1>2;"},
        {"UPDATE projects SET synced_at = now(), last_sync_date = now(), updated_at = now(), sync_status = 'x'", ""},
        {"UPDATE projects SET name = name", ""},
        {"INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)",
         "phase created name=null>\"Phase\" project_id=null>1;"},
        {"INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e1', 'P01', 1, 1)",
         "elevation created name=null>\"P01\" phase_id=null>1;"},
        {"UPDATE elevations SET width = 1200.5, amount = 3", "elevation changed width=null>1200.5 amount=null>3;"},
        {"UPDATE elevations SET deleted_at = now(), name = 'P1'",
         "elevation vanished name=\"P01\">\"P1\" deleted_at=null>T;"},
        {"UPDATE elevations SET deleted_at = now() + interval '1 s'", "elevation changed deleted_at=T>T;"},
        {"UPDATE elevations SET deleted_at = NULL", "elevation returned deleted_at=T>null;"},
        {"INSERT INTO elevation_thumbnails (elevation_id, content, sha256, size_bytes) VALUES (1, 'x', 'aa', 1)",
         "thumbnail created sha256=null>\"aa\" size_bytes=null>1;"},
        {"UPDATE elevation_thumbnails SET content = 'y', sha256 = 'bb', fetched_at = now()",
         "thumbnail changed sha256=\"aa\">\"bb\";"},
        {"INSERT INTO elevation_parts_lists (elevation_id, content, sha256, size_bytes) VALUES (1, 'x', 'cc', 5)",
         "parts_list created sha256=null>\"cc\" size_bytes=null>5;"},
        {"UPDATE elevation_parts_lists SET content = NULL, sha256 = NULL, size_bytes = NULL",
         "parts_list vanished sha256=\"cc\">null size_bytes=5>null;"},
        {"INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G1', 'Float 4')",
         "glass created name=null>\"Float 4\" glass_id=null>\"G1\";"},
        {"DELETE FROM elevation_glass", "glass deleted name=\"Float 4\">null glass_id=\"G1\">null;"},
        {"INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e1', 'P2', 1, 1) ON CONFLICT "
         "(logikal_id)"
         " DO UPDATE SET name = excluded.name",
         "elevation changed name=\"P1\">\"P2\";"},
        {"TRUNCATE elevation_glass", "glass truncated;"},
    };
    char cursor[100];
    cursor_now(cursor);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        pg_exec(&web.pg, steps[i][0]);

        const char *told = story(cursor);

        if (strcmp(told, steps[i][1]) != 0) printf("%s\n", steps[i][0]);
        assert_string_equal(told, steps[i][1]);
    }
    pg_exec(&web.pg, "UPDATE elevations SET description = repeat('ä', 400)");
    assert_non_null(strstr(story(cursor), "\"size\":800"));
}

TEST(test_run_task_and_project_are_told)
{
    char cursor[100], query[160];
    cursor_now(cursor);

    pg_exec(&web.pg, "BEGIN; SET LOCAL logikald.run_id = '42'; SET LOCAL logikald.task_id = 'task-7';"
                     " UPDATE elevations SET name = 'told'; COMMIT");

    snprintf(query, sizeof query, "?since=%s&types=elevation&project=p", cursor);
    cJSON *page = page_of(query), *change = cJSON_GetArrayItem(cJSON_GetObjectItem(page, "changes"), 0);
    assert_int_equal(cJSON_GetObjectItem(change, "run_id")->valueint, 42);
    assert_string_equal(text_of(change, "task_id"), "task-7");
    assert_string_equal(text_of(change, "project_logikal_id"), "p");
    assert_string_equal(text_of(change, "logikal_id"), "e1");
    cJSON_Delete(page);
    snprintf(query, sizeof query, "?since=%s&project=other", cursor);
    page = page_of(query);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 0);
    cJSON_Delete(page);
    snprintf(query, sizeof query, "?since=%s&types=glass,phase", cursor);
    page = page_of(query);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 0);
    cJSON_Delete(page);
}

/* ---- writers that commit out of order ---- */

#define WRITERS      20
#define TRANSACTIONS 25
#define ROWS         3

static void write_out_of_order(int writer)
{
    PGconn *conn = pg_connect(&web.pg);
    unsigned seed = (unsigned)writer * 7919u + 1;
    for (int i = 0; i < TRANSACTIONS; i++) {
        char sql[400];
        PQclear(PQexec(conn, "BEGIN"));
        for (int row = 0; row < ROWS; row++) {
            snprintf(
                sql, sizeof sql,
                "INSERT INTO directories (logikal_id, name) VALUES ('w-%d-%d-%d', 'W'); SELECT pg_sleep(%d / 1000.0)",
                writer, i, row, rand_r(&seed) % 20);
            PQclear(PQexec(conn, sql));
        }
        PQclear(PQexec(conn, i % 5 == 4 ? "ROLLBACK" : "COMMIT"));
    }
    PQfinish(conn);
    _exit(0);
}

TEST(test_a_reader_misses_nothing_and_sees_nothing_twice_while_writers_commit_out_of_order)
{
    enum { EXPECTED = WRITERS * (TRANSACTIONS - TRANSACTIONS / 5) * ROWS };
    static unsigned char seen[WRITERS][TRANSACTIONS][ROWS];
    char cursor[100], query[200];
    pid_t pids[WRITERS];
    cursor_now(cursor);
    for (int i = 0; i < WRITERS; i++)
        if ((pids[i] = fork()) == 0) write_out_of_order(i);

    int count = 0, ended = 0;
    int64_t deadline = mono_ms() + 120000; /* anything else that writes may hold the last ones back for a moment */
    bool is_last = false;
    while ((!is_last || count < EXPECTED || ended < WRITERS) && mono_ms() < deadline) {
        is_last = ended == WRITERS;
        snprintf(query, sizeof query, "?since=%s&types=directory&limit=7", cursor);
        cJSON *page = page_of(query), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
            int w, t, row;
            assert_int_equal(sscanf(text_of(change, "logikal_id"), "w-%d-%d-%d", &w, &t, &row), 3);
            assert_int_equal(seen[w][t][row], 0);
            seen[w][t][row] = 1;
            assert_true(row == 0 || seen[w][t][row - 1]);
            count++;
        }
        if (cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"))) is_last = false;
        take_cursor(page, cursor);
        cJSON_Delete(page);
        while (ended < WRITERS && waitpid(-1, NULL, WNOHANG) > 0) ended++;
    }

    assert_int_equal(count, EXPECTED);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM directories WHERE logikal_id LIKE 'w-%'"), EXPECTED);
}

TEST(test_a_transaction_that_still_runs_holds_back_what_came_after_it)
{
    char cursor[100];
    cursor_now(cursor);
    PGconn *late = pg_connect(&web.pg);
    PQclear(PQexec(late, "BEGIN; UPDATE directories SET name = 'late' WHERE logikal_id = 'd1'"));

    pg_exec(&web.pg, "UPDATE directories SET name = 'early' WHERE logikal_id = 'd2'");

    assert_string_equal(story(cursor), "");
    PQclear(PQexec(late, "COMMIT"));
    assert_string_equal(story(cursor),
                        "directory changed name=\"D 1\">\"late\";directory changed name=\"D 2\">\"early\";");
    PQfinish(late);
}

TEST(test_changes_of_an_object_come_in_the_order_in_which_they_were_made)
{
    char cursor[100];
    cursor_now(cursor);
    PGconn *first = pg_connect(&web.pg), *second = pg_connect(&web.pg), *third = pg_connect(&web.pg);
    PQclear(PQexec(first, "BEGIN; UPDATE directories SET level = 100 WHERE logikal_id = 'd1'"));
    PQclear(PQexec(second, "BEGIN; SELECT pg_current_xact_id()")); /* it has its number, and writes later */
    PQclear(PQexec(third, "BEGIN; UPDATE directories SET level = 201 WHERE logikal_id = 'd2'; COMMIT"));
    PQclear(PQexec(first, "UPDATE directories SET level = 202 WHERE logikal_id = 'd2'; COMMIT"));
    PQclear(PQexec(second, "UPDATE directories SET level = 203 WHERE logikal_id = 'd2'; COMMIT"));

    const char *told = story(cursor), *at = told;
    static const char *const order[] = {"level=null>201", "level=201>202", "level=202>203"};
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, order[i]);
        if (!at) fail_msg("%s is not there, or too early: %s", order[i], told);
    }
    PQfinish(first);
    PQfinish(second);
    PQfinish(third);
}

static int64_t lag(void)
{
    struct http_reply reply = web_call(&web, "GET", "/metrics", "only-for-metrics", NULL);
    const char *at = strstr(reply.body, "\nlogikald_feed_lag_seconds ");
    assert_non_null(at);
    int64_t out = strtoll(at + 27, NULL, 10);
    http_reply_free(&reply);
    return out;
}

TEST(test_a_transaction_that_stays_open_is_told_with_who_holds_it)
{
    char words[80];
    PGconn *stuck = pg_connect(&web.pg);
    assert_int_equal(lag(), 0);
    PQclear(PQexec(stuck, "BEGIN; SET LOCAL application_name = 'forgotten'; UPDATE directories SET name = name"));
    pg_exec(&web.pg, "UPDATE projects SET description = 'held back'");

    snprintf(words, sizeof words, "by process %d of ", PQbackendPID(stuck));
    WAIT_UNTIL(process_logged(&web.process, "the feed of changes has been held back for"), 30000);
    assert_true(process_logged(&web.process, words));
    assert_true(lag() >= 2);
    struct http_reply page = web_call(&web, "GET", "/api/v1/verdict", web.admin, NULL);
    assert_non_null(strstr(page.body, "The feed of changes has been held back for"));
    http_reply_free(&page);

    PQclear(PQexec(stuck, "ROLLBACK"));
    PQfinish(stuck);
    WAIT_UNTIL(lag() == 0, 30000);
}

/* "type operation id;..." of what a reader of one project is told, with pages as small as can be. */
static char *told_of(const char *since, const char *project, const char *more)
{
    static char out[4000];
    char cursor[100], query[300];
    size_t n = 0;
    bool has_more = true;
    snprintf(cursor, sizeof cursor, "%s", since);
    for (out[0] = 0; has_more;) {
        snprintf(query, sizeof query, "?since=%s&limit=1&project=%s%s", cursor, project, more);
        cJSON *page = page_of(query), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes"))
            n += (size_t)snprintf(out + n, sizeof out - n, "%s %s %s;", text_of(change, "type"),
                                  text_of(change, "operation"), text_of(change, "logikal_id"));
        has_more = cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"));
        take_cursor(page, cursor);
        cJSON_Delete(page);
    }
    return out;
}

TEST(test_a_reader_of_one_project_is_told_what_left_it)
{
    char cursor[100], row[24], object[40], *value;
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('left', 'L'), ('right', 'R'), ('third', 'T')");
    pg_exec(&web.pg,
            "INSERT INTO phases (logikal_id, name, project_id) SELECT 'ph-' || logikal_id, 'x', id FROM projects"
            " WHERE logikal_id IN ('left', 'right', 'third')");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e-' || p.logikal_id || i,"
                     " 'x', h.id, p.id FROM projects p JOIN phases h ON h.project_id = p.id, generate_series(1, 3) i"
                     " WHERE p.logikal_id IN ('left', 'third')");
    cursor_now(cursor);
    value = pg_value(&web.pg, "SELECT id FROM projects WHERE logikal_id = 'left'");
    snprintf(row, sizeof row, "%s", value);
    free(value);
    value = pg_value(&web.pg, "SELECT id FROM elevations WHERE logikal_id = 'e-left2'");
    snprintf(object, sizeof object, "&object=%s", value);
    free(value);

    /* Those of two projects go to a third in one statement. */
    pg_exec(&web.pg,
            "UPDATE elevations SET phase_id = h.id, project_id = h.project_id FROM phases h WHERE h.logikal_id ="
            " 'ph-right' AND elevations.logikal_id IN ('e-third1', 'e-third2', 'e-left1', 'e-left2')");
    assert_string_equal(told_of(cursor, "left", ""), "elevation moved e-left1;elevation moved e-left2;");
    assert_string_equal(told_of(cursor, "third", ""), "elevation moved e-third1;elevation moved e-third2;");
    assert_string_equal(told_of(cursor, row, object), "elevation moved e-left2;");
    assert_string_equal(told_of(cursor, "third", object), "");
    assert_string_equal(told_of(cursor, "left", "&types=phase"), "");

    cursor_now(cursor);
    pg_exec(&web.pg, "DELETE FROM elevations WHERE logikal_id = 'e-left3'");
    pg_exec(&web.pg, "DELETE FROM phases WHERE logikal_id = 'ph-left'");
    pg_exec(&web.pg, "DELETE FROM projects WHERE logikal_id = 'left'");
    static const char all[] = "elevation deleted e-left3;phase deleted ph-left;project deleted left;";
    assert_string_equal(told_of(cursor, "left", ""), all);
    assert_string_equal(told_of(cursor, row, ""), all);
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('left', 'again')");
    assert_non_null(strstr(told_of(cursor, "left", ""), "project deleted left;project created left;"));
    assert_string_equal(told_of(cursor, "third", ""), "");
}

TEST(test_what_goes_with_its_parent_is_told_with_its_ids)
{
    char cursor[100], query[200];
    int count = 0;
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('whole', 'W')");
    pg_exec(&web.pg,
            "INSERT INTO elevations (logikal_id, name, project_id) SELECT 'whole-' || i, 'x', id FROM projects,"
            " generate_series(1, 3) i WHERE logikal_id = 'whole'");
    pg_exec(&web.pg, "INSERT INTO elevation_thumbnails (elevation_id, sha256) SELECT id, 'a' FROM elevations"
                     " WHERE logikal_id LIKE 'whole-%'");
    pg_exec(&web.pg, "INSERT INTO elevation_parts_lists (elevation_id, sha256) SELECT id, 'b' FROM elevations"
                     " WHERE logikal_id IN ('whole-1', 'whole-3')");
    cursor_now(cursor);

    /* one by a statement of its own, two at once and with their project, one of them without its thumbnail by then */
    pg_exec(&web.pg, "DELETE FROM elevations WHERE logikal_id = 'whole-1'");
    pg_exec(&web.pg,
            "BEGIN; DELETE FROM elevation_thumbnails t USING elevations e WHERE e.id = t.elevation_id AND"
            " e.logikal_id = 'whole-2'; WITH gone AS (DELETE FROM elevations WHERE logikal_id LIKE 'whole-%'"
            " RETURNING id) SELECT count(*) FROM gone; DELETE FROM projects WHERE logikal_id = 'whole'; COMMIT");

    snprintf(query, sizeof query, "?since=%s&project=whole", cursor);
    cJSON *page = page_of(query), *change;
    cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
        const char *id = text_of(change, "logikal_id");
        assert_string_equal(text_of(change, "operation"), "deleted");
        assert_string_equal(text_of(change, "project_logikal_id"), "whole");
        assert_non_null(id);
        assert_int_equal(strncmp(id, "whole", 5), 0);
        count++;
    }
    cJSON_Delete(page);
    assert_int_equal(count, 3 + 3 + 2 + 1);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM changes_leaving"), 0);
}

/* ---- waiting ---- */

struct waiter {
    pthread_t thread;
    char query[200];
    const char *bearer, *header;
    struct http_reply reply;
    int64_t took_ms;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *w = arg;
    int64_t began = mono_ms();
    w->reply = ask(w->query, w->bearer, w->header);
    w->took_ms = mono_ms() - began;
    return NULL;
}

static void waiter_start(struct waiter *w, const char *bearer, int seconds, const char *more)
{
    char cursor[100];
    cursor_now(cursor);
    snprintf(w->query, sizeof w->query, "?since=%s&wait=%d%s", cursor, seconds, more);
    w->bearer = bearer;
    pthread_create(&w->thread, NULL, wait_in_thread, w);
}

TEST(test_who_waits_is_answered_when_something_comes)
{
    struct waiter waiters[8] = {0};
    for (int i = 0; i < 8; i++) waiter_start(&waiters[i], token, 50, i == 7 ? "&types=glass" : "");
    usleep(300000);

    pg_exec(&web.pg, "UPDATE directories SET name = 'woken' WHERE logikal_id = 'd1'");
    for (int i = 0; i < 7; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].reply.status, 200);
        assert_non_null(strstr(waiters[i].reply.body, "woken"));
        assert_true(waiters[i].took_ms < 40000);
        http_reply_free(&waiters[i].reply);
    }
    pg_exec(&web.pg, "INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G9', 'late pane')");

    pthread_join(waiters[7].thread, NULL);
    assert_non_null(strstr(waiters[7].reply.body, "late pane"));
    assert_null(strstr(waiters[7].reply.body, "woken"));
    http_reply_free(&waiters[7].reply);
}

TEST(test_who_waits_in_vain_is_answered_at_the_end_of_its_time)
{
    struct waiter w = {0};

    waiter_start(&w, token, 1, "");
    pthread_join(w.thread, NULL);

    assert_int_equal(w.reply.status, 200);
    assert_non_null(strstr(w.reply.body, "\"changes\":[],\"next\":\""));
    assert_true(w.took_ms >= 1000);
    http_reply_free(&w.reply);
}

TEST(test_who_waits_for_lines_takes_no_place_of_large_answers)
{
    enum { READERS = 40 };
    static struct waiter waiters[READERS];
    for (int i = 0; i < READERS; i++) {
        waiters[i].header = i % 4 == 3 ? NULL : "Accept: application/x-ndjson";
        waiter_start(&waiters[i], token, 55, i % 8 == 6 ? "&types=directory" : "");
    }
    usleep(1000000);

    int64_t began = mono_ms();
    struct http_reply other = ask("?since=start&limit=3", token, "Accept: application/x-ndjson");
    assert_int_equal(other.status, 200);
    assert_true(mono_ms() - began < 15000);
    http_reply_free(&other);

    pg_exec(&web.pg, "UPDATE directories SET name = 'to all' WHERE logikal_id = 'd1'");
    for (int i = 0; i < READERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].reply.status, 200);
        assert_non_null(strstr(waiters[i].reply.body, "to all"));
        assert_non_null(strstr(waiters[i].reply.body, "\"next\":\""));
        http_reply_free(&waiters[i].reply);
    }
}

/* A request that nobody reads the answer of yet. */
static int connect_and_wait(const char *bearer, const char *cursor)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)web.port)};
    char text[2600];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(text, sizeof text,
                     "GET /api/v1/changes?since=%s&wait=55 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
                     cursor, bearer);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static bool is_refused(const char *bearer, const char *query)
{
    struct http_reply reply = ask(query, bearer, NULL);
    int status = reply.status;
    http_reply_free(&reply);
    assert_true(status == 200 || status == 503);
    return status == 503;
}

static int count_answered(const int *fds, int n)
{
    int count = 0;
    char byte;
    for (int i = 0; i < n; i++) count += recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    return count;
}

/* In each of the ways in which a client goes. */
static void leave(int fd, int way)
{
    static const struct linger reset = {.l_onoff = 1};
    if (way == 1) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (way == 2) assert_int_equal(send(fd, "GET /health HT", 14, MSG_NOSIGNAL), 14); /* of its next request */
    close(fd);
}

TEST(test_one_client_does_not_take_all_places_to_wait_and_who_goes_gives_his_back)
{
    enum { OWN = 64, MORE = 8, ALL = OWN + MORE, ROUNDS = 3 };
    char *other = web_client(&web, "patient", "[\"projects:read\",\"elevations:read\"]"), cursor[100], query[160];
    int fds[ALL];
    cursor_now(cursor);
    for (int way = 0; way < ROUNDS; way++) {
        int64_t began = mono_ms();
        snprintf(query, sizeof query, "?since=%s&wait=1", cursor);
        for (int i = 0; i < ALL; i++) fds[i] = connect_and_wait(token, cursor);
        WAIT_UNTIL(count_answered(fds, ALL) >= MORE, 20000); /* refused: all others wait */
        assert_true(is_refused(token, query));
        if (way == 0) {
            assert_false(is_refused(other, query));
            assert_false(is_refused(web.admin, query));
            snprintf(query, sizeof query, "?since=%s", cursor); /* without waiting */
            assert_false(is_refused(token, query));
            snprintf(query, sizeof query, "?since=%s&wait=1", cursor);
        }

        for (int i = 0; i < ALL; i++) leave(fds[i], way);
        WAIT_UNTIL(!is_refused(token, query), 20000);
        assert_true(mono_ms() - began < 50000); /* long before their time was over */
    }
    free(other);
}

TEST(test_who_closes_only_its_sending_side_is_answered)
{
    char cursor[100], answer[4000] = "";
    size_t n = 0;
    cursor_now(cursor);
    int fd = connect_and_wait(token, cursor);

    shutdown(fd, SHUT_WR);
    for (ssize_t got; n + 1 < sizeof answer && (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0;)
        n += (size_t)got;

    close(fd);
    assert_non_null(strstr(answer, " 200 OK"));
    assert_non_null(strstr(answer, "\"next\":\""));
}

TEST(test_who_loses_the_right_while_waiting_gets_nothing)
{
    char *other = web_client(&web, "other", "[\"projects:read\",\"elevations:read\"]");
    struct waiter w = {0};
    waiter_start(&w, other, 50, "");
    usleep(300000);

    assert_int_equal(web_status(&web, "PUT", "/api/v1/client-auth/clients/other", web.admin, "{\"is_active\":false}"),
                     200);
    pg_exec(&web.pg, "UPDATE directories SET name = 'secret' WHERE logikal_id = 'd1'");
    pthread_join(w.thread, NULL);

    assert_int_equal(w.reply.status, 401);
    assert_null(strstr(w.reply.body, "secret"));
    http_reply_free(&w.reply);
    free(other);
}

TEST(test_both_rights_are_needed)
{
    char *half = web_client(&web, "half", "[\"projects:read\"]"),
         *other = web_client(&web, "half2", "[\"elevations:read\"]");
    struct http_reply a = ask("", half, NULL), b = ask("", other, NULL);
    assert_int_equal(a.status, 403);
    assert_int_equal(b.status, 403);
    http_reply_free(&a);
    http_reply_free(&b);
    free(half);
    free(other);
}

/* ---- cursors, lines, age ---- */

TEST(test_what_is_no_cursor_is_refused)
{
    static const char *const bad[] = {
        "x",      "1-2-3",      "1-2-3-4-5",    "-1-2-3-4", "1--2-3-4", "1-2-3-4%20", "1-2-3-99999999999999999999",
        "1-2-3-", "%2B1-2-3-4", "1-2-3-4;drop", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char query[120];
        snprintf(query, sizeof query, "?since=%s", bad[i]);
        struct http_reply reply = ask(query, token, NULL);
        if (reply.status != 422) printf("%s\n", query);
        assert_int_equal(reply.status, 422);
        http_reply_free(&reply);
    }
    static const char *const queries[] = {"?types=window", "?types=project,", "?limit=0",
                                          "?limit=10001",  "?wait=56",        "?wait=-1"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct http_reply reply = ask(queries[i], token, NULL);
        if (reply.status != (i == 1 ? 200 : 422)) printf("%s\n", queries[i]);
        assert_int_equal(reply.status, i == 1 ? 200 : 422);
        http_reply_free(&reply);
    }
}

TEST(test_lines_are_streamed_and_end_with_the_cursor)
{
    char cursor[100], query[200];
    cursor_now(cursor);
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 's' || i, 'S ' || i, 1, 1"
                     " FROM generate_series(1, 2600) i");
    snprintf(query, sizeof query, "?since=%s&limit=2550", cursor);

    struct http_reply reply = ask(query, token, "Accept: application/x-ndjson");

    assert_int_equal(reply.status, 200);
    int lines = 0;
    char last[100] = "";
    for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *change = cJSON_Parse(line);
        assert_non_null(change);
        if (cJSON_GetObjectItem(change, "next"))
            take_cursor(change, last);
        else
            lines++;
        cJSON_Delete(change);
    }
    assert_int_equal(lines, 2550);
    snprintf(query, sizeof query, "?since=%s", last);
    cJSON *page = page_of(query);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 50);
    cJSON_Delete(page);
    http_reply_free(&reply);
}

TEST(test_a_cursor_older_than_what_is_kept_is_gone_and_start_still_works)
{
    char cursor[100], query[200];
    cursor_now(cursor);
    pg_exec(&web.pg, "UPDATE directories SET name = 'old' WHERE logikal_id = 'd1'");
    pg_exec(&web.pg, "UPDATE directories SET name = 'new' WHERE logikal_id = 'd1'");
    /* as the cleanup task does it, for all but the newest block */
    pg_exec(&web.pg,
            "WITH gone AS (DELETE FROM changes WHERE (epoch, xid, seq) < (SELECT epoch, xid, seq FROM changes ORDER BY"
            " epoch DESC, xid DESC, seq DESC LIMIT 1) RETURNING epoch, xid, seq) UPDATE changes_state s SET"
            " pruned_epoch = g.epoch, pruned_xid = g.xid, pruned_seq = g.seq FROM (SELECT * FROM gone ORDER BY"
            " epoch DESC, xid DESC, seq DESC LIMIT 1) g");
    snprintf(query, sizeof query, "?since=%s", cursor);

    struct http_reply reply = ask(query, token, NULL);

    assert_int_equal(reply.status, 410);
    assert_non_null(strstr(reply.body, "CURSOR_EXPIRED"));
    http_reply_free(&reply);
    cJSON *page = page_of("?since=start");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 1);
    cJSON_Delete(page);
    reply = ask("?since=1-999999999999-0-0", token, NULL);
    assert_int_equal(reply.status, 410);
    assert_non_null(strstr(reply.body, "CURSOR_UNKNOWN"));
    http_reply_free(&reply);
}

TEST(test_a_restored_database_begins_a_new_epoch)
{
    char cursor[100];
    cursor_now(cursor);
    pg_exec(&web.pg, "UPDATE changes SET xid = (xid::text::bigint + 1000000)::text::xid8");

    web_stop(&web);
    web_migrate(&web);
    static const char *const environment[] = {"RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", "LOG_LEVEL=warning",
                                              NULL};
    web_run(&web, environment, true);

    cJSON *page = page_of("?since=start");
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")) > 0);
    assert_true(strncmp(text_of(page, "next"), "2-", 2) == 0);
    cJSON_Delete(page);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_kind_of_change_is_told_with_before_and_after),
    cmocka_unit_test(test_run_task_and_project_are_told),
    cmocka_unit_test(test_a_transaction_that_still_runs_holds_back_what_came_after_it),
    cmocka_unit_test(test_a_transaction_that_stays_open_is_told_with_who_holds_it),
    cmocka_unit_test(test_changes_of_an_object_come_in_the_order_in_which_they_were_made),
    cmocka_unit_test(test_a_reader_misses_nothing_and_sees_nothing_twice_while_writers_commit_out_of_order),
    cmocka_unit_test(test_a_reader_of_one_project_is_told_what_left_it),
    cmocka_unit_test(test_what_goes_with_its_parent_is_told_with_its_ids),
    cmocka_unit_test(test_who_waits_is_answered_when_something_comes),
    cmocka_unit_test(test_who_waits_in_vain_is_answered_at_the_end_of_its_time),
    cmocka_unit_test(test_who_waits_for_lines_takes_no_place_of_large_answers),
    cmocka_unit_test(test_one_client_does_not_take_all_places_to_wait_and_who_goes_gives_his_back),
    cmocka_unit_test(test_who_closes_only_its_sending_side_is_answered),
    cmocka_unit_test(test_who_loses_the_right_while_waiting_gets_nothing),
    cmocka_unit_test(test_both_rights_are_needed),
    cmocka_unit_test(test_what_is_no_cursor_is_refused),
    cmocka_unit_test(test_lines_are_streamed_and_end_with_the_cursor),
    cmocka_unit_test(test_a_cursor_older_than_what_is_kept_is_gone_and_start_still_works),
    cmocka_unit_test(test_a_restored_database_begins_a_new_epoch),
};
TEST_MAIN(tests, set_up, tear_down)
