/* The configuration: precedence of its sources, and what is said about each kind of fault. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf_internal.h"
#include "tests/support/test.h"

static char dir[] = "/tmp/test-conf-XXXXXX";
static char file_path[128], env_path[128], override_path[128];

static const char *write_to(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    return path;
}

FIXTURE(set_up)
{
    clearenv();
    if (access(dir, F_OK) != 0 && !mkdtemp(dir)) return -1;
    snprintf(file_path, sizeof file_path, "%s/a.cfg", dir);
    snprintf(env_path, sizeof env_path, "%s/a.env", dir);
    snprintf(override_path, sizeof override_path, "%s/overrides", dir);
    return 0;
}

FIXTURE(remove_dir)
{
    unlink(file_path);
    unlink(env_path);
    unlink(override_path);
    return rmdir(dir);
}

static struct conf *load_file(const char *text, struct err *err)
{
    return conf_load(&(struct conf_paths){.file = write_to(file_path, text)}, err);
}

TEST(test_later_source_wins_and_is_named)
{
    struct err err = {0};
    write_to(file_path, "http = { port = 1; host = \"a\"; max_connections = 9; };\nworker = { processes = 2; };\n");
    write_to(env_path, "# comment\nexport PORT=2\nHOST='b c'\n\nHTTP_MAX_CONNECTIONS = \"10\"\n");
    write_to(override_path, "http.port=4\n");
    setenv("PORT", "3", 1);
    setenv("HOST", "", 1);

    struct conf *conf = conf_load(&(struct conf_paths){file_path, env_path, override_path}, &err);

    assert_string_equal(err.text, "");
    assert_non_null(conf);
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 4);
    assert_int_equal(conf_source(conf, SET_HTTP_PORT), SOURCE_OVERRIDE);
    assert_string_equal(conf_str(conf, SET_HTTP_HOST), "b c");
    assert_int_equal(conf_source(conf, SET_HTTP_HOST), SOURCE_ENV_FILE);
    assert_int_equal(conf_int(conf, SET_HTTP_MAX_CONNECTIONS), 10);
    assert_int_equal(conf_int(conf, SET_WORKER_COUNT), 2);
    assert_int_equal(conf_source(conf, SET_WORKER_COUNT), SOURCE_FILE);
    assert_int_equal(conf_source(conf, SET_LOG_LEVEL), SOURCE_DEFAULT);
    conf_free(conf);
}

TEST(test_master_switch_reads_every_spelling)
{
    static const struct {
        const char *text;
        bool expected;
    } table[] = {{"true", 1},  {"TRUE", 1}, {"True", 1}, {"1", 1},   {"yes", 1}, {"On", 1},
                 {"false", 0}, {"0", 0},    {"no", 0},   {"OFF", 0}, {"", 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err err = {0};
        setenv("BACKGROUND_SYNC_ENABLED", table[i].text, 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_int_equal(conf_bool(conf, SET_BACKGROUND_SYNC), table[i].expected);
        conf_free(conf);
    }
}

TEST(test_fault_names_its_line_and_what_was_expected)
{
    static const struct {
        const char *text, *says;
    } table[] = {
        {"\nhttp = { prt = 1; };", "a.cfg:2: unknown setting http.prt"},
        {"http = {\n  port = 70000; };", "a.cfg:2: http.port is out of range: expected 0 to 65535"},
        {"http = {\n\n  port = true; };", "a.cfg:3: http.port has the wrong type: expected a whole number"},
        {"http = { port = \"8x\"; };", "a.cfg:1: http.port expects a whole number"},
        {"sync = { background_enabled = 1; };", "wrong type: expected true or false"},
        {"log = { level = \"loud\"; };", "log.level expects one of debug|info"},
        {"database = { url = \"${NO_SUCH_VARIABLE}\"; };", "a.cfg:1: ${NO_SUCH_VARIABLE} is not set"},
        {"database = { url = \"mysql://x\"; };", "DATABASE_URL expects postgres://"},
        {"http = {\n port = ;\n};", "a.cfg:2: "},
        {"worker = { soft_time_limit_s = 10; time_limit_s = 5; };", "must not be larger than worker.time_limit_s (5)"},
        {"programs = 5;", "programs expects a list"},
        {"programs = ( { name = \"a\"; } );", "program a needs a command"},
        {"programs = ( { name = \"web\"; command = [\"x\"]; } );", "needs a name of 1 to 32"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; },\n { name = \"a\"; command = [\"x\"]; } );",
         "a.cfg:2: two programs are called a"},
        {"programs = ( { name = \"a\"; command = [\"x\"];\n readiness = \"maybe\"; } );", "a.cfg:2: readiness"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; stop_signal = \"NOPE\"; } );", "the name of a signal"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; umask = \"9\"; } );", "octal text"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; colour = 1; } );", "unknown key colour"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; environment = [\"A\"]; } );", "expects \"NAME=value\""},
        {"programs = ( { name = \"a\"; command = [\"x\"]; unless_env = [\"A\"]; } );", "not the environment name"},
        {"programs = ( { name = \"a\"; command = [\"x\"]; gate = \"b\"; } );", "expects \"background_sync\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err err = {0};
        struct conf *conf = load_file(table[i].text, &err);
        assert_null(conf);
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.text, table[i].says)) fail_msg("\"%s\" does not say \"%s\"", err.text, table[i].says);
    }
}

TEST(test_sizes_take_units)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } table[] = {{"10GB", 10LL << 30},
                 {"10 GB", 10LL << 30},
                 {"2TB", 2LL << 40},
                 {"512MiB", 512 << 20},
                 {"70000kB", 70000 << 10},
                 {"12345", 12345},
                 {"10G", -1},
                 {"GB", -1},
                 {"-1GB", -1},
                 {"10GBx", -1},
                 {"9000000TB", -1},
                 {"1.5GB", -1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[80];
        struct err err = {0};
        snprintf(text, sizeof text, "database = { size_limit_bytes = \"%s\"; };", table[i].text);
        struct conf *conf = load_file(text, &err);
        if ((conf != NULL) != (table[i].bytes >= 0)) fail_msg("%s: %s", table[i].text, err.text);
        if (conf) assert_int_equal(conf_int(conf, SET_DATABASE_SIZE_LIMIT), table[i].bytes);
        conf_free(conf);
    }
    struct err err = {0};
    assert_null(load_file("http = { port = \"10kB\"; };", &err)); /* no size */
}

