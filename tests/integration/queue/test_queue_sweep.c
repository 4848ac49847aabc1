/* Searching all that waits, is scheduled or dead, and changing what matches: more of it than one script call looks at.
 */
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "tests/support/rig.h"

#define MANY 700

static struct rig rig;
static struct event_base *base;
static struct redis *redis;
static struct queue *queue;

struct found {
    bool is_over, is_whole;
    int64_t count;
    cJSON *entries;
    char error[512];
};

static int open_with(const char *prefix)
{
    struct redis_url url;
    struct err err = {0};
    struct conf_paths none = {0};
    rig_open(&rig, NULL);
    setenv("REDIS_URL", rig.server.url, 1);
    setenv("REDIS_KEY_PREFIX", prefix, 1);
    struct conf *conf = conf_load(&none, &err);
    if (!conf) fail_msg("%s", err.text);
    base = event_base_new();
    assert_int_equal(redis_url_from_conf(conf, &url, &err), 0);
    redis = redis_new(base, &url, "test", &err);
    queue = queue_new(base, redis, conf, &err);
    conf_free(conf);
    redis_start(redis);
    int64_t end = support_deadline(10000);
    while (!redis_is_up(redis)) {
        if (support_late(end)) fail_msg("no connection");
        event_base_loop(base, EVLOOP_ONCE);
    }
    return 0;
}

FIXTURE(set_up)
{
    return open_with("");
}

FIXTURE(set_up_prefixed)
{
    return open_with("pre:");
}

FIXTURE(tear_down)
{
    queue_free(queue);
    redis_free(redis);
    event_base_free(base);
    unsetenv("REDIS_KEY_PREFIX");
    rig_close(&rig);
    return 0;
}

static void on_found(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    struct found *f = arg;
    f->is_over = true;
    f->is_whole = is_whole;
    f->count = count;
    f->entries = cJSON_Duplicate(entries, true);
    if (err) snprintf(f->error, sizeof f->error, "%s", err->text);
}

/* The caller deletes entries. */
static struct found sweep(struct queue_sweep what, enum queue_sweep_action action)
{
    struct found f = {0};
    struct err err = {0};
    if (queue_sweep(queue, &what, action, on_found, &f, &err) != 0) fail_msg("%s", err.text);
    int64_t end = support_deadline(20000);
    while (!f.is_over && !support_late(end)) event_base_loop(base, EVLOOP_ONCE);
    if (!f.is_over || f.error[0]) fail_msg("sweep: %s", f.error);
    return f;
}

static int64_t count_of(struct queue_sweep what, enum queue_sweep_action action)
{
    struct found f = sweep(what, action);
    assert_true(f.is_whole);
    cJSON_Delete(f.entries);
    return f.count;
}

static const char *member(const cJSON *entry, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, name));
    return text ? text : "";
}

/* Every second one is an echo, the others noops: item-0 is next in line. */
static void send_many(void)
{
    char id[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "item-%d", i);
        rig_send(&rig, "sync", i % 2 ? "noop" : "echo", id, "[]");
    }
}

/* Parts of groups, waiting and scheduled: they stay for a worker, which counts them in their chord, and are revoked. */
TEST(test_parts_of_groups_are_left_to_the_workers)
{
    cJSON *body = cJSON_Parse("{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"options\": "
                              "{\"task_id\": \"body\", \"queue\": \"elsewhere\"}}");
    rig_text(&rig, "SET celery-taskset-meta-the-group.s 3");
    for (int i = 0; i < 3; i++) {
        char id[32];
        snprintf(id, sizeof id, "part-%d", i);
        struct message_spec spec = {.task = "tasks.diagnostics.noop",
                                    .id = id,
                                    .queue = "sync",
                                    .group = "the-group",
                                    .chord = body,
                                    .eta_us = i == 2 ? wall_us() + 3600000000 : 0};
        rig_send_spec(&rig, &spec);
    }
    cJSON_Delete(body);
    rig_send(&rig, "sync", "noop", "alone", "[]");
    struct process worker;
    rig_text(&rig, "HSET logikald.paused sync 1");
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_WAITING}, SWEEP_CANCEL), 4);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 3);
    assert_true(rig_has_state(&rig, "alone", "REVOKED"));
    int64_t deadline = support_deadline(10000); /* the revoke is on its way */
    while (rig_int(&rig, "ZCARD logikald.revoked") < 3 && !support_late(deadline)) event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(rig_int(&rig, "ZCARD logikald.revoked"), 3);

    rig_text(&rig, "DEL logikald.paused");
    rig_role(&rig, &worker, "worker", "worker", NULL);
    WAIT_UNTIL(rig_has_state(&rig, "body", "FAILURE"), 30000);
    assert_true(rig_has_state(&rig, "part-0", "REVOKED") && rig_has_state(&rig, "part-2", "REVOKED"));
    assert_int_equal(rig_int(&rig, "LLEN elsewhere"), 0);
    process_stop(&worker);
    rig_check(&worker);
}

