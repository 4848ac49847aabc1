/* Running the parts: see report_internal.h. What they write goes to memory files, which need nobody who reads
 * meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "services/report/report_internal.h"

#define LOOK_MS 20

struct running_part {
    pid_t pid; /* 0 = it has ended, or never ran */
    int fd;
};

static void run_here(const struct conf *conf, const struct report_part *part, int fd)
{
    struct rlimit room = {PART_BYTES, PART_BYTES}, no_core = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_FSIZE, &room);
    setrlimit(RLIMIT_CORE, &no_core); /* a picture of the memory has the secrets */
    signal(SIGXFSZ, SIG_IGN);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    setvbuf(stdout, NULL, _IOLBF, 0); /* what it has said before it hangs is there */
    int status = part->write(conf);
    fflush(NULL);
    _exit(status);
}

static void start(const struct conf *conf, const struct report_part *part, struct running_part *r, char *fault,
                  size_t size)
{
    *r = (struct running_part){.fd = memfd_create(part->name, MFD_CLOEXEC)};
    if (r->fd >= 0) fcntl(r->fd, F_SETFL, O_APPEND);
    r->pid = r->fd < 0 ? -1 : fork();
    if (r->pid == 0) run_here(conf, part, r->fd);
    if (r->pid > 0) return;
    snprintf(fault, size, "could not be begun: %s", strerror(errno));
    r->pid = 0;
}

static void say_end(int status, char *fault, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(fault, size, "ended by SIG%s before it was whole", sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        snprintf(fault, size, "could not be had, or not all of it (exit status %d): it says why", WEXITSTATUS(status));
}

static void wait_for_all(struct running_part *running, size_t count, int seconds, struct report_result *results)
{
    int64_t deadline = mono_ms() + (int64_t)seconds * 1000;
    for (size_t left = count; left > 0;) {
        bool is_late = mono_ms() >= deadline;
        left = 0;
        for (size_t i = 0; i < count; i++) {
            int status;
            if (running[i].pid && is_late) kill(running[i].pid, SIGKILL);
            if (running[i].pid && waitpid(running[i].pid, &status, is_late ? 0 : WNOHANG) == running[i].pid) {
                say_end(status, results[i].fault, sizeof results[i].fault);
                if (is_late) snprintf(results[i].fault, sizeof results[i].fault, "did not end within %d s", seconds);
                running[i].pid = 0;
            }
            left += running[i].pid != 0;
        }
        if (left > 0) poll(NULL, 0, LOOK_MS);
    }
}

static void take_text(struct running_part *r, struct report_result *result)
{
    char piece[65536];
    ssize_t n;
    off_t at = 0;
    while (r->fd >= 0 && (n = pread(r->fd, piece, sizeof piece, at)) > 0) {
        buf_add(&result->text, piece, (size_t)n);
        at += n;
    }
    if (at >= PART_BYTES && !result->fault[0])
        snprintf(result->fault, sizeof result->fault, "cut at %d MiB", PART_BYTES >> 20);
    if (r->fd >= 0) close(r->fd);
}

void parts_run(const struct conf *conf, int seconds, const struct report_part *parts, size_t count,
               struct report_result *results)
{
    struct running_part *running = calloc(count, sizeof *running);
    fflush(NULL);
    for (size_t i = 0; running && i < count; i++)
        start(conf, &parts[i], &running[i], results[i].fault, sizeof results[i].fault);
    if (running) wait_for_all(running, count, seconds, results);
    for (size_t i = 0; running && i < count; i++) take_text(&running[i], &results[i]);
    free(running);
}
