/* What listings have left out, cell by cell on a small tree: what is judged and counted, where to look again, what is
 * marked or held, and what an administrator makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/lease.h"
#include "services/store/sync/sync_missing.h"
#include "tests/support/store.h"

#define RUN   10
#define OTHER 11 /* of another process */
#define DEAD  12

STORE_WORLD(store_lease(&s, "tree"))

/* Directories 1 (with 2 below it, and 3 below that) and 4; projects 11 in 2, 12 in 4; phases 21, 22 of 11 and the
 * default phase 23 of 12; elevations 31, 32 of 21, 33 of 22, 34 of 23. 5, 15, 25, 35 have gone before. */
FIXTURE(fresh)
{
    sql("DELETE FROM sync_missing; DELETE FROM sync_holds; DELETE FROM sync_moved; DELETE FROM sync_runs;"
        "DELETE FROM sync_counters; DELETE FROM elevations; DELETE FROM phases; DELETE FROM projects;"
        "DELETE FROM directories;"
        "INSERT INTO sync_runs (id, scope, state, started_at) VALUES (10, 'tree', 'running', now() - interval '1 min'),"
        " (11, 'b', 'running', now()), (12, 'c', 'failed', now());"
        "INSERT INTO directories (id, logikal_id, name, parent_id, upstream_chain, created_at, deleted_at) VALUES"
        " (1, 'A', 'A', NULL, 'A', now() - interval '1 day', NULL), (2, 'B', 'B', 1, 'A/B', now() - interval '1 day',"
        " NULL), (3, 'C', 'C', 2, 'A/B/C', now() - interval '1 day', NULL), (4, 'D', 'D', NULL, 'D', now(), NULL),"
        " (5, 'E', 'E', NULL, 'E', now() - interval '1 day', now());"
        "INSERT INTO projects (id, logikal_id, upstream_id, name, directory_id, created_at, deleted_at) VALUES"
        " (11, 'p11', 'P11', 'one', 2, now() - interval '1 day', NULL), (12, 'p12', NULL, 'two', 4, now(), NULL),"
        " (15, 'p15', NULL, 'gone', 4, now() - interval '1 day', now());"
        "INSERT INTO phases (id, logikal_id, upstream_id, name, project_id, sync_status, created_at, deleted_at) VALUES"
        " (21, 'f21', 'F21', 'f', 11, 'x', now() - interval '1 day', NULL), (22, 'f22', NULL, 'g', 11, 'x', now() -"
        " interval '1 day', NULL), (23, '00000000-0000-0000-0000-000000000000', NULL, 'd', 12, 'x', now(), NULL),"
        " (25, 'f25', NULL, 'gone', 11, 'x', now() - interval '1 day', now());"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count, created_at, deleted_at) SELECT i, 'e' || i, 'e', p, f, 'x', false, 'pending', 0, now() -"
        " CASE WHEN i = 34 THEN interval '0' ELSE interval '1 day' END, CASE WHEN i = 35 THEN now() END FROM (VALUES"
        " (31, 11, 21), (32, 11, 21), (33, 11, 22), (34, 12, 23), (35, 11, 21)) v (i, p, f);"
        "INSERT INTO project_cursors (project_id, phases_date, elevations_date, files_date) VALUES (11, now(), now(),"
        " now()), (12, now(), now(), now())");
    return 0;
}

static void miss(const char *type, int id, const char *state, int run)
{
    char text[200];
    snprintf(text, sizeof text,
             "INSERT INTO sync_missing (object_type, object_id, state, run_id) VALUES ('%s', %d, '%s', %d)", type, id,
             state, run);
    sql(text);
}

/* "type id state run" of each row. */
static const char missing_rows[] =
    "SELECT coalesce(string_agg(concat_ws(' ', object_type, object_id, state, run_id), ', '"
    " ORDER BY object_id), '') FROM sync_missing";
