/* What the queue's client reads out of a Redis that was filled by hand, whole answers at a time, and what it writes. */
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_foreign.h"
#include "ipc/queue/task_counts.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct event_base *base;
static struct conf *conf;
static struct redis *redis;
static struct queue *queue;
static redisContext *ear;

static struct answer {
    bool is_over;
    int64_t count;
    char *json;
    char error[600];
    struct queue_stats stats;
    struct task_count_list counts;
} answer;

FIXTURE(set_up)
{
    struct redis_url url;
    struct err err = {0};
    struct conf_paths none = {0};
    rig_open(&rig, NULL);
    setenv("REDIS_URL", rig.server.url, 1);
    setenv("REDIS_KEY_PREFIX", "k:", 1);
    setenv("REDIS_RESULT_PREFIX", "r:", 1);
    setenv("REDIS_PRIORITY_STEPS", "0,5", 1);
    setenv("REDIS_SEP", "::", 1);
    setenv("WORKER_QUEUES", "sync, other", 1);
    setenv("WORKER_LEASE_SECONDS", "20", 1);
    setenv("RESULT_EXPIRES", "7200", 1);
    conf = conf_load(&none, &err);
    if (!conf) fail_msg("%s", err.text);
    base = event_base_new();
    assert_int_equal(redis_url_from_conf(conf, &url, &err), 0);
    redis = redis_new(base, &url, "test", &err);
    queue = queue_new(base, redis, conf, &err);
    redis_start(redis);
    int64_t end = support_patience(10000);
    while (!redis_is_up(redis)) {
        if (support_late(end)) fail_msg("no connection");
        event_base_loop(base, EVLOOP_ONCE);
    }
    ear = redisConnect("127.0.0.1", rig.server.port);
    assert_true(ear && !ear->err);
    redisSetTimeout(ear, (struct timeval){.tv_sec = 60});
    freeReplyObject(redisCommand(ear, "PSUBSCRIBE *"));
    return 0;
}

FIXTURE(tear_down)
{
    redisFree(ear);
    queue_free(queue);
    redis_free(redis);
    event_base_free(base);
    conf_free(conf);
    free(answer.json);
    memset(&answer, 0, sizeof answer);
    static const char *const set[] = {"REDIS_KEY_PREFIX", "REDIS_RESULT_PREFIX",  "REDIS_PRIORITY_STEPS", "REDIS_SEP",
                                      "WORKER_QUEUES",    "WORKER_LEASE_SECONDS", "RESULT_EXPIRES"};
    for (int i = 0; i < 7; i++) unsetenv(set[i]);
    rig_close(&rig);
    return 0;
}

/* ---- asking ---- */
static void begin(void)
{
    free(answer.json);
    memset(&answer, 0, sizeof answer);
}

static void wait_for_answer(void)
{
    int64_t end = support_patience(10000);
    while (!answer.is_over) {
        if (support_late(end)) fail_msg("no answer");
        event_base_loop(base, EVLOOP_ONCE);
    }
}

static void on_list(void *arg, const cJSON *entries, const struct err *err)
{
    (void)arg;
    answer.is_over = true;
    if (entries) answer.json = cJSON_PrintUnformatted(entries);
    if (err) snprintf(answer.error, sizeof answer.error, "%s", err->text);
}

static void on_count(void *arg, int64_t count, const struct err *err)
{
    (void)arg;
    answer.is_over = true;
    answer.count = err ? -1 : count;
    if (err) snprintf(answer.error, sizeof answer.error, "%s", err->text);
}

static void on_done(void *arg, const struct err *err)
{
    on_count(arg, 0, err);
}

/* A number of ms since then, or until then, that is this many and what has passed since the test began. */
static void put_ages(struct buf *out, const char *text, int64_t began_ms)
{
    static const char *const names[] = {"\"running_ms\":", "\"last_seen_ms\":"};
    while (*text) {
        bool is_found = false;
        for (int i = 0; i < 2 && !is_found; i++) {
            size_t len = strlen(names[i]);
            if (strncmp(text, names[i], len) != 0 || strncmp(text + len, "null", 4) == 0) continue;
            char *end;
            int64_t ms = strtoll(text + len, &end, 10);
            buf_add(out, text, len);
            /* to the second, when nothing was late */
            int64_t late = wall_ms() - began_ms + 1000;
            buf_printf(out, "%lld", (long long)(ms % 100000 <= late ? ms - ms % 100000 : ms));
            text = end;
            is_found = true;
        }
        if (!is_found) buf_char(out, *text++);
    }
}

