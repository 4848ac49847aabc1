/* What the queue's client reads out of a Redis that was filled by hand, whole answers at a time. */
#include "conf/clock.h"
#include "ipc/queue/queue_foreign.h"
#include "tests/support/asked.h"

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
    asked_begin();
    assert_int_equal(queue_list(asked.queue, view, name, offset, limit, asked_on_list, NULL, &err), 0);
    asked_wait();
    assert_string_equal(asked.answer.error, "");
    put_ages(&text, asked.answer.json, test_began_ms);
    assert_string_equal(text.data, wanted);
    buf_free(&text);
}

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
    asked_put("LPUSH", "k:sync", ASKED_FULL, NULL);
    asked_put("LPUSH", "k:sync", "x", NULL);
    asked_put("LPUSH", "k:sync::5", "{}", NULL);
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"sync\"," FULL_SHOWN "%zu},{\"queue\":\"sync\"," BROKEN_SHOWN
             "1},{\"queue\":\"sync\"," BROKEN_SHOWN "2}]",
             strlen(ASKED_FULL));
    expect_list(QUEUE_WAITING, "sync", 0, 10, wanted);
    expect_list(QUEUE_WAITING, "sync", -5, 1001, wanted);
    expect_list(QUEUE_WAITING, "sync", 1, 1, "[{\"queue\":\"sync\"," BROKEN_SHOWN "1}]");
    expect_list(QUEUE_WAITING, "other", 0, 10, "[]");
}

/* As they were sent, and as JSON that all can read. */
TEST(test_numbers_of_arguments_are_those_that_were_sent)
{
    static const struct {
        const char *sent, *shown;
    } rows[] = {
        {"1152921504606846977", "1152921504606846977"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1.0", "1.0"},
        {"1e400", "1e400"},
        {"NaN", "null"},
        {"[-Infinity, Infinity]", "[null,null]"},
        {"\\\"a\\\\u0000b\\\"", "\"a\\u0000b\""},
        {"\\\"NaN\\\"", "\"NaN\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char message[600], wanted[200];
        snprintf(message, sizeof message,
                 ASKED_MESSAGE("\"task\": \"t\", \"id\": \"i\"", "[[%s], {\\\"k\\\": [%s]}, {}]"), rows[i].sent,
                 rows[i].sent);
        asked_put("LPUSH", "k:sync", message, NULL);
        asked_begin();
        assert_int_equal(queue_list(asked.queue, QUEUE_WAITING, "sync", 0, 1, asked_on_list, NULL, NULL), 0);
        asked_wait();
        snprintf(wanted, sizeof wanted, "\"args\":[%s],\"kwargs\":{\"k\":[%s]}", rows[i].shown, rows[i].shown);
        if (!asked.answer.json || !strstr(asked.answer.json, wanted))
            fail_msg("%s: %s", rows[i].sent, asked.answer.json ? asked.answer.json : "");
        freeReplyObject(redisCommand(asked.rig.redis, "FLUSHALL"));
    }
}

TEST(test_what_is_in_hands_is_listed)
{
    char began[24], about[120], wanted[3000];
    test_began_ms = wall_ms();
    snprintf(began, sizeof began, "%lld", (long long)test_began_ms - 700000);
    snprintf(about, sizeof about, "{\"began\": {\"e1.1\": \"%s\", \"e1.3\": \"99999999999999\"}}", began);
    asked_put("HSET", "k:unacked", "e1.1", "[" ASKED_FULL ", \"\", \"sync\"]");
    asked_put("HSET", "k:unacked", "e1.2", "[x, \"ex\", \"a.b\"]");
    asked_put("HSET", "k:unacked", "e1.3", "[]");
    asked_put("HSET", "k:unacked", "e1.4", "[, \"\", \"\"]");
    asked_put("ZADD", "k:unacked_index", "1", "e1.1");
    asked_put("ZADD", "k:unacked_index", "2", "e1.2");
    asked_put("ZADD", "k:unacked_index", "3", "e1.3");
    asked_put("ZADD", "k:unacked_index", "4", "e1.4");
    asked_put("HSET", "k:logikald.registered", "w1", "e1 10 3");
    asked_put("HSET", "k:logikald.about", "w1", about);
    redisReply *sha = redisCommand(asked.rig.redis, "EVAL %s 0 %s", "return redis.sha1hex(ARGV[1])", ASKED_FULL);
    asked_put("HSET", "k:logikald.history", sha->str, "2w");
    freeReplyObject(sha);
    snprintf(
        wanted, sizeof wanted,
        "[{\"queue\":\"sync\"," FULL_SHOWN
        "%zu,\"tag\":\"e1.1\",\"worker\":\"w1\",\"deliveries\":3,\"running_ms\":700000},"
        "{\"queue\":\"a.b\"," BROKEN_SHOWN "1,\"tag\":\"e1.2\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":null},"
        "{\"queue\":\"\"," BROKEN_SHOWN "0,\"tag\":\"e1.3\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":0},"
        "{\"queue\":\"\"," BROKEN_SHOWN "0,\"tag\":\"e1.4\",\"worker\":\"w1\",\"deliveries\":1,\"running_ms\":null}]",
        strlen(ASKED_FULL));
    expect_list(QUEUE_UNACKED, NULL, 0, 10, wanted);
    asked_put("DEL", "k:logikald.registered", "k:logikald.about", NULL);
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"a.b\"," BROKEN_SHOWN
             "1,\"tag\":\"e1.2\",\"worker\":null,\"deliveries\":1,\"running_ms\":null}]");
    expect_list(QUEUE_UNACKED, NULL, 1, 1, wanted);
}