TEST(test_placeholder_and_bad_environment_are_refused_without_showing_secrets)
{
    struct err err = {0};
    setenv("DATABASE_URL", "${logikal-db.DATABASE_URL}", 1);
    assert_null(conf_load(&(struct conf_paths){0}, &err));
    assert_non_null(strstr(err.text, "environment DATABASE_URL"));
    assert_non_null(strstr(err.text, "placeholder"));

    setenv("DATABASE_URL", "hunter2", 1);
    assert_null(conf_load(&(struct conf_paths){0}, &err));
    assert_null(strstr(err.text, "hunter2"));
    unsetenv("DATABASE_URL");

    write_to(env_path, "LOG_LEVEL=info\nSECRET_KEY='hunter2\n");
    assert_null(conf_load(&(struct conf_paths){.env_file = env_path}, &err));
    assert_non_null(strstr(err.text, "a.env:2: the closing ' is missing"));
    assert_null(strstr(err.text, "hunter2"));

    assert_null(conf_load(&(struct conf_paths){.file = "/nonexistent/x.cfg"}, &err));
    assert_non_null(strstr(err.text, "/nonexistent/x.cfg"));
}

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
        FILE *out = fopen(env_path, "w");
        fwrite(rows[i].text, 1, rows[i].len ? rows[i].len : strlen(rows[i].text), out);
        fclose(out);
        struct conf *conf = conf_load(&(struct conf_paths){.env_file = env_path}, &err);
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
    write_to(env_path, "POSTGRES_PASSWORD=x\nPORT=12\nCOMPOSE_PROJECT_NAME=y\n");
    struct conf *conf = conf_load(&(struct conf_paths){.env_file = env_path}, &err);
    assert_non_null(conf);
    assert_int_equal(conf_int(conf, SET_HTTP_PORT), 12);
    assert_non_null(strstr(conf_notes(conf), "POSTGRES_PASSWORD in the env file is not a setting"));
    assert_non_null(strstr(conf_notes(conf), "COMPOSE_PROJECT_NAME"));
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
        struct conf *conf = load_file(text, &err);
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
        write_to(file_path, first.data);
        buf_str(&env, "SECRET_KEY=\"");
        for (const char *p = odd[i]; *p; p++) buf_printf(&env, strchr("\"\\$", *p) ? "\\%c" : "%c", *p);
        buf_str(&env, "\"\nREDIS_HOST=h\n");
        write_to(env_path, env.data);
        buf_free(&env);
        buf_printf(&overrides, "admin.username=%s\n", odd[i]);
        write_to(override_path, overrides.data);
        buf_free(&overrides);
        struct conf *conf = conf_load(&(struct conf_paths){file_path, env_path, override_path}, &err);
        if (!conf) fail_msg("row %zu: %s", i, err.text);
        assert_string_equal(conf_str(conf, SET_ADMIN_PASSWORD), odd[i]);
        assert_string_equal(conf_str(conf, SET_SECRET_KEY), odd[i]);

        conf_write_file(conf, ~0u, true, &file);
        conf_write_env(conf, ~0u, &env);
        conf_write_overrides(conf, ~0u, &overrides);
        write_to(file_path, file.data);
        write_to(env_path, env.data);
        write_to(override_path, overrides.data);
        struct conf *again = conf_load(&(struct conf_paths){file_path, env_path, override_path}, &err);
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

