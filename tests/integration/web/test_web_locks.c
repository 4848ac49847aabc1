/* A table that somebody has locked: what needs it waits for it, and nothing else does. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/web.h"

#define MANY   64
#define SOON_S 10 /* generous: without the lock it is milliseconds, behind it the statement timeout of 20 s */

static struct web_server web;
static char *client;
static int fds[MANY];
static int fd_count;

FIXTURE(set_up)
{
    static const char *const env[] = {"LOG_LEVEL=warning", "DATABASE_STATEMENT_TIMEOUT_MS=20000", NULL};
    signal(SIGPIPE, SIG_IGN);
    web_servers(&web);
    web_run(&web, env, true);
    web_log_in(&web);
    client = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\",\"admin:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(client);
    web_end(&web);
    return 0;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(const char *path, const char *token)
{
    char text[2500];
    int len =
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", path, token);
    assert_true(fd_count < MANY);
    int fd = fds[fd_count++] = web_connect(&web);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

/* Status of each; fails when one waits longer. */
static void hear(int from, int to, int ms, int wanted)
{
    char bytes[4096];
    for (int i = from; i < to; i++) {
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        if (poll(&p, 1, ms) != 1) fail_msg("request %d waits", i);
        ssize_t n = recv(fds[i], bytes, sizeof bytes - 1, 0);
        bytes[n < 0 ? 0 : n] = 0;
        if (n < 12 || atoi(bytes + 9) != wanted) fail_msg("request %d: %s", i, bytes);
    }
}

static bool waits(int i)
{
    struct pollfd p = {.fd = fds[i], .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

static void finish(void)
{
    while (fd_count > 0) close(fds[--fd_count]);
}

static PGconn *lock(const char *tables)
{
    char sql[300];
    PGconn *pg = pg_connect(&web.pg);
    snprintf(sql, sizeof sql, "SET lock_timeout = 30000; BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", tables);
    PGresult *result = PQexec(pg, sql);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    return pg;
}

static void expect_soon(const char *method, const char *path, const char *token, const char *body, int wanted)
{
    double began = now_s();
    int status = web_status(&web, method, path, token, body);
    if (status != wanted) fail_msg("%s: %d instead of %d", path, status, wanted);
    if (now_s() - began > SOON_S) fail_msg("%s took %.1f s", path, now_s() - began);
}

static void expect_the_rest_soon(void)
{
    for (int i = 0; i < 5; i++) {
        expect_soon("GET", "/api/v1/admin/verify", web.admin, NULL, 200);
        expect_soon("GET", "/api/v1/client-auth/me", client, NULL, 200);
        expect_soon("GET", "/api/v1/directories/cached", client, NULL, 200);
        expect_soon("GET", "/api/v1/admin/sync-intervals/", client, NULL, 200);
        expect_soon("POST", "/api/v1/admin/login", NULL,
                    "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}", 200);
    }
}

/* Then it is known that such ones are answered, and they get more than one connection. */
static void hear_of_a_project(void)
{
    expect_soon("GET", "/api/v1/projects/g1", client, NULL, 404);
}

TEST(test_one_that_waits_for_a_table_holds_up_nothing)
{
    PGconn *pg = lock("projects");
    begin("/api/v1/projects/g1", client);
    expect_the_rest_soon();
    assert_true(waits(0));
    PQfinish(pg);
    hear(0, 1, 20000, 404);
    finish();
}

/* All at once, so that nobody knows yet what will wait. */
TEST(test_many_equal_ones_hold_up_nothing)
{
    char path[64];
    PGconn *pg = lock("projects");
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/api/v1/projects/g%d", i);
        begin(path, client);
    }
    for (int i = 0; i < 20; i++) begin("/api/v1/admin/verify", web.admin);
    hear(40, 60, SOON_S * 1000, 200);
    expect_the_rest_soon();
    for (int i = 0; i < 40; i++) assert_true(waits(i));
    PQfinish(pg);
    hear(0, 40, 20000, 404);
    finish();
}

static int64_t waiting_for_locks(void)
{
    return pg_int(&web.pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name"
                           " LIKE 'logikald web%'");
}

static void begin_many(void)
{
    char path[64];
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/api/v1/projects/g%d", i);
        begin(path, client);
    }
}

/* Web asks by itself, every few seconds, what the locked table has a part in: before the requests, or after them. */
TEST(test_what_web_asks_by_itself_takes_not_the_last_connection)
{
    for (int round = 0; round < 2; round++) {
        hear_of_a_project();
        PGconn *pg = lock("projects");
        if (round == 0) WAIT_UNTIL(waiting_for_locks() > 0, 30000);
        begin_many();
        if (round == 1) {
            WAIT_UNTIL(waiting_for_locks() > 0, 30000);
            int64_t until = support_deadline(6000); /* longer than from one look of its own to the next */
            while (!support_late(until)) support_pause();
        }
        expect_the_rest_soon();
        for (int i = 0; i < 40; i++) assert_true(waits(i));
        PQfinish(pg);
        hear(0, 40, 20000, 404);
        finish();
    }
}

TEST(test_those_sent_together_with_one_that_waits_are_not_held_up)
{
    for (int round = 0; round < 5; round++) {
        PGconn *pg = lock("projects");
        for (int i = 0; i < 3; i++) begin("/api/v1/client-auth/me", client);
        begin("/api/v1/projects/together", client);
        for (int i = 0; i < 20; i++)
            begin(i % 2 ? "/api/v1/client-auth/clients" : "/api/v1/admin/sync-intervals/", client);
        hear(0, 3, SOON_S * 1000, 200);
        hear(4, 24, SOON_S * 1000, 200);
        assert_true(waits(3));
        PQfinish(pg);
        hear(3, 4, 20000, 404);
        finish();
    }
}

TEST(test_reports_that_wait_hold_up_nothing)
{
    static const char *const paths[] = {"/api/v1/odoo/stats",
                                        "/api/v1/odoo/search?q=x",
                                        "/api/v1/sync-status/summary",
                                        "/api/v1/odoo/projects",
                                        "/api/v1/elevations/cached",
                                        "/api/v1/phases/cached",
                                        "/api/v1/advanced-sync/integrity-report",
                                        "/api/v1/projects/g1"};
    PGconn *pg = lock("projects, phases, elevations");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) begin(paths[i], client);
    for (int i = 0; i < 5; i++) {
        expect_soon("GET", "/api/v1/admin/verify", web.admin, NULL, 200);
        expect_soon("GET", "/api/v1/client-auth/me", client, NULL, 200);
    }
    PQfinish(pg);
    for (int i = 0; i < fd_count; i++) {
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        assert_int_equal(poll(&p, 1, 30000), 1);
    }
    finish();
}

/* A lock that stays: the statement ends with its timeout, and those that found no connection with theirs. */
TEST(test_nobody_waits_for_ever)
{
    static const char *const env[] = {"LOG_LEVEL=warning", "DATABASE_STATEMENT_TIMEOUT_MS=2000", "DATABASE_POOL_SIZE=2",
                                      NULL};
    char path[64];
    web_stop(&web);
    web_run(&web, env, true);
    PGconn *pg = lock("projects");
    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "/api/v1/projects/g%d", i);
        begin(path, client);
    }
    hear(0, 30, 20000, 503);
    expect_soon("GET", "/api/v1/admin/verify", web.admin, NULL, 200);
    PQfinish(pg);
    finish();
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/projects/g1", client, NULL) == 404, 20000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_one_that_waits_for_a_table_holds_up_nothing),
    cmocka_unit_test(test_many_equal_ones_hold_up_nothing),
    cmocka_unit_test(test_what_web_asks_by_itself_takes_not_the_last_connection),
    cmocka_unit_test(test_those_sent_together_with_one_that_waits_are_not_held_up),
    cmocka_unit_test(test_reports_that_wait_hold_up_nothing),
    cmocka_unit_test(test_nobody_waits_for_ever),
};
TEST_MAIN(tests, set_up, tear_down)
