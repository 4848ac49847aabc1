/* The files of the configuration: how people write them, what becomes of odd lines, and that what is written out reads
 * the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf_internal.h"
#include "tests/support/settings.h"

static void test_env_files_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        size_t len;              /* 0 = as long as the text is */
        const char *name, *says; /* ADMIN_USERNAME, or the fault */
    } rows[] = {
        {"ADMIN_USERNAME=joe # me\n", 0, "joe", NULL},
        {"ADMIN_USERNAME=joe#me\n", 0, "joe#me", NULL},
        {"ADMIN_USERNAME=\"joe\" # me\n", 0, "joe", NULL},
        {"ADMIN_USERNAME='joe # me' # and me\n", 0, "joe # me", NULL},
        {"ADMIN_USERNAME = joe\t#\n", 0, "joe", NULL},
        {"\xef\xbb\xbf"
         "ADMIN_USERNAME=joe\n",
         0, "joe", NULL},
        {"ADMIN_USERNAME=joe\r\n\r\n# x\r\n", 0, "joe", NULL},
        {"export ADMIN_USERNAME=joe\n", 0, "joe", NULL},
        {"export\tADMIN_USERNAME=\"joe\"\r\n", 0, "joe", NULL},
        {"ADMIN_USERNAME=\"a\\\"b\\\\c\\d\"\n", 0, "a\"b\\c\\d", NULL},
        {"ADMIN_USERNAME='a\\\\b'\n", 0, "a\\\\b", NULL},
        {"ADMIN_USERNAME= # nothing\n", 0, "admin", NULL},
        {"ADMIN_USERNAME=\n", 0, "admin", NULL},
        {"ADMIN_USERNAME=", 0, "admin", NULL},
        {"ADMIN_USERNAME=joe", 0, "joe", NULL},
        {"KEY=\"-----BEGIN\nxyz\n-----END\"\nADMIN_USERNAME=joe\n", 0, "joe", NULL},
        {"ADMIN_USERNAME=\"joe\nPORT=1\n", 0, NULL, ":1: the closing \" is missing"},
        {"PORT=1\nADMIN_USERNAME=\"joe\"x\n", 0, NULL, ":2: something follows the closing \""},
        {"PORT=1\n\ngarbage\n", 0, NULL, ":3: expected NAME=value"},
        {"=x\n", 0, NULL, ":1: expected NAME=value"},
        {"ADMIN_USERNAME=joe\0PORT=1\n", 26, NULL, "NUL"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        FILE *out = fopen(settings_at.env_file, "w");
        fwrite(rows[i].text, 1, rows[i].len ? rows[i].len : strlen(rows[i].text), out);
        fclose(out);
        struct conf *conf = conf_load(&(struct conf_paths){.env_file = settings_at.env_file}, &err);
        if (!conf != !rows[i].name) fail_msg("row %zu: %s", i, err.text);
        if (conf && strcmp(conf_str(conf, SET_ADMIN_USERNAME), rows[i].name) != 0)
            fail_msg("row %zu: <%s>", i, conf_str(conf, SET_ADMIN_USERNAME));
        if (!conf && !strstr(err.text, rows[i].says)) fail_msg("row %zu: %s", i, err.text);
        conf_free(conf);
    }
}

static void test_unknown_names_in_an_env_file_are_told_and_do_nothing(void **state)
{
    struct err err = {0};
    (void)state;
    settings_write(settings_at.env_file, "POSTGRES_PASSWORD=x\nPORT=11\nPORT=12\nCOMPOSE_PROJECT_NAME=y\nHOST=a\n");
    struct conf *conf = conf_load(&(struct conf_paths){.env_file = settings_at.env_file}, &err);
    assert_non_null(conf);
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 12);
    assert_non_null(strstr(conf_notes(conf), "POSTGRES_PASSWORD in the env file is not a setting"));
    assert_non_null(strstr(conf_notes(conf), "COMPOSE_PROJECT_NAME"));
    assert_non_null(strstr(conf_notes(conf), "PORT stands more than once in the env file: its last line holds"));
    assert_null(strstr(conf_notes(conf), "HOST stands"));
    conf_free(conf);
}

static void test_line_ends_after_a_value_are_cut_and_told(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", "\n\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};
        char value[40];
        snprintf(value, sizeof value, "hunter2hunter2%s", ends[i]);
        setenv("SECRET_KEY", value, 1);
        setenv("ADMIN_USERNAME", "joe\n", 1);
        snprintf(value, sizeof value, "8123%s", ends[i]);
        setenv("PORT", value, 1);
        snprintf(value, sizeof value, "true%s", ends[i]);
        setenv("BACKGROUND_SYNC_ENABLED", value, 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_string_equal(conf_str(conf, SET_SECRET_KEY), "hunter2hunter2");
        assert_string_equal(conf_str(conf, SET_ADMIN_USERNAME), "joe");
        assert_int_equal(conf_int(conf, SET_HTTP_PORT), 8123);
        assert_true(conf_bool(conf, SET_BACKGROUND_SYNC));
        assert_non_null(strstr(conf_notes(conf), "http.port ended with a line end"));
        assert_non_null(strstr(conf_notes(conf), "security.secret_key ended with a line end"));
        assert_null(strstr(conf_notes(conf), "hunter2"));
        conf_free(conf);
    }
}

