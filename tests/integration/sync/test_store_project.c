/* A project's phases and elevations from the stage into the tables, row by row: what is written, what is missing or
 * back, and how far its cursor moves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/lease.h"
#include "services/store/sync/staging/sync_project.h"
#include "services/store/sync/staging/sync_stage.h"
#include "tests/support/store.h"

STORE_WORLD(store_stage(&s, "project:p1"))

/* Project 1 with phases f1 (elevations e1, e2) and f2 (e3). */
FIXTURE(fresh)
{
    sql("DELETE FROM sync_missing; DELETE FROM project_cursors; DELETE FROM elevations; DELETE FROM phases; DELETE "
        "FROM projects;"
        "DELETE FROM directories; DELETE FROM sync_stage_phases; DELETE FROM sync_stage_elevations;"
        "INSERT INTO directories (id, logikal_id, name) VALUES (1, 'A', 'A');"
        "INSERT INTO projects (id, logikal_id, upstream_id, name, directory_id) VALUES (1, 'p1', 'P1', 'one', 1), (2, "
        "'p2', NULL,"
        " 'two', 1);"
        "INSERT INTO phases (id, logikal_id, upstream_id, name, project_id, sync_status) VALUES (1, 'f1', 'F1', 'f', "
        "1, 'x'),"
        " (2, 'f2', NULL, 'g', 1, 'x');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count) SELECT i, 'e' || i, 'e', 1, 1 + (i = 3)::int, 'x', false, 'pending', 0 FROM "
        "generate_series(1, 3) i");
    return 0;
}

static struct project_counts apply(struct project_apply a)
{
    struct project_counts n;
    a.stage = &s.stage;
    a.project_id = 1;
    a.run = 9;
    if (project_apply(s.db, &s.lease, &a, &n, &s.err) != 0) fail_msg("%s", s.err.text);
    return n;
}

static const char missing[] =
    "SELECT coalesce(string_agg(concat_ws(' ', object_type, object_id, run_id), ', ' ORDER BY object_type,"
    " object_id), '') FROM sync_missing";
static const char cursor[] =
    "SELECT concat_ws(' ', extract(epoch FROM phases_date)::int, extract(epoch FROM phases_at)::int, extract(epoch FROM"
    " elevations_date)::int, extract(epoch FROM elevations_at)::int, '|', phases_listed_at > now() - interval '5 min',"
    " elevations_listed_at > now() - interval '5 min', confirmed_at > now() - interval '5 min', '|', failures, "
    "last_error,"
    " failed_at IS NOT NULL) FROM project_cursors WHERE project_id = 1";

/* ---- how far the cursor moves ---- */

