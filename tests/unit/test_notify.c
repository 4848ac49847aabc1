/* What a child tells its supervisor (or systemd), word by word and by each way; what it reads of its environment. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/control.h"
#include "ipc/notify.h"
#include "tests/support/test.h"

static char dir[] = "/tmp/test-notify-XXXXXX";

static void expect(int fd, const char *wanted)
{
    char text[600] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, wanted);
}

static void say_all(int fd)
{
    char status[600], wanted[600];
    assert_int_equal(notify_ready("is up"), 0);
    expect(fd, "READY=1\nSTATUS=is up");
    assert_int_equal(notify_status("works"), 0);
    expect(fd, "STATUS=works");
    assert_int_equal(notify_stopping(), 0);
    expect(fd, "STOPPING=1");
    assert_int_equal(notify_reloading(1234567890123), 0);
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=1234567890123");
    assert_int_equal(notify_watchdog(), 0);
    expect(fd, "WATCHDOG=1");
    memset(status, 's', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    assert_int_equal(notify_status(status), 0);
    snprintf(wanted, 512, "STATUS=%.504s", status);
    expect(fd, wanted);
}

static void to_descriptor(int fd)
{
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    setenv("LOGIKALD_NOTIFY_FD", text, 1);
}

TEST(test_it_is_told_by_a_descriptor)
{
    int pair[2], kept = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    to_descriptor(pair[0]);
    setenv("NOTIFY_SOCKET", "/nowhere", 1); /* the other comes first */
    say_all(pair[1]);
    kept = dup(0);
    assert_int_equal(dup2(pair[0], 0), 0); /* one like all others */
    to_descriptor(0);
    assert_int_equal(notify_watchdog(), 0);
    expect(pair[1], "WATCHDOG=1");
    if (kept >= 0) dup2(kept, 0);
    if (kept >= 0) close(kept);
    close(pair[0]);
    to_descriptor(pair[0]);
    assert_int_equal(notify_watchdog(), -1);
    close(pair[1]);
    unsetenv("LOGIKALD_NOTIFY_FD");
    unsetenv("NOTIFY_SOCKET");
}

static int listen_at(const char *path, size_t len, bool is_abstract)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(a.sun_path, path, len);
    if (is_abstract) a.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

TEST(test_it_is_told_by_a_path)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1], abstract[64];
    snprintf(path, sizeof path, "%s/socket", dir);
    int fd = listen_at(path, strlen(path), false);
    setenv("NOTIFY_SOCKET", path, 1);
    say_all(fd);
    setenv("LOGIKALD_NOTIFY_FD", "", 1); /* none */
    assert_int_equal(notify_watchdog(), 0);
    expect(fd, "WATCHDOG=1");
    setenv("LOGIKALD_NOTIFY_FD", "7x", 1);
    assert_int_equal(notify_watchdog(), 0);
    expect(fd, "WATCHDOG=1");
    setenv("LOGIKALD_NOTIFY_FD", "-1", 1);
    assert_int_equal(notify_watchdog(), 0);
    expect(fd, "WATCHDOG=1");
    unsetenv("LOGIKALD_NOTIFY_FD");
    close(fd);
    unlink(path);
    snprintf(abstract, sizeof abstract, "@logikald-test-%d", (int)getpid());
    fd = listen_at(abstract, strlen(abstract), true);
    setenv("NOTIFY_SOCKET", abstract, 1);
    say_all(fd);
    close(fd);
    static const char *const bad[] = {"", "relative", "/nowhere/at/all"};
    for (int i = 0; i < 3; i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        assert_int_equal(notify_watchdog(), -1);
    }
    memset(path, 'x', sizeof path - 1);
    memcpy(path, dir, strlen(dir));
    path[strlen(dir)] = '/';
    path[sizeof path - 2] = '\0'; /* as long as it may be */
    fd = listen_at(path, strlen(path), false);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_watchdog(), 0);
    expect(fd, "WATCHDOG=1");
    close(fd);
    unlink(path);
    path[sizeof path - 2] = 'x';
    path[sizeof path - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_watchdog(), -1);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_watchdog(), 0); /* nobody wants to know */
}

