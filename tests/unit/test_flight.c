/* The flight recorder's file: what is written is read again, whatever else lies in it, and it never grows for ever. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/flight.h"
#include "tests/support/test.h"

#define SOURCE "11111111-2222-4333-8444-555555555555"

static char dir[64];

static const char *file(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int record(int64_t n, const char *text)
{
    struct flight_event e = {.source = SOURCE,
                             .n = n,
                             .at_ms = 1000 + n,
                             .event = "exit",
                             .child = "web.0",
                             .pid = 7,
                             .host = "h",
                             .version = "1",
                             .text = text};
    struct err err = {0};
    char *line = flight_line(&e);
    int rc = flight_append(dir, line, strlen(line), &err);
    free(line);
    return rc;
}

static void put(const char *name, const void *bytes, size_t len)
{
    int fd = open(file(name), O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

FIXTURE(fresh)
{
    snprintf(dir, sizeof dir, "/tmp/flight-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

FIXTURE(remove_it)
{
    unlink(file(FLIGHT_FILE));
    unlink(file(FLIGHT_FILE_BEFORE));
    unlink(file("other"));
    rmdir(dir);
    return 0;
}

static double number(const cJSON *events, int index, const char *name)
{
    return cJSON_GetObjectItem(cJSON_GetArrayItem(events, index), name)->valuedouble;
}

TEST(test_garbage_and_torn_lines_are_passed_over_and_counted)
{
    static const char garbage[] =
        "\n\0\1\xff\xfe{\nnull\n[]\n{}\n{\"source\":\"x\"}\n"
        "{\"source\":\"" SOURCE
        "\",\"n\":-1,\"at_ms\":1,\"pid\":0,\"host\":\"\",\"version\":\"\",\"event\":\"e\",\"child\":\"\","
        "\"text\":\"\",\"detail\":\"\"}\n"
        "{\"source\":\"" SOURCE
        "\",\"n\":1e300,\"at_ms\":1,\"pid\":0,\"host\":\"\",\"version\":\"\",\"event\":\"e\",\"child\":\"\","
        "\"text\":\"\",\"detail\":\"\"}\n{\"source\":\"" SOURCE "\",\"n\":3,\"at_";
    int64_t unreadable = 0;
    assert_int_equal(record(1, "one"), 0);
    put(FLIGHT_FILE, garbage, sizeof garbage - 1);
    assert_int_equal(record(2, "t\xc3\xa9xt \" \x01 \xff"), 0);

    cJSON *events = flight_read(dir, NULL, &unreadable);

    assert_int_equal(cJSON_GetArraySize(events), 2);
    assert_int_equal(unreadable, 8);
    assert_true(number(events, 0, "n") == 1 && number(events, 1, "n") == 2);
    assert_non_null(strstr(cJSON_GetObjectItem(cJSON_GetArrayItem(events, 1), "text")->valuestring, "t\xc3\xa9xt \" "));
    cJSON_Delete(events);
}

TEST(test_both_files_together_are_bounded_and_the_newest_stay)
{
    char text[800];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct stat st, before;

    for (int n = 1; n <= 2000; n++) assert_int_equal(record(n, text), 0);

    assert_int_equal(stat(file(FLIGHT_FILE), &st), 0);
    assert_int_equal(stat(file(FLIGHT_FILE_BEFORE), &before), 0);
    assert_true(st.st_size <= FLIGHT_FILE_BYTES && before.st_size <= FLIGHT_FILE_BYTES);
    assert_int_equal(st.st_mode & 0777, 0600);
    cJSON *events = flight_read(dir, NULL, NULL);
    int count = cJSON_GetArraySize(events);
    assert_true(count > 250);
    for (int i = 0; i < count; i++) assert_true(number(events, i, "n") == 2000 - count + 1 + i);
    cJSON_Delete(events);
}

TEST(test_what_has_not_changed_is_not_read_again)
{
    struct flight_place place = {0};
    assert_null(flight_read(dir, &place, NULL));
    record(1, "one");

    cJSON *events = flight_read(dir, &place, NULL);

    assert_int_equal(cJSON_GetArraySize(events), 1);
    cJSON_Delete(events);
    assert_null(flight_read(dir, &place, NULL));
    record(2, "two");
    events = flight_read(dir, &place, NULL);
    assert_int_equal(cJSON_GetArraySize(events), 2);
    cJSON_Delete(events);
}

TEST(test_links_and_pipes_are_not_followed)
{
    put("other", "precious\n", 9);
    char target[128];
    snprintf(target, sizeof target, "%s", file("other"));
    assert_int_equal(symlink(target, file(FLIGHT_FILE)), 0);

    assert_true(record(1, "one") < 0);
    cJSON *none = flight_read(dir, NULL, NULL);
    assert_int_equal(cJSON_GetArraySize(none), 0);
    cJSON_Delete(none);

    struct stat st;
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_size, 9);
    unlink(file(FLIGHT_FILE));
    assert_int_equal(mkfifo(file(FLIGHT_FILE), 0600), 0);
    assert_true(record(1, "one") < 0);
    cJSON_Delete(flight_read(dir, NULL, NULL));
}

/* ---- at the bounds ---- */
static void put_line(const char *source, const char *numbers, const char *texts)
{
    char line[20000];
    snprintf(line, sizeof line, "{\"source\":%s,%s,%s}\n", source, numbers, texts);
    put(FLIGHT_FILE, line, strlen(line));
}

