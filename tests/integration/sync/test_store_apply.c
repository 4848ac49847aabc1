/* From the stage into the tables, row by row: directories and projects that are new, changed, moved, missing or back, a
 * world in the place of another one, and which directories are asked for their projects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/lease.h"
#include "services/store/sync/staging/sync_exchange.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/staging/sync_tree.h"
#include "tests/support/store.h"

STORE_WORLD(store_stage(&s, "tree"))

FIXTURE(fresh)
{
    sql("DELETE FROM sync_missing; DELETE FROM sync_moved; DELETE FROM elevations; DELETE FROM phases; DELETE FROM "
        "projects;"
        "UPDATE directories SET parent_id = NULL; DELETE FROM directories; DELETE FROM sync_stage_directories; DELETE "
        "FROM"
        " sync_stage_projects; DELETE FROM sync_stage_elevations; DELETE FROM sync_stage_listed;"
        "INSERT INTO directories (id, logikal_id, name, level, upstream_path, full_path, upstream_chain, parent_id,"
        " sync_status, updated_at) VALUES (1, 'A', 'A', 1, 'A', 'A', 'A', NULL, 'synced', '2020-01-01'),"
        " (2, 'A/B', 'B', 2, 'A/B', 'A/B', 'A' || chr(31) || 'A/B', 1, 'synced', '2020-01-01'),"
        " (3, 'C', 'C', 1, 'C', 'C', 'C', NULL, 'synced', '2020-01-01');"
        "INSERT INTO projects (id, logikal_id, name, directory_id, status, api_changed_date, last_update_date,"
        " updated_at, is_estimated) SELECT i, 'p' || i - 10, n, d, 'active', to_timestamp(1000), to_timestamp(1000),"
        " '2020-01-01', false"
        " FROM (VALUES (11, 'one', 1), (12, 'two', 1), (13, 'three', 2)) v (i, n, d)");
    return 0;
}

/* ---- directories ---- */

TEST(test_directories_as_they_are_listed)
{
    struct apply_counts n;
    sql("UPDATE directories SET deleted_at = now(), updated_at = '2020-01-01' WHERE id = 3;"
        "INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('directory', 1, 5);"
        "INSERT INTO sync_stage_directories (stage, listing, identifier, name, chain, parent, level) VALUES"
        " (STAGE, 1, 'A', 'old name', 'A', NULL, 1), (STAGE, 2, 'A', 'A', 'A', NULL, 1), (STAGE, 1, 'C', 'C', 'C', "
        "NULL, 1),"
        " (STAGE, 3, 'A/N', '', 'A' || chr(31) || 'A/N', 'A', 2);"
        "INSERT INTO sync_stage_listed (stage, kind, identifier) VALUES (STAGE, 'd', NULL), (STAGE, 'd', 'A')");
    assert_int_equal(tree_apply_directories(&s.stage, &s.lease, 9, &n, &s.err), 0);
    assert_int_equal(n.written, 3);
    assert_int_equal(n.seen, 3);
    assert_int_equal(n.refused, 0);
    assert_int_equal(n.missing, 1); /* A/B, whose parent was listed whole */
    expect("A A 1 synced t, C C 1 synced f, A/N A/N 2 synced f",
           "SELECT string_agg(concat_ws(' ', logikal_id, name, level, sync_status, updated_at = '2020-01-01'), ', ' "
           "ORDER BY id)"
           " FROM directories WHERE id <> 2");
    expect("1", "SELECT parent_id FROM directories WHERE logikal_id = 'A/N'");
    expect("t", "SELECT deleted_at IS NULL FROM directories WHERE id = 3");
    expect("directory 2 9",
           "SELECT string_agg(concat_ws(' ', object_type, object_id, run_id), ', ') FROM sync_missing");
    struct lease lost = s.lease;
    lost.token++;
    assert_int_equal(tree_apply_directories(&s.stage, &lost, 9, &n, &s.err), -ERR_CONFLICT);
    assert_false(db_in_transaction(s.db));
}

