/* Redis in each of its modes of persistence, killed as a machine without power is (the end of what was not flushed is
 * gone, in the middle of a record), and in trouble without a restart. One worker and one web process see all of them:
 * what is lost is what docs/queue.md says, it is told, nothing hangs and nothing runs twice. `logikald check` and the
 * dashboard name the mode. */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/support_internal.h"
#include "tests/support/web.h"

#define EACH 4 /* tasks sent before what is sure, and after it */

static struct rig rig;
static struct process worker;
static struct web_server web;
static char conf_path[300], conf_base[2000];
static off_t sure_bytes;
static int round_number;

/* ---- the server ---- */

static void configure(const char *more)
{
    char text[3000];
    support_format(text, sizeof text, "%s%s", conf_base, more);
    support_write_file(conf_path, text);
}

static void wipe(void)
{
    char command[400];
    support_format(command, sizeof command, "rm -rf '%s/appendonlydir' '%s/dump.rdb'", rig.server.dir, rig.server.dir);
    assert_int_equal(system(command), 0);
}

static void up_again(void)
{
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);
}

/* The file that is appended to. */
static void tail_path(char *out, size_t size)
{
    char pattern[320];
    glob_t found;
    support_format(pattern, sizeof pattern, "%s/appendonlydir/*.incr.aof", rig.server.dir);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    support_format(out, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void note_tail(void)
{
    char path[340];
    struct stat s;
    tail_path(path, sizeof path);
    assert_int_equal(stat(path, &s), 0);
    sure_bytes = s.st_size;
}

static void cut_tail(void)
{
    char path[340];
    tail_path(path, sizeof path);
    assert_int_equal(truncate(path, sure_bytes + 9), 0); /* a record that was begun */
}

static void save(void)
{
    rig_text(&rig, "SAVE");
}

static void rewrite_begins(void)
{
    rig_text(&rig, "CONFIG SET rdb-key-save-delay 20000");
    rig_text(&rig, "BGREWRITEAOF");
    WAIT_UNTIL(strstr(rig_text(&rig, "INFO persistence"), "aof_rewrite_in_progress:1"), 10000);
}

/* ---- what is said ---- */

static void check_says(const char *text)
{
    char url[100], *output = NULL;
    support_format(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    process_run(argv, (char *const[]){url, NULL}, &output);
    if (!strstr(output, text)) fail_msg("check does not say \"%s\": %s", text, output);
    free(output);
}

static bool web_says(const char *path, const char *text)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    bool does = reply.status && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

/* ---- tasks ---- */

static void send_all(char part)
{
    char id[32], args[60];
    for (int i = 0; i < EACH; i++) {
        support_format(id, sizeof id, "%c%d-%d", part, round_number, i);
        support_format(args, sizeof args, "[\"effect:%s\", 0]", id);
        rig_send(&rig, "sync", "effect", id, args);
    }
}

/* How often the tasks of a part have run; none of them twice. */
static int ran(char part)
{
    int sum = 0;
    for (int i = 0; i < EACH; i++) {
        int64_t times = rig_int(&rig, "GET effect:%c%d-%d", part, round_number, i);
        assert_true(times <= 1);
        sum += times == 1;
    }
    return sum;
}

/* The worker writes, and knows by it what it has written. */
static void worker_writes(void)
{
    static int n;
    char id[32];
    for (int i = 0; i < 3; i++) {
        support_format(id, sizeof id, "beat%d", n++);
        rig_send(&rig, "scheduler", "noop", id, "[]");
        WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 20000);
        int64_t until = mono_ms() + 510; /* two writes of a witness are that far apart */
        while (mono_ms() < until) support_pause();
    }
}

static void worker_is_there(void)
{
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1, 30000);
}

static const struct mode {
    const char *conf, *check, *shown;
    void (*sure)(void), (*before)(void), (*after)(void); /* what is on the disk; just before the kill; after it */
    bool keeps_early, keeps_late;
} modes[] = {
    {"appendfsync always\n", "append-only file (fsync always)", "append-only file (fsync always)", NULL, NULL, NULL,
     true, true},
    {"appendfsync always\n", "append-only file", "append-only file", NULL, rewrite_begins, NULL, true, true},
    {"appendfsync everysec\n", "append-only file (fsync everysec)", "append-only file (fsync everysec)", note_tail,
     NULL, cut_tail, true, false},
    {"appendfsync no\n", "append-only file (fsync no)", "append-only file (fsync no)", note_tail, NULL, cut_tail, true,
     false},
    {"appendonly no\nsave 3600 1\n", "snapshots (save 3600 1)", "snapshots (save 3600 1)", save, NULL, NULL, true,
     false},
    {"appendonly no\n", "nothing is kept over a restart", "nothing is kept over a restart", NULL, NULL, NULL, false,
     false},
};

static void run_mode(const struct mode *m)
{
    round_number++;
    redis_server_kill(&rig.server);
    wipe();
    configure(m->conf);
    up_again();
    worker_is_there();
    worker_writes();
    rig_text(&rig, "HSET logikald.paused sync 1");
    send_all('a');
    if (m->sure) m->sure();
    if (!m->keeps_late) worker_writes();
    send_all('b');
    check_says(m->check);
    WAIT_UNTIL(web_says("/ui/system", m->shown), 20000);
    int64_t told = rig_int(&rig, "GET logikald.went_back");
    if (m->before) m->before();

    redis_server_kill(&rig.server);
    if (m->after) m->after();
    up_again();

    worker_is_there();
    if (m->keeps_late)
        worker_writes();
    else
        WAIT_UNTIL(rig_int(&rig, "GET logikald.went_back") > told, 30000);
    rig_text(&rig, "DEL logikald.paused");
    WAIT_UNTIL(rig_left(&rig) == 0, 60000);
    assert_int_equal(ran('a'), m->keeps_early ? EACH : 0);
    assert_int_equal(ran('b'), m->keeps_late ? EACH : 0);
    if (m->keeps_late) assert_int_equal(rig_int(&rig, "GET logikald.went_back"), told);
    if (!m->keeps_late) WAIT_UNTIL(web_says("/api/v1/verdict", "Redis came back without"), 20000);
}

TEST(test_each_mode_loses_what_is_said_and_tells_it)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        print_message("%s", modes[i].conf);
        run_mode(&modes[i]);
    }
    WAIT_UNTIL(process_logged(&worker, "Redis went back in time"), 5000);
    WAIT_UNTIL(!web_says("/metrics", "logikald_redis_went_back_total 0\n"), 20000);
}

