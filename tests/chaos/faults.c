/* The faults, as one table. Each strikes once and leaves the world as it was, but for what the system must mend. */
#include "tests/chaos/chaos.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"

/* Waits a random while, watching nothing: the load and the faults do the work. */
static void pass(struct chaos *c, int64_t least_ms, int64_t most_ms)
{
    usleep((useconds_t)(least_ms + (int64_t)chaos_random(c, (uint64_t)(most_ms - least_ms + 1))) * 1000);
}

static const char *any_role(struct chaos *c)
{
    static const char *const roles[] = {"web", "worker", "beat"};
    return roles[chaos_random(c, 3)];
}

static void kill_role(struct chaos *c)
{
    const char *role = any_role(c);
    int pid = system_child(&c->sys, role);
    chaos_say(c, "kill -9 %s (%d)", role, pid);
    if (pid > 0) kill(pid, SIGKILL);
}

static void hang_role(struct chaos *c)
{
    const char *role = any_role(c);
    int pid = system_child(&c->sys, role);
    chaos_say(c, "SIGSTOP %s (%d)", role, pid);
    if (pid > 0) kill(pid, SIGSTOP);
}

/* A process whose parent is the worker. */
static int runner_pid(struct chaos *c)
{
    int worker = system_child(&c->sys, "worker"), found = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; worker > 0 && proc && (e = readdir(proc));) {
        char path[300];
        int pid = (int)strtol(e->d_name, NULL, 10), parent = 0;
        if (pid <= 0) continue;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *in = fopen(path, "re");
        if (!in) continue;
        if (fscanf(in, "%*d (%*[^)]) %*c %d", &parent) == 1 && parent == worker) found = pid;
        fclose(in);
    }
    if (proc) closedir(proc);
    return found;
}

static void kill_runner(struct chaos *c)
{
    int pid = runner_pid(c);
    chaos_say(c, "kill -9 a runner (%d)", pid);
    if (pid > 0) kill(pid, SIGKILL);
}

static void kill_supervisor(struct chaos *c)
{
    pid_t group = c->sys.logikald.pid;
    chaos_say(c, "kill -9 the supervisor (%d)", (int)group);
    int web = system_child(&c->sys, "web"), worker = system_child(&c->sys, "worker");
    kill(group, SIGKILL);
    process_wait(&c->sys.logikald, 10000);
    int64_t deadline = mono_ms() + 10000;
    while ((web > 0 && kill(web, 0) == 0) || (worker > 0 && kill(worker, 0) == 0)) {
        if (mono_ms() > deadline) chaos_fail(c, "children outlive a killed supervisor");
        support_pause();
    }
    c->supervisor_kills++;
    chaos_boot(c);
}

static void redis_restarts(struct chaos *c)
{
    chaos_say(c, "redis: kill -9");
    redis_server_kill(&c->sys.redis);
    pass(c, 0, 1500);
    redis_server_restart(&c->sys.redis);
    chaos_say(c, "redis: back");
}

static void redis_says(struct chaos *c, const char *command)
{
    chaos_say(c, "redis: %s", command);
    free(redis_cli(&c->sys.redis, command));
}

static void redis_pauses(struct chaos *c)
{
    chaos_say(c, "redis: SIGSTOP");
    kill(c->sys.redis.process.pid, SIGSTOP);
    pass(c, 200, 2500);
    kill(c->sys.redis.process.pid, SIGCONT);
    chaos_say(c, "redis: SIGCONT");
}

static void redis_full(struct chaos *c)
{
    redis_says(c, "config set maxmemory 1");
    pass(c, 300, 2000);
    redis_says(c, "config set maxmemory 0");
}

static void redis_read_only(struct chaos *c)
{
    redis_says(c, "config set repl-diskless-load disabled");
    redis_says(c, "replicaof 127.0.0.1 1");
    pass(c, 300, 2000);
    redis_says(c, "replicaof no one");
}

