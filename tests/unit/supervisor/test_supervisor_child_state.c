/* The child's state machine: a table of single steps, the restart policy over time, and random walks whose every step
 * must keep the invariants. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/plan/child_state.h"

static const struct child_policy usual = {
    .restart = RESTART_ALWAYS,
    .start_timeout_ms = 1000,
    .stop_timeout_ms = 500,
    .stable_ms = 5000,
    .backoff_base_ms = 100,
    .backoff_cap_ms = 3000,
    .loop_window_ms = 10000,
    .loop_count = 5,
};

static struct child_machine in_state(enum child_state state)
{
    struct child_machine m;
    child_machine_init(&m);
    m.state = state;
    m.is_wanted = state != CHILD_DOWN;
    return m;
}

static void test_each_event_in_each_state_goes_where_the_table_says(void **state)
{
    static const struct {
        enum child_state from;
        enum child_event event;
        enum child_state to;
        unsigned actions;
    } rows[] = {
        {CHILD_DOWN, EVENT_START, CHILD_WAITING, 0},
        {CHILD_DOWN, EVENT_STOP, CHILD_DOWN, 0},
        {CHILD_DOWN, EVENT_RESTART, CHILD_WAITING, 0},
        {CHILD_DOWN, EVENT_DEPENDS_READY, CHILD_DOWN, 0},
        {CHILD_WAITING, EVENT_DEPENDS_READY, CHILD_STARTING, ACTION_SPAWN},
        {CHILD_WAITING, EVENT_STOP, CHILD_DOWN, 0},
        {CHILD_STARTING, EVENT_READY, CHILD_READY, 0},
        {CHILD_STARTING, EVENT_STOP, CHILD_STOPPING, ACTION_STOP_SIGNAL},
        {CHILD_STARTING, EVENT_RESTART, CHILD_STOPPING, ACTION_STOP_SIGNAL},
        {CHILD_STARTING, EVENT_DEADLINE, CHILD_STOPPING, ACTION_STOP_SIGNAL},
        {CHILD_STARTING, EVENT_SPAWN_FAILED, CHILD_WAITING, ACTION_FAILED},
        {CHILD_STARTING, EVENT_EXITED_DIRTY, CHILD_WAITING, ACTION_FAILED},
        {CHILD_STARTING, EVENT_HUNG, CHILD_STARTING, 0},
        {CHILD_READY, EVENT_READY, CHILD_READY, 0},
        {CHILD_READY, EVENT_HUNG, CHILD_DUMPING, ACTION_ABORT},
        {CHILD_READY, EVENT_EXITED_CLEAN, CHILD_WAITING, ACTION_FAILED},
        {CHILD_READY, EVENT_EXITED_DIRTY, CHILD_WAITING, ACTION_FAILED},
        {CHILD_READY, EVENT_DEADLINE, CHILD_READY, ACTION_STABLE},
        {CHILD_READY, EVENT_STOP, CHILD_STOPPING, ACTION_STOP_SIGNAL},
        {CHILD_READY, EVENT_SICK, CHILD_STOPPING, ACTION_STOP_SIGNAL},
        {CHILD_STARTING, EVENT_SICK, CHILD_STARTING, 0},
        {CHILD_STOPPING, EVENT_DEADLINE, CHILD_KILLING, ACTION_KILL},
        {CHILD_STOPPING, EVENT_HURRY, CHILD_KILLING, ACTION_KILL},
        {CHILD_STOPPING, EVENT_EXITED_CLEAN, CHILD_LINGERING, 0},
        {CHILD_STOPPING, EVENT_GROUP_GONE, CHILD_STOPPING, 0},
        {CHILD_DUMPING, EVENT_DEADLINE, CHILD_KILLING, ACTION_KILL},
        {CHILD_DUMPING, EVENT_EXITED_DIRTY, CHILD_LINGERING, 0},
        {CHILD_KILLING, EVENT_DEADLINE, CHILD_KILLING, ACTION_KILL},
        {CHILD_KILLING, EVENT_EXITED_DIRTY, CHILD_LINGERING, 0},
        {CHILD_LINGERING, EVENT_GROUP_GONE, CHILD_WAITING, 0},
        {CHILD_LINGERING, EVENT_DEADLINE, CHILD_LINGERING, ACTION_KILL},
        {CHILD_BACKOFF, EVENT_DEADLINE, CHILD_WAITING, 0},
        {CHILD_BACKOFF, EVENT_RESTART, CHILD_WAITING, 0},
        {CHILD_BACKOFF, EVENT_STOP, CHILD_DOWN, 0},
        {CHILD_CRASH_LOOP, EVENT_DEADLINE, CHILD_WAITING, 0},
        {CHILD_CRASH_LOOP, EVENT_STOP, CHILD_DOWN, 0},
        {CHILD_DONE, EVENT_RESTART, CHILD_WAITING, 0},
        {CHILD_DONE, EVENT_START, CHILD_DONE, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct child_machine m = in_state(rows[i].from);

        unsigned actions = child_step(&m, &usual, rows[i].event, 1000);

        if (m.state != rows[i].to || actions != rows[i].actions)
            fail_msg("%s + %s: expected %s and actions %u, got %s and %u", child_state_name(rows[i].from),
                     child_event_name(rows[i].event), child_state_name(rows[i].to), rows[i].actions,
                     child_state_name(m.state), actions);
    }
}

/* Starts it and lets it fail after it has been ready for so long; returns how long it waits for the next try. */
static int64_t fail_once(struct child_machine *m, int64_t *now, int64_t ready_for_ms, unsigned *actions)
{
    child_step(m, &usual, EVENT_DEPENDS_READY, *now);
    child_step(m, &usual, EVENT_READY, *now);
    *now += ready_for_ms;
    *actions = child_step(m, &usual, EVENT_EXITED_DIRTY, *now);
    int64_t wait = m->state == CHILD_WAITING ? 0 : m->deadline_ms - *now;
    if (m->state != CHILD_WAITING) {
        *now = m->deadline_ms;
        child_step(m, &usual, EVENT_DEADLINE, *now);
    }
    return wait;
}