static void test_braces_can_be_written(void **state)
{
    static const struct {
        const char *written, *meant;
    } rows[] = {
        {"curl $${LOGIKALD_EVENT}", "curl ${LOGIKALD_EVENT}"},
        {"$${", "${"},
        {"a$$${HERE}", "a$${HERE}"},
        {"$$${X}", "$${X}"},
        {"${HERE}$${HERE}", "here${HERE}"},
        {"$$ $x $", "$$ $x $"},
        {"${NONE:-$x}", "$x"},
    };
    (void)state;
    setenv("HERE", "here", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        char text[400];
        snprintf(text, sizeof text,
                 "supervisor = { events_command = \"%s\"; }; admin = { password = \"%s\"; };"
                 "programs = ( { name = \"p\"; command = [ \"sh\", \"%s\" ]; environment = [ \"A=%s\" ]; } );",
                 rows[i].written, rows[i].written, rows[i].written, rows[i].written);
        struct conf *conf = settings_load(text, &err);
        if (!conf) fail_msg("row %zu: %s", i, err.text);
        assert_string_equal(conf_program(conf, 0)->command[1], conf_str(conf, SET_EVENTS_COMMAND));
        assert_string_equal(conf_program(conf, 0)->environment[0] + 2, conf_str(conf, SET_ADMIN_PASSWORD));
        assert_string_equal(conf_str(conf, SET_EVENTS_COMMAND), rows[i].meant);
        conf_free(conf);
    }
    setenv("EVENTS_COMMAND", "echo ${LOGIKALD_EVENT}", 1);
    setenv("ADMIN_PASSWORD", "pa${ss", 1);
    setenv("SECRET_KEY", "x${y}z", 1);
    struct err err = {0};
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf);
    assert_string_equal(conf_str(conf, SET_EVENTS_COMMAND), "echo ${LOGIKALD_EVENT}");
    assert_string_equal(conf_str(conf, SET_ADMIN_PASSWORD), "pa${ss");
    conf_free(conf);
    setenv("SECRET_KEY", "${logikald.SECRET_KEY}", 1); /* nobody has filled it in */
    assert_null(conf_load(&(struct conf_paths){0}, &err));
    assert_non_null(strstr(err.text, "placeholder"));
}

static void assert_same(const struct conf *a, const struct conf *b)
{
    for (int i = 0; i < SET_COUNT; i++) {
        enum setting_id id = (enum setting_id)i;
        if (strcmp(conf_str(a, id), conf_str(b, id)) != 0 || conf_source(a, id) != conf_source(b, id))
            fail_msg("%s: <%s> %s, <%s> %s", settings[i].key, conf_str(a, id), conf_source_name(conf_source(a, id)),
                     conf_str(b, id), conf_source_name(conf_source(b, id)));
    }
    assert_int_equal(conf_program_count(a), conf_program_count(b));
    for (int i = 0; i < conf_program_count(a); i++) assert_true(program_equal(conf_program(a, i), conf_program(b, i)));
}

