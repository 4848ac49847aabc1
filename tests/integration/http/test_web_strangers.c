/* What strangers can take: bytes, connections, unfinished requests, statements. However much they try, others are
 * answered, and memory stays where it was. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/web.h"

#define MANY  2300
#define LIMIT 40

static struct web_server web;
static int fds[MANY];
static int fd_count;

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=info", NULL};
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &files);
    const char *options = getenv("ASAN_OPTIONS"); /* a sanitizer keeps 256 MB of what was freed: not here */
    char more[400];
    snprintf(more, sizeof more, "%s%squarantine_size_mb=1", options ? options : "", options ? ":" : "");
    setenv("ASAN_OPTIONS", more, 1);
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    return 0;
}

/* From 127.0.x.y. */
static int connect_from(unsigned number)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number)};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval));
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail_msg("no connection from %u", number);
    return fd;
}

static void begin(unsigned from, const char *text, size_t len)
{
    int fd = connect_from(from);
    assert_true(fd_count < MANY);
    fds[fd_count++] = fd;
    if (len > 0 && send(fd, text, len, MSG_NOSIGNAL) < 0) close(fds[--fd_count]); /* it was cut already */
}

static void finish(void)
{
    struct linger at_once = {1, 0};
    while (fd_count > 0) {
        setsockopt(fds[--fd_count], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fds[fd_count]);
    }
}

FIXTURE(let_go)
{
    finish();
    return 0;
}

/* Status of a request from this address on a connection of its own; *seconds that it took. */
static int ask(unsigned from, const char *head, double *seconds)
{
    char bytes[4096] = "";
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    int fd = connect_from(from);
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
    close(fd);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (seconds) *seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    return n > 12 ? atoi(bytes + 9) : 0;
}

#define HEALTH "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

static bool is_sanitized(void)
{
    return strstr(support_program("logikald-roles"), "asan") != NULL;
}

/* Within a second; a sanitized program on a machine that does other things as well has five. */
static void expect_service(unsigned from)
{
    double soon_s = is_sanitized() ? 5 : 1;
    for (int i = 0; i < 5; i++) {
        double seconds;
        int status = ask(from, HEALTH, &seconds);
        if (status != 200 || seconds > soon_s) fail_msg("others: %d after %.2f s", status, seconds);
    }
}

static long memory_kb(void)
{
    char path[64], line[200];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)web.process.pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    if (f) fclose(f);
    return kb;
}

/* ---- bytes ---- */

static void half_bodies(const char *head, size_t size, unsigned from, unsigned addresses)
{
    char *text = malloc(size);
    size_t len = strlen(head);
    memcpy(text, head, len);
    memset(text + len, ' ', size - len);
    for (unsigned i = 0; i < 700; i++) begin(from + i % addresses, text, size);
    free(text);
}

/* 700 bodies that miss their last byte: for a place that does not exist, for an open one, and for one of our own. */
TEST(test_half_bodies_take_no_memory)
{
    static const char *const heads[] = {
        "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n",
        "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 8192\r\n\r\n",
        "POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n",
        "POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
        "POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nX: ",
    };
    static const size_t sizes[] = {1000000, 8000, 1000000, 1000000, 16000};
    long before = memory_kb(), most = is_sanitized() ? 160 * 1024 : 64 * 1024;
    for (int i = 0; i < 5; i++) {
        half_bodies(heads[i], sizes[i], 100, i % 2 ? 1 : 350);
        expect_service(9);
        if (memory_kb() - before > most) fail_msg("%s: %ld kB more", heads[i], memory_kb() - before);
        finish();
    }
    print_message("half bodies: %ld kB more at the most\n", memory_kb() - before);
    WAIT_UNTIL(ask(9, HEALTH, NULL) == 200, 10000);
}