static int64_t test_began_ms;

static void expect_list(enum queue_view view, const char *name, int64_t offset, int64_t limit, const char *wanted)
{
    struct err err = {0};
    struct buf text = {0};
    begin();
    assert_int_equal(queue_list(queue, view, name, offset, limit, on_list, NULL, &err), 0);
    wait_for_answer();
    assert_string_equal(answer.error, "");
    put_ages(&text, answer.json, test_began_ms);
    assert_string_equal(text.data, wanted);
    buf_free(&text);
}

static void put(const char *command, const char *a, const char *b, const char *c)
{
    const char *words[] = {command, a, b, c};
    redisReply *r = redisCommandArgv(rig.redis, c ? 4 : 3, words, NULL);
    assert_true(r && r->type != REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

#define MESSAGE(members, body)                                                                                         \
    "{\"body\": \"" body "\", \"content-type\": \"application/json\", \"headers\": {" members "}, \"properties\": "    \
    "{\"priority\": 4}}"
#define FULL                                                                                                           \
    MESSAGE("\"task\": \"t\", \"id\": \"i\", \"retries\": 2, \"eta\": \"2099-01-01T00:00:00\", \"expires\": "          \
            "\"2099-01-02T00:00:00\"",                                                                                 \
            "[[1], {\\\"k\\\": 2}, {}]")
#define FULL_SHOWN                                                                                                     \
    "\"id\":\"i\",\"task\":\"t\",\"args\":[1],\"kwargs\":{\"k\":2},\"retries\":2,\"eta\":\"2099-01-01T00:00:00\","     \
    "\"expires\":\"2099-01-02T00:00:00\",\"priority\":4,\"size_bytes\":"
#define BROKEN_SHOWN                                                                                                   \
    "\"id\":null,\"task\":null,\"args\":null,\"kwargs\":null,\"retries\":null,\"eta\":null,\"expires\":null,"          \
    "\"priority\":0,\"size_bytes\":"

/* ---- looking in ---- */
TEST(test_what_waits_is_listed)
{
    char wanted[1200];
    put("LPUSH", "k:sync", FULL, NULL);
    put("LPUSH", "k:sync", "x", NULL);
    put("LPUSH", "k:sync::5", "{}", NULL);
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"sync\"," FULL_SHOWN "%zu},{\"queue\":\"sync\"," BROKEN_SHOWN
             "1},{\"queue\":\"sync\"," BROKEN_SHOWN "2}]",
             strlen(FULL));
    expect_list(QUEUE_WAITING, "sync", 0, 10, wanted);
    expect_list(QUEUE_WAITING, "sync", -5, 1001, wanted);
    expect_list(QUEUE_WAITING, "sync", 1, 1, "[{\"queue\":\"sync\"," BROKEN_SHOWN "1}]");
    expect_list(QUEUE_WAITING, "other", 0, 10, "[]");
}

TEST(test_what_is_in_hands_is_listed)
{
    char began[24], about[120], wanted[3000];
    test_began_ms = wall_ms();
    snprintf(began, sizeof began, "%lld", (long long)test_began_ms - 700000);
    snprintf(about, sizeof about, "{\"began\": {\"e1.1\": \"%s\", \"e1.3\": \"99999999999999\"}}", began);
    put("HSET", "k:unacked", "e1.1", "[" FULL ", \"\", \"sync\"]");
    put("HSET", "k:unacked", "e1.2", "[x, \"ex\", \"a.b\"]");
    put("HSET", "k:unacked", "e1.3", "[]");
    put("HSET", "k:unacked", "e1.4", "[, \"\", \"\"]");
    put("ZADD", "k:unacked_index", "1", "e1.1");
    put("ZADD", "k:unacked_index", "2", "e1.2");
    put("ZADD", "k:unacked_index", "3", "e1.3");
    put("ZADD", "k:unacked_index", "4", "e1.4");
    put("HSET", "k:logikald.registered", "w1", "e1 10 3");
    put("HSET", "k:logikald.about", "w1", about);
    redisReply *sha = redisCommand(rig.redis, "EVAL %s 0 %s", "return redis.sha1hex(ARGV[1])", FULL);
    put("HSET", "k:logikald.history", sha->str, "2w");
    freeReplyObject(sha);
    snprintf(
        wanted, sizeof wanted,
        "[{\"queue\":\"sync\"," FULL_SHOWN
        "%zu,\"tag\":\"e1.1\",\"worker\":\"w1\",\"deliveries\":3,\"running_ms\":700000},"
        "{\"queue\":\"a.b\"," BROKEN_SHOWN "1,\"tag\":\"e1.2\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":null},"
        "{\"queue\":\"\"," BROKEN_SHOWN "0,\"tag\":\"e1.3\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":0},"
        "{\"queue\":\"\"," BROKEN_SHOWN "0,\"tag\":\"e1.4\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":null}]",
        strlen(FULL));
    expect_list(QUEUE_UNACKED, NULL, 0, 10, wanted);
    put("DEL", "k:logikald.registered", "k:logikald.about", NULL);
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"a.b\"," BROKEN_SHOWN
             "1,\"tag\":\"e1.2\",\"worker\":null,\"deliveries\":1,\"running_ms\":null}]");
    expect_list(QUEUE_UNACKED, NULL, 1, 1, wanted);
}

