/* What the client's sessions learn of siblings: whether they can be selected without a way up, turn by turn. */
#include <stdio.h>

#include "tests/support/sessions.h"
#include "tests/support/settings.h"

static struct sessions s;

#define expect(text) assert_string_equal(sessions_state(&s), text)
#define told(text)   assert_string_equal(sessions_told(&s), text)

/* Two phases of a project by one session, with what the server answers to the select of the sibling. */
static void try_sibling(enum sideways known)
{
    sessions_open(&s, "max_sessions = 1;", known);
    sessions_stand(&s, 0, "A p f");
    sessions_submit(&s, "ELEVATIONS A p g");
    dispatch(s.client);
}

TEST(test_siblings_are_tried_and_learned)
{
    try_sibling(SIDEWAYS_UNKNOWN);
    expect("0 POST /phases/select g sideways");
    sessions_until(&s, 0, "idle");
    told("learned 3 1; done ELEVATIONS A p g: 0; ");
    sessions_submit(&s, "ELEVATIONS A p f");
    sessions_until(&s, 0, "idle");
    told("done ELEVATIONS A p f: 0; ");
    sessions_close(&s);

    try_sibling(SIDEWAYS_UNKNOWN); /* refused, and then selected from above: it is the direction */
    sessions_say(&s, 0, 404, "{}");
    expect("0 DELETE /auth");
    assert_int_equal(s.client->sessions[0].job->effort.renewals, 1);
    assert_true(s.client->sessions[0].job->effort.is_anew);
    sessions_until(&s, 0, "POST /phases");
    expect("0 POST /phases/select g");
    told("closed s0; begins 0; opened 0 t1; ");
    sessions_until(&s, 0, "idle");
    told("learned 3 2; done ELEVATIONS A p g: 0; ");
    sessions_submit(&s, "ELEVATIONS A p f");
    dispatch(s.client);
    expect("0 DELETE /auth");
    sessions_close(&s);

    try_sibling(SIDEWAYS_UNKNOWN); /* neither way: it is the object */
    sessions_say(&s, 0, 404, "{}");
    sessions_until(&s, 0, "POST /phases");
    sessions_say(&s, 0, 404, "{}");
    told("closed s0; begins 0; opened 0 t1; done ELEVATIONS A p g: 8; ");
    assert_int_equal(s.client->sideways[LEVEL_PHASE], SIDEWAYS_UNKNOWN);
    sessions_close(&s);
}

TEST(test_siblings_that_were_allowed_are_doubted_three_times)
{
    try_sibling(SIDEWAYS_ALLOWED);
    for (int i = 1; i <= 4; i++) {
        sessions_say(&s, 0, 404, "{}");
        sessions_until(&s, 0, "idle");
        told(i == 1   ? "closed s0; begins 0; opened 0 t1; done ELEVATIONS A p g: 0; "
             : i == 2 ? "closed t1; begins 0; opened 0 t2; done ELEVATIONS A p f: 0; "
             : i == 3 ? "closed t2; begins 0; opened 0 t3; done ELEVATIONS A p g: 0; "
                      : "");
        if (i == 2) { /* one that goes well in between */
            sessions_submit(&s, "ELEVATIONS A p h");
            sessions_until(&s, 0, "idle");
            told("done ELEVATIONS A p h: 0; ");
        }
        if (i == 3) break;
        sessions_submit(&s, i == 1 ? "ELEVATIONS A p f" : "ELEVATIONS A p g");
        dispatch(s.client);
    }
    assert_int_equal(s.client->sideways[LEVEL_PHASE], SIDEWAYS_ALLOWED);
    assert_int_equal(s.client->sideways_doubts[LEVEL_PHASE], 1);
    for (int i = 2; i <= 3; i++) {
        sessions_submit(&s, i == 2 ? "ELEVATIONS A p f" : "ELEVATIONS A p g");
        dispatch(s.client);
        sessions_say(&s, 0, 405, "{}");
        sessions_until(&s, 0, "idle");
    }
    told("closed t3; begins 0; opened 0 t4; done ELEVATIONS A p f: 0; "
         "closed t4; begins 0; opened 0 t5; learned 3 2; done ELEVATIONS A p g: 0; ");
    sessions_close(&s);
}

/* Above a directory there are others of its level: only the last one was tried sideways. */
TEST(test_sibling_directories)
{
    sessions_open(&s, "max_sessions = 1;", SIDEWAYS_UNKNOWN);
    sessions_stand(&s, 0, "A/B");
    sessions_submit(&s, "PROJECTS A/C");
    dispatch(s.client);
    expect("0 POST /directories/select C sideways");
    sessions_say(&s, 0, 400, "{}");
    sessions_until(&s, 0, "POST /dir");
    expect("0 POST /directories/select A");
    sessions_well(&s, 0);
    expect("0 POST /directories/select C");
    told("closed s0; begins 0; opened 0 t1; ");
    sessions_well(&s, 0);
    told("learned 1 2; ");
    sessions_close(&s);
}

TEST(test_siblings_as_the_setting_says)
{
    static const struct {
        const char *mode, *expected;
    } rows[] = {
        {"always", "0 POST /phases/select g sideways"}, {"never", "0 DELETE /auth"}, {"auto", "0 DELETE /auth"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char more[100];
        snprintf(more, sizeof more, "max_sessions = 1; sideways = \"%s\";", rows[i].mode);
        sessions_open(&s, more, i == 1 ? SIDEWAYS_ALLOWED : SIDEWAYS_REFUSED);
        sessions_stand(&s, 0, "A p f");
        sessions_submit(&s, "ELEVATIONS A p g");
        dispatch(s.client);
        expect(rows[i].expected);
        if (i == 0) { /* and nothing else is learned */
            sessions_say(&s, 0, 404, "{}");
            sessions_until(&s, 0, "idle");
            told("closed s0; begins 0; opened 0 t1; done ELEVATIONS A p g: 0; ");
            assert_int_equal(s.client->sideways[LEVEL_PHASE], SIDEWAYS_ALLOWED);
        }
        sessions_close(&s);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_siblings_are_tried_and_learned),
    cmocka_unit_test(test_siblings_that_were_allowed_are_doubted_three_times),
    cmocka_unit_test(test_sibling_directories),
    cmocka_unit_test(test_siblings_as_the_setting_says),
};
TEST_MAIN(tests, settings_start, settings_stop)
