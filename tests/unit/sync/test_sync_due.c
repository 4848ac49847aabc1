/* Which object types are due, and in which order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/sync/due.h"
#include "tests/support/test.h"

static struct object_config config(const char *type, const char *depends_on, int priority)
{
    struct object_config c = {.interval_min = 30,
                              .stale_min = 60,
                              .priority = priority,
                              .batch_size = 100,
                              .max_retries = 3,
                              .retry_delay_min = 5,
                              .is_enabled = true,
                              .since_sync_s = -1,
                              .since_attempt_s = -1,
                              .retry_in_s = -1};
    snprintf(c.type, sizeof c.type, "%s", type);
    snprintf(c.depends_on, sizeof c.depends_on, "%s", depends_on);
    return c;
}

TEST(test_due_by_table)
{
    static const struct {
        int64_t since_sync_s, since_attempt_s, retry_in_s;
        int retry_count, stale_min;
        bool is_enabled, has_failed;
        enum due expected;
    } rows[] = {
        {-1, -1, -1, 0, 60, true, false, DUE_NEVER_SYNCED},
        {-1, -1, -1, 0, 60, false, false, DUE_DISABLED},
        {0, 0, -1, 0, 60, true, false, DUE_NOT},
        {1799, 1799, -1, 0, 60, true, false, DUE_NOT},
        {1800, 1800, -1, 0, 60, true, false, DUE_INTERVAL},
        {1800, 0, -1, 0, 60, true, false, DUE_INTERVAL}, /* an attempt that never ended */
        {700, 700, -1, 0, 10, true, false, DUE_STALE},   /* stale before its interval */
        {700, 700, -1, 0, 0, true, false, DUE_NOT},      /* no threshold */
        {4000, 100, 200, 1, 60, true, true, DUE_WAITS},  /* a retry is to come */
        {4000, 300, 0, 1, 60, true, true, DUE_RETRY},    /* it is time for it */
        {4000, 300, -1, 0, 60, true, true, DUE_WAITS},   /* retries are used up: interval from the attempt */
        {4000, 1800, -1, 0, 60, true, true, DUE_INTERVAL},
        {-1, 100, -1, 0, 60, true, true, DUE_WAITS},
        {4000, 300, 0, 0, 60, true, true, DUE_WAITS}, /* a time for a retry without one to come says nothing */
        {10, 10, 200, 0, 60, true, false, DUE_NOT},
        {4000, 4000, 1, 1, 60, true, true, DUE_WAITS}, /* the last second */
        {4000, 1800, -1, 1, 60, true, true, DUE_INTERVAL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct object_config c = config("project", "", 1);
        c.since_sync_s = rows[i].since_sync_s;
        c.since_attempt_s = rows[i].since_attempt_s;
        c.retry_in_s = rows[i].retry_in_s;
        c.retry_count = rows[i].retry_count;
        c.stale_min = rows[i].stale_min;
        c.is_enabled = rows[i].is_enabled;
        c.has_failed = rows[i].has_failed;
        if (due_of(&c) != rows[i].expected)
            fail_msg("row %zu: %s instead of %s", i, due_reason(due_of(&c)), due_reason(rows[i].expected));
    }
}

TEST(test_safety_net_looks_at_the_rows)
{
    static const struct {
        int64_t since_sync_s, oldest_s;
        int retry_count, stale_min;
        bool is_enabled;
        enum due by_interval, safety_net;
    } rows[] = {
        {100, 3599, 0, 60, true, DUE_NOT, DUE_NOT},
        {100, 3600, 0, 60, true, DUE_NOT, DUE_OLD_ROWS},
        {100, -1, 0, 60, true, DUE_NOT, DUE_NOT},
        {100, 9999, 0, 0, true, DUE_NOT, DUE_NOT}, /* no threshold */
        {100, 9999, 0, 60, false, DUE_DISABLED, DUE_DISABLED},
        {1800, 9999, 0, 60, true, DUE_INTERVAL, DUE_INTERVAL},
        {100, 9999, 1, 60, true, DUE_WAITS, DUE_WAITS}, /* a retry has its time */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct object_config c = config("elevation", "", 1);
        struct due_entry plan[OBJECT_TYPES_MAX];
        c.since_sync_s = c.since_attempt_s = rows[i].since_sync_s;
        c.oldest_s = rows[i].oldest_s;
        c.retry_count = rows[i].retry_count;
        if (c.retry_count) c.retry_in_s = 50;
        c.stale_min = rows[i].stale_min;
        c.is_enabled = rows[i].is_enabled;
        due_plan(&c, 1, DUE_BY_INTERVAL, plan);
        if (plan[0].due != rows[i].by_interval) fail_msg("row %zu by interval: %s", i, due_reason(plan[0].due));
        due_plan(&c, 1, DUE_SAFETY_NET, plan);
        if (plan[0].due != rows[i].safety_net) fail_msg("row %zu safety net: %s", i, due_reason(plan[0].due));
    }
}

