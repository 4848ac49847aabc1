/* The client from its settings on: what a job has cost is forgotten where it went well, what calls cost is learned, and
 * locks are left for later. */
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

TEST(test_what_the_settings_make)
{
    sessions_open(&s,
                  "max_sessions = 7; call_timeout_ms = 1234; retry_budget_s = 56; stall_timeout_s = 78; "
                  "max_answer_bytes = 99999;",
                  SIDEWAYS_UNKNOWN);
    const struct logikal *l = s.client;
    assert_string_equal(l->base_url, "http://127.0.0.1:1/api");
    assert_string_equal(l->login_json, "{\"username\":\"u\\\"1\",\"password\":\"w\\\\2\",\"erp\":true}");
    assert_int_equal(logikal_max_sessions(l), 7);
    assert_int_equal(l->session_limit, 7);
    assert_int_equal(l->call_timeout_ms, 1234);
    assert_int_equal(l->budget_ms, 56000);
    assert_int_equal(l->stall_ms, 78000);
    assert_int_equal(l->max_answer_bytes, 99999);
    for (int i = 0; i < 7; i++) assert_int_equal(session_slot(&l->sessions[i]), i);
    sessions_close(&s);
}

TEST(test_settings_that_are_missing)
{
    static const struct {
        const char *settings, *expected;
    } rows[] = {
        {"username = \"u\"; password = \"w\";", "LOGIKAL_API_BASE_URL is not set: there is nothing to sync from"},
        {"base_url = \"http://x\"; password = \"w\";",
         "LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD are not both set"},
        {"base_url = \"http://x\"; username = \"u\";",
         "LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD are not both set"},
    };
    const enum sideways unknown[LEVEL_COUNT] = {SIDEWAYS_UNKNOWN};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        struct err err = {0};
        snprintf(text, sizeof text, "logikal: { %s };\n", rows[i].settings);
        struct conf *conf = settings_load(text, &err);
        assert_non_null(conf);
        assert_null(logikal_new(conf, &(struct logikal_hooks){0}, unknown, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        assert_string_equal(err.text, rows[i].expected);
        conf_free(conf);
    }
}

/* ---- what a job has cost ---- */

TEST(test_trouble_is_over_where_it_was)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_UNKNOWN);
    struct logikal_effort *effort = &sessions_job(&s, JOB_PHASES, "A p", 0)->effort;
    int64_t begun_ms = mono_ms(), ms;
    sessions_until(&s, 0, "GET");
    assert_null(logikal_trouble(s.client, &ms));
    assert_int_equal(ms, 0);
    s.client->silent_in_row = 5;
    s.client->last_progress_ms = 0;
    for (int i = 0; i < 3; i++) {
        sessions_say(&s, 0, 500, "{}");
        assert_int_equal(effort->tries, i + 1);
        again();
    }
    assert_int_equal(effort->depth, 1000000);
    assert_in_range(effort->since_ms, begun_ms, mono_ms());
    effort->since_ms -= 5000;
    assert_string_equal(logikal_trouble(s.client, &ms), "Logikal answered 500 to GET /phases (project p)");
    assert_in_range(ms, 5000, 5000 + mono_ms() - begun_ms);
    assert_int_equal(s.client->silent_in_row, 5);
    assert_int_equal(s.client->last_progress_ms, 0);

    sessions_say(&s, 0, 404, "{}"); /* from anew: the way there is no success of this */
    again();
    expect("0 DELETE /auth");
    assert_int_equal(s.client->last_progress_ms, 0);
    sessions_well(&s, 0); /* nor is a logout */
    assert_int_equal(s.client->last_progress_ms, 0);
    assert_int_equal(s.client->silent_in_row, 5);
    sessions_until(&s, 0, "GET");
    assert_int_equal(effort->tries, 4);
    assert_int_equal(effort->backoff.attempt, 3);
    assert_true(effort->is_anew);
    assert_int_equal(s.client->silent_in_row, 0);
    assert_in_range(s.client->last_progress_ms, begun_ms, mono_ms());
    assert_non_null(logikal_trouble(s.client, &ms));
    told("begins 0; opened 0 t1; restart; restart; restart; restart; closed t1; begins 0; opened 0 t2; ");
    sessions_well(&s, 0);
    told("done PHASES A p: 0; ");
    sessions_close(&s);
}

