/* When scheduled tasks are due: crontab times and the decision about an entry, by tables. */
#include <string.h>

#include "conf/clock.h"
#include "services/schedule/schedule.h"
#include "tests/support/support.h"

static int64_t at(const char *iso)
{
    int64_t us = 0;
    if (clock_parse_iso(iso, &us) != 0) fail_msg("not a time: %s", iso);
    return us / 1000000;
}

TEST(test_crontab_next)
{
    static const struct {
        const char *crontab, *from, *next;
    } rows[] = {
        {"* * * * *", "2026-11-25T10:00:00", "2026-11-25T10:01:00"},
        {"* * * * *", "2026-11-25T10:00:59", "2026-11-25T10:01:00"},
        {"0 2 * * *", "2026-11-25T01:59:59", "2026-11-25T02:00:00"},
        {"0 2 * * *", "2026-11-25T02:00:00", "2026-11-26T02:00:00"},
        {"*/15 * * * *", "2026-11-25T10:01:00", "2026-11-25T10:15:00"},
        {"5,35 8-10 * * *", "2026-11-25T10:35:00", "2026-11-26T08:05:00"},
        {"0 0 1 jan *", "2026-11-25T00:00:00", "2027-01-01T00:00:00"},
        {"0 0 29 2 *", "2026-11-25T00:00:00", "2028-02-29T00:00:00"},
        {"0 12 * * mon-fri", "2026-11-27T12:00:00", "2026-11-30T12:00:00"},
        {"0 0 * * 7", "2026-11-25T00:00:00", "2026-11-29T00:00:00"},
        {"0 0 13 * fri", "2026-11-25T00:00:00", "2027-08-13T00:00:00"},
        {"10/20 * * * *", "2026-11-25T10:31:00", "2026-11-25T10:50:00"},
        {"0 22-4 * * *", "2026-11-25T04:00:00", "2026-11-25T22:00:00"}, /* ranges that go round, as Celery has them */
        {"0 22-4/3 * * *", "2026-11-25T22:00:00", "2026-11-26T01:00:00"},
        {"0 0 * * fri-mon", "2026-11-23T00:00:00", "2026-11-27T00:00:00"},
        {"0 0 * * fri-mon", "2026-11-29T00:00:00", "2026-11-30T00:00:00"},
        {"0 0 * * Saturday", "2026-11-25T00:00:00", "2026-11-28T00:00:00"},
        {"0 0 1 november-january *", "2026-11-25T00:00:00", "2026-12-01T00:00:00"},
        {"0 0 1 nov-jan *", "2027-01-01T00:00:00", "2027-11-01T00:00:00"},
        {"0 0 28-2 * *", "2026-11-25T00:00:00", "2026-11-28T00:00:00"},
        {"58-1 * * * *", "2026-11-25T10:59:30", "2026-11-25T11:00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct crontab c;
        struct err err = {0};
        if (crontab_parse(rows[i].crontab, &c, &err) != 0) fail_msg("%s", err.text);
        if (crontab_next(&c, at(rows[i].from)) != at(rows[i].next)) fail_msg("row %zu", i);
    }
    struct crontab never;
    assert_int_equal(crontab_parse("0 0 30 2 *", &never, NULL), 0);
    assert_int_equal(crontab_next(&never, at("2026-11-25T00:00:00")), -1);
}

TEST(test_bad_crontabs)
{
    static const char *const rows[] = {
        "",          "* * * *",        "* * * * * *", "60 * * * *",  "* 24 * * *",   "* * 0 * *",  "* * * 13 *",
        "* * * * 8", "0 * * * mond4y", "a * * * *",   "*/0 * * * *", "1,,2 * * * *", "-1 * * * *", "1- * * * *"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct crontab c;
        struct err err = {0};
        if (crontab_parse(rows[i], &c, &err) != -ERR_CONFIG) fail_msg("accepted: \"%s\"", rows[i]);
    }
}

TEST(test_judgement)
{
    const int64_t now = INT64_C(1795000000000);
    static const struct {
        int64_t every_ms, last_ago_ms; /* -1 = never ran */
        enum tick_due due;
        int64_t run_ago_ms; /* of the new last run */
    } rows[] = {
        {300000, -1, DUE_FIRE, 0},        /* never ran: at once */
        {300000, 299999, DUE_NOT, 0},     /* not yet */
        {300000, 300000, DUE_FIRE, 0},    /* on time */
        {300000, 300400, DUE_FIRE, 400},  /* a little late: the rhythm stays */
        {300000, 3000000, DUE_FIRE, 0},   /* ten missed: one, and anew from now */
        {300000, -86400000, DUE_FIRE, 0}, /* the clock went back a day: once */
        {300000, -1000, DUE_NOT, 0},      /* a second in the future is no jump */
        {0, -1, DUE_NOTE, 0},             /* a crontab that never ran waits for its time */
        {0, 60000, DUE_FIRE, 0},          /* every minute by crontab */
        {0, 86400000, DUE_FIRE, 0},       /* a day missed: one */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_entry e = {.every_ms = rows[i].every_ms};
        e.last_ms = rows[i].last_ago_ms == -1 ? 0 : now - rows[i].last_ago_ms;
        assert_int_equal(crontab_parse("* * * * *", &e.crontab, NULL), 0);
        struct tick_verdict v = schedule_judge(&e, now);
        if (v.due != rows[i].due) fail_msg("row %zu: %d", i, (int)v.due);
        if (v.due != DUE_NOT && v.run_ms != now - rows[i].run_ago_ms) fail_msg("row %zu: run", i);
        if (v.due == DUE_NOT) assert_true(v.next_ms > now && v.next_ms <= now + e.every_ms + 2000);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_crontab_next),
    cmocka_unit_test(test_bad_crontabs),
    cmocka_unit_test(test_judgement),
};
TEST_MAIN(tests, NULL, NULL)
