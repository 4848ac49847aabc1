/* A worker among others: orphans of Python workers, rate limits beside other tasks, revokes that nobody hears, a Redis
 * that refuses some of it. */
#include <signal.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "tests/support/rig.h"

RIG_WORLD

static const char *const quick[] = {"WORKER_LEASE_SECONDS=3", "WORKER_QUEUES=sync,scheduler", "WORKER_GRACE_SECONDS=0",
                                    NULL};

static bool is_waiting_somewhere(const char *id)
{
    static const char *const lists[] = {"sync", "scheduler", "other", "tasks.sync"};
    char needle[64];
    bool is_found = false;
    snprintf(needle, sizeof needle, "\"%s\"", id);
    for (int i = 0; i < 4; i++) {
        redisReply *all = redisCommand(rig.redis, "LRANGE %s 0 -1", lists[i]);
        for (size_t k = 0; k < all->elements; k++) is_found = is_found || strstr(all->element[k]->str, needle);
        freeReplyObject(all);
    }
    return is_found;
}

/* ---- orphans ---- */
TEST(test_orphans_of_any_form)
{
    static const struct {
        const char *id, *tail; /* after the message */
        bool is_compact, is_restored;
        int age_s;
    } rows[] = {
        {"plain", ", \"\", \"sync\"]", false, true, 100000},
        {"null-exchange", ", null, \"sync\"]", false, true, 100000},
        {"compact", ",\"\",\"sync\"]", true, true, 100000},
        {"compact-null", ",null,\"scheduler\"]", true, true, 100000},
        {"escaped", ", \"\", \"s\\u0079nc\"]", false, true, 100000},
        {"spaced", " ,\t\"\" , \"sync\" ] ", false, true, 100000},
        {"named", ", \"tasks\", \"tasks.sync\"]", false, true, 100000},
        {"topic", ", \"topics\", \"a.b.c\"]", false, true, 100000},
        {"topic-star", ", \"topics\", \"x.sync\"]", false, true, 100000},
        {"named-other", ", \"tasks\", \"tasks.other\"]", false, false, 100000},
        {"unbound", ", \"nowhere\", \"sync\"]", false, false, 100000},
        {"not-served", ", \"\", \"other\"]", false, false, 100000},
        {"young", ", \"\", \"sync\"]", false, false, 10},
        {"no-key", ", \"\", null]", false, false, 100000},
        {"broken", "", false, false, 100000},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    freeReplyObject(redisCommand(rig.redis, "SADD _kombu.binding.tasks %s %s", "tasks.other\x06\x16\x06\x16other",
                                 "tasks.sync\x06\x16\x06\x16sync"));
    freeReplyObject(redisCommand(rig.redis, "SADD _kombu.binding.topics %s %s", "a.#\x06\x16\x06\x16scheduler",
                                 "*.sync\x06\x16\x06\x16sync"));
    int restored = 0;
    for (int i = 0; i < ROWS; i++) {
        struct buf entry = {0};
        buf_printf(&entry,
                   "[{\"headers\":%s{\"task\": \"tasks.diagnostics.noop\", \"id\": \"%s\"}, \"content-type\": "
                   "\"application/json\", \"body\": \"W1tdLHt9LHt9XQ==\", \"properties\": {\"body_encoding\": "
                   "\"base64\", \"note\": \"]}, \\\"x\\\"\"}}%s",
                   rows[i].is_compact ? "" : " ", rows[i].id, rows[i].tail);
        freeReplyObject(redisCommand(rig.redis, "HSET unacked %s %b", rows[i].id, entry.data, entry.len));
        rig_text(&rig, "ZADD unacked_index %lld %s", (long long)(wall_ms() / 1000 - rows[i].age_s), rows[i].id);
        buf_free(&entry);
        restored += rows[i].is_restored;
    }

    rig_worker(&rig, &first, "first", quick);

    for (int i = 0; i < ROWS; i++)
        if (rows[i].is_restored) WAIT_UNTIL(rig_has_state(&rig, rows[i].id, "SUCCESS"), 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == ROWS - restored, 10000);
    for (int i = 0; i < ROWS; i++) {
        if (rows[i].is_restored) continue;
        assert_int_equal(rig_int(&rig, "HEXISTS unacked %s", rows[i].id), 1);
        assert_false(is_waiting_somewhere(rows[i].id));
    }
    WAIT_UNTIL(process_logged(&first, "messages that a Python worker left behind"), 5000);
}

TEST(test_visibility_timeout_is_a_setting)
{
    static const char *const patient[] = {"WORKER_QUEUES=sync", "WORKER_VISIBILITY_TIMEOUT_SECONDS=43200", NULL};
    freeReplyObject(
        redisCommand(rig.redis, "HSET unacked long %s",
                     "[{\"headers\": {\"task\": \"tasks.diagnostics.noop\", \"id\": \"long\"}}, \"\", \"sync\"]"));
    rig_text(&rig, "ZADD unacked_index %lld long", (long long)(wall_ms() / 1000 - 4000)); /* 67 minutes */
    rig_worker(&rig, &first, "first", patient);
    rig_send(&rig, "sync", "sleep", "wait", "[0.5]");
    WAIT_UNTIL(rig_has_state(&rig, "wait", "SUCCESS"), 20000);
    assert_int_equal(rig_int(&rig, "HEXISTS unacked long"), 1);
    assert_false(is_waiting_somewhere("long"));
}

/* ---- rate limits ---- */
static void control(const char *method, const char *arguments)
{
    struct buf body = {0}, message = {0};
    buf_printf(&body,
               "{\"method\": \"%s\", \"arguments\": %s, \"destination\": null, \"pattern\": null, \"matcher\": null}",
               method, arguments);
    message_wrap(&message, body.data, body.len, "{\"clock\": 1, \"expires\": 0}", "celery.pidbox", "");
    redisReply *reply = redisCommand(rig.redis, "PUBLISH /0.celery.pidbox %b", message.data, message.len);
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
    buf_free(&body);
    buf_free(&message);
}

static int done_of(const char *prefix, int count)
{
    char id[32];
    int done = 0;
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s%d", prefix, i);
        done += rig_has_state(&rig, id, "SUCCESS");
    }
    return done;
}

