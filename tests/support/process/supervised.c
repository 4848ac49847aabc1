/* A supervisor under test: see supervised.h. */
#include "tests/support/process/supervised.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/ctl/ctl_internal.h"

static void write_text(const char *path, const char *text)
{
    char fresh[600];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(fresh, path) != 0)
        fail_msg("%s: %s", path, strerror(errno));
}

const char *supervised_program(void)
{
    static char path[512];
    if (!path[0] && readlink("/proc/self/exe", path, sizeof path - 1) < 0) fail_msg("/proc/self/exe");
    return path;
}

/* A second name for a program; a copy where links do not reach. */
static void install(const char *from, const char *to)
{
    char command[1100];
    unlink(to);
    if (link(from, to) == 0) return;
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    if (system(command) != 0) fail_msg("%s", command);
}

void supervised_prepare(struct supervised *s, const char *config)
{
    static int count;
    char path[600];
    memset(s, 0, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "%.200s/sup%d", support_dir(), ++count);
    snprintf(s->run_dir, sizeof s->run_dir, "%s/run", s->dir);
    snprintf(s->config, sizeof s->config, "%s/logikald.cfg", s->dir);
    mkdir(s->dir, 0755);
    snprintf(path, sizeof path, "%s/bin", s->dir);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/bin/logikald", s->dir);
    install(support_program("logikald"), path);
    snprintf(path, sizeof path, "%s/bin/logikald-roles", s->dir);
    install(supervised_program(), path);
    s->port = support_free_port();
    supervised_config(s, config);
}

void supervised_real_roles(struct supervised *s)
{
    char path[600];
    snprintf(path, sizeof path, "%s/bin/logikald-roles", s->dir);
    install(support_program("logikald-roles"), path);
}

void supervised_config(struct supervised *s, const char *config)
{
    write_text(s->config, config);
}

#define ENV_MAX 40

void supervised_start(struct supervised *s, char *const env[])
{
    char program[300], run[320], port[32], play[320];
    char *full[ENV_MAX + 1] = {run,
                               port,
                               play,
                               "HOST=127.0.0.1",
                               "STOP_TIMEOUT_SECONDS=5",
                               "START_TIMEOUT_SECONDS=10",
                               "RESTART_BACKOFF_BASE_MS=20",
                               "RESTART_BACKOFF_CAP_MS=200",
                               "RESTART_STABLE_SECONDS=1"};
    size_t n = 9;
    snprintf(program, sizeof program, "%s/bin/logikald", s->dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s->run_dir);
    snprintf(port, sizeof port, "PORT=%d", s->port);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s->dir);
    for (; env && *env; env++) {
        size_t name = strcspn(*env, "=") + 1, at = 0;
        while (at < n && strncmp(full[at], *env, name) != 0) at++;
        if (at == ENV_MAX) fail_msg("too many environment entries");
        full[at] = *env;
        if (at == n) n++;
    }
    full[n] = NULL;
    char *argv[] = {program, "--config", s->config, NULL};
    process_start(&s->process, "logikald", argv, full);
    WAIT_UNTIL(ctl_status(s->run_dir, &s->status, NULL, NULL) == 0 || !process_running(&s->process), 10000);
    if (!process_running(&s->process)) fail_msg("the supervisor did not start: %s", process_log(&s->process));
}

void supervised_up(struct supervised *s, const char *config, char *const env[])
{
    supervised_prepare(s, config);
    supervised_start(s, env);
}

void supervised_play(struct supervised *s, const char *part, char *const env[])
{
    char config[1000];
    snprintf(config, sizeof config, "programs = ({ name = \"p\"; command = [\"%s\", \"--play\", %s]; });",
             supervised_program(), part);
    supervised_up(s, config, env);
}

void supervised_stop(struct supervised *s)
{
    process_signal(&s->process, SIGTERM);
    int status = process_wait(&s->process, 20000);
    if (status != 0) fail_msg("the supervisor ended with wait status %d: %s", status, process_log(&s->process));
    assert_int_equal(supervised_left(s), 0);
}

void supervised_let(struct supervised *s, const char *role, const char *act)
{
    char path[300];
    snprintf(path, sizeof path, "%s/act.%.30s", s->dir, role);
    write_text(path, act);
}

/* On a busy machine an answer may be late; one that runs gives it in the end. */
static bool refresh(struct supervised *s)
{
    int64_t deadline = support_deadline(20000);
    while (ctl_status(s->run_dir, &s->status, NULL, NULL) != 0) {
        if (!process_running(&s->process) || support_late(deadline)) return false;
        support_pause();
    }
    return true;
}

const struct snapshot_child *supervised_child(struct supervised *s, const char *name)
{
    if (!refresh(s)) return NULL;
    for (int i = s->status.count - 1; i >= 0; i--) { /* a successor comes after the one before */
        const struct snapshot_child *c = &s->status.children[i];
        if (!c->is_draining && strcmp(c->name, name) == 0) return c;
    }
    return NULL;
}

bool supervised_is(struct supervised *s, const char *name, const char *state)
{
    const struct snapshot_child *c = supervised_child(s, name);
    return c && strcmp(c->state, state) == 0;
}

int supervised_pid(struct supervised *s, const char *name)
{
    const struct snapshot_child *c = supervised_child(s, name);
    return c ? c->pid : 0;
}

void supervised_kill(struct supervised *s, const char *name, int sig)
{
    int pid = supervised_pid(s, name);
    if (pid <= 0) fail_msg("%s has no process", name);
    kill(pid, sig);
}

int supervised_count(struct supervised *s, const char *name)
{
    int count = 0;
    if (!refresh(s)) return -1;
    for (int i = 0; i < s->status.count; i++) count += strcmp(s->status.children[i].name, name) == 0;
    return count;
}

int supervised_ctl(struct supervised *s, char **output, const char *command, ...)
{
    char program[300], run[320];
    char *argv[12] = {program, "ctl", (char *)command}, *env[] = {run, NULL};
    int argc = 3;
    va_list ap;
    snprintf(program, sizeof program, "%s/bin/logikald", s->dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s->run_dir);
    va_start(ap, command);
    for (char *word; argc < 11 && (word = va_arg(ap, char *));) argv[argc++] = word;
    va_end(ap);
    argv[argc] = NULL;
    return process_run(argv, env, output);
}

static bool file_has(const char *pid, const char *file, const char *word)
{
    static char text[65536];
    char path[300];
    size_t len = 0;
    snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    for (ssize_t n; len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0;) len += (size_t)n;
    close(fd);
    return memmem(text, len, word, strlen(word)) != NULL;
}

int supervised_left(struct supervised *s)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
        if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == s->process.pid) continue;
        if (atoi(e->d_name) == getpid() || file_has(e->d_name, "stat", ") Z ")) continue;
        if (file_has(e->d_name, "environ", s->dir)) count++;
    }
    if (proc) closedir(proc);
    return count;
}

int supervised_client(struct supervised *s, const char *command, const char *argument)
{
    char run[320], *env[] = {run, NULL};
    char *argv[] = {(char *)support_program("logikald"), "ctl", (char *)command, (char *)argument, NULL}, *output;
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s->run_dir);
    int rc = process_run(argv, env, &output);
    free(output);
    return rc;
}

void supervised_exec(struct supervised *s)
{
    int before = process_log_count(&s->process, SUPERVISED_EXECUTED);
    assert_int_equal(supervised_client(s, "reload", "--exec"), 0);
    WAIT_UNTIL(process_log_count(&s->process, SUPERVISED_EXECUTED) > before,
               20000); /* the line of an exec before it may come late */
}