TEST(test_what_waits_for_its_time_is_listed)
{
    char wanted[1200];
    asked_put("ZADD", "k:logikald.scheduled", "1795506957222", "t1");
    asked_put("ZADD", "k:logikald.scheduled", "1795506957223", "t2");
    asked_put("HSET", "k:logikald.scheduled.messages", "t1", "k:sync::5\ni\n" ASKED_FULL);
    asked_put("HSET", "k:logikald.scheduled.messages", "t2", "k:sync");
    snprintf(wanted, sizeof wanted,
             "[{\"queue\":\"sync\"," FULL_SHOWN
             "%zu,\"tag\":\"t1\",\"due\":\"2026-11-24T07:55:57.222Z\"},{\"queue\":\"\"," BROKEN_SHOWN
             "0,\"tag\":\"t2\",\"due\":\"2026-11-24T07:55:57.223Z\"}]",
             strlen(ASKED_FULL));
    expect_list(QUEUE_SCHEDULED, NULL, 0, 10, wanted);
}

TEST(test_what_is_dead_and_who_works_is_listed)
{
    char seen[24];
    asked_put("RPUSH", "k:logikald.dead", "{\"id\": \"i\", \"letter\": \"forged\", \"message\": \"x\"}", NULL);
    asked_put("RPUSH", "k:logikald.dead", "[]", NULL);
    expect_list(
        QUEUE_DEAD, NULL, 0, 10,
        "[{\"id\":\"i\",\"message\":\"x\",\"args\":null,\"kwargs\":null,\"index\":0,\"letter\":"
        "\"949867993eb487b8bf838b7963e5acb42b8450ec\"},"
        "{\"reason\":\"malformed dead "
        "letter\",\"args\":null,\"kwargs\":null,\"index\":1,\"letter\":\"97d170e1550eee4afc0af065b78cda302a97674c\"}]");
    test_began_ms = wall_ms();
    snprintf(seen, sizeof seen, "%lld", (long long)test_began_ms / 1000 - 300);
    asked_put("ZADD", "k:logikald.workers", seen, "w1");
    asked_put("ZADD", "k:logikald.workers", "99999999999", "w2");
    asked_put("HSET", "k:logikald.about", "w1", "{\"id\": \"forged\", \"began\": {}, \"pid\": 7}");
    asked_put("HSET", "k:logikald.about", "w2", "[1]");
    expect_list(QUEUE_WORKERS, NULL, 0, 10,
                "[{\"id\":\"w2\",\"last_seen_ms\":0},{\"pid\":7,\"id\":\"w1\",\"last_seen_ms\":300000}]");
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    (void)arg, (void)err;
    asked.answer.is_over = true;
    if (stats) asked.answer.stats = *stats;
}