static void test_what_is_written_out_reads_the_same(void **state)
{
    static const char *const odd[] = {"plain",    "a\"b",        "a\\b",   "pa${ss", "$${x}", "$$${y", "tab\there",
                                      "\x01\x7f", "caf\xc3\xa9", "' # \"", "#",      "a #b",  "$x\\$", "\\"};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct err err = {0};
        struct buf first = {0}, file = {0}, env = {0}, overrides = {0};
        buf_str(&first, "log = { rotate_bytes = 77; }; sync = { background_enabled = true; }; environment = \"test\";\n"
                        "worker = { max_runner_bytes = 4294967296L; };\n admin = { password = ");
        conf_write_text(&first, odd[i]);
        buf_str(&first, "; };\nprograms = ( { name = \"a\"; command = [ \"x\", ");
        conf_write_text(&first, odd[i]);
        buf_str(&first, " ]; environment = [ \"A=1\" ]; user = \"nobody\"; group = \"4\"; umask = \"027\"; readiness = "
                        "\"tcp:1.2.3.4:5\"; liveness = \"command:true 'a b'\"; stop_signal = \"INT\"; restart = "
                        "\"on-failure\"; essential = true; autostart = false; rlimit_nofile = 64; stop_timeout_s = 9; "
                        "depends_on = [ \"b\" ]; unless_env = [ \"REDIS_URL\" ]; gate = \"background_sync\"; },"
                        "{ name = \"b\"; command = [ \"y\" ]; restart = \"never\"; } );\n");
        settings_write(settings_at.file, first.data);
        buf_str(&env, "SECRET_KEY=\"");
        for (const char *p = odd[i]; *p; p++) buf_printf(&env, strchr("\"\\$", *p) ? "\\%c" : "%c", *p);
        buf_str(&env, "\"\nREDIS_HOST=h\n");
        settings_write(settings_at.env_file, env.data);
        buf_free(&env);
        buf_printf(&overrides, "admin.username=%s\n", odd[i]);
        settings_write(settings_at.overrides, overrides.data);
        buf_free(&overrides);
        struct conf *conf =
            conf_load(&(struct conf_paths){settings_at.file, settings_at.env_file, settings_at.overrides}, &err);
        if (!conf) fail_msg("row %zu: %s", i, err.text);
        assert_string_equal(conf_str(conf, SET_ADMIN_PASSWORD), odd[i]);
        assert_string_equal(conf_str(conf, SET_SECRET_KEY), odd[i]);

        conf_write_file(conf, ~0u, true, &file);
        conf_write_env(conf, ~0u, &env);
        conf_write_overrides(conf, ~0u, &overrides);
        settings_write(settings_at.file, file.data);
        settings_write(settings_at.env_file, env.data);
        settings_write(settings_at.overrides, overrides.data);
        struct conf *again =
            conf_load(&(struct conf_paths){settings_at.file, settings_at.env_file, settings_at.overrides}, &err);
        if (!again) fail_msg("row %zu: %s in\n%s", i, err.text, file.data);
        assert_same(conf, again);
        conf_free(again);

        buf_free(&file);
        conf_write_file(conf, USER_BEAT, false, &file); /* who has no use for a secret does not see it */
        assert_null(strstr(file.data, "password"));
        buf_free(&env);
        conf_write_env(conf, USER_BEAT, &env);
        assert_null(strstr(env.data, "SECRET_KEY"));
        assert_non_null(strstr(env.data, "REDIS_HOST"));
        conf_free(conf);
        buf_free(&first), buf_free(&file), buf_free(&env), buf_free(&overrides);
    }
}

static void test_include_is_relative_to_the_file(void **state)
{
    struct err err = {0};
    char part[300], text[200];
    (void)state;
    snprintf(part, sizeof part, "%s/part.cfg", settings_at.dir);
    settings_write(part, "port = 4321;\n");
    snprintf(text, sizeof text, "http = {\n@include \"part.cfg\"\n};\n");
    struct conf *conf = settings_load(text, &err);
    unlink(part);
    if (!conf) fail_msg("%s", err.text);
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 4321);
    conf_free(conf);
}

static void test_run_dir_is_told_also_when_the_file_is_faulty(void **state)
{
    static const struct {
        const char *file, *env, *expected; /* NULL = cannot be told */
    } rows[] = {
        {"supervisor: { run_dir = \"/tmp/rd19\"; };", NULL, "/tmp/rd19"},
        {"supervisor: { run_dir = \"/tmp/rd19\"; };\ngarbage", NULL, "/tmp/rd19"},
        {"supervisor = {\n  run_dir : '/x';\n run_dir = \"/tmp/rd19\"\n};\ngarbage", NULL, NULL},
        {"supervisor: { run_dir = \"${RD}/19\"; };\nlog = { level = \"loud\"; };", NULL, "/rd/19"},
        {"supervisor: { run_dir = \"${NOT_SET}/19\"; };\ngarbage", NULL, NULL},
        {"# run_dir = \"/no\"\nsupervisor: {\n// run_dir = \"/no\"\n run_dir = \"/yes\"; };\ngarbage", NULL, "/yes"},
        {"log = { level = \"loud\"; };", NULL, ""},
        {"@include \"x.cfg\"\ngarbage", NULL, NULL},
        {"supervisor: { run_dir = \"/a\"; };\ngarbage", "LOGIKALD_RUN_DIR=/b\n", "/b"},
        {"supervisor: { run_dir = \"/a\"; };", "export LOGIKALD_RUN_DIR=\"/b\"\nwhat\n", "/b"},
        {NULL, "LOGIKALD_RUN_DIR=/b # here\nwhat\n", "/b"},
    };
    (void)state;
    setenv("RD", "/rd", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        char out[128];
        struct conf_paths paths = {rows[i].file ? settings_write(settings_at.file, rows[i].file) : NULL,
                                   rows[i].env ? settings_write(settings_at.env_file, rows[i].env) : NULL, NULL};
        int rc = conf_run_dir(&paths, out, sizeof out, &err);
        if ((rc == 0) != (rows[i].expected != NULL)) fail_msg("row %zu: %d <%s> %s", i, rc, out, err.text);
        if (rc == 0 && strcmp(out, rows[i].expected) != 0) fail_msg("row %zu: <%s>", i, out);
        if (rc != 0) assert_non_null(strstr(err.text, "set LOGIKALD_RUN_DIR"));
    }
}

