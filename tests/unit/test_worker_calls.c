/* What a worker calls the script that finishes deliveries with: its keys and words, one by one. */
#include <stdlib.h>
#include <string.h>

#include "services/worker/settle/finish_call.h"
#include "tests/support/support.h"

TEST(test_words_of_an_outcome)
{
    struct worker w = {0};
    struct script_call c = {0};
    struct push pushes[] = {{"l1", (char *)(uintptr_t) "m1", 2}, {"l2", (char *)(uintptr_t) "m2", 2}},
                sets[] = {{"k1", (char *)(uintptr_t) "v1", 2}}, rest[] = {{"c1", (char *)(uintptr_t) "r1", 2}};
    char *keys[] = {(char *)(uintptr_t) "p1", (char *)(uintptr_t) "p2"};
    struct delivery d = {.m = {.id = "i\nd"}, .tag = "e.1", .list = "list", .history = "sha"};
    d.outcome = (struct outcome){.json = (char *)(uintptr_t) "json",
                                 .dead = (char *)(uintptr_t) "dead",
                                 .pushes = pushes,
                                 .push_count = 2,
                                 .sets = sets,
                                 .set_count = 1,
                                 .rest = rest,
                                 .rest_count = 1,
                                 .parts = (char *)(uintptr_t) "parts",
                                 .part_keys = keys,
                                 .part_key_count = 2,
                                 .delay_ms = 7,
                                 .later_tag = "later",
                                 .later_raw = (char *)(uintptr_t) "raw",
                                 .later_is_same = true};
    finish_call_outcome(&w, &c, &d);
    static const char *const words[] = {"e.1", "pvrxadsck", "2",    "m1",  "m2",   "1", "v1", "7", "later", "-",
                                        "raw", "1",         "dead", "sha", "json", "1", "r1", "2", "parts"};
    static const char *const names[] = {"l1", "l2", "k1", "list", "celery-task-meta-i\nd", "celery-task-meta-c1",
                                        "p1", "p2"};
    assert_int_equal(c.words.count, 19);
    assert_int_equal(c.keys.count, 8);
    for (int i = 0; i < 19; i++) assert_string_equal(c.words.at[i], words[i]);
    for (int i = 0; i < 8; i++) assert_string_equal(c.keys.at[i], names[i]);
    assert_int_equal(finish_call_size(&d), 4 + 4 + 2 + 2 + 2 + 5);
    script_call_free(&c);
    d.outcome = (struct outcome){.json = NULL};
    d.history[0] = '\0';
    finish_call_outcome(&w, &c, &d);
    assert_int_equal(c.words.count, 2);
    assert_string_equal(c.words.at[1], "a");
    assert_int_equal(finish_call_size(&d), 0);
    script_call_free(&c);
    finish_call_state(&w, &c, &d, "1", "j");
    finish_call_state(&w, &c, &d, NULL, "j");
    finish_call_state(&w, &c, &d, "2", NULL);
    finish_call_send(&c, "t", true, "k", "v", 1);
    finish_call_send(&c, "t", false, "k", "v", 1);
    static const char *const states[] = {"e.1", "ms", "1", "j", "e.1", "s", "j", "e.1", "m",
                                         "2",   "t",  "v", "1", "v",   "t", "p", "1",   "v"};
    assert_int_equal(c.words.count, 18);
    for (int i = 0; i < 18; i++) assert_string_equal(c.words.at[i], states[i]);
    assert_int_equal(c.keys.count, 4); /* two results, two lists */
    assert_string_equal(c.keys.at[3], "k");
    script_call_free(&c);
}

TEST(test_how_a_call_begins)
{
    struct worker w = {.id = "me", .epoch = "e1"};
    struct err err = {0};
    struct conf_paths none = {0};
    setenv("RESULT_EXPIRES", "77", 1);
    w.conf = conf_load(&none, &err);
    unsetenv("RESULT_EXPIRES");
    assert_non_null(w.conf);
    static const char *const keys[] = {"unacked",
                                       "unacked_index",
                                       "logikald.held.me",
                                       "logikald.history",
                                       "logikald.dead",
                                       "logikald.scheduled",
                                       "logikald.scheduled.messages",
                                       "logikald.scheduled.ids",
                                       "logikald.registered",
                                       "logikald.done.me"};
    for (int slot = -1; slot < 2; slot++) {
        struct script_call c = {0};
        const char *const words[] = {"me", "e1", slot < 0 ? "" : slot == 0 ? "0" : "1", "batch", "77", "10000", "lt"};
        finish_call_begin(&w, &c, slot, "batch", "lt");
        assert_int_equal(c.keys.count, 10);
        assert_int_equal(c.words.count, 7);
        for (int i = 0; i < 10; i++) assert_string_equal(c.keys.at[i], keys[i]);
        for (int i = 0; i < 7; i++) assert_string_equal(c.words.at[i], words[i]);
        script_call_free(&c);
    }
    conf_free(w.conf);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_words_of_an_outcome),
    cmocka_unit_test(test_how_a_call_begins),
};
TEST_MAIN(tests, NULL, NULL)
