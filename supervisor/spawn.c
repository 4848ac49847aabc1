/* Making a process: see spawn.h. Between fork and exec only the child's own memory is touched. */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_PREPARE  126
#define EXIT_EXEC     127
#define FIRST_SAFE_FD 10

_Noreturn static void die(int status, const char *what, const char *detail)
{
    dprintf(STDERR_FILENO, "cannot %s%s%s: %s\n", what, detail ? " " : "", detail ? detail : "", strerror(errno));
    _exit(status);
}

/* Out of the way of the numbers that the child is to have. */
static int set_aside(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SAFE_FD);
}

static void place_descriptors(const struct spawn *s)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int from[] = {null_fd, s->out_fd < 0 ? null_fd : s->out_fd, s->err_fd < 0 ? null_fd : s->err_fd, s->listen_fd,
                  s->notify_fd};
    int count = (int)(sizeof from / sizeof *from);
    for (int i = 0; i < count; i++) from[i] = set_aside(from[i]);
    for (int to = 0; to < count; to++) {
        if (from[to] >= 0 && dup2(from[to], to) < 0) _exit(EXIT_PREPARE);
        if (from[to] < 0) close(to);
    }
    close_range((unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC); /* also what the supervisor was started with */
}

static void limit(int resource, const char *name, int64_t value)
{
    if (value < 0) return;
    struct rlimit r = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    if (setrlimit(resource, &r) != 0) die(EXIT_PREPARE, "set the limit", name);
}

static void become(const char *user)
{
    if (!user || geteuid() != 0) return;
    errno = 0;
    struct passwd *pw = getpwnam(user);
    if (!pw) {
        if (!errno) errno = ENOENT;
        die(EXIT_PREPARE, "find the user", user);
    }
    if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
        die(EXIT_PREPARE, "become the user", user);
}

static void apply_program(const struct program *p)
{
    limit(RLIMIT_NOFILE, "rlimit_nofile", p->rlimit_nofile);
    limit(RLIMIT_CORE, "rlimit_core_bytes", p->rlimit_core_bytes);
    limit(RLIMIT_AS, "rlimit_as_bytes", p->rlimit_as_bytes);
    if (p->umask >= 0) umask((mode_t)p->umask);
    become(p->user);
    if (p->directory && chdir(p->directory) != 0) die(EXIT_PREPARE, "enter the directory", p->directory);
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++) signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void child_main(const struct spawn *s, pid_t supervisor)
{
    setsid();
    place_descriptors(s);
    if (s->program) apply_program(s->program);
    /* After the change of user, which would undo it. The supervisor may have died in between. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(EXIT_PREPARE);
    default_signals();
    execvpe(s->path, s->argv, s->envp);
    die(EXIT_EXEC, "run", s->path);
}

pid_t spawn(const struct spawn *s, struct err *err)
{
    pid_t supervisor = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        err_errno(err, "no process for %s", s->argv[0]);
        return -1;
    }
    if (pid == 0) child_main(s, supervisor);
    return pid;
}
