/* What the store notes of syncs, cell by cell: the settings of object types and how their attempts went, runs, rows of
 * the log, counters and histograms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/task.h"
#include "services/store/counted_sql.h"
#include "services/store/maintenance.h"
#include "services/store/sync/sync_config.h"
#include "services/store/sync/sync_log.h"
#include "services/store/web/intervals_json.h"
#include "services/store/web/watch/verdict_read.h"
#include "services/sync/due.h"
#include "tests/support/store.h"

STORE_WORLD()

/* ---- object types ---- */

static struct object_config configs[OBJECT_TYPES_MAX];

static const struct object_config *config_of(const char *type)
{
    int n = sync_config_load(s.db, configs, &s.err);
    for (int i = 0; i < n; i++)
        if (strcmp(configs[i].type, type) == 0) return &configs[i];
    fail_msg("no type %s", type);
    return NULL;
}

TEST(test_settings_of_a_type_are_read)
{
    sql("UPDATE object_sync_configs SET depends_on = 'directory, x', sync_interval_minutes = 11,"
        " staleness_threshold_minutes = 22, priority = 0, batch_size = 33, max_retry_attempts = 44,"
        " retry_delay_minutes = 55, is_sync_enabled = false, cascade_sync = true, retry_count = 2,"
        " last_sync = now() - interval '1000 s', last_attempt = now() - interval '500 s',"
        " next_retry_at = now() + interval '5000 s' WHERE object_type = 'project'");
    const struct object_config *c = config_of("project");
    assert_ptr_equal(c, configs); /* by its priority */
    assert_string_equal(c->depends_on, "directory, x");
    assert_int_equal(c->interval_min, 11);
    assert_int_equal(c->stale_min, 22);
    assert_int_equal(c->priority, 0);
    assert_int_equal(c->batch_size, 33);
    assert_int_equal(c->max_retries, 44);
    assert_int_equal(c->retry_delay_min, 55);
    assert_false(c->is_enabled);
    assert_true(c->cascades);
    assert_int_equal(c->retry_count, 2);
    assert_int_equal(c->oldest_s, -1);
    assert_in_range(c->since_sync_s, 1000, 1300);
    assert_in_range(c->since_attempt_s, 500, 800);
    assert_in_range(c->retry_in_s, 4700, 5000);

    sql("UPDATE object_sync_configs SET depends_on = NULL, is_sync_enabled = true, cascade_sync = false, priority = 2,"
        " last_sync = now() + interval '1000 s', last_attempt = now() + interval '1000 s', retry_count = 0,"
        " next_retry_at = now() - interval '5000 s' WHERE object_type = 'project'");
    c = config_of("project");
    assert_string_equal(c->depends_on, "");
    assert_true(c->is_enabled && !c->cascades);
    assert_int_equal(c->since_sync_s + c->since_attempt_s + c->retry_in_s, 0);

    sql("UPDATE object_sync_configs SET last_sync = NULL, last_attempt = NULL, next_retry_at = NULL"
        " WHERE object_type = 'project'");
    c = config_of("project");
    assert_int_equal(c->since_sync_s, -1);
    assert_int_equal(c->since_attempt_s, -1);
    assert_int_equal(c->retry_in_s, -1);
}

TEST(test_whether_the_last_attempt_failed)
{
    static const struct {
        const char *status, *last_sync, *last_attempt;
        bool has_failed;
    } rows[] = {
        {"'failed'", "now()", "now()", true},
        {"'partial'", "NULL", "now()", true},
        {"'partial'", "now() - interval '1 min'", "now()", true},
        {"'partial'", "now()", "now()", false},
        {"'partial'", "now()", "now() - interval '1 min'", false},
        {"'success'", "now() - interval '1 min'", "now()", false},
        {"'running'", "NULL", "now()", false},
        {"NULL", "NULL", "NULL", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "UPDATE object_sync_configs SET last_status = %s, last_sync = %s, last_attempt = %s"
                 " WHERE object_type = 'phase'",
                 rows[i].status, rows[i].last_sync, rows[i].last_attempt);
        sql(text);
        if (config_of("phase")->has_failed != rows[i].has_failed) fail_msg("row %zu", i);
    }
}