#define NUMBERS "\"n\":1,\"at_ms\":0,\"pid\":0"
#define TEXTS   "\"host\":\"\",\"version\":\"\",\"event\":\"\",\"child\":\"\",\"text\":\"\",\"detail\":\"\""

TEST(test_what_is_an_event)
{
    static const struct {
        const char *source, *numbers, *texts;
        bool is_one;
    } rows[] = {
        {"\"" SOURCE "\"", NUMBERS, TEXTS, true},
        {"\"11111111-2222-4333-8444-55555555555\"", NUMBERS, TEXTS, false},
        {"\"11111111-2222-4333-8444-5555555555555\"", NUMBERS, TEXTS, false},
        {"\"11111111-2222-4333-8444-55555555555g\"", NUMBERS, TEXTS, false},
        {"\"1111111112222-4333-8444-555555555555\"", NUMBERS, TEXTS, false},
        {"\"11111111-222204333-8444-555555555555\"", NUMBERS, TEXTS, false},
        {"\"11111111-2222-433308444-555555555555\"", NUMBERS, TEXTS, false},
        {"\"11111111-2222-4333-84440555555555555\"", NUMBERS, TEXTS, false},
        {"\"-1111111-2222-4333-8444-555555555555\"", NUMBERS, TEXTS, false},
        {"5", NUMBERS, TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":0,\"at_ms\":0,\"pid\":0", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1000000000000,\"at_ms\":0,\"pid\":0", TEXTS, true},
        {"\"" SOURCE "\"", "\"n\":1000000000001,\"at_ms\":0,\"pid\":0", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":-1,\"pid\":0", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":253402300799999,\"pid\":0", TEXTS, true},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":253402300800000,\"pid\":0", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":0,\"pid\":2147483647", TEXTS, true},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":0,\"pid\":2147483648", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":0,\"pid\":-1", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":\"1\",\"at_ms\":0,\"pid\":0", TEXTS, false},
        {"\"" SOURCE "\"", "\"n\":1,\"at_ms\":0", TEXTS, false},
        {"\"" SOURCE "\"", NUMBERS, "\"host\":\"\",\"version\":\"\",\"event\":\"\",\"child\":\"\",\"text\":\"\"",
         false},
        {"\"" SOURCE "\"", NUMBERS,
         "\"host\":1,\"version\":\"\",\"event\":\"\",\"child\":\"\",\"text\":\"\",\"detail\":\"\"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t unreadable = -1;
        put_line(rows[i].source, rows[i].numbers, rows[i].texts);
        cJSON *events = flight_read(dir, NULL, &unreadable);
        if (cJSON_GetArraySize(events) != rows[i].is_one || unreadable != !rows[i].is_one) fail_msg("row %zu", i);
        cJSON_Delete(events);
        unlink(file(FLIGHT_FILE));
    }
}

/* What is too long is cut when it is written, and again when it is read: others may have written it. */
TEST(test_texts_are_cut)
{
    static const struct {
        const char *name;
        size_t most;
    } rows[] = {{"host", 64}, {"version", 64}, {"event", 32}, {"child", 64}, {"text", 1024}, {"detail", 4096}};
    char text[5000], wanted[9000], *line;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct flight_event e = {.source = SOURCE,
                             .n = 3,
                             .at_ms = 4,
                             .pid = 5,
                             .host = text,
                             .version = text,
                             .event = text,
                             .child = text,
                             .text = text,
                             .detail = text};
    line = flight_line(&e);
    int len = snprintf(wanted, sizeof wanted, "{\"source\":\"" SOURCE "\",\"n\":3,\"at_ms\":4,\"pid\":5");
    for (int i = 0; i < 6; i++)
        len += snprintf(wanted + len, sizeof wanted - (size_t)len, ",\"%s\":\"%.*s\"", rows[i].name, (int)rows[i].most,
                        text);
    snprintf(wanted + len, sizeof wanted - (size_t)len, "}\n");
    assert_string_equal(line, wanted);
    free(line);
    len = 0;
    for (int i = 0; i < 6; i++)
        len += snprintf(wanted + len, sizeof wanted - (size_t)len, "%s\"%s\":\"%.*s\"", i ? "," : "", rows[i].name,
                        (int)rows[i].most + 1, text);
    put_line("\"" SOURCE "\"", NUMBERS, wanted);
    cJSON *events = flight_read(dir, NULL, NULL);
    for (int i = 0; i < 6; i++)
        assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(events->child, rows[i].name))), rows[i].most);
    cJSON_Delete(events);
    struct flight_event bare = {.source = SOURCE, .n = 1};
    line = flight_line(&bare);
    assert_string_equal(line, "{\"source\":\"" SOURCE "\",\"n\":1,\"at_ms\":0,\"pid\":0," TEXTS "}\n");
    free(line);
}