TEST(test_how_often_the_watchdog_is_fed)
{
    char me[16], other[16];
    snprintf(me, sizeof me, "%d", (int)getpid());
    snprintf(other, sizeof other, "%d", (int)getpid() + 1);
    const struct {
        const char *usec, *pid;
        int64_t ms;
    } rows[] = {{NULL, NULL, 0},
                {"0", NULL, 0},
                {"-5", NULL, 0},
                {"x", NULL, 0},
                {"3000000", NULL, 1500},
                {"2000", me, 1},
                {"3000000", other, 0},
                {"3000000", "0", 1500},
                {"3000000", "x", 1500},
                {"1999", me, 0},
                {"99999999999999999999", NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].usec) setenv("WATCHDOG_USEC", rows[i].usec, 1);
        if (rows[i].pid) setenv("WATCHDOG_PID", rows[i].pid, 1);
        if (notify_watchdog_interval_ms() != rows[i].ms)
            fail_msg("row %zu: %lld", i, (long long)notify_watchdog_interval_ms());
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
    }
}

TEST(test_the_listening_socket_that_was_passed)
{
    char me[16];
    int kept = fcntl(3, F_DUPFD_CLOEXEC, 10), listening = socket(AF_INET, SOCK_STREAM, 0);
    snprintf(me, sizeof me, "%d", (int)getpid());
    assert_true(listening >= 0);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", me, 1);
    if (listening != 3) {
        dup2(listening, 3);
        close(listening);
    }
    assert_int_equal(notify_listen_fd(), -1); /* it does not listen */
    assert_int_equal(listen(3, 1), 0);
    assert_int_equal(notify_listen_fd(), 3);
    assert_int_equal(fcntl(3, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    setenv("LISTEN_FDS", "0", 1);
    assert_int_equal(notify_listen_fd(), -1);
    setenv("LISTEN_FDS", "2", 1);
    assert_int_equal(notify_listen_fd(), 3);
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(notify_listen_fd(), -1);
    setenv("LOGIKALD_SUPERVISED", "1", 1);
    assert_int_equal(notify_listen_fd(), 3);
    unsetenv("LISTEN_FDS");
    assert_int_equal(notify_listen_fd(), -1);
    unsetenv("LISTEN_PID");
    unsetenv("LOGIKALD_SUPERVISED");
    close(3);
    assert_true(kept < 0 || dup2(kept, 3) == 3);
    if (kept >= 0) close(kept);
}

/* ---- the control socket's words ---- */
TEST(test_requests_of_the_control_socket)
{
    struct sockaddr_un address;
    struct err err = {0};
    char path[200], *line = control_request("stop", 2, (char *[]){(char *)(uintptr_t) "a\"", (char *)(uintptr_t) "b"});
    assert_string_equal(line, "{\"command\":\"stop\",\"args\":[\"a\\\"\",\"b\"]}\n");
    free(line);
    line = control_request("status", 0, NULL);
    assert_string_equal(line, "{\"command\":\"status\",\"args\":[]}\n");
    free(line);
    memset(path, 'p', sizeof path);
    size_t most = sizeof address.sun_path - 1 - strlen("/" CONTROL_SOCKET);
    path[most] = '\0';
    assert_int_equal(control_address(path, &address, &err), 0);
    assert_int_equal(strlen(address.sun_path), sizeof address.sun_path - 1);
    assert_int_equal(address.sun_family, AF_UNIX);
    path[most] = 'p';
    path[most + 1] = '\0';
    assert_int_equal(control_address(path, &address, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.text, "set LOGIKALD_RUN_DIR"));
}

FIXTURE(set_up)
{
    return mkdtemp(dir) ? 0 : -1;
}

FIXTURE(tear_down)
{
    return rmdir(dir);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_it_is_told_by_a_descriptor),     cmocka_unit_test(test_it_is_told_by_a_path),
    cmocka_unit_test(test_how_often_the_watchdog_is_fed),  cmocka_unit_test(test_the_listening_socket_that_was_passed),
    cmocka_unit_test(test_requests_of_the_control_socket),
};
TEST_MAIN(tests, set_up, tear_down)