TEST(test_waiting_tasks_are_found_and_cancelled)
{
    send_many();
    struct found f = sweep((struct queue_sweep){.view = QUEUE_WAITING, .text = "ECHO", .wanted = 5}, SWEEP_LOOK);
    assert_int_equal(f.count, MANY / 2);
    assert_int_equal(cJSON_GetArraySize(f.entries), 5);
    assert_string_equal(member(cJSON_GetArrayItem(f.entries, 1), "id"), "item-2");
    assert_string_equal(member(cJSON_GetArrayItem(f.entries, 1), "queue"), "sync");
    cJSON_Delete(f.entries);
    f = sweep((struct queue_sweep){.view = QUEUE_WAITING, .most = 100}, SWEEP_LOOK);
    assert_false(f.is_whole);
    cJSON_Delete(f.entries);

    struct queue_sweep echoes = {.view = QUEUE_WAITING, .text = "diagnostics.echo"};
    assert_int_equal(count_of(echoes, SWEEP_CANCEL), MANY / 2);
    assert_int_equal(rig_int(&rig, "LLEN sync"), MANY / 2);
    assert_int_equal(count_of(echoes, SWEEP_LOOK), 0);
    assert_true(rig_has_state(&rig, "item-0", "REVOKED"));
    assert_true(rig_has_state(&rig, "item-698", "REVOKED"));
    assert_int_equal(rig_int(&rig, "EXISTS celery-task-meta-item-1"), 0);
    f = sweep((struct queue_sweep){.view = QUEUE_WAITING, .wanted = 1000}, SWEEP_LOOK);
    for (int i = 0; i < MANY / 2; i++) {
        char id[32];
        snprintf(id, sizeof id, "item-%d", 2 * i + 1);
        assert_string_equal(member(cJSON_GetArrayItem(f.entries, i), "id"), id);
    }
    cJSON_Delete(f.entries);
}

/* What is changed is what was asked for, however long that is: 200 letters of any alphabet are a filter. */
TEST(test_a_filter_counts_whole)
{
    char id[256] = "", text[400];
    for (int i = 0; i < 85; i++) strcat(id, "€");
    rig_send(&rig, "sync", "noop", id, "[]");
    snprintf(text, sizeof text, "%s€€", id);
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_WAITING, .text = text}, SWEEP_CANCEL), 0);
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_WAITING, .text = id}, SWEEP_CANCEL), 1);
}

/* Large ones, of which each call looks at a few: none is passed over, and none taken for another. */
TEST(test_large_messages_are_found_and_cancelled)
{
    enum { LARGE = 7, BYTES = 5000000 };
    char *args = malloc(BYTES + 8), id[32];
    memset(args, 'x', BYTES);
    memcpy(args, "[\"", 2);
    strcpy(args + BYTES, "\"]");
    for (int i = 0; i < LARGE; i++) {
        snprintf(id, sizeof id, "large-%d", i);
        rig_send(&rig, "sync", i % 2 ? "noop" : "echo", id, args);
    }
    free(args);
    struct queue_sweep echoes = {.view = QUEUE_WAITING, .text = "echo", .wanted = 100};
    struct found f = sweep(echoes, SWEEP_LOOK);
    assert_int_equal(f.count, 4);
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "large-%d", 2 * i);
        assert_string_equal(member(cJSON_GetArrayItem(f.entries, i), "id"), id);
    }
    cJSON_Delete(f.entries);
    assert_int_equal(count_of(echoes, SWEEP_CANCEL), 4);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 3);
    assert_true(rig_has_state(&rig, "large-6", "REVOKED"));
    assert_int_equal(rig_int(&rig, "EXISTS celery-task-meta-large-5"), 0);
}

/* As a worker buries them; entries that are no JSON too. */
static void bury_many(const char *list)
{
    for (int i = 0; i < MANY; i++) {
        struct buf message = {0}, entry = {0};
        char id[32];
        snprintf(id, sizeof id, "item-%d", i);
        struct message_spec spec = {.task = i % 2 ? "tasks.even" : "tasks.odd", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&entry, "{\"reason\": \"it was Tuesday\", \"queue\": \"sync\", \"list\": \"%s\", \"id\": \"%s\", ",
                   list, id);
        buf_printf(&entry,
                   "\"task\": \"%s\", \"deliveries\": 1, \"at\": \"2026-01-01T00:00:00Z\", \"message\": ", spec.task);
        buf_json_string(&entry, message.data, message.len);
        buf_char(&entry, '}');
        redisReply *reply =
            redisCommand(rig.redis, "LPUSH %sdead %b", strcmp(list, "sync") == 0 ? "logikald." : "pre:logikald.",
                         entry.data, entry.len);
        freeReplyObject(reply);
        buf_free(&message);
        buf_free(&entry);
    }
}

