/* The client's jobs that wait, its logouts and pauses, and the end of a run, which ends all of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/sessions.h"
#include "tests/support/settings.h"

static struct sessions s;

#define expect(text) assert_string_equal(sessions_state(&s), text)
#define told(text)   assert_string_equal(sessions_told(&s), text)

/* Session 0 waits for a try again: it is made now. */
static void again(void)
{
    assert_int_equal(s.client->sessions[0].state, SESSION_WAITING);
    s.client->pause_until_ms = 0;
    session_step(&s.client->sessions[0]);
}

/* ---- the jobs that wait ---- */

static void expect_pending(const char *kinds)
{
    char text[20] = "";
    size_t n = 0;
    for (const struct logikal_job *job = s.client->pending; job; job = job->next) text[n++] = (char)('0' + job->kind);
    assert_string_equal(text, kinds);
    assert_int_equal(s.client->pending_count, n);
    assert_int_equal(logikal_pending(s.client), n + s.client->running_count);
}

TEST(test_jobs_are_kept_in_their_order)
{
    sessions_open(&s, "", SIDEWAYS_ALLOWED);
    sessions_job(&s, JOB_DIRECTORIES, "A", 0);
    sessions_job(&s, JOB_PROJECTS, "B", 0);
    sessions_job(&s, JOB_PHASES, "A p", 0);
    expect_pending("123");
    struct logikal_job *last = pending_take(s.client, &s.client->pending->next->next);
    assert_int_equal(last->kind, JOB_PHASES);
    assert_null(last->next);
    expect_pending("12");
    sessions_job(&s, JOB_ELEVATIONS, "B p f", 0);
    pending_add(s.client, last);
    expect_pending("1243");
    struct logikal_job *first = pending_take(s.client, &s.client->pending);
    expect_pending("243");
    pending_add(s.client, first);
    expect_pending("2431");
    struct place b = {0};
    sessions_place(&b, "B");
    pending_fail(s.client, &b, ERR_CONFLICT, "x");
    told("done PROJECTS B: 9; done ELEVATIONS B p f: 9; ");
    expect_pending("31");
    assert_int_equal(s.client->stats.failures, 2);
    logikal_drop_pending(s.client);
    told("done PHASES A p: 7; done DIRECTORIES A: 7; ");
    expect_pending("");
    assert_int_equal(s.client->stats.failures, 2); /* nothing has failed */
    sessions_job(&s, JOB_PROJECTS, "B", 0);
    expect_pending("2");
    place_clear(&b);
    sessions_close(&s);
}

/* ---- logging out ---- */

TEST(test_logouts_are_tried_a_few_times)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_REFUSED);
    sessions_job(&s, JOB_PROJECTS, "A", 0);
    sessions_until(&s, 0, "idle");
    sessions_job(&s, JOB_PROJECTS, "B", 0);
    dispatch(s.client);
    expect("0 DELETE /auth");
    told("begins 0; opened 0 t1; done PROJECTS A: 0; ");
    for (int i = 0; i < 3; i++) {
        int64_t before_ms = mono_ms();
        sessions_say(&s, 0, 500, "{}");
        expect("0 waits");
        assert_in_range(s.client->sessions[0].wait_until_ms, before_ms + (50 << i), mono_ms() + (100 << i));
        again();
        expect("0 DELETE /auth");
    }
    told("");
    sessions_say(&s, 0, 500, "{}"); /* it is left as it is, noted, and the next one begins */
    expect("0 POST /auth for B");
    told("begins 0; ");
    assert_int_equal(s.client->stats.logouts, 0);
    sessions_close(&s);

    sessions_open(&s, "max_sessions = 2;", SIDEWAYS_REFUSED);
    sessions_job(&s, JOB_PROJECTS, "A", 0);
    sessions_until(&s, 0, "idle");
    sessions_told(&s);
    logikal_renew(s.client);
    assert_false(s.client->sessions[1].must_renew);
    sessions_job(&s, JOB_PROJECTS, "A", 0);
    dispatch(s.client);
    expect("0 DELETE /auth");
    sessions_say(&s, 0, 401, "{}"); /* nobody knows it any more: that is well */
    told("closed t1; ");
    assert_int_equal(s.client->stats.logouts, 1);
    assert_false(s.client->sessions[0].must_renew);
    expect("");
    dispatch(s.client);
    expect("0 POST /auth for A");
    sessions_close(&s);
}

/* A pause for all: nothing begins, and who has something to go on with waits for its end. */
TEST(test_a_pause_is_for_all)
{
    sessions_open(&s, "max_sessions = 2;", SIDEWAYS_REFUSED);
    sessions_job(&s, JOB_PROJECTS, "A", 0);
    sessions_until(&s, 0, "GET");
    sessions_job(&s, JOB_PROJECTS, "B", 0);
    s.client->pause_until_ms = mono_ms() + 600000;
    dispatch(s.client);
    expect("0 GET /projects");
    sessions_well(&s, 0);
    expect("0 idle A");
    s.client->pause_until_ms = 0;
    dispatch(s.client);
    expect("0 DELETE /auth");
    s.client->pause_until_ms = mono_ms() + 600000;
    sessions_well(&s, 0);
    expect("0 waits");
    assert_in_range(s.client->sessions[0].wait_until_ms, s.client->pause_until_ms - 5000, s.client->pause_until_ms);
    s.client->pause_until_ms = 0;
    session_step(&s.client->sessions[0]);
    expect("0 POST /auth for B");
    sessions_close(&s);
}

