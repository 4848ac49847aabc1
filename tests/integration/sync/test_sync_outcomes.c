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

/* ---- what a request says ---- */

static char *project, *directory; /* "P" and "D" in what is expected */

static void summarize(struct buf *out, const cJSON *object);

/* In few words: numbers that are 0, lists of errors, and what is another one each time, are left out. */
static void add_member(struct buf *out, const cJSON *m)
{
    static const char *const others[] = {"task_id",          "completed_at", "run_id",
                                         "duration_seconds", "upstream",     "projects_helped"};
    const cJSON *each;
    const char *text = cJSON_GetStringValue(m), *gap = out->len && !strchr("{[ ", out->data[out->len - 1]) ? ", " : "";
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(m->string, others[i]) == 0) return;
    if (cJSON_IsBool(m))
        buf_printf(out, "%s%s%s", gap, cJSON_IsTrue(m) ? "" : "!", m->string);
    else if (cJSON_IsNumber(m) && m->valuedouble != 0)
        buf_printf(out, "%s%s=%g", gap, m->string, m->valuedouble);
    else if (text)
        buf_printf(out, "%s%s=%s", gap, m->string,
                   strcmp(text, project) == 0     ? "P"
                   : strcmp(text, directory) == 0 ? "D"
                                                  : text);
    else if (cJSON_IsNull(m))
        buf_printf(out, "%s%s=-", gap, m->string);
    if (cJSON_IsObject(m)) {
        buf_printf(out, "%s%s {", gap, m->string);
        summarize(out, m);
        buf_char(out, '}');
    }
    if (!cJSON_IsArray(m) || strcmp(m->string, "results") != 0) return;
    buf_printf(out, "%s%s [", gap, m->string);
    cJSON_ArrayForEach(each, m) {
        buf_str(out, each == m->child ? "" : "; ");
        summarize(out, each);
    }
    buf_char(out, ']');
}

static void summarize(struct buf *out, const cJSON *object)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, object) add_member(out, m);
}

static const struct {
    const char *task, *args, *faults;
    const char *result, *log, *counters;
} requests[] = {
    {"sync_project_task", "[\"P\"]", NULL,
     "success, message=nothing has changed since the last sync, project_id=P, directory_id=D, status=completed, "
     "!force_sync",
     "project completed 0/0/0/0", "project synced 1"},
    {"sync_project_task", "[\"P\", true]", NULL,
     "success, message=synced 2 phases, 6 elevations and 6 parts lists, project_id=P, directory_id=D, phases_synced=2, "
     "elevations_synced=6, thumbnails_synced=6, parts_lists_synced=6, status=completed, force_sync",
     "project_forced completed 8/8/0/0",
     "elevation synced 6, parts_list synced 6, phase synced 2, project synced 1, thumbnail synced 6"},
    {"force_sync_project_task", "[\"P\"]", FAULT("elevations_list", "500"),
     "!success, message=synced in part: 2 errors, project_id=P, directory_id=D, phases_synced=2, thumbnails_synced=6, "
     "parts_lists_synced=6, status=partial, error_count=2",
     "project_forced failed 4/2/3/0", "parts_list synced 6, phase synced 2, project synced 1, thumbnail synced 6"},
    {"force_sync_project_task", "[\"P\"]", FAULT("parts_list", "500"),
     "success, message=synced 2 phases, 6 elevations and 0 parts lists, project_id=P, directory_id=D, phases_synced=2, "
     "elevations_synced=6, thumbnails_synced=6, parts_lists_failed=6, status=partial, error_count=6",
     "project_forced completed 8/8/6/0",
     "elevation synced 6, parts_list failed 6, phase synced 2, project synced 1, thumbnail synced 6"},
    {"force_sync_project_task", "[\"nobody\"]", NULL,
     "!success, message=there is no project nobody in Logikal, error_type=not_found, project_id=nobody, "
     "directory_id=-, status=failed",
     "project_forced failed 0/0/0/0", ""},
    {"force_sync_directory_task", "[\"D\"]", NULL,
     "success, message=synced 0 directories, 2 projects and 12 elevations, project_id=-, directory_id=D, "
     "projects_synced=2, phases_synced=4, elevations_synced=12, thumbnails_synced=12, parts_lists_synced=12, "
     "status=completed",
     "directory_projects_forced completed 18/18/0/0", "elevation synced 12, project synced 2"},
    {"force_sync_directory_task", "[\"D\"]", FAULT("phases_list", "500"),
     "!success, message=synced in part: 2 errors, project_id=-, directory_id=D, projects_synced=2, "
     "elevations_synced=12, thumbnails_synced=12, parts_lists_synced=12, status=partial, error_count=2",
     "directory_projects_forced failed 14/14/2/0", "elevation synced 12, project synced 2"},
    {"force_sync_directory_task", "[\"nobody\"]", NULL,
     "!success, message=there is no directory nobody in Logikal, project_id=-, directory_id=nobody, "
     "directories_synced=1, status=failed, error_type=not_found",
     "directory_projects_forced failed 1/1/0/0", "directory synced 1"},
    {"force_sync_directories_task", "[]", NULL,
     "success, message=synced 1 directories, 0 projects and 0 elevations, project_id=-, directory_id=-, "
     "directories_synced=1, status=completed",
     "directories_forced completed 1/1/0/0", "directory synced 1"},
    {"force_sync_directories_task", "[]", FAULT("directories_list", "500"),
     "!success, message=synced in part: 1 errors, project_id=-, directory_id=-, places_unchecked=1, status=partial, "
     "error_count=1",
     "directories_forced failed 0/0/1/0", ""},
    {"batch_sync_projects_task", "[[\"P\", \"nobody\", 7.5]]", NULL,
     "!success, message=1 of 3 projects synced, total=3, successful=1, failed=2, results [success, message=nothing has "
     "changed since the last sync, project_id=P, directory_id=D, status=completed; !success, message=there is no "
     "project nobody in Logikal, error_type=not_found, project_id=nobody, directory_id=-, status=failed; !success, "
     "message=project_id is missing or is not a text, project_id=7.5]",
     "project completed 0/0/0/0, project failed 0/0/0/0", "project synced 1"},
    {"sync_object_type_task", "[\"phase\"]", NULL,
     "success, message=1 object types synced, !skipped, objects_synced {}, details {phase {status=completed}}, "
     "projects_skipped=2, status=completed",
     "phase completed 0/0/0/0", ""},
    {"sync_object_type_task", "[\"nothing\"]", NULL,
     "success, message=nothing is due, !skipped, objects_synced {}, details {}, status=completed", "", ""},
};

