/* Where Redis is by URL and settings, at the bounds of each part, and what it says it keeps. */
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "ipc/redis/redis_mode.h"
#include "ipc/redis/redis_url.h"
#include "services/web/watch/health/redis_keeps.h"
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

/* What stands in a URL besides its host; what is left out is nothing. */
static const struct {
    const char *text, *wrong; /* NULL = fine */
    int db;
    bool is_unverified, any_name;
    const char *user, *password, *ca_file, *cert_file, *key_file, *key_password;
} options[] = {
    {"redis://h/1023", .db = 1023},
    {"redis://h/1024", .wrong = "database number from 0 to 1023"},
    {"redis://h///1", .wrong = "database number from 0 to 1023"},
    {"redis://h?db=1023", .db = 1023},
    {"redis://h?db=1024", .wrong = "db must be a number"},
    {"redis://h?virtual_host=7", .db = 7},
    {"redis://h?db=", .wrong = "db must be a number"},
    {"redis://h?db=000007", .db = 7},
    {"redis://h?db=0000007", .wrong = "db must be a number"},
    {"redis://u:p@h?username=v&password=q%26&db=2&", .db = 2, .user = "v", .password = "q&"},
    {"redis://h?DB=3#db=4", .db = 3},
    {"redis://h/5#x?db=4", .db = 5},
    {"redis://user@h", .user = "user"},
    {.text = "redis://@h"},
    {"redis://user:@h", .user = "user"},
    {"rediss://h?ssl_cert_reqs=none", .is_unverified = true},
    {"rediss://h?ssl_cert_reqs=CERT_NONE", .is_unverified = true},
    {.text = "rediss://h?ssl_cert_reqs=required"},
    {.text = "rediss://h?ssl_cert_reqs=optional"},
    {.text = "rediss://h?ssl_cert_reqs=CERT_REQUIRED"},
    {.text = "rediss://h?ssl_cert_reqs=CERT_OPTIONAL"},
    {"rediss://h?ssl_cert_reqs=", .wrong = "ssl_cert_reqs must be"},
    {"rediss://h?ssl_check_hostname=false", .any_name = true},
    {"rediss://h?ssl_check_hostname=0", .any_name = true},
    {"rediss://h?ssl_check_hostname=no", .any_name = true},
    {.text = "rediss://h?ssl_check_hostname=true"},
    {.text = "rediss://h?ssl_check_hostname=1"},
    {.text = "rediss://h?ssl_check_hostname=yes"},
    {"rediss://h?ssl_check_hostname=2", .wrong = "ssl_check_hostname must be"},
    {"rediss://h?ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c&ssl_password=d", .ca_file = "/a", .cert_file = "/b",
     .key_file = "/c", .key_password = "d"},
    {"rediss://h?ssl_ciphers=x", .wrong = "ssl_ciphers is not supported"},
    {"rediss://h?ssl_hunter2=x", .wrong = "ssl_ is not supported"},
    {.text = "rediss://h?ssl_=x"},
    {"rediss://h?ssl_x=x", .wrong = "ssl_x is not supported"},
    {.text = "redis://h:65535"},
    {"redis://h:65536", .wrong = "port must be a number"},
    {.text = "redis://h:1"},
    {"redis://h:", .wrong = "port must be a number"},
    {"redis://[::1]x", .wrong = "expected :port"},
    {"redis://[::1", .wrong = "\"]\" is missing"},
    {"redis://a b", .wrong = "a character that no host name has"},
    {"redis://h%2", .wrong = "the host is malformed"},
    {"redis://u%4@h", .wrong = "the user name is malformed"},
    {"redis://%41%7a:%4a@h", .user = "Az", .password = "J"},
    {"redis://%4G@h", .wrong = "the user name is malformed"},
    {"redis://%G4@h", .wrong = "the user name is malformed"},
};

static void check_text(const char *url, const char *got, const char *wanted)
{
    if (strcmp(got, wanted ? wanted : "") != 0) fail_msg("%s: \"%s\"", url, got);
}

TEST(test_options_of_a_url)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *text = options[i].text;
        struct redis_url url;
        struct err err = {0};
        int rc = redis_url_parse(text, &url, &err);
        if ((rc == 0) != (options[i].wrong == NULL)) fail_msg("%s: %d %s", text, rc, err.text);
        if (options[i].wrong) {
            if (!strstr(err.text, options[i].wrong)) fail_msg("%s: %s", text, err.text);
            continue;
        }
        if (url.db != options[i].db || url.is_unverified != options[i].is_unverified ||
            url.any_name != options[i].any_name)
            fail_msg("%s: %d %d %d", text, url.db, url.is_unverified, url.any_name);
        check_text(text, url.user, options[i].user);
        check_text(text, url.password, options[i].password);
        check_text(text, url.ca_file, options[i].ca_file);
        check_text(text, url.cert_file, options[i].cert_file);
        check_text(text, url.key_file, options[i].key_file);
        check_text(text, url.key_password, options[i].key_password);
        check_text(text, url.fanout, "/{db}.");
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

/* ---- from settings ---- */

/* NAME=VALUE with ", " between; a value may hold blanks. */
static struct conf *conf_of(const char *text)
{
    struct conf_paths none = {0};
    struct err err = {0};
    char copy[400], *rest = copy, *names[10];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *one; (one = strsep(&rest, ",")) != NULL;) {
        char *name = one + strspn(one, " "), *value = strchr(name, '=');
        if (!value) continue;
        *value = '\0';
        setenv(name, value + 1, 1);
        names[count++] = name;
    }
    struct conf *conf = conf_load(&none, &err);
    while (count > 0) unsetenv(names[--count]);
    if (!conf) fail_msg("%s", err.text);
    return conf;
}

