/* Chords under faults: whatever is killed, frozen, refused or lost, each part counts once and each body goes out once,
 * with all results in their order. Bodies lie in a queue that nobody serves. */
#include <signal.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/servers/proxy.h"

static struct rig rig;
static struct process first, second;
static struct proxy proxy;

static const char *const quick[] = {"WORKER_LEASE_SECONDS=2", "WORKER_QUEUES=sync", "WORKER_GRACE_SECONDS=0", NULL};

static void start_with(const char *const extra[])
{
    memset(&proxy, 0, sizeof proxy);
    rig_open(&rig, extra);
}

FIXTURE(set_up)
{
    start_with(NULL);
    return 0;
}

static int set_up_durable(void **state)
{
    static const char *const always[] = {"--appendfsync", "always", NULL};
    (void)state;
    start_with(always);
    return 0;
}

static int set_up_small(void **state)
{
    static const char *const small[] = {"--maxmemory", "12mb", "--maxmemory-policy", "noeviction", NULL};
    (void)state;
    start_with(small);
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&first);
    rig_end(&second);
    proxy_stop(&proxy);
    rig_close(&rig);
    return 0;
}

static void start(struct process *p, const char *name)
{
    rig_worker(&rig, p, name, quick);
}

/* ---- chords ---- */
static cJSON *body_of(const char *chord)
{
    char text[400];
    snprintf(text, sizeof text,
             "{\"task\": \"tasks.diagnostics.given\", \"args\": [\"%s\"], \"kwargs\": {}, \"options\": {\"task_id\": "
             "\"body-%s\", \"queue\": \"bodies\", \"link_error\": [{\"task\": \"tasks.diagnostics.given\", \"args\": "
             "[\"%s\"], \"kwargs\": {}, \"options\": {\"queue\": \"errors\", \"task_id\": \"error-%s\"}}]}}",
             chord, chord, chord, chord);
    cJSON *body = cJSON_Parse(text);
    assert_non_null(body);
    return body;
}

/* Part n of the chord: as Celery's client sends it. args: JSON. */
static void send_part(const char *chord, int n, const char *task, const char *args)
{
    char id[64], name[80];
    cJSON *body = body_of(chord), *index = cJSON_CreateNumber(n), *list = cJSON_Parse(args);
    snprintf(id, sizeof id, "%s-%d", chord, n);
    snprintf(name, sizeof name, "tasks.diagnostics.%s", task);
    struct message_spec spec = {
        .task = name, .id = id, .queue = "sync", .args = list, .chord = body, .group = chord, .group_index = index};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(body);
    cJSON_Delete(index);
    cJSON_Delete(list);
}

/* Part n has the argument base + n * step. */
static void send_chord(const char *chord, int parts, const char *task, double base, double step, int fails_at)
{
    rig_text(&rig, "SET celery-taskset-meta-%s.s %d EX 600", chord, parts);
    for (int n = 0; n < parts; n++) {
        char args[64];
        snprintf(args, sizeof args, "[%g]", base + n * step);
        if (n == fails_at)
            send_part(chord, n, "fail", "[\"as asked\"]");
        else
            send_part(chord, n, task, args);
    }
}

/* The bodies in the list, by the chord that they name: each once, and with these results. */
static void expect_bodies(const char *list, int chords, const char *prefix, const char *results)
{
    redisReply *all = redisCommand(rig.redis, "LRANGE %s 0 -1", list);
    int *seen = calloc((size_t)chords, sizeof *seen);
    for (size_t i = 0; i < all->elements; i++) {
        struct message m;
        struct message_body body;
        struct err err = {0};
        assert_int_equal(message_decode(all->element[i]->str, all->element[i]->len, &m, &err), 0);
        assert_int_equal(message_body_parse(m.body, m.body_len, &body, &err), 0);
        const char *chord = cJSON_GetStringValue(cJSON_GetArrayItem(body.args, 1));
        assert_int_equal(strncmp(chord, prefix, strlen(prefix)), 0);
        long n = strtol(chord + strlen(prefix), NULL, 10);
        if (seen[n]++) fail_msg("the body of %s went out twice", chord);
        if (results) {
            char *text = cJSON_PrintUnformatted(cJSON_GetArrayItem(body.args, 0));
            assert_string_equal(text, results);
            free(text);
        }
        message_body_free(&body);
        message_free(&m);
    }
    for (int i = 0; i < chords; i++)
        if (!seen[i]) fail_msg("the body of %s%d never went out", prefix, i);
    free(seen);
    freeReplyObject(all);
}

static int keys_left(void)
{
    redisReply *keys = redisCommand(rig.redis, "KEYS celery-taskset-meta-*");
    int count = (int)keys->elements;
    freeReplyObject(keys);
    return count;
}