static void send_many(const char *queue, const char *task, const char *prefix, int count)
{
    char id[32];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s%d", prefix, i);
        rig_send(&rig, queue, task, id, "[]");
    }
}

TEST(test_rate_limit_delays_only_its_own_task)
{
    rig_worker(&rig, &first, "first", quick);
    WAIT_UNTIL(rig_int(&rig, "PUBSUB NUMPAT") >= 1, 10000);
    control("rate_limit", "{\"task_name\": \"tasks.diagnostics.echo\", \"rate_limit\": \"1/h\"}");
    rig_send(&rig, "sync", "sleep", "long", "[0.1]");
    WAIT_UNTIL(rig_has_state(&rig, "long", "SUCCESS"), 20000);
    send_many("sync", "echo", "e", 20);
    send_many("sync", "noop", "n", 50);
    send_many("scheduler", "noop", "m", 50);

    WAIT_UNTIL(done_of("n", 50) == 50 && done_of("m", 50) == 50, 10000);
    assert_int_equal(done_of("e", 20), 1);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.scheduled") == 19, 5000);

    rig_text(&rig, "FLUSHALL");
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1, 20000);
    control("rate_limit", "{\"task_name\": \"tasks.diagnostics.echo\", \"rate_limit\": \"10/s\"}");
    int64_t began = mono_ms();
    send_many("sync", "echo", "r", 30);
    WAIT_UNTIL(done_of("r", 30) == 30, 20000);
    assert_true(mono_ms() - began >= 2500);
    assert_int_equal(rig_int(&rig, "ZCARD logikald.scheduled"), 0);
}

/* ---- revokes ---- */
static struct event_base *base;
static bool is_told;

static void on_up(void *arg, bool is_up, const char *why)
{
    (void)arg, (void)is_up, (void)why;
    event_base_loopbreak(base);
}

