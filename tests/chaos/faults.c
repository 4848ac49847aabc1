/* The faults, as one table. Each strikes once and leaves the world as it was, but for what the system must mend. */
#include "tests/chaos/chaos.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/process/proc.h"

/* A fault goes on for a while, or until the verdict tells it. */
static void go_on(struct chaos *c, int64_t least_ms, int64_t most_ms, const char *words)
{
    if (chaos_random(c, 2))
        chaos_must_show(c, words);
    else
        chaos_pass(c, least_ms, most_ms);
}

static const char *any_role(struct chaos *c)
{
    return chaos_roles[chaos_random(c, 3)];
}

void chaos_kill(struct chaos *c, const char *role)
{
    int pid = system_child(&c->sys, role);
    chaos_say(c, "kill -9 %s (%d)", role, pid);
    c->web_deaths += strcmp(role, "web") == 0;
    if (pid > 0) kill(pid, SIGKILL);
}

static void kill_role(struct chaos *c)
{
    chaos_kill(c, any_role(c));
}

static void kill_guardian(struct chaos *c)
{
    int pid = usage_guardian(c);
    chaos_say(c, "kill -9 the guardian (%d)", pid);
    if (pid > 0) kill(pid, SIGKILL);
}

static void hang_role(struct chaos *c)
{
    const char *role = any_role(c);
    int pid = system_child(&c->sys, role);
    chaos_say(c, "SIGSTOP %s (%d)", role, pid);
    c->web_deaths += strcmp(role, "web") == 0;
    if (pid > 0) kill(pid, SIGSTOP);
    if (pid > 0 && strcmp(role, "web") != 0) chaos_must_show_while(c, "is stopped by a signal (SIGSTOP)", pid);
}

/* A process whose parent is the worker. */
static int runner_pid(struct chaos *c)
{
    int worker = system_child(&c->sys, "worker"), found = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; worker > 0 && proc && (e = readdir(proc));) {
        int pid = (int)strtol(e->d_name, NULL, 10);
        if (pid > 0 && proc_parent(pid) == worker) found = pid;
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
    load_take_down(&c->load);
    pid_t group = c->sys.logikald.pid;
    chaos_say(c, "kill -9 the supervisor (%d)", (int)group);
    int web = system_child(&c->sys, "web"), worker = system_child(&c->sys, "worker");
    kill(group, SIGKILL);
    process_wait(&c->sys.logikald, 30000);
    int64_t deadline = mono_ms() + 30000;
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
    go_on(c, 0, 1500, "Redis: ");
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
    go_on(c, 200, 2500, "Redis: ");
    kill(c->sys.redis.process.pid, SIGCONT);
    chaos_say(c, "redis: SIGCONT");
}

static void redis_full(struct chaos *c)
{
    redis_says(c, "config set maxmemory 1");
    go_on(c, 300, 2000, "Redis takes no writes");
    redis_says(c, "config set maxmemory 0");
}

static void redis_read_only(struct chaos *c)
{
    redis_says(c, "config set repl-diskless-load disabled");
    redis_says(c, "replicaof 127.0.0.1 1");
    go_on(c, 300, 2000, "Redis takes no writes");
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
    c->server_crashes++;
    pg_kill(&c->sys.pg);
    go_on(c, 0, 1500, "PostgreSQL: ");
    pg_restart(&c->sys.pg);
    chaos_say(c, "postgres: back");
}

static void signal_postgres(struct chaos *c, int sig)
{
    int server = c->sys.pg.process.pid;
    DIR *proc = opendir("/proc");
    if (sig == SIGSTOP) kill(server, sig);
    for (struct dirent *e; proc && (e = readdir(proc));) {
        int pid = (int)strtol(e->d_name, NULL, 10);
        if (pid > 0 && proc_parent(pid) == server) kill(pid, sig);
    }
    if (sig != SIGSTOP) kill(server, sig);
    if (proc) closedir(proc);
}

/* Every process of it stands still: connections are open and nothing answers. */
static void postgres_pauses(struct chaos *c)
{
    chaos_say(c, "postgres: SIGSTOP");
    signal_postgres(c, SIGSTOP);
    go_on(c, 500, 4000, "PostgreSQL: ");
    signal_postgres(c, SIGCONT);
    chaos_say(c, "postgres: SIGCONT");
}

