/* What a sync by the schedule says of itself, number by number: of each object type, in its result, in the log, in the
 * types' settings and in the counters, when all goes well and when some of it does not. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"

#define SCHEDULER "tasks.scheduler_tasks.smart_sync_scheduler"
#define FAULT(endpoint, status)                                                                                        \
    "{\"rules\":[{\"endpoint\":\"" endpoint "\",\"kind\":\"status\",\"status\":" status "}]}"

SYNC_WORLD("--directories 1 --projects 2 --phases 2 --elevations 3",
           world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=0")

/* Once round: from nothing, or again after all of the row before, whose projects have not moved since. */
static const struct {
    const char *faults; /* NULL = none */
    bool is_again;
    const char *message, *status;
    const char *types;  /* status processed/successful/failed/skipped/batches of each */
    const char *totals; /* of the result: phases, elevations, changed, thumbnails, parts, failed of both, errors */
    const char *counters;
    const char *settings; /* how each ended, and whether it counts as synced */
} rows[] = {
    {NULL, false, "7 object types synced", "completed",
     "directory completed 1/1/0/0/1, project completed 2/2/0/0/1, phase completed 4/4/0/0/1, elevation completed"
     " 12/12/0/0/2, sqlite_parser completed 12/12/0/0/1, elevation_glass completed 0/0/0/0/0, parsing_errors completed"
     " 0/0/0/0/0",
     "4 12 12 12 12 0 0 0 0",
     "directory synced 1, elevation synced 12, parts_list synced 12, phase synced 4, project synced 2, sqlite_parser"
     " synced 12, thumbnail synced 12",
     "directory success t, project success t, phase success t, elevation success t, sqlite_parser success t,"
     " elevation_glass success t, parsing_errors success t"},
    {NULL, true, "7 object types synced", "completed",
     "directory completed 1/1/0/0/1, project completed 2/2/0/2/1, phase completed 0/0/0/0/0, elevation completed "
     "0/0/0/0/0, sqlite_parser completed 0/0/0/0/0, elevation_glass completed 0/0/0/0/0, parsing_errors completed "
     "0/0/0/0/0",
     "0 0 0 0 0 0 0 0 2", "directory synced 1, project skipped 2, project synced 2",
     "directory success t, project success t, phase success t, elevation success t, sqlite_parser success t, "
     "elevation_glass success t, parsing_errors success t"},
    {FAULT("elevations_list", "500"), false, "the sync failed in part", "partial",
     "directory completed 1/1/0/0/1, project partial 4/2/2/0/1, phase partial 6/4/2/0/1, elevation failed 4/0/4/0/0,"
     " sqlite_parser failed 0/0/0/0/0, elevation_glass failed 0/0/0/0/0, parsing_errors failed 0/0/0/0/0",
     "4 0 0 0 0 0 0 4 0",
     "directory synced 1, elevation failed 4, phase failed 2, phase synced 4, project failed 2, project synced 2",
     "directory success t, project partial t, phase partial t, elevation failed f, sqlite_parser failed f, "
     "elevation_glass failed f, parsing_errors failed f"},
    {FAULT("phases_list", "500"), false, "the sync failed in part", "partial",
     "directory completed 1/1/0/0/1, project partial 4/2/2/0/1, phase failed 2/0/2/0/0, elevation failed 0/0/0/0/0,"
     " sqlite_parser failed 0/0/0/0/0, elevation_glass failed 0/0/0/0/0, parsing_errors failed 0/0/0/0/0",
     "0 0 0 0 0 0 0 2 0", "directory synced 1, phase failed 2, project failed 2, project synced 2",
     "directory success t, project partial t, phase failed f, elevation failed f, sqlite_parser failed f, "
     "elevation_glass failed f, parsing_errors failed f"},
    {FAULT("parts_list", "500"), false, "7 object types synced, with 12 errors", "partial",
     "directory completed 1/1/0/0/1, project completed 2/2/0/0/1, phase completed 4/4/0/0/1, elevation partial"
     " 24/12/12/0/2, sqlite_parser completed 0/0/0/0/0, elevation_glass completed 0/0/0/0/0, parsing_errors completed"
     " 0/0/0/0/0",
     "4 12 12 12 0 0 12 12 0",
     "directory synced 1, elevation failed 12, elevation synced 12, parts_list failed 12, phase synced 4, project "
     "synced"
     " 2, thumbnail synced 12",
     "directory success t, project success t, phase success t, elevation partial t, sqlite_parser success t, "
     "elevation_glass success t, parsing_errors success t"},
    {FAULT("auth", "401"), false, "the sync failed: ", "failed",
     "directory failed 1/0/1/0/0, project failed 0/0/0/0/0, phase failed 0/0/0/0/0, elevation failed 0/0/0/0/0, "
     "sqlite_parser failed 0/0/0/0/0, elevation_glass failed 0/0/0/0/0, parsing_errors failed 0/0/0/0/0",
     "0 0 0 0 0 0 0 1 0", "directory failed 1",
     "directory failed f, project failed f, phase failed f, elevation failed f, sqlite_parser failed f, "
     "elevation_glass failed f, parsing_errors failed f"},
};

static void add_type(struct buf *out, const cJSON *details)
{
    const cJSON *each;
    cJSON_ArrayForEach(each, details)
        buf_printf(out, "%s%s %s %d/%d/%d/%d/%d", out->len ? ", " : "", each->string, result_text(each, "status"),
                   (int)result_number(each, "processed"), (int)result_number(each, "successful"),
                   (int)result_number(each, "failed"), (int)result_number(each, "skipped"),
                   (int)result_number(each, "batches"));
}

