/* Messages in a worker's hands: what is read of each, in which list it stands, and what is counted. */
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "services/tasks/task_table.h"
#include "services/worker/delivery.h"
#include "services/worker/worker.h"
#include "tests/support/support.h"

#define RAW                                                                                                            \
    "{\"body\": \"[[], {}, {}]\", \"content-type\": \"application/json\", \"headers\": {\"task\": "                    \
    "\"tasks.sync_tasks.health_check_task\", \"id\": \"i\"}, \"properties\": {}}"

static struct worker w;
static int changes;

static void on_change(struct worker *worker)
{
    (void)worker;
    changes++;
}

FIXTURE(set_up)
{
    struct err err = {0};
    struct conf_paths none = {0};
    setenv("TASK_MAX_DELIVERIES", "4", 1);
    memset(&w, 0, sizeof w);
    changes = 0;
    w.conf = conf_load(&none, &err);
    w.base = event_base_new();
    unsetenv("TASK_MAX_DELIVERIES");
    assert_non_null(w.conf);
    assert_int_equal(deliveries_open(&w, &err), 0);
    deliveries_on_change(&w, on_change);
    return 0;
}

FIXTURE(tear_down)
{
    deliveries_close(&w);
    event_base_free(w.base);
    conf_free(w.conf);
    return 0;
}

static struct delivery *take(const char *tag, const char *history, const char *raw)
{
    struct err err = {0};
    struct fetched f = {
        .tag = tag, .list = "list", .queue = "queue", .history = history, .raw = raw, .len = strlen(raw)};
    struct delivery *d = delivery_new(&w, &f, &err);
    assert_non_null(d);
    return d;
}

