/* The results of the sync's tasks as JSON: every number under its name, the state that they come to, what a run notes
 * on its way, and the arguments of tasks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/sync/tasks/result.h"
#include "tests/support/settings.h"
#include "tests/support/test.h"

static void expect_json(cJSON *json, const char *expected)
{
    char *text = cJSON_PrintUnformatted(json);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(json);
}

/* Without the times in it. */
static cJSON *without_times(cJSON *json)
{
    static const char *const names[] = {"completed_at", "checked_at", "duration_seconds"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) cJSON_DeleteItemFromObject(json, names[i]);
    return json;
}

TEST(test_heads_of_results)
{
    struct task_ctx ctx = {.id = "t1"}, nameless = {.id = NULL};
    struct sync_run run = {.ctx = &ctx, .id = 7};
    cJSON *skipped = result_skipped(&ctx, "why");
    assert_non_null(cJSON_GetObjectItem(skipped, "checked_at"));
    expect_json(without_times(skipped), "{\"success\":true,\"skipped\":true,\"reason\":\"why\",\"task_id\":\"t1\"}");
    expect_json(without_times(result_skipped(&nameless, "")),
                "{\"success\":true,\"skipped\":true,\"reason\":\"\",\"task_id\":\"\"}");

    cJSON *result = result_new(&run, true, "all \xc3");
    assert_non_null(cJSON_GetObjectItem(result, "completed_at"));
    assert_non_null(cJSON_GetObjectItem(result, "duration_seconds"));
    expect_json(without_times(result), "{\"success\":true,\"message\":\"all \",\"task_id\":\"t1\",\"run_id\":7}");
    run.is_dry = true; /* nobody finds the run of a dry one */
    expect_json(without_times(result_new(&run, false, "x")),
                "{\"success\":false,\"message\":\"x\",\"task_id\":\"t1\"}");
    run.is_dry = false;
    run.id = 0;
    expect_json(without_times(result_new(&run, true, "x")), "{\"success\":true,\"message\":\"x\",\"task_id\":\"t1\"}");

    cJSON *json = cJSON_CreateObject();
    result_add_duration(json, 1234);
    result_add_duration(json, 56);
    expect_json(json, "{\"duration_seconds\":0.056}");
}

TEST(test_numbers_stand_under_their_names)
{
    const struct sync_counts counts = {.projects_busy = 1,
                                       .phases = 2,
                                       .elevations = 3,
                                       .elevations_written = 4,
                                       .thumbnails = 5,
                                       .thumbnails_failed = 6,
                                       .parts_lists = 7,
                                       .parts_failed = 8,
                                       .places_unchecked = 9,
                                       .vanished = 10,
                                       .directories = 99,
                                       .projects = 98};
    struct sync_run run = {.projects_helped = 3};
    cJSON *json = cJSON_CreateObject();
    result_add_counts(json, &counts);
    expect_json(json,
                "{\"projects_busy\":1,\"phases_synced\":2,\"elevations_synced\":3,\"elevations_changed\":4,"
                "\"thumbnails_synced\":5,\"thumbnails_failed\":6,\"parts_lists_synced\":7,\"parts_lists_failed\":8,"
                "\"places_unchecked\":9,\"vanished\":10}");
    json = cJSON_CreateObject();
    result_add_upstream(json, &run); /* it never came to that */
    expect_json(json, "{\"projects_helped\":3}");
}

TEST(test_errors_are_lines)
{
    struct sync_run run = {.error_count = 12};
    char expected[1000], letters[500];
    buf_str(&run.errors, "one\ntwo\n");
    memset(letters, 'x', 399);
    letters[399] = '\0';
    buf_printf(&run.errors, "%s\xc3\xbc and more\nlast", letters); /* a letter that would be cut in half */
    cJSON *json = cJSON_CreateObject();
    result_add_errors(json, &run);
    snprintf(expected, sizeof expected, "{\"errors\":[\"one\",\"two\",\"%s\",\"last\"],\"error_count\":12}", letters);
    expect_json(json, expected);
    buf_free(&run.errors);
    json = cJSON_CreateObject();
    result_add_errors(json, &run);
    expect_json(json, "{\"errors\":[],\"error_count\":12}");
}

