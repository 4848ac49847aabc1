/* What a sync asks the upstream for, row by row: which projects are visited and what for, and which files of elevations
 * are fetched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/lease.h"
#include "services/store/sync/files/sync_files.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/staging/sync_tree.h"
#include "services/store/web/sync_state_read.h"
#include "tests/support/store.h"

STORE_WORLD(store_lease(&s, "tree"))
static struct stage stage;

FIXTURE(fresh)
{
    stage = (struct stage){.db = s.db, .id = 5};
    store_one_elevation(&s);
    return 0;
}

/* ---- which projects are visited ---- */

/* The date that the upstream shows is 1000; the cursor of the project: dates, when they were listed by the upstream's
 * clock, and how long ago that was by ours. */
static const struct {
    const char *cursor; /* phases_date, phases_at, elevations_date, elevations_at (seconds) and ages of the listings */
    struct tree_wants wants;
    const char *expected; /* phases, elevations; "" = left out */
} visited[] = {
    {"1000, 2000, 1000, 2000, 0, 0", {.phases_due = true, .elevations_due = true}, ""},
    {"1000, 2000, 1000, 2000, 0, 0", {.phases_due = true, .is_forced = true}, "t f"},
    {"1000, 2000, 1000, 2000, 0, 0", {.elevations_due = true, .is_forced = true}, "f t"},
    {"1000, 2000, 1000, 2000, 0, 0", {.phases_follow = true, .elevations_follow = true, .is_forced = true}, ""},
    {"999, 2000, 1000, 2000, 0, 0", {.phases_due = true, .elevations_due = true}, "t f"},
    {"999, 2000, 1000, 2000, 0, 0", {.phases_follow = true, .elevations_follow = true}, "t f"},
    {"999, 2000, 1000, 2000, 0, 0", {.elevations_due = true}, ""},
    {"1000, 2000, 999, 2000, 0, 0", {.phases_due = true, .elevations_due = true}, "f t"},
    {"1000, 2000, 999, 2000, 0, 0", {.elevations_follow = true}, "f t"},
    {"1000, 2000, 999, 2000, 0, 0", {.phases_due = true}, ""},
    {"NULL::int, 2000, NULL::int, 2000, 0, 0", {.phases_due = true, .elevations_due = true}, "t t"},
    /* what changed in the moment of the listing may have been missed */
    {"1000, 1004, 1000, 1004, 0, 0", {.phases_due = true, .elevations_due = true}, ""},
    {"1000, 1003, 1000, 1004, 0, 0", {.phases_due = true, .elevations_due = true}, "t f"},
    {"1000, 1004, 1000, 1003, 0, 0", {.phases_due = true, .elevations_due = true}, "f t"},
    /* stale, though nothing has moved: those that are due, not those that follow */
    {"1000, 2000, 1000, 2000, 5000, 0",
     {.phases_due = true, .elevations_due = true, .phases_stale_s = 3000, .elevations_stale_s = 3000},
     "t f"},
    {"1000, 2000, 1000, 2000, 0, 5000",
     {.phases_due = true, .elevations_due = true, .phases_stale_s = 3000, .elevations_stale_s = 3000},
     "f t"},
    {"1000, 2000, 1000, 2000, 5000, 5000", {.phases_due = true, .elevations_due = true}, ""},
    {"1000, 2000, 1000, 2000, 5000, 5000",
     {.phases_due = true, .elevations_due = true, .phases_stale_s = 9000, .elevations_stale_s = 9000},
     ""},
    {"1000, 2000, 1000, 2000, 5000, 5000",
     {.phases_follow = true, .elevations_follow = true, .phases_stale_s = 3000, .elevations_stale_s = 3000},
     ""},
    {NULL, {.phases_due = true, .elevations_due = true}, "t t"}, /* no cursor yet */
    {NULL, {.phases_follow = true}, "t f"},
    {NULL, {.elevations_due = true}, "f t"},
};

