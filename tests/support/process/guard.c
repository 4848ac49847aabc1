/* The guard: a process that waits for the end of the test program and then kills whatever groups are still listed and
 * removes the scratch directory. It learns of the end by the closing of a pipe, so a crash or kill -9 is enough. The
 * list is in shared memory. A test program that ends well leaves it nothing to do. */
#include "tests/support/support_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MOST = 512 };
static volatile pid_t *list; /* process group ids, 0 = free */
static pid_t guarded;        /* the process that has a guard */

static void guard_run(int fd, const char *dir)
{
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) dup2(null, i);
    dup2(fd, 3);
    closefrom(4);
    setsid();
    prctl(PR_SET_NAME, "test-guard");
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    char byte;
    while (read(3, &byte, 1) > 0) {
    }
    for (int i = 0; i < MOST; i++)
        if (list[i] > 0) kill(-list[i], SIGKILL);
    if (!getenv("LOGIKALD_TEST_KEEP") && access(dir, F_OK) == 0) execlp("rm", "rm", "-rf", dir, (char *)NULL);
    _exit(0);
}

void guard_start(void)
{
    if (guarded == getpid()) return;
    guarded = getpid();
    list = mmap(NULL, MOST * sizeof *list, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    if (list == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) {
        perror("guard");
        exit(1);
    }
    const char *dir = support_dir();
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() != 0) _exit(0); /* not a child of the test program: its waits never see it */
        guard_run(ends[0], dir);
    }
    close(ends[0]); /* ends[1] closes when this program ends, however it ends */
    struct process first = {.pid = pid, .is_running = pid > 0};
    if (pid > 0) process_wait(&first, 10000);
}

void guard_add(pid_t pid)
{
    for (int i = 0; list && i < MOST; i++) {
        if (list[i] != 0) continue;
        list[i] = pid;
        return;
    }
}

void guard_remove(pid_t pid)
{
    for (int i = 0; list && i < MOST; i++)
        if (list[i] == pid) list[i] = 0;
}

void process_kill_all(void)
{
    for (int i = 0; list && guarded == getpid() && i < MOST; i++) {
        if (list[i] == 0) continue;
        struct process p = {.pid = list[i], .is_running = true};
        kill(-p.pid, SIGKILL);
        kill(p.pid, SIGKILL);
        process_wait(&p, 20000);
    }
}
