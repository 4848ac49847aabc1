/* Rows of figures over time: what has grown is found, what has not is left alone. */
#include "tests/support/record.h"

#include <math.h>

#include "tests/support/support.h"

#define ROWS 300

/* A run of ROWS rows, 10 s each, of a figure that begins at `from` and has grown by `growth` an hour, with a little
 * noise. */
static struct record *run(enum bound bound, double from, double growth)
{
    static struct record r;
    record_free(&r);
    for (int i = 0; i < ROWS; i++) {
        record_put(&r, "figure", bound, from + growth * i * 10 / 3600 + i % 3 - 1);
        record_row(&r, i * 10);
    }
    return &r;
}

TEST(test_bounds)
{
    static const struct {
        enum bound bound;
        double from, growth; /* an hour; the medians of the thirds are 1 000 s apart */
        bool holds;
    } cases[] = {{FLAT_MEMORY, 5000, 0, true},
                 {FLAT_MEMORY, 5000, 3600, true},
                 {FLAT_MEMORY, 5000, 4000, false},
                 {FLAT_MEMORY, 50000, 8000, true},
                 {FLAT_MEMORY, 50000, 12000, false},
                 {FLAT_MEMORY, 5000, -9000, true},
                 {EQUAL, 20, 3, true},
                 {EQUAL, 20, 36, false},
                 {FLAT_COUNT, 600, 60, true},
                 {FLAT_COUNT, 600, 360, false},
                 {FLAT_TIME, 5, 10, true},
                 {FLAT_TIME, -20, 100, false},
                 {REST_EQUAL, 20, 36, false},
                 {REST_MEMORY, 5000, 3600, true},
                 {REST_MEMORY, 5000, 4000, false},
                 {ANY, 5, 1e9, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct record *r = run(cases[i].bound, cases[i].from, cases[i].growth);
        if (record_holds(r, &r->series[0]) != cases[i].holds)
            fail_msg("case %zu: %s", i, cases[i].holds ? "should hold" : "should not hold");
        double slope = record_slope_per_hour(r, &r->series[0]);
        assert_true(fabs(slope - cases[i].growth) <= 20 + fabs(cases[i].growth) / 100);
    }
}

/* What works ever more often holds more by its median, and nothing more when it rests. */
TEST(test_what_rests_in_between_is_judged_by_that)
{
    struct record r = {0};
    for (int i = 0; i < 60; i++) {
        bool works = i % 10 < i / 6;
        record_put(&r, "by median", EQUAL, works ? 48 : 4);
        record_put(&r, "at rest", REST_EQUAL, works ? 48 : 4);
        record_put(&r, "leaks", REST_EQUAL, (works ? 48 : 4) + i / 5);
        record_put(&r, "memory", REST_MEMORY, works ? 14000 : 9000);
        record_put(&r, "rests deeply, once", REST_MEMORY, i == 25 ? 3000 : 9000);
        record_row(&r, i);
    }
    assert_false(record_holds(&r, &r.series[0]));
    assert_true(record_holds(&r, &r.series[1]));
    assert_false(record_holds(&r, &r.series[2]));
    assert_true(record_holds(&r, &r.series[3]));
    assert_true(record_holds(&r, &r.series[4]));
    record_free(&r);
}

TEST(test_what_is_judged_must_be_there)
{
    struct record r = {0};
    for (int i = 0; i < 30; i++) {
        record_put(&r, "always", EQUAL, 7);
        if (i < 15) record_put(&r, "gone", EQUAL, 7);
        record_row(&r, i);
    }
    assert_true(record_holds(&r, &r.series[0]));
    assert_false(record_holds(&r, &r.series[1]));
    assert_true(isnan(record_median(&r, &r.series[1], 2)));
    assert_true(record_median(&r, &r.series[1], 0) == 7);
    record_free(&r);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounds),
                                          cmocka_unit_test(test_what_rests_in_between_is_judged_by_that),
                                          cmocka_unit_test(test_what_is_judged_must_be_there)};
TEST_MAIN(tests, NULL, NULL)