static void postgres_drops_clients(struct chaos *c)
{
    chaos_say(c, "postgres: terminates all backends");
    chaos_sql(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
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
    chaos_pass(c, 200, 1500);
    while (n > 0) PQfinish(crowd[--n]);
}

static const struct fault {
    void (*strike)(struct chaos *c);
    const char *name;
    unsigned weight;
} faults[] = {
    {kill_role, "kill -9 of a role", 8},
    {kill_runner, "kill -9 of a runner", 6},
    {kill_guardian, "kill -9 of the guardian", 2},
    {hang_role, "SIGSTOP of a role", 2},
    {kill_supervisor, "kill -9 of the supervisor", 1},
    {redis_restarts, "Redis killed", 3},
    {redis_pauses, "Redis paused", 3},
    {redis_full, "Redis full", 2},
    {redis_read_only, "Redis read-only", 2},
    {redis_drops_clients, "Redis drops clients", 3},
    {rights_change, "Redis rights", 3},
    {frozen_worker, "frozen worker", 1},
    {poison, "poison", 2},
    {postgres_restarts, "PostgreSQL crashed", 2},
    {postgres_pauses, "PostgreSQL paused", 2},
    {postgres_drops_clients, "PostgreSQL drops clients", 3},
    {postgres_is_crowded, "PostgreSQL out of connections", 1},
    {upstream_misbehaves, "upstream faults", 4},
    {upstream_stays_away, "upstream away for a minute", 1},
    {upstream_lies, "upstream lies", 4},
    {upstream_changes, "upstream changes", 4},
    {upstream_shrinks, "upstream shrinks", 2},
    {reload_storm, "HUP storm", 2},
    {log_level_turns, "settings turned", 2},
    {clock_steps, "clock stepped", 3},
    {log_disk_is_full, "log full", 2},
    {disk_is_full, "disk full", 2},
    {no_processes, "no processes", 2},
    {no_descriptors, "no pipes", 2},
    {deploy, "deploy", 2},
};
enum { KINDS = sizeof faults / sizeof *faults };

static int struck[KINDS];

/* What takes a minute strikes in long runs alone. */
static unsigned weight_of(const struct chaos *c, int kind)
{
    bool takes_long = faults[kind].strike == upstream_stays_away;
    return takes_long && !c->is_long ? 0 : faults[kind].weight;
}

bool chaos_struck_all(const struct chaos *c)
{
    for (int i = 0; i < KINDS; i++)
        if (!struck[i] && weight_of(c, i)) return false;
    return true;
}

/* By weight, among those that have not struck yet as long as there are such. */
static int choose(struct chaos *c)
{
    unsigned total = 0;
    bool is_first = !chaos_struck_all(c);
    for (int i = 0; i < KINDS; i++) total += is_first && struck[i] ? 0 : weight_of(c, i);
    unsigned at = (unsigned)chaos_random(c, total);
    for (int i = 0; i < KINDS; i++) {
        unsigned weight = is_first && struck[i] ? 0 : weight_of(c, i);
        if (at < weight) return i;
        at -= weight;
    }
    return 0;
}

void chaos_strike(struct chaos *c)
{
    int i = choose(c);
    struck[i]++;
    faults[i].strike(c);
    c->faults++;
    chaos_pass(c, 50, 1000);
}

void chaos_print_faults(void)
{
    printf("faults:");
    for (int i = 0; i < KINDS; i++) printf("%s %s %d", i ? "," : "", faults[i].name, struck[i]);
    printf("\n");
}

void chaos_calm(struct chaos *c)
{
    chaos_say(c, "calm");
    __atomic_store_n(&c->shim.shim->clock_us, 0, __ATOMIC_RELAXED);
    sim_post(&c->sys.sim, "faults/clear", "{}");
    sim_post(&c->sys.sim, "lies/clear", "{}");
    told_calm(c);
    system_write_config(&c->sys, "");
    kill(c->sys.logikald.pid, SIGHUP);
}
