/* Clocks that are set, machines and servers that are paused: nobody is taken for dead, and every task runs once. The
 * worlds (a Redis and two workers each) are staged side by side, since most of it is waiting. */
#include <signal.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/process/shimmed.h"

#define FREEZE_MS 3600 /* longer than the lease */
#define TASKS     4

struct world;
/* What a step of the staging answers: milliseconds until the next one, or one of these. */
enum { OVER = -1, AGAIN = -2 };
typedef int64_t (*stage_fn)(struct world *world, int step);

struct world {
    const char *name;
    stage_fn stage;
    struct rig rig;
    struct process first, second;
    struct shimmed shimmed;
    int step;
    int64_t due_ms, renewals[2];
    bool is_over;
};

/* ---- what every world has ---- */
static void start_worker(struct world *w, struct process *p, const char *name, bool is_shimmed)
{
    char called[64];
    const char *env[] = {
        "WORKER_LEASE_SECONDS=3", "WORKER_QUEUES=sync", "WORKER_GRACE_SECONDS=0", NULL, NULL, NULL, NULL};
    if (is_shimmed) env[3] = w->shimmed.preload, env[4] = w->shimmed.file, env[5] = w->shimmed.sanitizer;
    snprintf(called, sizeof called, "%s-%s", w->name, name);
    rig_role(&w->rig, p, called, "worker", env);
}

/* How often a worker has renewed: by its place among those registered. */
static int64_t renewals_of(struct world *w, int place)
{
    redisReply *all = redisCommand(w->rig.redis, "HVALS logikald.registered");
    const char *record = all && (size_t)place < all->elements ? all->element[place]->str : "";
    const char *number = strrchr(record, ' ');
    int64_t count = number ? strtoll(number, NULL, 10) : -1;
    if (all) freeReplyObject(all);
    return count;
}

static void note_renewals(struct world *w)
{
    for (int i = 0; i < 2; i++) w->renewals[i] = renewals_of(w, i);
}

/* Since then each has renewed, and looked at the others, at least once. */
static bool have_looked(struct world *w)
{
    return renewals_of(w, 0) > w->renewals[0] + 1 && renewals_of(w, 1) > w->renewals[1] + 1;
}

static void send_tasks(struct world *w)
{
    char id[32];
    for (int i = 0; i < TASKS; i++) {
        snprintf(id, sizeof id, "c%d", i);
        rig_send(&w->rig, "sync", "effect", id, "[\"seen\", 9000]");
    }
    WAIT_UNTIL(rig_int(&w->rig, "HLEN unacked") == TASKS, 20000);
}

static void expect_undisturbed(struct world *w)
{
    struct process *both[] = {&w->first, &w->second};
    WAIT_UNTIL(rig_left(&w->rig) == 0, 60000);
    for (int i = 0; i < 2; i++) {
        if (!process_logged(both[i], "a worker is dead") && !process_logged(both[i], "was taken for dead")) continue;
        char *log = process_log(both[i]);
        fail_msg("%s: a worker was taken for dead:\n%s", w->name, log);
    }
    if (rig_int(&w->rig, "GET seen") == TASKS) return;
    char *logs[] = {process_log(both[0]), process_log(both[1])};
    fail_msg("%s: %d tasks had %d effects:\n%s\nand the other worker:\n%s", w->name, TASKS,
             (int)rig_int(&w->rig, "GET seen"), logs[0], logs[1]);
}

/* ---- clocks ---- */
static void set_clock(struct world *w, int64_t s)
{
    __atomic_store_n(&w->shimmed.shim->clock_us, s * 1000000, __ATOMIC_RELAXED);
}

/* The server's clock is that many seconds ahead of this machine's, however long the answer takes. */
static bool is_ahead_by(struct world *w, int64_t step_s)
{
    int64_t asked_s = wall_ms() / 1000;
    redisReply *reply = redisCommand(w->rig.redis, "TIME");
    int64_t s = strtoll(reply->element[0]->str, NULL, 10) - step_s;
    freeReplyObject(reply);
    return s >= asked_s - 1 && s <= wall_ms() / 1000 + 1;
}

static int64_t stage_redis_clock(struct world *w, int step)
{
    static const int64_t steps_s[] = {30, -30, 7200, -86400, 86400 * 400LL, 0};
    if (step > 0 && !have_looked(w)) return AGAIN;
    if (step == 6) return OVER;
    set_clock(w, steps_s[step]);
    WAIT_UNTIL(is_ahead_by(w, steps_s[step]), 10000); /* it was set; the server answers of when its loop woke up */
    note_renewals(w);
    return 0;
}

