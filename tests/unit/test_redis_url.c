/* Redis URLs, as the Python clients write them: good ones by their parts, bad ones by what is said about them. */
#include <string.h>

#include "ipc/redis/redis_url.h"
#include "ipc/redis/sentinel.h"
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
        {"redis://h:1234//", REDIS_TCP, "h", "", "", "", 1234, 0},
        {"redis://h//5", REDIS_TCP, "h", "", "", "", 6379, 5},
        {"redis://h//?db=3", REDIS_TCP, "h", "", "", "", 6379, 3},
        {"redis://:secret@h:1/0", REDIS_TCP, "h", "", "", "secret", 1, 0},
        {"rediss://user:p%40ss%2F@h.example:25061/1", REDIS_TLS, "h.example", "", "user", "p@ss/", 25061, 1},
        {"redis://:%2f%2F%3a%7e%4A%4a%c3%A4@h/0", REDIS_TCP, "h", "", "", "//:~JJ\xc3\xa4", 6379, 0},
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
        "redis://a;redis://b",
        "redis://a%3Bb",
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

TEST(test_shown_url_can_be_read_again)
{
    static const char *const rows[][2] = {
        {"unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"},
        {"unix:////a%25b%3Fc%23d%40e", "unix:////a%25b%3Fc%23d%40e?db=0"},
        {"unix:///\xff\x80%20%0a", "unix:///%FF%80%20%0A?db=0"},
        {"unix:////russ/_s+l/rtualredisredis://u:esrp%25r:p%40ss@_ss://uh:eshos_ca_certs/p%eedss@ho=",
         "unix:////russ/_s+l/rtualredisredis://u:esrp%25r:p%40ss%40_ss://uh:eshos_ca_certs/p%EEdss%40ho=?db=0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url, again;
        struct err err = {0};
        char shown[REDIS_URL_SHOWN_SIZE];
        if (redis_url_parse(rows[i][0], &url, &err) != 0) fail_msg("%s: %s", rows[i][0], err.text);
        assert_string_equal(redis_url_shown(&url, shown, sizeof shown), rows[i][1]);
        assert_int_equal(redis_url_parse(shown, &again, &err), 0);
        assert_string_equal(again.path, url.path);
    }
}

TEST(test_sentinels_as_kombu_names_them)
{
    static const struct {
        const char *text, *hosts, *shown;
        int db;
        const char *user, *password;
        bool is_tls, asks_by_tls;
    } rows[] = {
        {"sentinel://a", "a:26379", "sentinel://a:26379/0", 0, "", "", false, false},
        {"sentinel://", "localhost:26379", "sentinel://localhost:26379/0", 0, "", "", false, false},
        {"sentinel://a:1;sentinel://b:2;sentinel://c", "a:1,b:2,c:26379", "sentinel://a:1,b:2,c:26379/0", 0, "", "",
         false, false},
        {"sentinel://u:p%3B1@a:1/3;sentinel://u:p%3B1@b:2/3", "a:1,b:2", "sentinel://a:1,b:2/3", 3, "u", "p;1", false,
         false},
        {"sentinel://:p@a:1/3;sentinel://b:2;", "a:1,b:2", "sentinel://a:1,b:2/3", 3, "", "p", false, false},
        {"SENTINEL://[::1]:7;sentinel://[fe80::2]/0", "[::1]:7,[fe80::2]:26379", "sentinel://[::1]:7,[fe80::2]:26379/0",
         0, "", "", false, false},
        {"sentinel://a,b:2/1?master_name=my.master-1_x", "a:26379,b:2",
         "sentinel://a:26379,b:2/1?master_name=my.master-1_x", 1, "", "", false, false},
        {"sentinels://a;sentinels://b", "a:26379,b:26379", "sentinels://a:26379,b:26379/0", 0, "", "", true, true},
        {"sentinels://a?sentinel_ssl=false;sentinels://b", "a:26379,b:26379", "sentinels://a:26379,b:26379/0", 0, "",
         "", true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url, again;
        struct err err = {0};
        char shown[REDIS_URL_SHOWN_SIZE];
        if (redis_url_parse(rows[i].text, &url, &err) != 0) fail_msg("%s: %s", rows[i].text, err.text);
        assert_string_equal(url.sentinels.hosts, rows[i].hosts);
        assert_string_equal(url.host, "");
        assert_int_equal(url.db, rows[i].db);
        assert_string_equal(url.user, rows[i].user);
        assert_string_equal(url.password, rows[i].password);
        assert_int_equal(url.transport == REDIS_TLS, rows[i].is_tls);
        assert_int_equal(url.sentinels.is_tls, rows[i].asks_by_tls);
        assert_string_equal(redis_url_shown(&url, shown, sizeof shown), rows[i].shown);
        assert_int_equal(redis_url_parse(shown, &again, &err), 0);
        assert_string_equal(again.sentinels.hosts, rows[i].hosts);
    }
}

TEST(test_sentinels_that_contradict_each_other_are_refused)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"sentinel://a;sentinel://b/3", "differ"}, /* Celery would use 0 or 3, by chance */
        {"sentinel://:hunter2@a;sentinel://:hunter3@b", "differ"},
        {"sentinel://:hunter2@a;sentinel://hunter:hunter2@b", "differ"},
        {"sentinel://a?master_name=m;sentinel://b?master_name=n", "differ"},
        {"sentinel://:hunter2@a;redis://b", "begins as the first"},
        {"sentinel://a;sentinels://b", "begins as the first"},
        {"sentinel://a;unix:///hunter2", "begins as the first"},
        {"sentinel://:hunter2@a;b:26379", "expected"},
        {"sentinel://a:0;sentinel://b", "port"},
        {"sentinel://a?master_name=", "master_name"},
        {"sentinel://a?master_name=a%20b", "master_name"},
        {"sentinel://a?sentinel_ssl=maybe", "sentinel_ssl"},
        {"sentinel://a,b,c,d,e;sentinel://f,g,h,i,j", "too many"},
        {"sentinel://hun;ter2@a", "expected"},
        {"sentinel://a;sentinel://b,c%3B=", "host"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        struct err err = {0};
        if (redis_url_parse(rows[i].text, &url, &err) != -ERR_CONFIG) fail_msg("accepted: %s", rows[i].text);
        if (!strstr(err.text, rows[i].says)) fail_msg("%s: %s", rows[i].text, err.text);
        assert_null(strstr(err.text, "hunter"));
    }
}

