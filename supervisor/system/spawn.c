/* Making a process: see spawn.h. Between fork and exec only the child's own memory is touched. */
#include "supervisor/system/spawn.h"

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

#include "conf/exit.h"
#include "supervisor/system/account.h"

#define FIRST_SAFE_FD 10

#define NEEDED 6

static int status_fd = -1; /* of the child, once it has been forked */
static bool is_placed;     /* standard error is its own */

_Noreturn static void die(int status, const char *what, const char *detail)
{
    char text[512];
    int n = snprintf(text, sizeof text, "cannot %s%s%s: %s\n", what, detail ? " " : "", detail ? detail : "",
                     strerror(errno));
    size_t len = n > 0 && (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    if (is_placed && write(STDERR_FILENO, text, len) < 0) status = EXIT_PREPARE;
    if (status_fd >= 0 && write(status_fd, text, len) < 0) status = EXIT_PREPARE;
    _exit(status);
}

/* Near the limit of descriptors there would be no room to put the few that are needed in their places. */
static void close_others(const int *needed)
{
    unsigned from = 0;
    for (;;) {
        int next = -1;
        for (int i = 0; i < NEEDED; i++)
            if (needed[i] >= (int)from && (next < 0 || needed[i] < next)) next = needed[i];
        if (next < 0) break;
        if (next > (int)from) close_range(from, (unsigned)next - 1, 0);
        from = (unsigned)next + 1;
    }
    close_range(from, ~0U, 0);
}

/* Out of the way of the numbers that the child is to have. */
static int set_aside(int fd)
{
    if (fd < 0) return -1;
    int aside = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SAFE_FD);
    if (aside < 0) die(EXIT_PREPARE, "keep a descriptor (raise the limit on open files)", NULL);
    close(fd);
    return aside;
}

static void place_descriptors(const struct spawn *s)
{
    int from[NEEDED] = {-1, s->out_fd, s->err_fd, s->listen_fd, s->notify_fd, s->status_fd};
    int count = NEEDED - 1;
    close_others(from);
    status_fd = from[count] = set_aside(from[count]);
    for (int i = 1; i < count; i++) from[i] = set_aside(from[i]);
    int null_fd = set_aside(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null_fd < 0) die(EXIT_PREPARE, "open", "/dev/null");
    for (int to = 0; to < count; to++) {
        int fd = to <= STDERR_FILENO && from[to] < 0 ? null_fd : from[to];
        if (fd >= 0 && dup2(fd, to) < 0) die(EXIT_PREPARE, "place a descriptor", NULL);
    }
    is_placed = true;
    close_range((unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void limit(int resource, const char *name, int64_t value)
{
    if (value < 0) return;
    struct rlimit r = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    if (setrlimit(resource, &r) != 0) die(EXIT_PREPARE, "set the limit", name);
}

static void set_entry(char **envp, const char *name, const char *value)
{
    size_t len = strlen(name);
    for (; *envp; envp++) {
        if (strncmp(*envp, name, len) != 0 || (*envp)[len] != '=') continue;
        if (asprintf(envp, "%s=%s", name, value) < 0) die(EXIT_PREPARE, "set", name); /* what was there is not ours */
        return;
    }
}

/* HOME and the like are the user's, unless the program says otherwise. */
static void move_home(const struct spawn *s, const char *name, const char *home)
{
    static const char *const names[] = {"HOME", "USER", "LOGNAME"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        bool is_own = false;
        for (char **e = s->program->environment; e && *e; e++)
            is_own = is_own || (strncmp(*e, names[i], len) == 0 && (*e)[len] == '=');
        if (!is_own) set_entry((char **)s->envp, names[i], i == 0 ? home : name);
    }
}

static gid_t group_of(const char *group)
{
    gid_t gid;
    if (account_number(group, &gid)) return gid;
    errno = 0;
    struct group *gr = getgrnam(group);
    if (!gr && !errno) errno = ENOENT;
    if (!gr) die(EXIT_PREPARE, "find the group", group);
    return gr->gr_gid;
}

static void become(const struct spawn *s)
{
    const char *user = s->program->user, *group = s->program->group;
    uid_t uid;
    if (geteuid() != 0 || (!user && !group)) return;
    bool is_number = user && account_number(user, &uid);
    errno = 0;
    struct passwd *pw = is_number ? getpwuid(uid) : user ? getpwnam(user) : NULL;
    if (user && !pw && !is_number) {
        if (!errno) errno = ENOENT;
        die(EXIT_PREPARE, "find the user", user);
    }
    if (pw) uid = pw->pw_uid;
    gid_t gid = group ? group_of(group) : pw ? pw->pw_gid : user ? (gid_t)uid : getegid();
    int rc = pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL);
    if (rc != 0 || setgid(gid) != 0) die(EXIT_PREPARE, "become the group of", user ? user : group);
    if (user && setuid(uid) != 0) die(EXIT_PREPARE, "become the user", user);
    if (user) move_home(s, pw ? pw->pw_name : user, pw ? pw->pw_dir : "/");
}

static void apply_program(const struct spawn *s)
{
    const struct program *p = s->program;
    limit(RLIMIT_NOFILE, "rlimit_nofile", p->rlimit_nofile);
    limit(RLIMIT_CORE, "rlimit_core_bytes", p->rlimit_core_bytes);
    limit(RLIMIT_AS, "rlimit_as_bytes", p->rlimit_as_bytes);
    if (p->umask >= 0) umask((mode_t)p->umask);
    become(s);
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
    if (s->program) apply_program(s);
    /* After the change of user, which would undo it. The supervisor may have died in between. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(EXIT_PREPARE);
    default_signals();
    environ = (char **)s->envp; /* its own PATH says where it is */
    execvp(s->path, s->argv);
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
