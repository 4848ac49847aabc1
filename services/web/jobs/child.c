/* See child.h. The end of its output and then its exit are awaited by the loop: a pipe, and a pidfd. */
#include "services/web/jobs/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "ipc/task.h"

#define OUTPUT_MAX (4u << 20)

struct job_child {
    pid_t pid;
    int output_fd, pid_fd;
    struct event *readable, *ended;
    struct buf output;
    child_fn fn;
    void *arg;
};

static void child_release(struct job_child *c)
{
    if (c->readable) event_free(c->readable);
    if (c->ended) event_free(c->ended);
    if (c->output_fd >= 0) close(c->output_fd);
    if (c->pid_fd >= 0) close(c->pid_fd);
    buf_free(&c->output);
    free(c);
}

static bool drain_output(struct job_child *c)
{
    char bytes[16384];
    ssize_t n;
    while ((n = read(c->output_fd, bytes, sizeof bytes)) > 0) buf_add(&c->output, bytes, (size_t)n);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct job_child *c = arg;
    if (!drain_output(c)) event_del(c->readable);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct job_child *c = arg;
    int status = 0;
    if (waitpid(c->pid, &status, WNOHANG) == 0) {
        event_add(c->ended, NULL);
        return;
    }
    drain_output(c);
    int code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    c->fn(c->arg, c->output.failed || !c->output.data ? "" : c->output.data, code);
    child_release(c);
}

/* The environment without what is meant for this process: sockets, notifications, the watchdog. */
static char **child_environment(void)
{
    static const char *const ours[] = {"LOGIKALD_NOTIFY_FD=", "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_"};
    static char mark[] = TASK_OF_WEB "=1";
    size_t n = 0, kept = 0;
    while (environ[n]) n++;
    char **out = calloc(n + 2, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        bool is_ours = false;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            is_ours |= strncmp(environ[i], ours[k], strlen(ours[k])) == 0;
        if (!is_ours) out[kept++] = environ[i];
    }
    if (out) out[kept] = mark;
    return out;
}

/* What the task is called with, as a file without a name: an argument may have 128 KiB, and others may read it. */
static int file_of(const char *text)
{
    size_t len = strlen(text);
    int fd = memfd_create("kwargs", MFD_CLOEXEC);
    for (ssize_t n; fd >= 0 && len > 0; text += n, len -= (size_t)n) {
        n = write(fd, text, len);
        if (n > 0) continue;
        close(fd);
        return -1;
    }
    return fd;
}

static _Noreturn void become_task(int input, int output, pid_t parent, char **argv, char **env)
{
    sigset_t none;
    const char *notify = getenv("LOGIKALD_NOTIFY_FD");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_INTERNAL);
    if (notify) close((int)strtol(notify, NULL, 10));
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execve("/proc/self/exe", argv, env);
    _exit(EXIT_INTERNAL);
}

struct job_child *job_child_start(struct event_base *base, const char *task, const char *id, const char *kwargs,
                                  child_fn fn, void *arg, struct err *err)
{
    char *argv[] = {"logikald", "task", (char *)task, "--id", (char *)id, "--kwargs", "@/proc/self/fd/0", NULL};
    char **env = child_environment();
    struct job_child *c = calloc(1, sizeof *c);
    int pipe_fds[2] = {-1, -1}, input = file_of(kwargs);
    if (!c || !env || input < 0 || pipe2(pipe_fds, O_CLOEXEC) != 0) {
        err_errno(err, "cannot start a task");
        if (input >= 0) close(input);
        free(c);
        free(env);
        return NULL;
    }
    *c = (struct job_child){.output_fd = pipe_fds[0], .pid_fd = -1, .fn = fn, .arg = arg};
    buf_init(&c->output, OUTPUT_MAX);
    fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0) become_task(input, pipe_fds[1], parent, argv, env);
    close(pipe_fds[1]);
    close(input);
    free(env);
    if (c->pid > 0) c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pid_fd >= 0) {
        fcntl(c->pid_fd, F_SETFD, FD_CLOEXEC);
        c->readable = event_new(base, c->output_fd, EV_READ | EV_PERSIST, on_readable, c);
        c->ended = event_new(base, c->pid_fd, EV_READ, on_ended, c);
    }
    if (c->readable && c->ended && event_add(c->readable, NULL) == 0 && event_add(c->ended, NULL) == 0) {
        log_info("task %s runs as process %d", task, (int)c->pid);
        return c;
    }
    err_errno(err, "cannot start a task");
    if (c->pid > 0) kill(c->pid, SIGKILL), waitpid(c->pid, NULL, 0);
    child_release(c);
    return NULL;
}

void child_terminate(struct job_child *c)
{
    kill(c->pid, SIGTERM);
}

void job_child_free(struct job_child *c)
{
    if (!c) return;
    kill(c->pid, SIGTERM);
    child_release(c);
}