static void test_variables_that_only_secrets_are_made_of_are_known(void **state)
{
    struct err err = {0};
    (void)state;
    setenv("MY_KEY", "k", 1);
    setenv("DB_PASS", "p", 1);
    setenv("BASE", "/b", 1);
    struct conf *conf = load_file("security = { secret_key = \"${MY_KEY}\"; };\n"
                                  "database = { url = \"postgresql://u:${DB_PASS}@/d?host=${BASE}\"; };\n"
                                  "programs = ( { name = \"a\"; command = [ \"${BASE}/x\" ]; environment = [ "
                                  "\"K=${MY_KEY}\" ]; } );",
                                  &err);
    assert_non_null(conf);
    assert_true(conf_is_secret_name(conf, "MY_KEY"));
    assert_true(conf_is_secret_name(conf, "DB_PASS"));
    assert_false(conf_is_secret_name(conf, "BASE")); /* others need it, too */
    assert_false(conf_is_secret_name(conf, "HOME"));
    conf_free(conf);
}

static void test_include_is_relative_to_the_file(void **state)
{
    struct err err = {0};
    char part[300], text[200];
    (void)state;
    snprintf(part, sizeof part, "%s/part.cfg", dir);
    write_to(part, "port = 4321;\n");
    snprintf(text, sizeof text, "http = {\n@include \"part.cfg\"\n};\n");
    struct conf *conf = load_file(text, &err);
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
        struct conf_paths paths = {rows[i].file ? write_to(file_path, rows[i].file) : NULL,
                                   rows[i].env ? write_to(env_path, rows[i].env) : NULL, NULL};
        int rc = conf_run_dir(&paths, out, sizeof out, &err);
        if ((rc == 0) != (rows[i].expected != NULL)) fail_msg("row %zu: %d <%s> %s", i, rc, out, err.text);
        if (rc == 0 && strcmp(out, rows[i].expected) != 0) fail_msg("row %zu: <%s>", i, out);
        if (rc != 0) assert_non_null(strstr(err.text, "set LOGIKALD_RUN_DIR"));
    }
}