/* A minute out of a range, once in so many NULL; and a half, so that nothing is due within the moment between two
 * statements. */
static void some_time(char out[40], unsigned *seed, int from, int to, int null_in)
{
    int minutes = from + (int)(rand_r(seed) % (unsigned)(to - from));
    if (rand_r(seed) % (unsigned)null_in == 0)
        snprintf(out, 40, "NULL");
    else
        snprintf(out, 40, "now() + interval '%d s'", minutes * 60 + 30);
}

/* What people and the ERP are told of the next sync is what the scheduler goes by: due when that time has come. */
TEST(test_the_next_sync_that_is_told_is_when_the_type_is_due)
{
    static const char *const statuses[] = {"'success'", "'failed'", "'partial'", "'held'", "'running'", "NULL"};
    unsigned seed = 20260131;
    for (int i = 0; i < 400; i++) {
        char text[700], sync[40], attempt[40], retry[40];
        some_time(sync, &seed, -200, 0, 6);
        some_time(attempt, &seed, -200, 0, 6);
        some_time(retry, &seed, -10, 10, 2);
        snprintf(
            text, sizeof text,
            "UPDATE object_sync_configs SET is_sync_enabled = true, last_status = %s, last_sync = %s, last_attempt ="
            " %s, next_retry_at = %s, retry_count = %u, sync_interval_minutes = %u, staleness_threshold_minutes ="
            " %u WHERE object_type = 'phase'",
            statuses[rand_r(&seed) % 6], sync, attempt, retry, strcmp(retry, "NULL") ? 1 + rand_r(&seed) % 2 : 0,
            1 + rand_r(&seed) % 150, 1 + rand_r(&seed) % 150);
        sql(text);
        bool is_due = due_is_yes(due_of(config_of("phase")));
        bool is_told = store_int(&s, "SELECT (" INTERVAL_NEXT " <= now())::int FROM object_sync_configs c WHERE"
                                     " object_type = 'phase'");
        if (is_due != is_told)
            fail_msg("%s: %s, and told as %s", text, is_due ? "due" : "not due", is_told ? "due" : "not");
    }
}

/* How old the oldest row of each type is: of what is synced at all. */
TEST(test_how_old_the_oldest_row_is)
{
    sql("INSERT INTO directories (id, logikal_id, name, upstream_chain, exclude_from_sync, deleted_at, parent_id) "
        "VALUES"
        " (1, 'A', 'A', 'A', false, NULL, NULL), (2, 'B', 'B', 'B', true, NULL, NULL), (3, 'C', 'C', 'C', false, NULL, "
        "2),"
        " (4, 'D', 'D', 'D', false, now(), NULL), (5, 'E', 'E', NULL, false, NULL, NULL);"
        "INSERT INTO projects (id, logikal_id, name, directory_id, created_at, deleted_at) VALUES"
        " (1, 'p1', 'p1', 1, now() - interval '50000 s', NULL), (2, 'p2', 'p2', 1, now() - interval '40000 s', NULL),"
        " (3, 'p3', 'p3', 2, now() - interval '90000 s', NULL), (4, 'p4', 'p4', 3, now() - interval '90000 s', NULL),"
        " (5, 'p5', 'p5', 4, now() - interval '90000 s', NULL), (6, 'p6', 'p6', 5, now() - interval '90000 s', NULL),"
        " (7, 'p7', 'p7', 1, now() - interval '90000 s', now());"
        "INSERT INTO project_cursors (project_id, confirmed_at, phases_listed_at, phases_at, elevations_listed_at,"
        "  elevations_at) VALUES (1, now() - interval '1000 s', now() - interval '2000 s', now() - interval '60000 s',"
        "  now() - interval '3000 s', now() - interval '60000 s')");
    int n = sync_config_load(s.db, configs, &s.err);
    assert_int_equal(sync_config_look_at_rows(s.db, configs, n, &s.err), 0);
    for (int i = 0; i < n; i++) { /* the second project was never completed: it is as old as its row */
        bool is_listed = strstr("project phase elevation", configs[i].type) != NULL;
        if (is_listed && (configs[i].oldest_s < 40000 || configs[i].oldest_s > 40300))
            fail_msg("%s: %d", configs[i].type, (int)configs[i].oldest_s);
        if (!is_listed) assert_int_equal(configs[i].oldest_s, -1);
    }
    sql("DELETE FROM projects WHERE id = 2");
    static const struct {
        const char *type;
        int oldest;
    } rows[] = {{"project", 1000}, {"phase", 2000}, {"elevation", 3000}};
    assert_int_equal(sync_config_look_at_rows(s.db, configs, n, &s.err), 0);
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            if (strcmp(configs[i].type, rows[k].type) == 0)
                assert_in_range(configs[i].oldest_s, rows[k].oldest, rows[k].oldest + 300);
    sql("UPDATE project_cursors SET phases_listed_at = NULL, elevations_listed_at = NULL");
    assert_int_equal(sync_config_look_at_rows(s.db, configs, n, &s.err), 0);
    for (int i = 0; i < n; i++)
        if (strcmp(configs[i].type, "phase") == 0 || strcmp(configs[i].type, "elevation") == 0)
            assert_in_range(configs[i].oldest_s, 60000, 60300);
    sql("DELETE FROM projects; DELETE FROM directories");
}

