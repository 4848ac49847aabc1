/* Behind proxies that keep their connections to us: nginx and HAProxy of Debian. Whatever an attacker sends through
 * them, everybody else gets his own answer: each victim's request has an id, which is in the answer to it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/web.h"

#define VICTIMS 60

static struct web_server web;
static struct process nginx, haproxy;
static int nginx_port, haproxy_port;

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int connect_to(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static bool listens(int port)
{
    int fd = connect_to(port);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void start_nginx(void)
{
    char conf[4000], dir[300], path[400];
    snprintf(dir, sizeof dir, "%.250s/nginx", support_dir());
    mkdir(dir, 0700);
    nginx_port = support_free_port();
    snprintf(conf, sizeof conf,
             "worker_processes 1; pid %s/pid; error_log %s/error.log; daemon off;%s\n"
             "events { worker_connections 512; }\n"
             "http { access_log off; client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/f;\n"
             " uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
             " upstream app { server 127.0.0.1:%d; keepalive 4; }\n"
             " server { listen 127.0.0.1:%d; client_max_body_size 8m; location / { proxy_pass http://app;\n"
             "  proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_request_buffering off;\n"
             "  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }\n",
             dir, dir, geteuid() == 0 ? " user root;" : "", dir, dir, dir, dir, dir, web.port, nginx_port);
    snprintf(path, sizeof path, "%s/nginx.conf", dir);
    write_file(path, conf);
    char *argv[] = {"/usr/sbin/nginx", "-p", dir, "-e", "stderr", "-c", path, NULL};
    process_start(&nginx, "nginx", argv, (char *const[]){NULL});
    WAIT_UNTIL(listens(nginx_port), 10000);
}

static void start_haproxy(void)
{
    char conf[1500], path[400];
    haproxy_port = support_free_port();
    snprintf(
        conf, sizeof conf,
        "global\n maxconn 200\ndefaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
        " option forwardfor\n http-reuse always\n"
        "frontend f\n bind 127.0.0.1:%d\n default_backend b\n"
        "backend b\n server s 127.0.0.1:%d pool-max-conn 4\n",
        haproxy_port, web.port);
    snprintf(path, sizeof path, "%.300s/haproxy.cfg", support_dir());
    write_file(path, conf);
    char *argv[] = {"/usr/sbin/haproxy", "-db", "-f", path, NULL};
    process_start(&haproxy, "haproxy", argv, (char *const[]){NULL});
    WAIT_UNTIL(listens(haproxy_port), 10000);
}

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=info", "TRUSTED_PROXIES=127.0.0.1", NULL};
    signal(SIGPIPE, SIG_IGN);
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    start_nginx();
    start_haproxy();
    return 0;
}

FIXTURE(tear_down)
{
    process_stop(&nginx);
    process_stop(&haproxy);
    web_end(&web);
    return 0;
}

/* ---- attackers ---- */

#define INNER   "GET /openapi.json HTTP/1.1\r\nHost: h\r\nX-Request-ID: stolen\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER
#define POST    "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"

static const char *const attacks[] = {
    "HEAD /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "HEAD /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "HEAD /ui/events HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "HEAD /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3d\r\n" INNER "\r\n0\r\n\r\n",
    "HEAD /health HTTP/1.1\r\nHost: h\r\n" CHUNKED,
    "HEAD /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /health HTTP/1.1\r\nHost: h\r\n\r\nHEAD /docs HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "GET /health HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3d\r\n" INNER "\r\n0\r\n\r\n",
    "OPTIONS /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "DELETE /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    POST "Content-Length: 61\r\n\r\n" INNER,
    POST "Content-Length: 4\r\n" CHUNKED,
    POST "Content-Length: 61\r\nContent-Length: 0\r\n\r\n" INNER,
    POST "Transfer-Encoding: xchunked\r\nContent-Length: 61\r\n\r\n" INNER,
    POST "Transfer-Encoding: identity\r\nContent-Length: 61\r\n\r\n" INNER,
    POST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" INNER,
    POST "transfer-encoding: CHUNKED\r\n\r\n0\r\nContent-Length: 61\r\n\r\n" INNER,
    POST "Transfer-Encoding: chunked\r\n\r\n0;a=b\r\n\r\n" INNER,
    POST "Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n" INNER,
    POST "Transfer-Encoding: chunked\r\n\r\n00000000000000000000000\r\n\r\n" INNER,
    POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=\"\r\n\"\r\n}\r\n0\r\n\r\n" INNER,
    "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "POST /nowhere HTTP/1.0\r\nConnection: keep-alive\r\nHost: h\r\n" CHUNKED,
    POST "Expect: 100-continue\r\nContent-Length: 61\r\n\r\n" INNER,
    POST "Content-Length: 100000\r\n\r\n" INNER INNER INNER INNER,
    "GET //x/health HTTP/1.1\r\nHost: h\r\n\r\n" INNER,
    "GET http://x/health HTTP/1.1\r\nHost: h\r\n\r\n" INNER,
    "TRACE /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "PROPFIND /health HTTP/1.1\r\nHost: h\r\nContent-Length: 61\r\n\r\n" INNER,
    "GET /health HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 61\r\n\r\n" INNER,
};
#define ATTACKS ((int)(sizeof attacks / sizeof *attacks))

