/* Where Redis is by URL and settings, at the bounds of each part, and what it says it keeps. */
#include <stdlib.h>
#include <string.h>

#include "ipc/redis/redis_mode.h"
#include "ipc/redis/redis_url.h"
#include "tests/support/support.h"

static void long_url(char *out, size_t size, const char *before, int count, const char *after)
{
    size_t len = (size_t)snprintf(out, size, "%s", before);
    memset(out + len, 'x', (size_t)count);
    snprintf(out + len + count, size - len - (size_t)count, "%s", after);
}

TEST(test_parts_of_a_url_at_their_bounds)
{
    static const struct {
        const char *before, *after, *wrong; /* wrong: of one more */
        int most;
    } rows[] = {
        {"redis://", "", "the host is malformed or longer than 255", 255},
        {"redis://", ":p@h", "the user name is malformed or longer than 255", 255},
        {"redis://:", "@h", "the password is malformed", 1024},
        {"redis://h?username=", "", "the user name is malformed or longer than 255", 255},
        {"redis://h?password=", "", "the password is malformed or longer than 1024", 1024},
        {"unix:///", "", "at most 107 bytes", 106},
        {"redis://h?ssl_ca_certs=", "", "ssl_ca_certs is malformed or too long", 1024},
        {"redis://h?ssl_certfile=", "", "ssl_certfile is malformed or too long", 512},
        {"redis://h?ssl_keyfile=", "", "ssl_keyfile is malformed or too long", 512},
        {"redis://h?ssl_password=", "", "ssl_password is malformed or too long", 128},
        {"sentinel://h?master_name=", "", "master_name is made of", 128},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1200];
        struct redis_url url;
        struct err err = {0};
        long_url(text, sizeof text, rows[i].before, rows[i].most, rows[i].after);
        if (redis_url_parse(text, &url, &err) != 0) fail_msg("%s: %s", text, err.text);
        long_url(text, sizeof text, rows[i].before, rows[i].most + 1, rows[i].after);
        assert_int_equal(redis_url_parse(text, &url, &err), -ERR_CONFIG);
        if (!strstr(err.text, rows[i].wrong)) fail_msg("%s: %s", text, err.text);
    }
}

