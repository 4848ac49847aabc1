/* What the queue's client writes into Redis and says to others, what became of tasks, and losses that others noticed.
 */
#include "conf/clock.h"
#include "ipc/queue/task_counts.h"
#include "tests/support/asked.h"

/* ---- changing ---- */
static int64_t noted_ms(const char *key, const char *field, const char *by)
{
    redisReply *r = redisCommand(asked.rig.redis, "HGET %s %s", key, field);
    char *rest;
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    int64_t ms = strtoll(r->str, &rest, 10);
    assert_string_equal(rest, by);
    freeReplyObject(r);
    return ms;
}

TEST(test_queues_and_entries_are_paused)
{
    int64_t began = wall_ms();
    struct err err = {0};
    ASKED_COUNT(1, queue_pause(asked.queue, "other", "who and why", asked_on_count, NULL, &asked.refused));
    int64_t at = noted_ms("k:logikald.paused", "other", " who and why");
    assert_true(at >= began && at <= wall_ms());
    ASKED_COUNT(0, queue_pause(asked.queue, "other", "again", asked_on_count, NULL, &asked.refused));
    noted_ms("k:logikald.paused", "other", " who and why");
    assert_int_equal(queue_pause(asked.queue, "nobody", "x", asked_on_count, NULL, &err), -ERR_NOT_FOUND);
    assert_string_equal(err.text, "no queue \"nobody\": there are sync, other");
    ASKED_COUNT(1, queue_resume(asked.queue, "other", asked_on_count, NULL, &asked.refused));
    ASKED_COUNT(0, queue_resume(asked.queue, "other", asked_on_count, NULL, &asked.refused));
    ASKED_COUNT(1, queue_entry_pause(asked.queue, "tick", "me", asked_on_count, NULL, &asked.refused));
    ASKED_COUNT(0, queue_entry_pause(asked.queue, "tick", "me", asked_on_count, NULL, &asked.refused));
    noted_ms("k:logikald.beat.paused", "tick", " me");
    ASKED_COUNT(1, queue_entry_resume(asked.queue, "tick", asked_on_count, NULL, &asked.refused));
    ASKED_COUNT(0, queue_entry_resume(asked.queue, "tick", asked_on_count, NULL, &asked.refused));
    queue_entry_note_run(asked.queue, "tick", "me too");
    ASKED_COUNT(0, queue_entry_resume(asked.queue, "tick", asked_on_count, NULL, &asked.refused));
    at = noted_ms("k:logikald.beat.by_hand", "tick", " me too");
    assert_true(at >= began && at <= wall_ms());
}

TEST(test_queues_are_purged_and_dead_letters_retried)
{
    asked_put("LPUSH", "k:sync", "x", NULL);
    asked_put("LPUSH", "k:sync::5", "x", NULL);
    asked_put("LPUSH", "k:sync::5", "y", NULL);
    asked_put("LPUSH", "k:other", "x", NULL);
    ASKED_COUNT(3, queue_purge(asked.queue, "sync", asked_on_count, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "EXISTS k:sync k:sync::5"), 0);
    assert_int_equal(rig_int(&asked.rig, "LLEN k:other"), 1);
    asked_put("LPUSH", "k:logikald.dead", "{\"id\": \"i\", \"queue\": \"sync\", \"message\": \"m\"}", NULL);
    asked_put("LPUSH", "k:logikald.dead", "{\"id\": \"j\", \"queue\": \"sync\", \"message\": \"m\"}", NULL);
    asked_put("LPUSH", "k:logikald.dead", "x", NULL);
    ASKED_COUNT(1, queue_retry_dead(asked.queue, "j", asked_on_count, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "LLEN k:sync"), 1);
    ASKED_COUNT(1, queue_retry_dead(asked.queue, NULL, asked_on_count, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "LLEN k:sync"), 2);
    ASKED_COUNT(1, queue_purge_dead(asked.queue, asked_on_count, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "EXISTS k:logikald.dead"), 0);
}