TEST(test_what_waits_for_its_time_is_listed)
{
    char wanted[1200];
    put("ZADD", "k:logikald.scheduled", "1795506957222", "t1");
    put("ZADD", "k:logikald.scheduled", "1795506957223", "t2");
    put("HSET", "k:logikald.scheduled.messages", "t1", "k:sync::5\ni\n" FULL);
    put("HSET", "k:logikald.scheduled.messages", "t2", "k:sync");
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"sync\"," FULL_SHOWN
             "%zu,\"tag\":\"t1\",\"due\":\"2026-11-24T07:55:57.222Z\"},{\"queue\":\"\"," BROKEN_SHOWN
             "0,\"tag\":\"t2\",\"due\":\"2026-11-24T07:55:57.223Z\"}]",
             strlen(FULL));
    expect_list(QUEUE_SCHEDULED, NULL, 0, 10, wanted);
}

TEST(test_what_is_dead_and_who_works_is_listed)
{
    char seen[24];
    put("RPUSH", "k:logikald.dead", "{\"id\": \"i\", \"letter\": \"forged\", \"message\": \"x\"}", NULL);
    put("RPUSH", "k:logikald.dead", "[]", NULL);
    expect_list(
        QUEUE_DEAD, NULL, 0, 10,
        "[{\"id\":\"i\",\"message\":\"x\",\"args\":null,\"kwargs\":null,\"index\":0,\"letter\":"
        "\"949867993eb487b8bf838b7963e5acb42b8450ec\"},"
        "{\"reason\":\"malformed dead "
        "letter\",\"args\":null,\"kwargs\":null,\"index\":1,\"letter\":\"97d170e1550eee4afc0af065b78cda302a97674c\"}]");
    test_began_ms = wall_ms();
    snprintf(seen, sizeof seen, "%lld", (long long)test_began_ms / 1000 - 300);
    put("ZADD", "k:logikald.workers", seen, "w1");
    put("ZADD", "k:logikald.workers", "99999999999", "w2");
    put("HSET", "k:logikald.about", "w1", "{\"id\": \"forged\", \"began\": {}, \"pid\": 7}");
    put("HSET", "k:logikald.about", "w2", "[1]");
    expect_list(QUEUE_WORKERS, NULL, 0, 10,
                "[{\"id\":\"w2\",\"last_seen_ms\":0},{\"pid\":7,\"id\":\"w1\",\"last_seen_ms\":300000}]");
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    (void)arg, (void)err;
    answer.is_over = true;
    if (stats) answer.stats = *stats;
}

