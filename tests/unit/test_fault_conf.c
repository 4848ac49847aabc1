/* No memory, no descriptors and unreadable files while the configuration is loaded: each is told, none is taken for a
 * setting that is not there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/conf.h"
#include "conf/log.h"
#include "tests/fault/fault.h"
#include "tests/support/test.h"

static const char file_text[] =
    "http = { port = 8002; host = \"${NO_SUCH_NAME:-here}\"; };\n"
    "sync = { background_enabled = true; };\n"
    "programs = ( { name = \"one\"; command = [ \"a\", \"${NO_SUCH_NAME:-b}\" ]; environment = [ \"A=b\" ];\n"
    "    user = \"nobody\"; directory = \"/\"; readiness = \"tcp:127.0.0.1:1\"; depends_on = [ ];\n"
    "    unless_env = [ \"REDIS_URL\" ]; gate = \"background_sync\"; } );\n";
static const char env_text[] = "PORT=8003\nADMIN_PASSWORD='a b'\nREDIS_HOST=h\n";
static const char override_text[] = "http.port=8004\nlog.level=debug\n";

static char paths_text[3][64];
static struct conf_paths paths;

static int set_up(void **state)
{
    const char *const texts[] = {file_text, env_text, override_text};
    (void)state;
    clearenv();
    for (int i = 0; i < 3; i++) {
        int fd = memfd_create("conf", 0);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        snprintf(paths_text[i], sizeof paths_text[i], "/proc/self/fd/%d", fd);
    }
    paths = (struct conf_paths){paths_text[0], paths_text[1], paths_text[2]};
    return 0;
}

/* What is loaded in spite of a failure must be all of it. */
static int load(void *arg, struct err *err)
{
    struct conf *conf = conf_load(arg, err);
    if (!conf) return -1;
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 8004);
    assert_string_equal(conf_str(conf, SET_HTTP_HOST), "here");
    assert_string_equal(conf_str(conf, SET_REDIS_URL), "");
    assert_int_equal(conf_program_count(conf), 1);
    const struct program *p = conf_program(conf, 0);
    assert_string_equal(p->command[1], "b");
    assert_string_equal(p->ready_target, "127.0.0.1:1");
    conf_free(conf);
    return 0;
}

TEST(test_every_allocation_of_a_load_may_fail)
{
    int calls = fault_each("conf_load", FAULT_ALLOC, FAULT_TEXT, load, &paths);
    assert_true(calls > 2 * SET_COUNT);
}

TEST(test_every_file_of_a_load_may_be_unreadable)
{
    assert_int_equal(fault_each("conf_load", FAULT_OPEN, FAULT_TEXT, load, &paths), 2 * 3);
}

/* A directory opens like a file, and then every read fails. */
TEST(test_a_file_that_cannot_be_read_is_not_an_empty_one)
{
    struct conf_paths table[] = {{.file = "/"}, {.env_file = "/"}, {.overrides = "/"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err err = {0};
        struct conf *conf = conf_load(&table[i], &err);
        if (conf) fail_msg("source %zu is a directory and was taken", i);
        if (!strstr(err.text, "directory")) fail_msg("%s", err.text);
    }
}

static int fill(void *arg, struct err *err)
{
    struct buf b = {0};
    (void)arg, (void)err;
    for (int i = 0; i < 400; i++) buf_printf(&b, "%d ", i);
    buf_json_string(&b, "a\"\n\xff\x01", 5);
    buf_add(&b, NULL, 0);
    if (b.failed) assert_true(b.len <= b.cap);
    char *text = buf_steal(&b);
    int rc = text ? 0 : -1;
    free(text);
    buf_free(&b);
    return rc;
}

TEST(test_a_buffer_without_memory_gives_nothing)
{
    fault_each("buf", FAULT_ALLOC, FAULT_RESULT, fill, NULL);
}

static char logged[1000];

static void keep(const char *line, unsigned len)
{
    snprintf(logged, sizeof logged, "%.*s", (int)len, line);
}

/* Else nobody would learn why a process ended. */
TEST(test_a_line_is_logged_without_memory)
{
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        log_open("worker", LOG_INFO, (enum log_format)format);
        log_set_sink(keep);
        logged[0] = 0;
        fault_begin(FAULT_ALLOC, 1, true);
        log_critical("no memory for %d \"things\"", 7);
        bool asked = fault_end();
        log_set_sink(NULL);
        if (asked || !strstr(logged, "no memory for 7")) fail_msg("%d, %s", asked, logged);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_allocation_of_a_load_may_fail),
    cmocka_unit_test(test_every_file_of_a_load_may_be_unreadable),
    cmocka_unit_test(test_a_file_that_cannot_be_read_is_not_an_empty_one),
    cmocka_unit_test(test_a_buffer_without_memory_gives_nothing),
    cmocka_unit_test(test_a_line_is_logged_without_memory),
};
TEST_MAIN(tests, set_up, NULL)