static const char living_rows[] =
    "SELECT concat_ws(' ', (SELECT string_agg(id::text, ' ' ORDER BY id) FROM directories WHERE deleted_at IS NULL),"
    " (SELECT string_agg(id::text, ' ' ORDER BY id) FROM projects WHERE deleted_at IS NULL),"
    " (SELECT string_agg(id::text, ' ' ORDER BY id) FROM phases WHERE deleted_at IS NULL),"
    " (SELECT string_agg(id::text, ' ' ORDER BY id) FROM elevations WHERE deleted_at IS NULL))";
/* Which dates of a project's cursor are still known. */
static const char cursors[] =
    "SELECT string_agg(concat_ws(' ', project_id, phases_date IS NOT NULL, elevations_date IS NOT"
    " NULL, files_date IS NOT NULL), ', ' ORDER BY project_id) FROM project_cursors";

TEST(test_what_a_run_judges)
{
    miss("elevation", 31, "new", RUN);
    miss("elevation", 32, "confirmed", DEAD);
    miss("elevation", 33, "held", DEAD);
    miss("elevation", 34, "new", OTHER);
    miss("elevation", 35, "new", RUN); /* marked meanwhile, as are these */
    miss("phase", 25, "new", RUN);
    miss("project", 15, "new", RUN);
    miss("directory", 5, "new", RUN);
    miss("phase", 21, "refused", RUN);
    miss("directory", 77, "new", RUN); /* not there */
    sql("INSERT INTO sync_moved VALUES (10, 1), (12, 1)");
    assert_int_equal(missing_claim(s.db, RUN, false, &s.err), 1);
    expect("phase 21 refused 10, elevation 31 new 10, elevation 32 confirmed 12, elevation 33 held 12, elevation 34 "
           "new 11",
           missing_rows);
    expect("10", "SELECT string_agg(run_id::text, ' ') FROM sync_moved");
    assert_int_equal(missing_claim(s.db, RUN, true, &s.err), 3);
    expect("phase 21 refused 10, elevation 31 new 10, elevation 32 new 10, elevation 33 held 10, elevation 34 new 11",
           missing_rows);

    assert_int_equal(missing_add_project(s.db, RUN, 11, &s.err), 0);
    assert_int_equal(missing_add_project(s.db, RUN, 15, &s.err), 0);
    miss("project", 12, "new", OTHER);
    assert_int_equal(missing_add_project(s.db, RUN, 12, &s.err), 0);
    expect("project 11 confirmed 10, project 12 new 10",
           "SELECT string_agg(concat_ws(' ', object_type, object_id, state,"
           " run_id), ', ' ORDER BY object_id) FROM sync_missing WHERE object_type = 'project'");
}

static void expect_counts(const char *gone, bool root_is_empty)
{
    struct missing_counts n;
    char text[100];
    assert_int_equal(missing_count(s.db, RUN, &n, &s.err), 0);
    snprintf(text, sizeof text, "%d %d %d %d", (int)n.gone[0], (int)n.gone[1], (int)n.gone[2], (int)n.gone[3]);
    assert_string_equal(text, gone);
    snprintf(text, sizeof text, "%d %d %d %d, %d %d %d %d, %d", (int)n.living[0], (int)n.living[1], (int)n.living[2],
             (int)n.living[3], (int)n.fresh[0], (int)n.fresh[1], (int)n.fresh[2], (int)n.fresh[3],
             (int)n.default_phases);
    assert_string_equal(text, "4 2 3 4, 1 1 1 1, 1");
    assert_int_equal(n.root_is_empty, root_is_empty);
}

TEST(test_what_would_go)
{
    expect_counts("0 0 0 0", false);
    miss("elevation", 31, "new", RUN);
    miss("elevation", 32, "new", OTHER);
    miss("elevation", 33, "refused", RUN);
    expect_counts("0 0 0 1", false);
    miss("phase", 21, "confirmed", RUN);
    expect_counts("0 0 1 2", false);
    miss("project", 11, "held", RUN);
    expect_counts("0 1 2 3", false);
    miss("directory", 1, "new", RUN);
    expect_counts("3 1 2 3", false);
    sql("INSERT INTO sync_moved VALUES (11, 3)"); /* seen by another */
    expect_counts("3 1 2 3", false);
    sql("INSERT INTO sync_moved VALUES (10, 3)"); /* its projects are elsewhere: it was renamed, with all below it */
    expect_counts("0 1 2 3", false);
    miss("directory", 4, "new", RUN);
    expect_counts("1 2 3 4", true);
    sql("UPDATE sync_missing SET run_id = 11 WHERE object_type = 'directory' AND object_id = 4");
    expect_counts("0 1 2 3", false);
}

