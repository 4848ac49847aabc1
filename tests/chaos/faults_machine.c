/* Faults of the machine (clock, disk, processes, descriptors) and of those who operate the system (reload, deploy). */
#include "tests/chaos/chaos.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"

#define DEPLOY_MS 60000

static void step_to(struct chaos *c, int64_t seconds)
{
    chaos_say(c, "clock: %+lld s", (long long)seconds);
    __atomic_store_n(&c->shim.shim->clock_us, seconds * 1000000, __ATOMIC_RELAXED);
}

/* Forwards or backwards by up to two hours, some more steps of seconds, and back; PostgreSQL and Redis go right. */
void clock_steps(struct chaos *c)
{
    int64_t far = (int64_t)chaos_random(c, 14400) - 7200;
    step_to(c, far);
    chaos_pass(c, 300, 2000);
    for (int i = 0; i < 3; i++) {
        step_to(c, far + (int64_t)chaos_random(c, 60) - 30);
        chaos_pass(c, 50, 500);
    }
    step_to(c, 0);
}

/* The log file is one that never has room (/dev/full), until it is what it was. */
void log_disk_is_full(struct chaos *c)
{
    char aside[300];
    snprintf(aside, sizeof aside, "%s.aside", c->log);
    chaos_say(c, "log: the disk is full");
    rename(c->log, aside);
    if (symlink("/dev/full", c->log) != 0) chaos_fail(c, "symlink %s failed", c->log);
    kill(c->sys.logikald.pid, SIGUSR1);
    chaos_pass(c, 300, 2500);
    unlink(c->log);
    rename(aside, c->log);
    kill(c->sys.logikald.pid, SIGUSR1);
    chaos_say(c, "log: there is room again");
}

/* No process can write a byte to any file; a reload then has to be refused, and its child goes on. */
void disk_is_full(struct chaos *c)
{
    chaos_say(c, "disk: full, and a reload");
    __atomic_store_n(&c->shim.shim->disk_full, 1, __ATOMIC_RELAXED);
    kill(c->sys.logikald.pid, SIGHUP);
    chaos_pass(c, 300, 2500);
    __atomic_store_n(&c->shim.shim->disk_full, 0, __ATOMIC_RELAXED);
    chaos_say(c, "disk: there is room again");
}

/* The next calls fail, and then a process that must be replaced is killed. */
static void shortage(struct chaos *c, const char *what, int32_t *left)
{
    const char *const roles[] = {"web", "worker", "beat", "guardian"};
    const char *role = roles[chaos_random(c, 4)];
    int pid = strcmp(role, "guardian") == 0 ? usage_guardian(c) : system_child(&c->sys, role);
    int32_t times = 1 + (int32_t)chaos_random(c, 4);
    chaos_say(c, "%s: none for %d times, and kill -9 %s (%d)", what, (int)times, role, pid);
    c->web_deaths += strcmp(role, "web") == 0;
    __atomic_store_n(left, times, __ATOMIC_RELAXED);
    if (pid > 0) kill(pid, SIGKILL);
    chaos_pass(c, 500, 2500);
    __atomic_store_n(left, 0, __ATOMIC_RELAXED);
}

void no_processes(struct chaos *c)
{
    shortage(c, "processes", &c->shim.shim->fork_fails);
}

void no_descriptors(struct chaos *c)
{
    shortage(c, "pipes", &c->shim.shim->pipe_fails);
}

void reload_storm(struct chaos *c)
{
    chaos_say(c, "HUP storm");
    for (int i = 0; i < 20; i++) {
        kill(c->sys.logikald.pid, SIGHUP);
        chaos_pass(c, 10, 80);
    }
}

void log_level_turns(struct chaos *c)
{
    chaos_say(c, "log level turned in the file, and reloaded");
    system_write_config(&c->sys, chaos_random(c, 2) ? "log = { level = \"debug\"; };\n" : "");
    kill(c->sys.logikald.pid, SIGHUP);
}

/* ctl with these words; what it said is in the timeline when it failed. */
static int ctl(struct chaos *c, const char *const words[])
{
    char run_dir[300], *argv[8] = {(char *)support_program("logikald"), "ctl"}, *output = NULL;
    int n = 2;
    for (; *words; words++) argv[n++] = (char *)*words;
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.256s", c->sys.run_dir);
    int status = process_run(argv, (char *const[]){run_dir, NULL}, &output);
    if (status != 0) chaos_say(c, "ctl %s: exit status %d: %.200s", argv[2], status, output ? output : "");
    free(output);
    return status;
}

static bool runs_what_is_installed(int pid)
{
    char path[64], target[600];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    return n > 0 && !strstr(target, " (deleted)");
}

/* New program files, the supervisor executed anew in its process, and every role replaced without a gap. */
void deploy(struct chaos *c)
{
    pid_t pid = c->sys.logikald.pid;
    chaos_say(c, "deploy: new program files");
    chaos_install(c);
    for (int64_t deadline = mono_ms() + DEPLOY_MS;; chaos_pass(c, 200, 200)) {
        if (runs_what_is_installed(pid)) break;
        if (mono_ms() > deadline) chaos_fail(c, "deploy: the supervisor still runs the file that was replaced");
        ctl(c, (const char *const[]){"reload", "--exec", NULL});
        for (int i = 0; i < 100 && !runs_what_is_installed(pid); i++) support_pause();
    }
    chaos_say(c, "deploy: the supervisor runs the new file");
    for (int64_t deadline = mono_ms() + DEPLOY_MS;; chaos_pass(c, 200, 200)) {
        if (ctl(c, (const char *const[]){"restart", "--no-wait", "web", "worker", "beat", NULL}) == 0) break;
        if (mono_ms() > deadline) chaos_fail(c, "deploy: the roles cannot be replaced");
    }
    c->deploys++;
}