/* ---- without a restart ---- */

static void works_on(void)
{
    round_number++;
    send_all('c');
    WAIT_UNTIL(ran('c') == EACH, 60000);
}

/* Results and locks alone may go; the queues stay. All of them may: what is sent is gone, and the witness with it. */
TEST(test_evicting_is_named_and_survived)
{
    rig_text(&rig, "CONFIG SET maxmemory 100mb");
    rig_text(&rig, "CONFIG SET maxmemory-policy volatile-lru");
    check_says("may throw results and locks away");
    WAIT_UNTIL(web_says("/api/v1/verdict", "maxmemory-policy volatile-lru"), 20000);
    rig_text(&rig, "CONFIG SET maxmemory-policy allkeys-random");
    check_says("may throw queued tasks away");
    worker_writes();
    int64_t told = rig_int(&rig, "GET logikald.went_back");

    rig_text(&rig, "CONFIG SET maxmemory 1");
    rig_text(&rig, "SET gone 1"); /* not even that has room, but all else has gone for it */
    rig_text(&rig, "CONFIG SET maxmemory 0");

    WAIT_UNTIL(rig_int(&rig, "GET logikald.went_back") > told, 30000);
    worker_is_there();
    works_on();
    rig_text(&rig, "CONFIG SET maxmemory-policy noeviction");
}

/* A large file is read for seconds: refused meanwhile, and then all is there. */
TEST(test_loading_is_waited_for)
{
    char *const argv[] = {(char *)"redis-server", conf_path, NULL};
    redis_server_kill(&rig.server);
    wipe();
    configure("appendfsync always\n");
    up_again();
    worker_is_there();
    works_on();
    rig_text(&rig, "HSET logikald.paused sync 1");
    round_number++;
    send_all('d');
    for (int i = 0; i < 100; i++) rig_text(&rig, "SET ballast:%d 1", i);
    rig_text(&rig, "BGREWRITEAOF");
    WAIT_UNTIL(strstr(rig_text(&rig, "INFO persistence"), "aof_rewrite_in_progress:0"), 10000);
    redis_server_kill(&rig.server);
    configure("appendfsync always\nkey-load-delay 30000\nloading-process-events-interval-bytes 1024\n");

    process_start(&rig.server.process, "redis", argv, NULL);
    WAIT_UNTIL(process_logged(&rig.server.process, "Running mode=standalone"), 20000);
    check_says("oading");
    WAIT_UNTIL(process_logged(&rig.server.process, "Ready to accept"), 60000);
    rig_reconnect(&rig);

    worker_is_there();
    rig_text(&rig, "DEL logikald.paused");
    WAIT_UNTIL(ran('d') == EACH, 60000);
}

FIXTURE(start)
{
    char url[100];
    rig_open(&rig, NULL);
    support_format(conf_path, sizeof conf_path, "%s/redis.conf", rig.server.dir);
    FILE *f = fopen(conf_path, "re");
    assert_non_null(f);
    conf_base[fread(conf_base, 1, sizeof conf_base - 1, f)] = 0;
    fclose(f);
    web_servers(&web);
    support_format(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    web_run(&web, (const char *const[]){url, NULL}, true);
    web_log_in(&web);
    rig_worker(&rig, &worker, "worker",
               (const char *const[]){"WORKER_QUEUES=sync,scheduler", "WORKER_LEASE_SECONDS=3", NULL});
    return 0;
}

FIXTURE(stop)
{
    rig_end(&worker);
    web_end(&web);
    rig_close(&rig);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_mode_loses_what_is_said_and_tells_it),
    cmocka_unit_test(test_evicting_is_named_and_survived),
    cmocka_unit_test(test_loading_is_waited_for),
};
TEST_MAIN(tests, start, stop)