TEST(test_dead_letters_are_found_retried_and_deleted)
{
    bury_many("sync");
    rig_int(&rig, "LPUSH logikald.dead nonsense");
    struct found f = sweep((struct queue_sweep){.view = QUEUE_DEAD, .wanted = 3}, SWEEP_LOOK);
    assert_int_equal(f.count, MANY + 1);
    assert_string_equal(member(f.entries->child, "reason"), "malformed dead letter");
    assert_string_equal(member(cJSON_GetArrayItem(f.entries, 1), "id"), "item-699");
    char letter[64];
    snprintf(letter, sizeof letter, "%s", member(f.entries->child, "letter"));
    cJSON_Delete(f.entries);

    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_DEAD, .letter = letter}, SWEEP_DELETE), 1);
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_DEAD, .letter = letter}, SWEEP_DELETE), 0);
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), MANY);

    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_DEAD, .text = "TASKS.ODD"}, SWEEP_RETRY), MANY / 2);
    assert_int_equal(rig_int(&rig, "LLEN sync"), MANY / 2);
    /* The oldest is next in line. */
    assert_non_null(strstr(rig_text(&rig, "LINDEX sync -1"), "\"item-0\""));
    assert_non_null(strstr(rig_text(&rig, "LINDEX sync 0"), "\"item-698\""));
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_DEAD, .text = "tuesday"}, SWEEP_DELETE), MANY / 2);
    assert_int_equal(rig_int(&rig, "EXISTS logikald.dead"), 0);
}

TEST(test_scheduled_tasks_are_found_and_cancelled)
{
    for (int i = 0; i < MANY; i++) {
        struct buf message = {0}, entry = {0};
        char id[32];
        snprintf(id, sizeof id, "item-%d", i);
        struct message_spec spec = {.task = i % 2 ? "tasks.even" : "tasks.odd", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&entry, "sync\n%s\n%s", id, message.data);
        freeReplyObject(
            redisCommand(rig.redis, "HSET logikald.scheduled.messages tag-%d %b", i, entry.data, entry.len));
        rig_int(&rig, "ZADD logikald.scheduled %lld tag-%d", (long long)wall_ms() + 3600000 + i, i);
        rig_int(&rig, "HSET logikald.scheduled.ids %s tag-%d", id, i);
        buf_free(&message);
        buf_free(&entry);
    }
    struct found f = sweep((struct queue_sweep){.view = QUEUE_SCHEDULED, .text = "item-1", .wanted = 2}, SWEEP_LOOK);
    assert_int_equal(f.count, 1 + 10 + 100); /* 1, 10 to 19, 100 to 199 */
    assert_string_equal(member(f.entries->child, "id"), "item-1");
    cJSON_Delete(f.entries);
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_SCHEDULED, .text = "item-1"}, SWEEP_CANCEL), 111);
    assert_int_equal(rig_int(&rig, "ZCARD logikald.scheduled"), MANY - 111);
    assert_int_equal(rig_int(&rig, "HLEN logikald.scheduled.messages"), MANY - 111);
    assert_int_equal(rig_int(&rig, "HLEN logikald.scheduled.ids"), MANY - 111);
    assert_true(rig_has_state(&rig, "item-199", "REVOKED"));
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_SCHEDULED}, SWEEP_CANCEL), MANY - 111);
}

static void on_count(void *arg, int64_t count, const struct err *err)
{
    struct found *f = arg;
    f->is_over = true;
    f->count = err ? -1 : count;
}

TEST(test_keys_with_a_prefix_get_it_once)
{
    struct found f = {0};
    struct err err = {0};
    bury_many("pre:sync");
    assert_int_equal(queue_retry_dead(queue, "item-7", on_count, &f, &err), 0);
    while (!f.is_over) event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(f.count, 1);
    assert_int_equal(rig_int(&rig, "LLEN pre:sync"), 1);
    assert_int_equal(count_of((struct queue_sweep){.view = QUEUE_DEAD}, SWEEP_RETRY), MANY - 1);
    assert_int_equal(rig_int(&rig, "LLEN pre:sync"), MANY);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_waiting_tasks_are_found_and_cancelled, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_parts_of_groups_are_left_to_the_workers, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_a_filter_counts_whole, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_large_messages_are_found_and_cancelled, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_dead_letters_are_found_retried_and_deleted, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_scheduled_tasks_are_found_and_cancelled, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_keys_with_a_prefix_get_it_once, set_up_prefixed, tear_down),
};
TEST_MAIN(tests, NULL, NULL)