static void add_totals(struct buf *out, const cJSON *result)
{
    static const char *const names[] = {"phases_synced",      "elevations_synced",  "elevations_changed",
                                        "thumbnails_synced",  "parts_lists_synced", "thumbnails_failed",
                                        "parts_lists_failed", "error_count",        "projects_skipped"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        buf_printf(out, "%s%d", i ? " " : "", (int)result_number(result, names[i]));
}

/* The same as the log has it, where what is done in part is done. */
static const char *log_of(const char *types)
{
    static char text[1000];
    char *out = text;
    for (const char *p = types; *p && out < text + sizeof text - 20; p++) {
        if (strncmp(p, "partial", 7) == 0) out = stpcpy(out, "completed"), p += 7;
        if (*p == '/' && strcspn(p + 1, "/,") == strcspn(p + 1, ",")) p += strcspn(p, ","); /* no batches there */
        *out++ = *p;
        if (!*p) break;
    }
    *out = '\0';
    return text;
}

static void expect(size_t row, const char *what, const char *text, const char *expected)
{
    if (strcmp(text, expected) != 0) fail_msg("row %zu, %s: %s", row, what, text);
}

static void expect_sql(size_t row, const char *what, const char *sql, const char *expected)
{
    char *text = pg_value(&world.pg, sql);
    expect(row, what, text, expected);
    free(text);
}

TEST(test_what_a_sync_says_of_itself)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf types = {0}, totals = {0};
        if (!rows[i].is_again) sync_world_clear(&world);
        pg_exec(&world.pg,
                "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day', last_attempt = NULL,"
                " staleness_threshold_minutes = 100000; DELETE FROM sync_logs; DELETE FROM sync_counters;"
                "UPDATE project_cursors SET phases_at = phases_at + interval '5 s', elevations_at = elevations_at"
                " + interval '5 s'");
        sim_post(&world.sim, "/faults/clear", "{}");
        if (rows[i].faults) sim_post(&world.sim, "/faults", rows[i].faults);

        cJSON *result = sync_task(&world, SCHEDULER, NULL, NULL, NULL);

        add_type(&types, cJSON_GetObjectItemCaseSensitive(result, "details"));
        add_totals(&totals, result);
        if (strncmp(result_text(result, "message"), rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("row %zu: %s", i, result_text(result, "message"));
        expect(i, "status", result_text(result, "status"), rows[i].status);
        expect(i, "types", types.data, rows[i].types);
        expect(i, "totals", totals.data, rows[i].totals);
        expect_sql(i, "counters",
                   "SELECT string_agg(concat_ws(' ', object_type, outcome, value), ', ' ORDER BY object_type,"
                   " outcome) FROM sync_counters",
                   rows[i].counters);
        expect_sql(i, "settings",
                   "SELECT string_agg(concat_ws(' ', object_type, last_status, coalesce(last_sync > now() -"
                   " interval '1 hour', false)), ', ' ORDER BY priority, id) FROM object_sync_configs",
                   rows[i].settings);
        expect_sql(i, "log",
                   "SELECT string_agg(concat_ws(' ', sync_type, status, items_processed || '/' || items_successful"
                   " || '/' || items_failed || '/' || items_skipped), ', ' ORDER BY id) FROM sync_logs",
                   log_of(types.data));
        expect_sql(
            i, "errors",
            "SELECT coalesce(string_agg(object_type, ' '), '') FROM object_sync_configs WHERE (last_error IS NULL)"
            " <> (last_status = 'success') OR last_error = ''",
            "");
        expect_sql(i, "errors of the log",
                   "SELECT coalesce(string_agg(sync_type, ' '), '') FROM sync_logs l JOIN object_sync_configs c ON"
                   " c.object_type = l.sync_type WHERE l.error_details IS DISTINCT FROM c.last_error OR c.last_count <>"
                   " l.items_processed OR c.last_duration_ms <> l.duration_ms",
                   "");
        expect_sql(i, "reason",
                   "SELECT string_agg(DISTINCT substr(message, strpos(message, ', ') + 2), '|') FROM sync_logs",
                   rows[i].is_again ? "its interval has passed" : "never synced before");
        cJSON_Delete(result);
        buf_free(&types);
        buf_free(&totals);
    }
}

/* A drawing that nobody can have: of no elevation, or of what is no number of one. */
TEST(test_drawings_of_no_elevation)
{
    static const char *const wrong[] = {"[]", "[0]", "[-1]", "[2147483648]", "[\"x\"]", "[\"1x\"]", "[1.5]"};
    int status;
    cJSON *result = sync_task(&world, "tasks.sync_tasks.fetch_drawing_task", "[2147483647]", NULL, &status);
    assert_int_equal(status, 1); /* it is told */
    assert_false(result_true(result, "success"));
    assert_string_equal(result_text(result, "message"), "drawing of elevation ?: there is no such elevation any more");
    assert_string_equal(result_text(result, "error_type"), "not_found");
    assert_int_equal(result_number(result, "elevation_id"), 2147483647);
    cJSON_Delete(result);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cJSON_Delete(sync_task(&world, "tasks.sync_tasks.fetch_drawing_task", wrong[i], NULL, &status));
        if (status == 0) fail_msg("%s was taken", wrong[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_a_sync_says_of_itself),
    cmocka_unit_test(test_drawings_of_no_elevation),
};
TEST_MAIN(tests, start, stop)