TEST(test_counts_of_queues)
{
    char text[80];
    struct err err = {0};
    int64_t began = wall_ms();
    snprintf(text, sizeof text, "{\"sent_at_ms\": %lld}", (long long)began - 500000);
    put("LPUSH", "k:sync::5", text, NULL);
    put("LPUSH", "k:sync::5", "{\"sent_at_ms\": 1}", NULL);
    put("LPUSH", "k:other", "{\"sent_at_ms\": 99999999999999}", NULL);
    put("HSET", "k:unacked", "t1", "x");
    put("HSET", "k:unacked", "t2", "x");
    put("ZADD", "k:logikald.scheduled", "1", "t1");
    put("LPUSH", "k:logikald.dead", "x", NULL);
    put("RPUSH", "k:logikald.dead", "y", NULL);
    put("RPUSH", "k:logikald.dead", "z", NULL);
    put("ZADD", "k:logikald.workers", "99999999999", "w1");
    put("ZADD", "k:logikald.workers", "1", "w2");
    put("HSET", "k:logikald.paused", "other", "1234 by hand");
    put("HSET", "k:logikald.paused", "nobody's", "5 x");
    begin();
    assert_int_equal(queue_stats(queue, on_stats, NULL, &err), 0);
    wait_for_answer();
    const struct queue_stats *s = &answer.stats;
    assert_true(s->count == 2 && s->unacked == 2 && s->scheduled == 1 && s->dead == 3 && s->workers == 1);
    assert_string_equal(s->queues[0].name, "sync");
    assert_int_equal(s->queues[0].depth, 2);
    assert_true(s->queues[0].oldest_age_ms >= 500000 && s->queues[0].oldest_age_ms <= 500000 + wall_ms() - began);
    assert_false(s->queues[0].is_paused);
    assert_string_equal(s->queues[1].name, "other");
    assert_int_equal(s->queues[1].depth, 1);
    assert_int_equal(s->queues[1].oldest_age_ms, 0);
    assert_true(s->queues[1].is_paused && s->queues[1].paused_ms == 1234);
    assert_string_equal(s->queues[1].paused_by, "by hand");
    put("DEL", "k:other", "k:logikald.paused", NULL);
    begin();
    assert_int_equal(queue_stats(queue, on_stats, NULL, &err), 0);
    wait_for_answer();
    assert_int_equal(answer.stats.queues[1].oldest_age_ms, -1);
    assert_false(answer.stats.queues[1].is_paused);
}

TEST(test_marks)
{
    struct err err = {0};
    put("SET", "k:logikald.beat.lock", "b1 7", NULL);
    put("HSET", "k:logikald.beat", "tick", "1795506957222");
    put("HSET", "k:logikald.beat", "never", "05");
    put("HSET", "k:logikald.beat.paused", "tick", "12 somebody else");
    put("HSET", "k:logikald.beat.by_hand", "never", "13");
    put("ZADD", "k:logikald.revoked", "1795506957", "i");
    begin();
    assert_int_equal(queue_marks(queue, "i", on_list, NULL, &err), 0);
    wait_for_answer();
    assert_string_equal(answer.json,
                        "{\"leader\":\"b1 7\",\"runs\":{\"tick\":1795506957222,\"never\":5},\"noted\":{\"never\":true},"
                        "\"paused\":{\"tick\":{\"since_ms\":12,\"by\":\"somebody "
                        "else\"}},\"by_hand\":{\"never\":{\"since_ms\":13,\"by\":\"\"}},"
                        "\"revoked_ms\":1795506957000}");
    put("DEL", "k:logikald.beat.lock", "k:logikald.beat", NULL);
    begin();
    assert_int_equal(queue_marks(queue, NULL, on_list, NULL, &err), 0);
    wait_for_answer();
    assert_string_equal(answer.json,
                        "{\"runs\":{},\"noted\":{},\"paused\":{\"tick\":{\"since_ms\":12,\"by\":\"somebody else\"}},"
                        "\"by_hand\":{\"never\":{\"since_ms\":13,\"by\":\"\"}}}");
    put("RPUSH", "k:logikald.beat.lock", "x", NULL);
    begin();
    assert_int_equal(queue_marks(queue, NULL, on_list, NULL, &err), 0);
    wait_for_answer();
    assert_null(answer.json);
    assert_non_null(strstr(answer.error, "WRONGTYPE"));
}

