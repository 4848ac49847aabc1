/* Where a request ends: what two readers could read in two ways is one answer and the end of the connection, so that no
 * request hides in another one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/web.h"

static struct web_server web;

static int set_up(void **state)
{
    (void)state;
    static const char *const settings[] = {"RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", NULL};
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    web_end(&web);
    return 0;
}

static int connect_to_web(void)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval)),
                     0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Sends these bytes and returns all that comes until the other side closes; fails when it does not close. */
static const char *talk(const char *bytes)
{
    static char got[16384];
    size_t n = 0;
    ssize_t k;
    int fd = connect_to_web();
    assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    while (n < sizeof got - 1 && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0) n += (size_t)k;
    close(fd);
    got[n] = 0;
    if (k < 0) fail_msg("the connection stays open after\n%s\n-> %s", bytes, got);
    return got;
}

static int answers_in(const char *got)
{
    int n = 0;
    for (const char *p = got; (p = strstr(p, "HTTP/1.")) != NULL; p++) n++;
    return n;
}

#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_a_method_without_a_body_has_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n21\r\n" HIDDEN "\r\n0\r\n\r\n",
        "HEAD /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
        "HEAD /no/such/page HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /ui/events HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 00033\r\n\r\n" HIDDEN,
        "TRACE /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "PROPFIND /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = talk(rows[i]);
        if (answers_in(got) != 1 || strstr(got, " 200 ") || strstr(got, "404")) fail_msg("%s\n-> %s", rows[i], got);
    }
}

static void test_head_of_an_event_stream_is_its_headers(void **state)
{
    (void)state;
    char bearer[160], url[100], request[400];
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", web.admin);
    snprintf(url, sizeof url, "%s/ui/events", web.url);
    const char *const headers[] = {bearer, NULL};
    snprintf(request, sizeof request, "GET /ui/events HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", bearer);
    char got[4096] = "";
    size_t n = 0;
    int fd = connect_to_web(); /* one listens, so there is a last event to begin with */
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (ssize_t k; !strstr(got, "event: state") && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0;) n += (size_t)k;
    assert_non_null(strstr(got, "event: state"));

    for (int i = 0; i < 3; i++) {
        struct http_reply reply = http_request("HEAD", url, headers, NULL);
        assert_int_equal(reply.status, 200);
        assert_non_null(strcasestr(reply.headers, "text/event-stream"));
        http_reply_free(&reply);
    }
    close(fd);
    struct http_reply reply = http_request("HEAD", url, headers, NULL);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_method_without_a_body_has_none),
        cmocka_unit_test(test_head_of_an_event_stream_is_its_headers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
