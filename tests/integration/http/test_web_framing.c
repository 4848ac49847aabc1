/* Where a request ends: what two readers could read in two ways is one answer and the end of the connection, so that no
 * request hides in another one. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/web.h"

WEB_WORLD(NULL)

static int connect_to_web(void)
{
    int fd = web_connect(&web);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval)),
                     0);
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
    for (const char *p = got; (p = strstr(p, "HTTP/1.")) != NULL; p++) n += p[8] == ' ' && isdigit((unsigned char)p[9]);
    return n;
}

#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

TEST(test_a_method_without_a_body_has_none)
{
    static const char *const rows[] = {
        "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n21\r\n" HIDDEN "\r\n0\r\n\r\n",
        "HEAD /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
        "HEAD /no/such/page HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /ui/events HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 00033\r\n\r\n" HIDDEN,
        "TRACE /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
        "PROPFIND /health HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\n" HIDDEN,
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = talk(rows[i]);
        if (answers_in(got) != 1 || strstr(got, " 200 ") || strstr(got, " 404 ")) fail_msg("%s\n-> %s", rows[i], got);
    }
}

#define POST    "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Each is refused with this status, and nothing after it is read. */
static const struct {
    const char *text;
    int status;
} ambiguous[] = {
    {POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {POST "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n0\r\n\r\n" HIDDEN,
     400},
    {POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, 400},
    {POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: 2, 2\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: +2\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: 0x2\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: 2 \v\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length:\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: -1\r\n\r\n{}" HIDDEN, 400},
    {POST "Content-Length: 99999999999999999999999\r\n\r\n{}" HIDDEN, 413},
    {POST " Content-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "X: 1\r\n Content-Length: 35\r\n\r\n{}" HIDDEN, 400},
    {POST "X: 1\r\n\tfolded\r\nContent-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "Content_Length : 2\r\n\r\n{}" HIDDEN, 400},
    {POST ": 2\r\n\r\n{}" HIDDEN, 400},
    {POST "X\x80: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "X: a\rContent-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {POST "X: a\nContent-Length: 2\r\n\r\n{}" HIDDEN, 400},
    {"GET /health HTTP/1.1\nHost: h\n\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: h\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: h\r\n\n" HIDDEN, 400},
    {"\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: a@b\r\n\r\n" HIDDEN, 400},
    {"GET http://a/health HTTP/1.1\r\nHost: b\r\n\r\n" HIDDEN, 400},
    {"GET http://a:81/health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET https://a:80/health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET http://user@a/health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET http:///health HTTP/1.1\r\nHost:\r\n\r\n" HIDDEN, 400},
    {"GET http://a/health HTTP/1.0\r\n\r\n" HIDDEN, 400},
    {"GET ftp://a/health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health#x HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health  HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1 \r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET\t/health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health\r\n\r\n" HIDDEN, 400},
    {"get /health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 501},
    {"G(T /health HTTP/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.2\r\nHost: a\r\n\r\n" HIDDEN, 505},
    {"GET /health HTTP/1.9\r\nHost: a\r\n\r\n" HIDDEN, 505},
    {"GET /health HTTP/2.0\r\nHost: a\r\n\r\n" HIDDEN, 505},
    {"GET /health HTTP/0.9\r\nHost: a\r\n\r\n" HIDDEN, 505},
    {"GET /health HTTP/01.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"GET /health http/1.1\r\nHost: a\r\n\r\n" HIDDEN, 400},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" HIDDEN, 505},
    {"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n" HIDDEN, 400},
    {"GET /health HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n" HIDDEN, 417},
    {CHUNKED "0x2\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "+2\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED " 2\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2 \r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2 ;a=b\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2;\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2;a=\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2;a=\"b\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "-2\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2\r\n{}\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2\r\n{}x\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2\r\n{}0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "0 GET /x HTTP/1.1\r\n\r\n" HIDDEN, 400},
    {CHUNKED "10000000000000002\r\n{}\r\n0\r\n\r\n" HIDDEN, 400},
    {CHUNKED "ffffff\r\n{}\r\n0\r\n\r\n" HIDDEN, 413},
    {CHUNKED "2\r\n{}\r\n0\r\nno colon\r\n\r\n" HIDDEN, 400},
    {CHUNKED "2\r\n{}\r\n0\r\nA: b\n\r\n" HIDDEN, 400},
    {CHUNKED "2\r\n{}\r\n0\r\n folded: b\r\n\r\n" HIDDEN, 400},
};

TEST(test_what_can_be_read_in_two_ways_is_refused)
{
    for (size_t i = 0; i < sizeof ambiguous / sizeof *ambiguous; i++) {
        char first[40];
        snprintf(first, sizeof first, "HTTP/1.1 %d ", ambiguous[i].status);
        const char *got = talk(ambiguous[i].text);
        if (strncmp(got, first, strlen(first)) != 0 || answers_in(got) != 1 ||
            !strstr(got, "\r\nConnection: close\r\n"))
            fail_msg("row %zu: %s\n-> %s", i, ambiguous[i].text, got);
    }
}

TEST(test_bytes_that_are_no_text_are_refused)
{
    static const char text[] = "GET /health HTTP/1.1\r\nHost: h\r\nX: a_b\r\nConnection: close\r\n\r\n" HIDDEN;
    for (int byte = 0; byte < 256; byte++) {
        char copy[sizeof text], got[4096];
        memcpy(copy, text, sizeof text);
        *(strchr(copy, '_')) = (char)byte;
        bool is_text = byte == '\t' || (byte >= ' ' && byte != 0x7f);
        int fd = connect_to_web();
        assert_int_equal(send(fd, copy, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
        size_t n = 0;
        for (ssize_t k; n < sizeof got - 1 && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0;) n += (size_t)k;
        got[n] = 0;
        close(fd);
        if (strncmp(got, is_text ? "HTTP/1.1 200 " : "HTTP/1.1 400 ", 13) != 0 || answers_in(got) != 1)
            fail_msg("byte %d: %s", byte, got);
    }
}

/* Sends the bytes in pieces of this size, each in a packet of its own, and returns all that comes. */
static const char *talk_slowly(const char *bytes, size_t len, size_t piece)
{
    static char got[16384];
    size_t n = 0;
    int fd = connect_to_web(), yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (size_t at = 0; at < len; at += piece) {
        size_t k = len - at < piece ? len - at : piece;
        assert_int_equal(send(fd, bytes + at, k, MSG_NOSIGNAL), (ssize_t)k);
        usleep(200);
    }
    for (ssize_t k; n < sizeof got - 1 && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0;) n += (size_t)k;
    close(fd);
    got[n] = 0;
    return got;
}

/* The status of each answer, as "200 404 ". */
static const char *statuses(const char *got)
{
    static char out[400];
    out[0] = 0;
    for (const char *p = got; (p = strstr(p, "HTTP/1.")) != NULL; p += 8)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%.3s ", p + 9);
    return out;
}

/* One connection, requests of every legal form, cut into pieces of every size: as many answers, in order. */
TEST(test_what_is_legal_is_read_however_it_comes)
{
    static const char text[] =
        "\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n"                                                   /* 200 */
        "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"                                     /* 200 */
        "GET /health?nocache HTTP/1.1\r\nHost:\th:8001 \r\n\r\n"                                            /* 200 */
        "GET /health?a&b=1&&c= HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"                                          /* 200 */
        "GET http://h/health HTTP/1.1\r\nHost: H:80\r\n\r\n"                                                /* 200 */
        "GET HTTP://h?x HTTP/1.1\r\nHost: h\r\n\r\n"                                                        /* / */
        "GET //x/health HTTP/1.1\r\nHost: h\r\n\r\n"                                                        /* 404 */
        "GET //health HTTP/1.1\r\nHost: h\r\n\r\n"                                                          /* 404 */
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"                                                             /* 404 */
        "GET /health HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nGET"                                   /* 200 */
        "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"                 /* 422 */
        CHUNKED "2\r\n{}\r\n0\r\n\r\n"                                                                      /* 422 */
        POST "Transfer-Encoding: CHUNKED \r\nX: y\r\n\r\n1;a=b\r\n{\r\n001;a; b=\"c;\\\"d\"\r\n}\r\n00\r\n" /* 422 */
        "Content-Length: 99\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        "DELETE /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\tchunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n" /* 405
                                                                                                                 */
        "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
        "\r\nGET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    static const size_t pieces[] = {1, 2, 3, 7, 64, 333, 1000, sizeof text - 1};
    char wanted[400] = "";
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const char *got = statuses(talk_slowly(text, sizeof text - 1, pieces[i]));
        char *continued = strstr((char *)got, "100 "); /* only when the body is not there yet */
        if (continued) memmove(continued, continued + 4, strlen(continued + 4) + 1);
        if (i == 0) snprintf(wanted, sizeof wanted, "%s", got);
        if (strcmp(got, wanted) != 0) fail_msg("in pieces of %zu: %s, of 1: %s", pieces[i], got, wanted);
    }
    if (strcmp(wanted, "200 200 200 200 200 200 404 404 404 200 422 422 422 405 422 200 ") != 0)
        fail_msg("answers: %s", wanted);
}

TEST(test_a_client_that_waits_is_told_to_go_on)
{
    static const char *const heads[] = {POST "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
                                        POST "Expect: 100-Continue\r\nConnection: close\r\nTransfer-Encoding: chunked"
                                             "\r\n\r\n"};
    static const char *const bodies[] = {"{}", "2\r\n{}\r\n0\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        char got[2048] = "";
        size_t n = 0;
        int fd = connect_to_web();
        assert_int_equal(send(fd, heads[i], strlen(heads[i]), MSG_NOSIGNAL), strlen(heads[i]));
        ssize_t k = recv(fd, got, sizeof got - 1, 0);
        assert_true(k > 0);
        assert_string_equal(got, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_int_equal(send(fd, bodies[i], strlen(bodies[i]), MSG_NOSIGNAL), strlen(bodies[i]));
        while (n < sizeof got - 1 && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0) n += (size_t)k;
        got[n] = 0;
        assert_string_equal(statuses(got), "422 ");
        close(fd);
    }
    const char *got = talk(POST "Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n"); /* not to be sent at all */
    assert_string_equal(statuses(got), "413 ");
}

/* What a client reads as the answer to HEAD is its headers: the next answer begins right behind them. */
TEST(test_an_answer_to_head_has_no_body)
{
    static const char *const paths[] = {
        "/health",     "/no/such/page",        "/ui/login", "/openapi.json",
        "/ui/events",  "/api/v1/admin/verify", "/docs",     "/api/v1/elevations/1/image",
        "/ui/?next=x", "/static/%2e%2e/x",     "//x",       "/health?%zz"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 paths[i]);
        const char *got = talk(text), *end = strstr(got, "\r\n\r\n");
        if (!end || strncmp(end + 4, "HTTP/1.1 200 OK\r\n", 17) != 0 || answers_in(got) != 2)
            fail_msg("%s: %s", paths[i], got);
    }
}

/* An answer to HTTP/1.0 ends with its length or with the connection; whether that is kept or not, none is cut short. */
TEST(test_an_answer_of_old_is_as_long_as_it_says)
{
    static const struct {
        const char *path, *accept, *holds; /* holds: of its body */
        bool has_length;
    } rows[] = {{"/health", "*/*", "healthy", true},
                {"/no/such/page", "*/*", "Not Found", true},
                {"/api/v1/projects/cached", "application/json", "\"success\":true", true},
                {"/api/v1/projects/cached", "text/csv", "logikal_id", false},
                {"/api/v1/elevations/cached", "text/csv", "logikal_id", false},
                {"/api/v1/changes/snapshot", "*/*", "\"next\"", false}};
    static const char *const ends[] = {"", "Connection: keep-alive\r\n", "Connection: close\r\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows * 3; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.0\r\nAuthorization: Bearer %s\r\nAccept: %s\r\n%s\r\n"
                 "GET /no/such/page HTTP/1.0\r\n\r\n", /* asked for where the connection is kept */
                 rows[i / 3].path, web.admin, rows[i / 3].accept, ends[i % 3]);
        const char *got = talk(text), *body = strstr(got, "\r\n\r\n"), *length = strstr(got, "\r\nContent-Length: ");
        if (!body || !strstr(body, rows[i / 3].holds)) fail_msg("%s: %s", text, got);
        bool has_length = length && length < body, is_kept = has_length && i % 3 == 1;
        size_t rest = strlen(body + 4), says = has_length ? strtoul(length + 18, NULL, 10) : rest;
        if (has_length != rows[i / 3].has_length || answers_in(got) != 1 + is_kept || says > rest ||
            (says != rest) != is_kept || (is_kept && strncmp(body + 4 + says, "HTTP/1.", 7) != 0))
            fail_msg("%s: %s", text, got);
    }
}

TEST(test_head_of_an_event_stream_is_its_headers)
{
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_method_without_a_body_has_none),
    cmocka_unit_test(test_what_can_be_read_in_two_ways_is_refused),
    cmocka_unit_test(test_bytes_that_are_no_text_are_refused),
    cmocka_unit_test(test_what_is_legal_is_read_however_it_comes),
    cmocka_unit_test(test_a_client_that_waits_is_told_to_go_on),
    cmocka_unit_test(test_an_answer_to_head_has_no_body),
    cmocka_unit_test(test_an_answer_of_old_is_as_long_as_it_says),
    cmocka_unit_test(test_head_of_an_event_stream_is_its_headers),
};
TEST_MAIN(tests, start, stop)
