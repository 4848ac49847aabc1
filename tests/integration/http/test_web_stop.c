/* Ends while requests wait: of web itself, of PostgreSQL, of Redis, and of the clients, under every kind of request
 * that waits for something. Nobody reaches a request that is no more (the sanitizers watch), and web ends well. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/operations.h"
#include "tests/support/web.h"

#define MANY 900

static struct web_server web;
static struct redis_server redis;
static cJSON *api;
static char client[2000], redis_url[160];
static int fds[MANY];
static int fd_count;

static void run(void)
{
    if (process_running(&web.process)) return;
    const char *const env[] = {redis_url,
                               "LOG_LEVEL=info",
                               "DATABASE_STATEMENT_TIMEOUT_MS=120000",
                               "HTTP_MAX_CONNECTIONS_PER_ADDRESS=2000",
                               "HTTP_TIMEOUT_SECONDS=300",
                               NULL};
    web_run(&web, env, true);
    web_log_in(&web);
}

FIXTURE(set_up)
{
    signal(SIGPIPE, SIG_IGN);
    web_servers(&web);
    redis_server_start(&redis, NULL);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", redis.url);
    pg_exec(&web.pg, "INSERT INTO directories (id, logikal_id, name) VALUES (1, 'd', 'd');"
                     "INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (1, '1', 'p', 1);"
                     "INSERT INTO phases (id, logikal_id, name, project_id) VALUES (1, '1', 'h', 1);"
                     "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e' || i, 'E ' || i, 1, 1"
                     " FROM generate_series(1, 6000) i; ANALYZE");
    run();
    char *token = web_client(&web, "1", "[\"projects:read\",\"elevations:read\",\"sync:write\",\"admin:read\"]");
    snprintf(client, sizeof client, "%s", token);
    free(token);
    api = operations_load(&web);
    return 0;
}

FIXTURE(tear_down)
{
    cJSON_Delete(api);
    web_end(&web);
    redis_server_stop(&redis);
    return 0;
}

/* ---- requests ---- */

static void send_request(const char *method, const char *path, const char *token, const char *body)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[3000];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small); /* a stream waits for its reader */
    int len = snprintf(text, sizeof text,
                       "%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       method, path, token, strlen(body), body);
    if (fd < 0 || fd_count == MANY) fail_msg("too many requests");
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    fds[fd_count++] = fd;
}

/* Every operation that reads, as client and as administrator, equal ones thrice (they wait for one another), as HEAD
 * once; logins; and changes that wait for a table or for Redis. */
static void send_all(void)
{
    static const char *const changes[][3] = {
        {"POST", "/api/v1/client-auth/login", "{\"client_id\":\"1\",\"client_secret\":\"x\"}"},
        {"POST", "/api/v1/client-auth/register", "{\"client_id\":\"new\",\"name\":\"n\"}"},
        {"POST", "/api/v1/admin/login", "{\"username\":\"admin\",\"password\":\"x\"}"},
        {"POST", "/api/v1/auth/login", "{\"base_url\":\"http://x\",\"username\":\"a\",\"password\":\"x\"}"},
        {"POST", "/api/v1/sync-status/project/1/sync-if-needed", ""},
        {"POST", "/ui/api/tasks/bulk", "{\"list\":\"running\",\"action\":\"cancel\"}"},
        {"POST", "/api/v1/sync/incremental", ""},
    };
    const cJSON *paths = cJSON_GetObjectItem(api, "paths");
    fd_count = 0;
    for (const cJSON *item = paths->child; item; item = item->next) {
        const cJSON *get = cJSON_GetObjectItem(item, "get");
        char path[512];
        if (!get || strncmp(item->string, "/assets", 7) == 0) continue;
        operations_path(item->string, get, path, sizeof path);
        for (int i = 0; i < 3; i++) send_request("GET", path, client, "");
        send_request("GET", path, web.admin, "");
        send_request("HEAD", path, web.admin, "");
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (int k = 0; k < 3; k++) send_request(changes[i][0], changes[i][1], k ? web.admin : client, changes[i][2]);
    for (int i = 0; i < 30; i++) send_request("GET", "/api/v1/elevations/cached", client, ""); /* more than have room */
}

static void close_all(bool by_reset)
{
    struct linger at_once = {by_reset, 0};
    for (int i = 0; i < fd_count; i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fds[i]);
    }
    fd_count = 0;
}

/* ---- what they wait for ---- */