TEST(test_which_projects_are_visited)
{
    for (size_t i = 0; i < sizeof visited / sizeof visited[0]; i++) {
        char text[400];
        int64_t planned = 0, skipped = 0;
        fresh(NULL);
        sql("INSERT INTO sync_stage_projects (stage, listing, directory, id, changed, is_deleted) VALUES (5, 1, 'A', "
            "'p1',"
            " 1000, false), (6, 1, 'A', 'p1', 1, false)");
        if (visited[i].cursor) {
            snprintf(
                text, sizeof text,
                "INSERT INTO project_cursors (project_id, phases_date, phases_at, elevations_date, elevations_at,"
                " phases_listed_at, elevations_listed_at, confirmed_at) SELECT 1, to_timestamp(a), to_timestamp(b),"
                " to_timestamp(c), to_timestamp(d), now() - e * interval '1 s', now() - f * interval '1 s', "
                "'2020-01-01'"
                " FROM (VALUES (%s)) v (a, b, c, d, e, f)",
                visited[i].cursor);
            sql(text);
        }
        assert_int_equal(tree_plan(&stage, &visited[i].wants, &planned, &skipped, &s.err), 0);
        char *plan =
            store_value(&s, "SELECT concat_ws(' ', needs_phases, needs_elevations) FROM sync_stage_plan WHERE stage ="
                            " 5 AND seq = 1 AND project_id = 1 AND guid = 'p1' AND chain = 'A' AND changed = 1000");
        if (strcmp(plan, visited[i].expected) != 0) fail_msg("row %zu: %s", i, plan);
        free(plan);
        bool is_known = visited[i].cursor && strstr(visited[i].cursor, ", 1000, ") != NULL;
        assert_int_equal(planned, *visited[i].expected != '\0');
        assert_int_equal(skipped, !planned && is_known);
        if (visited[i].cursor) /* what is left out is confirmed */
            expect(skipped ? "t" : "f", "SELECT confirmed_at > now() - interval '1 hour' FROM project_cursors");
    }
}

/* Somebody says that a project has changed: it is read anew, though the upstream's date of it stays. */
TEST(test_who_is_said_to_have_changed_is_visited)
{
    static const struct {
        const char *name, *date, *expected;
    } rows[] = {
        {"p1", NULL, "t t"},         {"1", NULL, "t t"},
        {"p1", "2999-01-01", "t t"}, {"p1", "2020-01-01T00:00:00Z", ""}, /* before it was read last */
        {"other", NULL, ""},
    };
    const struct tree_wants wants = {.phases_due = true, .elevations_due = true};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t planned, skipped;
        fresh(NULL);
        sql("UPDATE projects SET last_sync_date = now(), last_update_date = to_timestamp(1000), api_changed_date ="
            " to_timestamp(1000);"
            "INSERT INTO sync_stage_projects (stage, listing, directory, id, changed, is_deleted) VALUES (5, 1, 'A',"
            " 'p1', 1000, false);"
            "INSERT INTO project_cursors (project_id, phases_date, phases_at, elevations_date, elevations_at,"
            " phases_listed_at, elevations_listed_at) SELECT 1, d, d + interval '1 h', d, d + interval '1 h', now(),"
            " now() FROM to_timestamp(1000) d");
        PGresult *r =
            db_query(s.db, &s.err, query_project_mark_updated.sql, 2, (const char *[]){rows[i].name, rows[i].date});
        assert_non_null(r);
        PQclear(r);
        assert_int_equal(tree_plan(&stage, &wants, &planned, &skipped, &s.err), 0);
        char *plan = store_value(
            &s, "SELECT concat_ws(' ', needs_phases, needs_elevations) FROM sync_stage_plan WHERE stage = 5");
        if (strcmp(plan, rows[i].expected) != 0) fail_msg("row %zu: %s", i, plan);
        free(plan);
    }
}

