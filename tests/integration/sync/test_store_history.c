/* What the store keeps of the past, row by row: ends of tasks, what happened to processes, episodes of problems, the
 * journal of changes; and what of it is swept after how many days. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/journal.h"
#include "services/store/task_history.h"
#include "services/store/timeline.h"
#include "tests/support/store.h"

STORE_WORLD()

static void query(const struct query *q, int n, const char *const *values)
{
    PGresult *r = db_query(s.db, &s.err, q->sql, n, values);
    if (!r) fail_msg("%s: %s", q->name, s.err.text);
    PQclear(r);
}

/* An hour on this side of the days that are kept, and one beyond them. */
TEST(test_what_is_swept_by_its_age)
{
    sql("DELETE FROM flight_events; DELETE FROM problem_episodes; DELETE FROM task_history; DELETE FROM task_tries;"
        "DELETE FROM task_history_losses;"
        "CREATE TEMPORARY TABLE ages AS SELECT * FROM (VALUES ('old', now() - interval '12 days 1 hour'), ('young', "
        "now() -"
        " interval '11 days 23 hours')) v (name, at);"
        "INSERT INTO flight_events (source, n, at, host, version, event, child, pid, text, detail) SELECT"
        " gen_random_uuid(), 1, at, name, '', 'exit', '', 1, '', '' FROM ages;"
        "INSERT INTO problem_episodes (key, severity, part, cause, began_at, seen_at, ended_at) SELECT name, '', '', "
        "'', at, at,"
        " at FROM ages UNION ALL SELECT 'open', '', '', '', at, at, NULL FROM ages WHERE name = 'old';"
        "INSERT INTO task_history (id, name, queue, arguments, state, tries, deliveries, worker, ended_at) SELECT "
        "name, '', '',"
        " 'whole', 'success', 1, 1, '', at FROM ages;"
        "INSERT INTO task_tries (task_id, ended_at, worker, state, try, delivery) SELECT name, at, '', 'success', 1, 1 "
        "FROM ages;"
        "INSERT INTO task_history_losses (worker, since, until, count) SELECT name, at, at, 1 FROM ages");
    assert_int_equal(timeline_sweep(s.db, 13, &s.err), 0);
    assert_int_equal(task_history_sweep(s.db, 13, &s.err), 0);
    assert_int_equal(timeline_sweep(s.db, 12, &s.err), 2);
    assert_int_equal(task_history_sweep(s.db, 12, &s.err), 1);
    expect("young", "SELECT string_agg(host, ' ') FROM flight_events");
    expect("open young", "SELECT string_agg(key, ' ' ORDER BY key) FROM problem_episodes");
    expect("young", "SELECT string_agg(id, ' ') FROM task_history");
    expect("young", "SELECT string_agg(task_id, ' ') FROM task_tries");
    expect("young", "SELECT string_agg(worker, ' ') FROM task_history_losses");
    sql("INSERT INTO task_history (id, name, queue, arguments, state, tries, deliveries, worker, ended_at) SELECT "
        "'many' || i,"
        " '', '', 'whole', 'success', 1, 1, '', now() - interval '20 days' FROM generate_series(1, 5001) i");
    assert_int_equal(task_history_sweep(s.db, 12, &s.err), 5001); /* all of them, some at a time */
}

/* ---- ends of tasks ---- */

static void write_ends(const char *json)
{
    query(&query_history_write, 1, &json);
}

static const char history[] =
    "SELECT string_agg(concat_ws(' ', id, name, state, tries, deliveries, worker, run_ms, error,"
    " extract(epoch FROM ended_at)), ', ' ORDER BY id) FROM task_history";

