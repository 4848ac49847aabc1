/* Waiting, scratch directory, free ports, paths of built programs, and the end of a test program.
 * A port is reserved for the life of the program by an abstract unix socket of that number, so that test programs
 * that run at the same time never pick the same one; ports are taken below the range of outgoing connections. */
#include "tests/support/support_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char scratch[PATH_MAX];
static pid_t owner;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t support_deadline(int64_t ms)
{
    const char *preload = getenv("LD_PRELOAD");
    return now_ms() + (preload && strstr(preload, "vgpreload") ? 4 * ms : ms);
}

int64_t support_patience(int64_t ms)
{
    /* A test must end, and name what it waited for, before its program's time is over. */
    return support_deadline(3 * ms + 15000 < 420000 ? 3 * ms + 15000 : 420000);
}

bool support_late(int64_t deadline)
{
    return now_ms() > deadline;
}

void support_pause(void)
{
    struct timespec t = {0, 10 * 1000000L};
    nanosleep(&t, NULL);
}

void support_format(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out, size, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < size) return;
    fprintf(stderr, "support: longer than %zu bytes: %s\n", size, out);
    abort();
}

/* --- directories and files --- */

static void at_exit(void)
{
    if (getpid() == owner) support_stop_all(); /* not in a child that a test forked */
}

const char *support_dir(void)
{
    if (scratch[0] && owner == getpid()) return scratch;
    const char *tmp = getenv("TMPDIR");
    support_format(scratch, sizeof scratch, "%s/logikald-test-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(scratch) || chmod(scratch, 0711) != 0) { /* 0711: servers of another user live beneath it */
        perror(scratch);
        exit(1);
    }
    owner = getpid();
    if (getenv("LOGIKALD_TEST_KEEP")) fprintf(stderr, "support: files stay in %s\n", scratch);
    guard_start();
    atexit(at_exit);
    return scratch;
}

void support_make_dir(char *out, size_t size, const char *name)
{
    static int count;
    support_format(out, size, "%s/%s-%d", support_dir(), name, ++count);
    if (mkdir(out, 0700) != 0) fail_msg("mkdir %s: %s", out, strerror(errno));
}

static char build_dir[PATH_MAX];

void support_take_build_dir(void)
{
    build_dir[0] = 0;
}

const char *support_build_dir(void)
{
    char *dir = build_dir;
    if (dir[0]) return dir;
    const char *given = getenv("LOGIKALD_BUILD_DIR");
    if (given) {
        support_format(dir, sizeof build_dir, "%s", given);
        return dir;
    }
    ssize_t n = readlink("/proc/self/exe", dir, sizeof build_dir - 1); /* BUILD/tests/test_x */
    if (n > 0) dir[n] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(dir, '/');
        if (slash) *slash = 0;
    }
    return dir;
}

const char *support_program(const char *n)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    support_format(path, PATH_MAX, "%s/%s", support_build_dir(), n);
    return path;
}

char *support_read_file(const char *path)
{
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    assert_non_null(text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, text + size, capacity - size - 1)) > 0) {
        size += (size_t)n;
        if (capacity - size > 1) continue;
        char *larger = realloc(text, capacity *= 2);
        assert_non_null(larger);
        text = larger;
    }
    if (fd >= 0) close(fd);
    text[size] = 0;
    return text;
}

bool support_file_has(const char *path, const char *text)
{
    char *all = support_read_file(path);
    bool is_there = strstr(all, text) != NULL;
    free(all);
    return is_there;
}

void support_write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f) fail_msg("%s: %s", path, strerror(errno));
    bool is_written = fputs(text, f) >= 0;
    if (fclose(f) != 0 || !is_written) fail_msg("cannot write %s", path);
}

/* --- ports --- */

static bool port_reserve(int port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "logikald-test-port-%d", port);
    int hold = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (hold < 0) return false;
    if (bind(hold, (struct sockaddr *)&name, (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)n)) != 0) {
        close(hold);
        return false;
    }
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = probe >= 0 && bind(probe, (struct sockaddr *)&any, sizeof any) == 0;
    if (probe >= 0) close(probe);
    if (!is_free) close(hold);
    return is_free; /* hold stays open: the reservation */
}

int support_free_port(void)
{
    static unsigned next;
    if (!next && getrandom(&next, sizeof next, 0) != sizeof next) next = (unsigned)getpid();
    for (int i = 0; i < 12000; i++) {
        int port = 20000 + (int)(next++ % 12000);
        if (port_reserve(port)) return port;
    }
    fail_msg("no free port between 20000 and 32000");
    return 0;
}

void support_stop_all(void)
{
    pg_close_cached();
    process_kill_all();
    if (!scratch[0] || owner != getpid() || getenv("LOGIKALD_TEST_KEEP")) return;
    char *const argv[] = {"rm", "-rf", scratch, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execvp("rm", argv);
        _exit(127);
    }
    struct process rm = {.pid = pid, .is_running = pid > 0};
    if (pid > 0) process_wait(&rm, 30000);
    scratch[0] = 0;
}
