/* Never green: servers that do not answer, or answer and cannot be used, one fault after the other, PostgreSQL and
 * Redis at the same time. For each, readiness, /health, the metrics, `check` and the log name it within seconds, and it
 * heals without a restart. Disks are made full for real (tmpfs in a mount namespace of the test's own: root). */
#include "tests/support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/support_internal.h"
#include "tests/support/web.h"

#define NAMED_MS  30000
#define HEALED_MS 20000

static struct web_server web;
static struct redis_server redis;
static PGconn *admin;
static char rows_dir[300], redis_dir[300];

static void admin_does(const char *sql)
{
    PGresult *r = PQexec(admin, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQerrorMessage(admin));
    PQclear(r);
}

static void redis_does(const char *command)
{
    char *answer = redis_cli(&redis, command);
    if (strncmp(answer, "OK", 2) != 0) fail_msg("%s: %s", command, answer);
    free(answer);
}

/* ---- faults of PostgreSQL ---- */

static void fill(const char *dir)
{
    static char block[1 << 16];
    char path[400];
    support_format(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t size = sizeof block; size > 0; size /= 2)
        while (write(fd, block, size) == (ssize_t)size) {
        }
    close(fd);
}

static void make_room(const char *dir)
{
    char path[400];
    support_format(path, sizeof path, "%s/filler", dir);
    unlink(path);
}

static void fill_rows(void)
{
    fill(rows_dir);
}

static void empty_rows(void)
{
    make_room(rows_dir);
}

static void end_ours(void)
{
    admin_does("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'logikald%'");
}

static void only_read(void)
{
    admin_does("ALTER DATABASE logikald SET default_transaction_read_only = on");
    end_ours();
}

static void write_again(void)
{
    admin_does("ALTER DATABASE logikald RESET default_transaction_read_only");
    end_ours();
}

static void hide_table(void)
{
    admin_does("ALTER TABLE logikald_migrations RENAME TO hidden");
}

static void show_table(void)
{
    admin_does("ALTER TABLE hidden RENAME TO logikald_migrations");
}

static void freeze_pg(void)
{
    pg_signal(&web.pg, SIGSTOP);
}

static void thaw_pg(void)
{
    pg_signal(&web.pg, SIGCONT);
}

static void crash_pg(void)
{
    pg_kill(&web.pg);
}

static void restart_pg(void)
{
    pg_restart(&web.pg);
    PQfinish(admin);
    admin = pg_connect(&web.pg);
    admin_does("SET default_transaction_read_only = off");
}

/* ---- faults of Redis ---- */

static void fill_memory(void)
{
    redis_does("config set maxmemory 1");
}

static void free_memory(void)
{
    redis_does("config set maxmemory 0");
}

static void lack_replicas(void)
{
    redis_does("config set min-replicas-to-write 1");
}

static void need_no_replicas(void)
{
    redis_does("config set min-replicas-to-write 0");
}

/* Its file has room up to the end of a page: Redis meets the full disk with the first write beyond that. */
static void fill_redis_disk(void)
{
    char command[9000] = "set filler ";
    memset(command + strlen(command), 'x', 8192);
    fill(redis_dir);
    free(redis_cli(&redis, command));
}

static void empty_redis_disk(void)
{
    make_room(redis_dir);
}

static void become_replica(void)
{
    redis_does("replicaof 127.0.0.1 1");
}

static void become_master(void)
{
    redis_does("replicaof no one");
}

static void take_scripts(void)
{
    redis_does("acl setuser default -@scripting");
}

static void give_scripts(void)
{
    redis_does("acl setuser default +@scripting");
}

static void take_channels(void)
{
    redis_does("acl setuser default resetchannels");
}

static void give_channels(void)
{
    redis_does("acl setuser default allchannels");
}

static void freeze_redis(void)
{
    process_signal(&redis.process, SIGSTOP);
}