static void expect_file(const char *name, const char *wanted)
{
    char text[200] = "";
    int fd = open(file(name), O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, wanted);
}

TEST(test_a_torn_line_is_ended)
{
    struct err err = {0};
    assert_int_equal(flight_append(dir, "a\n", 2, &err), 0);
    expect_file(FLIGHT_FILE, "a\n");
    assert_int_equal(flight_append(dir, "b\n", 2, &err), 0);
    expect_file(FLIGHT_FILE, "a\nb\n");
    put(FLIGHT_FILE, "to", 2);
    assert_int_equal(flight_append(dir, "c\n", 2, &err), 0);
    expect_file(FLIGHT_FILE, "a\nb\nto\nc\n");
}

TEST(test_what_was_there_makes_room_when_it_must)
{
    static char filling[FLIGHT_FILE_BYTES];
    struct err err = {0};
    struct stat st;
    memset(filling, '\n', sizeof filling);
    put(FLIGHT_FILE, filling, sizeof filling - 2);
    assert_int_equal(flight_append(dir, "a\n", 2, &err), 0); /* just so */
    assert_int_equal(stat(file(FLIGHT_FILE), &st), 0);
    assert_int_equal(st.st_size, FLIGHT_FILE_BYTES);
    assert_int_not_equal(stat(file(FLIGHT_FILE_BEFORE), &st), 0);
    assert_int_equal(flight_append(dir, "b\n", 2, &err), 0);
    expect_file(FLIGHT_FILE, "b\n");
    assert_int_equal(stat(file(FLIGHT_FILE_BEFORE), &st), 0);
    assert_int_equal(st.st_size, FLIGHT_FILE_BYTES);
    static char larger[FLIGHT_FILE_BYTES + 1];
    memset(larger, '\n', sizeof larger);
    unlink(file(FLIGHT_FILE));
    unlink(file(FLIGHT_FILE_BEFORE));
    assert_int_equal(flight_append(dir, larger, sizeof larger, &err), 0); /* nothing is there that could make room */
    assert_int_not_equal(stat(file(FLIGHT_FILE_BEFORE), &st), 0);
}

TEST(test_what_cannot_be_written_is_said)
{
    struct err err = {0};
    char wanted[200];
    assert_int_equal(mkdir(file(FLIGHT_FILE), 0700), 0);
    assert_int_equal(flight_append(dir, "a\n", 2, &err), -ERR_SYSTEM);
    snprintf(wanted, sizeof wanted, "recording events in %s", file(FLIGHT_FILE));
    if (!strstr(err.text, wanted)) fail_msg("%s", err.text);
    rmdir(file(FLIGHT_FILE));
    memset(&err, 0, sizeof err);
    assert_int_equal(mkfifo(file(FLIGHT_FILE), 0600), 0);
    int reader = open(file(FLIGHT_FILE), O_RDONLY | O_NONBLOCK);
    assert_int_equal(flight_append(dir, "a\n", 2, &err), -ERR_SYSTEM);
    if (!strstr(err.text, wanted) || !strstr(err.text, strerror(EINVAL))) fail_msg("%s", err.text);
    close(reader);
}

/* A reader sees that either file is another, or has grown. */
TEST(test_places)
{
    struct flight_place place = {0};
    static const char *const names[] = {FLIGHT_FILE, FLIGHT_FILE_BEFORE};
    char *line = flight_line(&(struct flight_event){.source = SOURCE, .n = 1});
    for (int i = 0; i < 2; i++) {
        put(names[i], line, strlen(line));
        cJSON *events = flight_read(dir, &place, NULL);
        assert_int_equal(cJSON_GetArraySize(events), i + 1);
        cJSON_Delete(events);
        assert_null(flight_read(dir, &place, NULL));
        put("other", line, strlen(line)); /* the same size */
        char other[128];
        snprintf(other, sizeof other, "%s", file("other"));
        assert_int_equal(rename(other, file(names[i])), 0);
        events = flight_read(dir, &place, NULL);
        assert_int_equal(cJSON_GetArraySize(events), i + 1);
        cJSON_Delete(events);
        put(names[i], "x\n", 2);
        int64_t unreadable = 0;
        events = flight_read(dir, &place, &unreadable);
        assert_int_equal(cJSON_GetArraySize(events), i + 1);
        assert_int_equal(unreadable, i + 1);
        cJSON_Delete(events);
    }
    unlink(file(FLIGHT_FILE));
    cJSON *events = flight_read(dir, &place, NULL);
    assert_int_equal(cJSON_GetArraySize(events), 1);
    cJSON_Delete(events);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_garbage_and_torn_lines_are_passed_over_and_counted, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_both_files_together_are_bounded_and_the_newest_stay, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_what_has_not_changed_is_not_read_again, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_links_and_pipes_are_not_followed, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_what_is_an_event, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_texts_are_cut, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_a_torn_line_is_ended, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_what_was_there_makes_room_when_it_must, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written_is_said, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_places, fresh, remove_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
