/* A walk ends whatever is listed: cycles, directories in two places, depth. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/sync/tree/visited.h"
#include "tests/support/test.h"

#define S "\x1f"

TEST(test_cycles_by_table)
{
    static const struct {
        const char *chain;
        bool is_cycle;
    } rows[] = {
        {"A", false},
        {"A" S "A", true},
        {"A" S "B", false},
        {"A" S "B" S "A", true},
        {"A" S "AA", false},
        {"AA" S "A", false},
        {"A" S "B" S "B", true},
        {"A" S "B" S "C" S "B", true},
        {"A" S "A/B" S "A/B/A", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (visited_is_cycle(rows[i].chain) != rows[i].is_cycle) fail_msg("row %zu", i);
}

TEST(test_each_directory_once)
{
    struct visited v = {0};
    const char *other;

    assert_int_equal(visited_add(&v, "A", &other), VISIT_NEW);
    assert_int_equal(visited_add(&v, "A" S "B", &other), VISIT_NEW);
    assert_int_equal(visited_add(&v, "A" S "B", &other), VISIT_SAME);
    assert_int_equal(visited_add(&v, "C" S "B", &other), VISIT_ELSEWHERE);
    assert_string_equal(other, "A" S "B");
    for (int i = 0; i < 5000; i++) {
        char chain[40];
        snprintf(chain, sizeof chain, "A" S "d%d", i);
        assert_int_equal(visited_add(&v, chain, &other), VISIT_NEW);
    }
    assert_int_equal(visited_add(&v, "X" S "d4321", &other), VISIT_ELSEWHERE);
    visited_free(&v);
}

TEST(test_depth_ends)
{
    struct visited v = {0};
    char chain[2000] = "d0";
    const char *other;

    for (int i = 1; i < VISITED_DEPTH; i++) {
        assert_int_equal(visited_add(&v, chain, &other), VISIT_NEW);
        snprintf(chain + strlen(chain), sizeof chain - strlen(chain), S "d%d", i);
    }

    assert_int_equal(visited_add(&v, chain, &other), VISIT_DEEP);
    visited_free(&v);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cycles_by_table),
    cmocka_unit_test(test_each_directory_once),
    cmocka_unit_test(test_depth_ends),
};
TEST_MAIN(tests, NULL, NULL)