/* ---- changing ---- */
static int64_t noted_ms(const char *key, const char *field, const char *by)
{
    redisReply *r = redisCommand(rig.redis, "HGET %s %s", key, field);
    char *rest;
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    int64_t ms = strtoll(r->str, &rest, 10);
    assert_string_equal(rest, by);
    freeReplyObject(r);
    return ms;
}

static struct err refused;

/* The answer's count, of a call that takes &refused. */
static int64_t counted(int rc)
{
    assert_int_equal(rc, 0);
    wait_for_answer();
    return answer.count;
}
#define COUNT(wanted, call)                                                                                            \
    do {                                                                                                               \
        begin();                                                                                                       \
        assert_int_equal(counted(call), wanted);                                                                       \
    } while (0)

TEST(test_queues_and_entries_are_paused)
{
    int64_t began = wall_ms();
    struct err err = {0};
    COUNT(1, queue_pause(queue, "other", "who and why", on_count, NULL, &refused));
    int64_t at = noted_ms("k:logikald.paused", "other", " who and why");
    assert_true(at >= began && at <= wall_ms());
    COUNT(0, queue_pause(queue, "other", "again", on_count, NULL, &refused));
    noted_ms("k:logikald.paused", "other", " who and why");
    assert_int_equal(queue_pause(queue, "nobody", "x", on_count, NULL, &err), -ERR_NOT_FOUND);
    assert_string_equal(err.text, "no queue \"nobody\": there are sync, other");
    COUNT(1, queue_resume(queue, "other", on_count, NULL, &refused));
    COUNT(0, queue_resume(queue, "other", on_count, NULL, &refused));
    COUNT(1, queue_entry_pause(queue, "tick", "me", on_count, NULL, &refused));
    COUNT(0, queue_entry_pause(queue, "tick", "me", on_count, NULL, &refused));
    noted_ms("k:logikald.beat.paused", "tick", " me");
    COUNT(1, queue_entry_resume(queue, "tick", on_count, NULL, &refused));
    COUNT(0, queue_entry_resume(queue, "tick", on_count, NULL, &refused));
    queue_entry_note_run(queue, "tick", "me too");
    COUNT(0, queue_entry_resume(queue, "tick", on_count, NULL, &refused));
    at = noted_ms("k:logikald.beat.by_hand", "tick", " me too");
    assert_true(at >= began && at <= wall_ms());
}

TEST(test_queues_are_purged_and_dead_letters_retried)
{
    put("LPUSH", "k:sync", "x", NULL);
    put("LPUSH", "k:sync::5", "x", NULL);
    put("LPUSH", "k:sync::5", "y", NULL);
    put("LPUSH", "k:other", "x", NULL);
    COUNT(3, queue_purge(queue, "sync", on_count, NULL, &refused));
    assert_int_equal(rig_int(&rig, "EXISTS k:sync k:sync::5"), 0);
    assert_int_equal(rig_int(&rig, "LLEN k:other"), 1);
    put("LPUSH", "k:logikald.dead", "{\"id\": \"i\", \"queue\": \"sync\", \"message\": \"m\"}", NULL);
    put("LPUSH", "k:logikald.dead", "{\"id\": \"j\", \"queue\": \"sync\", \"message\": \"m\"}", NULL);
    put("LPUSH", "k:logikald.dead", "x", NULL);
    COUNT(1, queue_retry_dead(queue, "j", on_count, NULL, &refused));
    assert_int_equal(rig_int(&rig, "LLEN k:sync"), 1);
    COUNT(1, queue_retry_dead(queue, NULL, on_count, NULL, &refused));
    assert_int_equal(rig_int(&rig, "LLEN k:sync"), 2);
    COUNT(1, queue_purge_dead(queue, on_count, NULL, &refused));
    assert_int_equal(rig_int(&rig, "EXISTS k:logikald.dead"), 0);
}