static void test_first_restart_is_at_once_then_backoff_doubles_up_to_crash_loop(void **state)
{
    struct child_machine m;
    int64_t now = 1000;
    unsigned actions;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, now);

    assert_int_equal(fail_once(&m, &now, 1, &actions), 0);
    for (int64_t full = 100, i = 0; i < 3; i++, full *= 2) {
        int64_t wait = fail_once(&m, &now, 1, &actions);
        assert_in_range(wait, full / 2, full);
        assert_false(m.is_crash_loop);
    }
    assert_in_range(fail_once(&m, &now, 1, &actions), 1500, 3000); /* the fifth within 10 s */
    assert_true(m.is_crash_loop);
    assert_true(actions & ACTION_LOOPING);
    for (int i = 0; i < 20; i++) { /* still tried, at the cap, and said once */
        assert_in_range(fail_once(&m, &now, 1, &actions), 1500, 3000);
        assert_true(m.is_crash_loop);
        assert_false(actions & ACTION_LOOPING);
    }
}

static void test_stable_time_resets_backoff_with_and_without_the_timer(void **state)
{
    struct child_machine m;
    int64_t now = 1000;
    unsigned actions;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, now);
    for (int i = 0; i < 8; i++) fail_once(&m, &now, 1, &actions);
    assert_true(m.is_crash_loop);

    child_step(&m, &usual, EVENT_DEPENDS_READY, now);
    child_step(&m, &usual, EVENT_READY, now);
    assert_int_equal(child_step(&m, &usual, EVENT_DEADLINE, now + usual.stable_ms), ACTION_STABLE);
    assert_false(m.is_crash_loop);
    now += usual.stable_ms + 100000;
    child_step(&m, &usual, EVENT_EXITED_DIRTY, now);
    assert_int_equal(m.state, CHILD_WAITING);

    for (int i = 0; i < 3; i++) fail_once(&m, &now, 1, &actions);
    assert_int_equal(fail_once(&m, &now, usual.stable_ms, &actions), 0); /* the timer had no chance to come first */
}