static void expect_places(bool with_held, int limit, const char *expected)
{
    assert_string_equal(store_rows(missing_places(s.db, RUN, with_held, limit, &s.err)), expected);
}

TEST(test_where_to_look_again)
{
    miss("elevation", 31, "new", RUN);
    miss("elevation", 32, "confirmed", RUN);
    miss("elevation", 33, "held", RUN);
    miss("phase", 22, "new", RUN);
    miss("project", 11, "new", RUN);
    miss("directory", 4, "new", RUN);
    miss("directory", 3, "new", RUN);
    expect_places(false, 9, "d 0 - - - 1; d 2 A/B - - 1; p 2 A/B - - 1; h 11 A/B P11 - 1; e 21 A/B P11 F21 2");
    expect_places(
        true, 9, "d 0 - - - 1; d 2 A/B - - 1; p 2 A/B - - 1; h 11 A/B P11 - 1; e 21 A/B P11 F21 2; e 22 A/B P11 f22 1");
    expect_places(true, 2, "d 0 - - - 1; d 2 A/B - - 1");
    sql("UPDATE directories SET upstream_chain = NULL WHERE id = 2"); /* nobody knows the way there */
    expect_places(true, 9, "d 0 - - - 1");
    sql("UPDATE directories SET upstream_chain = 'A/B', deleted_at = now() WHERE id = 2");
    expect_places(true, 9, "d 0 - - - 1");
    sql("UPDATE directories SET deleted_at = NULL; UPDATE phases SET deleted_at = now() WHERE id = 21");
    expect_places(false, 9, "d 0 - - - 1; d 2 A/B - - 1; p 2 A/B - - 1; h 11 A/B P11 - 1");
    sql("UPDATE phases SET deleted_at = NULL, logikal_id = NULL WHERE id = 21; UPDATE projects SET upstream_id = NULL");
    expect_places(false, 9, "d 0 - - - 1; d 2 A/B - - 1; p 2 A/B - - 1; h 11 A/B p11 - 1");
    sql("UPDATE projects SET deleted_at = now() WHERE id = 11");
    expect_places(true, 9, "d 0 - - - 1; d 2 A/B - - 1; p 2 A/B - - 1");
    sql("UPDATE sync_missing SET run_id = 11");
    expect_places(true, 9, "");
}