TEST(test_what_is_noted_of_a_message)
{
    static const struct {
        const char *history;
        int deliveries;
        bool is_known, is_suspect;
        const char *sha;
    } rows[] = {
        {"", 1, false, false, ""},
        {"0r:sha", 1, true, false, "sha"},
        {"1:sha", 2, false, false, "sha"},
        {"2w:sha", 3, false, false, "sha"},
        {"3w:sha", 4, false, true, "sha"},
        {"3rw:sha", 4, true, true, "sha"},
        {"3:sha", 4, false, false, "sha"},
        {"3r:sha", 4, true, false, "sha"},
        {"4w:sha", 5, false, true, "sha"},
        {"-5:sha", 1, false, false, "sha"},
        {"999999:sha", 1000000, false, false, "sha"},
        {"1000000:sha", 1, false, false, "sha"},
        {"2", 3, false, false, ""},
        {"x:rw", 1, false, false, "rw"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct delivery *d = take("t", rows[i].history, RAW);
        if (d->deliveries != rows[i].deliveries || d->is_known != rows[i].is_known ||
            d->is_suspect != rows[i].is_suspect)
            fail_msg("%s: %d %d %d", rows[i].history, d->deliveries, d->is_known, d->is_suspect);
        assert_string_equal(d->history, rows[i].sha);
        delivery_free(&w, d);
    }
}

TEST(test_a_fresh_one)
{
    struct err err = {0};
    struct delivery *d = take("e1.7", "", RAW), *odd = take("e1.8", "", "nonsense"), *other;
    assert_string_equal(d->tag, "e1.7");
    assert_string_equal(d->raw, RAW);
    assert_int_equal(d->raw_len, strlen(RAW));
    assert_string_equal(d->list, "list");
    assert_string_equal(d->queue, "queue");
    assert_ptr_equal(d->list, odd->list); /* kept once */
    assert_ptr_equal(d->def, task_find("tasks.sync_tasks.health_check_task", false));
    assert_ptr_equal(&task_table(NULL)[d->row], d->def);
    assert_true(d->state == DELIVERY_READY && d->outcome.end == TASK_ENDS && d->counts == COUNTS_NOT);
    assert_true(odd->row == -1 && !odd->def && !odd->m.id);
    assert_true(delivery_keeps_result(d) && delivery_keeps_failure(d));
    assert_false(delivery_keeps_result(odd) || delivery_keeps_failure(odd));
    assert_int_equal(deliveries_bytes(&w), strlen(RAW) + 8);
    struct fetched f = {.tag = "x", .list = "list", .queue = "queue", .history = "", .raw = "x", .len = 1};
    other = delivery_new(&w, &f, &err);
    assert_int_equal(err.code, ERR_INPUT);
    delivery_free(&w, other);
    delivery_free(&w, odd);
    assert_int_equal(deliveries_bytes(&w), strlen(RAW));
    d->m.ignores_result = true;
    assert_true(!delivery_keeps_result(d) && delivery_keeps_failure(d));
    d->m.ignores_result = false;
    d->def = task_find("tasks.diagnostics.ignored", true);
    assert_true(!delivery_keeps_result(d) && !delivery_keeps_failure(d));
}

static void count_it(struct worker *worker, struct delivery *d, void *arg)
{
    (void)worker, (void)d;
    ++*(int *)arg;
}

TEST(test_lists_and_counts)
{
    char tag[16];
    struct delivery *d[6];
    for (int i = 0; i < 6; i++) {
        snprintf(tag, sizeof tag, "t%d", i);
        d[i] = take(tag, "", RAW);
        d[i]->expected_us = 100 + i;
    }
    assert_int_equal(deliveries_count(&w, DELIVERY_READY), 6);
    assert_ptr_equal(TAILQ_FIRST(deliveries_in(&w, DELIVERY_READY)), d[0]); /* in the order in which they came */
    assert_ptr_equal(TAILQ_NEXT(d[0], link), d[1]);
    for (int i = 0; i < 4; i++) delivery_send(&w, d[i], i == 3 ? RUNNERS_MAX - 1 : 2);
    assert_int_equal(deliveries_count(&w, DELIVERY_SENT), 4);
    assert_int_equal(deliveries_sent_count(&w, 2), 3);
    assert_int_equal(deliveries_sent_us(&w, 2), 100 + 101 + 102);
    assert_int_equal(deliveries_sent_count(&w, RUNNERS_MAX - 1), 1);
    assert_int_equal(deliveries_sent_count(&w, 0), 0);
    assert_ptr_equal(TAILQ_FIRST(deliveries_sent(&w, 2)), d[0]);
    for (int i = 0; i < 6; i++) assert_ptr_equal(delivery_by_tag(&w, d[i]->tag), d[i]);
    assert_null(delivery_by_tag(&w, "t6"));
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    changes = 0;
    delivery_take_back(&w, d[1], "a test"); /* before those that are ready */
    assert_ptr_equal(TAILQ_FIRST(deliveries_in(&w, DELIVERY_READY)), d[1]);
    assert_int_equal(deliveries_sent_us(&w, 2), 100 + 102);
    assert_int_equal(changes, 0); /* by the loop */
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    assert_int_equal(changes, 1);
    delivery_set_state(&w, d[0], DELIVERY_OVER, "a test");
    delivery_set_state(&w, d[2], DELIVERY_RETURNING, "a test");
    assert_int_equal(deliveries_sent_count(&w, 2), 0);
    assert_int_equal(deliveries_sent_us(&w, 2), 0);
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    assert_int_equal(changes, 1); /* neither is ready */
    int all = 0;
    deliveries_each(&w, count_it, &all);
    assert_int_equal(all, 6);
    assert_false(deliveries_are_none(&w));
    for (int i = 0; i < 6; i++) delivery_free(&w, d[i]);
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    assert_int_equal(changes, 2); /* once for many */
    assert_true(deliveries_are_none(&w));
    assert_int_equal(deliveries_bytes(&w), 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_what_is_noted_of_a_message),
    ROW(test_a_fresh_one),
    ROW(test_lists_and_counts),
};
TEST_MAIN(tests, NULL, NULL)