static void add(struct buf *out, const char *name, const char *text)
{
    if (*text) buf_printf(out, " %s=%s", name, text);
}

static void describe(struct buf *out, const struct redis_url *url)
{
    static const char *const transports[] = {"tcp", "tls", "unix"};
    buf_reset(out);
    buf_printf(out, "%s %s:%d/%d", transports[url->transport], url->host, url->port, url->db);
    add(out, "user", url->user);
    add(out, "password", url->password);
    add(out, "ca", url->ca_file);
    add(out, "cert", url->cert_file);
    add(out, "key", url->key_file);
    add(out, "prefix", url->prefix);
    add(out, "results", url->result_prefix);
    buf_printf(out, " %s %s %s", url->fanout, url->control, url->events);
    add(out, "master", url->sentinels.master);
    add(out, "sentinels' user", url->sentinels.user);
    add(out, "sentinels' password", url->sentinels.password);
}

TEST(test_where_redis_is_by_the_settings)
{
    static const struct {
        const char *settings, *shown; /* shown: or what is wrong, behind an exclamation mark */
        int rc;
    } rows[] = {
        {"REDIS_HOST=h, REDIS_PORT=7, REDIS_DB=3, REDIS_PASSWORD=p, REDIS_CA_FILE=/a, REDIS_CERT_FILE=/b, "
         "REDIS_KEY_FILE=/c",
         "tcp h:7/3 password=p ca=/a cert=/b key=/c /{db}. celery celeryev", 0},
        {"REDIS_URL=rediss://u:p@h:1/2?ssl_ca_certs=/own, REDIS_HOST=other, REDIS_DB=3, REDIS_KEY_PREFIX=k, "
         "REDIS_RESULT_PREFIX=r, REDIS_FANOUT_PREFIX=f, REDIS_CONTROL_EXCHANGE=c, REDIS_EVENT_EXCHANGE=e",
         "tls h:1/2 user=u password=p ca=/own prefix=k results=r f c e", 0},
        {"", "!set REDIS_URL", -ERR_NOT_FOUND},
        {"REDIS_URL=sentinel://a, REDIS_MASTER_NAME=m, REDIS_SENTINEL_USERNAME=su, REDIS_SENTINEL_PASSWORD=sp",
         "tcp :0/0 /{db}. celery celeryev master=m sentinels' user=su sentinels' password=sp", 0},
        {"REDIS_URL=sentinel://a?master_name=mine, REDIS_MASTER_NAME=m", "tcp :0/0 /{db}. celery celeryev master=mine",
         0},
        {"REDIS_URL=sentinel://a, REDIS_MASTER_NAME=a b", "!REDIS_MASTER_NAME must say", -ERR_CONFIG},
    };
    struct buf shown = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        struct err err = {0};
        struct conf *conf = conf_of(rows[i].settings);
        assert_int_equal(redis_url_from_conf(conf, &url, &err), rows[i].rc);
        conf_free(conf);
        if (rows[i].rc != 0) {
            if (!strstr(err.text, rows[i].shown + 1)) fail_msg("%s: %s", rows[i].settings, err.text);
            continue;
        }
        describe(&shown, &url);
        assert_string_equal(shown.data, rows[i].shown);
    }
    buf_free(&shown);
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

/* Of a server that lets nobody ask for its settings. */
TEST(test_what_a_redis_keeps_is_guessed_by_what_it_has_not_saved_for_hours)
{
    static const struct {
        int has_aof, changes, saved_ago_s; /* negative: not told */
        bool is_forgetful;
    } rows[] = {
        {0, 1, 7 * 3600, true},   {0, 100000, 48 * 3600, true}, {1, 100000, 48 * 3600, false},
        {0, 0, 48 * 3600, false}, {0, 1, 3600, false},          {0, 1, 7200 + 60, true},
        {0, 1, 7200 - 60, false}, {0, -1, 48 * 3600, false},    {0, 1, -1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char info[300];
        struct redis_keeps k = {.is_refused = true};
        int len = snprintf(info, sizeof info, "# Persistence\r\nloading:0\r\naof_enabled:%d\r\n", rows[i].has_aof);
        if (rows[i].changes >= 0)
            len +=
                snprintf(info + len, sizeof info - (size_t)len, "rdb_changes_since_last_save:%d\r\n", rows[i].changes);
        if (rows[i].saved_ago_s >= 0)
            snprintf(info + len, sizeof info - (size_t)len, "rdb_last_save_time:%lld\r\n",
                     (long long)(wall_ms() / 1000 - rows[i].saved_ago_s));
        redis_keeps_learn(&k, NULL, info);
        if (k.is_forgetful != rows[i].is_forgetful) fail_msg("row %zu", i);
        k.is_forgetful = true; /* as it had been told before */
        redis_keeps_learn(&k, NULL, "# Persistence\r\naof_enabled:1\r\n");
        assert_false(k.is_forgetful);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_parts_of_a_url_at_their_bounds),
    cmocka_unit_test(test_options_of_a_url),
    cmocka_unit_test(test_each_scheme),
    cmocka_unit_test(test_where_redis_is_by_the_settings),
    cmocka_unit_test(test_what_a_redis_keeps),
    cmocka_unit_test(test_what_a_redis_keeps_is_guessed_by_what_it_has_not_saved_for_hours),
};
TEST_MAIN(tests, NULL, NULL)