static void test_slow_crashes_are_no_crash_loop(void **state)
{
    struct child_machine m;
    int64_t now = 1000;
    unsigned actions;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, now);
    for (int i = 0; i < 50; i++) {
        fail_once(&m, &now, 3000, &actions);
        assert_false(m.is_crash_loop);
    }
}

static void test_restart_policies(void **state)
{
    static const struct {
        enum program_restart restart;
        enum child_event exit;
        enum child_state to;
    } rows[] = {
        {RESTART_ALWAYS, EVENT_EXITED_CLEAN, CHILD_WAITING},  {RESTART_ALWAYS, EVENT_EXITED_DIRTY, CHILD_WAITING},
        {RESTART_ON_FAILURE, EVENT_EXITED_CLEAN, CHILD_DONE}, {RESTART_ON_FAILURE, EVENT_EXITED_DIRTY, CHILD_WAITING},
        {RESTART_NEVER, EVENT_EXITED_CLEAN, CHILD_DONE},      {RESTART_NEVER, EVENT_EXITED_DIRTY, CHILD_DONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct child_policy p = usual;
        struct child_machine m = in_state(CHILD_STARTING);
        p.restart = rows[i].restart;
        child_step(&m, &p, rows[i].exit, 1000);
        assert_int_equal(m.state, rows[i].to);
        if (m.state == CHILD_DONE) assert_int_equal(m.is_success, rows[i].exit == EVENT_EXITED_CLEAN);
    }
}

static void test_hung_child_counts_as_failure_and_asked_restart_does_not(void **state)
{
    struct child_machine m = in_state(CHILD_READY);
    (void)state;

    child_step(&m, &usual, EVENT_HUNG, 1000);
    child_step(&m, &usual, EVENT_EXITED_DIRTY, 1100);
    assert_int_equal(child_step(&m, &usual, EVENT_GROUP_GONE, 1100), ACTION_FAILED);
    assert_int_equal(m.failures, 1);

    m = in_state(CHILD_READY);
    child_step(&m, &usual, EVENT_RESTART, 1000);
    child_step(&m, &usual, EVENT_EXITED_DIRTY, 1100);
    assert_int_equal(child_step(&m, &usual, EVENT_GROUP_GONE, 1100), 0);
    assert_int_equal(m.failures, 0);
    assert_int_equal(m.state, CHILD_WAITING);
}

static void test_what_cannot_be_killed_is_given_up_and_the_child_goes_on(void **state)
{
    struct child_machine m;
    int64_t now = 1000;
    int abandoned = 0;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, now);
    child_step(&m, &usual, EVENT_DEPENDS_READY, now);
    child_step(&m, &usual, EVENT_READY, now);
    child_step(&m, &usual, EVENT_RESTART, now);
    for (int i = 0; i < 20 && m.state != CHILD_WAITING; i++) {
        now = m.deadline_ms;
        if (child_step(&m, &usual, EVENT_DEADLINE, now) & ACTION_ABANDON) abandoned++;
    }
    assert_int_equal(m.state, CHILD_WAITING);
    assert_int_equal(abandoned, 2); /* its process, then the rest of its group */
    assert_in_range(now, 1000 + usual.stop_timeout_ms, 1000 + usual.stop_timeout_ms + 12 * CHILD_KILL_ANEW_MS);
}

static void test_rest_of_a_group_has_the_whole_stop_timeout(void **state)
{
    struct child_machine m;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, 1000);
    child_step(&m, &usual, EVENT_DEPENDS_READY, 1000);
    child_step(&m, &usual, EVENT_READY, 1000);
    child_step(&m, &usual, EVENT_STOP, 2000);
    child_step(&m, &usual, EVENT_EXITED_DIRTY, 2010);
    assert_int_equal(m.state, CHILD_LINGERING);
    assert_int_equal(m.deadline_ms, 2000 + usual.stop_timeout_ms);
}