static void redis_drops_clients(struct chaos *c)
{
    redis_says(c, "client kill type normal");
    redis_says(c, "client kill type pubsub");
}

static void postgres_restarts(struct chaos *c)
{
    chaos_say(c, "postgres: crash");
    pg_kill(&c->sys.pg);
    pass(c, 0, 1500);
    pg_restart(&c->sys.pg);
    chaos_say(c, "postgres: back");
}

static void postgres_drops_clients(struct chaos *c)
{
    chaos_say(c, "postgres: terminates all backends");
    pg_exec(&c->sys.pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                        "backend_type = 'client backend'");
}

static void postgres_is_crowded(struct chaos *c)
{
    enum { MANY = 200 };
    PGconn *crowd[MANY];
    int n = 0;
    while (n < MANY) {
        crowd[n] = PQconnectdb(c->sys.pg.url);
        if (PQstatus(crowd[n++]) != CONNECTION_OK) break;
    }
    chaos_say(c, "postgres: %d connections taken", n);
    pass(c, 200, 1500);
    while (n > 0) PQfinish(crowd[--n]);
}

static void upstream_misbehaves(struct chaos *c)
{
    static const char *const kinds[] = {"status", "cut", "garbage", "truncate", "expire", "locked", "slow"};
    char rule[200];
    snprintf(rule, sizeof rule,
             "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"%s\",\"status\":503,\"probability\":0.%d}]}",
             kinds[chaos_random(c, sizeof kinds / sizeof *kinds)], 1 + (int)chaos_random(c, 6));
    chaos_say(c, "upstream: %s", rule);
    sim_post(&c->sys.sim, "faults", rule);
    pass(c, 500, 3000);
    sim_post(&c->sys.sim, "faults/clear", "{}");
}

static void upstream_changes(struct chaos *c)
{
    char body[80];
    snprintf(body, sizeof body, "{\"seed\":%d,\"count\":5}", (int)chaos_random(c, 1000000));
    chaos_say(c, "upstream: mutate %s", body);
    sim_post(&c->sys.sim, "mutate", body);
    pg_exec(&c->sys.pg, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day'");
}

static void reload_storm(struct chaos *c)
{
    chaos_say(c, "HUP storm");
    for (int i = 0; i < 20; i++) {
        kill(c->sys.logikald.pid, SIGHUP);
        pass(c, 10, 80);
    }
}

static void gate_turns(struct chaos *c)
{
    chaos_say(c, "log level turned in the file, and reloaded");
    system_write_config(&c->sys, chaos_random(c, 2) ? "log = { level = \"debug\"; };\n" : "");
    kill(c->sys.logikald.pid, SIGHUP);
}

static const struct fault {
    void (*strike)(struct chaos *c);
    unsigned weight;
} faults[] = {
    {kill_role, 8},
    {kill_runner, 6},
    {hang_role, 2},
    {kill_supervisor, 1},
    {redis_restarts, 3},
    {redis_pauses, 3},
    {redis_full, 2},
    {redis_read_only, 2},
    {redis_drops_clients, 3},
    {postgres_restarts, 2},
    {postgres_drops_clients, 3},
    {postgres_is_crowded, 1},
    {upstream_misbehaves, 4},
    {upstream_changes, 4},
    {reload_storm, 2},
    {gate_turns, 2},
};

void chaos_strike(struct chaos *c)
{
    unsigned total = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) total += faults[i].weight;
    unsigned at = (unsigned)chaos_random(c, total);
    size_t i = 0;
    while (at >= faults[i].weight) at -= faults[i++].weight;
    faults[i].strike(c);
    c->faults++;
    pass(c, 50, 1500);
}

void chaos_calm(struct chaos *c)
{
    chaos_say(c, "calm");
    sim_post(&c->sys.sim, "faults/clear", "{}");
    system_write_config(&c->sys, "");
    kill(c->sys.logikald.pid, SIGHUP);
}