TEST(test_options_of_a_url)
{
    static const struct {
        const char *text, *wrong; /* NULL = fine */
        int db;
        bool is_unverified, any_name;
        const char *user, *password, *ca_file, *cert_file, *key_file, *key_password;
    } rows[] = {
        {"redis://h/1023", NULL, 1023, 0, 0, "", "", "", "", "", ""},
        {"redis://h/1024", "database number from 0 to 1023", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h///1", "database number from 0 to 1023", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h?db=1023", NULL, 1023, 0, 0, "", "", "", "", "", ""},
        {"redis://h?db=1024", "db must be a number", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h?virtual_host=7", NULL, 7, 0, 0, "", "", "", "", "", ""},
        {"redis://h?db=", "db must be a number", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h?db=000007", NULL, 7, 0, 0, "", "", "", "", "", ""},
        {"redis://h?db=0000007", "db must be a number", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://u:p@h?username=v&password=q%26&db=2&", NULL, 2, 0, 0, "v", "q&", "", "", "", ""},
        {"redis://h?DB=3#db=4", NULL, 3, 0, 0, "", "", "", "", "", ""},
        {"redis://h/5#x?db=4", NULL, 5, 0, 0, "", "", "", "", "", ""},
        {"redis://user@h", NULL, 0, 0, 0, "user", "", "", "", "", ""},
        {"redis://@h", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"redis://user:@h", NULL, 0, 0, 0, "user", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=none", NULL, 0, 1, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=CERT_NONE", NULL, 0, 1, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=required", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=optional", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=CERT_REQUIRED", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=CERT_OPTIONAL", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_cert_reqs=", "ssl_cert_reqs must be", 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=false", NULL, 0, 0, 1, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=0", NULL, 0, 0, 1, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=no", NULL, 0, 0, 1, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=true", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=1", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=yes", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_check_hostname=2", "ssl_check_hostname must be", 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c&ssl_password=d", NULL, 0, 0, 0, "", "", "/a", "/b",
         "/c", "d"},
        {"rediss://h?ssl_ciphers=x", "ssl_ciphers is not supported", 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_hunter2=x", "ssl_ is not supported", 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_=x", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"rediss://h?ssl_x=x", "ssl_x is not supported", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h:65535", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h:65536", "port must be a number", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h:1", NULL, 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h:", "port must be a number", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://[::1]x", "expected :port", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://[::1", "\"]\" is missing", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://a b", "a character that no host name has", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://h%2", "the host is malformed", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://u%4@h", "the user name is malformed", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://%41%7a:%4a@h", NULL, 0, 0, 0, "Az", "J", "", "", "", ""},
        {"redis://%4G@h", "the user name is malformed", 0, 0, 0, "", "", "", "", "", ""},
        {"redis://%G4@h", "the user name is malformed", 0, 0, 0, "", "", "", "", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        struct err err = {0};
        int rc = redis_url_parse(rows[i].text, &url, &err);
        if ((rc == 0) != (rows[i].wrong == NULL)) fail_msg("%s: %d %s", rows[i].text, rc, err.text);
        if (rows[i].wrong) {
            if (!strstr(err.text, rows[i].wrong)) fail_msg("%s: %s", rows[i].text, err.text);
            continue;
        }
        if (url.db != rows[i].db || url.is_unverified != rows[i].is_unverified || url.any_name != rows[i].any_name)
            fail_msg("%s: %d %d %d", rows[i].text, url.db, url.is_unverified, url.any_name);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_string_equal(url.ca_file, rows[i].ca_file);
        assert_string_equal(url.cert_file, rows[i].cert_file);
        assert_string_equal(url.key_file, rows[i].key_file);
        assert_string_equal(url.key_password, rows[i].key_password);
        assert_string_equal(url.fanout, "/{db}.");
    }
}

TEST(test_each_scheme)
{
    static const struct {
        const char *text, *shown;
        int places;
    } rows[] = {
        {"redis://h", "redis://h:6379/0", 1},
        {"valkey://h/1", "redis://h:6379/1", 1},
        {"rediss://h:7", "rediss://h:7/0", 1},
        {"valkeys://h", "rediss://h:6379/0", 1},
        {"unix:///s", "unix:///s?db=0", 1},
        {"redis+socket:///s?db=1", "unix:///s?db=1", 1},
        {"redis+unix:///s", "unix:///s?db=0", 1},
        {"redis://a,b", "redis://a:6379/0", 2},
        {"redis://a:1,b:2,[::1]:3", "redis://a:1/0", 3},
        {"redis://[::1]", "redis://[::1]:6379/0", 1},
        {"sentinel://a", "sentinel://a:26379/0", 4},
        {"sentinels://a:1?master_name=m", "sentinels://a:1/0?master_name=m", 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        char shown[REDIS_URL_SHOWN_SIZE];
        assert_int_equal(redis_url_parse(rows[i].text, &url, NULL), 0);
        assert_string_equal(redis_url_shown(&url, shown, sizeof shown), rows[i].shown);
        assert_int_equal(redis_url_places(&url), rows[i].places);
    }
    static const struct {
        const char *name;
        bool is_one;
    } names[] = {{"", false}, {"a", true}, {"A.b-c_9", true}, {"a b", false}, {"a/", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(redis_is_master_name(names[i].name), names[i].is_one);
}

static int from_settings(const char *const set[][2], struct redis_url *url, struct err *err)
{
    struct conf_paths none = {0};
    for (int i = 0; set[i][0]; i++) setenv(set[i][0], set[i][1], 1);
    struct conf *conf = conf_load(&none, err);
    for (int i = 0; set[i][0]; i++) unsetenv(set[i][0]);
    if (!conf) fail_msg("%s", err->text);
    int rc = redis_url_from_conf(conf, url, err);
    conf_free(conf);
    return rc;
}

TEST(test_where_redis_is_by_the_settings)
{
    struct redis_url url;
    struct err err = {0};
    static const char *const nothing[][2] = {{NULL, NULL}};
    static const char *const host[][2] = {
        {"REDIS_HOST", "h"},     {"REDIS_PORT", "7"},       {"REDIS_DB", "3"},        {"REDIS_PASSWORD", "p"},
        {"REDIS_CA_FILE", "/a"}, {"REDIS_CERT_FILE", "/b"}, {"REDIS_KEY_FILE", "/c"}, {NULL, NULL}};
    assert_int_equal(from_settings(host, &url, &err), 0);
    assert_string_equal(url.host, "h");
    assert_string_equal(url.password, "p");
    assert_true(url.port == 7 && url.db == 3 && url.transport == REDIS_TCP);
    assert_string_equal(url.ca_file, "/a");
    assert_string_equal(url.cert_file, "/b");
    assert_string_equal(url.key_file, "/c");
    assert_string_equal(url.fanout, "/{db}.");
    assert_string_equal(url.control, "celery");
    assert_string_equal(url.events, "celeryev");
    static const char *const both[][2] = {{"REDIS_URL", "rediss://u:p@h:1/2?ssl_ca_certs=/own"},
                                          {"REDIS_HOST", "other"},
                                          {"REDIS_DB", "3"},
                                          {"REDIS_KEY_PREFIX", "k"},
                                          {"REDIS_RESULT_PREFIX", "r"},
                                          {"REDIS_FANOUT_PREFIX", "f"},
                                          {"REDIS_CONTROL_EXCHANGE", "c"},
                                          {"REDIS_EVENT_EXCHANGE", "e"},
                                          {NULL, NULL}};
    assert_int_equal(from_settings(both, &url, &err), 0);
    assert_string_equal(url.host, "h");
    assert_true(url.db == 2 && url.transport == REDIS_TLS);
    assert_string_equal(url.ca_file, "/own");
    assert_string_equal(url.prefix, "k");
    assert_string_equal(url.result_prefix, "r");
    assert_string_equal(url.fanout, "f");
    assert_string_equal(url.control, "c");
    assert_string_equal(url.events, "e");
    assert_int_equal(from_settings(nothing, &url, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "set REDIS_URL"));
    static const char *const sentinels[][2] = {{"REDIS_URL", "sentinel://a"},
                                               {"REDIS_MASTER_NAME", "m"},
                                               {"REDIS_SENTINEL_USERNAME", "su"},
                                               {"REDIS_SENTINEL_PASSWORD", "sp"},
                                               {NULL, NULL}};
    assert_int_equal(from_settings(sentinels, &url, &err), 0);
    assert_string_equal(url.sentinels.master, "m");
    assert_string_equal(url.sentinels.user, "su");
    assert_string_equal(url.sentinels.password, "sp");
    static const char *const own[][2] = {
        {"REDIS_URL", "sentinel://a?master_name=mine"}, {"REDIS_MASTER_NAME", "m"}, {NULL, NULL}};
    assert_int_equal(from_settings(own, &url, &err), 0);
    assert_string_equal(url.sentinels.master, "mine");
    static const char *const nameless[][2] = {
        {"REDIS_URL", "sentinel://a"}, {"REDIS_MASTER_NAME", "a b"}, {NULL, NULL}};
    assert_int_equal(from_settings(nameless, &url, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.text, "REDIS_MASTER_NAME must say"));
}

/* ---- what it keeps ---- */
TEST(test_what_a_redis_keeps)
{
    static const struct {
        const char *info, *aof, *fsync, *save; /* aof NULL: CONFIG tells nothing */
        const char *words;
        bool keeps_nothing;
    } rows[] = {
        {"", NULL, NULL, NULL, "no append-only file", false},
        {"# x\r\naof_enabled:1\r\n", NULL, NULL, NULL, "append-only file", false},
        {"# x\r\naof_enabled:0\r\n", NULL, NULL, NULL, "no append-only file", false},
        {"", "yes", "everysec", "3600 1", "append-only file (fsync everysec)", false},
        {"", "yes", "", "", "append-only file", false},
        {"\naof_enabled:1", "no", "always", "3600 1", "snapshots (save 3600 1)", false},
        {"", "no", "always", "", "nothing is kept over a restart", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_mode m = {0};
        char words[REDIS_MODE_SIZE];
        redis_mode_info(&m, rows[i].info);
        redis_mode_conf(&m, NULL);
        redisReply error = {.type = REDIS_REPLY_ERROR, .str = (char *)(uintptr_t) "x"};
        redis_mode_conf(&m, &error);
        const char *texts[8] = {"other",       "1",           "appendonly", rows[i].aof,
                                "appendfsync", rows[i].fsync, "save",       rows[i].save};
        redisReply parts[8], *list[8], all = {.type = REDIS_REPLY_ARRAY, .elements = 8, .element = list};
        for (int k = 0; k < 8; k++) {
            parts[k] = (redisReply){.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)texts[k]};
            list[k] = &parts[k];
        }
        if (rows[i].aof) redis_mode_conf(&m, &all);
        assert_string_equal(redis_mode_words(&m, words, sizeof words), rows[i].words);
        assert_int_equal(redis_mode_keeps_nothing(&m), rows[i].keeps_nothing);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_parts_of_a_url_at_their_bounds),
    cmocka_unit_test(test_options_of_a_url),
    cmocka_unit_test(test_each_scheme),
    cmocka_unit_test(test_where_redis_is_by_the_settings),
    cmocka_unit_test(test_what_a_redis_keeps),
};
TEST_MAIN(tests, NULL, NULL)
