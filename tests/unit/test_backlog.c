/* A backlog that waits while nobody works is told; one that is worked off, held by running tasks or paused is not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "services/web/watch/health/backlog.h"
#include "tests/support/test.h"

TEST(test_backlogs)
{
    static const struct {
        int64_t waiting[4], unacked[4]; /* every ten seconds */
        bool is_paused, is_stuck;
        int64_t workers[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0, 0, 0}, false, false, {0}},
        {{5, 5, 5, 5}, {0, 0, 0, 0}, false, true, {0}},
        {{1, 9, 20000, 40000}, {0, 0, 0, 0}, false, true, {0}},
        {{1, 1, 1, 1}, {0, 0, 0, 0}, false, true, {0}},
        {{5, 5, 5, 5}, {0, 0, 0, 0}, true, false, {0}},  /* somebody wants it so */
        {{5, 5, 5, 5}, {2, 2, 2, 2}, false, false, {0}}, /* long tasks */
        {{5, 5, 5, 5}, {2, 2, 2, 2}, false, false, {1, 1, 1, 1}},
        {{5, 5, 5, 5}, {2, 2, 2, 2}, false, true, {1, 1, 0, 0}}, /* the worker that holds them has lost its lease */
        {{0, 0, 0, 0}, {2, 2, 2, 2}, false, true, {1, 1, 0, 0}},
        {{90, 80, 70, 60}, {0, 0, 0, 0}, false, false, {0}}, /* quick ones, never seen in work */
        {{5, 5, 5, 4}, {0, 0, 0, 0}, false, false, {0}},
        {{0, 0, 0, 7}, {0, 0, 0, 0}, false, false, {0}}, /* not for long yet */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct backlog b = {0};
        int64_t now_ms = 1000;
        for (int at = 0; at < 4; at++, now_ms += 10000) {
            static struct queue_stats stats;
            stats = (struct queue_stats){.count = 1, .unacked = rows[i].unacked[at], .workers = rows[i].workers[at]};
            stats.queues[0].depth = rows[i].waiting[at];
            stats.queues[0].is_paused = rows[i].is_paused;
            snprintf(stats.queues[0].name, sizeof stats.queues[0].name, "sync");
            backlog_look(&b, &stats, now_ms);
        }
        if (backlog_is_stuck(&b, now_ms - 10000) != rows[i].is_stuck) fail_msg("row %zu", i);
        if (rows[i].is_stuck && rows[i].waiting[0]) assert_string_equal(b.queue, "sync");
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_backlogs)};
TEST_MAIN(tests, NULL, NULL)