TEST(test_generated_file_is_loaded_back_as_the_defaults)
{
    struct err err = {0};
    FILE *out = fopen(settings_at.file, "w");
    settings_print_cfg(out);
    fclose(out);
    enum setting_id changed[SET_COUNT];

    struct conf *from_file = conf_load(&(struct conf_paths){.file = settings_at.file}, &err);
    struct conf *defaults = conf_load(&(struct conf_paths){0}, &err);

    assert_string_equal(err.text, "");
    assert_non_null(from_file);
    assert_int_equal(conf_diff(from_file, defaults, changed), 0);
    conf_free(from_file);
    conf_free(defaults);
}

/* Loads path as the configuration file or as the env file; what is said ("" = it was taken). */
static void said_of(const char *path, bool is_env_file, char out[sizeof((struct err){0}).text])
{
    struct err err = {0};
    struct conf_paths paths = {.file = is_env_file ? NULL : path, .env_file = is_env_file ? path : NULL};
    struct conf *conf = conf_load(&paths, &err);
    snprintf(out, sizeof err.text, "%s", conf ? "" : err.text);
    conf_free(conf);
}

TEST(test_no_kind_of_file_holds_the_reader_up)
{
    char fifo[300], link[300], said[sizeof((struct err){0}).text], out[256];
    snprintf(fifo, sizeof fifo, "%s.fifo", settings_at.file);
    snprintf(link, sizeof link, "%s.link", settings_at.file);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(symlink(fifo, link), 0);
    const struct {
        const char *path, *says;
    } rows[] = {
        {fifo, "nobody writes into this pipe"},
        {link, "nobody writes into this pipe"},
        {"/dev/zero", "larger than 1048576 bytes"},
        {"/dev/full", "larger than 1048576 bytes"},
        {"/dev", "directory"},
        {"/proc/self/mem", "cannot read"},
        {"/nowhere/at/all", "No such file"},
        {"/dev/null", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int is_env_file = 0; is_env_file < 2; is_env_file++) {
            said_of(rows[i].path, is_env_file, said);
            if (*rows[i].says ? !strstr(said, rows[i].says) : *said) fail_msg("%s: <%s>", rows[i].path, said);
        }
    /* Whoever looks for a supervisor, too. */
    assert_int_not_equal(conf_run_dir(&(struct conf_paths){.env_file = fifo}, out, sizeof out, NULL), 0);
    assert_int_not_equal(conf_run_dir(&(struct conf_paths){.file = fifo}, out, sizeof out, NULL), 0);
    unlink(link);
    unlink(fifo);
}

/* As a shell's <(...): its writer may take a moment, and writes in pieces. */
TEST(test_a_pipe_is_read_to_its_end)
{
    static const char *const pieces[] = {"ADMIN_USERNAME=j", "oe\nPO", "RT=8123\n"};
    int ends[2];
    char path[40];
    struct err err = {0};
    assert_int_equal(pipe(ends), 0);
    pid_t writer = fork();
    if (writer == 0) {
        for (int i = 0; i < 3; i++) {
            usleep(30000);
            if (write(ends[1], pieces[i], strlen(pieces[i])) < 0) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);

    struct conf *conf = conf_load(&(struct conf_paths){.env_file = path}, &err);

    assert_string_equal(err.text, "");
    assert_string_equal(conf_str(conf, SET_ADMIN_USERNAME), "joe");
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 8123);
    conf_free(conf);
    close(ends[0]);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_env_files_as_people_write_them, settings_start),
    cmocka_unit_test_setup(test_unknown_names_in_an_env_file_are_told_and_do_nothing, settings_start),
    cmocka_unit_test_setup(test_line_ends_after_a_value_are_cut_and_told, settings_start),
    cmocka_unit_test_setup(test_braces_can_be_written, settings_start),
    cmocka_unit_test_setup(test_what_is_written_out_reads_the_same, settings_start),
    cmocka_unit_test_setup(test_include_is_relative_to_the_file, settings_start),
    cmocka_unit_test_setup(test_run_dir_is_told_also_when_the_file_is_faulty, settings_start),
    cmocka_unit_test_setup(test_generated_file_is_loaded_back_as_the_defaults, settings_start),
    cmocka_unit_test_setup(test_no_kind_of_file_holds_the_reader_up, settings_start),
    cmocka_unit_test_setup(test_a_pipe_is_read_to_its_end, settings_start),
};
TEST_MAIN(tests, NULL, settings_stop)