static void test_hurry_leaves_a_moment_to_whoever_was_asked_just_now(void **state)
{
    struct child_machine m;
    struct child_policy slow = usual;
    slow.stop_timeout_ms = 30000;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &slow, EVENT_START, 1000);
    child_step(&m, &slow, EVENT_DEPENDS_READY, 1000);
    child_step(&m, &slow, EVENT_READY, 1000);
    child_step(&m, &slow, EVENT_STOP, 2000);
    assert_int_equal(child_step(&m, &slow, EVENT_HURRY, 2001), 0);
    assert_int_equal(m.state, CHILD_STOPPING);
    assert_int_equal(m.deadline_ms, 2000 + CHILD_HURRY_MS);
    assert_int_equal(child_step(&m, &slow, EVENT_HURRY, 2000 + CHILD_HURRY_MS), ACTION_KILL);
}

static void test_sleep_moves_what_is_due(void **state)
{
    struct child_machine m;
    (void)state;
    child_machine_init(&m);
    child_step(&m, &usual, EVENT_START, 1000);
    child_step(&m, &usual, EVENT_DEPENDS_READY, 1000);
    int64_t due = m.deadline_ms;
    child_sleep(&m, 60000);
    assert_int_equal(m.deadline_ms, due + 60000);
    m = (struct child_machine){.state = CHILD_BACKOFF, .deadline_ms = 500}; /* a wait for us, not a judgement */
    child_sleep(&m, 60000);
    assert_int_equal(m.deadline_ms, 500);
}

/* ---- random walks ---- */

struct world { /* what the machine's actions did outside */
    bool has_leader, has_group;
};

static void check_invariants(const struct child_machine *m, const struct world *w, enum child_state before,
                             enum child_event event, unsigned actions, int64_t now)
{
    const char *e = child_event_name(event), *from = child_state_name(before), *to = child_state_name(m->state);
    if (before != m->state && !child_state_allows(before, m->state))
        fail_msg("%s -> %s by %s is not allowed", from, to, e);
    if ((actions & ACTION_SPAWN) && (w->has_leader || w->has_group)) fail_msg("%s: a second process by %s", from, e);
    if (child_state_has_process(m->state) != w->has_leader)
        fail_msg("%s -> %s by %s: the process is not known", from, to, e);
    if (m->state == CHILD_DOWN && w->has_group) fail_msg("down with a process group by %s", e);
    if (m->state == CHILD_DOWN && m->is_wanted) fail_msg("down though wanted by %s", e);
    bool must_have_deadline = m->state == CHILD_BACKOFF || m->state == CHILD_CRASH_LOOP || m->state == CHILD_STARTING ||
                              m->state == CHILD_STOPPING || m->state == CHILD_DUMPING || m->state == CHILD_KILLING ||
                              m->state == CHILD_LINGERING;
    if (must_have_deadline && m->deadline_ms == 0) fail_msg("%s without a deadline by %s", to, e);
    if (m->deadline_ms > now + 6000) fail_msg("%s waits too long", to);
    bool is_fresh_loop = m->state == CHILD_CRASH_LOOP && before != CHILD_CRASH_LOOP;
    if (is_fresh_loop && m->deadline_ms < now + usual.backoff_cap_ms / 2) fail_msg("a busy crash loop");
    if (m->state != CHILD_READY && m->ready_ms) fail_msg("%s is ready", to);
}