static void test_default_run_dir_is_where_nobody_cleans(void **state)
{
    char out[128], expected[300], place[256];
    (void)state;
    snprintf(place, sizeof place, "%s", dir);
    setenv("XDG_RUNTIME_DIR", place, 1);
    snprintf(expected, sizeof expected, "%s/logikald", place);
    assert_string_equal(conf_default_run_dir(out, sizeof out), expected);
    setenv("XDG_RUNTIME_DIR", "/nonexistent/run", 1);
    conf_default_run_dir(out, sizeof out);
    assert_string_not_equal(out, "/nonexistent/run/logikald");
    if (geteuid() == 0 && access("/run", W_OK) == 0) assert_string_equal(out, "/run/logikald");
    struct conf *conf = conf_load(&(struct conf_paths){0}, NULL);
    assert_string_equal(conf_str(conf, SET_RUN_DIR), out);
    assert_int_equal(conf_source(conf, SET_RUN_DIR), SOURCE_DEFAULT);
    conf_free(conf);
}

TEST(test_secrets_are_masked_when_shown)
{
    static const struct {
        const char *value, *shown;
    } table[] = {
        {"postgres://u:hunter2@h:1/d?sslmode=require", "postgres://u:***@h:1/d?sslmode=require"},
        {"postgres://u:p@ss@h/d", "postgres://u:***@h/d"},
        {"postgresql://h/d?user=u&password=hunter2", "postgresql://h/d?user=u&password=***"},
        {"postgresql://h/d", "postgresql://h/d"},
        {"postgresql://:hunter2@h/d", "postgresql://:***@h/d"},
        {"postgresql://h/d?password=hunt@er2", "postgresql://h/d?password=***"},
        {"postgresql://u:password=x@h/d?password=hunter2", "postgresql://u:***@h/d?password=***"},
    };
    char out[256];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err err = {0};
        setenv("DATABASE_URL", table[i].value, 1);
        setenv("SECRET_KEY", i % 2 ? "hunter2" : "like://a.url", 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_string_equal(conf_shown(conf, SET_DATABASE_URL, out, sizeof out), table[i].shown);
        assert_string_equal(conf_shown(conf, SET_SECRET_KEY, out, sizeof out), "***");
        assert_string_equal(conf_shown(conf, SET_JWT_SECRET_KEY, out, sizeof out), "");
        conf_free(conf);
    }
    static const char *const sentinels[][2] = {
        {"sentinel://a;sentinel://b:1/2?master_name=m", "sentinel://a;sentinel://b:1/2?master_name=m"},
        {"sentinel://u:hunter2@a;sentinel://:hunter2@b/0?master_name=m",
         "sentinel://u:***@a;sentinel://:***@b/0?master_name=m"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        setenv("REDIS_URL", sentinels[i][0], 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_string_equal(conf_shown(conf, SET_REDIS_URL, out, sizeof out), sentinels[i][1]);
        conf_free(conf);
    }
}

TEST(test_programs_expand_variables_and_step_aside_for_the_real_thing)
{
    struct err err = {0};
    static const char text[] =
        "redis = { url = \"unix://${DATA}/redis.sock\"; };\n"
        "programs = ( { name = \"redis\"; command = [\"redis-server\", \"--dir\", \"${DATA}/x\", \"${P:-7}\"];\n"
        "  unless_env = [\"REDIS_URL\", \"REDIS_HOST\"]; readiness = \"unix:${DATA}/redis.sock\"; umask = \"077\";\n"
        "  stop_signal = \"SIGINT\"; restart = \"on-failure\"; rlimit_nofile = 64; essential = true; } );\n";
    setenv("DATA", "/d", 1);

    struct conf *conf = load_file(text, &err), *same = load_file(text, &err);
    assert_non_null(conf);
    const struct program *p = conf_program(conf, 0);
    assert_int_equal(conf_program_count(conf), 1);
    assert_string_equal(p->command[2], "/d/x");
    assert_string_equal(p->command[3], "7");
    assert_string_equal(p->ready_target, "/d/redis.sock");
    assert_int_equal(p->stop_signal, SIGINT);
    assert_int_equal(p->umask, 077);
    assert_int_equal(p->restart, RESTART_ON_FAILURE);
    assert_true(p->is_essential);
    assert_false(p->is_skipped);
    assert_true(program_equal(p, conf_program(same, 0)));
    conf_free(same);

    setenv("P", "8", 1);
    same = load_file(text, &err);
    assert_false(program_equal(p, conf_program(same, 0)));
    conf_free(same);
    conf_free(conf);

    setenv("REDIS_HOST", "elsewhere", 1);
    conf = load_file(text, &err);
    assert_true(conf_program(conf, 0)->is_skipped);
    assert_false(conf_is_set(conf, SET_REDIS_URL)); /* the later source named a host, so the file's URL is void */
    conf_free(conf);
}

TEST(test_redis_that_a_platform_does_not_name_is_needed_only_for_scheduled_sync)
{
    static const char *const urls[] = {"${logikal-redis.DATABASE_URL}", "${REDIS_URL}", "rediss://${host}:25061"};
    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};
        setenv("REDIS_URL", urls[i], 1);
        unsetenv("BACKGROUND_SYNC_ENABLED");
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_false(conf_is_set(conf, SET_REDIS_URL));
        assert_non_null(strstr(conf_notes(conf), "REDIS_URL still holds"));
        conf_free(conf);
        setenv("BACKGROUND_SYNC_ENABLED", "true", 1);
        assert_null(conf_load(&(struct conf_paths){0}, &err));
        assert_non_null(strstr(err.text, "REDIS_URL still holds a ${...} placeholder"));
    }
}