TEST(test_sentinels_disagree)
{
    static const struct {
        struct sentinel_answer answers[4];
        struct redis_address current, refused;
        const char *host; /* NULL = nobody knows */
        int named_by;
    } rows[] = {
        {{{"", 0, 0}, {"", 0, 7}}, {"a", 1}, {"", 0}, NULL, 0},
        {{{"a", 1, 3}, {"a", 1, 3}, {"a", 1, 3}}, {"", 0}, {"", 0}, "a", 3},
        {{{"", 0, 9}, {"a", 1, 3}}, {"", 0}, {"", 0}, "a", 1},
        {{{"old", 1, 3}, {"old", 1, 3}, {"new", 1, 4}}, {"old", 1}, {"", 0}, "new", 1}, /* the leader knows first */
        {{{"new", 1, 4}, {"old", 1, 3}, {"old", 1, 3}}, {"old", 1}, {"new", 1}, "old", 2},
        {{{"lie", 1, 3}, {"a", 1, 3}, {"a", 1, 3}}, {"", 0}, {"", 0}, "a", 2},
        {{{"lie", 1, 3}, {"a", 1, 3}}, {"", 0}, {"lie", 1}, "a", 1},
        {{{"a", 1, 3}, {"a", 2, 3}}, {"a", 2}, {"", 0}, "a", 1},
        {{{"a", 1, 3}}, {"a", 1}, {"a", 1}, "a", 1}, /* there is no other */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sentinel_found found = {0};
        bool is_found = sentinel_choose(rows[i].answers, 4, &rows[i].current, &rows[i].refused, &found);
        assert_int_equal(is_found, rows[i].host != NULL);
        if (!is_found) continue;
        if (strcmp(found.host, rows[i].host) != 0) fail_msg("row %zu: %s", i, found.host);
        assert_int_equal(found.named_by, rows[i].named_by);
        if (i == 7) assert_int_equal(found.port, 2);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_urls),
    cmocka_unit_test(test_several_hosts_take_turns),
    cmocka_unit_test(test_bad_urls_are_refused_without_the_password),
    cmocka_unit_test(test_shown_url_has_no_credentials),
    cmocka_unit_test(test_shown_url_can_be_read_again),
    cmocka_unit_test(test_sentinels_as_kombu_names_them),
    cmocka_unit_test(test_sentinels_that_contradict_each_other_are_refused),
    cmocka_unit_test(test_sentinels_disagree),
};
TEST_MAIN(tests, NULL, NULL)
