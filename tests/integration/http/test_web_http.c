/* HTTP at its edges: requests that cannot be read are answered like all others, and each request is one line of the
 * access log with named fields, also after its way through the supervisor. */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;

FIXTURE(set_up)
{
    static const char *const settings[] = {"HTTP_MAX_BODY_BYTES=4096",
                                           "HTTP_MAX_HEADER_BYTES=2048",
                                           "METRICS_TOKEN=0123456789abcdef0123",
                                           "LOG_FORMAT=json",
                                           "LOG_LEVEL=debug",
                                           NULL};
    signal(SIGPIPE, SIG_IGN);
    web_servers(&web);
    web_run(&web, settings, true);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    return 0;
}

/* All that comes until the other side closes. */
static char *hear(int fd)
{
    static char got[65536];
    size_t n = 0;
    for (int64_t deadline = support_deadline(10000); !support_late(deadline);) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) != 1) continue;
        ssize_t k = read(fd, got + n, sizeof got - 1 - n);
        if (k <= 0) break;
        n += (size_t)k;
    }
    close(fd);
    got[n] = 0;
    return got;
}

/* Sends these bytes and returns all that comes until the other side closes. */
static char *talk(const char *bytes, size_t len)
{
    int fd = web_connect(&web);
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    return hear(fd);
}

/* The logged request with this id, as JSON; NULL while there is none. */
static cJSON *logged(struct process *p, const char *id)
{
    char *log = process_log(p), *rest = log, *line;
    cJSON *found = NULL;
    while (!found && (line = strsep(&rest, "\n")) != NULL) {
        cJSON *json = cJSON_Parse(line);
        const char *its = cJSON_GetStringValue(cJSON_GetObjectItem(json, "request_id"));
        if (its && strcmp(its, id) == 0)
            found = json;
        else
            cJSON_Delete(json);
    }
    free(log);
    return found;
}

TEST(test_a_request_that_cannot_be_read_is_answered_like_all_others)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"nonsense\r\n\r\n", 400},
        {"GET /health HTTP/9.9.9\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\nNo colon here\r\n\r\n", 400},
        {"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n", 413},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", 413},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n", 417},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char first[40], id[17] = "";
        snprintf(first, sizeof first, "HTTP/1.1 %d ", rows[i].status);
        const char *got = talk(rows[i].text, strlen(rows[i].text)), *body = strstr(got, "\r\n\r\n");
        const char *given = strstr(got, "X-Request-ID: ");
        if (strncmp(got, first, strlen(first)) != 0 || !body || !given) fail_msg("%.60s: %s", rows[i].text, got);
        snprintf(id, sizeof id, "%.16s", given + strlen("X-Request-ID: "));
        cJSON *json = cJSON_Parse(body + 4);
        if (!cJSON_IsString(cJSON_GetObjectItem(json, "detail"))) fail_msg("%.60s: %s", rows[i].text, got);
        assert_non_null(strstr(got, "Content-Type: application/json\r\n"));
        assert_non_null(strstr(got, "X-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(got, "Connection: close\r\n"));
        assert_null(strstr(got, "<html>"));
        cJSON_Delete(json);

        cJSON *line = logged(&web.process, id);
        if (!line) fail_msg("%.60s is not in the access log", rows[i].text);
        assert_int_equal(cJSON_GetObjectItem(line, "status")->valueint, rows[i].status);
        assert_string_equal(cJSON_GetObjectItem(line, "address")->valuestring, "127.0.0.1");
        cJSON_Delete(line);
    }
    struct http_reply reply = web_call(&web, "GET", "/metrics", "0123456789abcdef0123", NULL);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "status=\"501\"} 2\n"));
    assert_non_null(strstr(reply.body, "status=\"413\"} 2\n"));
    http_reply_free(&reply);
}

/* Sends head and then filler (again and again) until size bytes are on their way, and expects the status and nothing
 * but it: the connection must not be reset while the client still sends. */