TEST(test_redis_schemes_and_priority_steps)
{
    static const struct {
        const char *url, *steps;
        bool is_right;
    } rows[] = {
        {"redis://h", "0,3,6,9", true},
        {"rediss://h", "0", true},
        {"valkey://h", "0, 5", true},
        {"valkeys://h", "0,1,2,3,4,5,6,7,8,9", true},
        {"redis+socket:///s", "0,3,6,9", true},
        {"redis+unix:///s", "0,3,6,9", true},
        {"unix:///s", "0,255", true},
        {"sentinel://h", "0,3,6,9", false}, /* which master? */
        {"sentinel://h;sentinel://g/0?master_name=m", "0,3,6,9", true},
        {"sentinels://h?master_name=m", "0,3,6,9", true},
        {"http://h", "0,3,6,9", false},
        {"redis://h", "3,0", false},
        {"redis://h", "0,0", false},
        {"redis://h", "0,x", false},
        {"redis://h", "0,3,", false},
        {"redis://h", "-1,3", false},
        {"redis://h", "0 3", false},
        {"redis://h", "0,256", false},
        {"redis://h", "0,1,2,3,4,5,6,7,8,9,10", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        setenv("REDIS_URL", rows[i].url, 1);
        setenv("REDIS_PRIORITY_STEPS", rows[i].steps, 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        if ((conf != NULL) != rows[i].is_right) fail_msg("%s, %s: %s", rows[i].url, rows[i].steps, err.text);
        if (conf) conf_free(conf);
    }
}

TEST(test_all_missing_secrets_are_told_at_once)
{
    struct err err = {0};
    setenv("ENVIRONMENT", "production", 1);
    setenv("VIEWER_PASSWORD", "deployer-password-1", 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf);
    assert_int_not_equal(conf_check_web(conf, &err), 0);
    assert_string_equal(err.text,
                        "SECRET_KEY is not set; JWT_SECRET_KEY is not set; ADMIN_PASSWORD is not set; VIEWER_PASSWORD "
                        "holds a word of examples, which anybody would try. ENVIRONMENT=production needs random ones "
                        "(openssl rand -hex 32)");
    conf_free(conf);
}

TEST(test_production_needs_real_secrets_to_serve)
{
    struct err err = {0};
    static const char good[] = "0f9a7c55d1e24b86a3c2719e5d40b8f6";
    setenv("ENVIRONMENT", "production", 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf); /* a worker or beat of its own needs none of them */
    assert_int_not_equal(conf_check_web(conf, &err), 0);
    assert_non_null(strstr(err.text, "SECRET_KEY is not set"));
    conf_free(conf);

    setenv("SECRET_KEY", good, 1);
    setenv("JWT_SECRET_KEY", "your-secret-key-change-in-production", 1);
    conf = conf_load(&(struct conf_paths){0}, &err);
    assert_int_not_equal(conf_check_web(conf, &err), 0);
    assert_non_null(strstr(err.text, "JWT_SECRET_KEY holds a word of examples"));
    conf_free(conf);

    setenv("JWT_SECRET_KEY", good, 1);
    setenv("ADMIN_PASSWORD", "tulip-harbour-52", 1);
    conf = conf_load(&(struct conf_paths){0}, &err);
    assert_int_equal(conf_check_web(conf, &err), 0);
    conf_free(conf);
}

TEST(test_diff_names_what_a_reload_changes)
{
    struct err err = {0};
    enum setting_id changed[SET_COUNT];
    struct conf *a = load_file("log = { level = \"info\"; };", &err);
    struct conf *b = load_file("log = { level = \"DEBUG\"; };\nsync = { interval_s = 60; };", &err);

    int n = conf_diff(a, b, changed);

    assert_int_equal(n, 2);
    assert_int_equal(changed[0], SET_SYNC_INTERVAL);
    assert_int_equal(changed[1], SET_LOG_LEVEL);
    conf_free(a);
    conf_free(b);
}

TEST(test_generated_file_is_loaded_back_as_the_defaults)
{
    struct err err = {0};
    FILE *out = fopen(file_path, "w");
    settings_print_cfg(out);
    fclose(out);
    enum setting_id changed[SET_COUNT];

    struct conf *from_file = conf_load(&(struct conf_paths){.file = file_path}, &err);
    struct conf *defaults = conf_load(&(struct conf_paths){0}, &err);

    assert_string_equal(err.text, "");
    assert_non_null(from_file);
    assert_int_equal(conf_diff(from_file, defaults, changed), 0);
    conf_free(from_file);
    conf_free(defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_later_source_wins_and_is_named, set_up),
        cmocka_unit_test_setup(test_master_switch_reads_every_spelling, set_up),
        cmocka_unit_test_setup(test_fault_names_its_line_and_what_was_expected, set_up),
        cmocka_unit_test_setup(test_sizes_take_units, set_up),
        cmocka_unit_test_setup(test_redis_schemes_and_priority_steps, set_up),
        cmocka_unit_test_setup(test_placeholder_and_bad_environment_are_refused_without_showing_secrets, set_up),
        cmocka_unit_test_setup(test_env_files_as_people_write_them, set_up),
        cmocka_unit_test_setup(test_unknown_names_in_an_env_file_are_told_and_do_nothing, set_up),
        cmocka_unit_test_setup(test_line_ends_after_a_value_are_cut_and_told, set_up),
        cmocka_unit_test_setup(test_braces_can_be_written, set_up),
        cmocka_unit_test_setup(test_what_is_written_out_reads_the_same, set_up),
        cmocka_unit_test_setup(test_variables_that_only_secrets_are_made_of_are_known, set_up),
        cmocka_unit_test_setup(test_include_is_relative_to_the_file, set_up),
        cmocka_unit_test_setup(test_run_dir_is_told_also_when_the_file_is_faulty, set_up),
        cmocka_unit_test_setup(test_default_run_dir_is_where_nobody_cleans, set_up),
        cmocka_unit_test_setup(test_secrets_are_masked_when_shown, set_up),
        cmocka_unit_test_setup(test_programs_expand_variables_and_step_aside_for_the_real_thing, set_up),
        cmocka_unit_test_setup(test_redis_that_a_platform_does_not_name_is_needed_only_for_scheduled_sync, set_up),
        cmocka_unit_test_setup(test_all_missing_secrets_are_told_at_once, set_up),
        cmocka_unit_test_setup(test_production_needs_real_secrets_to_serve, set_up),
        cmocka_unit_test_setup(test_diff_names_what_a_reload_changes, set_up),
        cmocka_unit_test_setup(test_generated_file_is_loaded_back_as_the_defaults, set_up),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, remove_dir);
}
