/* Redis URLs, as the Python clients write them: good ones by their parts, bad ones by what is said about them. */
#include <string.h>

#include "ipc/redis_url.h"
#include "tests/support/support.h"

TEST(test_good_urls)
{
    static const struct {
        const char *text;
        enum redis_transport transport;
        const char *host, *path, *user, *password;
        int port, db;
    } rows[] = {
        {"redis://localhost", REDIS_TCP, "localhost", "", "", "", 6379, 0},
        {"redis://", REDIS_TCP, "localhost", "", "", "", 6379, 0},
        {"redis://h:1234/5", REDIS_TCP, "h", "", "", "", 1234, 5},
        {"REDIS://h/", REDIS_TCP, "h", "", "", "", 6379, 0},
        {"redis://:secret@h:1/0", REDIS_TCP, "h", "", "", "secret", 1, 0},
        {"rediss://user:p%40ss%2F@h.example:25061/1", REDIS_TLS, "h.example", "", "user", "p@ss/", 25061, 1},
        {"rediss://user:a@b@h:1", REDIS_TLS, "h", "", "user", "a@b", 1, 0},
        {"redis://[::1]:7000/2", REDIS_TCP, "::1", "", "", "", 7000, 2},
        {"redis://h?db=7", REDIS_TCP, "h", "", "", "", 6379, 7},
        {"redis://h/3?socket_timeout=5", REDIS_TCP, "h", "", "", "", 6379, 3},
        {"unix:///run/redis.sock?db=2", REDIS_UNIX, "", "/run/redis.sock", "", "", 0, 2},
        {"unix://u:p@/run/redis.sock", REDIS_UNIX, "", "/run/redis.sock", "u", "p", 0, 0},
        {"redis+socket:///run/r.sock?virtual_host=4", REDIS_UNIX, "", "/run/r.sock", "", "", 0, 4},
        {"valkeys://h:1", REDIS_TLS, "h", "", "", "", 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        struct err err = {0};
        if (redis_url_parse(rows[i].text, &url, &err) != 0) fail_msg("%s: %s", rows[i].text, err.text);
        assert_int_equal(url.transport, rows[i].transport);
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.path, rows[i].path);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.db, rows[i].db);
    }
}

TEST(test_several_hosts_take_turns)
{
    struct redis_url url;
    struct err err = {0};
    static const struct {
        const char *host;
        int port;
    } rows[] = {{"a", 1}, {"::1", 2}, {"c.example", 6379}, {"a", 1}, {"::1", 2}};
    assert_int_equal(redis_url_parse("rediss://u:p@a:1,[::1]:2,c.example/4?ssl_cert_reqs=none", &url, &err), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        redis_url_next(&url);
    }
    assert_int_equal(url.db, 4);
    assert_string_equal(url.password, "p");
    assert_true(url.is_unverified);
    assert_int_equal(redis_url_parse("redis://a:1,b:x", &url, &err), -ERR_CONFIG);
    assert_int_equal(redis_url_parse("redis://alone:7", &url, &err), 0);
    redis_url_next(&url);
    assert_string_equal(url.host, "alone");
}

TEST(test_bad_urls_are_refused_without_the_password)
{
    static const char *const rows[] = {
        "",
        "localhost:6379",
        "http://h",
        "redis//h",
        "redis://u:hunter2@h:0",
        "redis://u:hunter2@h:70000",
        "redis://u:hunter2@h:12x",
        "redis://u:hunter2@[::1",
        "redis://u:hunter2@h/x",
        "redis://u:hunter2@h/-1",
        "redis://u:hunter2@h/99999",
        "redis://u:hunter2%zz@h",
        "redis://u:hunter2%00@h",
        "redis://u:hunter2@${REDIS_HOST}",
        "rediss://u:hunter2@h?ssl_cert_reqs=maybe",
        "unix://relative",
        "redis://@[[]",
        "redis://a%2Fb",
        "redis://hunter2<x/y@h", /* the host ends at the slash: it is the password's beginning */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        struct err err = {0};
        if (redis_url_parse(rows[i], &url, &err) != -ERR_CONFIG) fail_msg("accepted: %s", rows[i]);
        assert_true(err.text[0] != '\0');
        assert_null(strstr(err.text, "hunter2"));
    }
}

TEST(test_shown_url_has_no_credentials)
{
    struct redis_url url;
    char text[600];
    assert_int_equal(redis_url_parse("rediss://u:hunter2@[fe80::1]:7/3?ssl_cert_reqs=none", &url, NULL), 0);
    assert_true(url.is_unverified);
    assert_string_equal(redis_url_shown(&url, text, sizeof text), "rediss://[fe80::1]:7/3");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_urls),
    cmocka_unit_test(test_several_hosts_take_turns),
    cmocka_unit_test(test_bad_urls_are_refused_without_the_password),
    cmocka_unit_test(test_shown_url_has_no_credentials),
};
TEST_MAIN(tests, NULL, NULL)