TEST(test_who_gives_way_is_told_so)
{
    static const char head[] =
        "POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n";
    char bytes[4096] = "";
    half_bodies(head, 400000, 100, 350);
    struct pollfd p = {.fd = fds[0], .events = POLLIN}; /* the oldest */
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_true(recv(fds[0], bytes, sizeof bytes - 1, 0) > 0);
    assert_int_equal(strncmp(bytes, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(bytes, "Retry-After: "));
    assert_non_null(strstr(bytes, "\"detail\":"));
    finish();
}

TEST(test_open_operations_take_small_bodies_only)
{
    static const struct {
        const char *head;
        int status;
    } rows[] = {
        {"POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 8193\r\n\r\n", 413},
        {"POST /api/v1/admin/login HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"POST /ui/login HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"POST /admin/api/login/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"POST /api/v1/auth/login?x=y HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"GET /health HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"GET /api/v1/projects/cached HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
        {"POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2001\r\n", 413},
        {"POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 404},
        {"POST //api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 404},
        {"POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413},
        {"POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", 422},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = ask(9, rows[i].head, NULL);
        if (status != rows[i].status) fail_msg("%s: %d", rows[i].head, status);
    }
    char *body = malloc(500001);
    memset(body, ' ', 500000);
    body[500000] = 0;
    memcpy(body, "{\"client_id\":\"large\",\"name\":\"n\"}", 32);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin, body);
    free(body);
    if (reply.status != 200) fail_msg("a large body of our own: %d %s", reply.status, reply.body);
    http_reply_free(&reply);
}

/* ---- connections ---- */

TEST(test_half_requests_of_one_address_hold_up_nobody)
{
    static const char *const halves[] = {
        "GET /health HTTP/1.1\r\nHost: h\r\nX-Half: ",
        "G",
        "",
        "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{",
        HEALTH "GET",
        "\r\n"};
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        const char *text = i == 4 ? "GET /health HTTP/1.1\r\nHost: h\r\n\r\nGET" : halves[i];
        for (int k = 0; k < 2200; k++) begin(1000, text, strlen(text));
        expect_service(9);
        expect_service(1000); /* even at the same address */
        finish();
    }
}

TEST(test_half_requests_of_many_addresses_hold_up_nobody)
{
    static const char half[] = "GET /health HTTP/1.1\r\nHost: h\r\nX-Half: ";
    for (unsigned k = 0; k < 2200; k++) begin(2000 + k % 500, half, sizeof half - 1);
    expect_service(9);
    for (unsigned k = 0; k < 100; k++) assert_int_equal(ask(5000 + k, HEALTH, NULL), 200);
    finish();
}

/* Who was served before and keeps his connection is not the one who gives way. */
TEST(test_a_client_at_work_keeps_its_connection)
{
    static const char keep[] = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
    char bytes[4096];
    int own = connect_from(9);
    for (int round = 0; round < 5; round++) {
        for (int k = 0; k < 440; k++) begin(1000, "GET /", 5);
        assert_int_equal(send(own, keep, sizeof keep - 1, MSG_NOSIGNAL), sizeof keep - 1);
        ssize_t n = recv(own, bytes, sizeof bytes - 1, 0);
        if (n < 13 || strncmp(bytes, "HTTP/1.1 200 ", 13) != 0) fail_msg("round %d: cut", round);
    }
    close(own);
    finish();
}

/* ---- statements ---- */

static int64_t statements(void)
{
    struct http_reply reply = web_call(&web, "GET", "/metrics", web.admin, NULL);
    const char *at = reply.body ? strstr(reply.body, "\nlogikald_db_queries_total ") : NULL;
    if (!at) fail_msg("no count of statements in: %.2000s", reply.body);
    int64_t n = strtoll(strchr(at + 1, ' '), NULL, 10);
    http_reply_free(&reply);
    return n;
}

/* TOKEN becomes one that nobody has. */
static void make_request(char *out, size_t size, const char *head, int number)
{
    const char *at = strstr(head, "TOKEN");
    if (at)
        snprintf(out, size, "%.*s%064d%s", (int)(at - head), head, number, at + 5);
    else
        snprintf(out, size, "%s", head);
    size_t len = strlen(out);
    if (!strstr(out, "\r\n\r\n")) snprintf(out + len, size - len, "Connection: close\r\n\r\n");
}

/* LIMIT times and then some, from an address of its own. */
static void expect_limit(const char *head, int wanted, int number)
{
    int refused = 0, other = 0;
    int64_t before = 0;
    for (int k = 0; k < LIMIT + 200; k++) {
        char text[1200];
        make_request(text, sizeof text, head, number * 1000 + k);
        int status = ask(3000 + (unsigned)number, text, NULL);
        if (k == LIMIT) before = statements();
        if (k < LIMIT && status != wanted) fail_msg("%s: request %d: %d", head, k, status);
        refused += status == 429;
        other += k >= LIMIT && status != 429;
    }
    if (other > 0) fail_msg("%s: %d answered beyond the limit", head, other);
    int64_t asked = statements() - before;
    if (asked > 40) fail_msg("%s: %d statements for %d refusals", head, (int)asked, refused);
}

static const char *const few[] = {"RATE_LIMIT_PER_HOUR=40", "LOG_LEVEL=info", NULL};

/* They were somebody's: signed by us, and void since then. */
TEST(test_tokens_that_are_void_count_in_the_rate_before_any_statement)
{
    static const char *const ends[] = {
        "UPDATE clients SET is_active = false WHERE client_id = 'former0'",
        "UPDATE clients SET token_version = token_version + 1 WHERE client_id = 'former1'",
        "DELETE FROM clients WHERE client_id = 'former2'",
    };
    WAIT_UNTIL(3600 - time(NULL) % 3600 > 60, 70000);
    web_stop(&web);
    web_run(&web, few, true);
    for (int i = 0; i < 3; i++) {
        char id[24], head[1000];
        snprintf(id, sizeof id, "former%d", i);
        char *token = web_client(&web, id, "[\"projects:read\"]");
        snprintf(head, sizeof head, "GET /api/v1/projects/cached HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n",
                 token);
        pg_exec(&web.pg, ends[i]);
        expect_limit(head, 401, 20 + i);
        free(token);
    }
}

/* Each refused kind. */
TEST(test_refusals_count_in_the_rate_before_any_statement)
{
    static const struct {
        const char *head;
        int status;
    } rows[] = {
        {"GET /api/v1/projects/cached HTTP/1.1\r\nHost: h\r\n", 401},
        {"GET /api/v1/projects/cached HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer TOKEN\r\n", 401},
        {"GET /ui/ HTTP/1.1\r\nHost: h\r\n", 303},
        {"GET /ui/ HTTP/1.1\r\nHost: h\r\nCookie: logikald_session=TOKEN\r\n", 303},
        {"GET /ui/events HTTP/1.1\r\nHost: h\r\nCookie: logikald_session=TOKEN\r\n", 303},
        {"GET /nowhere HTTP/1.1\r\nHost: h\r\n", 404},
        {"PUT /health HTTP/1.1\r\nHost: h\r\n", 405},
        {"POST /api/v1/client-auth/register HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 2\r\n"
         "Connection: close\r\n\r\n{}",
         401},
        {"GET /openapi.json HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer TOKEN\r\n", 200},
        {"GET /api/v1/projects/?token=TOKEN HTTP/1.1\r\nHost: h\r\n", 401},
        {"GET /api/v1/directories/?base_url=x&token=TOKEN HTTP/1.1\r\nHost: h\r\n", 401},
        {"POST /api/v1/projects/7/select?token=TOKEN HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n", 401},
    };
    WAIT_UNTIL(3600 - time(NULL) % 3600 > 60, 70000); /* all within one hour of the clock */
    web_stop(&web);
    web_run(&web, few, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) expect_limit(rows[i].head, rows[i].status, (int)i);
    assert_int_equal(ask(4000, HEALTH, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/verify", web.admin, NULL),
                     200); /* known, and somebody else */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(test_half_bodies_take_no_memory, let_go),
    cmocka_unit_test_teardown(test_who_gives_way_is_told_so, let_go),
    cmocka_unit_test_teardown(test_open_operations_take_small_bodies_only, let_go),
    cmocka_unit_test_teardown(test_half_requests_of_one_address_hold_up_nobody, let_go),
    cmocka_unit_test_teardown(test_half_requests_of_many_addresses_hold_up_nobody, let_go),
    cmocka_unit_test_teardown(test_a_client_at_work_keeps_its_connection, let_go),
    cmocka_unit_test_teardown(test_refusals_count_in_the_rate_before_any_statement, let_go),
    cmocka_unit_test_teardown(test_tokens_that_are_void_count_in_the_rate_before_any_statement, let_go),
};
TEST_MAIN(tests, set_up, tear_down)
