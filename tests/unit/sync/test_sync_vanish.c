/* What is believed of a loss, by table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "services/sync/tree/vanish_rule.h"
#include "tests/support/test.h"

#define D MISSING_DIRECTORIES
#define P MISSING_PROJECTS
#define H MISSING_PHASES
#define E MISSING_ELEVATIONS

static const struct vanish_bound usual = {.percent = 20, .rows = 10}, none = {.percent = 0, .rows = 0},
                                 all = {.percent = 100, .rows = 10}, rows = {.percent = 0, .rows = 50};

static const struct {
    const char *what;
    struct missing_counts counts;
    const struct vanish_bound *bound;
    enum vanish_verdict verdict;
} cases[] = {
    {"nothing", {.living = {[E] = 5}}, &usual, VANISH_BELIEVED},
    {"an empty database", {.living = {0}}, &none, VANISH_BELIEVED},
    {"ten of ten", {.living = {[E] = 10}, .gone = {[E] = 10}}, &usual, VANISH_BELIEVED},
    {"eleven of eleven", {.living = {[E] = 11}, .gone = {[E] = 11}}, &usual, VANISH_MASS},
    {"a fifth", {.living = {[E] = 100}, .gone = {[E] = 20}}, &usual, VANISH_BELIEVED},
    {"more than a fifth", {.living = {[E] = 100}, .gone = {[E] = 21}}, &usual, VANISH_MASS},
    {"one type is enough", {.living = {[P] = 90, [E] = 9000}, .gone = {[P] = 19, [E] = 3}}, &usual, VANISH_MASS},
    {"what lies below is enough", {.living = {[D] = 3, [E] = 300}, .gone = {[D] = 1, [E] = 100}}, &usual, VANISH_MASS},
    {"new rows do not hide it", {.living = {[E] = 150}, .gone = {[E] = 21}, .fresh = {[E] = 50}}, &usual, VANISH_MASS},
    {"none may go", {.living = {[H] = 100}, .gone = {[H] = 1}}, &none, VANISH_MASS},
    {"all may go", {.living = {[E] = 100}, .gone = {[E] = 100}}, &all, VANISH_BELIEVED},
    {"rows alone", {.living = {[E] = 100}, .gone = {[E] = 50}}, &rows, VANISH_BELIEVED},
    {"rows alone, one more", {.living = {[E] = 100}, .gone = {[E] = 51}}, &rows, VANISH_MASS},
    {"an empty root", {.living = {[D] = 1}, .gone = {[D] = 1}, .root_is_empty = true}, &all, VANISH_EMPTY},
    {"no root, nothing gone", {.living = {[D] = 1}, .root_is_empty = true}, &usual, VANISH_BELIEVED},
    {"another world", {.living = {[P] = 12}, .gone = {[P] = 6}, .fresh = {[P] = 6}}, &all, VANISH_EXCHANGED},
    {"other phases beside the default ones",
     {.living = {[H] = 18}, .gone = {[H] = 6}, .fresh = {[H] = 6}, .default_phases = 6},
     &usual,
     VANISH_EXCHANGED},
    {"half old, half new", {.living = {[P] = 9}, .gone = {[P] = 3}, .fresh = {[P] = 3}}, &all, VANISH_BELIEVED},
    {"one for one", {.living = {[P] = 2}, .gone = {[P] = 1}, .fresh = {[P] = 1}}, &usual, VANISH_BELIEVED},
    {"two for two", {.living = {[P] = 3}, .gone = {[P] = 2}, .fresh = {[P] = 2}}, &usual, VANISH_EXCHANGED},
    {"half gone, most new", {.living = {[P] = 13}, .gone = {[P] = 4}, .fresh = {[P] = 5}}, &all, VANISH_BELIEVED},
    {"most gone, half new", {.living = {[P] = 12}, .gone = {[P] = 5}, .fresh = {[P] = 4}}, &all, VANISH_BELIEVED},
    {"a mass that is an exchange",
     {.living = {[E] = 60}, .gone = {[E] = 30}, .fresh = {[E] = 30}},
     &usual,
     VANISH_EXCHANGED},
    {"an empty root that is an exchange",
     {.living = {[D] = 4}, .gone = {[D] = 2}, .fresh = {[D] = 2}, .root_is_empty = true},
     &usual,
     VANISH_EMPTY},
    {"the default phases count for phases alone",
     {.living = {[P] = 18}, .gone = {[P] = 6}, .fresh = {[P] = 6}, .default_phases = 6},
     &all,
     VANISH_BELIEVED},
    {"shares are cut, not rounded", {.living = {[E] = 99}, .gone = {[E] = 20}}, &usual, VANISH_MASS},
    {"many new, few gone", {.living = {[P] = 90}, .gone = {[P] = 2}, .fresh = {[P] = 80}}, &usual, VANISH_BELIEVED},
};

TEST(test_verdicts)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum vanish_verdict verdict = vanish_verdict(&cases[i].counts, cases[i].bound);
        if (verdict != cases[i].verdict) fail_msg("%s: %s", cases[i].what, vanish_word(verdict));
    }
}

TEST(test_words)
{
    assert_string_equal(vanish_word(VANISH_BELIEVED), "believed");
    assert_string_equal(vanish_word(VANISH_MASS), "mass");
    assert_string_equal(vanish_word(VANISH_EMPTY), "empty");
    assert_string_equal(vanish_word(VANISH_EXCHANGED), "exchanged");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_verdicts),
    cmocka_unit_test(test_words),
};
TEST_MAIN(tests, NULL, NULL)
