/* The parts that a test program plays under a supervisor: the roles (as logikald-roles), and programs. See
 * supervised.h. No cmocka here: this is another process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/clock.h"
#include "ipc/notify.h"
#include "tests/support/process/supervised.h"

static volatile sig_atomic_t is_stopping, hups;

static void on_term(int sig)
{
    (void)sig;
    is_stopping = 1;
}

static void on_hup(int sig)
{
    (void)sig;
    hups++;
}

static void handle(int sig, void (*fn)(int))
{
    struct sigaction a = {.sa_handler = fn};
    sigaction(sig, &a, NULL);
}

static void read_act(const char *role, char *out, size_t size)
{
    char path[600];
    const char *dir = getenv("PLAY_DIR");
    snprintf(path, sizeof path, "%s/act.%s", dir ? dir : ".", role);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
    if (n <= 0) snprintf(out, size, "ready");
}

/* A process that ignores TERM and outlives us. */
static void leave_grandchild(void)
{
    if (fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;) pause();
    }
}

/* Answers every request with our pid; a connection is one request. */
static void serve(int listener)
{
    char request[2048], answer[256], body[32];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = TEMP_FAILURE_RETRY(recv(fd, request, sizeof request, 0)); /* what was accepted is answered */
    int len = snprintf(body, sizeof body, "%d\n", (int)getpid());
    int total = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                         len, body);
    if (n > 0) send(fd, answer, (size_t)total, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (TEMP_FAILURE_RETRY(recv(fd, request, sizeof request, 0)) > 0) continue;
    close(fd);
}

static void grow(long megabytes)
{
    size_t bytes = (size_t)megabytes << 20;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) memset(p, 1, bytes);
}

_Noreturn static void play_role(const char *role)
{
    char act[128];
    int64_t interval = notify_watchdog_interval_ms();
    int listener = notify_listen_fd();
    read_act(role, act, sizeof act);
    handle(SIGTERM, strncmp(act, "deaf", 4) == 0 ? SIG_IGN : on_term);
    handle(SIGHUP, on_hup);
    if (strncmp(act, "exit ", 5) == 0) {
        fprintf(stderr, "%s plays a failure\n", role);
        _exit(atoi(act + 5));
    }
    if (strncmp(act, "crash", 5) == 0) {
        signal(SIGSEGV, SIG_DFL);
        prctl(PR_SET_DUMPABLE, 0);
        raise(SIGSEGV);
    }
    if (strncmp(act, "slow ", 5) == 0) poll(NULL, 0, atoi(act + 5));
    if (strncmp(act, "grow ", 5) == 0) grow(atol(act + 5));
    if (strncmp(act, "child", 5) == 0) leave_grandchild();
    if (strcmp(role, "migrate") == 0) _exit(0);
    if (strncmp(act, "silent", 6) != 0) notify_ready("playing");
    const char *previous = getenv("LOGIKALD_PREVIOUS_PID");
    fprintf(stderr, "%s plays %s, previous %s, secrets %s%s\n", role, act, previous ? previous : "none",
            getenv("SECRET_KEY") ? "S" : "", getenv("DATABASE_URL") ? "D" : "");
    bool pings = interval > 0 && strncmp(act, "hang", 4) != 0;
    int told = 0;
    while (!is_stopping) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        int ready = poll(&p, listener >= 0 ? 1 : 0, interval > 0 ? (int)interval : 1000);
        if (ready > 0) serve(listener);
        if (pings) notify_watchdog();
        if (hups != told) fprintf(stderr, "%s heard HUP %d\n", role, told = (int)hups);
    }
    notify_stopping();
    fprintf(stderr, "%s stops\n", role);
    _exit(0);
}

/* ---- programs: --play PART [NUMBER] ---- */

/* Each of a hundred generations leaves its children unreaped when it ends. vfork, because a sanitized process is slow
 * to copy and a slow storm is none. */
static void play_orphans(long count)
{
    for (long i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (long k = 0; k < count / 100; k++)
                if (vfork() == 0) _exit(0); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): the fastest birth */
            _exit(0);
        }
        if (pid > 0) waitpid(pid, NULL, 0);
    }
    printf("made %ld orphans\n", count);
    fflush(stdout);
}

static void play_flood(long lines)
{
    char line[256];
    memset(line, 'f', sizeof line);
    line[sizeof line - 1] = '\n';
    for (long i = 0; i < lines; i++)
        if (write(STDOUT_FILENO, line, sizeof line) < 0) return;
}

/* One very long line, and bytes that are no text. */
static void play_odd_lines(void)
{
    char block[10000];
    memset(block, 'L', sizeof block);
    block[sizeof block - 1] = '\n';
    if (write(STDERR_FILENO, block, sizeof block) < 0) return;
    if (write(STDERR_FILENO, "odd \xff\xfe\x01 bytes\n", 14) < 0) return;
}

/* Nobody of our group may be left when the leader has gone: grandchildren that ignore TERM, one in its own session. */
static void play_escape(void)
{
    leave_grandchild();
    if (fork() == 0) {
        setsid();
        leave_grandchild();
        signal(SIGTERM, SIG_IGN);
        for (;;) pause();
    }
}

_Noreturn static void play_program(int argc, char **argv)
{
    const char *part = argc > 2 ? argv[2] : "";
    long number = argc > 3 ? atol(argv[3]) : 0;
    if (strcmp(part, "exit") == 0) {
        printf("program says goodbye\n");
        fflush(stdout);
        _exit((int)number);
    }
    if (strcmp(part, "orphans") == 0) play_orphans(number);
    if (strcmp(part, "flood") == 0) play_flood(number);
    if (strcmp(part, "odd-lines") == 0) play_odd_lines();
    if (strcmp(part, "escape") == 0) play_escape();
    if (strcmp(part, "deaf") == 0) signal(SIGTERM, SIG_IGN);
    if (strcmp(part, "environment") == 0)
        for (char **e = environ; *e; e++) printf("env %s\n", *e);
    printf("plays %s\n", part);
    fflush(stdout);
    for (;;) pause();
}

void supervised_act(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--play") == 0) play_program(argc, argv);
    if (argc > 1 && getenv("LOGIKALD_SUPERVISED") && strcmp(argv[0], "logikald") == 0) play_role(argv[1]);
}