static int64_t stage_worker_clock(struct world *w, int step)
{
    static const int64_t steps_s[] = {3600, -3600, 86400 * 40LL, 0};
    if (step > 0 && !have_looked(w)) return AGAIN;
    if (step == 4) return OVER;
    set_clock(w, steps_s[step]);
    note_renewals(w);
    return 0;
}

/* ---- pauses ---- */
static void stop_workers(struct world *w)
{
    kill(w->first.pid, SIGSTOP);
    kill(w->second.pid, SIGSTOP);
}

/* The whole machine, with Redis: the second wakes a while before the first. */
static int64_t stage_machine_paused(struct world *w, int step)
{
    pid_t redis = w->rig.server.process.pid;
    switch (step) {
    case 0: stop_workers(w); return kill(redis, SIGSTOP), FREEZE_MS;
    case 1: kill(redis, SIGCONT); return kill(w->second.pid, SIGCONT), 1000;
    case 2: kill(w->first.pid, SIGCONT); return note_renewals(w), 0;
    case 3: return have_looked(w) ? 0 : AGAIN;
    case 4: stop_workers(w); return kill(redis, SIGSTOP), FREEZE_MS;
    case 5: return kill(w->first.pid, SIGCONT), 0; /* and Redis after them */
    case 6: return kill(w->second.pid, SIGCONT), 500;
    case 7: kill(redis, SIGCONT); return note_renewals(w), 0;
    case 8: return have_looked(w) ? 0 : AGAIN;
    default: return OVER;
    }
}

/* The workers' machine, while Redis is awake. */
static int64_t stage_workers_paused(struct world *w, int step)
{
    switch (step) {
    case 0: return stop_workers(w), FREEZE_MS;
    case 1:
        kill(w->second.pid, SIGCONT);
        kill(w->first.pid, SIGCONT);
        return note_renewals(w), 0;
    case 2: return have_looked(w) ? 0 : AGAIN;
    case 3: return stop_workers(w), FREEZE_MS;
    case 4: return kill(w->first.pid, SIGCONT), 1500;
    case 5: kill(w->second.pid, SIGCONT); return note_renewals(w), 0;
    case 6: return have_looked(w) ? 0 : AGAIN;
    default: return OVER;
    }
}

/* Redis is silent for longer than the lease and than a connection is waited for; when it speaks again, one worker hears
 * it before the other can. */
static int64_t stage_redis_silent(struct world *w, int step)
{
    pid_t redis = w->rig.server.process.pid;
    switch (step) {
    case 0: /* with the first: what Redis was not there to hear is held against nobody */
        kill(w->first.pid, SIGSTOP);
        return kill(redis, SIGSTOP), 4600;
    case 1: return kill(redis, SIGCONT), 1000;
    case 2: kill(w->first.pid, SIGCONT); return note_renewals(w), 0;
    case 3: return have_looked(w) ? 0 : AGAIN;
    case 4: return kill(redis, SIGSTOP), 6500;
    case 5: kill(w->second.pid, SIGSTOP); return kill(redis, SIGCONT), 1500;
    case 6: kill(w->second.pid, SIGCONT); return note_renewals(w), 0;
    case 7: return have_looked(w) ? 0 : AGAIN;
    default: return OVER;
    }
}

/* ---- the staging ---- */
static struct world worlds[] = {
    {.name = "redis-clock", .stage = stage_redis_clock},
    {.name = "worker-clock", .stage = stage_worker_clock},
    {.name = "machine-paused", .stage = stage_machine_paused},
    {.name = "workers-paused", .stage = stage_workers_paused},
    {.name = "redis-silent", .stage = stage_redis_silent},
};
enum { WORLDS = sizeof worlds / sizeof *worlds };

static void restart_redis_with_clock(struct world *w)
{
    char config[300];
    redis_server_kill(&w->rig.server);
    snprintf(config, sizeof config, "%.250s/redis.conf", w->rig.server.dir);
    char *argv[] = {"redis-server", config, NULL}, *env[] = {w->shimmed.preload, w->shimmed.file, NULL};
    process_start(&w->rig.server.process, "redis-shimmed", argv, env);
    WAIT_UNTIL(process_logged(&w->rig.server.process, "Ready to accept connections"), 20000);
    rig_reconnect(&w->rig);
}