/* What was said on a channel; NULL when something else was. */
static void expect_heard(const char *channel, const char *body, bool is_whole)
{
    redisReply *r = NULL;
    struct err err = {0};
    cJSON *envelope;
    assert_int_equal(redisGetReply(ear, (void **)&r), REDIS_OK);
    assert_string_equal(r->element[2]->str, channel);
    cJSON *json = message_unwrap(r->element[3]->str, r->element[3]->len, &envelope, &err);
    char *text = json ? cJSON_PrintUnformatted(json) : strdup(r->element[3]->str);
    if (is_whole)
        assert_string_equal(text, body);
    else if (!strstr(text, body))
        fail_msg("%s", text);
    free(text);
    cJSON_Delete(json);
    cJSON_Delete(envelope);
    freeReplyObject(r);
}

TEST(test_revoking_tells_monitors_and_workers)
{
    static const char *const ids[] = {"i", "j\""};
    put("ZADD", "k:logikald.scheduled", "1795506957222", "t1");
    put("HSET", "k:logikald.scheduled.messages", "t1", "k:sync\ni\n" FULL);
    put("HSET", "k:logikald.scheduled.ids", "i", "t1");
    COUNT(0, queue_revoke(queue, ids, 2, true, on_done, NULL, &refused));
    expect_heard("r:celery-task-meta-i", "\"task_id\": \"i\"}", false);
    expect_heard("k:/0.celeryev/task.revoked",
                 "\"type\":\"task-revoked\",\"terminated\":false,\"signum\":null,\"expired\":false,\"uuid\":\"i\"}",
                 false);
    expect_heard("k:/0.celery.pidbox",
                 "{\"method\":\"revoke\",\"arguments\":{\"task_id\":[\"i\",\"j\\\"\"],\"terminate\":true,\"signal\":"
                 "\"SIGTERM\"},\"destination\":null,"
                 "\"pattern\":null,\"matcher\":null}",
                 true);
    assert_int_equal(rig_int(&rig, "ZCARD k:logikald.revoked"), 2);
    assert_int_equal(rig_int(&rig, "ZCARD k:logikald.scheduled"), 0);
    assert_int_equal(rig_int(&rig, "LLEN k:logikald.ended"), 1);
    assert_true(rig_int(&rig, "PTTL r:celery-task-meta-i") > 6000000);
    COUNT(0, queue_revoke(queue, ids, 1, false, on_done, NULL, &refused));
    expect_heard("k:/0.celery.pidbox", "\"task_id\":[\"i\"],\"terminate\":false,", false);
}

TEST(test_sending)
{
    struct task_options o = {.queue = "other", .task_id = "given", .priority = 6};
    char id[UUID_TEXT_SIZE];
    COUNT(0, queue_send(queue, "t", NULL, NULL, &o, id, on_done, NULL, &refused));
    assert_string_equal(id, "given");
    assert_int_equal(rig_int(&rig, "LLEN k:other::5"), 1);
    o.priority = 4;
    COUNT(0, queue_send(queue, "t", NULL, NULL, &o, NULL, on_done, NULL, &refused));
    assert_int_equal(rig_int(&rig, "LLEN k:other"), 1);
    assert_int_equal(rig_int(&rig, "SISMEMBER k:_kombu.binding.other other::::other"), 1);
    rig_text(&rig, "DEL k:_kombu.binding.other");
    COUNT(0, queue_send(queue, "t", NULL, NULL, &o, NULL, on_done, NULL, &refused));
    assert_int_equal(rig_int(&rig, "EXISTS k:_kombu.binding.other"), 0); /* once a connection */
    COUNT(0, queue_send(queue, "t", NULL, NULL, NULL, id, on_done, NULL, &refused));
    assert_int_equal(strlen(id), 36);
    assert_int_equal(rig_int(&rig, "LLEN k:celery"), 1);
    assert_int_equal(rig_int(&rig, "SISMEMBER k:_kombu.binding.celery celery::::celery"), 1);
    put("SET", "k:wrong", "x", NULL);
    o.queue = "wrong";
    COUNT(-1, queue_send(queue, "t", NULL, NULL, &o, NULL, on_done, NULL, &refused));
    assert_non_null(strstr(answer.error, "WRONGTYPE"));
}

/* ---- what others have ---- */
static void on_foreign(void *arg, const char *problem)
{
    (void)arg;
    answer.is_over = true;
    snprintf(answer.error, sizeof answer.error, "%s", problem);
}

