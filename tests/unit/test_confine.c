/* The system call filter of tasks: what is taken away is refused and nobody dies of it, what tasks need works. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/runner/confine.h"
#include "tests/support/test.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true /* LeakSanitizer needs processes and ptrace: they are left to it */
#else
#define IS_SANITIZED false
#endif

/* The number of a line of /proc/self/status, -1 when it is not there. */
static int status_number(const char *name)
{
    char line[256];
    int number = -1;
    FILE *in = fopen("/proc/self/status", "re");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') number = atoi(line + strlen(name) + 1);
    if (in) fclose(in);
    return number;
}

static void *nothing(void *arg)
{
    return arg;
}

static bool is_refused(long rc)
{
    return rc == -1 && errno == EPERM;
}

#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "not so: %s (%s)\n", #cond, strerror(errno));                                              \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static void check_refusals(void)
{
    char *words[] = {(char *)(uintptr_t) "true", NULL};
    CHECK(is_refused(execve("/bin/true", words, words)));
    CHECK(is_refused(unshare(CLONE_NEWUSER)));
    CHECK(is_refused(syscall(SYS_bpf, 0, NULL, 0)));
    CHECK(is_refused(syscall(SYS_keyctl, 0, 0)));
    CHECK(is_refused(syscall(SYS_add_key, "user", "x", "y", 1, -1)));
    CHECK(is_refused(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)));
    CHECK(is_refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)));
    CHECK(is_refused(syscall(SYS_userfaultfd, 0)));
    CHECK(is_refused(syscall(SYS_io_uring_setup, 1, NULL)));
    CHECK(is_refused(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL)));
    if (IS_SANITIZED) return;
    CHECK(is_refused(fork()));
    CHECK(is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
}

static void check_what_tasks_need(void)
{
    pthread_t thread;
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(getaddrinfo("localhost", "80", &hints, &found) == 0);
    freeaddrinfo(found);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];
    CHECK(fd >= 0 && close(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

TEST(test_tasks_are_confined)
{
    int status = 0;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) skip(); /* a kernel without filters, or qemu's user mode */
    confine_prepare();
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        confine_enter();
        CHECK(status_number("Seccomp") == 2 && status_number("NoNewPrivs") == 1);
        check_refusals();
        check_what_tasks_need();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_tasks_are_confined)};
TEST_MAIN(tests, NULL, NULL)