/* ---- the tests ---- */
TEST(test_lost_answers_count_no_part_twice)
{
    proxy_start(&proxy, rig.server.port);
    snprintf(rig.url, sizeof rig.url, "redis://127.0.0.1:%d/0", proxy.port);
    snprintf(proxy.rules->needle, sizeof proxy.rules->needle, "taskset-meta"); /* what finish.lua is told of a part */
    start(&first, "first");
    for (int i = 0; i < 4; i++) {
        char chord[32];
        snprintf(chord, sizeof chord, "lost%d", i);
        atomic_store(&proxy.rules->cuts, 1 + i % 3);
        send_chord(chord, 3, "given", 0, 1, i == 3 ? 1 : -1);
        WAIT_UNTIL(rig_int(&rig, "LLEN bodies") + rig_int(&rig, "LLEN errors") == i + 1, 30000);
        WAIT_UNTIL(rig_left(&rig) == 0, 20000);
        WAIT_UNTIL(atomic_load(&proxy.rules->cuts) == 0, 30000); /* the worker asks until it hears the answer */
    }
    process_stop(&first);
    assert_int_equal(atomic_load(&proxy.rules->cuts_made), 7);
    expect_bodies("bodies", 3, "lost", "[[0],[1],[2]]");
    assert_int_equal(rig_int(&rig, "LLEN errors"), 1);
    assert_true(rig_has_state(&rig, "body-lost3", "FAILURE"));
    assert_int_equal(keys_left(), 0);
}

/* Something has been done since now and something is under way; false: all is done. */
static bool wait_for_work(void)
{
    int64_t left = rig_left(&rig);
    WAIT_UNTIL(rig_left(&rig) == 0 || (rig_left(&rig) < left && rig_int(&rig, "HLEN unacked") > 0), 20000);
    return rig_left(&rig) > 0;
}

/* Both workers are killed again and again, in turns. */
TEST(test_killed_workers_leave_whole_chords)
{
    enum { CHORDS = 16 };
    struct process *both[] = {&first, &second};
    char chord[32];
    start(&first, "first");
    start(&second, "second");
    for (int i = 0; i < CHORDS; i++) {
        snprintf(chord, sizeof chord, "kill%d", i);
        send_chord(chord, 4, "sleep", 0.1, 0.05, -1);
    }
    int at_work = 0;
    for (int i = 0; i < 5; i++) {
        char name[32];
        at_work += wait_for_work();
        kill(both[i % 2]->pid, SIGKILL);
        process_wait(both[i % 2], 10000);
        snprintf(name, sizeof name, "again%d", i);
        start(both[i % 2], name);
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 90000);
    assert_true(at_work >= 1); /* the other worker may be through before one has come back */
    expect_bodies("bodies", CHORDS, "kill", "[0.1,0.15,0.2,0.25]");
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), 0);
    assert_int_equal(keys_left(), 0);
}

TEST(test_restarted_redis_keeps_chords_whole)
{
    enum { CHORDS = 16 };
    char chord[32];
    start(&first, "first");
    start(&second, "second");
    for (int i = 0; i < CHORDS; i++) {
        snprintf(chord, sizeof chord, "redis%d", i);
        send_chord(chord, 4, "sleep", 0.1, 0.05, -1);
    }
    int at_work = 0;
    for (int i = 0; i < 3; i++) {
        at_work += wait_for_work();
        redis_server_kill(&rig.server);
        redis_server_restart(&rig.server);
        rig_reconnect(&rig);
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 90000);
    assert_true(at_work >= 1); /* the other worker may be through before one has come back */
    expect_bodies("bodies", CHORDS, "redis", "[0.1,0.15,0.2,0.25]");
    assert_int_equal(keys_left(), 0);
}

/* A worker is frozen in the middle of the last part and taken for dead; when it wakes, the other has counted. */
TEST(test_frozen_worker_counts_no_part)
{
    start(&first, "first");
    send_chord("ice0", 2, "sleep", 4, 0.1, -1);
    WAIT_UNTIL(rig_has_state(&rig, "ice0-0", "PROGRESS") && rig_has_state(&rig, "ice0-1", "PROGRESS"), 20000);
    kill(first.pid, SIGSTOP); /* its runners go on */
    rig_role(&rig, &second, "second", "worker", quick);
    WAIT_UNTIL(process_logged(&second, "a worker is dead"), 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 2, 10000);
    kill(first.pid, SIGCONT);
    WAIT_UNTIL(process_logged(&first, "was taken for dead"), 10000);
    WAIT_UNTIL(rig_left(&rig) == 0, 30000);
    process_stop(&first);
    expect_bodies("bodies", 1, "ice", "[4,4.1]");
    assert_int_equal(keys_left(), 0);
}

/* A Python worker sends the group behind a chain in the header, and puts that group's size in the place of the chord's.
 */
