/* Processes that a test starts: a minimal environment, output into a file, a process group of their own, and death
 * with the test program (PR_SET_PDEATHSIG for the process itself, the guard for the rest of its group). */
#include "tests/support/support_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ENV = 128 };

/* PATH (the system's programs first), HOME, locale, a run directory in which nobody else's supervisor is, and what the
 * sanitizers and counters read; then the test's own. */
static char **environment_make(char *const env[])
{
    static const char *const kept[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS",     "LSAN_OPTIONS",
                                       "TMPDIR",       "LLVM_PROFILE_FILE", "GCOV_PREFIX"};
    char **out = calloc(MOST_ENV + 1, sizeof *out);
    assert_non_null(out);
    size_t n = 0;
    const char *path = getenv("PATH");
    if (asprintf(&out[n++], "PATH=/usr/sbin:/usr/bin:/sbin:/bin%s%s", path ? ":" : "", path ? path : "") < 0) abort();
    if (asprintf(&out[n++], "HOME=%s", support_dir()) < 0) abort();
    out[n++] = strdup("LC_ALL=C.UTF-8");
    bool has_place = false; /* it is about where the run directory is by itself */
    for (char *const *e = env; e && *e; e++) has_place = has_place || strncmp(*e, "XDG_RUNTIME_DIR=", 16) == 0;
    if (!has_place && asprintf(&out[n++], "LOGIKALD_RUN_DIR=%s/nobodys", support_dir()) < 0) abort();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (getenv(kept[i]) && asprintf(&out[n++], "%s=%s", kept[i], getenv(kept[i])) < 0) abort();
    for (; env && *env; env++) {
        size_t name = strcspn(*env, "=") + 1, at = 0;
        while (at < n && strncmp(out[at], *env, name) != 0) at++;
        if (at == MOST_ENV) fail_msg("more than %d environment variables", MOST_ENV);
        free(out[at]); /* NULL, or the one that it replaces */
        out[at] = strdup(*env);
        if (at == n) n++;
    }
    return out;
}

static void environment_free(char **env)
{
    for (char **e = env; *e; e++) free(*e);
    free(env);
}

static void child_run(int log, pid_t parent, char *const argv[], char *const env[], const struct support_user *user,
                      const char *directory)
{
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    closefrom(3);
    if (user && user->uid != 0 &&
        (setgroups(0, NULL) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0 || !directory)) {
        perror("cannot become another user");
        _exit(126);
    }
    if (directory && chdir(directory) != 0) {
        perror(directory);
        _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid, which would reset it */
    if (getppid() != parent) _exit(126);
    execvpe(argv[0], argv, env);
    dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void process_start_as(struct process *p, const char *name, char *const argv[], char *const env[],
                      const struct support_user *user, const char *directory)
{
    static int count;
    const char *dir = support_dir();
    memset(p, 0, sizeof *p);
    support_format(p->log, sizeof p->log, "%s/%03d-%s.log", dir, ++count, name);
    int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) fail_msg("%s: %s", p->log, strerror(errno));
    char **full = environment_make(env);
    pid_t parent = getpid();
    fflush(NULL);
    p->pid = fork();
    if (p->pid == 0) child_run(log, parent, argv, full, user, directory);
    int why = errno;
    environment_free(full);
    close(log);
    if (p->pid < 0) fail_msg("fork: %s", strerror(why));
    setpgid(p->pid, p->pid);
    guard_add(p->pid);
    p->is_running = true;
}

void process_start(struct process *p, const char *name, char *const argv[], char *const env[])
{
    process_start_as(p, name, argv, env, NULL, NULL);
}

bool process_running(struct process *p)
{
    if (!p->is_running) return false;
    pid_t pid = waitpid(p->pid, &p->status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) return true;
    p->is_running = false;
    guard_remove(p->pid);
    return false;
}

void process_signal(struct process *p, int sig)
{
    if (p->is_running) kill(p->pid, sig);
}

int process_wait(struct process *p, int64_t timeout_ms)
{
    int64_t deadline = support_patience(timeout_ms);
    while (process_running(p)) {
        if (support_late(deadline)) {
            char *log = process_log(p);
            size_t size = strlen(log);
            print_message("%s\n", size > 4000 ? log + size - 4000 : log);
            free(log);
            fail_msg("process %d (%s) does not end", (int)p->pid, p->log);
        }
        support_pause();
    }
    return p->status;
}

void process_stop(struct process *p)
{
    if (!p->is_running) return;
    pid_t group = p->pid;
    kill(p->pid, SIGTERM);
    int64_t deadline = support_deadline(20000);
    while (process_running(p) && !support_late(deadline)) support_pause();
    kill(-group, SIGKILL);
    process_wait(p, 10000);
}

char *process_log(struct process *p)
{
    return support_read_file(p->log);
}

bool process_logged(struct process *p, const char *text)
{
    char *log = process_log(p);
    bool is_there = strstr(log, text) != NULL;
    free(log);
    return is_there;
}

int process_log_count(struct process *p, const char *text)
{
    char *log = process_log(p);
    int count = 0;
    for (const char *at = log; (at = strstr(at, text)); at += strlen(text)) count++;
    free(log);
    return count;
}

int process_run(char *const argv[], char *const env[], char **output)
{
    struct process p;
    const char *slash = strrchr(argv[0], '/');
    process_start(&p, slash ? slash + 1 : argv[0], argv, env);
    int status = process_wait(&p, 60000);
    if (output) *output = process_log(&p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