/* What was said on a channel; NULL when something else was. */
static void expect_heard(const char *channel, const char *body, bool is_whole)
{
    redisReply *r = NULL;
    struct err err = {0};
    cJSON *envelope;
    assert_int_equal(redisGetReply(asked.ear, (void **)&r), REDIS_OK);
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
    asked_put("ZADD", "k:logikald.scheduled", "1795506957222", "t1");
    asked_put("HSET", "k:logikald.scheduled.messages", "t1", "k:sync\ni\n" ASKED_FULL);
    asked_put("HSET", "k:logikald.scheduled.ids", "i", "t1");
    ASKED_COUNT(0, queue_revoke(asked.queue, ids, 2, true, asked_on_done, NULL, &asked.refused));
    expect_heard("r:celery-task-meta-i", "\"task_id\": \"i\"}", false);
    expect_heard("k:/0.celeryev/task.revoked",
                 "\"type\":\"task-revoked\",\"terminated\":false,\"signum\":null,\"expired\":false,\"uuid\":\"i\"}",
                 false);
    expect_heard("k:/0.celery.pidbox",
                 "{\"method\":\"revoke\",\"arguments\":{\"task_id\":[\"i\",\"j\\\"\"],\"terminate\":true,\"signal\":"
                 "\"SIGTERM\"},\"destination\":null,"
                 "\"pattern\":null,\"matcher\":null}",
                 true);
    assert_int_equal(rig_int(&asked.rig, "ZCARD k:logikald.revoked"), 2);
    assert_int_equal(rig_int(&asked.rig, "ZCARD k:logikald.scheduled"), 0);
    assert_int_equal(rig_int(&asked.rig, "LLEN k:logikald.ended"), 1);
    assert_true(rig_int(&asked.rig, "PTTL r:celery-task-meta-i") > 6000000);
    ASKED_COUNT(0, queue_revoke(asked.queue, ids, 1, false, asked_on_done, NULL, &asked.refused));
    expect_heard("k:/0.celery.pidbox", "\"task_id\":[\"i\"],\"terminate\":false,", false);
}

TEST(test_sending)
{
    struct task_options o = {.queue = "other", .task_id = "given", .priority = 6};
    char id[UUID_TEXT_SIZE];
    ASKED_COUNT(0, queue_send(asked.queue, "t", NULL, NULL, &o, id, asked_on_done, NULL, &asked.refused));
    assert_string_equal(id, "given");
    assert_int_equal(rig_int(&asked.rig, "LLEN k:other::5"), 1);
    o.priority = 4;
    ASKED_COUNT(0, queue_send(asked.queue, "t", NULL, NULL, &o, NULL, asked_on_done, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "LLEN k:other"), 1);
    assert_int_equal(rig_int(&asked.rig, "SISMEMBER k:_kombu.binding.other other::::other"), 1);
    rig_text(&asked.rig, "DEL k:_kombu.binding.other");
    ASKED_COUNT(0, queue_send(asked.queue, "t", NULL, NULL, &o, NULL, asked_on_done, NULL, &asked.refused));
    assert_int_equal(rig_int(&asked.rig, "EXISTS k:_kombu.binding.other"), 0); /* once a connection */
    ASKED_COUNT(0, queue_send(asked.queue, "t", NULL, NULL, NULL, id, asked_on_done, NULL, &asked.refused));
    assert_int_equal(strlen(id), 36);
    assert_int_equal(rig_int(&asked.rig, "LLEN k:celery"), 1);
    assert_int_equal(rig_int(&asked.rig, "SISMEMBER k:_kombu.binding.celery celery::::celery"), 1);
    asked_put("SET", "k:wrong", "x", NULL);
    o.queue = "wrong";
    ASKED_COUNT(-1, queue_send(asked.queue, "t", NULL, NULL, &o, NULL, asked_on_done, NULL, &asked.refused));
    assert_non_null(strstr(asked.answer.error, "WRONGTYPE"));
}

/* ---- counts ---- */
static void on_counts(void *arg, const struct task_count_list *list, const struct err *err)
{
    (void)arg;
    asked.answer.is_over = true;
    if (list) asked.answer.counts = *list;
    if (err) snprintf(asked.answer.error, sizeof asked.answer.error, "%s", err->text);
}

static void read_counts(struct task_counts *c)
{
    asked_begin();
    assert_int_equal(task_counts_read(c, asked.redis, on_counts, NULL), 0);
    asked_wait();
}