TEST(test_what_a_run_comes_to)
{
    static const struct {
        int rc;
        bool is_success, is_broken;
        int64_t hold, errors;
        const char *status, *state;
    } rows[] = {
        {0, true, false, 0, 0, "completed", "completed"},
        {0, true, false, 0, 1, "partial", "completed"},
        {0, false, false, 0, 0, "partial", "failed"},
        {0, true, false, 5, 0, "held", "held"},
        {0, true, false, 5, 1, "held", "held"},
        {0, false, false, 5, 0, "partial", "failed"},
        {-ERR_UPSTREAM, false, false, 0, 1, "failed", "failed"},
        {-ERR_UPSTREAM, true, false, 5, 1, "failed", "failed"},
        {-ERR_UPSTREAM, false, true, 0, 1, "partial", "failed"},
        {-ERR_CANCELLED, false, false, 0, 1, "cancelled", "cancelled"},
        {-ERR_CANCELLED, false, true, 0, 0, "cancelled", "cancelled"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sync_run run = {.error_count = rows[i].errors, .hold = {.id = rows[i].hold, .reason = "share"}};
        cJSON *json = cJSON_CreateObject();
        cJSON_AddBoolToObject(json, "success", rows[i].is_success);
        cJSON_AddStringToObject(json, "message", "m");
        result_add_status(json, &run, rows[i].rc, rows[i].is_broken);
        const char *status = cJSON_GetStringValue(cJSON_GetObjectItem(json, "status"));
        bool is_held = strcmp(status, "held") == 0;
        if (strcmp(status, rows[i].status) != 0) fail_msg("row %zu: %s", i, status);
        assert_string_equal(result_state(json, rows[i].rc), rows[i].state);
        assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(json, "success")), rows[i].is_success && !is_held);
        assert_int_equal(cJSON_GetObjectItem(json, "held") != NULL, is_held);
        cJSON_Delete(json);
    }
}