TEST(test_how_far_the_cursor_moves)
{
    static const struct {
        struct project_apply apply;
        const char *expected;
    } rows[] = {
        {{.changed_s = 1000,
          .phases_listing = 5,
          .phases_at_s = 2000,
          .phases_are_whole = true,
          .elevations_are_whole = true,
          .elevations_at_s = 2001},
         "1000 2000 1000 2001 | t t t | 0 f"},
        {{.changed_s = 1000, .phases_listing = 5, .phases_at_s = 2000, .phases_are_whole = true},
         "1000 2000 | t t | 0 f"},
        {{.changed_s = 1000, .phases_listing = 5, .phases_at_s = 2000}, "| t | 0 f"},
        {{.changed_s = 1000, .phases_listing = 5, .phases_are_whole = true}, "| t | 0 f"},
        {{.changed_s = 1000, .phases_at_s = 2000, .phases_are_whole = true}, "| t | 0 f"},
        {{.changed_s = 1000, .elevations_are_whole = true, .elevations_at_s = 2001}, "1000 2001 | t t | 0 f"},
        {{.changed_s = 1000, .elevations_at_s = 2001}, "| t | 0 f"},
        {{.changed_s = 1000, .elevations_are_whole = true}, "| t | 0 f"},
        {{.changed_s = 0, .phases_listing = 5, .phases_at_s = 2000, .phases_are_whole = true}, "2000 | t t | 0 f"},
        {{.changed_s = 1000, .phases_listing = 5, .phases_at_s = 2000, .phases_are_whole = true, .error = "why"},
         "1000 2000 | t | 1 why t"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh(NULL);
        apply(rows[i].apply);
        char *text = store_value(&s, cursor);
        if (strcmp(text, rows[i].expected) != 0) fail_msg("row %zu: %s", i, text);
        free(text);
    }
}

/* What was there stays where nothing better is known; a failure is counted, and over with the first success. */
TEST(test_a_cursor_that_moves_on)
{
    const struct project_apply all = {.changed_s = 1000,
                                      .phases_listing = 5,
                                      .phases_at_s = 1001,
                                      .phases_are_whole = true,
                                      .elevations_are_whole = true,
                                      .elevations_at_s = 1002};
    apply(all);
    expect("1000 1001 1000 1002 | t t t | 0 f", cursor);
    apply((struct project_apply){.changed_s = 2000, .error = "why"});
    apply((struct project_apply){.changed_s = 2000, .error = "again"});
    expect("1000 1001 1000 1002 | t t t | 2 again t", cursor);
    assert_int_equal(project_note_failure(s.db, 1, "more", &s.err), 0);
    expect("1000 1001 1000 1002 | t t t | 3 more t", cursor);
    apply((struct project_apply){.changed_s = 2000});
    expect("1000 1001 1000 1002 | t t t | 0 t", cursor);
    apply(all); /* the same date, listed a moment later: it may have changed in that moment */
    expect("1000 1001 1000 1002 | t t t | 0 t", cursor);
    sql("UPDATE project_cursors SET phases_listed_at = now() - interval '10 s', elevations_listed_at = now() - "
        "interval '10 s'");
    apply(all); /* and later on it has not */
    expect("1000 1004 1000 1004 | t t t | 0 t", cursor);
    assert_int_equal(project_note_failure(s.db, 2, "first", &s.err), 0);
    expect("1 first", "SELECT concat_ws(' ', failures, last_error) FROM project_cursors WHERE project_id = 2");
    expect("f", "SELECT files_date IS NOT NULL FROM project_cursors WHERE project_id = 1");
    assert_int_equal(project_note_files(s.db, 1, &s.err), 0);
    expect("t", "SELECT files_date = elevations_date FROM project_cursors WHERE project_id = 1");
}

/* ---- phases and elevations ---- */

TEST(test_phases_as_they_are_listed)
{
    sql("UPDATE phases SET deleted_at = now() WHERE id = 2; INSERT INTO sync_missing (object_type, object_id, run_id) "
        "VALUES"
        " ('phase', 2, 5);"
        "INSERT INTO sync_stage_phases (stage, listing, id, name) VALUES (STAGE, 5, 'f2', 'g'), (STAGE, 5, 'f3', ''),"
        " (STAGE, 6, 'f4', 'of another listing')");
    struct project_counts n = apply((struct project_apply){.changed_s = 1, .phases_listing = 5, .phases_at_s = 9});
    assert_int_equal(n.phases * 10 + n.phases_written, 22);
    assert_int_equal(n.elevations + n.refused + n.withheld, 0);
    expect("", missing); /* the list was not whole */
    expect("f1 f t, f2 g t, f3 t",
           "SELECT string_agg(concat_ws(' ', logikal_id, nullif(name, logikal_id), deleted_at IS NULL),"
           " ', ' ORDER BY logikal_id) FROM phases");
    apply((struct project_apply){.changed_s = 1, .phases_listing = 5, .phases_at_s = 9, .phases_are_whole = true});
    expect("phase 1 9", missing);
    assert_string_equal(store_rows(project_phases(s.db, 1, &s.err)), "f1 F1; f2 f2; f3 f3");
    sql("UPDATE phases SET deleted_at = now() WHERE id = 1");
    assert_string_equal(store_rows(project_phases(s.db, 1, &s.err)), "f2 f2; f3 f3");
    assert_string_equal(store_rows(project_phases(s.db, 2, &s.err)), "");
    char *spelling = project_spelling(s.db, 1, &s.err);
    assert_string_equal(spelling, "P1");
    free(spelling);
    spelling = project_spelling(s.db, 2, &s.err);
    assert_string_equal(spelling, "");
    free(spelling);
}

TEST(test_elevations_as_they_are_listed)
{
    sql("INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('elevation', 1, 5);"
        "INSERT INTO sync_stage_elevations (stage, listing, phase, id, name, is_recycled) VALUES (STAGE, 7, 'f1', "
        "'e1', 'e', false),"
        " (STAGE, 7, 'f1', 'e4', 'new', false), (STAGE, 8, 'f2', 'e5', 'of a list that broke off', false)");
    struct project_counts n = apply((struct project_apply){.changed_s = 1, .listings = "{7}", .elevations_at_s = 9});
    assert_int_equal(n.elevations * 10 + n.elevations_written, 22);
    assert_int_equal(n.doubles + n.twice + n.withheld + n.refused, 0);
    expect("", missing);
    expect("e1 1 e, e2 1 e, e3 2 e, e4 1 new",
           "SELECT string_agg(concat_ws(' ', logikal_id, phase_id, name), ', ' ORDER BY"
           " logikal_id) FROM elevations");
    apply((struct project_apply){.changed_s = 1, .listings = "{7}", .phases_listed = "{f1}", .elevations_at_s = 9});
    expect("elevation 2 9", missing); /* f2 was not listed whole */
    sql("DELETE FROM sync_missing");
    n = apply((struct project_apply){
        .changed_s = 1, .listings = "{}", .phases_listed = "{f2}", .elevations_at_s = 9, .elevations_are_whole = true});
    assert_int_equal(n.elevations + n.elevations_written, 0);
    expect("elevation 3 9", missing); /* it is empty */
    struct lease lost = s.lease;
    lost.token++;
    const struct project_apply a = {.stage = &s.stage, .project_id = 1, .run = 9};
    assert_int_equal(project_apply(s.db, &lost, &a, &n, &s.err), -ERR_CONFLICT);
    assert_false(db_in_transaction(s.db));
}

/* One that PostgreSQL refuses keeps no other out, and the cursor waits. */
static int refused_count;

static void on_refused(void *arg, const char *type, const char *id, const char *why)
{
    (void)arg, (void)why;
    refused_count++;
    assert_string_equal(type, "elevation");
    assert_string_equal(id, "e4");
}

TEST(test_one_that_is_refused_keeps_no_other_out)
{
    sql("ALTER TABLE elevations ADD CONSTRAINT refuses CHECK (name <> 'refused');"
        "INSERT INTO sync_stage_elevations (stage, listing, phase, id, name, is_recycled) VALUES (STAGE, 7, 'f1', "
        "'e4', 'refused',"
        " false), (STAGE, 7, 'f1', 'e5', 'fine', false)");
    s.stage.refused = on_refused;
    struct project_counts n = apply((struct project_apply){.changed_s = 1000,
                                                           .listings = "{7}",
                                                           .phases_listed = "{}",
                                                           .elevations_at_s = 2000,
                                                           .elevations_are_whole = true});
    sql("ALTER TABLE elevations DROP CONSTRAINT refuses");
    s.stage.refused = NULL;
    assert_int_equal(n.refused, 1);
    assert_int_equal(refused_count, 1);
    assert_int_equal(n.elevations_written, 1);
    expect("1", "SELECT count(*) FROM elevations WHERE logikal_id = 'e5'");
    expect("| | 1 some of its objects were refused by PostgreSQL t", cursor);
}

#define each(test) cmocka_unit_test_setup(test, fresh)
static const struct CMUnitTest tests[] = {
    each(test_how_far_the_cursor_moves),
    each(test_a_cursor_that_moves_on),
    each(test_phases_as_they_are_listed),
    each(test_elevations_as_they_are_listed),
    each(test_one_that_is_refused_keeps_no_other_out),
};
TEST_MAIN(tests, start, stop)
