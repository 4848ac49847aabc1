/* The configuration: precedence of its sources, and what is said about each kind of fault. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf_internal.h"
#include "tests/support/settings.h"

TEST(test_later_source_wins_and_is_named)
{
    struct err err = {0};
    settings_write(settings_at.file,
                   "http = { port = 1; host = \"a\"; max_connections = 9; };\nworker = { processes = 2; };\n");
    settings_write(settings_at.env_file, "# comment\nexport PORT=2\nHOST='b c'\n\nHTTP_MAX_CONNECTIONS = \"10\"\n");
    settings_write(settings_at.overrides, "http.port=4\n");
    setenv("PORT", "3", 1);
    setenv("HOST", "", 1);

    struct conf *conf =
        conf_load(&(struct conf_paths){settings_at.file, settings_at.env_file, settings_at.overrides}, &err);

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
        {"programs = ( { name = \"\"; command = [\"x\"]; } );", "needs a name of 1 to 32"},
        {"programs = ( { name = \"A\"; command = [\"x\"]; } );", "needs a name of 1 to 32"},
        {"programs = ( { name = \"a b\"; command = [\"x\"]; } );", "needs a name of 1 to 32"},
        {"programs = ( { name = \"../x\"; command = [\"x\"]; } );", "needs a name of 1 to 32"},
        {"programs = ( { name = \"a23456789-123456789_123456789-123\"; command = [\"x\"]; } );",
         "needs a name of 1 to 32"},
        {"programs = ( { name = \"a23456789-123456789_123456789-12\"; } );",
         "program a23456789-123456789_123456789-12 needs a command"},
        {"http = { port = \"a23456789-123456789-123456789-123456789-12345678\"; };",
         "(got \"a23456789-123456789-123456789-123456789-12345678\")"},
        {"http = { port = \"a23456789-123456789-123456789-123456789-12345678X\"; };",
         "(got \"a23456789-123456789-123456789-123456789-12345678...\")"},
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
        struct conf *conf = settings_load(table[i].text, &err);
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
        struct conf *conf = settings_load(text, &err);
        if ((conf != NULL) != (table[i].bytes >= 0)) fail_msg("%s: %s", table[i].text, err.text);
        if (conf) assert_int_equal(conf_int(conf, SET_DATABASE_SIZE_LIMIT), table[i].bytes);
        conf_free(conf);
    }
    struct err err = {0};
    assert_null(settings_load("http = { port = \"10kB\"; };", &err)); /* no size */
}

