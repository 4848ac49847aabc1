/* Secrets among the settings: never shown, known by their names, refused where they are none. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "tests/support/settings.h"

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

    settings_write(settings_at.env_file, "LOG_LEVEL=info\nSECRET_KEY='hunter2\n");
    assert_null(conf_load(&(struct conf_paths){.env_file = settings_at.env_file}, &err));
    assert_non_null(strstr(err.text, "a.env:2: the closing ' is missing"));
    assert_null(strstr(err.text, "hunter2"));

    assert_null(conf_load(&(struct conf_paths){.file = "/nonexistent/x.cfg"}, &err));
    assert_non_null(strstr(err.text, "/nonexistent/x.cfg"));
}

TEST(test_variables_that_only_secrets_are_made_of_are_known)
{
    struct err err = {0};
    setenv("MY_KEY", "k", 1);
    setenv("DB_PASS", "p", 1);
    setenv("BASE", "/b", 1);
    struct conf *conf = settings_load("security = { secret_key = \"${MY_KEY}\"; };\n"
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
        {"postgresql:///u:hunter2@h/d?x=y", "postgresql:///u:***@h/d?x=y"}, /* a slash too many */
        {"postgresql://u/a://b@c/d\n:hunter2@h/d", "postgresql://***"},     /* garbled: it may be anywhere */
        {"postgresql://u:a hunter2@h/d", "postgresql://u:***@h/d"},
        {"postgresql://?u:hunter2@h/d?x=y", "postgresql://***"},
        {"postgresql://u@h:1/d", "postgresql://u@h:1/d"},
        {"postgres://u@h/://:hunter2@h/d", "postgres://u@h/://:***@h/d"},
        {"postgres://u/'d':hunter2@h/d", "postgres://***"},
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
        {"sentinel://a;password=hunter2://b/0?master_name=m", "sentinel://a;***"}, /* its mark is hidden with it */
        {"sentinel://u:hunter2@a;sentinel://:hunter2@b/0?master_name=m",
         "sentinel://u:***@a;sentinel://:***@b/0?master_name=m"},
    };
    for (size_t i = 0; i < sizeof sentinels / sizeof *sentinels; i++) {
        struct err err = {0};
        setenv("REDIS_URL", sentinels[i][0], 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_string_equal(conf_shown(conf, SET_REDIS_URL, out, sizeof out), sentinels[i][1]);
        conf_free(conf);
    }
    static const char *const bases[][2] = {
        {"https://h/api?x=1&token=hunt@er2&y=2", "https://h/api?x=1&token=***&y=2"},
        {"https://u:hunter2@h/api/?api_key=hunter2", "https://u:***@h/api/?api_key=***"},
        {"https://h:8080/api/@v1", "https://h:8080/api/@v1"},
    };
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct err err = {0};
        setenv("LOGIKAL_API_BASE_URL", bases[i][0], 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        assert_non_null(conf);
        assert_string_equal(conf_shown(conf, SET_LOGIKAL_URL, out, sizeof out), bases[i][1]);
        conf_free(conf);
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

/* What opens something in production is no word that is soon guessed, even where it may be left out. */
TEST(test_what_may_be_left_out_is_no_weaker)
{
    static const struct {
        const char *name, *value, *told; /* NULL: it is good */
    } rows[] = {
        {"METRICS_TOKEN", "metrics", "METRICS_TOKEN has 7 characters and needs 12 or more"},
        {"METRICS_TOKEN", "xxxxxxxxxxxxxxxx", "METRICS_TOKEN holds a word of examples"},
        {"METRICS_TOKEN", "my-example-token", "METRICS_TOKEN holds a word of examples"},
        {"METRICS_TOKEN", "tulip-harbour", NULL},
        {"METRICS_TOKEN", "", NULL},
        {"JWT_SECRET_KEY_PREVIOUS", "tulip-harbour", "JWT_SECRET_KEY_PREVIOUS has 13 characters and needs 32 or more"},
        {"SECRET_KEY_PREVIOUS", "your-secret-key-change-in-production", "SECRET_KEY_PREVIOUS holds a word of examples"},
        {"VIEWER_PASSWORD", "look", "VIEWER_PASSWORD has 4 characters and needs 12 or more"},
    };
    static const char good[] = "0f9a7c55d1e24b86a3c2719e5d40b8f6";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        settings_start(NULL);
        setenv("ENVIRONMENT", "production", 1);
        setenv("SECRET_KEY", good, 1);
        setenv("JWT_SECRET_KEY", good, 1);
        setenv("ADMIN_PASSWORD", "tulip-harbour-52", 1);
        setenv(rows[i].name, rows[i].value, 1);
        struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
        int rc = conf_check_web(conf, &err);
        if ((rc == 0) != (rows[i].told == NULL) || (rows[i].told && !strstr(err.text, rows[i].told)))
            fail_msg("%s=%s: %s", rows[i].name, rows[i].value, rc ? err.text : "taken");
        conf_free(conf);
        unsetenv(rows[i].name);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_placeholder_and_bad_environment_are_refused_without_showing_secrets, settings_start),
    cmocka_unit_test_setup(test_variables_that_only_secrets_are_made_of_are_known, settings_start),
    cmocka_unit_test_setup(test_secrets_are_masked_when_shown, settings_start),
    cmocka_unit_test_setup(test_all_missing_secrets_are_told_at_once, settings_start),
    cmocka_unit_test_setup(test_production_needs_real_secrets_to_serve, settings_start),
    cmocka_unit_test_setup(test_what_may_be_left_out_is_no_weaker, settings_start),
};
TEST_MAIN(tests, NULL, settings_stop)