static void thaw_redis(void)
{
    process_signal(&redis.process, SIGCONT);
}

static void crash_redis(void)
{
    redis_server_kill(&redis);
}

static void restart_redis(void)
{
    redis_server_restart(&redis);
}

/* What is broken and healed, and the words for it in `check`, in health and in the log of web. */
struct fault {
    const char *name;
    void (*make)(void), (*heal)(void);
    const char *check, *health, *log;
};

static const struct fault none;
static const struct fault full_disk = {"a full disk", fill_rows, empty_rows,
                                       "no room",     "no room", "no room for more rows"};
static const struct fault read_only = {"read only",     only_read,       write_again,
                                       "it only reads", "it only reads", "it only reads"};
static const struct fault unmigrated = {"no table of migrations", hide_table, show_table, "pending", "migrat", "lacks"};
static const struct fault frozen_pg = {"frozen", freeze_pg, thaw_pg, NULL, "unreachable", "has not answered"};
static const struct fault dead_pg = {"dead", crash_pg, restart_pg, "unreachable", "unreachable", "unreachable"};
static const struct fault out_of_memory = {
    "out of memory", fill_memory, free_memory, "takes no writes: OOM", "takes no writes: OOM", "takes no writes"};
static const struct fault no_replicas = {"too few replicas", lack_replicas, need_no_replicas,
                                         "NOREPLICAS",       "NOREPLICAS",  "NOREPLICAS"};
static const struct fault full_redis_disk = {"its disk full", fill_redis_disk, empty_redis_disk,
                                             "MISCONF",       "MISCONF",       "MISCONF"};
static const struct fault replica = {"a replica", become_replica, become_master,
                                     "replica",   "READONLY",     "read-only replica"};
static const struct fault no_scripts = {"no scripts", take_scripts, give_scripts, "EVAL", "EVAL", "EVAL"};
static const struct fault no_channels = {"no channels", take_channels, give_channels, "PUBLISH", "PUBLISH", "PUBLISH"};
static const struct fault frozen_redis = {"frozen", freeze_redis, thaw_redis, NULL, "unreachable", "no answer in time"};
static const struct fault dead_redis = {"dead", crash_redis, restart_redis, "refused", "unreachable", "unreachable"};

/* ---- who must name it ---- */

static bool says(const char *path, int status, const char *text)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    bool does = reply.status == status && (!text || (reply.body && strstr(reply.body, text)));
    http_reply_free(&reply);
    return does;
}

static bool is_logged(size_t from, const char *text)
{
    char *log = process_log(&web.process);
    bool is_there = !text || (strlen(log) > from && strstr(log + from, text));
    free(log);
    return is_there;
}

/* Waits until the condition holds, and says whose turn it was in vain. */
#define WITHIN(start_ms, cond, fault, who)                                                                             \
    do {                                                                                                               \
        while (!(cond)) {                                                                                              \
            if (mono_ms() - (start_ms) > NAMED_MS)                                                                     \
                fail_msg("%s: %s is silent: %s", (fault)->name, who, process_log(&web.process));                       \
            support_pause();                                                                                           \
        }                                                                                                              \
    } while (0)

