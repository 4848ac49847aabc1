/* Chaos: thousands of tasks while runners, workers and redis-server (append-only file on) are killed with -9 and
 * connections are cut, at random. Every task's effect must happen, and every result be stored; effects that happened
 * twice are counted: a kill between effect and acknowledgement makes one, nothing else may. QUEUE_CHAOS_TASKS sets the
 * number of tasks, QUEUE_CHAOS_SEED the order of events. */
#include <signal.h>
#include <time.h>

#include "conf/clock.h"
#include "tests/integration/queue_rig.h"

#define WORKERS     2
#define FAULT_MS    700
#define DEADLINE_MS 240000

static struct rig rig;
static struct process workers[WORKERS];
static int tasks, faults[4];
static unsigned seed;

static void start_worker(int i, int previous_pid)
{
    char instance[64], previous[64];
    snprintf(instance, sizeof instance, "LOGIKALD_INSTANCE=worker.%d", i);
    snprintf(previous, sizeof previous, "LOGIKALD_PREVIOUS_PID=%d", previous_pid);
    const char *const env[] = {instance,
                               "LOGIKALD_SUPERVISOR_ID=chaos",
                               "WORKER_QUEUES=sync",
                               "WORKER_LEASE_SECONDS=3",
                               "TASK_MAX_DELIVERIES=1000",
                               "LOG_LEVEL=error",
                               previous_pid > 0 ? previous : NULL,
                               NULL};
    rig_role(&rig, &workers[i], instance + strlen("LOGIKALD_INSTANCE="), "worker", env);
}

static void send_tasks(void)
{
    char id[32], args[64];
    for (int i = 0; i < tasks; i++) {
        snprintf(id, sizeof id, "t%d", i);
        snprintf(args, sizeof args, "[\"effect:%d\", %d]", i, rand_r(&seed) % 4);
        rig_send(&rig, "sync", "effect", id, args);
    }
}

/* A random child of the process, or 0. */
static pid_t child_of(pid_t pid)
{
    char path[64], text[512] = "";
    pid_t children[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (!fgets(text, sizeof text, f)) text[0] = '\0';
    fclose(f);
    for (char *rest = text, *word; count < 64 && (word = strtok_r(rest, " ", &rest));) children[count++] = atoi(word);
    return count > 0 ? children[rand_r(&seed) % (unsigned)count] : 0;
}

static void fault(void)
{
    unsigned kind = rand_r(&seed) % 10;
    int i = (int)(rand_r(&seed) % WORKERS);
    pid_t child;
    if (kind < 5) {
        child = child_of(workers[i].pid);
        if (child > 0 && kill(child, SIGKILL) == 0) faults[0]++;
    } else if (kind < 7) {
        int pid = (int)workers[i].pid;
        process_signal(&workers[i], SIGKILL);
        process_wait(&workers[i], 10000);
        start_worker(i, pid);
        faults[1]++;
    } else if (kind < 8) {
        redis_server_kill(&rig.server);
        redis_server_restart(&rig.server);
        rig_reconnect(&rig);
        faults[2]++;
    } else {
        freeReplyObject(redisCommand(rig.redis, "CLIENT KILL TYPE normal SKIPME yes"));
        faults[3]++;
    }
}

static bool is_over(void)
{
    return rig_int(&rig, "LLEN sync") == 0 && rig_int(&rig, "HLEN unacked") == 0 &&
           rig_int(&rig, "ZCARD logikald.scheduled") == 0;
}

static void test_no_task_is_lost(void **state)
{
    (void)state;
    int64_t began = mono_ms(), next_fault = began + FAULT_MS, twice = 0;
    send_tasks();
    for (int i = 0; i < WORKERS; i++) start_worker(i, 0);

    while (!is_over()) {
        if (mono_ms() - began > DEADLINE_MS) fail_msg("not done in %d s", DEADLINE_MS / 1000);
        if (mono_ms() >= next_fault) {
            fault();
            next_fault = mono_ms() + FAULT_MS;
        }
        support_pause();
    }

    int lost = 0, unanswered = 0;
    char id[32];
    for (int i = 0; i < tasks; i++) {
        int64_t count = rig_int(&rig, "GET effect:%d", i);
        if (count < 1) lost++;
        if (count > 1) twice += count - 1;
        snprintf(id, sizeof id, "t%d", i);
        if (!rig_has_state(&rig, id, "SUCCESS")) unanswered++;
    }
    print_message("%d tasks in %.1f s; killed: %d runners, %d workers, %d redis-servers; connections cut %d times; "
                  "effects that happened again: %d\n",
                  tasks, (double)(mono_ms() - began) / 1000, faults[0], faults[1], faults[2], faults[3], (int)twice);
    assert_int_equal(lost, 0);
    assert_int_equal(unanswered, 0);
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), 0);
    /* A runner's kill repeats at most the one task it ran, a worker's or a server's at most those of two runners each.
     */
    assert_true(twice <= faults[0] + 2 * WORKERS * (faults[1] + faults[2] + faults[3]));
    for (int i = 0; i < WORKERS; i++) {
        process_stop(&workers[i]);
        rig_check(&workers[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    static const char *const extra[] = {"--appendfsync", "no",
                                        NULL}; /* written at once, and not held back for an fsync */
    const char *count = getenv("QUEUE_CHAOS_TASKS"), *given = getenv("QUEUE_CHAOS_SEED");
    tasks = count ? atoi(count) : 1500;
    seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    rig_open(&rig, extra);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_no_task_is_lost, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