TEST(test_lists_and_bindings_of_others)
{
    static const char *const names[] = {"sync", "other"};
    static const struct {
        const char *command, *key, *value, *says; /* NULL: nothing is wrong */
    } rows[] = {
        {"LPUSH", "k:sync", "x", NULL},
        {"LPUSH", "k:sync::5", "x", NULL},
        {"LPUSH", "k:third::4", "x", NULL},
        {"LPUSH", "k:sync::0", "x", NULL},
        {"LPUSH", "k:other::1", "x", "1 tasks wait in the list k:other::1,"},
        {"LPUSH", "k:sync::9", "x", "1 tasks wait in the list k:sync::9,"},
        {"LPUSH", "k:sync:3", "x", "1 tasks wait in the list k:sync:3,"},
        {"LPUSH",
         "k:sync\x06\x16"
         "6",
         "x", "1 tasks wait in the list k:sync\\x06\\x166,"},
        {"SADD", "k:_kombu.binding.other", "other\x06\x16\x06\x16other",
         "there are bindings in k:_kombu.binding.other that are written with another separator"},
        {"SADD", "k:_kombu.binding.other", "other::::other", NULL},
    };
    struct queue_keys keys;
    queue_keys_init(&keys, conf, redis_where(redis));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_text(&rig, "FLUSHALL");
        put(rows[i].command, rows[i].key, rows[i].value, NULL);
        begin();
        assert_int_equal(queue_foreign_ask(redis, &keys, names, 2, on_foreign, NULL), 0);
        wait_for_answer();
        if (rows[i].says ? !strstr(answer.error, rows[i].says) : answer.error[0] != '\0')
            fail_msg("%s: %s", rows[i].key, answer.error);
    }
}

/* ---- counts ---- */
static void on_counts(void *arg, const struct task_count_list *list, const struct err *err)
{
    (void)arg;
    answer.is_over = true;
    if (list) answer.counts = *list;
    if (err) snprintf(answer.error, sizeof answer.error, "%s", err->text);
}

static void read_counts(struct task_counts *c)
{
    begin();
    assert_int_equal(task_counts_read(c, redis, on_counts, NULL), 0);
    wait_for_answer();
}

TEST(test_what_became_of_tasks_is_counted)
{
    struct task_counts *c = task_counts_new(conf), *d = task_counts_new(conf);
    static const int64_t runs[] = {0, 1000, 1001, 5000, 7200000000, 7200000001};
    for (int i = 0; i < 6; i++) task_counts_add(c, "t", TASK_SUCCESS, runs[i]);
    task_counts_add(c, "t", TASK_FAILURE, -1);
    task_counts_add(c, "t", TASK_RETRY, -1);
    task_counts_add(c, NULL, TASK_DEAD, -1);
    task_counts_tell(c, redis);
    task_counts_add(d, "t", TASK_REVOKED, 5);
    task_counts_tell(d, redis);
    for (int again = 0; again < 3; again++) {
        read_counts(c);
        assert_int_equal(answer.counts.count, 2);
        bool is_first = strcmp(answer.counts.of[0].task, "t") == 0;
        const struct task_count *t = &answer.counts.of[is_first ? 0 : 1], *other = &answer.counts.of[is_first ? 1 : 0];
        assert_string_equal(other->task, "other");
        assert_int_equal(other->ends[TASK_DEAD], 1);
        assert_true(t->ends[TASK_SUCCESS] == 6 && t->ends[TASK_FAILURE] == 1 && t->ends[TASK_RETRY] == 1 &&
                    t->ends[TASK_REVOKED] == 1 && t->ends[TASK_DEAD] == 0);
        assert_true(t->runs[0] == 3 && t->runs[1] == 2 && t->runs[11] == 1 && t->runs[12] == 1 && t->runs[2] == 0);
        assert_int_equal(t->run_us, 1000 + 1001 + 5000 + 7200000000 + 7200000001 + 5);
        if (again == 1) task_counts_doubt(c); /* it is told again, and counts once */
        task_counts_tell(c, redis);
    }
    assert_int_equal(rig_int(&rig, "HGET k:logikald.counts n.success.t"), -1);
    redisReply *r =
        redisCommand(rig.redis, "HMGET k:logikald.counts %s %s %s %s", "n success t", "t 1000 t", "t inf t", "s t");
    assert_string_equal(r->element[0]->str, "6");
    assert_string_equal(r->element[1]->str, "3");
    assert_string_equal(r->element[2]->str, "1");
    assert_string_equal(r->element[3]->str, "14400007007");
    freeReplyObject(r);
    put("HSET", "k:logikald.counts", "t 20000 u", "4"); /* of another version: the next greater bound */
    put("HSET", "k:logikald.counts", "n what u", "4");
    put("HSET", "k:logikald.counts", "n dead u", "-4");
    put("HSET", "k:logikald.counts", "nonsense", "4");
    read_counts(c);
    assert_int_equal(answer.counts.count, 3);
    for (int i = 0; i < 3; i++)
        if (strcmp(answer.counts.of[i].task, "u") == 0)
            assert_true(answer.counts.of[i].runs[2] == 4 && answer.counts.of[i].ends[TASK_DEAD] == 0);
    put("DEL", "k:logikald.counts", "x", NULL);
    put("SET", "k:logikald.counts", "x", NULL);
    read_counts(c);
    assert_non_null(strstr(answer.error, "WRONGTYPE"));
    task_counts_free(c);
    task_counts_free(d);
}