TEST(test_how_an_attempt_went_is_noted)
{
    static const struct {
        int retries; /* so far, of 3 */
        struct object_outcome o;
        const char *expected; /* status, retries, minutes until the next, whether it counts as synced */
    } rows[] = {
        {0, {.is_success = true}, "success 0 - t"},
        {2, {.is_success = true}, "success 0 - t"},
        {2, {.is_success = true, .failed = 1}, "partial 0 - t"},
        {2, {.is_success = true, .is_held = true, .failed = 1}, "held 0 - t"},
        {0, {.is_success = false}, "failed 1 7 f"},
        {2, {.is_success = false}, "failed 3 7 f"},
        {3, {.is_success = false}, "failed 0 - f"},
        {4, {.is_success = false}, "failed 0 - f"},
        {1, {.is_success = false, .is_broken = true}, "partial 2 7 f"},
        {1, {.is_success = false, .is_held = true}, "failed 2 7 f"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        struct object_outcome o = rows[i].o;
        snprintf(text, sizeof text,
                 "UPDATE object_sync_configs SET max_retry_attempts = 3, retry_delay_minutes = 7, retry_count = %d,"
                 " last_sync = NULL, last_attempt = NULL, last_error = 'former', last_finished_status = 'former'",
                 rows[i].retries);
        sql(text);
        assert_int_equal(sync_config_note_attempt(s.db, "phase", &s.err), 0);
        expect("running|former", "SELECT last_status || '|' || last_finished_status FROM object_sync_configs"
                                 " WHERE object_type = 'phase' AND last_attempt > now() - interval '5 min'");
        o.processed = 12;
        o.duration_ms = 345;
        o.error = o.is_success ? NULL : "why";
        assert_int_equal(sync_config_note_outcome(s.db, "phase", &o, &s.err), 0);
        expect(
            rows[i].expected,
            "SELECT concat_ws(' ', last_status, retry_count, coalesce(round(extract(epoch FROM next_retry_at - now())"
            " / 60)::text, '-'), CASE WHEN last_sync IS NULL THEN 'f' ELSE 't' END)"
            " FROM object_sync_configs WHERE object_type = 'phase'");
        expect(o.is_success ? "12 345 - t t" : "12 345 why t t",
               "SELECT concat_ws(' ', last_count, last_duration_ms, coalesce(last_error, '-'), last_finished_status ="
               " last_status, last_attempt > now() - interval '5 min') FROM object_sync_configs"
               " WHERE object_type = 'phase'");
        expect("0", "SELECT count(*) FROM object_sync_configs WHERE object_type <> 'phase' AND last_error <> 'former'");
    }
}

TEST(test_when_a_run_was_is_noted)
{
    sql("DELETE FROM sync_config");
    assert_int_equal(sync_config_note_run(s.db, true, &s.err), 0);
    expect("t t", "SELECT concat_ws(' ', last_full_sync IS NOT NULL, last_incremental_sync IS NULL) FROM sync_config");
    sql("UPDATE sync_config SET last_full_sync = '2020-01-01', updated_at = '2020-01-01'");
    assert_int_equal(sync_config_note_run(s.db, false, &s.err), 0);
    expect("1 t t t", "SELECT concat_ws(' ', count(*), bool_and(last_full_sync = '2020-01-01'),"
                      " bool_and(last_incremental_sync > now() - interval '5 min'),"
                      " bool_and(updated_at > now() - interval '5 min')) FROM sync_config");
}

/* ---- runs and their log ---- */

static int64_t begin(const char *scope, const char *asks, bool is_forced)
{
    struct task_ctx ctx = {.id = "task-1", .name = "tasks.x"};
    int64_t run = sync_run_begin(s.db, scope, &ctx, asks, is_forced, &s.err);
    assert_true(run > 0);
    return run;
}

TEST(test_a_run_from_its_beginning_to_its_end)
{
    char at[16], *result = NULL;
    int64_t run = begin("a", "due", true), other = begin("b", "all", false);
    expect("a task-1 tasks.x t due starting running 0 0",
           "SELECT concat_ws(' ', scope, task_id, task_name, is_forced, asks, status, state, current, total)"
           " FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_progress(s.db, run, 3, 8, "at work", &s.err), 0);
    assert_int_equal(sync_run_trouble(s.db, run, "slow", 60000, &s.err), 0);
    expect("3 8 at work slow 1", "SELECT concat_ws(' ', current, total, status, trouble, round(extract(epoch FROM"
                                 " now() - trouble_since) / 60)) FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_trouble(s.db, run, NULL, 0, &s.err), 0);
    expect("t", "SELECT trouble IS NULL AND trouble_since IS NULL FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_look(s.db, run, at, &result, &s.err), 0);
    assert_string_equal(at, "running");
    assert_null(result);
    assert_int_equal(sync_run_end(s.db, run, "failed", "{\"a\": 1}", &s.err), 0);
    expect("failed failed 3 {\"a\": 1} t", "SELECT concat_ws(' ', state, status, current, result, finished_at IS NOT"
                                           " NULL) FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_end(s.db, run, "completed", NULL, &s.err), 0);
    expect("completed 8", "SELECT concat_ws(' ', state, current) FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_end(s.db, run, "held", "{\"a\": 1}", &s.err), 0);
    assert_int_equal(sync_run_look(s.db, run, at, &result, &s.err), 0);
    assert_string_equal(at, "held");
    assert_string_equal(result, "{\"a\": 1}");
    free(result);
    assert_int_equal(sync_run_look(s.db, 999999, at, &result, &s.err), 0);
    assert_string_equal(at, "failed");
    assert_null(result);
    expect("running 0", "SELECT concat_ws(' ', state, current) FROM sync_runs WHERE scope = 'b'");

    assert_int_equal(sync_run_abandon(s.db, "b", &s.err), 0);
    expect("failed its process died t", "SELECT concat_ws(' ', state, status, finished_at IS NOT NULL) FROM sync_runs"
                                        " WHERE scope = 'b'");
    assert_int_equal(sync_run_abandon(s.db, "a", &s.err), 0); /* one that has ended stays as it is */
    expect("held", "SELECT state FROM sync_runs WHERE scope = 'a'");
    assert_int_equal(sync_run_current(s.db, "b", "all", false, &s.err), 0);
    assert_true(other > run);
}

/* Which running one answers a request: of the same, or of all, and forced when it is to be. */
TEST(test_a_request_that_joins_a_run)
{
    static const struct {
        const char *runs;
        bool is_forced;
        const char *asks;
        bool wants_forced, joins;
    } rows[] = {
        {"due", false, "due", false, true},     {"due", false, "due", true, false},
        {"due", true, "due", true, true},       {"due", true, "due", false, true},
        {"due", false, "all", false, false},    {"all", false, "due", false, false},
        {"all", false, "project", false, true}, {"all", false, "directory", false, true},
        {"all", false, "phase", false, true},   {"all", false, "elevation", false, true},
        {"all", false, "glass", false, false},  {"project", false, "phase", false, false},
        {"all", false, "phase", true, false},   {"all", true, "phase", true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t run = begin("j", rows[i].runs, rows[i].is_forced);
        int64_t found = sync_run_current(s.db, "j", rows[i].asks, rows[i].wants_forced, &s.err);
        if (found != (rows[i].joins ? run : 0)) fail_msg("row %zu: %d", i, (int)found);
        assert_int_equal(sync_run_current(s.db, "k", rows[i].asks, false, &s.err), 0);
        sync_run_end(s.db, run, "completed", NULL, &s.err);
        assert_int_equal(sync_run_current(s.db, "j", rows[i].asks, rows[i].wants_forced, &s.err), 0);
    }
    begin("j", "due", true); /* the newest alone counts */
    begin("j", "due", false);
    assert_int_equal(sync_run_current(s.db, "j", "due", true, &s.err), 0);
}

TEST(test_a_row_of_the_log)
{
    int64_t log = sync_log_begin(s.db, "project_forced", "task-7", 0, &s.err);
    const struct log_end end = {.status = "completed",
                                .message = "m",
                                .error = "e",
                                .processed = 1,
                                .successful = 2,
                                .failed = 3,
                                .skipped = 4,
                                .duration_ms = 1500};
    assert_true(log > 0);
    expect("project_forced started started task-7", "SELECT concat_ws(' ', sync_type, status, message, task_id,"
                                                    " project_id, completed_at) FROM sync_logs");
    assert_int_equal(sync_log_end(s.db, log, &end, &s.err), 0);
    expect("completed m e 1 2 3 4 1500 2 t",
           "SELECT concat_ws(' ', status, message, error_details, items_processed, items_successful, items_failed,"
           " items_skipped, duration_ms, duration_seconds, completed_at IS NOT NULL) FROM sync_logs");
    assert_true(sync_log_begin(s.db, "x", NULL, 5, &s.err) > log);
    expect("x 5", "SELECT concat_ws(' ', sync_type, task_id, project_id) FROM sync_logs WHERE status = 'started'");
}

TEST(test_counters_and_histograms_grow)
{
    sql("DELETE FROM sync_counters; DELETE FROM sync_durations");
    for (int64_t n = -1; n <= 2; n++) assert_int_equal(sync_counter_add(s.db, "phase", "synced", n, &s.err), 0);
    assert_int_equal(sync_counter_add(s.db, "phase", "failed", 5, &s.err), 0);
    assert_int_equal(sync_counter_add(s.db, "project", "failed", 0, &s.err), 0);
    expect("phase failed 5,phase synced 3",
           "SELECT string_agg(concat_ws(' ', object_type, outcome, value), ',' ORDER BY outcome) FROM sync_counters");
    static const int64_t durations[] = {0, 100, 101, 500, 5000, 60001, 2000000};
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        assert_int_equal(sync_duration_add(s.db, "phase", durations[i], &s.err), 0);
    assert_int_equal(sync_duration_add(s.db, "project", 1, &s.err), 0);
    expect("{2,4,4,5,5,5,6,6} 7 2065.702",
           "SELECT concat_ws(' ', buckets, count, sum_s) FROM sync_durations WHERE object_type = 'phase'");
    expect("{1,1,1,1,1,1,1,1} 1 0.001",
           "SELECT concat_ws(' ', buckets, count, sum_s) FROM sync_durations WHERE object_type = 'project'");
}

/* ---- what the keeper of the house sees ---- */

TEST(test_totals_of_what_is_stored)
{
    sql("DELETE FROM sync_logs; DELETE FROM sync_runs;"
        "INSERT INTO directories (id, logikal_id, name) VALUES (9, 'X', 'X');"
        "INSERT INTO projects (id, logikal_id, name, directory_id, deleted_at) VALUES (91, 'p1', 'p1', 9, NULL),"
        " (92, 'p2', 'p2', 9, NULL), (93, 'p3', 'p3', 9, now());"
        "INSERT INTO project_cursors (project_id, failures, confirmed_at) VALUES (91, 1, now() - interval '3000 s'),"
        " (92, 0, now()), (93, 2, now() - interval '9000 s');"
        "INSERT INTO sync_logs (sync_type, status, started_at) VALUES ('a', 'failed', now() - interval '23 hours'),"
        " ('a', 'failed', now() - interval '25 hours'), ('a', 'completed', now());"
        "INSERT INTO sync_runs (scope, state) VALUES ('r', 'running'), ('r', 'failed')");
    sql("INSERT INTO directories (id, logikal_id, name, parent_id, exclude_from_sync) VALUES (7, 'Y', 'Y', NULL, true),"
        " (8, 'Y/Z', 'Z', 7, false);" /* what is excluded is not read again, nor what lies below */
        "INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (94, 'p4', 'p4', 7), (95, 'p5', 'p5', 8);"
        "INSERT INTO project_cursors (project_id, failures, confirmed_at) VALUES (94, 1, now()), (95, 1, now());"
        "INSERT INTO phases (id, logikal_id, name, project_id) VALUES (9, 'h', 'h', 91);"
        "INSERT INTO elevations (logikal_id, name, phase_id, project_id, has_parts_data, parse_status, deleted_at)"
        " VALUES ('a', 'a', 9, 91, true, 'failed', NULL), ('b', 'b', 9, 91, true, 'validation_failed', NULL),"
        " ('c', 'c', 9, 91, true, 'validation_failed', now()), ('d', 'd', 9, 91, true, 'success', NULL)");
    PGresult *r = maintenance_totals(s.db, &s.err);
    int64_t age_s = db_int(r, 0, 8);
    assert_in_range(age_s, 3000, 3300);
    char text[100], wanted[100];
    snprintf(wanted, sizeof wanted, "4 3 0 1 0 2 1 1 %d", (int)age_s);
    snprintf(text, sizeof text, "%s", store_rows(r));
    assert_string_equal(text, wanted);
    expect("2", "SELECT count(*) FROM elevations WHERE " IS_UNREADABLE);
    r = db_query(s.db, &s.err, query_verdict_sync.sql, 0, NULL);
    assert_non_null(r);
    assert_non_null(strstr(db_text(r, 0, 0), "\"failing\" : 1,"));
    PQclear(r);
    sql("DELETE FROM elevations; DELETE FROM phases; DELETE FROM projects; UPDATE directories SET parent_id = NULL;"
        "DELETE FROM directories");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_settings_of_a_type_are_read),
    cmocka_unit_test(test_the_next_sync_that_is_told_is_when_the_type_is_due),
    cmocka_unit_test(test_whether_the_last_attempt_failed),
    cmocka_unit_test(test_how_old_the_oldest_row_is),
    cmocka_unit_test(test_how_an_attempt_went_is_noted),
    cmocka_unit_test(test_when_a_run_was_is_noted),
    cmocka_unit_test(test_a_run_from_its_beginning_to_its_end),
    cmocka_unit_test(test_a_request_that_joins_a_run),
    cmocka_unit_test(test_a_row_of_the_log),
    cmocka_unit_test(test_counters_and_histograms_grow),
    cmocka_unit_test(test_totals_of_what_is_stored),
};
TEST_MAIN(tests, start, stop)