TEST(test_trouble_further_down_begins_anew)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_UNKNOWN);
    struct logikal_effort *effort = &sessions_job(&s, JOB_PHASES, "A p", 0)->effort;
    sessions_until(&s, 0, "POST /dir");
    effort->is_second_round = true;
    sessions_say(&s, 0, 404, "{}");
    assert_int_equal(effort->depth, 1);
    again();
    sessions_until(&s, 0, "POST /dir");
    sessions_say(&s, 0, 500, "{}");
    assert_int_equal(effort->tries, 2);
    assert_true(effort->is_anew);
    again();
    sessions_well(&s, 0); /* it is over; what it has cost stays */
    assert_int_equal(effort->tries + effort->depth + (int)effort->since_ms + (int)effort->backoff.attempt, 0);
    assert_int_equal(effort->renewals, 1);
    assert_false(effort->is_anew);
    assert_true(effort->is_second_round);
    sessions_say(&s, 0, 500, "{}"); /* the project */
    assert_int_equal(effort->depth, 2);
    assert_int_equal(effort->tries, 1);
    again();
    sessions_well(&s, 0);
    sessions_say(&s, 0, 500, "{}"); /* the question */
    assert_int_equal(effort->depth, 1000000);
    assert_int_equal(effort->tries, 1);
    sessions_close(&s);
}

TEST(test_what_calls_cost_is_learned)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_UNKNOWN);
    struct logikal *l = s.client;
    sessions_job(&s, JOB_PHASES, "A", 0);
    assert_int_equal(l->login_cost_ms, 4500);
    assert_int_equal(l->cost_ms[JOB_PARTS], 2000);
    dispatch(l);
    const struct http_answer answer = {.status = 200, .retry_after_ms = -1, .took_ms = 500};
    sessions_answer(&s, 0, answer, "{\"data\":{\"token\":\"t\"}}");
    assert_int_equal(l->login_cost_ms, 3500);
    sessions_answer(&s, 0, answer, "{}");
    assert_int_equal(l->select_cost_ms[LEVEL_DIRECTORY], 200);
    sessions_answer(&s, 0, answer, "{\"data\":[]}");
    assert_int_equal(l->cost_ms[JOB_PHASES], 275);
    assert_int_equal(l->cost_ms[JOB_PROJECTS], 200);
    assert_int_equal(l->login_cost_ms, 3500);
    assert_int_equal(l->stats.calls, 3);
    assert_int_equal(l->stats.logins, 1);
    sessions_close(&s);
}

/* When an answer was made, says the server's clock; ours when it does not. */
static int64_t asked_at_s;
static bool was_nothing;

static void note_outcome(struct logikal_job *job, struct logikal_outcome *outcome)
{
    asked_at_s = outcome->asked_at_s;
    was_nothing = outcome->is_nothing;
    place_clear(&job->place);
    free(job);
}

TEST(test_when_an_answer_was_made)
{
    static const struct {
        enum job_kind kind;
        int64_t server_time_s;
        const char *body;
        bool is_nothing;
    } rows[] = {{JOB_PHASES, 1700000000, "{\"data\":[]}", false},
                {JOB_PARTS, 0, "{\"data\":null}", true},
                {JOB_PARTS, 1700000001, "{\"data\":\"QUJD\"}", false}};
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_UNKNOWN);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sessions_job(&s, rows[i].kind, rows[i].kind == JOB_PARTS ? "A p f e" : "A p", 0)->done = note_outcome;
        sessions_until(&s, 0, "GET");
        int64_t before_s = wall_ms() / 1000;
        sessions_answer(&s, 0, (struct http_answer){.status = 200, .server_time_s = rows[i].server_time_s},
                        rows[i].body);
        if (rows[i].server_time_s)
            assert_int_equal(asked_at_s, rows[i].server_time_s);
        else
            assert_in_range(asked_at_s, before_s, wall_ms() / 1000);
        assert_int_equal(was_nothing, rows[i].is_nothing);
    }
    sessions_close(&s);
}