static void on_revoked(void *arg, const struct err *err)
{
    (void)arg;
    is_told = err == NULL;
    event_base_loopbreak(base);
}

static void revoke_ids(const char *const *ids, size_t count)
{
    struct err err = {0};
    struct redis_url url;
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf);
    assert_int_equal(redis_url_parse(rig.server.url, &url, &err), 0);
    base = event_base_new();
    struct redis *redis = redis_new(base, &url, "test", &err);
    redis_on_state(redis, on_up, NULL);
    redis_start(redis);
    event_base_dispatch(base);
    struct queue *queue = queue_new(base, redis, conf, &err);
    is_told = false;
    assert_int_equal(queue_revoke(queue, ids, count, true, on_revoked, NULL, &err), 0);
    event_base_dispatch(base);
    assert_true(is_told);
    redis_on_state(redis, NULL, NULL);
    queue_free(queue);
    redis_free(redis);
    event_base_free(base);
    conf_free(conf);
}

TEST(test_revoke_that_nobody_hears)
{
    struct message_spec later = {
        .task = "tasks.diagnostics.effect", .id = "later", .queue = "sync", .eta_us = wall_us() + 3600000000};
    rig_send_spec(&rig, &later);
    rig_worker(&rig, &first, "first", quick);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.scheduled") == 1, 10000);
    process_stop(&first);
    rig_send(&rig, "sync", "effect", "queued", "[\"seen\"]");
    rig_send(&rig, "sync", "effect", "wanted", "[\"wanted\"]");

    revoke_ids((const char *const[]){"never", "never", "later", "later", "queued", "never"}, 6);

    assert_true(rig_has_state(&rig, "later", "REVOKED"));
    assert_int_equal(rig_int(&rig, "ZCARD logikald.scheduled"), 0);
    rig_worker(&rig, &first, "first-again", quick);
    WAIT_UNTIL(rig_has_state(&rig, "queued", "REVOKED"), 10000);
    WAIT_UNTIL(rig_has_state(&rig, "wanted", "SUCCESS"), 10000);
    assert_int_equal(rig_int(&rig, "EXISTS seen"), 0);
}

/* The worker's control connection is away when the revoke is told. */
TEST(test_revoke_while_the_listener_is_away)
{
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "sleep", "a", "[6]");
    rig_send(&rig, "sync", "sleep", "b", "[6]");
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 2, 10000);
    rig_send(&rig, "sync", "effect", "queued", "[\"seen\"]");
    freeReplyObject(redisCommand(rig.redis, "CLIENT KILL TYPE pubsub"));
    revoke_ids((const char *const[]){"queued"}, 1);
    WAIT_UNTIL(rig_has_state(&rig, "queued", "REVOKED"), 20000);
    assert_int_equal(rig_int(&rig, "EXISTS seen"), 0);
}

/* ---- rights ---- */
static void as_user(const char *rules)
{
    char command[300];
    snprintf(command, sizeof command, "ACL SETUSER app reset on >secret %s", rules);
    assert_string_equal(rig_text(&rig, "%s", command), "OK");
    snprintf(rig.url, sizeof rig.url, "redis://app:secret@127.0.0.1:%d/0", rig.server.port);
}