/* Sends it, and waits for a first answer, so that the connection behind the proxy is used. */
static int attack(int port, const char *text)
{
    char bytes[8192];
    int fd = connect_to(port);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 1000) == 1 && recv(fd, bytes, sizeof bytes, MSG_PEEK) < 0) bytes[0] = 0;
    return fd;
}

/* ---- victims ---- */

/* One request on a connection of its own: is the answer its own, and all of it? */
static bool is_answered_as_it_should(int port, int number)
{
    char url[100], id[60], line[80];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/health", port);
    snprintf(id, sizeof id, "X-Request-ID: victim-%d", number);
    snprintf(line, sizeof line, "%s\r\n", id);
    const char *const headers[] = {id, NULL};
    struct http_reply reply = http_request("GET", url, headers, NULL);
    bool is_own =
        reply.status == 200 && strcasestr(reply.headers, line) && strstr(reply.body, "\"status\":\"healthy\"");
    if (!is_own) print_error("victim %d: %d %s %.200s\n", number, reply.status, reply.headers, reply.body);
    http_reply_free(&reply);
    return is_own;
}

static void expect_no_strangers_answers(int port)
{
    int number = 0, harmed = 0, fds[ATTACKS];
    for (int i = 0; i < ATTACKS; i++) {
        fds[i] = attack(port, attacks[i]);
        for (int k = 0; k < 2; k++)
            if (!is_answered_as_it_should(port, number++)) harmed += 1, print_error("after attack %d\n", i);
    }
    for (int i = 0; i < ATTACKS; i++) close(fds[i]);
    while (number < ATTACKS * 2 + VICTIMS) { /* many of the worst, then many victims */
        for (int k = 0; k < 6; k++) close(attack(port, attacks[number % 6]));
        for (int k = 0; k < 6; k++) harmed += !is_answered_as_it_should(port, number++);
    }
    assert_int_equal(harmed, 0);
    assert_false(process_logged(&web.process, "request_id=stolen method=GET route=/openapi.json path=/openapi.json"
                                              " status=200 bytes=0"));
}

TEST(test_nobody_gets_another_ones_answer_through_nginx)
{
    expect_no_strangers_answers(nginx_port);
}

TEST(test_nobody_gets_another_ones_answer_through_haproxy)
{
    expect_no_strangers_answers(haproxy_port);
}

/* A login between an attack and the attacker's next request: the token is the victim's alone. */
TEST(test_a_token_goes_to_who_logged_in)
{
    const int ports[] = {nginx_port, haproxy_port};
    const char *const headers[] = {"Content-Type: application/json", "X-Request-ID: login", NULL};
    for (int i = 0; i < 2 * 10; i++) {
        int port = ports[i % 2];
        char url[100];
        int fd = attack(port, attacks[i / 2 % 6]);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v1/admin/login", port);
        struct http_reply reply =
            http_request("POST", url, headers, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");
        if (reply.status != 200 || !strstr(reply.body, "access_token") ||
            !strcasestr(reply.headers, "X-Request-ID: login"))
            fail_msg("login: %d %s", reply.status, reply.body);
        http_reply_free(&reply);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/health", port);
        reply = http_get(url);
        if (reply.status != 200 || strstr(reply.body, "access_token")) fail_msg("%d %s", reply.status, reply.body);
        http_reply_free(&reply);
        close(fd);
    }
}

/* HAProxy adds a line of its own behind the client's; nginx adds to the client's line. */
TEST(test_a_client_does_not_choose_its_address)
{
    static const char *const lines[] = {"X-Forwarded-For: 6.6.6.6",
                                        "X-Forwarded-For: 6.6.6.6, 127.0.0.1",
                                        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 127.0.0.1",
                                        "x-forwarded-for: unknown",
                                        "X-Forwarded-For:",
                                        "X-Forwarded-For: ,,127.0.0.1,"};
    const int ports[] = {nginx_port, haproxy_port};
    for (int i = 0; i < 12; i++) {
        char text[300], bytes[8192], wanted[200];
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 32)};
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((unsigned short)ports[i % 2]),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        int len =
            snprintf(text, sizeof text,
                     "GET /openapi.json HTTP/1.1\r\nHost: h\r\nX-Request-ID: forged-%d\r\n%s\r\n\r\n", i, lines[i / 2]);
        assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
        assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
        close(fd);
        snprintf(wanted, sizeof wanted, "request_id=forged-%d method=GET route=/openapi.json path=/openapi.json", i);
        WAIT_UNTIL(process_logged(&web.process, wanted), 10000);
        char *log = process_log(&web.process), *line = strstr(log, wanted);
        line[strcspn(line, "\n")] = 0;
        if (!strstr(line, "address=127.0.0.33")) fail_msg("%s: %s", lines[i / 2], line);
        free(log);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_nobody_gets_another_ones_answer_through_nginx),
    cmocka_unit_test(test_nobody_gets_another_ones_answer_through_haproxy),
    cmocka_unit_test(test_a_token_goes_to_who_logged_in),
    cmocka_unit_test(test_a_client_does_not_choose_its_address),
};
TEST_MAIN(tests, set_up, tear_down)