TEST(test_the_last_end_of_a_task_is_its_state)
{
    sql("DELETE FROM task_history; DELETE FROM task_tries; DELETE FROM task_history_losses");
    write_ends(
        "[{\"id\":\"a\",\"name\":\"t\",\"queue\":\"q\",\"args\":\"[1]\",\"kwargs\":\"{}\",\"arguments\":\"whole\","
        "\"state\":\"retry\",\"try\":1,\"delivery\":1,\"worker\":\"w\",\"received_us\":1000000,\"started_us\":1500000,"
        "\"ended_us\":2000000,\"run_ms\":500,\"error\":\"e\"},"
        "{\"id\":\"a\",\"name\":\"t\",\"queue\":\"q\",\"arguments\":\"whole\",\"state\":\"success\",\"try\":2,"
        "\"delivery\":1,\"worker\":\"x\",\"ended_us\":4000000,\"run_ms\":7,\"result\":\"r\",\"parent_id\":\"p\","
        "\"root_id\":\"o\",\"group_id\":\"g\"},"
        "{\"id\":\"b\",\"name\":\"u\",\"queue\":\"q\",\"arguments\":\"large\",\"state\":\"failure\",\"try\":1,"
        "\"delivery\":2,\"worker\":\"w\",\"ended_us\":3000000,\"result_bytes\":99}]");
    expect("a t success 2 1 x 7 4.000000, b u failure 1 2 w 3.000000", history);
    expect("r p o g",
           "SELECT concat_ws(' ', result, result_bytes, parent_id, root_id, group_id) FROM task_history WHERE id ="
           " 'a'");
    expect(
        "a retry 1 1 w 500 e 1.000000 1.500000 2.000000, a success 2 1 x 7 4.000000, b failure 1 2 w 3.000000",
        "SELECT string_agg(concat_ws(' ', task_id, state, try, delivery, worker, run_ms, error, extract(epoch FROM"
        " received_at), extract(epoch FROM started_at), extract(epoch FROM ended_at)), ', ' ORDER BY task_id, ended_at)"
        " FROM task_tries");
    write_ends(
        "[{\"id\":\"a\",\"name\":\"late\",\"queue\":\"q\",\"arguments\":\"whole\",\"state\":\"dead\",\"try\":3,"
        "\"delivery\":1,\"worker\":\"x\",\"ended_us\":3999999},"
        "{\"id\":\"b\",\"name\":\"again\",\"queue\":\"q\",\"arguments\":\"whole\",\"state\":\"revoked\",\"try\":4,"
        "\"delivery\":5,\"worker\":\"y\",\"ended_us\":3000000,\"run_ms\":1,\"error\":\"f\"}]");
    expect("a t success 2 1 x 7 4.000000, b again revoked 4 5 y 1 f 3.000000", history); /* an older one is no news */
    const char *lost[] = {"w", "5000000", "12"};
    query(&query_history_lost, 3, lost);
    expect("w 5.000000 12 t", "SELECT concat_ws(' ', worker, extract(epoch FROM since), count, until > now() - interval"
                              " '5 min') FROM task_history_losses");
}

/* ---- what happened to processes, and problems ---- */

TEST(test_events_of_processes_are_taken_once)
{
    char text[600];
    int64_t now_ms = store_int(&s, "SELECT (extract(epoch FROM now()) * 1000)::bigint");
    sql("DELETE FROM flight_events");
    snprintf(
        text, sizeof text,
        "[{\"source\":\"00000000-0000-0000-0000-000000000001\",\"n\":1,\"at_ms\":%lld,\"host\":\"h\",\"version\":\"v\","
        "\"event\":\"start\",\"child\":\"c\",\"pid\":5,\"text\":\"t\",\"detail\":\"d\"},"
        "{\"source\":\"00000000-0000-0000-0000-000000000001\",\"n\":2,\"at_ms\":%lld,\"host\":\"h\",\"version\":\"v\","
        "\"event\":\"old\",\"child\":\"c\",\"pid\":5,\"text\":\"t\",\"detail\":\"d\"}]",
        (long long)now_ms, (long long)now_ms - 7 * 86400000LL - 60000);
    const char *values[] = {text, "7"}, *more[] = {text, "8"};
    for (int i = 0; i < 2; i++) query(&query_flight_take, 2, values);
    expect("1 h v start c 5 t d", "SELECT concat_ws(' ', n, host, version, event, child, pid, text, detail) FROM"
                                  " flight_events");
    query(&query_flight_take, 2, more);
    expect("2", "SELECT count(*) FROM flight_events");
}