/* ---- locks ---- */

/* A lock on a project: all that is inside it waits, the rest goes on; the next one that is met gives it all up. */
TEST(test_locks_are_left_for_later)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_ALLOWED);
    sessions_job(&s, JOB_ELEVATIONS, "A p f", 9);
    sessions_job(&s, JOB_PHASES, "A p", 0);
    sessions_job(&s, JOB_PHASES, "A q", 0);
    sessions_job(&s, JOB_PHASES, "A/B p", 0);
    sessions_until(&s, 0, "POST /projects");
    assert_string_equal(s.client->sessions[0].step.identifier, "p");
    for (int i = 0; i < 2; i++) { /* once more, and from anew */
        sessions_say(&s, 0, 409, "{}");
        again();
        sessions_until(&s, 0, "POST /projects");
    }
    sessions_say(&s, 0, 409, "{}");
    expect("0 idle A");
    assert_int_equal(logikal_pending(s.client), 4);
    int postponed = 0;
    for (const struct logikal_job *job = s.client->pending; job; job = job->next) {
        postponed += job->effort.is_postponed;
        assert_int_equal(job->effort.is_postponed,
                         strcmp(job->place.project, "p") == 0 && strchr(job->place.chain, CHAIN_SEPARATOR) == NULL);
        assert_int_equal(job->effort.is_second_round, job->effort.is_postponed);
        if (job->effort.is_postponed)
            assert_in_range(job->effort.not_before_ms, mono_ms() - 600000 + 1000, mono_ms() + 1000);
    }
    assert_int_equal(postponed, 2);
    sessions_told(&s);
    sessions_until(&s, 0, "idle");
    told("closed t2; begins 0; opened 0 t3; done PHASES A q: 0; "
         "closed t3; begins 0; opened 0 t4; done PHASES A/B p: 0; ");
    expect("0 idle A/B p"); /* it is not time yet */

    s.client->pending->effort.not_before_ms = 0; /* the first of them wakes all, as there is nothing else to do */
    s.client->running_count = 1;
    dispatch(s.client);
    expect("0 idle A/B p");
    s.client->running_count = 0;
    sessions_until(&s, 0, "POST /projects");
    sessions_told(&s);
    sessions_say(&s, 0, 409, "{}");
    told("done PHASES A p: 9; done ELEVATIONS A p f: 9; ");
    assert_int_equal(logikal_pending(s.client), 0);
    assert_int_equal(s.client->stats.failures, 2);
    assert_true(s.client->sessions[0].must_renew);
    sessions_close(&s);
}

/* One that is locked for a question speaks for itself alone. */
TEST(test_a_locked_question_is_left_for_later)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_ALLOWED);
    sessions_job(&s, JOB_ELEVATIONS, "A p f", 0);
    sessions_job(&s, JOB_PHASES, "A p", 1)->effort.is_anew = true;
    sessions_until(&s, 0, "GET");
    s.client->sessions[0].job->effort.is_anew = true;
    s.client->sessions[0].job->effort.since_ms = 1;
    s.client->sessions[0].job->effort.depth = 2000000;
    s.client->last_progress_ms = mono_ms();
    sessions_say(&s, 0, 409, "{}");
    expect("0 idle A p");
    assert_false(s.client->sessions[0].must_renew);
    assert_true(s.client->pending->effort.is_postponed);
    sessions_close(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_the_settings_make),       cmocka_unit_test(test_settings_that_are_missing),
    cmocka_unit_test(test_trouble_is_over_where_it_was), cmocka_unit_test(test_trouble_further_down_begins_anew),
    cmocka_unit_test(test_what_calls_cost_is_learned),   cmocka_unit_test(test_when_an_answer_was_made),
    cmocka_unit_test(test_locks_are_left_for_later),     cmocka_unit_test(test_a_locked_question_is_left_for_later),
};
TEST_MAIN(tests, settings_start, settings_stop)