static void test_default_run_dir_is_where_nobody_cleans(void **state)
{
    char out[128], expected[300], place[256];
    (void)state;
    snprintf(place, sizeof place, "%s", settings_at.dir);
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

/* Somebody whom no session manager gave a place: neither /run nor /run/user/UID is theirs. */
TEST(test_default_run_dir_of_a_user_without_a_session)
{
    if (geteuid() != 0 || access("/run/user/54321", F_OK) == 0) return;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char out[128];
        unsetenv("XDG_RUNTIME_DIR");
        if (setuid(54321) != 0) _exit(2);
        _exit(strcmp(conf_default_run_dir(out, sizeof out), "/tmp/logikald") != 0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

TEST(test_programs_expand_variables_and_step_aside_for_the_real_thing)
{
    struct err err = {0};
    static const char text[] =
        "redis = { url = \"unix://${DATA}/redis.sock\"; };\n"
        "programs = ( { name = \"redis\"; command = [\"redis-server\", \"--settings_at.dir\", \"${DATA}/x\", "
        "\"${P:-7}\"];\n"
        "  unless_env = [\"REDIS_URL\", \"REDIS_HOST\"]; readiness = \"unix:${DATA}/redis.sock\"; umask = \"077\";\n"
        "  stop_signal = \"SIGINT\"; restart = \"on-failure\"; rlimit_nofile = 64; essential = true; } );\n";
    setenv("DATA", "/d", 1);

    struct conf *conf = settings_load(text, &err), *same = settings_load(text, &err);
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
    same = settings_load(text, &err);
    assert_false(program_equal(p, conf_program(same, 0)));
    conf_free(same);
    conf_free(conf);

    setenv("REDIS_HOST", "elsewhere", 1);
    conf = settings_load(text, &err);
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

/* What can never match is refused, with the entry that it is. */
TEST(test_lists_and_urls_are_what_they_have_to_be)
{
    static const struct {
        const char *name, *value, *fault; /* fault: NULL = right */
    } rows[] = {
        {"TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7 ,2001:db8::/32,::1,", NULL},
        {"TRUSTED_PROXIES", " 0.0.0.0/0,::/0", NULL},
        {"TRUSTED_PROXIES", "10.0.0.0/8,nginx", "\"nginx\""},
        {"TRUSTED_PROXIES", "10.0.0.0/33", "\"10.0.0.0/33\""},
        {"TRUSTED_PROXIES", "10.0.0.0/-1", "\"10.0.0.0/-1\""},
        {"TRUSTED_PROXIES", "10.0.0.0/", "\"10.0.0.0/\""},
        {"TRUSTED_PROXIES", "10.0.0.0/8 11.0.0.0/8", "\"10.0.0.0/8 11.0.0.0/8\""},
        {"TRUSTED_PROXIES", "10.0.0.0/8;11.0.0.0/8", "no address or network"},
        {"TRUSTED_PROXIES", "2001:db8::/129", "no address or network"},
        {"TRUSTED_PROXIES", "10.0.0.1:80", "no address or network"},
        {"WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8", NULL},
        {"WEBHOOK_ALLOW_NETWORKS", "erp.example.com", "\"erp.example.com\""},
        {"CORS_ORIGINS", "*", NULL},
        {"CORS_ORIGINS", "[\"https://a.example\", \"http://localhost:3000\"]", NULL},
        {"CORS_ORIGINS", "https://a.example, https://b.example/", "\"https://b.example/\""},
        {"CORS_ORIGINS", "a.example", "\"a.example\""},
        {"CORS_ORIGINS", "https://", "\"https://\""},
        {"CORS_ORIGINS", "https://a.example:8443, http://b.example:443,https://192.0.2.7:3000", NULL},
        {"CORS_ORIGINS", "https://*.example.com", "\"https://*.example.com\""},
        {"CORS_ORIGINS", "https://Shop.example.com", "in small letters"},
        {"CORS_ORIGINS", "https://a.example:443", "\"https://a.example:443\""},
        {"CORS_ORIGINS", "http://a.example:80,https://b.example", "\"http://a.example:80\""},
        {"CORS_ORIGINS", "https://a.example,https://user@b.example", "\"https://user@b.example\""},
        {"CORS_ORIGINS", "https://a.example:", "\"https://a.example:\""},
        {"CORS_ORIGINS", "https://a.example?x", "\"https://a.example?x\""},
        {"ALERT_WEBHOOK_URL", "hooks.example.com/x", "ALERT_WEBHOOK_URL expects"},
        {"HEARTBEAT_URL", "https://hc.example.com/x", NULL},
        {"HEARTBEAT_URL", "ftp://hc.example.com", "HEARTBEAT_URL expects"},
        {"SMTP_URL", "smtps://mail.example.com", NULL},
        {"SMTP_URL", "mail.example.com:587", "SMTP_URL expects"},
        {"BEAT_CLEANUP_CRONTAB", "", NULL},
        {"BEAT_CLEANUP_CRONTAB", "*/5 1-3 * jan mon-fri", NULL},
        {"BEAT_CLEANUP_CRONTAB", "99 * * * *", "BEAT_CLEANUP_CRONTAB: crontab \"99 * * * *\""},
        {"BEAT_CLEANUP_CRONTAB", "0 2 * *", "BEAT_CLEANUP_CRONTAB"},
        {"BEAT_HOURLY_CRONTAB", "@hourly", "BEAT_HOURLY_CRONTAB"},
        {"BEAT_HOURLY_CRONTAB", "0 2 * * * root", "BEAT_HOURLY_CRONTAB"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        setenv(rows[i].name, rows[i].value, 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        unsetenv(rows[i].name);
        if ((conf != NULL) != !rows[i].fault) fail_msg("%s=%s: %s", rows[i].name, rows[i].value, err.text);
        if (rows[i].fault && !strstr(err.text, rows[i].fault)) fail_msg("%s: %s", rows[i].value, err.text);
        if (conf) conf_free(conf);
    }
}

TEST(test_diff_names_what_a_reload_changes)
{
    struct err err = {0};
    enum setting_id changed[SET_COUNT];
    struct conf *a = settings_load("log = { level = \"info\"; };", &err);
    struct conf *b = settings_load("log = { level = \"DEBUG\"; };\nsync = { interval_s = 60; };", &err);

    int n = conf_diff(a, b, changed);

    assert_int_equal(n, 2);
    assert_int_equal(changed[0], SET_SYNC_INTERVAL);
    assert_int_equal(changed[1], SET_LOG_LEVEL);
    conf_free(a);
    conf_free(b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_later_source_wins_and_is_named, settings_start),
    cmocka_unit_test_setup(test_master_switch_reads_every_spelling, settings_start),
    cmocka_unit_test_setup(test_fault_names_its_line_and_what_was_expected, settings_start),
    cmocka_unit_test_setup(test_sizes_take_units, settings_start),
    cmocka_unit_test_setup(test_redis_schemes_and_priority_steps, settings_start),
    cmocka_unit_test_setup(test_default_run_dir_is_where_nobody_cleans, settings_start),
    cmocka_unit_test(test_default_run_dir_of_a_user_without_a_session),
    cmocka_unit_test_setup(test_programs_expand_variables_and_step_aside_for_the_real_thing, settings_start),
    cmocka_unit_test_setup(test_redis_that_a_platform_does_not_name_is_needed_only_for_scheduled_sync, settings_start),
    cmocka_unit_test_setup(test_lists_and_urls_are_what_they_have_to_be, settings_start),
    cmocka_unit_test_setup(test_diff_names_what_a_reload_changes, settings_start),
};
TEST_MAIN(tests, NULL, settings_stop)
