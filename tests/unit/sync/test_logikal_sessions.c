/* The client's sessions, turn by turn: which session does which job, how many are opened and how deep, and what waits
 * for a lock. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/sessions.h"
#include "tests/support/settings.h"

#define SESSIONS 4

static struct sessions s;

#define expect(text) assert_string_equal(sessions_state(&s), text)
#define told(text)   assert_string_equal(sessions_told(&s), text)

static void open(enum sideways sideways)
{
    sessions_open(&s, "max_sessions = 4;", sideways);
}

/* What one look at the pending jobs comes to. */
static const struct {
    enum sideways sideways;
    const char *at[SESSIONS]; /* of sessions that idle; NULL = closed */
    const char *jobs, *expected;
} deeds[] = {
    /* nobody is there yet: a login for each branch */
    {SIDEWAYS_UNKNOWN, {NULL}, "PROJECTS A", "0 POST /auth for A"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PROJECTS A, PROJECTS A", "0 POST /auth for A"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PROJECTS A, PROJECTS B", "0 POST /auth for A; 1 POST /auth for B"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PHASES A p, PROJECTS A", "0 POST /auth for A"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PROJECTS A, PHASES A p", "0 POST /auth for A"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PHASES A p, PHASES A q, PROJECTS A", "0 POST /auth for A; 1 POST /auth for A p"},
    {SIDEWAYS_UNKNOWN,
     {NULL},
     "PHASES A p, PHASES A q, PHASES A r, PHASES A s, PHASES A t",
     "0 POST /auth for A p; 1 POST /auth for A q; 2 POST /auth for A r; 3 POST /auth for A s"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PHASES A p, +PHASES A q", "0 POST /auth for A q; 1 POST /auth for A p"},
    /* files of a project that is not open yet: one begins */
    {SIDEWAYS_UNKNOWN, {NULL}, "PARTS A p f e, PARTS A p f x", "0 POST /auth for A p f e"},
    {SIDEWAYS_UNKNOWN, {NULL}, "PARTS A p f e, PARTS A q f x", "0 POST /auth for A p f e; 1 POST /auth for A q f x"},
    {SIDEWAYS_UNKNOWN, {NULL}, "THUMBNAIL A p f e, DRAWING A p f x", "0 POST /auth for A p f"},
    {SIDEWAYS_UNKNOWN, {NULL}, "DRAWING A p f e, ELEVATIONS A p g", "0 POST /auth for A p g; 1 POST /auth for A p f e"},
    /* the nearest; where one is already inside a project, that */
    {SIDEWAYS_UNKNOWN, {"A"}, "PHASES A p, PROJECTS A", "0 GET /projects"},
    {SIDEWAYS_UNKNOWN, {"A"}, "PHASES B q, PHASES A p", "0 POST /projects/select p; 1 POST /auth for B q"},
    {SIDEWAYS_UNKNOWN, {"A"}, "PROJECTS B", "0 POST /directories/select B sideways"},
    {SIDEWAYS_ALLOWED, {"A p"}, "PHASES A q, ELEVATIONS A p f", "0 POST /phases/select f; 1 POST /auth for A q"},
    {SIDEWAYS_ALLOWED, {"A p"}, "PHASES A q", "0 POST /projects/select q sideways"},
    {SIDEWAYS_ALLOWED, {"A p"}, "PHASES A q, PHASES A p", "0 GET /phases"},
    {SIDEWAYS_ALLOWED, {"A"}, "PHASES A p, +PHASES A q", "0 POST /projects/select q"},
    {SIDEWAYS_ALLOWED, {"A"}, "PHASES A p, PHASES A q", "0 POST /projects/select p"},
    {SIDEWAYS_ALLOWED, {"A p"}, "ELEVATIONS A p f, +PHASES A q", "0 POST /phases/select f; 1 POST /auth for A q"},
    /* what it cannot reach: from anew, by itself when it has nothing else, else by one more */
    {SIDEWAYS_REFUSED, {"A p"}, "PHASES A q", "0 DELETE /auth"},
    {SIDEWAYS_REFUSED, {"A p", "A q"}, "PHASES A r, PHASES A p", "0 GET /phases; 1 DELETE /auth"},
    {SIDEWAYS_REFUSED, {"A p"}, "PHASES A p, PHASES A q", "0 GET /phases; 1 POST /auth for A q"},
    {SIDEWAYS_REFUSED,
     {"A"},
     "PHASES A p, PHASES A q, PHASES A r",
     "0 POST /projects/select p; 1 POST /auth for A q; 2 POST /auth for A r"},
    {SIDEWAYS_ALLOWED, {"A"}, "PHASES A p, PHASES A q, PHASES A r", "0 POST /projects/select p"},
    {SIDEWAYS_UNKNOWN, {"A"}, "PHASES A p, PHASES A q", "0 POST /projects/select p; 1 POST /auth for A q"},
    /* into the phase with the most to do for each session that is there */
    {SIDEWAYS_ALLOWED, {"A p"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y", "0 POST /phases/select g"},
    {SIDEWAYS_ALLOWED, {"A p f"}, "PARTS A p f e, PARTS A p g x", "0 POST /elevations/select e"},
    {SIDEWAYS_ALLOWED, {"A p f"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y", "0 POST /phases/select g sideways"},
    {SIDEWAYS_ALLOWED,
     {"A p g z"},
     "PARTS A p g x, PARTS A p f e, PARTS A p f y, PARTS A p f w",
     "0 POST /elevations/select x sideways"},
    {SIDEWAYS_REFUSED, {"A p"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y", "0 POST /phases/select f"},
};

TEST(test_who_does_what_by_table)
{
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        open(deeds[i].sideways);
        for (int k = 0; k < SESSIONS; k++)
            if (deeds[i].at[k]) sessions_stand(&s, k, deeds[i].at[k]);
        sessions_submit(&s, deeds[i].jobs);
        dispatch(s.client);
        if (strcmp(sessions_state(&s), deeds[i].expected) != 0) fail_msg("row %zu: %s", i, sessions_state(&s));
        sessions_close(&s);
    }
}

/* Which phase a session enters for good, in a project that is open for files: the one with the most to do for each
 * session that is in it, and there the heaviest. */
TEST(test_phases_are_shared_out)
{
    static const struct {
        const char *at[SESSIONS];
        const char *jobs, *expected;
    } rows[] = {
        {{"A p", "A p g z"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y", "f e, g x"},
        {{"A p", "A p g"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y", "g x, f e"},
        {{"A p", "A p g z"}, "PARTS A p f e, PARTS A p g x, PARTS A p g y, PARTS A p g w", "g x, g y"},
        {{"A p"}, "PARTS A p g x, +PARTS A p g y, PARTS A p g z", "g y"},
        {{"A p"}, "PARTS A p f e, PARTS B p h x, PARTS B p h y", "f e"}, /* what it cannot reach does not count */
        {{"A p"}, "PARTS A p f e, ELEVATIONS A p g, PARTS A p g x, PARTS A p g y", "g"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf text = {0};
        open(SIDEWAYS_ALLOWED);
        memcpy(s.client->opened[7], "p", 2);
        for (int k = 0; k < SESSIONS; k++)
            if (rows[i].at[k]) sessions_stand(&s, k, rows[i].at[k]);
        sessions_submit(&s, rows[i].jobs);
        dispatch(s.client);
        for (int k = 0; k < SESSIONS && rows[i].at[k]; k++) {
            const struct logikal_job *job = s.client->sessions[k].job;
            buf_printf(&text, "%s%s%s%s", k ? ", " : "", job ? job->place.phase : "-",
                       job && *job->place.elevation ? " " : "", job ? job->place.elevation : "");
        }
        if (strcmp(text.data, rows[i].expected) != 0) fail_msg("row %zu: %s", i, text.data);
        buf_free(&text);
        sessions_close(&s);
    }
    open(SIDEWAYS_ALLOWED); /* more phases than are told from each other */
    memcpy(s.client->opened[7], "p", 2);
    sessions_stand(&s, 0, "A p");
    for (int i = 0; i < 40; i++) {
        char job[60];
        snprintf(job, sizeof job, "PARTS A p f%d e, PARTS A p f%d x", i, i > 30 ? 31 : i);
        sessions_submit(&s, job);
    }
    dispatch(s.client);
    assert_string_equal(s.client->sessions[0].job->place.phase, "f31"); /* ten of them */
    sessions_close(&s);
}

/* More of the same kind where the sessions are: one more when each of them has more to do than it costs to open it;
 * while nobody is logged in yet, a tenth of that is enough. */
TEST(test_a_session_more_for_much_work)
{
    static const struct {
        int logged_in;   /* sessions; 0 = one that is about to be */
        int64_t cost_ms; /* of each of two questions that are left */
        bool is_one_more;
    } rows[] = {{1, 50, false}, {1, 51, true}, {2, 100, false}, {2, 101, true}, {0, 5, false}, {0, 6, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open(SIDEWAYS_ALLOWED);
        s.client->login_cost_ms = 50;
        memset(s.client->select_cost_ms, 0, sizeof s.client->select_cost_ms);
        s.client->select_cost_ms[LEVEL_PROJECT] = 30;
        s.client->select_cost_ms[LEVEL_PHASE] = 20;
        s.client->cost_ms[JOB_PARTS] = rows[i].cost_ms;
        memcpy(s.client->opened[7], "p", 2);
        for (int k = 0; k < rows[i].logged_in; k++) sessions_stand(&s, k, "A p f e");
        sessions_submit(&s, rows[i].logged_in == 2 ? "PARTS A p f e, PARTS A p f e" : "PARTS A p f e");
        if (rows[i].logged_in == 0) dispatch(s.client);
        sessions_submit(&s, "PARTS A p f e, PARTS A p f e");
        dispatch(s.client);
        int sessions = rows[i].logged_in + !rows[i].logged_in + rows[i].is_one_more;
        if (s.client->stats.peak_sessions != sessions) fail_msg("row %zu: %s", i, sessions_state(&s));
        sessions_close(&s);
    }
}

/* One question opens a project for all files of it; 64 projects stay open. */
TEST(test_projects_that_are_open_for_files)
{
    char text[100];
    open(SIDEWAYS_ALLOWED);
    sessions_submit(&s, "PARTS A p f e, PARTS A p f x, PARTS A q f e, DRAWING A q f x");
    dispatch(s.client);
    expect("0 POST /auth for A p f e; 1 POST /auth for A q f e");
    sessions_until(&s, 0, "GET");
    expect("0 GET /elevations/selected/parts-list; 1 POST /auth for A q f e");
    assert_false(s.client->pending->is_opened);
    sessions_well(&s, 0);
    assert_true(s.client->pending->is_opened);
    assert_false(s.client->pending->next->is_opened); /* the other project is still being opened */
    dispatch(s.client);
    expect("0 POST /elevations/select x sideways; 1 POST /auth for A q f e");
    sessions_until(&s, 0, "idle");
    told("begins 0; begins 1; opened 0 t1; [ABC]; done PARTS A p f e: 0; [ABC]; done PARTS A p f x: 0; ");

    for (int i = 0; i < OPENED_KEPT; i++) {
        struct logikal_job other = {.kind = JOB_PARTS};
        assert_true(dispatch_is_opened(s.client, &(struct logikal_job){.kind = JOB_PARTS, .place.project = "p"}) ==
                    (i < OPENED_KEPT));
        snprintf(text, sizeof text, "A o%d f e", i);
        sessions_place(&other.place, text);
        assert_false(dispatch_is_opened(s.client, &other));
        dispatch_opened(s.client, &other);
        dispatch_opened(s.client, &other); /* twice is once */
        assert_true(dispatch_is_opened(s.client, &other));
        place_clear(&other.place);
    }
    struct logikal_job job = {.kind = JOB_THUMBNAIL, .place.project = "p"};
    assert_false(dispatch_is_opened(s.client, &job)); /* the first one has made room */
    job.kind = JOB_DRAWING;
    assert_false(dispatch_is_opened(s.client, &job));
    job.kind = JOB_PHASES;
    assert_true(dispatch_is_opened(s.client, &job)); /* a list needs none */
    memcpy(job.place.project, "o0", 3);
    job.kind = JOB_PARTS;
    assert_true(dispatch_is_opened(s.client, &job));
    sessions_close(&s);
}

TEST(test_as_many_as_the_server_allows)
{
    open(SIDEWAYS_REFUSED);
    s.client->session_limit = 2;
    s.client->limit_until_ms = INT64_MAX;
    sessions_submit(&s, "PHASES A p, PHASES A q, PHASES A r, PHASES A s");
    dispatch(s.client);
    expect("0 POST /auth for A p; 1 POST /auth for A q");
    assert_int_equal(s.client->stats.peak_sessions, 2);

    s.client->limit_until_ms = 0; /* it is time to try one more */
    s.client->limit_wait_ms = 600000;
    int64_t before_ms = mono_ms();
    dispatch(s.client);
    expect("0 POST /auth for A p; 1 POST /auth for A q; 2 POST /auth for A r");
    assert_in_range(s.client->limit_until_ms, before_ms + 600000, mono_ms() + 600000);
    assert_int_equal(s.client->stats.peak_sessions, 3);
    dispatch(s.client);
    expect("0 POST /auth for A p; 1 POST /auth for A q; 2 POST /auth for A r");

    /* The third is refused: it is done with two again, and twice as long until the next try. */
    sessions_well(&s, 0);
    sessions_well(&s, 1);
    before_ms = mono_ms();
    sessions_say(&s, 2, 409, "{}");
    assert_int_equal(s.client->session_limit, 2);
    assert_in_range(s.client->limit_until_ms, before_ms + 120000, mono_ms() + 120000); /* at most two minutes */
    s.client->limit_wait_ms = 0;
    s.client->limit_until_ms = 0;
    dispatch(s.client);
    expect("0 POST /directories/select A; 1 POST /directories/select A; 2 POST /auth for A s");
    sessions_say(&s, 2, 409, "{}");
    assert_int_equal(s.client->limit_wait_ms, 5000);
    sessions_close(&s);
}

TEST(test_sessions_ahead_of_the_work)
{
    struct place ahead = {0};
    open(SIDEWAYS_REFUSED);
    sessions_place(&ahead, "A p");
    logikal_open_ahead(s.client, &ahead, 9);
    assert_int_equal(s.client->ahead_count, SESSIONS);
    logikal_open_ahead(s.client, &ahead, 2);
    dispatch(s.client);
    expect(""); /* there is no work to be ahead of */
    sessions_submit(&s, "PHASES A p");
    dispatch(s.client);
    expect("0 POST /auth for A p; 1 POST /auth for A p");
    sessions_until(&s, 1, "idle");
    expect("0 POST /auth for A p; 1 idle A p");
    sessions_until(&s, 0, "GET");
    expect("0 GET /phases; 1 idle A p");
    s.client->ahead_count = 4;
    s.client->session_limit = 3;
    dispatch(s.client);
    expect("0 GET /phases; 1 idle A p; 2 POST /auth for A p");
    assert_int_equal(s.client->ahead_count, 3);
    sessions_say(&s, 2, 503, "{}"); /* no room for it: nothing is lost */
    expect("0 GET /phases; 1 idle A p");
    assert_int_equal(s.client->session_limit, 2);
    assert_int_equal(logikal_pending(s.client), 1);
    place_clear(&s.client->sessions[1].at); /* one that idles above the place goes there */
    dispatch(s.client);
    expect("0 GET /phases; 1 POST /directories/select A");
    place_clear(&ahead);
    sessions_close(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_who_does_what_by_table),       cmocka_unit_test(test_phases_are_shared_out),
    cmocka_unit_test(test_a_session_more_for_much_work), cmocka_unit_test(test_projects_that_are_open_for_files),
    cmocka_unit_test(test_as_many_as_the_server_allows), cmocka_unit_test(test_sessions_ahead_of_the_work),
};
TEST_MAIN(tests, settings_start, settings_stop)