static void expect_refusal(const char *head, const char *filler, size_t size, int status)
{
    char *text = malloc(size), first[40];
    size_t head_len = strlen(head), filler_len = strlen(filler);
    memcpy(text, head, head_len);
    for (size_t at = head_len; at < size; at++) text[at] = filler[(at - head_len) % filler_len];
    snprintf(first, sizeof first, "HTTP/1.1 %d ", status);
    for (int i = 0; i < 10; i++) {
        const char *got = talk(text, size);
        if (strncmp(got, first, strlen(first)) != 0 || !strstr(got, "{\"detail\":"))
            fail_msg("%zu bytes of %.30s...%.10s: %.300s", size, head, filler, *got ? got : "(no answer)");
    }
    free(text);
}

TEST(test_what_is_too_large_is_told_so_however_much_comes)
{
    static const char get[] = "GET /health HTTP/1.1\r\nHost: x\r\n", one[] = "GET /health HTTP/1.1\r\nX-Long: ";
    static const char post[] = "POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n";
    static const size_t sizes[] = {20000, 200000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        expect_refusal(get, "X-Some: header\r\n", sizes[i], 431);
        expect_refusal(one, "x", sizes[i], 431);
        expect_refusal("GET /health?q=", "x", sizes[i], 431);
        expect_refusal(post, " ", sizes[i], 413);
    }
}

/* A client that looks for an answer only when it has sent everything: what it sends after the answer must not be met by
 * a reset, which would take the answer away. */
TEST(test_a_client_that_goes_on_sending_gets_its_answer)
{
    static const char *const heads[] = {"GET /health HTTP/1.1\r\nX-Long: ", "GET /health?q=",
                                        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"};
    static char piece[20000], got[4096];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 3; i++) {
        int fd = web_connect(&web);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_true(send(fd, heads[i], strlen(heads[i]), MSG_NOSIGNAL) > 0);
        assert_true(send(fd, piece, sizeof piece, MSG_NOSIGNAL) == (ssize_t)sizeof piece);
        WAIT_UNTIL(poll(&p, 1, 100) == 1, 10000);

        for (int k = 0; k < 20; k++) { /* the answer has come */
            if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) != (ssize_t)sizeof piece) fail_msg("%s: reset", heads[i]);
            support_pause();
        }
        shutdown(fd, SHUT_WR);

        size_t n = 0;
        ssize_t k;
        while ((k = read(fd, got + n, sizeof got - 1 - n)) > 0) n += (size_t)k;
        got[n] = 0;
        assert_int_equal(k, 0); /* the end, and no reset */
        assert_int_equal(strncmp(got, i < 2 ? "HTTP/1.1 431 " : "HTTP/1.1 413 ", 13), 0);
        assert_non_null(strstr(got, "{\"detail\":"));
        close(fd);
    }
}

TEST(test_what_can_be_read_is_left_alone)
{
    static const char text[] = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
                               "POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                               "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n{}"
                               "nonsense\r\n\r\n";
    const char *got = talk(text, sizeof text - 1), *at = got;
    static const char *const parts[] = {"HTTP/1.1 200 OK\r\n", "\"healthy\"", "HTTP/1.1 422 ", "HTTP/1.1 400 ",
                                        "{\"detail\":\"The request is malformed"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *found = strstr(at, parts[i]);
        if (!found) fail_msg("no %s in order in: %s", parts[i], got);
        at = found + 1;
    }
}

/* A client that connects anew for each request gets the descriptor of the one before, and sends head and body apart. */
TEST(test_a_connection_gets_all_its_bytes)
{
    static const char head[] =
        "POST /api/v1/admin/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
        "Content-Type: application/json\r\n\r\n";
    for (int i = 0; i < 500; i++) {
        int fd = web_connect(&web);
        assert_int_equal(send(fd, head, sizeof head - 1, MSG_NOSIGNAL), (ssize_t)sizeof head - 1);
        usleep((unsigned)i % 64 * 10); /* so that the body comes in each phase of the reading of the head */
        assert_int_equal(send(fd, "{}", 2, MSG_NOSIGNAL), 2);
        const char *got = hear(fd);
        if (!strstr(got, "HTTP/1.1 422 ")) fail_msg("connection %d: \"%s\"", i, got);
    }
}

