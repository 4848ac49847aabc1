/* Lines of the log: one line each, whole, with level, role and task; events with their fields, in both formats. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/log.h"
#include "services/web/ui/log_lines.h"
#include "tests/support/test.h"

static const struct log_field *fields; /* of the line, when it is an event */
static unsigned fields_count;

/* Frames with both formats through a pipe in place of standard error. */
static char *logged(enum log_format format, const char *text)
{
    static char line[8192];
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_open("test", LOG_INFO, format);
    log_set_task("t-1");
    log_debug("hidden");
    if (fields)
        log_event(LOG_WARNING, text, fields, fields_count);
    else
        log_warning("%s", text);
    log_set_task(NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    assert_true(n > 0);
    line[n] = 0;
    return line;
}

TEST(test_log_lines_are_one_line_and_name_level_role_and_task)
{
    const char *text = logged(LOG_TEXT, "first\nsecond");
    assert_non_null(strstr(text, "warning  test["));
    assert_non_null(strstr(text, "task=t-1: first second\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);

    cJSON *json = cJSON_Parse(logged(LOG_JSON, "a\"b\n\xff"));
    assert_string_equal(cJSON_GetObjectItem(json, "message")->valuestring, "a\"b\n\xef\xbf\xbd");
    assert_string_equal(cJSON_GetObjectItem(json, "task_id")->valuestring, "t-1");
    assert_string_equal(cJSON_GetObjectItem(json, "level")->valuestring, "warning");
    assert_int_equal(cJSON_GetObjectItem(json, "pid")->valueint, getpid());
    cJSON_Delete(json);
}

TEST(test_long_log_line_is_cut_and_stays_whole_json)
{
    char *text = malloc(20001);
    assert_non_null(text);
    memset(text, '"', 20000);
    text[20000] = 0;
    const char *line = logged(LOG_JSON, text);
    assert_true(strlen(line) <= PIPE_BUF);
    cJSON *json = cJSON_Parse(line);
    assert_non_null(json);
    cJSON_Delete(json);
    free(text);
}

TEST(test_an_event_has_its_fields_in_both_formats)
{
    static const struct log_field some[] = {{"path", LOG_FIELD_TEXT, .text = "/a b\"\n"},
                                            {"route", LOG_FIELD_TEXT, .text = "/plain"},
                                            {"client_id", LOG_FIELD_TEXT, .text = NULL},
                                            {"status", LOG_FIELD_INT, .integer = 200},
                                            {"duration_ms", LOG_FIELD_REAL, .real = 1.5}};
    fields = some;
    fields_count = sizeof some / sizeof *some;
    const char *text = logged(LOG_TEXT, "request");
    assert_non_null(strstr(text, ": request path=\"/a b\\\"\\n\" route=/plain status=200 duration_ms=1.500\n"));

    cJSON *json = cJSON_Parse(logged(LOG_JSON, "request"));
    assert_string_equal(cJSON_GetObjectItem(json, "message")->valuestring, "request");
    assert_string_equal(cJSON_GetObjectItem(json, "path")->valuestring, "/a b\"\n");
    assert_int_equal(cJSON_GetObjectItem(json, "status")->valueint, 200);
    assert_true(cJSON_GetObjectItem(json, "duration_ms")->valuedouble == 1.5);
    assert_null(cJSON_GetObjectItem(json, "client_id"));
    cJSON_Delete(json);
    fields = NULL;
}

/* What could end a field, begin another, or be taken for a number of fields stands in quotes; nothing else does. */
TEST(test_values_stand_in_quotes_where_they_must)
{
    static const struct {
        const char *value, *shown;
    } table[] = {{"/a b", "v=\"/a b\""},   {"", "v=\"\""},      {"a=b", "v=\"a=b\""},
                 {"a\\b", "v=\"a\\\\b\""}, {"a!b", "v=a!b"},    {"\x7f", "v=\"\\u007f\""},
                 {"a\tb", "v=\"a\\tb\""},  {"\"", "v=\"\\\"\""}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char expected[64];
        const struct log_field one[] = {{"v", LOG_FIELD_TEXT, .text = table[i].value}};
        fields = one;
        fields_count = 1;
        snprintf(expected, sizeof expected, ": request %s\n", table[i].shown);
        const char *line = logged(LOG_TEXT, "request");
        fields = NULL;
        if (!strstr(line, expected)) fail_msg("no %s in %s", expected, line);
    }
}

TEST(test_an_event_of_long_texts_stays_one_whole_object)
{
    static char text[3000];
    for (size_t i = 0; i + 1 < sizeof text; i++) text[i] = i % 3 ? '\x01' : '"';
    struct log_field many[9];
    for (int i = 0; i < 9; i++) many[i] = (struct log_field){"path", LOG_FIELD_TEXT, .text = text};
    fields = many;
    fields_count = 9;
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        const char *line = logged((enum log_format)format, "request");
        assert_true(strlen(line) < PIPE_BUF);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        cJSON *json = format == LOG_JSON ? cJSON_Parse(line) : NULL;
        assert_true(format != LOG_JSON || cJSON_GetArraySize(json) == 5 + 1 + 9);
        cJSON_Delete(json);
    }
    fields = NULL;
}

/* ---- as the page of a process's log shows them ---- */

/* The levels of the lines that are left, by their first letters. */
static void shown(const char *least, char out[40])
{
    static const char *const lines[] = {"first of a program",
                                        "2026-11-28T03:57:02.262Z info     migrate[1]: one",
                                        "2026-11-28T03:57:02.262Z debug    migrate[1]: two",
                                        "  more of two",
                                        "2026-11-28T03:57:02.262Z warning  migrate[1]: three",
                                        "{\"at\":\"x\",\"level\":\"error\",\"text\":\"four\"}",
                                        "{\"at\":\"x\"}",
                                        "2026-11-28T03:57:02.262Z critical migrate[1]: five",
                                        "2026-11-28T03:57:02.262Z informal migrate[1]: still critical",
                                        "2026-11-28 info a date alone is no time",
                                        "2026-11-28T03:57:02.Z info     a time of 20 signs"};
    cJSON *list = cJSON_CreateStringArray(lines, sizeof lines / sizeof *lines), *kept = log_lines_of(list, least),
          *each;
    size_t n = 0;
    cJSON_ArrayForEach(each, kept) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(each, "text"));
        assert_true(text && strlen(text) > 0);
        out[n++] = *cJSON_GetStringValue(cJSON_GetObjectItem(each, "level"));
    }
    out[n] = 0;
    cJSON_Delete(kept);
    cJSON_Delete(list);
}

TEST(test_lines_of_a_log_are_kept_from_a_level_on)
{
    static const struct {
        const char *least, *levels;
    } rows[] = {{"", "iiddweeccci"}, {"debug", "iiddweeccci"}, {"info", "iiweeccci"},  {"warning", "weeccc"},
                {"error", "eeccc"},  {"critical", "ccc"},      {"loud", "iiddweeccci"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char levels[40];
        shown(rows[i].least, levels);
        if (strcmp(levels, rows[i].levels) != 0) fail_msg("%s: %s", rows[i].least, levels);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines_of_a_log_are_kept_from_a_level_on),
    cmocka_unit_test(test_log_lines_are_one_line_and_name_level_role_and_task),
    cmocka_unit_test(test_long_log_line_is_cut_and_stays_whole_json),
    cmocka_unit_test(test_an_event_has_its_fields_in_both_formats),
    cmocka_unit_test(test_values_stand_in_quotes_where_they_must),
    cmocka_unit_test(test_an_event_of_long_texts_stays_one_whole_object),
};
TEST_MAIN(tests, NULL, NULL)