static void note(const char *key, double began_s, double seen_s, const char *cause)
{
    char text[200];
    snprintf(text, sizeof text,
             "[{\"key\":\"%s\",\"severity\":\"s\",\"part\":\"p\",\"cause\":\"%s\",\"began_s\":%g,"
             "\"seen_s\":%g}]",
             key, cause, began_s, seen_s);
    const char *values[] = {text};
    query(&query_episodes_note, 1, values);
}

/* "cause minutes since it began, minutes since it was seen, whether it has ended" */
static const char episodes[] =
    "SELECT string_agg(concat_ws(' ', cause, round(extract(epoch FROM now() - began_at) / 600), round(extract(epoch "
    "FROM"
    " now() - seen_at) / 600), ended_at IS NOT NULL), ', ' ORDER BY id) FROM problem_episodes";

TEST(test_episodes_of_a_problem)
{
    sql("DELETE FROM problem_episodes");
    note("k", 6000, 4800, "first");
    expect("first 10 8 f", episodes);
    note("k", 4800, 3600, "second"); /* it goes on */
    expect("second 10 6 f", episodes);
    note("k", 7200, 5400, "third"); /* another process saw it earlier, and not so late */
    expect("third 12 6 f", episodes);
    query(&query_episodes_end, 0, NULL);
    expect("third 12 6 t", episodes);
    expect("t", "SELECT ended_at = seen_at FROM problem_episodes");
    note("k", 3630, 3000, "goes on after half a minute");
    expect("goes on after half a minute 12 5 f", episodes);
    query(&query_episodes_end, 0, NULL);
    note("k", 1800, 1200, "again"); /* another episode */
    note("l", 600, 0, "other");
    expect("goes on after half a minute 12 5 t, again 3 2 f, other 1 0 f", episodes);
    query(&query_episodes_end, 0, NULL); /* what was seen just now has not ended */
    expect("goes on after half a minute 12 5 t, again 3 2 t, other 1 0 f", episodes);
}

/* ---- the journal of changes ---- */

TEST(test_the_journal_remembers_how_far_it_was_pruned)
{
    sql("DELETE FROM changes; UPDATE changes_state SET pruned_epoch = 0, pruned_xid = '0', pruned_seq = 0, pruned_at = "
        "NULL;"
        "INSERT INTO changes (epoch, xid, seq, at, object_type, operation, row_ids, logikal_ids, fields) OVERRIDING "
        "SYSTEM VALUE"
        " SELECT e, x::text::xid8, q, now() - d * interval '1 day' - interval '1 hour', 'project', 'created', '{}', "
        "'{}', '{}'"
        " FROM (VALUES (1, 5, 9, 9), (1, 6, 2, 8), (1, 6, 3, 8), (1, 7, 1, 3)) v (e, x, q, d)");
    static const char mark[] =
        "SELECT concat_ws(' ', pruned_epoch, pruned_xid, pruned_seq, pruned_at > now() - interval"
        " '5 min') FROM changes_state";
    assert_int_equal(journal_prune(s.db, 10, &s.err), 0);
    expect("0 0 0", mark);
    assert_int_equal(journal_prune(s.db, 8, &s.err), 3);
    expect("1 6 3 t", mark);
    expect("7", "SELECT string_agg(xid::text, ' ') FROM changes");
    sql("UPDATE changes SET at = now() - interval '20 days', xid = '4'"); /* the mark does not go back */
    assert_int_equal(journal_prune(s.db, 8, &s.err), 1);
    expect("1 6 3 t", mark);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_swept_by_its_age),
    cmocka_unit_test(test_the_last_end_of_a_task_is_its_state),
    cmocka_unit_test(test_events_of_processes_are_taken_once),
    cmocka_unit_test(test_episodes_of_a_problem),
    cmocka_unit_test(test_the_journal_remembers_how_far_it_was_pruned),
};
TEST_MAIN(tests, start, stop)