TEST(test_what_is_held_is_named)
{
    static const struct {
        int64_t rows[MISSING_TYPES];
        const char *text;
    } rows[] = {
        {{1, 0, 0, 0}, "1 directory"},
        {{0, 1, 0, 2}, "1 project, 2 elevations"},
        {{2, 3, 1, 1}, "2 directories, 3 projects, 1 phase, 1 elevation"},
        {{0, 0, 4, 0}, "4 phases"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[600];
        const int64_t *n = rows[i].rows;
        struct sync_run run = {.hold = {.id = 9, .reason = "share"}};
        memcpy(run.hold.rows, n, sizeof run.hold.rows);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddTrueToObject(json, "success");
        cJSON_AddStringToObject(json, "message", "m");
        result_add_status(json, &run, 0, false);
        snprintf(
            expected, sizeof expected,
            "{\"success\":false,\"message\":\"held: missing in Logikal (share) are %s; they are served as before until"
            " they return, or hold 9 is applied or "
            "refused\",\"held\":{\"hold\":9,\"reason\":\"share\",\"directory\":%d,"
            "\"project\":%d,\"phase\":%d,\"elevation\":%d},\"status\":\"held\"}",
            rows[i].text, (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
        expect_json(json, expected);
    }
}

/* ---- what a run notes on its way ---- */

TEST(test_errors_are_kept_as_far_as_somebody_reads_them)
{
    struct sync_run run = {.error_count = 0};
    for (int i = 0; i < 25; i++) run_note_error(&run, "error %d", i);
    assert_int_equal(run.error_count, 25);
    assert_string_equal(strrchr(run.errors.data, '\n'), "\nerror 19");
    assert_int_equal(strncmp(run.errors.data, "error 0\nerror 1\n", 16), 0);
    buf_free(&run.errors);

    run.error_count = 0;
    run_note_errors(&run, "one\n\nthree");
    run_note_errors(&run, NULL);
    run_note_errors(&run, "four\n");
    assert_string_equal(run.errors.data, "one\n\nthree\nfour");
    assert_int_equal(run.error_count, 4);
    buf_free(&run.errors);
}

TEST(test_what_is_told_once)
{
    struct sync_run run = {.error_count = 0};
    assert_false(run_was_said(&run, "a b"));
    assert_true(run_first(&run, "a b"));
    assert_false(run_first(&run, "a b"));
    assert_true(run_was_said(&run, "a b"));
    assert_false(run_was_said(&run, "a"));
    assert_false(run_was_said(&run, "a b c"));
    assert_true(run_first(&run, "a"));
    assert_false(run_first(&run, "a b"));
    assert_false(run_first(&run, "a"));

    run_note_warning(&run, "here", NULL);
    run_note_warning(&run, "here", "");
    assert_int_equal(run.error_count, 0);
    run_note_warning(&run, "here", "odd");
    run_note_warning(&run, "there", "odd");
    run_note_warning(&run, "there", "other");
    assert_string_equal(run.errors.data, "here: Logikal warns: odd; told once for all of this sync\n"
                                         "there: Logikal warns: other; told once for all of this sync");
    run.error_count = 20;
    run_note_warning(&run, "there", "nobody reads it");
    assert_int_equal(run.error_count, 20);
    assert_false(run_was_said(&run, "nobody reads it"));
    buf_free(&run.errors);
    buf_free(&run.told);
}

TEST(test_the_first_failure_ends_a_run)
{
    struct sync_run run = {.error_count = 0};
    assert_true(run_check(&run, 0, &(struct err){.code = ERR_DB, .text = "no"}));
    assert_true(run_check(&run, 1, &(struct err){.code = ERR_DB, .text = "no"}));
    assert_int_equal(run.fatal.code, ERR_NONE);
    assert_false(run_check(&run, -ERR_DB, &(struct err){.code = ERR_DB, .text = "first"}));
    assert_false(run_check(&run, -ERR_REDIS, &(struct err){.code = ERR_REDIS, .text = "second"}));
    assert_int_equal(run.fatal.code, ERR_DB);
    assert_string_equal(run.fatal.text, "first");
    run.fatal = (struct err){0};
    assert_false(run_check(&run, -ERR_INPUT, &(struct err){0}));
    assert_int_equal(run.fatal.code, ERR_INPUT);
    assert_string_equal(run.fatal.text, "the sync failed");

    run_progress(&run, 3, 9, "at work \xc3");
    assert_int_equal(run.current, 3);
    assert_int_equal(run.total, 9);
    assert_string_equal(run.doing, "at work ");
}

/* The name of a lease, whatever the name of what it is for. */
TEST(test_scopes_of_long_names)
{
    char scope[LEASE_NAME_SIZE], other[LEASE_NAME_SIZE], name[400];
    run_scope(scope, "project", "p1");
    assert_string_equal(scope, "project:p1");
    for (size_t len = 280; len < 340; len++) {
        memset(name, 'x', len);
        name[len] = '\0';
        run_scope(scope, "project", name);
        bool is_whole = len <= LEASE_NAME_SIZE - 7 - 20;
        assert_true(strlen(scope) < LEASE_NAME_SIZE);
        assert_int_equal(strchr(scope, '#') == NULL, is_whole);
        if (is_whole) assert_int_equal(strlen(scope), len + 8);
        name[len - 1] = 'y'; /* another one */
        run_scope(other, "project", name);
        assert_string_not_equal(scope, other);
    }
    for (int i = 0; i < 200; i++) memcpy(name + 2 * (size_t)i, "\xc3\xbc", 2); /* never half a letter */
    name[sizeof name - 1] = '\0';
    run_scope(scope, "ab", name);
    run_scope(other, "abc", name);
    assert_int_equal((strchr(scope, '#') - scope - 3) % 2, 0);
    assert_int_equal((strchr(other, '#') - other - 4) % 2, 0);
}

/* As large as a parts list may be, and as base64 still fits into an answer. */
TEST(test_how_large_a_parts_list_may_be)
{
    static const struct {
        const char *settings;
        int64_t most;
    } rows[] = {{"parts: { max_bytes = 2000000; };", 2000000},
                {"parts: { max_bytes = 2000000; }; logikal: { max_answer_bytes = 1000000; };", 750000},
                {"parts: { max_bytes = 1500000; }; logikal: { max_answer_bytes = 2000000; };", 1500000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        struct conf *conf = settings_load(rows[i].settings, &err);
        if (!conf) fail_msg("%s", err.text);
        struct task_ctx ctx = {.conf = conf};
        assert_int_equal(run_parts_limit(&(struct sync_run){.ctx = &ctx}), rows[i].most);
        conf_free(conf);
    }
}

/* ---- arguments ---- */

TEST(test_arguments_of_tasks)
{
    static const struct {
        const char *args, *text; /* NULL: none */
    } rows[] = {
        {"[\"a\"]", "a"},
        {"[7]", "7"},
        {"[-7]", "-7"},
        {"[7.5]", NULL},
        {"[\"\"]", NULL},
        {"[null]", NULL},
        {"[]", NULL},
        {"[true]", NULL},
        {"[[1]]", NULL},
        {"[999999999999999]", "999999999999999"},
        {"[1000000000000000]", NULL},
        {"[0]", "0"},
        {"[-999999999999999]", "-999999999999999"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        cJSON *args = cJSON_Parse(rows[i].args);
        char *text = argument_text(args, NULL, 0, "x", &err);
        if (!text != !rows[i].text || (text && strcmp(text, rows[i].text) != 0)) fail_msg("%s: %s", rows[i].args, text);
        assert_int_equal(err.code, text ? ERR_NONE : ERR_INPUT);
        if (!text) assert_string_equal(err.text, "x is missing or is not a text");
        free(text);
        cJSON_Delete(args);
    }
    for (int len = 2046; len <= 2049; len++) {
        struct err err = {0};
        char longest[2100];
        memset(longest, 'x', (size_t)len);
        longest[len] = '\0';
        cJSON *kwargs = cJSON_CreateObject();
        cJSON_AddStringToObject(kwargs, "x", longest);
        char *text = argument_text(NULL, kwargs, 0, "x", &err);
        assert_int_equal(text != NULL, len < 2048);
        free(text);
        cJSON_Delete(kwargs);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_heads_of_results),      cmocka_unit_test(test_numbers_stand_under_their_names),
    cmocka_unit_test(test_errors_are_lines),      cmocka_unit_test(test_what_a_run_comes_to),
    cmocka_unit_test(test_what_is_held_is_named), cmocka_unit_test(test_errors_are_kept_as_far_as_somebody_reads_them),
    cmocka_unit_test(test_what_is_told_once),     cmocka_unit_test(test_the_first_failure_ends_a_run),
    cmocka_unit_test(test_scopes_of_long_names),  cmocka_unit_test(test_how_large_a_parts_list_may_be),
    cmocka_unit_test(test_arguments_of_tasks),
};
TEST_MAIN(tests, settings_start, settings_stop)