TEST(test_projects_that_are_not_visited)
{
    static const struct {
        const char *sql;
        int planned;
    } rows[] = {
        {"SELECT 1", 1},
        {"UPDATE sync_stage_projects SET is_deleted = true", 0},
        {"INSERT INTO sync_stage_projects (stage, listing, directory, id, changed, is_deleted) VALUES (5, 2, 'B', "
         "'p1', 1000,"
         " true)",
         1},
        {"UPDATE projects SET deleted_at = now()", 0},
        {"UPDATE directories SET upstream_chain = NULL", 0},
        {"UPDATE sync_stage_projects SET stage = 6", 0},
        {"UPDATE sync_stage_projects SET id = 'other'", 0},
        {"INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (2, 'p2', 'two', 1); INSERT INTO"
         " sync_stage_projects (stage, listing, directory, id, changed, is_deleted) VALUES (5, 1, 'A', 'p2', 1, false)",
         2},
    };
    const struct tree_wants wants = {.phases_due = true, .elevations_due = true};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t planned, skipped;
        fresh(NULL);
        sql("INSERT INTO sync_stage_projects (stage, listing, directory, id, changed, is_deleted) VALUES (5, 1, 'A', "
            "'p1',"
            " 1000, false); INSERT INTO sync_stage_plan (stage, seq) VALUES (5, 1), (6, 1)");
        sql(rows[i].sql);
        assert_int_equal(tree_plan(&stage, &wants, &planned, &skipped, &s.err), 0);
        if (planned != rows[i].planned) fail_msg("row %zu: %d", i, (int)planned);
        expect("1", "SELECT count(*) FROM sync_stage_plan WHERE stage = 6"); /* another one's */
    }
}

/* ---- which files are fetched ---- */

#define FILES(table, values)                                                                                           \
    "INSERT INTO " table " (elevation_id, sha256, error, version_id, changed_date, fetched_at, tries, retry_at,"       \
    " failed_version, failed_date, tried_at) VALUES (1, " values ")"
#define V1 "'v1', to_timestamp(1000)"

static const struct {
    const char *thumbnail, *parts; /* rows; NULL = none */
    const char *more;              /* SQL */
    const char *expected;          /* thumbnail, parts list; "" = none of both */
} wanted[] = {
    {NULL, NULL, NULL, "t t"},
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"), NULL, ""},
    {FILES("elevation_thumbnails", "'s', NULL, 'v0', to_timestamp(1000), now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, 'v1', to_timestamp(999), now(), 0, NULL, NULL, NULL, NULL"), NULL,
     "t t"},
    {FILES("elevation_thumbnails", "NULL, NULL, " V1 ", now() - interval '2 days', 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "NULL, NULL, " V1 ", now() - interval '25 hours', 0, NULL, NULL, NULL, NULL"), NULL,
     "f t"}, /* there is none: asked again for parts after a day */
    {FILES("elevation_thumbnails", "NULL, NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "NULL, NULL, " V1 ", now() - interval '23 hours', 0, NULL, NULL, NULL, NULL"), NULL,
     ""},
    {FILES("elevation_thumbnails", "NULL, 'e', NULL, NULL, now(), 1, now() + interval '1 hour', " V1 ", now()"),
     FILES("elevation_parts_lists", "NULL, 'e', NULL, NULL, now(), 1, now() + interval '1 hour', " V1 ", now()"), NULL,
     ""},
    {FILES("elevation_thumbnails", "NULL, 'e', NULL, NULL, now(), 1, now() - interval '1 hour', " V1 ", now()"),
     FILES("elevation_parts_lists", "NULL, 'e', NULL, NULL, now(), 1, now() - interval '1 hour', " V1 ", now()"), NULL,
     "t t"},
    {FILES("elevation_thumbnails",
           "NULL, 'e', NULL, NULL, now(), 1, now() + interval '1 hour', 'v0', to_timestamp(1000), now()"),
     FILES("elevation_parts_lists",
           "NULL, 'e', NULL, NULL, now(), 1, now() + interval '1 hour', 'v1', to_timestamp(999), now()"),
     NULL, "t t"}, /* it has moved since */
    {FILES("elevation_thumbnails", "'s', 'e', " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', 'e', " V1 ", now(), 0, NULL, NULL, NULL, NULL"), NULL, "t t"},
    /* a parts list that could not be read */
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now() - interval '2 minutes', 0, NULL, NULL, NULL, NULL"),
     "UPDATE elevations SET parse_status = 'failed'", "f t"},
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     "UPDATE elevations SET parse_status = 'failed'", ""},
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists",
           "'s', NULL, " V1 ", now() - interval '2 hours', 0, now() + interval '1 hour', NULL, NULL, NULL"),
     "UPDATE elevations SET parse_status = 'failed'", ""},
    /* all of them, once, when the run is forced */
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now() - interval '2 hours', 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, now() - interval '2 hours'"),
     "INSERT INTO sync_runs (id, scope, is_forced, started_at) VALUES (7, 'x', true, now() - interval '1 hour')",
     "t t"},
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now() - interval '2 hours', 0, NULL, NULL, NULL, now()"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now(), 0, NULL, NULL, NULL, NULL"),
     "INSERT INTO sync_runs (id, scope, is_forced, started_at) VALUES (7, 'x', true, now() - interval '1 hour')", ""},
    {FILES("elevation_thumbnails", "'s', NULL, " V1 ", now() - interval '2 hours', 0, NULL, NULL, NULL, NULL"),
     FILES("elevation_parts_lists", "'s', NULL, " V1 ", now() - interval '2 hours', 0, NULL, NULL, NULL, NULL"),
     "INSERT INTO sync_runs (id, scope, is_forced, started_at) VALUES (7, 'x', false, now() - interval '1 hour'), "
     "(8, 'x',"
     " true, now())",
     ""},
    /* not of what is gone, or missing */
    {NULL, NULL, "UPDATE elevations SET deleted_at = now()", ""},
    {NULL, NULL, "UPDATE phases SET deleted_at = now()", ""},
    {NULL, NULL, "INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('phase', 1, 7)", ""},
    {NULL, NULL, "INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('elevation', 1, 7)", ""},
    {NULL, NULL,
     "INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('elevation', 2, 7), ('phase', 2, 7)", "t t"},
};