TEST(test_counts_of_queues)
{
    char text[80];
    struct err err = {0};
    int64_t began = wall_ms();
    snprintf(text, sizeof text, "{\"sent_at_ms\": %lld}", (long long)began - 500000);
    asked_put("LPUSH", "k:sync::5", text, NULL);
    asked_put("LPUSH", "k:sync::5", "{\"sent_at_ms\": 1}", NULL);
    asked_put("LPUSH", "k:other", "{\"sent_at_ms\": 99999999999999}", NULL);
    asked_put("HSET", "k:unacked", "t1", "x");
    asked_put("HSET", "k:unacked", "t2", "x");
    asked_put("ZADD", "k:logikald.scheduled", "1", "t1");
    asked_put("LPUSH", "k:logikald.dead", "x", NULL);
    asked_put("RPUSH", "k:logikald.dead", "y", NULL);
    asked_put("RPUSH", "k:logikald.dead", "z", NULL);
    asked_put("ZADD", "k:logikald.workers", "99999999999", "w1");
    asked_put("ZADD", "k:logikald.workers", "1", "w2");
    asked_put("HSET", "k:logikald.paused", "other", "1234 by hand");
    asked_put("HSET", "k:logikald.paused", "nobody's", "5 x");
    asked_begin();
    assert_int_equal(queue_stats(asked.queue, on_stats, NULL, &err), 0);
    asked_wait();
    const struct queue_stats *s = &asked.answer.stats;
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
    asked_put("DEL", "k:other", "k:logikald.paused", NULL);
    asked_begin();
    assert_int_equal(queue_stats(asked.queue, on_stats, NULL, &err), 0);
    asked_wait();
    assert_int_equal(asked.answer.stats.queues[1].oldest_age_ms, -1);
    assert_false(asked.answer.stats.queues[1].is_paused);
}

TEST(test_marks)
{
    struct err err = {0};
    asked_put("SET", "k:logikald.beat.lock", "b1 7", NULL);
    asked_put("HSET", "k:logikald.beat", "tick", "1795506957222");
    asked_put("HSET", "k:logikald.beat", "never", "05");
    asked_put("HSET", "k:logikald.beat.paused", "tick", "12 somebody else");
    asked_put("HSET", "k:logikald.beat.by_hand", "never", "13");
    asked_put("ZADD", "k:logikald.revoked", "1795506957", "i");
    asked_begin();
    assert_int_equal(queue_marks(asked.queue, "i", asked_on_list, NULL, &err), 0);
    asked_wait();
    assert_string_equal(asked.answer.json,
                        "{\"leader\":\"b1 7\",\"runs\":{\"tick\":1795506957222,\"never\":5},\"noted\":{\"never\":true},"
                        "\"paused\":{\"tick\":{\"since_ms\":12,\"by\":\"somebody "
                        "else\"}},\"by_hand\":{\"never\":{\"since_ms\":13,\"by\":\"\"}},"
                        "\"revoked_ms\":1795506957000}");
    asked_put("DEL", "k:logikald.beat.lock", "k:logikald.beat", NULL);
    asked_begin();
    assert_int_equal(queue_marks(asked.queue, NULL, asked_on_list, NULL, &err), 0);
    asked_wait();
    assert_string_equal(asked.answer.json,
                        "{\"runs\":{},\"noted\":{},\"paused\":{\"tick\":{\"since_ms\":12,\"by\":\"somebody else\"}},"
                        "\"by_hand\":{\"never\":{\"since_ms\":13,\"by\":\"\"}}}");
    asked_put("RPUSH", "k:logikald.beat.lock", "x", NULL);
    asked_begin();
    assert_int_equal(queue_marks(asked.queue, NULL, asked_on_list, NULL, &err), 0);
    asked_wait();
    assert_null(asked.answer.json);
    assert_non_null(strstr(asked.answer.error, "WRONGTYPE"));
}

/* ---- what others have ---- */
static void on_foreign(void *arg, const char *problem)
{
    (void)arg;
    asked.answer.is_over = true;
    snprintf(asked.answer.error, sizeof asked.answer.error, "%s", problem);
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
    queue_keys_init(&keys, asked.conf, redis_where(asked.redis));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rig_text(&asked.rig, "FLUSHALL");
        asked_put(rows[i].command, rows[i].key, rows[i].value, NULL);
        asked_begin();
        assert_int_equal(queue_foreign_ask(asked.redis, &keys, names, 2, on_foreign, NULL), 0);
        asked_wait();
        if (rows[i].says ? !strstr(asked.answer.error, rows[i].says) : asked.answer.error[0] != '\0')
            fail_msg("%s: %s", rows[i].key, asked.answer.error);
    }
}

static const struct CMUnitTest tests[] = {
    ASKED_ROW(test_what_waits_is_listed),
    ASKED_ROW(test_numbers_of_arguments_are_those_that_were_sent),
    ASKED_ROW(test_what_is_in_hands_is_listed),
    ASKED_ROW(test_what_waits_for_its_time_is_listed),
    ASKED_ROW(test_what_is_dead_and_who_works_is_listed),
    ASKED_ROW(test_counts_of_queues),
    ASKED_ROW(test_marks),
    ASKED_ROW(test_lists_and_bindings_of_others),
};
TEST_MAIN(tests, NULL, NULL)