/* Each kind of place, listed again: what is there is not missing, and read anew; the rest is confirmed, there alone. */
TEST(test_what_a_second_look_finds)
{
    static const struct {
        const char *type;
        int there, missing, elsewhere; /* ids */
        char kind;
        int place;
        const char *ids, *cursors;
    } rows[] = {
        {"directory", 1, 4, 2, 'd', 0, "{A,x}", "11 t t t, 12 t t t"},
        {"directory", 2, 0, 3, 'd', 1, "{B}", "11 t t t, 12 t t t"},
        {"project", 11, 0, 12, 'p', 2, "{p11}", "11 t t t, 12 t t t"},
        {"phase", 21, 22, 23, 'h', 11, "{f21,f23}", "11 f f t, 12 t t t"},
        {"elevation", 31, 32, 33, 'e', 21, "{e31,e33}", "11 t f t, 12 t t t"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char wanted[200] = "", text[100];
        fresh(NULL);
        miss(rows[i].type, rows[i].there, "held", RUN);
        if (rows[i].missing) miss(rows[i].type, rows[i].missing, i % 2 ? "held" : "new", RUN);
        miss(rows[i].type, rows[i].elsewhere, "new", RUN);
        assert_int_equal(missing_looked(s.db, OTHER, rows[i].kind, rows[i].place, rows[i].ids, &s.err), 0);
        int64_t found = missing_looked(s.db, RUN, rows[i].kind, rows[i].place, rows[i].ids, &s.err);
        assert_int_equal(found, 1);
        int first = rows[i].missing, second = rows[i].elsewhere;
        for (int k = 0; k < 2; k++) {
            int id = (first < second) == (k == 0) ? first : second;
            if (id == 0) continue;
            snprintf(text, sizeof text, "%s%s %d %s 10", *wanted ? ", " : "", rows[i].type, id,
                     id == first ? "confirmed" : "new");
            strcat(wanted, text);
        }
        store_expect(&s, wanted, missing_rows);
        store_expect(&s, rows[i].cursors, cursors);
    }
    fresh(NULL); /* what was refused or is confirmed stays so */
    miss("elevation", 31, "refused", RUN);
    miss("elevation", 32, "new", OTHER);
    assert_int_equal(missing_looked(s.db, RUN, 'e', 21, "{}", &s.err), 0);
    expect("elevation 31 refused 10, elevation 32 new 11", missing_rows);
}

TEST(test_what_is_marked)
{
    int64_t marked[MISSING_TYPES];
    miss("elevation", 31, "confirmed", RUN);
    miss("elevation", 32, "new", RUN); /* its place could be looked at, and was not */
    miss("elevation", 33, "refused", RUN);
    miss("elevation", 34, "confirmed", OTHER);
    assert_int_equal(missing_mark(s.db, &s.lease, RUN, marked, &s.err), 0);
    assert_int_equal(marked[0] + marked[1] + marked[2], 0);
    assert_int_equal(marked[3], 1);
    expect("1 2 3 4 11 12 21 22 23 32 33 34", living_rows);
    expect("elevation 32 new 10, elevation 33 refused 10, elevation 34 confirmed 11", missing_rows);
    expect("31 deleted t", "SELECT concat_ws(' ', id, sync_status, updated_at >= deleted_at) FROM elevations WHERE"
                           " deleted_at IS NOT NULL AND id <> 35");
    miss("directory", 2, "confirmed", RUN);
    assert_int_equal(missing_mark(s.db, &s.lease, RUN, marked, &s.err), 0);
    assert_int_equal(marked[0], 2);
    assert_int_equal(marked[1], 1);
    assert_int_equal(marked[2], 2);
    assert_int_equal(marked[3], 2);
    expect("1 4 12 23 34", living_rows);
    expect("elevation 34 confirmed 11", missing_rows);
    expect("11 f f f, 12 t t t", cursors);
    expect("deleted deleted", "SELECT concat_ws(' ', status, sync_status) FROM projects WHERE id = 11");

    struct lease lost = s.lease;
    lost.token++;
    miss("project", 12, "confirmed", RUN);
    assert_int_equal(missing_mark(s.db, &lost, RUN, marked, &s.err), -ERR_CONFLICT);
    assert_false(db_in_transaction(s.db));
    expect("1 4 12 23 34", living_rows);
}

static int64_t hold_all(const char *reason, int64_t gone)
{
    const int64_t counts[MISSING_TYPES] = {gone, gone + 1, gone + 2, gone + 3};
    int64_t id = 0;
    assert_int_equal(missing_hold(s.db, &s.lease, RUN, reason, counts, &id, &s.err), 0);
    assert_true(id > 0);
    return id;
}

TEST(test_what_is_held)
{
    struct hold_state state_of;
    miss("elevation", 31, "confirmed", RUN);
    miss("elevation", 33, "refused", RUN);
    miss("phase", 23, "new", RUN);
    miss("elevation", 32, "new", OTHER);
    int64_t id = hold_all("share", 5);
    expect("phase 23 held 10, elevation 31 held 10, elevation 32 new 11, elevation 33 refused 10", missing_rows);
    expect("open share 5 6 7 8 10 2",
           "SELECT concat_ws(' ', h.state, reason, directories, projects, phases, elevations,"
           " h.run_id, (SELECT count(*) FROM sync_missing WHERE hold_id = h.id)) FROM sync_holds h");
    expect("11 t f t, 12 f f t", cursors); /* what lost something is asked for again, at the level that lost it */

    sql("UPDATE project_cursors SET phases_date = now(), elevations_date = now(); UPDATE sync_missing SET state = 'new'"
        " WHERE object_id = 23");
    assert_int_equal(hold_all("root", 1), id); /* the same rows: the same hold, counted anew */
    expect("1 root 1 2 3 4 t",
           "SELECT concat_ws(' ', count(*) OVER (), reason, directories, projects, phases, elevations,"
           " seen_at >= since) FROM sync_holds");
    assert_int_equal(missing_held(s.db, &state_of, &s.err), 0);
    assert_int_equal(state_of.id, id);
    assert_string_equal(state_of.reason, "root");
    for (int i = 0; i < MISSING_TYPES; i++) assert_int_equal(state_of.rows[i], i + 1);
    sql("INSERT INTO sync_holds (reason, directories, projects, phases, elevations) VALUES ('more', 10, 20, 30, 40)");
    sql("INSERT INTO sync_holds (state, reason, directories) VALUES ('refused', 'not open', 100)");
    assert_int_equal(missing_held(s.db, &state_of, &s.err), 0);
    assert_string_equal(state_of.reason, "root");
    for (int i = 0; i < MISSING_TYPES; i++) assert_int_equal(state_of.rows[i], (i + 1) * 11);

    assert_int_equal(missing_tidy_holds(s.db, &s.err), 0); /* of the second nothing is left */
    expect("open released refused", "SELECT string_agg(state, ' ' ORDER BY id) FROM sync_holds");
    expect("1", "SELECT count(*) FROM sync_holds WHERE decided_at IS NOT NULL");
}

TEST(test_an_administrators_word_on_a_hold)
{
    char text[200];
    miss("phase", 21, "confirmed", RUN);
    int64_t id = hold_all("share", 0);
    snprintf(text, sizeof text,
             "SELECT concat_ws(' ', d.was, d.directories, d.projects, d.phases, d.elevations) FROM "
             "logikald_hold_decide(%d, 'refuse', 'me') d",
             (int)id);
    expect("open 0 0 0 0", text);
    expect("phase 21 refused 10", missing_rows);
    expect("refused me t", "SELECT concat_ws(' ', state, decided_by, decided_at IS NOT NULL) FROM sync_holds");
    expect("refused 0 0 0 0", text); /* a second word comes too late */
    snprintf(text, sizeof text,
             "SELECT concat_ws(' ', d.was, d.directories, d.projects, d.phases, d.elevations) FROM "
             "logikald_hold_decide(%d, 'apply', 'you') d",
             (int)id);
    expect("refused 0 0 0 0", text);
    expect("refused me", "SELECT concat_ws(' ', state, decided_by) FROM sync_holds");

    miss("project", 11, "confirmed", RUN);
    id = hold_all("share", 0);
    snprintf(text, sizeof text,
             "SELECT concat_ws(' ', d.was, d.directories, d.projects, d.phases, d.elevations) FROM "
             "logikald_hold_decide(%d, 'apply', 'me') d",
             (int)id);
    expect("open 0 1 2 3", text);
    expect("1 2 3 4 12 23 34", living_rows);
    expect("elevation 3, phase 2, project 1", "SELECT string_agg(concat_ws(' ', object_type, value), ', ' ORDER BY"
                                              " object_type) FROM sync_counters WHERE outcome = 'vanished'");
    snprintf(text, sizeof text, "SELECT concat_ws(' ', state, decided_by) FROM sync_holds WHERE id = %d", (int)id);
    expect("applied me", text);
    expect("", "SELECT d.was FROM logikald_hold_decide(999999, 'apply', 'me') d");
}

#define each(test) cmocka_unit_test_setup(test, fresh)
static const struct CMUnitTest tests[] = {
    each(test_what_a_run_judges),
    each(test_what_would_go),
    each(test_where_to_look_again),
    each(test_what_a_second_look_finds),
    each(test_what_is_marked),
    each(test_what_is_held),
    each(test_an_administrators_word_on_a_hold),
};
TEST_MAIN(tests, start, stop)