static void open_world(struct world *w)
{
    rig_open(&w->rig, NULL);
    if (w->stage == stage_redis_clock || w->stage == stage_worker_clock) shimmed_open(&w->shimmed);
    if (w->stage == stage_redis_clock) restart_redis_with_clock(w);
    start_worker(w, &w->first, "first", w->stage == stage_worker_clock);
    start_worker(w, &w->second, "second", false);
}

static void close_world(struct world *w)
{
    struct process *both[] = {&w->first, &w->second};
    if (w->rig.server.process.pid > 0) kill(w->rig.server.process.pid, SIGCONT);
    for (int i = 0; i < 2; i++) {
        if (both[i]->pid <= 0) continue;
        kill(both[i]->pid, SIGCONT);
        if (process_running(both[i])) process_stop(both[i]);
        rig_check(both[i]);
    }
    rig_close(&w->rig);
}

static bool go_on(struct world *w)
{
    if (w->is_over || mono_ms() < w->due_ms) return !w->is_over;
    int64_t after = w->stage(w, w->step);
    w->is_over = after == OVER;
    w->due_ms = mono_ms() + (after > 0 ? after : after == AGAIN ? 20 : 0);
    if (after >= 0) w->step++;
    return !w->is_over;
}

TEST(test_clocks_and_pauses_kill_nobody)
{
    int64_t deadline = support_deadline(120000);
    bool is_going = true;
    for (int i = 0; i < WORLDS; i++) open_world(&worlds[i]);
    for (int i = 0; i < WORLDS; i++) {
        WAIT_UNTIL(rig_int(&worlds[i].rig, "ZCARD logikald.workers") == 2, 30000);
        send_tasks(&worlds[i]);
        note_renewals(&worlds[i]);
    }
    for (int i = 0; i < WORLDS; i++) WAIT_UNTIL(have_looked(&worlds[i]), 30000);

    while (is_going) {
        is_going = false;
        for (int i = 0; i < WORLDS; i++) is_going = go_on(&worlds[i]) || is_going;
        for (int i = 0; i < WORLDS && support_late(deadline); i++)
            if (!worlds[i].is_over) fail_msg("%s does not get past step %d", worlds[i].name, worlds[i].step);
        support_pause();
    }

    for (int i = 0; i < WORLDS; i++) expect_undisturbed(&worlds[i]);
}

FIXTURE(close_worlds)
{
    for (int i = 0; i < WORLDS; i++) close_world(&worlds[i]);
    return 0;
}

/* A retry that was made, or that is due, while a worker's clock is wrong for a moment: it waits its second by the clock
 * of Redis, not until the wrong time has come. */
static struct world retried = {.name = "retried", .stage = stage_worker_clock};

static bool has_failed(const char *id)
{
    redisReply *reply = redisCommand(retried.rig.redis, "GET celery-task-meta-%s", id);
    bool has = reply && reply->str && strstr(reply->str, "FAILURE");
    freeReplyObject(reply);
    return has;
}

TEST(test_a_retry_waits_by_the_clock_of_redis)
{
    static const int64_t steps_s[][2] = {{7200, 0}, {0, -7200}, {7200, -7200}, {-86400, 0}};
    rig_open(&retried.rig, NULL);
    shimmed_open(&retried.shimmed);
    start_worker(&retried, &retried.first, "first", true);
    WAIT_UNTIL(rig_int(&retried.rig, "ZCARD logikald.workers") == 1, 30000);
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%zu", i);
        set_clock(&retried, steps_s[i][0]);
        rig_send(&retried.rig, "sync", "fail", id, "[\"once more\", 1]");
        WAIT_UNTIL(rig_int(&retried.rig, "ZCARD logikald.scheduled") == 1 || has_failed(id), 20000);
        set_clock(&retried, steps_s[i][1]);
        WAIT_UNTIL(has_failed(id), 20000);
    }
    WAIT_UNTIL(rig_left(&retried.rig) == 0, 20000);
    assert_int_equal(rig_int(&retried.rig, "HLEN logikald.history"), 0);
}

FIXTURE(close_retried)
{
    close_world(&retried);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(test_clocks_and_pauses_kill_nobody, close_worlds),
    cmocka_unit_test_teardown(test_a_retry_waits_by_the_clock_of_redis, close_retried),
};
TEST_MAIN(tests, NULL, NULL)