TEST(test_directories_whose_parent_was_not_listed)
{
    struct apply_counts n;
    sql("INSERT INTO sync_stage_directories (stage, listing, identifier, name, chain, parent, level) VALUES"
        " (STAGE, 1, 'A', 'other', 'A', NULL, 1); INSERT INTO sync_stage_listed (stage, kind, identifier) VALUES "
        "(STAGE, 'p',"
        " 'A'), (STAGE + 1, 'd', 'A')");
    assert_int_equal(tree_apply_directories(&s.stage, &s.lease, 9, &n, &s.err), 0);
    assert_int_equal(n.missing, 0);
    expect("other f", "SELECT concat_ws(' ', name, updated_at = '2020-01-01') FROM directories WHERE id = 1");
    assert_int_equal(tree_forget_listed(&s.stage, &s.err), 0);
    expect("1", "SELECT count(*) FROM sync_stage_listed");
    assert_int_equal(tree_mark_listed(&s.stage, 'd', NULL, &s.err), 0);
    assert_int_equal(tree_apply_directories(&s.stage, &s.lease, 9, &n, &s.err), 0);
    assert_int_equal(n.missing, 1);
    expect("3", "SELECT string_agg(object_id::text, ' ') FROM sync_missing");
}

TEST(test_directories_that_are_asked_for_their_projects)
{
    sql("UPDATE directories SET upstream_chain = 'AB' WHERE id = 2");
    assert_string_equal(store_rows(tree_directories(s.db, &s.err)), "A A; A/B AB; C C");
    assert_int_equal(tree_is_excluded(s.db, "A/B", &s.err), 0);
    sql("UPDATE directories SET exclude_from_sync = true WHERE id = 1");
    assert_string_equal(store_rows(tree_directories(s.db, &s.err)), "C C");
    assert_int_equal(tree_is_excluded(s.db, "A", &s.err), 1);
    assert_int_equal(tree_is_excluded(s.db, "A/B", &s.err), 1); /* by what is above it */
    assert_int_equal(tree_is_excluded(s.db, "C", &s.err), 0);
    assert_int_equal(tree_is_excluded(s.db, "unknown", &s.err), 0);
    sql("UPDATE directories SET exclude_from_sync = false; UPDATE directories SET upstream_chain = NULL WHERE id = 1;"
        "UPDATE directories SET deleted_at = now() WHERE id = 3");
    assert_string_equal(store_rows(tree_directories(s.db, &s.err)), "A/B AB");
    sql("INSERT INTO sync_missing (object_type, object_id, run_id) VALUES ('directory', 2, 5)");
    assert_string_equal(store_rows(tree_directories(s.db, &s.err)), "");
}

/* ---- projects ---- */

static void stage_project(const char *directory, const char *id, const char *name, int changed, bool is_deleted)
{
    char text[300];
    snprintf(text, sizeof text,
             "INSERT INTO sync_stage_projects (stage, listing, directory, id, name, changed, is_deleted) VALUES"
             " (STAGE, 1, '%s', '%s', '%s', %d, %s)",
             directory, id, name, changed, is_deleted ? "true" : "false");
    sql(text);
}

static const char projects[] =
    "SELECT string_agg(concat_ws(' ', logikal_id, name, directory_id, status, sync_status, deleted_at IS"
    " NULL, updated_at = '2020-01-01'), ', ' ORDER BY logikal_id) FROM projects";

TEST(test_projects_as_they_are_listed)
{
    struct apply_counts n;
    sql("UPDATE projects SET deleted_at = now(), status = 'deleted' WHERE id = 12; INSERT INTO sync_missing "
        "(object_type,"
        " object_id, run_id) VALUES ('project', 12, 5), ('project', 11, 5);"
        "INSERT INTO sync_stage_listed (stage, kind, identifier) VALUES (STAGE, 'p', 'A'), (STAGE, 'p', 'C')");
    stage_project("A", "p1", "one", 1000, false);
    stage_project("A", "p2", "two", 1000, false); /* is back */
    stage_project("C", "p4", "", 0, false);
    stage_project("nowhere", "p5", "x", 1000, false);
    assert_int_equal(tree_apply_projects(&s.stage, &s.lease, 9, true, &n, &s.err), 0);
    assert_int_equal(n.seen, 4);
    assert_int_equal(n.written, 3);
    assert_int_equal(n.missing + n.withheld + n.refused, 0); /* the directory of the third was not listed */
    expect("p1 one 1 active synced t t, p2 two 1 active synced t f, p3 three 2 active pending t t, p4 p4 3 active "
           "synced t f",
           projects);
    expect("0", "SELECT count(*) FROM sync_missing");
    expect("0", "SELECT count(*) FROM sync_moved");
}