static void check_names(const struct fault *a, const struct fault *b)
{
    char database[300], at_redis[200], *output = NULL;
    support_format(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    support_format(at_redis, sizeof at_redis, "REDIS_URL=%s", redis.url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    char *const env[] = {database, at_redis, (char *)"LOG_LEVEL=info", NULL};
    if (!a->check && !b->check) return;
    process_run(argv, env, &output);
    if ((a->check && !strstr(output, a->check)) || (b->check && !strstr(output, b->check)))
        fail_msg("%s, %s: check says %s", a->name ? a->name : "", b->name ? b->name : "", output);
    free(output);
}

static bool is_whole(void)
{
    return says("/api/v1/health/ready", 200, NULL) && says("/metrics", 200, "logikald_usable{component=\"redis\"} 1") &&
           !says("/api/v1/health/detailed", 503, "\"error\"");
}

static void stage(const struct fault *of_pg, const struct fault *of_redis)
{
    char *before = process_log(&web.process);
    size_t from = strlen(before);
    free(before);
    if (of_pg->make) of_pg->make();
    if (of_redis->make) of_redis->make();
    int64_t start_ms = mono_ms();

    if (of_pg->make) WITHIN(start_ms, says("/api/v1/health/ready", 503, of_pg->health), of_pg, "readiness");
    if (of_redis->make && of_pg != &none)
        WITHIN(start_ms, says("/api/v1/health/detailed", 503, of_redis->health), of_redis, "health");
    if (of_redis->make)
        WITHIN(start_ms, says("/metrics", 200, "logikald_usable{component=\"redis\"} 0"), of_redis, "the metric");
    if (of_pg->make) WITHIN(start_ms, is_logged(from, of_pg->log), of_pg, "the log");
    if (of_redis->make) WITHIN(start_ms, is_logged(from, of_redis->log), of_redis, "the log");
    check_names(of_pg, of_redis);

    if (of_pg->heal) of_pg->heal();
    if (of_redis->heal) of_redis->heal();
    WAIT_UNTIL(is_whole(), HEALED_MS);
}

TEST(test_every_fault_is_named_and_heals)
{
    static const struct fault *const pairs[][2] = {
        {&full_disk, &full_redis_disk}, /* the ones that no other program stages come first */
        {&unmigrated, &out_of_memory},  {&read_only, &no_replicas}, {&none, &replica},
        {&full_disk, &no_channels},     {&read_only, &no_scripts},  {&frozen_pg, &none},
        {&none, &frozen_redis},         {&dead_pg, &none},          {&none, &dead_redis},
    };
    size_t count = sizeof pairs / sizeof *pairs;
    if (!getenv("TEST_INFRA_ALL")) count = 2;
    for (size_t i = 0; i < count; i++) stage(pairs[i][0], pairs[i][1]);
}

static void mount_small(char *out, size_t size, const char *name, const char *megabytes)
{
    char options[60];
    struct support_user user = servers_user();
    support_make_dir(out, size, name);
    support_format(options, sizeof options, "size=%sm,mode=0777", megabytes);
    if (mount("tmpfs", out, "tmpfs", 0, options) != 0) fail_msg("cannot mount %s", out);
    if (chown(out, user.uid, user.gid) != 0) fail_msg("chown %s", out);
}

FIXTURE(start)
{
    char sql[400], setting[160];
    mount_small(rows_dir, sizeof rows_dir, "rows", "48");
    mount_small(redis_dir, sizeof redis_dir, "redis-disk", "4");
    pg_start(&web.pg);
    support_format(sql, sizeof sql, "CREATE TABLESPACE small LOCATION '%s'", rows_dir);
    pg_exec(&web.pg, sql);
    web_migrate(&web);
    admin = pg_connect(&web.pg);
    admin_does("SET default_transaction_read_only = off");
    admin_does("ALTER TABLE elevations SET TABLESPACE small"); /* one table is enough */
    redis_server_start(&redis, (const char *const[]){"--dir", redis_dir, "--repl-diskless-load", "disabled", NULL});
    support_format(setting, sizeof setting, "REDIS_URL=%s", redis.url);
    web_run(&web, (const char *const[]){setting, NULL}, true);
    web_log_in(&web);
    WAIT_UNTIL(is_whole(), HEALED_MS);
    return 0;
}

FIXTURE(stop)
{
    web_stop(&web);
    PQfinish(admin);
    redis_server_stop(&redis);
    pg_stop(&web.pg);
    umount2(rows_dir, MNT_DETACH);
    umount2(redis_dir, MNT_DETACH);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_is_named_and_heals),
    };
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        print_message("skipped: no right to a mount namespace\n[ RUN      ] none\n[       OK ] none\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
