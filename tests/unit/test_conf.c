/* The configuration: precedence of its sources, and what is said about each kind of fault. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf/conf.h"

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

static int set_up(void **state)
{
    (void)state;
    clearenv();
    if (access(dir, F_OK) != 0 && !mkdtemp(dir)) return -1;
    snprintf(file_path, sizeof file_path, "%s/a.cfg", dir);
    snprintf(env_path, sizeof env_path, "%s/a.env", dir);
    snprintf(override_path, sizeof override_path, "%s/overrides", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(file_path);
    unlink(env_path);
    unlink(override_path);
    return rmdir(dir);
}

static struct conf *load_file(const char *text, struct err *err)
{
    return conf_load(&(struct conf_paths){.file = write_to(file_path, text)}, err);
}

static void test_later_source_wins_and_is_named(void **state)
{
    (void)state;
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

static void test_master_switch_reads_every_spelling(void **state)
{
    (void)state;
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

static void test_fault_names_its_line_and_what_was_expected(void **state)
{
    (void)state;
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

static void test_placeholder_and_bad_environment_are_refused_without_showing_secrets(void **state)
{
    (void)state;
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

    write_to(env_path, "WHAT=1\n");
    assert_null(conf_load(&(struct conf_paths){.env_file = env_path}, &err));
    assert_non_null(strstr(err.text, "a.env:1: unknown name WHAT"));
    assert_null(conf_load(&(struct conf_paths){.file = "/nonexistent/x.cfg"}, &err));
    assert_non_null(strstr(err.text, "/nonexistent/x.cfg"));
}

static void test_secrets_are_masked_when_shown(void **state)
{
    (void)state;
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
}

static void test_programs_expand_variables_and_step_aside_for_the_real_thing(void **state)
{
    (void)state;
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

static void test_production_needs_real_secrets_to_serve(void **state)
{
    (void)state;
    struct err err = {0};
    static const char good[] = "0f9a7c55d1e24b86a3c2719e5d40b8f6";
    setenv("ENVIRONMENT", "production", 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf); /* a worker or beat of its own needs none of them */
    assert_int_not_equal(conf_check_web(conf, &err), 0);
    assert_non_null(strstr(err.text, "SECRET_KEY has 0 characters"));
    conf_free(conf);

    setenv("SECRET_KEY", good, 1);
    setenv("JWT_SECRET_KEY", "your-secret-key-change-in-production", 1);
    conf = conf_load(&(struct conf_paths){0}, &err);
    assert_int_not_equal(conf_check_web(conf, &err), 0);
    assert_non_null(strstr(err.text, "JWT_SECRET_KEY is an example value"));
    conf_free(conf);

    setenv("JWT_SECRET_KEY", good, 1);
    setenv("ADMIN_PASSWORD", "tulip-harbour-52", 1);
    conf = conf_load(&(struct conf_paths){0}, &err);
    assert_int_equal(conf_check_web(conf, &err), 0);
    conf_free(conf);
}

static void test_diff_names_what_a_reload_changes(void **state)
{
    (void)state;
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

static void test_generated_file_is_loaded_back_as_the_defaults(void **state)
{
    (void)state;
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
        cmocka_unit_test_setup(test_placeholder_and_bad_environment_are_refused_without_showing_secrets, set_up),
        cmocka_unit_test_setup(test_secrets_are_masked_when_shown, set_up),
        cmocka_unit_test_setup(test_programs_expand_variables_and_step_aside_for_the_real_thing, set_up),
        cmocka_unit_test_setup(test_production_needs_real_secrets_to_serve, set_up),
        cmocka_unit_test_setup(test_diff_names_what_a_reload_changes, set_up),
        cmocka_unit_test_setup(test_generated_file_is_loaded_back_as_the_defaults, set_up),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, remove_dir);
}