/* ---- the end of a run ---- */

TEST(test_a_run_ends_with_all_of_it)
{
    static const struct {
        const char *more, *told, *text;
        int tick_rc;
        bool is_cancelled;
        enum err_code code;
    } rows[] = {
        {"retry_budget_s = 3600;", "done PROJECTS A: 7; done PROJECTS B: 7; ", "the sync was cancelled", 0, true,
         ERR_CANCELLED},
        {"retry_budget_s = 3600;", "done PROJECTS A: 12; done PROJECTS B: 12; ", "the tick says so", -ERR_DB, false,
         ERR_DB},
        {"retry_budget_s = 0;", "failed 0; done PROJECTS A: 13; done PROJECTS B: 13; ",
         "Logikal did not answer POST /auth: ", 0, false, ERR_UPSTREAM},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char more[100];
        struct err err = {0};
        snprintf(more, sizeof more, "max_sessions = 1; %s", rows[i].more);
        sessions_open(&s, more, SIDEWAYS_REFUSED);
        s.is_cancelled = rows[i].is_cancelled;
        s.tick_rc = rows[i].tick_rc;
        sessions_job(&s, JOB_PROJECTS, "A", 0);
        sessions_job(&s, JOB_PROJECTS, "B", 0);
        assert_false(logikal_is_over(s.client));
        assert_int_equal(logikal_run(s.client, &err), -(int)rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        if (strncmp(err.text, rows[i].text, strlen(rows[i].text)) != 0) fail_msg("%s", err.text);
        assert_true(logikal_is_over(s.client));
        assert_int_equal(logikal_pending(s.client), 0);
        const char *all = sessions_told(&s);
        if (strncmp(all, "begins 0; ", 10) != 0 || !strstr(all, rows[i].told)) fail_msg("row %zu: %s", i, all);
        sessions_close(&s);
    }
}

TEST(test_a_run_without_progress_is_stopped)
{
    struct err err = {0};
    sessions_open(&s, "max_sessions = 1; retry_budget_s = 3600;", SIDEWAYS_REFUSED);
    s.client->stall_ms = 1000;
    sessions_job(&s, JOB_PROJECTS, "A", 0);
    int64_t begun_ms = mono_ms();
    assert_int_equal(logikal_run(s.client, &err), -ERR_UPSTREAM);
    assert_true(mono_ms() - begun_ms >= 1000);
    assert_string_equal(err.text, "the sync was stopped: no progress for 1 s");
    assert_true(s.client->stats.retries > 0);
    sessions_close(&s);

    sessions_open(&s, "", SIDEWAYS_REFUSED); /* without anything to do it is over at once, and well */
    assert_int_equal(logikal_run(s.client, &err), 0);
    assert_false(logikal_is_over(s.client));
    sessions_close(&s);
}

/* What fails from outside is over at once; of what happens later the first word stays. */
TEST(test_a_run_that_is_failed_from_outside)
{
    struct err err = {0};
    sessions_open(&s, "max_sessions = 3;", SIDEWAYS_REFUSED);
    for (int i = 0; i < 4; i++) sessions_job(&s, JOB_PROJECTS, i == 0 ? "A" : i == 1 ? "B" : i == 2 ? "C" : "D", 0);
    dispatch(s.client);
    sessions_until(&s, 1, "GET");
    sessions_told(&s);
    expect("0 POST /auth for A; 1 GET /projects; 2 POST /auth for C");
    logikal_fail(s.client, ERR_DB, "the first");
    told("done PROJECTS A: 12; done PROJECTS B: 12; done PROJECTS C: 12; done PROJECTS D: 12; ");
    assert_int_equal(s.client->stats.failures, 4);
    assert_int_equal(s.client->sessions[0].state, SESSION_CALLING); /* its token is needed to log out */
    assert_int_equal(s.client->sessions[1].state, SESSION_IDLE);
    logikal_fail(s.client, ERR_REDIS, "the second");
    fail_run(s.client, ERR_REDIS, "the third");
    assert_true(logikal_is_over(s.client));
    assert_int_equal(logikal_run(s.client, &err), -ERR_DB);
    assert_string_equal(err.text, "the first");
    sessions_well(&s, 0); /* the login comes too late for its job, and is noted */
    told("opened 0 t2; ");
    expect("0 idle; 1 idle B; 2 POST /auth for ");
    sessions_job(&s, JOB_PROJECTS, "E", 0);
    dispatch(s.client);
    expect("0 idle; 1 idle B; 2 POST /auth for ");
    logikal_drop_pending(s.client);
    told("done PROJECTS E: 7; ");
    sessions_close(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_jobs_are_kept_in_their_order),
    cmocka_unit_test(test_logouts_are_tried_a_few_times),
    cmocka_unit_test(test_a_pause_is_for_all),
    cmocka_unit_test(test_a_run_ends_with_all_of_it),
    cmocka_unit_test(test_a_run_without_progress_is_stopped),
    cmocka_unit_test(test_a_run_that_is_failed_from_outside),
};
TEST_MAIN(tests, settings_start, settings_stop)