TEST(test_projects_that_have_moved_or_gone)
{
    struct apply_counts n;
    sql("INSERT INTO sync_stage_listed (stage, kind, identifier) VALUES (STAGE, 'p', 'A'), (STAGE, 'p', 'A/B'), "
        "(STAGE, 'p', 'C')");
    stage_project("C", "p1", "one", 1001, false);
    stage_project("A", "p2", "two", 1000, true); /* in the recycle bin: missing, too */
    assert_int_equal(tree_apply_projects(&s.stage, &s.lease, 9, true, &n, &s.err), 0);
    assert_int_equal(n.missing, 2);
    expect("p1 one 3 active synced t f, p2 two 1 active pending t t, p3 three 2 active pending t t", projects);
    expect("12 9, 13 9",
           "SELECT string_agg(concat_ws(' ', object_id, run_id), ', ' ORDER BY object_id) FROM sync_missing");
    expect("9 1", "SELECT concat_ws(' ', run_id, directory_id) FROM sync_moved"); /* where it was */
    sql("DELETE FROM sync_missing");
    assert_int_equal(tree_apply_projects(&s.stage, &s.lease, 9, false, &n, &s.err), 0); /* only some were wanted */
    assert_int_equal(n.missing, 1);
    expect("12", "SELECT string_agg(object_id::text, ' ') FROM sync_missing");
    sql("UPDATE projects SET deleted_at = '2021-01-01', status = 'deleted' WHERE id = 12"); /* gone it stays, since when
                                                                                               it was */
    assert_int_equal(tree_apply_projects(&s.stage, &s.lease, 9, true, &n, &s.err), 0);
    expect("t deleted", "SELECT concat_ws(' ', deleted_at = '2021-01-01', status) FROM projects WHERE id = 12");
}

/* ---- another world ---- */

