/* Redis as it is rented: users without rights, commands that are not there, TLS with certificates on both sides, the
 * wrong kind of port, a server that went back in time. Each is named by `check`, by /health, and heals. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "tests/support/servers/certificates.h"
#include "tests/support/servers/haproxy.h"
#include "tests/support/support_internal.h"
#include "tests/support/web.h"

static struct web_server web;
static struct redis_server redis;
static struct certificates certificates;

/* `check` of a URL with one more setting (may be NULL), under way. */
struct checking {
    struct process process;
    char url[1400];
};

static void check_start(struct checking *c, const char *url, const char *setting)
{
    char variable[1400];
    snprintf(c->url, sizeof c->url, "%s", url);
    snprintf(variable, sizeof variable, "REDIS_URL=%.1380s", url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    char *const env[] = {variable, (char *)(uintptr_t)(setting ? setting : "LOG_LEVEL=info"), NULL};
    process_start(&c->process, "check", argv, env);
}

static void check_end(struct checking *c, bool works, const char *text)
{
    process_wait(&c->process, 60000);
    char *output = process_log(&c->process);
    const char *line = strstr(output, "redis  ");
    const char *end = line ? strchr(line, '\n') : NULL;
    bool is_said = line && end && memmem(line, (size_t)(end - line), text, strlen(text));
    bool is_failed = line && strncmp(line - 9 > output ? line - 9 : output, "failed", 6) == 0;
    if (!is_said || is_failed == works) fail_msg("%s without \"%s\": %s", c->url, text, output);
    free(output);
}

static void check_says(const char *url, const char *setting, bool works, const char *text)
{
    struct checking c;
    check_start(&c, url, setting);
    check_end(&c, works, text);
}

static bool health_says(const char *text)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/health/detailed", web.admin, NULL);
    bool does = reply.body && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

static void acl(const char *rules)
{
    char command[400] = "acl setuser app reset on '>x'", words[300];
    snprintf(words, sizeof words, "%s", rules);
    for (char *save = NULL, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        snprintf(command + strlen(command), sizeof command - strlen(command), " '%s'", word);
    char *answer = redis_cli(&redis, command);
    if (!strstr(answer, "OK")) fail_msg("%s: %s", rules, answer);
    free(answer);
}

TEST(test_missing_rights_are_named_and_heal)
{
    static const struct {
        const char *rules, *names;
        bool with_web; /* the client is the same: some are enough */
    } rows[] = {
        {"~* +@all -@dangerous +info", "PUBLISH", true}, /* the rights of a new user since Redis 7 */
        {"~* &* +@all -publish", "PUBLISH", false},
        {"~* &* +@all -subscribe", "SUBSCRIBE", false},
        {"~* &* +@all -@scripting", "EVAL", true},
        {"~* &* +@all -eval", "EVAL", false},
        {"~celery* &* +@all", "EVAL", false},
        {"~* &* +@all -blmove -lmove", "LMOVE", true},
        {"~* &* +@all -zadd", "ZADD", false},
        {"~* &* +@all -@hash", "HSET", false},
        {"~* &* +@read +@connection", "EVAL", false},
    };
    char url[100], setting[120];
    snprintf(url, sizeof url, "redis://app:x@127.0.0.1:%d/0", redis.port);
    snprintf(setting, sizeof setting, "REDIS_URL=%s", url);
    acl("~* &* +@all");
    web_run(&web, (const char *const[]){setting, NULL}, true);
    web_log_in(&web);
    WAIT_UNTIL(process_logged(&web.process, "Redis is reachable"), 20000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        acl(rows[i].rules);
        free(redis_cli(&redis, "client kill user app"));

        check_says(url, NULL, false, rows[i].names);
        int64_t deadline = support_deadline(10000);
        while (rows[i].with_web && !health_says(rows[i].names) && !support_late(deadline)) support_pause();
        if (rows[i].with_web && support_late(deadline)) fail_msg("%s: health is silent", rows[i].rules);
        if (!process_logged(&web.process, "ACL SETUSER app")) fail_msg("%s: no line to grant it with", rows[i].rules);

        acl("~* &* +@all");
        free(redis_cli(&redis, "client kill user app"));
        check_says(url, NULL, true, "no TLS");
        if (rows[i].with_web) WAIT_UNTIL(!health_says(rows[i].names), 20000);
    }
    web_stop(&web);
}

TEST(test_rights_that_are_not_needed)
{
    char url[100];
    snprintf(url, sizeof url, "redis://app:x@127.0.0.1:%d/0", redis.port);
    acl("~* &* +@all -client -keys -scan -config");
    check_says(url, NULL, true, "no TLS");
    acl("~* &/0.celery.pidbox &/0.celeryev* &/0.logikald.* &celery-task-meta-* +@all"); /* no other channels */
    check_says(url, NULL, true, "no TLS");
    acl("~cad:* ~celery-task-meta-* &* +@all"); /* no keys but ours */
    check_says(url, "REDIS_KEY_PREFIX=cad:", true, "no TLS");
    check_says(url, NULL, false, "lacks");
    acl("~* &* +@all -role -info");
    check_says(url, NULL, true, "INFO was refused");
    acl("~* &* +@all -info");
    check_says(url, NULL, true, "INFO was refused");
}

TEST(test_server_without_lmove_is_too_old)
{
    struct redis_server old;
    redis_server_start(&old,
                       (const char *const[]){"--rename-command", "LMOVE", "", "--rename-command", "BLMOVE", "", NULL});
    check_says(old.url, NULL, false, "6.2 or later");
    redis_server_stop(&old);
}

TEST(test_renamed_commands_that_do_not_matter)
{
    struct redis_server other;
    redis_server_start(&other,
                       (const char *const[]){"--rename-command", "KEYS", "", "--rename-command", "CONFIG", "",
                                             "--rename-command", "SCRIPT", "", "--rename-command", "INFO", "", NULL});
    check_says(other.url, NULL, true, "INFO was refused");
    redis_server_stop(&other);
}

/* Web names it, and is red, and does not take it for a server without rights. */
static void web_says(const char *url, const char *text)
{
    char setting[160];
    snprintf(setting, sizeof setting, "REDIS_URL=%s", url);
    web_run(&web, (const char *const[]){setting, NULL}, true);
    web_log_in(&web);
    WAIT_UNTIL(process_logged(&web.process, text), 10000);
    assert_int_equal(web_status(&web, "GET", "/api/v1/health/detailed", web.admin, NULL), 503);
    web_stop(&web);
}

TEST(test_sentinel_is_not_what_it_watches)
{
    char path[300], text[700], url[100];
    struct process sentinel;
    int port = support_free_port();
    snprintf(path, sizeof path, "%s/sentinel.conf", support_dir());
    snprintf(text, sizeof text, "port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor it 127.0.0.1 %d 1\n", port,
             support_dir(), redis.port);
    support_write_file(path, text);
    char *const argv[] = {(char *)"redis-sentinel", path, NULL};
    process_start(&sentinel, "sentinel", argv, NULL);
    WAIT_UNTIL(process_logged(&sentinel, "+monitor"), 10000);
    for (int db = 0; db < 2; db++) { /* it has no databases */
        snprintf(url, sizeof url, "redis://127.0.0.1:%d/%d", port, db);
        check_says(url, NULL, false, "this is a Sentinel");
    }
    snprintf(url, sizeof url, "redis://app:x@127.0.0.1:%d/0", port);
    check_says(url, NULL, false, "this is a Sentinel");
    web_says(url, "this is a Sentinel");
    process_stop(&sentinel);
}

/* Without its slots, and with some of them. */
TEST(test_cluster_is_refused_by_name)
{
    struct redis_server node;
    char bus[16]; /* a port beside, which by itself would be 10000 higher, whoever has that */
    support_format(bus, sizeof bus, "%d", support_free_port());
    redis_server_start(&node, (const char *const[]){"--cluster-enabled", "yes", "--cluster-port", bus,
                                                    "--cluster-require-full-coverage", "no", NULL});
    check_says(node.url, NULL, false, "this is a Redis Cluster");
    free(redis_cli(&node, "cluster addslotsrange 0 8000"));
    char *info = redis_cli(&node, "cluster info");
    for (int64_t late = support_deadline(10000); !strstr(info, "cluster_state:ok") && !support_late(late);) {
        free(info);
        info = redis_cli(&node, "cluster info");
    }
    free(info);
    check_says(node.url, NULL, false, "this is a Redis Cluster");
    web_says(node.url, "this is a Redis Cluster");
    redis_server_stop(&node);
}

TEST(test_full_server_says_so_itself)
{
    struct redis_server full;
    redis_server_start(&full, (const char *const[]){"--maxclients", "1", NULL});
    char held[100];
    snprintf(held, sizeof held, "redis-cli -p %d subscribe x", full.port);
    struct process holder;
    char *const argv[] = {(char *)"sh", (char *)"-c", held, NULL};
    process_start(&holder, "holder", argv, NULL);
    WAIT_UNTIL(process_logged(&holder, "subscribe"), 20000);
    check_says(full.url, NULL, false, "max number of clients");
    process_stop(&holder);
    redis_server_stop(&full);
}

TEST(test_certificates_on_both_sides)
{
    struct redis_server tls;
    char port[16], url[1300];
    int at = support_free_port();
    snprintf(port, sizeof port, "%d", at);
    redis_server_start(&tls, (const char *const[]){"--tls-port", port, "--tls-cert-file", certificates.server_cert,
                                                   "--tls-key-file", certificates.server_key, "--tls-ca-cert-file",
                                                   certificates.ca, "--tls-auth-clients", "yes", NULL});
    const struct {
        const char *query;
        bool works;
        const char *text;
    } rows[] = {
        {"", false, "REDIS_CA_FILE"},
        {"?ssl_ca_certs=CA", false, "certificate of ours"},
        {"?ssl_ca_certs=CA&ssl_certfile=CERT&ssl_keyfile=KEY", true, "TLS"},
        {"?ssl_ca_certs=CA&ssl_certfile=CERT&ssl_keyfile=LOCKED&ssl_password=opens", true, "TLS"},
        {"?ssl_ca_certs=CA&ssl_certfile=CERT&ssl_keyfile=LOCKED&ssl_password=wrong", false, "REDIS_KEY_FILE"},
        {"?ssl_ca_certs=CA&ssl_certfile=CERT", false, "REDIS_KEY_FILE"},
        {"?ssl_ca_certs=CA&ssl_certfile=/nowhere", false, "REDIS_CERT_FILE"},
        {"?ssl_cert_reqs=none&ssl_certfile=CERT&ssl_keyfile=KEY", true, "TLS"},
        {"?ssl_ca_certs=STRANGER&ssl_certfile=CERT&ssl_keyfile=KEY", false, "certificate is refused"},
        {"?ssl_ciphers=HIGH", false, "ssl_ciphers is not supported"},
        {"?ssl_ca_data=x", false, "ssl_ca_data is not supported"},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    struct checking checks[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        const char *const words[][2] = {{"CA", certificates.ca},
                                        {"CERT", certificates.client_cert},
                                        {"KEY", certificates.client_key},
                                        {"LOCKED", certificates.locked_key},
                                        {"STRANGER", certificates.stranger_ca}};
        snprintf(url, sizeof url, "rediss://127.0.0.1:%d/0", at);
        for (const char *c = rows[i].query; *c;) {
            size_t len = strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), used = strlen(url);
            const char *path = NULL;
            for (size_t w = 0; w < 5; w++)
                if (len > 1 && c[-1] == '=' && strlen(words[w][0]) == len && strncmp(c, words[w][0], len) == 0)
                    path = words[w][1];
            if (path) snprintf(url + used, sizeof url - used, "%s", path);
            if (!path) snprintf(url + used, sizeof url - used, "%c", *c);
            c += path ? len : 1;
        }
        check_start(&checks[i], url, NULL);
    }
    for (size_t i = 0; i < ROWS; i++) check_end(&checks[i], rows[i].works, rows[i].text);
    char setting[340];
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", at);
    check_says(url, NULL, false, "rediss://");
    snprintf(url, sizeof url, "rediss://127.0.0.1:%d/0?ssl_cert_reqs=none", tls.port);
    snprintf(setting, sizeof setting, "REDIS_CA_FILE=%s", certificates.ca);
    check_says(url, setting, false, "redis://");
    redis_server_stop(&tls);
}

static int64_t witness_of(struct redis_server *server)
{
    char *count = redis_cli(server, "--raw eval \"local k = redis.call('keys', 'logikald.witness.*logikald-web*') "
                                    "return k[1] and redis.call('get', k[1]) or -1\" 0");
    int64_t n = strtoll(count, NULL, 10);
    free(count);
    return n;
}

/* The state of a moment ago comes back: what was acknowledged since is gone. */
TEST(test_server_that_went_back_is_told)
{
    char setting[160], command[700];
    struct redis_server saved;
    redis_server_start(&saved, (const char *const[]){"--appendonly", "no", NULL});
    snprintf(setting, sizeof setting, "REDIS_URL=%s", saved.url);
    web_run(&web, (const char *const[]){setting, NULL}, true);
    web_log_in(&web);
    WAIT_UNTIL(process_logged(&web.process, "Redis is reachable"), 20000);
    free(redis_cli(&saved, "save"));
    int64_t saved_count = witness_of(&saved);
    WAIT_UNTIL(witness_of(&saved) > saved_count + 1 &&
                   web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200,
               20000); /* what it does then raises it */
    snprintf(command, sizeof command, "%s/dump.rdb", saved.dir);
    struct stat dump;
    assert_int_equal(stat(command, &dump), 0);

    redis_server_kill(&saved);
    redis_server_restart(&saved);

    WAIT_UNTIL(process_logged(&web.process, "Redis went back in time"), 30000);
    web_stop(&web);
    redis_server_stop(&saved);
}

FIXTURE(start)
{
    web_servers(&web);
    redis_server_start(&redis, NULL);
    certificates_make(&certificates);
    return 0;
}

FIXTURE(stop)
{
    redis_server_stop(&redis);
    pg_stop(&web.pg);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_missing_rights_are_named_and_heal),
    cmocka_unit_test(test_rights_that_are_not_needed),
    cmocka_unit_test(test_server_without_lmove_is_too_old),
    cmocka_unit_test(test_renamed_commands_that_do_not_matter),
    cmocka_unit_test(test_sentinel_is_not_what_it_watches),
    cmocka_unit_test(test_cluster_is_refused_by_name),
    cmocka_unit_test(test_full_server_says_so_itself),
    cmocka_unit_test(test_certificates_on_both_sides),
    cmocka_unit_test(test_server_that_went_back_is_told),
};
TEST_MAIN(tests, start, stop)