TEST(test_user_without_channels)
{
    as_user("~* +@all resetchannels");
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "fail", "bad", "[\"x\"]");
    rig_send(&rig, "sync", "noop", "good", "[]");
    rig_send(&rig, "sync", "nobody.knows", "unknown", "[]");
    rig_send(&rig, "sync", "fail", "again", "[\"x\", 1]");
    WAIT_UNTIL(rig_has_state(&rig, "again", "FAILURE"), 20000);
    WAIT_UNTIL(rig_has_state(&rig, "bad", "FAILURE") && rig_has_state(&rig, "good", "SUCCESS"), 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    WAIT_UNTIL(process_logged(&first, "results are waited for by looking"), 10000);
    WAIT_UNTIL(process_logged(&first, "remote control and revokes are not heard"), 10000);
    rig_send(&rig, "sync", "sleep", "pause", "[1]");
    WAIT_UNTIL(rig_has_state(&rig, "pause", "SUCCESS"), 20000);
    assert_true(process_log_count(&first, "remote control and revokes are not heard") <= 2);
    assert_true(process_log_count(&first, "whoever waits is not told") <= 2);

    char url[160], *output = NULL;
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.url);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "check", NULL}, *env[] = {url, NULL};
    process_run(argv, env, &output);
    assert_non_null(strstr(output, "allchannels"));
    free(output);

    rig_text(&rig, "ACL SETUSER app allchannels"); /* and it heals */
    freeReplyObject(redisCommand(rig.redis, "CLIENT KILL USER app"));
    WAIT_UNTIL(rig_int(&rig, "PUBSUB NUMPAT") >= 1, 40000);
}

/* With a follow-up to a queue that nobody serves, however it ends. */
static void send_linked(const char *task, const char *id, const char *args)
{
    char name[80];
    cJSON *list = cJSON_Parse(args),
          *after =
              cJSON_Parse("[{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"immutable\": true, "
                          "\"options\": {\"queue\": \"followups\"}}]");
    snprintf(name, sizeof name, "tasks.diagnostics.%s", task);
    struct message_spec spec = {
        .task = name, .id = id, .queue = "sync", .args = list, .callbacks = after, .errbacks = after};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(list);
    cJSON_Delete(after);
}

/* Rights that are taken away while it works, and given back: nothing is lost, nothing is done twice. */
TEST(test_rights_that_come_and_go)
{
    static const char *const taken[] = {"-set",  "-lpush", "-zadd",    "-evalsha", "-hset",   "-rpush",
                                        "-hdel", "-zrem",  "-rpop",    "-hget",    "-hmget",  "-zmscore",
                                        "-get",  "-time",  "-publish", "-expire",  "-zscore", "-hgetall"};
    enum { COUNT = sizeof taken / sizeof *taken };
    as_user("~* &* +@all");
    rig_worker(&rig, &first, "first", quick);
    for (int i = 0; i < COUNT; i++) {
        char id[32], id2[32], effect[64];
        snprintf(id, sizeof id, "r%d", i);
        snprintf(id2, sizeof id2, "again%d", i);
        snprintf(effect, sizeof effect, "[\"seen%d\"]", i);
        rig_text(&rig, "ACL SETUSER app %s", taken[i]);
        send_linked("effect", id, effect);
        send_linked("fail", id2, "[\"x\", 1]");
        rig_send(&rig, "sync", "nobody.knows", "u", "[]");
        int64_t deadline = support_deadline(600);
        while (!support_late(deadline)) support_pause();
        rig_text(&rig, "ACL SETUSER app +%s", taken[i] + 1);
        /* What is tried again comes while the next right is away. */
        WAIT_UNTIL(rig_int(&rig, "GET seen%d", i) == 1 && (i == 0 || rig_has_state(&rig, id, "SUCCESS")), 60000);
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 60000);
    for (int i = 1; i < COUNT; i++) {
        char id[32];
        snprintf(id, sizeof id, "again%d", i);
        assert_int_equal(rig_int(&rig, "GET seen%d", i), 1);
        if (!rig_has_state(&rig, id, "FAILURE"))
            fail_msg("%s: %s", taken[i], rig_text(&rig, "GET celery-task-meta-%s", id));
    }
    assert_int_equal(rig_int(&rig, "LLEN followups"), 2 * COUNT);
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), COUNT);
    assert_true(process_log_count(&first, "could not be stored") >= 1);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_orphans_of_any_form),
    ROW(test_visibility_timeout_is_a_setting),
    ROW(test_rate_limit_delays_only_its_own_task),
    ROW(test_revoke_that_nobody_hears),
    ROW(test_revoke_while_the_listener_is_away),
    ROW(test_user_without_channels),
    ROW(test_rights_that_come_and_go),
};
TEST_MAIN(tests, NULL, NULL)
