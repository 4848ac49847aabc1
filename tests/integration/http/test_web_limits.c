/* Limits and manners of the server: sizes, slow clients, too many connections and requests, methods, CORS, parameters.
 */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/web.h"

static struct web_server web;
static char *token;

FIXTURE(set_up)
{
    static const char *const settings[] = {"HTTP_MAX_BODY_BYTES=4096",
                                           "HTTP_MAX_HEADER_BYTES=2048",
                                           "HTTP_TIMEOUT_SECONDS=2",
                                           "HTTP_MAX_CONNECTIONS=12",
                                           "CORS_ORIGINS=https://a.example, https://b.example",
                                           "LOG_LEVEL=warning",
                                           NULL};
    signal(SIGPIPE, SIG_IGN);
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

/* True when the other side closes within ms; what comes before is dropped. */
static bool is_closed_within(int fd, int ms)
{
    char bytes[4096];
    for (int64_t deadline = support_deadline(ms); !support_late(deadline);) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) == 1 && read(fd, bytes, sizeof bytes) <= 0) return true;
    }
    return false;
}

TEST(test_a_body_beyond_the_limit_is_refused)
{
    char body[8192];
    memset(body, ' ', sizeof body);
    body[sizeof body - 1] = 0;

    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/login", NULL, body), 413);
}

TEST(test_headers_beyond_the_limit_are_refused)
{
    char url[200], header[4000];
    snprintf(url, sizeof url, "%s/health", web.url);
    memset(header, 'x', sizeof header);
    memcpy(header, "X-Long: ", 8);
    header[sizeof header - 1] = 0;
    const char *headers[] = {header, NULL};

    struct http_reply reply = http_request("GET", url, headers, NULL);

    assert_int_equal(reply.status, 431);
    assert_non_null(strstr(reply.body, "detail"));
    http_reply_free(&reply);
}

TEST(test_json_nested_too_deeply_is_refused)
{
    char body[256] = "{\"username\":";
    for (int i = 0; i < 60; i++) strcat(body, "[");

    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/login", NULL, body), 422);
}

TEST(test_a_request_that_arrives_too_slowly_is_cut)
{
    static const char text[] = "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    int fd = web_connect(&web);
    assert_true(write(fd, text, sizeof text - 1) > 0);

    bool is_cut = false; /* a byte now and then, which would keep an idle timeout from striking */
    for (int64_t deadline = support_deadline(8000); !is_cut && !support_late(deadline);)
        is_cut = write(fd, "x", 1) < 0 || is_closed_within(fd, 300);

    assert_true(is_cut);
    close(fd);
}

TEST(test_an_idle_connection_is_closed)
{
    int fd = web_connect(&web);
    assert_true(is_closed_within(fd, 8000));
    close(fd);
}

TEST(test_connections_beyond_the_cap_are_answered_503_when_all_are_at_work)
{
    int fds[12];
    char text[300], bytes[1000];
    int len = snprintf(text, sizeof text, "GET /ui/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
                       web.admin);
    for (int i = 0; i < 12; i++) {
        fds[i] = web_connect(&web);
        assert_int_equal(send(fds[i], text, (size_t)len, MSG_NOSIGNAL), len);
        assert_true(read(fds[i], bytes, sizeof bytes) > 0);
    }

    struct http_reply reply = web_call(&web, "GET", "/health", NULL, NULL);
    for (int i = 0; i < 12; i++) close(fds[i]);

    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.headers, "Retry-After"));
    http_reply_free(&reply);
    WAIT_UNTIL(web_status(&web, "GET", "/health", NULL, NULL) == 200, 5000);
}

TEST(test_an_idle_connection_gives_way_to_a_new_one)
{
    int fds[12];
    for (int i = 0; i < 12; i++) fds[i] = web_connect(&web);
    for (int i = 0; i < 4; i++) assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    assert_true(is_closed_within(fds[0], 1000)); /* the one that waited longest */
    for (int i = 0; i < 12; i++) close(fds[i]);
}

TEST(test_head_answers_like_get_without_a_body)
{
    struct http_reply get = web_call(&web, "GET", "/api/v1/projects/cached", token, NULL);
    struct http_reply head = web_call(&web, "HEAD", "/api/v1/projects/cached", token, NULL);
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu", strlen(get.body));

    assert_int_equal(head.status, 200);
    assert_non_null(strcasestr(head.headers, length));
    http_reply_free(&get);
    http_reply_free(&head);
}

TEST(test_methods_that_are_not_there_are_told_apart_from_paths_that_are_not)
{
    struct http_reply reply = web_call(&web, "DELETE", "/api/v1/projects/cached", token, NULL);
    assert_int_equal(reply.status, 405);
    assert_non_null(strstr(reply.headers, "GET"));
    http_reply_free(&reply);

    assert_int_equal(web_status(&web, "GET", "/api/v1/nothing", token, NULL), 404);
    assert_int_equal(web_status(&web, "OPTIONS", "/api/v1/projects/cached", NULL, NULL), 204);
}

TEST(test_only_listed_origins_may_read_across_sites)
{
    char url[200];
    snprintf(url, sizeof url, "%s/health", web.url);
    const char *listed[] = {"Origin: https://b.example", NULL}, *other[] = {"Origin: https://b.example.evil", NULL};

    struct http_reply yes = http_request("GET", url, listed, NULL), no = http_request("GET", url, other, NULL);

    assert_non_null(strstr(yes.headers, "Access-Control-Allow-Origin: https://b.example"));
    assert_null(strstr(no.headers, "Access-Control-Allow-Origin"));
    http_reply_free(&yes);
    http_reply_free(&no);
}