/* ---- losses that others noticed ---- */
static void hear_of_loss(int64_t at_ms, int64_t times, int64_t last_ms)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)at_ms);
    put("SET", "k:logikald.went_back", text, NULL);
    redis_went_back_ask(redis);
    COUNT(0, queue_resume(queue, "nobody", on_count, NULL, &refused)); /* its answer comes after that one's */
    assert_int_equal(redis_went_back(), times);
    assert_int_equal(redis_went_back_ms(), last_ms);
}

TEST(test_what_others_notice_at_once_counts_once)
{
    int64_t now = wall_ms() + 1000, before = redis_went_back();
    hear_of_loss(now - 5000000, before, now - 5000000); /* before we asked for the first time: told, not counted */
    hear_of_loss(now, before + 1, now);
    hear_of_loss(now, before + 1, now);
    hear_of_loss(now + 10000, before + 1, now + 10000); /* several connections notice the same */
    hear_of_loss(now + 20001, before + 2, now + 20001);
    hear_of_loss(now + 5, before + 2, now + 20001);
}

TEST(test_more_names_than_there_is_room_for)
{
    static struct task_count_list list;
    char name[160];
    memset(&list, 0, sizeof list);
    for (int i = 0; i < TASK_COUNT_NAMES - 1; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_string_equal(task_count_of(&list, name)->task, name);
    }
    assert_string_equal(task_count_of(&list, "one more")->task, "other");
    assert_string_equal(task_count_of(&list, "t62")->task, "t62");
    assert_int_equal(list.count, TASK_COUNT_NAMES);
    memset(&list, 0, sizeof list);
    memset(name, 'x', sizeof name);
    name[127] = '\0';
    assert_string_equal(task_count_of(&list, name)->task, name);
    name[127] = 'x';
    name[128] = '\0';
    assert_string_equal(task_count_of(&list, name)->task, "other");
    assert_string_equal(task_count_of(&list, NULL)->task, "other");
    assert_int_equal(list.count, 2);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_what_waits_is_listed),
    ROW(test_what_is_in_hands_is_listed),
    ROW(test_what_waits_for_its_time_is_listed),
    ROW(test_what_is_dead_and_who_works_is_listed),
    ROW(test_counts_of_queues),
    ROW(test_marks),
    ROW(test_queues_and_entries_are_paused),
    ROW(test_queues_are_purged_and_dead_letters_retried),
    ROW(test_revoking_tells_monitors_and_workers),
    ROW(test_sending),
    ROW(test_lists_and_bindings_of_others),
    ROW(test_what_became_of_tasks_is_counted),
    ROW(test_what_others_notice_at_once_counts_once),
    cmocka_unit_test(test_more_names_than_there_is_room_for),
};
TEST_MAIN(tests, NULL, NULL)
