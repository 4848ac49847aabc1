/* A worker whose memory runs out (RLIMIT_AS on the running process; the release program, since sanitizers need address
 * space): whatever it was about to do with a message, the next worker does all of it, and no message is called
 * malformed. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/rig.h"

#define TASKS      60
#define BODY_BYTES 200000

static struct rig rig;

FIXTURE(open_rig)
{
    rig_open(&rig, NULL);
    return 0;
}

FIXTURE(close_rig)
{
    rig_close(&rig);
    return 0;
}

static void start_worker(struct process *p, const char *name)
{
    char url[160], program[300];
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    char *env[] = {url, "DIAGNOSTIC_TASKS=true", "WORKER_CONCURRENCY=2", "WORKER_LEASE_SECONDS=2", "WORKER_QUEUES=sync",
                   NULL};
    char *here = getcwd(NULL, 0);
    assert_non_null(here);
    snprintf(program, sizeof program, "%.250s/build/logikald-roles", here);
    free(here);
    char *argv[] = {program, "worker", NULL};
    process_start(p, name, argv, env);
}

static void send_large(const char *id)
{
    struct buf message = {0};
    char *text = malloc(BODY_BYTES + 1);
    memset(text, 'x', BODY_BYTES);
    text[BODY_BYTES] = 0;
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "text", text);
    struct message_spec spec = {.task = "tasks.diagnostics.echo", .id = id, .queue = "sync", .kwargs = kwargs};
    message_encode(&message, &spec);
    redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
    assert_non_null(reply);
    freeReplyObject(reply);
    cJSON_Delete(kwargs);
    buf_free(&message);
    free(text);
}

static rlim_t address_space(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in)) sscanf(line, "VmSize: %lu", &kb);
    if (in) fclose(in);
    return (rlim_t)kb * 1024;
}

static bool all_done(int round)
{
    char id[40];
    for (int i = 0; i < TASKS; i++) {
        snprintf(id, sizeof id, "m-%d-%d", round, i);
        if (!rig_has_state(&rig, id, "SUCCESS")) return false;
    }
    return true;
}

static void test_a_worker_without_memory_loses_nothing(void **state)
{
    static const rlim_t room[] = {128 << 10, 3 << 20};
    (void)state;
    for (int round = 0; round < (int)(sizeof room / sizeof *room); round++) {
        struct process poor, rich;
        char id[40], name[40];
        snprintf(name, sizeof name, "poor-%d", round);
        start_worker(&poor, name);
        snprintf(id, sizeof id, "first-%d", round);
        rig_send(&rig, "sync", "echo", id, "[]");
        WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 20000);

        rlim_t limit = address_space(poor.pid) + room[round];
        assert_int_equal(prlimit(poor.pid, RLIMIT_AS, &(struct rlimit){limit, limit}, NULL), 0);
        for (int i = 0; i < TASKS; i++) {
            snprintf(id, sizeof id, "m-%d-%d", round, i);
            send_large(id);
        }
        int64_t deadline = support_deadline(3000); /* it may end by itself, finish, or be stuck, all is well */
        while (process_running(&poor) && !all_done(round) && !support_late(deadline)) support_pause();
        bool has_ended = !process_running(&poor);
        print_message("with %u kB more: %s\n", (unsigned)(room[round] >> 10), has_ended ? "ended" : "lived");
        if (!has_ended) {
            process_signal(&poor, SIGKILL);
            process_wait(&poor, 10000);
        }
        snprintf(name, sizeof name, "rich-%d", round);
        start_worker(&rich, name);
        WAIT_UNTIL(all_done(round), 60000);
        process_stop(&rich);

        if (rig_int(&rig, "LLEN logikald.dead") != 0) fail_msg("%s", rig_text(&rig, "LINDEX logikald.dead 0"));
        if (process_logged(&poor, "malformed message")) fail_msg("%s", process_log(&poor));
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_worker_without_memory_loses_nothing)};
TEST_MAIN(tests, open_rig, close_rig)