TEST(test_parameters_are_taken_literally_or_refused)
{
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/api/v1/projects/cached?directory_id=1", 200},
                {"/api/v1/projects/cached?directory_id=1x", 422},
                {"/api/v1/projects/cached?directory_id=", 422},
                {"/api/v1/projects/cached?directory_id=-1", 422},
                {"/api/v1/projects/cached?directory_id=99999999999999999999", 422},
                {"/api/v1/projects/cached?limit=0", 422},
                {"/api/v1/projects/cached?limit=1&limit=2", 422},
                {"/api/v1/projects/cached?limit=1&offset=3&Limit=2", 422},
                {"/api/v1/projects/cached?limit=1&limit=", 422},
                {"/api/v1/projects/cached?limit=2&limit=2", 200},
                {"/api/v1/projects/cached?unknown=1&limit=2&unknown=2", 200},
                {"/api/v1/odoo/search?q=a&q=b", 422},
                {"/api/v1/odoo/search", 422},
                {"/api/v1/odoo/search?q=%25_%27%3B--", 200},
                {"/api/v1/odoo/search?q=%ff%fe", 400},
                {"/api/v1/odoo/search?q=a%00b", 400},
                {"/api/v1/odoo/projects/%2e%2e%2f%2e%2e", 404},
                {"/api/v1/elevations/12x", 404}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = web_status(&web, "GET", rows[i].path, token, NULL);
        if (status != rows[i].status && !(rows[i].status == 400 && status == 422))
            fail_msg("%s: %d instead of %d", rows[i].path, status, rows[i].status);
    }
}

TEST(test_the_request_id_is_returned_when_it_is_harmless)
{
    char url[200];
    snprintf(url, sizeof url, "%s/health", web.url);
    const char *good[] = {"X-Request-ID: abc-123", NULL}, *bad[] = {"X-Request-ID: a\"b c", NULL};

    struct http_reply kept = http_request("GET", url, good, NULL), replaced = http_request("GET", url, bad, NULL);

    assert_non_null(strstr(kept.headers, "X-Request-ID: abc-123"));
    assert_null(strstr(replaced.headers, "a\"b"));
    http_reply_free(&kept);
    http_reply_free(&replaced);
}

/* ---- with other settings ---- */

static void restart_with(const char *const settings[])
{
    web_stop(&web);
    web_run(&web, settings, true);
}

TEST(test_requests_beyond_the_rate_limit_are_told_when_to_come_back)
{
    static const char *const settings[] = {"RATE_LIMIT_PER_HOUR=5", "LOG_LEVEL=warning", NULL};
    restart_with(settings);
    struct http_reply reply = {0};
    for (int i = 0; i < 6; i++) {
        http_reply_free(&reply);
        reply = web_call(&web, "GET", "/openapi.json", NULL, NULL);
    }

    assert_int_equal(reply.status, 429);
    assert_non_null(strstr(reply.headers, "Retry-After"));
    assert_non_null(strstr(reply.headers, "X-RateLimit-Remaining: 0"));
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);                  /* never counted */
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200); /* somebody else */
    http_reply_free(&reply);
}

TEST(test_only_a_trusted_proxy_names_the_client)
{
    static const char *const settings[] = {"RATE_LIMIT_PER_HOUR=3", "TRUSTED_PROXIES=127.0.0.0/8", "LOG_LEVEL=warning",
                                           NULL};
    char url[200], header[64];
    restart_with(settings);
    snprintf(url, sizeof url, "%s/openapi.json", web.url);
    for (int i = 0; i < 8; i++) { /* each is another client, so none is limited */
        snprintf(header, sizeof header, "X-Forwarded-For: 10.0.0.%d", i);
        const char *headers[] = {header, NULL};
        struct http_reply reply = http_request("GET", url, headers, NULL);
        assert_int_equal(reply.status, 200);
        http_reply_free(&reply);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_body_beyond_the_limit_is_refused),
    cmocka_unit_test(test_headers_beyond_the_limit_are_refused),
    cmocka_unit_test(test_json_nested_too_deeply_is_refused),
    cmocka_unit_test(test_a_request_that_arrives_too_slowly_is_cut),
    cmocka_unit_test(test_an_idle_connection_is_closed),
    cmocka_unit_test(test_connections_beyond_the_cap_are_answered_503_when_all_are_at_work),
    cmocka_unit_test(test_an_idle_connection_gives_way_to_a_new_one),
    cmocka_unit_test(test_head_answers_like_get_without_a_body),
    cmocka_unit_test(test_methods_that_are_not_there_are_told_apart_from_paths_that_are_not),
    cmocka_unit_test(test_only_listed_origins_may_read_across_sites),
    cmocka_unit_test(test_parameters_are_taken_literally_or_refused),
    cmocka_unit_test(test_the_request_id_is_returned_when_it_is_harmless),
    cmocka_unit_test(test_requests_beyond_the_rate_limit_are_told_when_to_come_back),
    cmocka_unit_test(test_only_a_trusted_proxy_names_the_client),
};
TEST_MAIN(tests, set_up, tear_down)
