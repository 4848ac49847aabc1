/* Asking a supervisor that misbehaves: it is silent, closes, speaks nonsense, or too much. The blocking client of the
 * command line and the one of the web process say what is wrong, and end. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <event2/event.h>

#include "ipc/control.h"
#include "services/web/ui/control.h"
#include "tests/support/test.h"

enum behaviour { GOOD, CLOSES, NONSENSE, ENDLESS, IN_PIECES, SILENT };

static char dir[] = "/tmp/test-control-XXXXXX";
static int listening = -1;

static int set_up(void **state)
{
    struct sockaddr_un address;
    (void)state;
    if (!mkdtemp(dir) || control_address(dir, &address, NULL) != 0) return -1;
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listening, (struct sockaddr *)&address, sizeof address) == 0 ? listen(listening, 8) : -1;
}

static int tear_down(void **state)
{
    char path[64];
    (void)state;
    close(listening);
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, dir);
    unlink(path);
    return rmdir(dir);
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) _exit(0); /* the client has left, as it should */
}

/* A supervisor for one request, in a process of its own. */
static pid_t supervise(enum behaviour how)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    char request[4096];
    int fd = accept(listening, NULL, NULL);
    if (fd < 0 || recv(fd, request, sizeof request, 0) <= 0) _exit(1);
    switch (how) {
    case GOOD: say(fd, "{\"line\":\"one\"}\n{\"line\":\"two\"}\n{\"ok\":true}\n"); break;
    case CLOSES: break;
    case NONSENSE: say(fd, "what?\n"); break;
    case ENDLESS:
        for (;;) say(fd, "{\"line\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    case IN_PIECES:
        for (const char *p = "{\"ok\":true}\n"; *p; p++) say(fd, (char[]){*p, 0});
        break;
    case SILENT: recv(fd, request, sizeof request, 0); break; /* until the client leaves */
    }
    _exit(0);
}

static void finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What the blocking client reads last: true, or false with err. */
static bool ask(enum behaviour how, int64_t timeout_ms, struct err *err)
{
    struct control_client c;
    bool is_ok = false;
    pid_t pid = supervise(how);
    assert_int_equal(control_open(&c, dir, err), 0);
    assert_int_equal(control_send(&c, "tail", 0, NULL, err), 0);
    cJSON *answer;
    while ((answer = control_read(&c, timeout_ms, err)) && !is_ok) {
        is_ok = cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok"));
        cJSON_Delete(answer);
        if (is_ok) break;
    }
    control_close(&c);
    finish(pid);
    return is_ok;
}

TEST(test_the_command_line_names_what_is_wrong)
{
    static const struct {
        enum behaviour how;
        enum err_code code;
        int64_t timeout_ms;
    } table[] = {
        {GOOD, ERR_NONE, 20000},      {IN_PIECES, ERR_NONE, 20000}, {CLOSES, ERR_SYSTEM, 20000},
        {NONSENSE, ERR_INPUT, 20000}, {ENDLESS, ERR_LIMIT, 20000},  {SILENT, ERR_TIMEOUT, 50},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err err = {0};
        bool is_ok = ask(table[i].how, table[i].timeout_ms, &err);
        if (is_ok != (table[i].code == ERR_NONE) || err.code != table[i].code)
            fail_msg("behaviour %d: %s", (int)table[i].how, err.text);
    }
}

TEST(test_what_cannot_be_asked)
{
    struct err err = {0};
    struct control_client c;
    char words[CONTROL_REQUEST_BYTES + 1], path[300];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = 0;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    pid_t pid = supervise(GOOD);
    assert_int_equal(control_open(&c, dir, &err), 0);
    assert_int_equal(control_send(&c, "tail", 1, (char *[]){words}, &err), -ERR_LIMIT);
    assert_int_equal(control_send(&c, "tail", 0, NULL, &err), 0);
    control_close(&c);
    finish(pid);
    assert_int_equal(control_open(&c, path, &err), -ERR_LIMIT);
    assert_int_equal(control_open(&c, "/tmp/no-such-directory", &err), -ERR_NOT_FOUND);
}

struct heard {
    struct event_base *base;
    enum err_code code;
    int lines, answers;
};

static void on_answer(void *arg, const cJSON *answer, const cJSON *lines, const struct err *err)
{
    struct heard *h = arg;
    h->answers++;
    h->lines = cJSON_GetArraySize(lines);
    h->code = err ? err->code : ERR_NONE;
    if (!err) assert_true(cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok")));
    event_base_loopbreak(h->base);
}

TEST(test_the_web_process_names_what_is_wrong)
{
    static const struct {
        enum behaviour how;
        enum err_code code;
        int lines;
    } table[] = {{GOOD, ERR_NONE, 2},
                 {IN_PIECES, ERR_NONE, 0},
                 {CLOSES, ERR_NOT_FOUND, 0},
                 {NONSENSE, ERR_INPUT, 0},
                 {ENDLESS, ERR_LIMIT, 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct heard h = {.base = event_base_new()};
        struct err err = {0};
        pid_t pid = supervise(table[i].how);
        assert_int_equal(ui_control_ask(h.base, dir, "tail", 0, NULL, on_answer, &h, &err), 0);
        assert_int_equal(h.answers, 0); /* never from within the question */
        event_base_dispatch(h.base);
        event_base_loop(h.base, EVLOOP_NONBLOCK);
        event_base_free(h.base);
        finish(pid);
        if (h.answers != 1 || h.code != table[i].code || h.lines != table[i].lines)
            fail_msg("behaviour %d: %d answers, code %d, %d lines", (int)table[i].how, h.answers, (int)h.code, h.lines);
    }
    struct err err = {0};
    assert_int_equal(ui_control_ask(NULL, "/tmp/no-such-directory", "tail", 0, NULL, on_answer, NULL, &err),
                     -ERR_NOT_FOUND);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_command_line_names_what_is_wrong),
    cmocka_unit_test(test_what_cannot_be_asked),
    cmocka_unit_test(test_the_web_process_names_what_is_wrong),
};
TEST_MAIN(tests, set_up, tear_down)