TEST(test_size_that_celery_spoils_is_put_right)
{
    static const char shape[] = "{\"result\": [[\"odd0\", null], [[[\"odd0\", null], [[[\"odd0-0\", null], null], "
                                "[[\"odd0-1\", null], null]]], [[\"odd0-2\", [[\"x\", null], null]], null]]]}";
    start(&first, "first");
    freeReplyObject(redisCommand(rig.redis, "SET celery-taskset-meta-odd0 %s", shape));
    rig_text(&rig, "SET celery-taskset-meta-odd0.s 2");
    send_part("odd0", 2, "given", "[2]");
    send_part("odd0", 0, "given", "[0]");
    WAIT_UNTIL(rig_int(&rig, "ZCARD celery-taskset-meta-odd0.j") == 2 && rig_left(&rig) == 0, 20000);
    assert_int_equal(rig_int(&rig, "LLEN bodies"), 0);
    assert_int_equal(rig_int(&rig, "GET celery-taskset-meta-odd0.s"), 3);
    send_part("odd0", 1, "given", "[1]");
    WAIT_UNTIL(rig_int(&rig, "LLEN bodies") == 1, 20000);
    expect_bodies("bodies", 1, "odd", "[[[0],[1]],[2]]");
}

/* Redis is full when the parts end. */
TEST(test_full_redis_completes_chords)
{
    start(&first, "first");
    send_chord("full0", 4, "sleep", 1, 0.1, -1);
    send_chord("bad0", 3, "sleep", 1, 0.1, 1);
    WAIT_UNTIL(rig_has_state(&rig, "full0-0", "PROGRESS"), 20000);
    bool is_full = false;
    for (int size = 100000; size > 100; size /= 10)
        for (int i = 0; i < 100000; i++) {
            char *junk = calloc(1, (size_t)size + 1);
            memset(junk, 'x', (size_t)size);
            redisReply *reply = redisCommand(rig.redis, "RPUSH junk %s", junk);
            is_full = reply->type == REDIS_REPLY_ERROR;
            freeReplyObject(reply);
            free(junk);
            if (is_full) break;
        }
    assert_true(is_full);
    WAIT_UNTIL(rig_left(&rig) == 0, 30000);
    expect_bodies("bodies", 1, "full", "[1,1.1,1.2,1.3]");
    assert_int_equal(rig_int(&rig, "LLEN errors"), 1);
    assert_true(rig_has_state(&rig, "body-bad0", "FAILURE"));
    assert_int_equal(keys_left(), 0);
}

/* What counting needs is refused for a while, or for ever: nothing is lost or held up for others. */
TEST(test_refused_commands_and_odd_keys)
{
    static const char *const taken[] = {"-zadd", "-zcard", "-zrange", "-zrangebyscore",
                                        "-type", "-get",   "-lpush",  "-del"};
    enum { COUNT = sizeof taken / sizeof *taken };
    char chord[32];
    rig_text(&rig, "ACL SETUSER app reset on >secret ~* &* +@all");
    snprintf(rig.url, sizeof rig.url, "redis://app:secret@127.0.0.1:%d/0", rig.server.port);
    start(&first, "first");
    rig_text(&rig, "SET celery-taskset-meta-odd-kind.j text"); /* neither a list nor a sorted set */
    send_chord("odd-kind", 2, "noop", 0, 1, -1);
    rig_text(&rig, "SET celery-taskset-meta-odd-shape {\"result\"");
    send_chord("odd-shape", 2, "noop", 0, 1, -1);
    rig_text(&rig, "RPUSH celery-taskset-meta-list.j %s",
             "[1,\"list-9\",\"SUCCESS\",9]"); /* result_chord_ordered = False */
    send_chord("list", 2, "given", 0, 1, -1);
    rig_text(&rig, "SET celery-taskset-meta-list.s 3");
    WAIT_UNTIL(rig_left(&rig) == 0, 20000);
    assert_true(rig_has_state(&rig, "odd-kind-1", "SUCCESS") && rig_has_state(&rig, "body-odd-shape", "FAILURE"));
    assert_int_equal(rig_int(&rig, "LLEN bodies"), 1);
    rig_text(&rig, "DEL bodies errors");

    for (int i = 0; i < COUNT; i++) {
        snprintf(chord, sizeof chord, "acl%d", i);
        rig_text(&rig, "ACL SETUSER app %s", taken[i]);
        send_chord(chord, 3, "given", 0, 1, -1);
        int64_t deadline = support_deadline(400);
        while (!support_late(deadline)) support_pause();
        rig_text(&rig, "ACL SETUSER app +%s", taken[i] + 1);
        WAIT_UNTIL(rig_int(&rig, "LLEN bodies") == i + 1, 60000);
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 20000);
    expect_bodies("bodies", COUNT, "acl", "[[0],[1],[2]]");
}

int main(void)
{
    if (getenv("TEST_FILTER")) cmocka_set_test_filter(getenv("TEST_FILTER"));
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_lost_answers_count_no_part_twice),
        ROW(test_killed_workers_leave_whole_chords),
        cmocka_unit_test_setup_teardown(test_restarted_redis_keeps_chords_whole, set_up_durable, tear_down),
        ROW(test_frozen_worker_counts_no_part),
        ROW(test_size_that_celery_spoils_is_put_right),
        cmocka_unit_test_setup_teardown(test_full_redis_completes_chords, set_up_small, tear_down),
        ROW(test_refused_commands_and_odd_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
