/* Chaos: thousands of tasks while runners, workers and redis-server (append-only file on) are killed with -9, workers
 * are frozen for longer than their lease, connections are cut, Redis is full or refuses commands, at random; among them
 * messages that kill whoever runs them and have no delivery tag. Every task's effect must happen, and every result be
 * stored; effects that happened twice are counted: a kill or a freeze between effect and acknowledgement makes one,
 * nothing else may. Each task's follow-up must be there once, whatever happened, result kept or not. QUEUE_CHAOS_TASKS
 * sets the number of tasks, QUEUE_CHAOS_SEED the order of events. */
#include <signal.h>
#include <time.h>

#include "conf/clock.h"
#include "tests/support/rig.h"

#define WORKERS       2
#define POISONS       3
#define FAULT_MS      700
#define FREEZE_MS     5000 /* longer than a lease */
#define TROUBLE_MS    400  /* of a server that is full, or refuses */
#define DEADLINE_MS   480000
#define FAULTS_FOR_MS 60000

static struct rig rig;
static struct process workers[WORKERS];
enum { KILLED_RUNNER, KILLED_WORKER, KILLED_REDIS, CUT, FROZEN, FULL, REFUSED, FAULTS };
static int tasks, faults[FAULTS];
static int64_t thaw_ms[WORKERS], trouble_until_ms;
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
                               "TASK_MAX_DELIVERIES=5",
                               "LOG_LEVEL=error",
                               previous_pid > 0 ? previous : NULL,
                               NULL};
    rig_role(&rig, &workers[i], instance + strlen("LOGIKALD_INSTANCE="), "worker", env);
}

/* A task whose follow-up goes to a queue that nobody serves. */
static void send_task(int i)
{
    char id[32], args[64], after[256];
    snprintf(id, sizeof id, "t%d", i);
    snprintf(args, sizeof args, "[\"effect:%d\", %d]", i, rand_r(&seed) % 4);
    snprintf(after, sizeof after,
             "[{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"immutable\": true, \"options\": "
             "{\"queue\": \"followups\", \"task_id\": \"f%d\"}}]",
             i);
    cJSON *list = cJSON_Parse(args), *callbacks = cJSON_Parse(after);
    struct message_spec spec = {.task = "tasks.diagnostics.effect",
                                .id = id,
                                .queue = "sync",
                                .args = list,
                                .callbacks = callbacks,
                                .ignores_result = i % 3 == 0};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(list);
    cJSON_Delete(callbacks);
}