static enum child_event pick(const struct world *w)
{
    for (;;) {
        enum child_event e = (enum child_event)(rand() % CHILD_EVENT_COUNT);
        bool needs_leader = e == EVENT_EXITED_CLEAN || e == EVENT_EXITED_DIRTY || e == EVENT_READY || e == EVENT_HUNG ||
                            e == EVENT_SICK;
        if (needs_leader && !w->has_leader) continue;
        if (e == EVENT_SPAWN_FAILED) continue; /* only right after a spawn */
        if (e == EVENT_GROUP_GONE && w->has_leader) continue;
        return e;
    }
}

static void walk(unsigned seed, int steps)
{
    struct child_machine m;
    struct world w = {0};
    int64_t now = 1000;
    srand(seed);
    child_machine_init(&m);
    for (int i = 0; i < steps; i++) {
        enum child_state before = m.state;
        enum child_event event = pick(&w);
        if (event == EVENT_DEADLINE && m.deadline_ms == 0) continue;
        if (event == EVENT_DEADLINE && now < m.deadline_ms) now = m.deadline_ms;
        if (event == EVENT_EXITED_CLEAN || event == EVENT_EXITED_DIRTY) {
            w.has_leader = false;
            w.has_group = before != CHILD_STARTING && before != CHILD_READY && rand() % 2; /* else killed by child.c */
        }
        if (event == EVENT_GROUP_GONE) w.has_group = false;
        unsigned actions = child_step(&m, &usual, event, now);
        if (actions & ACTION_ABANDON) {
            if (before == CHILD_LINGERING)
                w.has_group = false;
            else
                w.has_leader = false;
        }
        if (actions & ACTION_SPAWN) {
            check_invariants(&m, &(struct world){true, false}, before, event, 0, now);
            assert_false(w.has_leader || w.has_group);
            if (rand() % 20 == 0) { /* no process could be made */
                before = m.state;
                actions = child_step(&m, &usual, EVENT_SPAWN_FAILED, now);
                event = EVENT_SPAWN_FAILED;
            } else {
                w = (struct world){true, true};
                actions &= ~(unsigned)ACTION_SPAWN;
            }
        }
        check_invariants(&m, &w, before, event, actions, now);
        now += rand() % 50;
    }
    /* Whatever happened: not wanted, with time and exits as the kernel gives them, it ends. */
    child_step(&m, &usual, EVENT_STOP, now);
    for (int i = 0; i < 20 && m.state != CHILD_DOWN; i++) {
        now = m.deadline_ms > now ? m.deadline_ms : now;
        if (m.state == CHILD_KILLING && w.has_leader) {
            child_step(&m, &usual, EVENT_EXITED_DIRTY, now);
            w.has_leader = false;
        } else if (m.state == CHILD_LINGERING) {
            child_step(&m, &usual, EVENT_GROUP_GONE, now);
        } else {
            child_step(&m, &usual, EVENT_DEADLINE, now);
        }
    }
    if (m.state != CHILD_DOWN) fail_msg("seed %u: it never ends, it is %s", seed, child_state_name(m.state));
}

TEST(test_random_events_keep_the_invariants)
{
    for (unsigned seed = 1; seed <= 400; seed++) walk(seed, 1000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_event_in_each_state_goes_where_the_table_says),
    cmocka_unit_test(test_first_restart_is_at_once_then_backoff_doubles_up_to_crash_loop),
    cmocka_unit_test(test_stable_time_resets_backoff_with_and_without_the_timer),
    cmocka_unit_test(test_slow_crashes_are_no_crash_loop),
    cmocka_unit_test(test_restart_policies),
    cmocka_unit_test(test_hung_child_counts_as_failure_and_asked_restart_does_not),
    cmocka_unit_test(test_what_cannot_be_killed_is_given_up_and_the_child_goes_on),
    cmocka_unit_test(test_rest_of_a_group_has_the_whole_stop_timeout),
    cmocka_unit_test(test_hurry_leaves_a_moment_to_whoever_was_asked_just_now),
    cmocka_unit_test(test_sleep_moves_what_is_due),
    cmocka_unit_test(test_random_events_keep_the_invariants),
};
TEST_MAIN(tests, NULL, NULL)