/* Nobody reads or writes any table but those that tell who asks. */
static PGconn *lock_tables(bool with_sessions)
{
    PGconn *pg = pg_connect(&web.pg);
    char sql[600];
    snprintf(sql, sizeof sql,
             "BEGIN; DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
             " AND (%s OR tablename NOT IN ('clients', 'admin_sessions', 'table_versions', 'web_keys')) LOOP EXECUTE"
             " format('LOCK TABLE %%I IN ACCESS EXCLUSIVE MODE', t); END LOOP; END $$",
             with_sessions ? "true" : "false");
    for (int i = 0; i < 50; i++) { /* a statement of web may hold one table and want another: PostgreSQL ends us then */
        PGresult *result = PQexec(pg, sql);
        bool is_good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (is_good) return pg;
        PQclear(PQexec(pg, "ROLLBACK"));
    }
    fail_msg("%s", PQerrorMessage(pg));
    return NULL;
}

static bool someone_waits(void)
{
    return pg_int(&web.pg, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0;
}

/* Told twice: no grace. */
static void stop_at_once(void)
{
    process_signal(&web.process, SIGTERM);
    WAIT_UNTIL(process_logged(&web.process, "finishing requests"), 20000);
    process_signal(&web.process, SIGTERM);
    int status = process_wait(&web.process, 30000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char *log = process_log(&web.process);
        const char *report = strstr(log, "ERROR: ");
        fail_msg("wait status %x: %.6000s", status, report ? report : log);
    }
}

static void expect_service(void)
{
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 30000);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200, 30000);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/1", client, NULL), 200);
}

/* All are answered, or their connections ended. */
static void hear_all(void)
{
    char bytes[65536];
    for (int i = 0; i < fd_count; i++) {
        struct pollfd p = {.fd = fds[i], .events = POLLIN};
        if (poll(&p, 1, 60000) != 1) fail_msg("request %d of %d waits for ever", i, fd_count);
        ssize_t n = recv(fds[i], bytes, sizeof bytes, 0);
        if (n > 0 && memcmp(bytes, "HTTP/1.1 ", 9) != 0) fail_msg("request %d: %.*s", i, (int)n, bytes);
    }
}

/* ---- ends ---- */

TEST(test_web_stops_while_all_wait_for_tables)
{
    for (int i = 0; i < 2; i++) {
        PGconn *pg = lock_tables(i == 1);
        send_all();
        WAIT_UNTIL(someone_waits(), 20000);
        stop_at_once();
        PQfinish(pg);
        close_all(false);
        run();
    }
}

TEST(test_web_stops_while_redis_says_nothing)
{
    process_signal(&redis.process, SIGSTOP);
    send_all();
    WAIT_UNTIL(web_status(&web, "GET", "/health", NULL, NULL) == 200, 20000);
    stop_at_once();
    process_signal(&redis.process, SIGCONT);
    close_all(false);
    run();
}

TEST(test_web_stops_while_streams_wait_for_their_readers)
{
    send_all();
    struct pollfd p = {.fd = fds[fd_count - 20], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 30000), 1);
    stop_at_once();
    close_all(false);
    run();
}

TEST(test_clients_go_while_they_wait)
{
    for (int i = 0; i < 3; i++) {
        PGconn *pg = i < 2 ? lock_tables(false) : NULL;
        send_all();
        if (pg) WAIT_UNTIL(someone_waits(), 20000);
        close_all(i != 1);
        if (pg) PQfinish(pg);
        expect_service();
    }
}

TEST(test_postgresql_goes_while_all_wait_for_it)
{
    PGconn *pg = lock_tables(false);
    send_all();
    WAIT_UNTIL(someone_waits(), 20000);
    pg_kill(&web.pg);
    PQfinish(pg);
    for (int i = 0; i < fd_count; i++) shutdown(fds[i], SHUT_WR); /* event streams end so, too */
    pg_restart(&web.pg);
    expect_service();
    close_all(false);
}

TEST(test_redis_goes_while_all_wait_for_it)
{
    process_signal(&redis.process, SIGSTOP);
    send_all();
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    process_signal(&redis.process, SIGCONT);
    redis_server_kill(&redis);
    redis_server_restart(&redis);
    expect_service();
    close_all(false);
}

TEST(test_everybody_is_answered_once_the_tables_are_free)
{
    PGconn *pg = lock_tables(true);
    send_all();
    WAIT_UNTIL(someone_waits(), 20000);
    PQfinish(pg);
    hear_all();
    close_all(false);
    expect_service();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_web_stops_while_all_wait_for_tables),
    cmocka_unit_test(test_web_stops_while_redis_says_nothing),
    cmocka_unit_test(test_web_stops_while_streams_wait_for_their_readers),
    cmocka_unit_test(test_clients_go_while_they_wait),
    cmocka_unit_test(test_postgresql_goes_while_all_wait_for_it),
    cmocka_unit_test(test_redis_goes_while_all_wait_for_it),
    cmocka_unit_test(test_everybody_is_answered_once_the_tables_are_free),
};
TEST_MAIN(tests, set_up, tear_down)
