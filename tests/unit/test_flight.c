/* The flight recorder's file: what is written is read again, whatever else lies in it, and it never grows for ever. */
#include <fcntl.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_garbage_and_torn_lines_are_passed_over_and_counted, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_both_files_together_are_bounded_and_the_newest_stay, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_what_has_not_changed_is_not_read_again, fresh, remove_it),
        cmocka_unit_test_setup_teardown(test_links_and_pipes_are_not_followed, fresh, remove_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