TEST(test_what_became_of_tasks_is_counted)
{
    struct task_counts *c = task_counts_new(asked.conf), *d = task_counts_new(asked.conf);
    static const int64_t runs[] = {0, 1000, 1001, 5000, 7200000000, 7200000001};
    for (int i = 0; i < 6; i++) task_counts_add(c, "t", TASK_SUCCESS, runs[i]);
    task_counts_add(c, "t", TASK_FAILURE, -1);
    task_counts_add(c, "t", TASK_RETRY, -1);
    task_counts_add(c, NULL, TASK_DEAD, -1);
    task_counts_tell(c, asked.redis);
    task_counts_add(d, "t", TASK_REVOKED, 5);
    task_counts_tell(d, asked.redis);
    for (int again = 0; again < 3; again++) {
        read_counts(c);
        assert_int_equal(asked.answer.counts.count, 2);
        bool is_first = strcmp(asked.answer.counts.of[0].task, "t") == 0;
        const struct task_count *t = &asked.answer.counts.of[is_first ? 0 : 1],
                                *other = &asked.answer.counts.of[is_first ? 1 : 0];
        assert_string_equal(other->task, "other");
        assert_int_equal(other->ends[TASK_DEAD], 1);
        assert_true(t->ends[TASK_SUCCESS] == 6 && t->ends[TASK_FAILURE] == 1 && t->ends[TASK_RETRY] == 1 &&
                    t->ends[TASK_REVOKED] == 1 && t->ends[TASK_DEAD] == 0);
        assert_true(t->runs[0] == 3 && t->runs[1] == 2 && t->runs[11] == 1 && t->runs[12] == 1 && t->runs[2] == 0);
        assert_int_equal(t->run_us, 1000 + 1001 + 5000 + 7200000000 + 7200000001 + 5);
        if (again == 1) task_counts_doubt(c); /* it is told again, and counts once */
        task_counts_tell(c, asked.redis);
    }
    assert_int_equal(rig_int(&asked.rig, "HGET k:logikald.counts n.success.t"), -1);
    redisReply *r = redisCommand(asked.rig.redis, "HMGET k:logikald.counts %s %s %s %s", "n success t", "t 1000 t",
                                 "t inf t", "s t");
    assert_string_equal(r->element[0]->str, "6");
    assert_string_equal(r->element[1]->str, "3");
    assert_string_equal(r->element[2]->str, "1");
    assert_string_equal(r->element[3]->str, "14400007007");
    freeReplyObject(r);
    asked_put("HSET", "k:logikald.counts", "t 20000 u", "4"); /* of another version: the next greater bound */
    asked_put("HSET", "k:logikald.counts", "n what u", "4");
    asked_put("HSET", "k:logikald.counts", "n dead u", "-4");
    asked_put("HSET", "k:logikald.counts", "nonsense", "4");
    read_counts(c);
    assert_int_equal(asked.answer.counts.count, 3);
    for (int i = 0; i < 3; i++)
        if (strcmp(asked.answer.counts.of[i].task, "u") == 0)
            assert_true(asked.answer.counts.of[i].runs[2] == 4 && asked.answer.counts.of[i].ends[TASK_DEAD] == 0);
    asked_put("DEL", "k:logikald.counts", "x", NULL);
    asked_put("SET", "k:logikald.counts", "x", NULL);
    read_counts(c);
    assert_non_null(strstr(asked.answer.error, "WRONGTYPE"));
    task_counts_free(c);
    task_counts_free(d);
}

/* ---- losses that others noticed ---- */
static void hear_of_loss(int64_t at_ms, int64_t times, int64_t last_ms)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)at_ms);
    asked_put("SET", "k:logikald.went_back", text, NULL);
    redis_went_back_ask(asked.redis);
    ASKED_COUNT(0, queue_resume(asked.queue, "nobody", asked_on_count, NULL,
                                &asked.refused)); /* its answer comes after that one's */
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

static const struct CMUnitTest tests[] = {
    ASKED_ROW(test_queues_and_entries_are_paused),
    ASKED_ROW(test_queues_are_purged_and_dead_letters_retried),
    ASKED_ROW(test_revoking_tells_monitors_and_workers),
    ASKED_ROW(test_sending),
    ASKED_ROW(test_what_became_of_tasks_is_counted),
    ASKED_ROW(test_what_others_notice_at_once_counts_once),
    cmocka_unit_test(test_more_names_than_there_is_room_for),
};
TEST_MAIN(tests, NULL, NULL)