static const char *order_of(const struct object_config *configs, int n, char *out, size_t size)
{
    struct due_entry plan[OBJECT_TYPES_MAX];
    int count = due_plan(configs, n, DUE_BY_INTERVAL, plan);
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        size_t len = strlen(out);
        snprintf(out + len, size - len, "%s%s%s", i ? " " : "", configs[plan[i].config].type,
                 plan[i].due == DUE_CYCLE     ? "!"
                 : plan[i].due == DUE_BLOCKED ? "-"
                                              : "");
    }
    return out;
}

TEST(test_order_is_dependencies_then_priority)
{
    char text[256];
    const struct object_config configs[] = {config("elevation", "phase", 1),   config("b", "", 5),
                                            config("phase", "project", 9),     config("a", "", 5),
                                            config("project", "directory", 3), config("directory", "", 4)};

    assert_string_equal(order_of(configs, 6, text, sizeof text), "directory project a b phase elevation");
}

TEST(test_cycles_are_refused_and_others_go_on)
{
    char text[256];
    const struct object_config two[] = {config("x", "y", 1), config("y", "x", 1), config("z", "", 9)};
    const struct object_config self[] = {config("x", "x", 1), config("z", "", 9)};
    const struct object_config list[] = {config("x", "a, y", 1), config("y", "z", 1), config("z", "x", 1),
                                         config("a", "", 1)};

    assert_string_equal(order_of(two, 3, text, sizeof text), "z x! y!");
    assert_string_equal(order_of(self, 2, text, sizeof text), "z x!");
    assert_string_equal(order_of(list, 4, text, sizeof text), "a x! y! z!");
}

TEST(test_unknown_dependency_is_none)
{
    char text[256];
    const struct object_config configs[] = {config("x", "nothing", 1)};

    assert_string_equal(order_of(configs, 1, text, sizeof text), "x");
}

TEST(test_blocked_by_what_was_never_synced)
{
    char text[256];
    struct object_config configs[] = {config("directory", "", 1), config("project", "directory", 2)};
    configs[0].is_enabled = false;

    assert_string_equal(order_of(configs, 2, text, sizeof text), "directory project-");
    configs[0].since_sync_s = 10;
    assert_string_equal(order_of(configs, 2, text, sizeof text), "directory project");
}

TEST(test_dependence_reaches_over_others)
{
    const struct object_config configs[] = {config("directory", "", 1), config("project", "directory", 2),
                                            config("phase", "project", 3), config("loop", "loop", 3)};

    assert_true(due_depends(configs, 4, "phase", "directory"));
    assert_true(due_depends(configs, 4, "phase", "project"));
    assert_false(due_depends(configs, 4, "directory", "phase"));
    assert_true(due_depends(configs, 4, "loop", "loop"));
    assert_false(due_depends(configs, 4, "none", "phase"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_due_by_table),
    cmocka_unit_test(test_safety_net_looks_at_the_rows),
    cmocka_unit_test(test_order_is_dependencies_then_priority),
    cmocka_unit_test(test_cycles_are_refused_and_others_go_on),
    cmocka_unit_test(test_unknown_dependency_is_none),
    cmocka_unit_test(test_blocked_by_what_was_never_synced),
    cmocka_unit_test(test_dependence_reaches_over_others),
};
TEST_MAIN(tests, NULL, NULL)
