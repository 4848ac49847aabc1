/* Connections that are dialled: the first address that stands wins, what fails is told with its reason, and who calls a
 * dial off at any of its steps hears nothing of it and keeps no descriptor. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "ipc/dial.h"
#include "tests/support/process/proc.h"
#include "tests/support/support.h"
#include "tests/support/test.h"

struct call {
    int count, fd;
    char why[400];
};

static struct event_base *base;

static void on_dialled(void *arg, int fd, const char *why)
{
    struct call *c = arg;
    c->count++;
    c->fd = fd;
    snprintf(c->why, sizeof c->why, "%s", why);
}

static void turn(int ms)
{
    event_base_loopexit(base, &(struct timeval){.tv_usec = ms * 1000});
    event_base_dispatch(base);
}

/* A port of the loopback of this family, and of the other one too where that is free; 0: this machine has none. */
static int bound(int family, int port, int *fd)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_loopback};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
    *fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, address, len) != 0 || getsockname(*fd, address, &len) != 0) return 0;
    return ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
}

/* A server whose queue is full answers nobody. */
static void fill(int port, int held[4])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 4; i++) {
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(held[i], (struct sockaddr *)&to, sizeof to);
    }
}

static void wait_for(struct call *c)
{
    for (int64_t end = support_deadline(20000); c->count == 0;) {
        if (support_late(end)) fail_msg("nobody was called: %s", c->why);
        turn(10);
    }
    turn(10);
    assert_int_equal(c->count, 1);
}

/* What has a port but does not listen refuses. */
TEST(test_the_first_that_stands_wins)
{
    int listener, refusing, other, before = proc_descriptors(getpid()), port = bound(AF_INET, 0, &listener);
    struct call c = {0};
    assert_int_equal(listen(listener, 5), 0);
    assert_non_null(dial_start(base, "127.0.0.1", port, on_dialled, &c));
    wait_for(&c);
    assert_string_equal(c.why, "");
    assert_true(c.fd >= 0);
    close(c.fd);

    c = (struct call){0};
    port = bound(AF_INET, 0, &refusing);
    assert_non_null(dial_start(base, "127.0.0.1", port, on_dialled, &c));
    wait_for(&c);
    assert_int_equal(c.fd, -1);
    char why[100];
    snprintf(why, sizeof why, "127.0.0.1:%d: Connection refused", port);
    assert_string_equal(c.why, why);

    if (bound(AF_INET6, port, &other)) { /* the second address of the name */
        c = (struct call){0};
        assert_int_equal(listen(other, 5), 0);
        assert_non_null(dial_start(base, "localhost", port, on_dialled, &c));
        wait_for(&c);
        assert_true(c.fd >= 0);
        close(c.fd);
    }
    if (other >= 0) close(other);
    close(listener);
    close(refusing);
    assert_int_equal(proc_descriptors(getpid()), before);
}

TEST(test_who_does_not_answer_is_passed_by)
{
    int listener, other, held[4], before = proc_descriptors(getpid()), port = bound(AF_INET, 0, &listener);
    struct call c = {0};
    assert_int_equal(listen(listener, 0), 0);
    fill(port, held);
    if (bound(AF_INET6, port, &other)) {
        assert_int_equal(listen(other, 5), 0);
        int64_t begin = mono_ms();
        assert_non_null(dial_start(base, "localhost", port, on_dialled, &c));
        wait_for(&c);
        assert_true(c.fd >= 0);
        assert_true(mono_ms() - begin >= DIAL_PACE_MS - 10);
        close(c.fd);
    }
    if (other >= 0) close(other);
    for (int i = 0; i < 4; i++) close(held[i]);
    close(listener);
    assert_int_equal(proc_descriptors(getpid()), before);
}

/* Called off before the name is an address, in the turn after, and while a server does not answer. */
TEST(test_who_calls_off_hears_nothing)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "logikald.invalid"};
    int listener, held[4], port = bound(AF_INET, 0, &listener);
    assert_int_equal(listen(listener, 0), 0);
    fill(port, held);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        for (int turns = 0; turns < 3; turns++) {
            struct call c = {0};
            int before = proc_descriptors(getpid());
            struct dial *d = dial_start(base, hosts[i], port, on_dialled, &c);
            assert_non_null(d);
            for (int n = 0; n < turns && c.count == 0; n++) event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
            int heard = c.count; /* a name without a server, or no IPv6: it was over before */
            if (!heard) dial_cancel(d);
            for (int n = 0; n < 5; n++) turn(10);
            assert_int_equal(c.count, heard);
            if (heard && c.fd >= 0) close(c.fd);
            assert_int_equal(proc_descriptors(getpid()), before);
        }
    for (int i = 0; i < 4; i++) close(held[i]);
    close(listener);
}

FIXTURE(begin)
{
    base = event_base_new();
    return base ? 0 : -1;
}

FIXTURE(end)
{
    event_base_free(base);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_first_that_stands_wins),
    cmocka_unit_test(test_who_does_not_answer_is_passed_by),
    cmocka_unit_test(test_who_calls_off_hears_nothing),
};
TEST_MAIN(tests, begin, end)