TEST(test_a_world_in_the_place_of_another)
{
    static const struct {
        int known, still_there, unknown; /* projects of one directory */
        bool is_listed;
        int withheld;
    } rows[] = {
        {4, 1, 3, true, 3}, {4, 1, 2, true, 0}, {4, 2, 3, true, 0}, {4, 1, 3, false, 0}, {2, 0, 2, true, 2},
        {1, 0, 1, true, 0}, {3, 1, 2, true, 2}, {4, 4, 9, true, 0}, {0, 0, 5, true, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange out;
        char text[100];
        fresh(NULL);
        sql("DELETE FROM projects");
        if (rows[i].is_listed) sql("INSERT INTO sync_stage_listed (stage, kind, identifier) VALUES (STAGE, 'p', 'A')");
        for (int k = 0; k < rows[i].known; k++) {
            snprintf(text, sizeof text, "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('k%d', 'x', 1)",
                     k);
            sql(text);
        }
        for (int k = 0; k < rows[i].still_there + rows[i].unknown; k++) {
            snprintf(text, sizeof text, k < rows[i].still_there ? "k%d" : "u%d", k);
            stage_project("A", text, "x", 1, false);
        }
        stage_project("A", "recycled", "x", 1, true);
        assert_int_equal(exchange_projects(&s.stage, &out, &s.err), 0);
        if (out.withheld != rows[i].withheld) fail_msg("row %zu: %d", i, (int)out.withheld);
        assert_string_equal(out.places, out.withheld ? "{A}" : "{}");
        free(out.places);
        sql("UPDATE projects SET deleted_at = now()"); /* what has gone is no world */
        assert_int_equal(exchange_projects(&s.stage, &out, &s.err), 0);
        assert_int_equal(out.withheld, 0);
        free(out.places);
        sql("UPDATE projects SET deleted_at = NULL; INSERT INTO sync_missing (object_type, object_id, run_id, state) "
            "SELECT"
            " 'project', id, 1, 'refused' FROM projects WHERE logikal_id LIKE 'k%'"); /* nor what is known to be missing
                                                                                       */
        assert_int_equal(exchange_projects(&s.stage, &out, &s.err), 0);
        assert_int_equal(out.withheld, 0);
        free(out.places);
    }
}

TEST(test_elevations_of_another_world)
{
    struct exchange out;
    sql("INSERT INTO phases (id, logikal_id, name, project_id, sync_status) VALUES (21, 'f1', 'f', 11, 'x'), (22, "
        "'f2', 'g', 11, 'x');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count) SELECT i, 'e' || i, 'e', 11, 21 + (i > 34)::int, 'x', false, 'pending', 0 FROM "
        "generate_series(31, 38) i;"
        "INSERT INTO sync_stage_elevations (stage, listing, phase, id, is_recycled) SELECT STAGE, 1, 'f1', 'n' || i, "
        "false FROM"
        " generate_series(1, 3) i UNION ALL SELECT STAGE, 1, 'f1', 'e31', false UNION ALL SELECT STAGE, 2, 'f2', 'e' "
        "|| i, false FROM"
        " generate_series(35, 38) i UNION ALL SELECT STAGE, 2, 'f2', 'n4', false UNION ALL SELECT STAGE, 1, 'f1', 'r', "
        "true UNION ALL"
        " SELECT STAGE, 3, 'f1', 'n9', false");
    static const struct {
        const char *project, *listings, *phases, *places;
        int withheld;
    } rows[] = {
        {"11", "{1,2}", "{f1,f2}", "{f1}", 3}, {"11", "{1,2,3}", "{f1,f2}", "{f1}", 4},
        {"11", "{1,2}", "{f2}", "{}", 0},      {"11", "{2}", "{f1,f2}", "{}", 0},
        {"12", "{1,2}", "{f1,f2}", "{}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(exchange_elevations(&s.stage, rows[i].project, rows[i].listings, rows[i].phases, &out, &s.err),
                         0);
        if (out.withheld != rows[i].withheld || strcmp(out.places, rows[i].places) != 0)
            fail_msg("row %zu: %d %s", i, (int)out.withheld, out.places);
        free(out.places);
    }
}

#define each(test) cmocka_unit_test_setup(test, fresh)
/* Where there has never been a date, nothing says that what is left out has not moved; a date that there was is kept.
 */
TEST(test_projects_whose_date_is_left_out)
{
    static const struct {
        const char *known;
        bool is_forced;
        const char *becomes;
    } rows[] = {{"to_timestamp(1000)", false, "J 1000"}, {"NULL", false, "- -"}, {"to_timestamp(1000)", true, "- -"}};
    struct apply_counts n;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        snprintf(
            text, sizeof text,
            "UPDATE projects SET job_number = 'J', api_changed_date = %s WHERE id = 11; DELETE FROM"
            " sync_stage_projects; INSERT INTO sync_stage_projects (stage, listing, directory, id, name, is_deleted)"
            " VALUES (STAGE, 1, 'A', 'p1', 'one', false)",
            rows[i].known);
        sql(text);
        s.stage.takes_all = rows[i].is_forced;
        assert_int_equal(tree_apply_projects(&s.stage, &s.lease, 9, false, &n, &s.err), 0);
        expect(rows[i].becomes, "SELECT concat_ws(' ', coalesce(job_number, '-'), coalesce(extract(epoch FROM"
                                " api_changed_date)::bigint::text, '-')) FROM projects WHERE id = 11");
    }
    s.stage.takes_all = false;
}

static const struct CMUnitTest tests[] = {
    each(test_directories_as_they_are_listed),
    each(test_directories_whose_parent_was_not_listed),
    each(test_directories_that_are_asked_for_their_projects),
    each(test_projects_as_they_are_listed),
    each(test_projects_that_have_moved_or_gone),
    each(test_projects_whose_date_is_left_out),
    each(test_a_world_in_the_place_of_another),
    each(test_elevations_of_another_world),
};
TEST_MAIN(tests, start, stop)
