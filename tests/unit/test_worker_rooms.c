/* The worker's pure rooms: the table of a delivery's transitions, and what an orphan of kombu's is. */
#include <stdio.h>
#include <string.h>

#include "ipc/redis/queue_keys.h"
#include "services/worker/delivery.h"
#include "services/worker/broker/orphan.h"
#include "tests/support/support.h"

TEST(test_a_delivery_goes_only_where_it_may)
{
    static const char *const rows[DELIVERY_STATES] = {
        /* to:               ready sent over ending returning */
        [DELIVERY_READY] = "_++_+",  [DELIVERY_SENT] = "+_+_+",      [DELIVERY_OVER] = "___+_",
        [DELIVERY_ENDING] = "__+__", [DELIVERY_RETURNING] = "_____",
    };
    for (int from = 0; from < DELIVERY_STATES; from++)
        for (int to = 0; to < DELIVERY_STATES; to++)
            if (delivery_state_allows((enum delivery_state)from, (enum delivery_state)to) != (rows[from][to] == '+'))
                fail_msg("from %d to %d", from, to);
}

TEST(test_orphans_in_all_forms)
{
    static const struct {
        const char *entry, *raw, *exchange, *routing_key;
        int priority;
    } rows[] = {
        {"[{\"a\": 1}, \"\", \"sync\"]", "{\"a\": 1}", "", "sync", 0},
        {"[{\"a\":[\"]}\\\"\"]},null,\"sync\"]", "{\"a\":[\"]}\\\"\"]}", "", "sync", 0},
        {" [ {} , \"tasks\" , \"a.b\" ] ", "{}", "tasks", "a.b", 0},
        {"[{\"properties\": {\"priority\": 6}}, \"\", \"s\\u0079nc\"]", "{\"properties\": {\"priority\": 6}}", "",
         "sync", 6},
        {"[{\"properties\": {\"priority\": 99}}, \"\", \"q\"]", "{\"properties\": {\"priority\": 99}}", "", "q", 9},
        {"[{\"properties\": {\"priority\": null}}, null, null]", "{\"properties\": {\"priority\": null}}", "", "", 0},
        {"", NULL, NULL, NULL, 0},
        {"[", NULL, NULL, NULL, 0},
        {"[{", NULL, NULL, NULL, 0},
        {"[{}", NULL, NULL, NULL, 0},
        {"[{}]", NULL, NULL, NULL, 0},
        {"[{}, \"\"]", NULL, NULL, NULL, 0},
        {"[{}, 1, \"q\"]", NULL, NULL, NULL, 0},
        {"[{}, \"\", {}]", NULL, NULL, NULL, 0},
        {"[\"text\", \"\", \"q\"]", NULL, NULL, NULL, 0},
        {"{}", NULL, NULL, NULL, 0},
        {"[{\"a\": \"}, \"\", \"q\"]", NULL, NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct orphan o;
        bool is_read = orphan_read(rows[i].entry, strlen(rows[i].entry), &o);
        if (is_read != (rows[i].raw != NULL)) fail_msg("%s", rows[i].entry);
        if (!is_read) continue;
        assert_int_equal(o.len, strlen(rows[i].raw));
        assert_memory_equal(o.raw, rows[i].raw, o.len);
        assert_string_equal(o.exchange, rows[i].exchange);
        assert_string_equal(o.routing_key, rows[i].routing_key);
        assert_int_equal(o.priority, rows[i].priority);
    }
}

TEST(test_bindings)
{
    static const struct {
        const char *bound, *key;
        bool is_bound;
    } rows[] = {
        {"sync", "sync", true},
        {"sync", "syn", false},
        {"", "", true},
        {"", "a", false},
        {"#", "a.b.c", true},
        {"#", "", true},
        {"a.#", "a", true},
        {"a.#", "a.b.c", true},
        {"a.#", "b.a", false},
        {"*.b", "a.b", true},
        {"*.b", "b", false},
        {"*.b", "a.c.b", false},
        {"#.b", "b", true},
        {"#.b", "a.c.b", true},
        {"#.b", "a.c", false},
        {"a.*.c", "a.b.c", true},
        {"a.*.c", "a.c", false},
        {"a.#.c", "a.c", true},
        {"a.#.c", "a.b.b.c", true},
        {"*", "a", true},
        {"*", "a.b", false},
        {"*", "", false},
        {"#.a.#.#", "c.b.a", true},
        {"#.#", "", true},
        {"*.#.#", "a", true},
        {"a.*", "a.", false},
        {"#.a.#.b", "a.c.b.c", false},
        {"#.a.#.b", "a.b.a.c.b", true},
        {"#a", "#a", true},
        {"#a", "b", false},
    };
    struct queue_keys keys = {.sep = QUEUE_SEP}, colon = {.sep = ":"};
    assert_string_equal(orphan_queue_of(&colon, "a.*::queue", "a.b"), "queue");
    assert_null(orphan_queue_of(&colon, "a" QUEUE_SEP QUEUE_SEP "queue", "a"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char member[200];
        snprintf(member, sizeof member, "%s" QUEUE_SEP "pattern" QUEUE_SEP "queue", rows[i].bound);
        const char *queue = orphan_queue_of(&keys, member, rows[i].key);
        if ((queue != NULL) != rows[i].is_bound) fail_msg("%s, %s", rows[i].bound, rows[i].key);
        if (queue) assert_string_equal(queue, "queue");
    }
    char many[200] = "",
         words[200] = ""; /* would take longer than anybody waits, if each '#' were tried with each word */
    for (int i = 0; i < 40; i++) {
        strncat(many, "#.a.", sizeof many - strlen(many) - 1);
        strncat(words, "a.a.", sizeof words - strlen(words) - 1);
    }
    strncat(many, "b" QUEUE_SEP QUEUE_SEP "queue", sizeof many - strlen(many) - 1);
    strncat(words, "a", sizeof words - strlen(words) - 1);
    assert_null(orphan_queue_of(&keys, many, words));
    words[strlen(words) - 1] = 'b';
    assert_string_equal(orphan_queue_of(&keys, many, words), "queue");
    assert_null(orphan_queue_of(&keys, "sync", "sync"));
    assert_null(orphan_queue_of(&keys, "sync" QUEUE_SEP QUEUE_SEP, "sync"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_delivery_goes_only_where_it_may),
    cmocka_unit_test(test_orphans_in_all_forms),
    cmocka_unit_test(test_bindings),
};
TEST_MAIN(tests, NULL, NULL)