TEST(test_which_files_are_wanted)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char text[20] = "";
        int64_t planned;
        fresh(NULL);
        if (wanted[i].thumbnail) sql(wanted[i].thumbnail);
        if (wanted[i].parts) sql(wanted[i].parts);
        if (wanted[i].more) sql(wanted[i].more);
        PGresult *r = files_wanted(s.db, 7, 1, 0, 0, true, true, 9, &s.err);
        if (PQntuples(r)) snprintf(text, sizeof text, "%s %s", db_text(r, 0, 6), db_text(r, 0, 7));
        PQclear(r);
        if (strcmp(text, wanted[i].expected) != 0) fail_msg("row %zu: %s", i, text);
        for (int kinds = 0; kinds < 4; kinds++) { /* a project is planned for the files that are switched on */
            bool with_thumbnails = kinds & 1, with_parts = kinds & 2;
            bool is_wanted = (with_thumbnails && text[0] == 't') || (with_parts && text[0] && text[2] == 't');
            r = files_wanted(s.db, 7, 1, 0, 0, with_thumbnails, with_parts, 9, &s.err);
            assert_int_equal(PQntuples(r), is_wanted);
            PQclear(r);
            assert_int_equal(tree_plan_files(&stage, 7, with_thumbnails, with_parts, &planned, &s.err), 0);
            bool is_hidden =
                wanted[i].more && strstr(wanted[i].more, "phase") != NULL && !strstr(wanted[i].more, "2, 7");
            bool is_missing = wanted[i].more && strstr(wanted[i].more, "('elevation', 1, 7)") != NULL;
            if (!is_hidden && !is_missing && planned != is_wanted) fail_msg("row %zu is %d planned", i, (int)planned);
        }
    }
}