static void send_tasks(void)
{
    for (int i = 0; i < tasks; i++) {
        send_task(i);
        if (i % (tasks / POISONS) != 0) continue;
        char poison[300]; /* the body is [[9], {}, {}] */
        int len = snprintf(poison, sizeof poison,
                           "{\"properties\": {\"body_encoding\": \"base64\"}, \"headers\": {\"task\": "
                           "\"tasks.diagnostics.crash\", \"id\": \"poison%d\"}, \"content-type\": "
                           "\"application/json\", \"body\": \"W1s5XSwge30sIHt9XQ==\"}",
                           i);
        rig_push(&rig, "sync", poison, (size_t)len);
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

static void kill_worker(int i)
{
    int pid = (int)workers[i].pid;
    process_signal(&workers[i], SIGKILL);
    process_wait(&workers[i], 10000);
    thaw_ms[i] = 0;
    start_worker(i, pid);
}

static void restart_redis(void)
{
    redis_server_kill(&rig.server);
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);
    rig_text(&rig, "ACL SETUSER app on >secret ~* &* +@all");
}

static void trouble(const char *command)
{
    rig_text(&rig, "%s", command);
    trouble_until_ms = mono_ms() + TROUBLE_MS;
}

static void fault(void)
{
    static const char *const refusals[] = {"ACL SETUSER app -lpush", "ACL SETUSER app -zadd", "ACL SETUSER app -hset",
                                           "ACL SETUSER app -evalsha", "ACL SETUSER app -rpush"};
    static const int kinds[] = {KILLED_RUNNER, KILLED_RUNNER, KILLED_RUNNER, KILLED_WORKER, KILLED_REDIS, CUT,
                                CUT,           FROZEN,        FROZEN,        FULL,          REFUSED};
    int kind = kinds[rand_r(&seed) % (sizeof kinds / sizeof *kinds)], i = (int)(rand_r(&seed) % WORKERS);
    pid_t child = kind == KILLED_RUNNER ? child_of(workers[i].pid) : 0;
    switch (kind) {
    case KILLED_RUNNER:
        if (child <= 0 || kill(child, SIGKILL) != 0) return;
        break;
    case KILLED_WORKER: kill_worker(i); break;
    case KILLED_REDIS: restart_redis(); break;
    case CUT: freeReplyObject(redisCommand(rig.redis, "CLIENT KILL TYPE normal SKIPME yes")); break;
    case FROZEN:
        if (thaw_ms[i]) return;
        kill(workers[i].pid, SIGSTOP);
        thaw_ms[i] = mono_ms() + FREEZE_MS;
        break;
    case FULL: trouble("CONFIG SET maxmemory 1"); break;
    default: trouble(refusals[rand_r(&seed) % (sizeof refusals / sizeof *refusals)]); break;
    }
    faults[kind]++;
}

static void undo(void)
{
    int64_t now = mono_ms();
    for (int i = 0; i < WORKERS; i++)
        if (thaw_ms[i] && now >= thaw_ms[i]) {
            kill(workers[i].pid, SIGCONT);
            thaw_ms[i] = 0;
        }
    if (trouble_until_ms && now >= trouble_until_ms) {
        rig_text(&rig, "CONFIG SET maxmemory 0");
        rig_text(&rig, "ACL SETUSER app +@all");
        trouble_until_ms = 0;
    }
}

static bool is_over(void)
{
    for (int i = 0; i < WORKERS; i++)
        if (thaw_ms[i]) return false; /* what it does when it wakes is the point */
    return rig_left(&rig) == 0;
}

static void check_effects(void)
{
    int lost = 0, unanswered = 0, twice = 0;
    char id[32];
    for (int i = 0; i < tasks; i++) {
        int64_t count = rig_int(&rig, "GET effect:%d", i);
        if (count < 1) lost++;
        if (count > 1) twice += (int)count - 1;
        snprintf(id, sizeof id, "t%d", i);
        if (i % 3 != 0 && !rig_has_state(&rig, id, "SUCCESS")) unanswered++;
    }
    print_message("effects that happened again: %d\n", twice);
    assert_int_equal(lost, 0);
    assert_int_equal(unanswered, 0);
    /* A runner's kill repeats at most the one task it ran; what happens to a worker or a server, those of two runners.
     */
    int others = 0;
    for (int kind = KILLED_WORKER; kind < FAULTS; kind++) others += faults[kind];
    assert_true(twice <= faults[KILLED_RUNNER] + 2 * WORKERS * others);
}

static void check_follow_ups(void)
{
    int *seen = calloc((size_t)tasks, sizeof *seen), missing = 0, twice = 0;
    redisReply *all = redisCommand(rig.redis, "LRANGE followups 0 -1");
    assert_non_null(seen);
    for (size_t i = 0; i < all->elements; i++) {
        const char *id = strstr(all->element[i]->str, "\"id\": \"f");
        assert_non_null(id);
        int number = atoi(id + strlen("\"id\": \"f"));
        assert_in_range(number, 0, tasks - 1);
        seen[number]++;
    }
    for (int i = 0; i < tasks; i++) {
        missing += seen[i] == 0;
        twice += seen[i] > 1;
    }
    freeReplyObject(all);
    free(seen);
    assert_int_equal(missing, 0);
    assert_int_equal(twice, 0);
}

TEST(test_no_task_is_lost)
{
    int64_t began = mono_ms(), next_fault = began + FAULT_MS;
    send_tasks();
    for (int i = 0; i < WORKERS; i++) start_worker(i, 0);

    while (!is_over()) {
        if (mono_ms() - began > DEADLINE_MS) fail_msg("not done in %d s", DEADLINE_MS / 1000);
        undo();
        if (mono_ms() >= next_fault && !trouble_until_ms) {
            if (mono_ms() - began < FAULTS_FOR_MS) fault();
            next_fault = mono_ms() + FAULT_MS;
        }
        support_pause();
    }
    undo();

    print_message("%d tasks in %.1f s; killed: %d runners, %d workers, %d redis-servers; cut %d, frozen %d, full %d, "
                  "refused %d times\n",
                  tasks, (double)(mono_ms() - began) / 1000, faults[KILLED_RUNNER], faults[KILLED_WORKER],
                  faults[KILLED_REDIS], faults[CUT], faults[FROZEN], faults[FULL], faults[REFUSED]);
    check_effects();
    check_follow_ups();
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), POISONS);
    for (int i = 0; i < WORKERS; i++) {
        process_stop(&workers[i]);
        rig_check(&workers[i]);
    }
    assert_int_equal(rig_int(&rig, "LLEN followups"), tasks);
}

FIXTURE(set_up)
{
    static const char *const extra[] = {"--appendfsync", "no",
                                        NULL}; /* written at once, and not held back for an fsync */
    const char *count = getenv("QUEUE_CHAOS_TASKS"), *given = getenv("QUEUE_CHAOS_SEED");
    tasks = count ? atoi(count) : 1500;
    seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    rig_open(&rig, extra);
    rig_text(&rig, "ACL SETUSER app on >secret ~* &* +@all");
    snprintf(rig.url, sizeof rig.url, "redis://app:secret@127.0.0.1:%d/0", rig.server.port);
    return 0;
}

FIXTURE(tear_down)
{
    rig_close(&rig);
    return 0;
}

static const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_no_task_is_lost, set_up, tear_down)};
TEST_MAIN(tests, NULL, NULL)