TEST(test_the_access_log_has_named_fields)
{
    char url[200];
    snprintf(url, sizeof url, "%s/api/v1/elevations/7%%22/thumbnail?token=hidden", web.url);
    const char *headers[] = {"X-Request-ID: log-1", NULL};
    struct http_reply reply = http_request("GET", url, headers, NULL);
    cJSON *line = NULL;
    WAIT_UNTIL((line = logged(&web.process, "log-1")) != NULL, 5000);

    assert_string_equal(cJSON_GetObjectItem(line, "message")->valuestring, "request");
    assert_string_equal(cJSON_GetObjectItem(line, "method")->valuestring, "GET");
    assert_string_equal(cJSON_GetObjectItem(line, "path")->valuestring, "/api/v1/elevations/7%22/thumbnail");
    assert_int_equal(cJSON_GetObjectItem(line, "status")->valueint, reply.status);
    assert_int_equal(cJSON_GetObjectItem(line, "bytes")->valueint, (int)strlen(reply.body));
    assert_true(cJSON_IsNumber(cJSON_GetObjectItem(line, "duration_ms")));
    assert_string_equal(cJSON_GetObjectItem(line, "address")->valuestring, "127.0.0.1");
    assert_false(process_logged(&web.process, "hidden"));
    cJSON_Delete(line);
    http_reply_free(&reply);
}

/* The supervisor passes a child's line on as it is: one object, not one inside another. */
TEST(test_the_access_log_stays_whole_under_the_supervisor)
{
    struct process p;
    char port[32], run_dir[300], url[200];
    int n = support_free_port();
    snprintf(port, sizeof port, "PORT=%d", n);
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.200s/supervised", support_dir());
    snprintf(url, sizeof url, "http://127.0.0.1:%d/openapi.json", n);
    char *env[] = {port,
                   run_dir,
                   "HOST=127.0.0.1",
                   "LOGIKALD_ROLES=web",
                   "LOG_FORMAT=json",
                   "SECRET_KEY=0123456789abcdef0123456789abcdef",
                   NULL};
    char *argv[] = {(char *)support_program("logikald"), NULL};
    process_start(&p, "supervised", argv, env);
    const char *headers[] = {"X-Request-ID: log-2", NULL};
    struct http_reply reply = {0};
    WAIT_UNTIL((reply = http_request("GET", url, headers, NULL)).status == 200, 15000);
    http_reply_free(&reply);
    cJSON *line = NULL;
    WAIT_UNTIL((line = logged(&p, "log-2")) != NULL, 5000);

    assert_string_equal(cJSON_GetObjectItem(line, "route")->valuestring, "/openapi.json");
    assert_int_equal(strncmp(cJSON_GetObjectItem(line, "role")->valuestring, "web", 3), 0);
    cJSON_Delete(line);
    process_stop(&p);
    char *log = process_log(&p), *rest = log, *text;
    while ((text = strsep(&rest, "\n")) != NULL) {
        cJSON *json = cJSON_Parse(text);
        if (*text && !cJSON_IsObject(json)) fail_msg("not one object: %s", text);
        const char *message = cJSON_GetStringValue(cJSON_GetObjectItem(json, "message"));
        if (message && *message == '{') fail_msg("an object inside another: %s", text);
        cJSON_Delete(json);
    }
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_that_cannot_be_read_is_answered_like_all_others),
        cmocka_unit_test(test_what_is_too_large_is_told_so_however_much_comes),
        cmocka_unit_test(test_a_client_that_goes_on_sending_gets_its_answer),
        cmocka_unit_test(test_what_can_be_read_is_left_alone),
        cmocka_unit_test(test_a_connection_gets_all_its_bytes),
        cmocka_unit_test(test_the_access_log_has_named_fields),
        cmocka_unit_test(test_the_access_log_stays_whole_under_the_supervisor),
    };
    return cmocka_run_group_tests_name("http", tests, set_up, tear_down);
}