TEST(test_pages_of_files)
{
    sql("INSERT INTO phases (id, logikal_id, upstream_id, name, project_id, sync_status) VALUES (2, 'f2', 'F2', 'g', "
        "1, 'x');"
        "INSERT INTO elevations (id, logikal_id, upstream_id, name, project_id, phase_id, sync_status, has_parts_data,"
        " parse_status, parse_retry_count, version_id, api_changed_date) VALUES (3, 'e3', 'E3', 'three', 1, 1, 'x', "
        "false,"
        " 'success', 0, 'v1', NULL), (2, 'e2', NULL, 'two', 1, 2, 'x', false, 'success', 0, NULL, "
        "to_timestamp(7));" FILES(
            "elevation_parts_lists",
            "'abc', NULL, 'v0', NULL, now(), 0, NULL, NULL, NULL, NULL") ";"
                                                                         "UPDATE elevation_parts_lists SET size_bytes "
                                                                         "= 77");
    assert_string_equal(
        store_rows(files_wanted(s.db, 0, 1, 0, 0, true, true, 9, &s.err)),
        "1 1 e1 f1 v1 1000 t t 77 t f abc one; 1 3 E3 f1 v1 - t t 0 f f - three; 2 2 e2 F2 - 7 t t 0 f f - two");
    assert_string_equal(store_rows(files_wanted(s.db, 0, 1, 1, 1, true, false, 1, &s.err)),
                        "1 3 E3 f1 v1 - t f 0 f f - three");
    assert_string_equal(store_rows(files_wanted(s.db, 0, 1, 1, 3, false, true, 9, &s.err)),
                        "2 2 e2 F2 - 7 f t 0 f f - two");
    assert_string_equal(store_rows(files_wanted(s.db, 0, 2, 0, 0, true, true, 9, &s.err)), "");
    sql("UPDATE elevation_parts_lists SET error = 'e', tries = 0"); /* whether a good one is there */
    assert_string_equal(store_rows(files_wanted(s.db, 0, 1, 0, 0, false, true, 1, &s.err)),
                        "1 1 e1 f1 v1 1000 f t 77 f f abc one");
    sql("UPDATE elevation_parts_lists SET tries = 1, version_id = 'v1', changed_date = to_timestamp(1000), content = "
        "'x'");
    assert_string_equal(store_rows(files_wanted(s.db, 0, 1, 0, 0, false, true, 1, &s.err)),
                        "1 1 e1 f1 v1 1000 f t 77 t t - one");
    sql("UPDATE elevations SET parse_status = 'validation_failed'");
    assert_string_equal(store_rows(files_wanted(s.db, 0, 1, 0, 0, false, true, 1, &s.err)),
                        "1 1 e1 f1 v1 1000 f t 77 f t - one");
}

TEST(test_projects_that_want_files)
{
    static const struct {
        const char *sql;
        int planned;
    } rows[] = {
        {"SELECT 1", 1},
        {"UPDATE projects SET deleted_at = now()", 0},
        {"UPDATE directories SET deleted_at = now()", 0},
        {"UPDATE directories SET upstream_chain = NULL", 0},
        {"UPDATE directories SET exclude_from_sync = true", 0},
        {"INSERT INTO directories (id, logikal_id, name, exclude_from_sync) VALUES (9, 'Z', 'Z', true); UPDATE "
         "directories SET"
         " parent_id = 9 WHERE id = 1",
         0},
        {"INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('directory', 1, 7)", 0},
        {"INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('project', 1, 7)", 0},
        {"UPDATE elevations SET deleted_at = now()", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t planned;
        fresh(NULL);
        sql("INSERT INTO sync_stage_plan (stage, seq) VALUES (5, 1)");
        sql(rows[i].sql);
        assert_int_equal(tree_plan_files(&stage, 7, true, true, &planned, &s.err), 0);
        if (planned != rows[i].planned) fail_msg("row %zu: %d", i, (int)planned);
        if (planned)
            expect("1 1 p1 A f f",
                   "SELECT concat_ws(' ', seq, project_id, guid, chain, needs_phases, needs_elevations) FROM"
                   " sync_stage_plan WHERE stage = 5");
    }
}

#define each(test) cmocka_unit_test_setup(test, fresh)
static const struct CMUnitTest tests[] = {
    each(test_which_projects_are_visited),
    each(test_who_is_said_to_have_changed_is_visited),
    each(test_projects_that_are_not_visited),
    each(test_which_files_are_wanted),
    each(test_pages_of_files),
    each(test_projects_that_want_files),
};
TEST_MAIN(tests, start, stop)