/* text with P and D in quotes put in; free() it. */
static char *filled(const char *text)
{
    struct buf out = {0};
    for (const char *p = text; *p; p++) {
        bool is_one = p > text && p[-1] == '"' && (*p == 'P' || *p == 'D') && p[1] == '"';
        if (is_one)
            buf_str(&out, *p == 'P' ? project : directory);
        else
            buf_char(&out, *p);
    }
    return buf_steal(&out);
}

TEST(test_what_a_request_says)
{
    sync_world_clear(&world);
    sim_post(&world.sim, "/faults/clear", "{}");
    sync_all(&world, false);
    project = pg_value(&world.pg, "SELECT logikal_id FROM projects ORDER BY id LIMIT 1");
    directory = pg_value(&world.pg, "SELECT logikal_id FROM directories LIMIT 1");
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        char task[100], *args = filled(requests[i].args);
        struct buf said = {0};
        snprintf(task, sizeof task, "tasks.sync_tasks.%s", requests[i].task);
        pg_exec(&world.pg,
                "DELETE FROM sync_logs; DELETE FROM sync_counters; UPDATE project_cursors SET phases_at = phases_at +"
                " interval '5 s', elevations_at = elevations_at + interval '5 s'");
        sim_post(&world.sim, "/faults/clear", "{}");
        if (requests[i].faults) sim_post(&world.sim, "/faults", requests[i].faults);

        cJSON *result = sync_task(&world, task, args, NULL, NULL);

        summarize(&said, result);
        expect(i, requests[i].task, said.data, requests[i].result);
        expect_sql(
            i, "log",
            "SELECT coalesce(string_agg(concat_ws(' ', sync_type, status, items_processed || '/' ||"
            " items_successful || '/' || items_failed || '/' || items_skipped), ', ' ORDER BY id), '') FROM sync_logs",
            requests[i].log);
        expect_sql(i, "counters",
                   "SELECT coalesce(string_agg(concat_ws(' ', object_type, outcome, value), ', ' ORDER BY"
                   " object_type, outcome), '') FROM sync_counters",
                   requests[i].counters);
        cJSON_Delete(result);
        buf_free(&said);
        free(args);
    }
    free(project);
    free(directory);
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
    cmocka_unit_test(test_what_a_request_says),
    cmocka_unit_test(test_drawings_of_no_elevation),
};
TEST_MAIN(tests, start, stop)
