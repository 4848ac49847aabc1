/* The Redis client against real servers: TLS with an authority of the test's own, users and passwords, unix sockets,
 * subscriptions and scripts over lost connections, a server that is frozen. */
#include <signal.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/redis/redis.h"
#include "tests/support/rig.h"

struct probe {
    struct event_base *base;
    struct redis *redis;
    bool is_up;
    int ups;
    char why[300], answer[300];
    enum redis_fault fault;
    int answers, messages, readies;
};

static void on_state(void *arg, bool is_up, const char *why)
{
    struct probe *p = arg;
    p->is_up = is_up;
    p->ups += is_up;
    snprintf(p->why, sizeof p->why, "%s", why);
}

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct probe *p = arg;
    p->answers++;
    p->fault = answer->fault;
    snprintf(p->answer, sizeof p->answer, "%s",
             answer->reply && answer->reply->str ? answer->reply->str : answer->text);
}

static void on_message(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    struct probe *p = arg;
    (void)channel, (void)payload, (void)len;
    if (event == REDIS_SUB_MESSAGE) p->messages++;
    if (event == REDIS_SUB_READY) p->readies++;
}

static void turn(struct probe *p)
{
    struct timeval tv = {.tv_usec = 10000};
    event_base_loopexit(p->base, &tv);
    event_base_dispatch(p->base);
}

#define TURN_UNTIL(p, cond, ms)                                                                                        \
    do {                                                                                                               \
        int64_t end_ = support_deadline(ms);                                                                           \
        while (!(cond)) {                                                                                              \
            if (support_late(end_)) fail_msg("waited in vain for %s; why: %s", #cond, (p)->why);                       \
            turn(p);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void probe_open(struct probe *p, const char *url_text, const char *ca_file)
{
    struct redis_url url;
    struct err err = {0};
    memset(p, 0, sizeof *p);
    if (redis_url_parse(url_text, &url, &err) != 0) fail_msg("%s", err.text);
    if (ca_file) snprintf(url.ca_file, sizeof url.ca_file, "%s", ca_file);
    p->base = event_base_new();
    p->redis = redis_new(p->base, &url, "probe", &err);
    if (!p->redis) fail_msg("%s", err.text);
    redis_on_state(p->redis, on_state, p);
    redis_start(p->redis);
}

static void probe_close(struct probe *p)
{
    redis_free(p->redis);
    event_base_free(p->base);
}

static void probe_ask(struct probe *p, const char *a, const char *b, const char *c)
{
    int before = p->answers;
    assert_int_equal(redis_call(p->redis, on_answer, p, a, b, c, REDIS_END), 0);
    TURN_UNTIL(p, p->answers > before, 10000);
}

static void run(const char *command)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL}, *env[] = {NULL}, *output = NULL;
    if (process_run(argv, env, &output) != 0) fail_msg("%s: %s", command, output);
    free(output);
}

TEST(test_tls)
{
    char command[2400], ca[300], cert[300], key[300], port[16], url[200];
    const char *dir = support_dir();
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout ca.key -out "
             "ca.crt && "
             "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr && "
             "printf 'subjectAltName=DNS:localhost' > ext && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key "
             "-CAcreateserial -days 2 -extfile ext -out server.crt",
             dir);
    run(command);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(cert, sizeof cert, "%s/server.crt", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    int tls_port = support_free_port();
    snprintf(port, sizeof port, "%d", tls_port);
    const char *const extra[] = {"--tls-port",
                                 port,
                                 "--tls-cert-file",
                                 cert,
                                 "--tls-key-file",
                                 key,
                                 "--tls-ca-cert-file",
                                 ca,
                                 "--tls-auth-clients",
                                 "no",
                                 NULL};
    struct redis_server server;
    struct probe p;
    redis_server_start(&server, extra);

    snprintf(url, sizeof url, "rediss://localhost:%d/2", tls_port);
    probe_open(&p, url, ca);
    TURN_UNTIL(&p, p.is_up, 10000);
    probe_ask(&p, "SET", "k", "v");
    probe_ask(&p, "GET", "k", NULL);
    assert_string_equal(p.answer, "v");
    probe_close(&p);

    probe_open(&p, url, NULL); /* an authority nobody knows */
    TURN_UNTIL(&p, strstr(p.why, "certificate"), 10000);
    assert_int_equal(p.ups, 0);
    probe_close(&p);

    snprintf(url, sizeof url, "rediss://127.0.0.1:%d", tls_port); /* not the name in the certificate */
    probe_open(&p, url, ca);
    TURN_UNTIL(&p, strstr(p.why, "certificate"), 10000);
    assert_int_equal(p.ups, 0);
    probe_close(&p);

    snprintf(url, sizeof url, "rediss://127.0.0.1:%d?ssl_cert_reqs=none", tls_port);
    probe_open(&p, url, NULL);
    TURN_UNTIL(&p, p.is_up, 10000);
    probe_close(&p);

    snprintf(url, sizeof url, "rediss://localhost:%d", server.port); /* speaks no TLS */
    probe_open(&p, url, ca);
    TURN_UNTIL(&p, strstr(p.why, "TLS") || strstr(p.why, "closed") || strstr(p.why, "no connection in"), 15000);
    assert_int_equal(p.ups, 0);
    probe_close(&p);
    redis_server_stop(&server);
}

TEST(test_users_databases_and_unix_sockets)
{
    struct rig rig;
    struct probe p;
    char url[400], path[300];
    snprintf(path, sizeof path, "%s/r.sock", support_dir());
    const char *const extra[] = {"--unixsocket", path, NULL};
    rig_open(&rig, extra);
    rig_text(&rig, "ACL SETUSER app on >se/cret ~* &* +@all");

    snprintf(url, sizeof url, "redis://app:se%%2Fcret@127.0.0.1:%d/3", rig.server.port);
    probe_open(&p, url, NULL);
    TURN_UNTIL(&p, p.is_up, 10000);
    probe_ask(&p, "SET", "in3", "x");
    assert_int_equal(rig_int(&rig, "EXISTS in3"), 0);
    rig_text(&rig, "SELECT 3");
    assert_int_equal(rig_int(&rig, "EXISTS in3"), 1);
    probe_close(&p);

    snprintf(url, sizeof url, "redis://app:wrong@127.0.0.1:%d", rig.server.port);
    probe_open(&p, url, NULL);
    TURN_UNTIL(&p, strstr(p.why, "WRONGPASS"), 10000);
    assert_non_null(strstr(p.why, "REDIS_PASSWORD needs"));
    assert_null(strstr(p.why, "wrong@"));
    probe_close(&p);

    snprintf(url, sizeof url, "unix://%s", path);
    probe_open(&p, url, NULL);
    TURN_UNTIL(&p, p.is_up, 10000);
    probe_close(&p);

    probe_open(&p, "redis://no-such-host.invalid:1", NULL);
    TURN_UNTIL(&p, p.why[0], 15000);
    probe_close(&p);
    rig_close(&rig);
}

/* Some servers leave out the refusal of a password that comes behind another command; then all answers seem to be of
 * the command before. */
TEST(test_the_password_comes_before_all_else)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), fd = -1;
    assert_true(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 4) == 0 &&
                getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    static const char *const forms[][2] = {{"user:word@", "*3\r\n$4\r\nAUTH\r\n"}, {":word@", "*2\r\n$4\r\nAUTH\r\n"}};

    for (size_t i = 0; i < 2; i++) {
        struct probe p;
        char url[100], heard[20] = "";
        snprintf(url, sizeof url, "redis://%s127.0.0.1:%d/2", forms[i][0], ntohs(at.sin_port));
        probe_open(&p, url, NULL);
        TURN_UNTIL(&p, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0, 10000);
        TURN_UNTIL(&p, recv(fd, heard, strlen(forms[i][1]), MSG_PEEK) >= (ssize_t)strlen(forms[i][1]), 10000);
        assert_string_equal(heard, forms[i][1]);
        close(fd);
        probe_close(&p);
    }
    close(listener);
}

/* A server in protected mode answers whoever comes from outside with its reason, and closes with what was sent unread.
 */
TEST(test_a_server_that_refuses_everybody_is_quoted)
{
    static const char *const words[][2] = {
        {"-DENIED Redis is running in protected mode because no password is set\r\n", "running in protected mode"},
        {"-ERR max number of clients reached\r\n", "max number of clients"},
        {"-NOAUTH behind a proxy that knows nobody\r\n", "a proxy that knows nobody"},
    };
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 4) == 0 &&
                getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    for (size_t i = 0; i < 6; i++) {
        struct probe p;
        char url[100], byte;
        int fd = -1;
        snprintf(url, sizeof url, "redis://%s127.0.0.1:%d/0", i % 2 ? ":word@" : "", ntohs(at.sin_port));
        probe_open(&p, url, NULL);
        TURN_UNTIL(&p, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0, 10000);
        TURN_UNTIL(&p, recv(fd, &byte, 1, MSG_PEEK) == 1, 10000); /* what it closes with unread */
        assert_true(write(fd, words[i / 2][0], strlen(words[i / 2][0])) > 0);
        close(fd);
        TURN_UNTIL(&p, strstr(p.why, words[i / 2][1]), 10000);
        probe_close(&p);
    }
    close(listener);
}

static int64_t calls(struct rig *rig, const char *command)
{
    char name[60];
    snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    const char *at = strstr(rig_text(rig, "INFO commandstats"), name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* All that it has asked before is answered. */
static void settle(struct probe *p)
{
    int before = p->answers;
    TURN_UNTIL(p, p->is_up, 10000);
    assert_int_equal(redis_call(p->redis, on_answer, p, "PING", REDIS_END), 0);
    TURN_UNTIL(p, p->answers > before, 10000);
    assert_int_equal(p->fault, REDIS_FINE);
}

TEST(test_lost_connections_are_made_again)
{
    struct rig rig;
    struct probe p, listener;
    const char *argv[] = {"waiting", "0", "1", ""};
    rig_open(&rig, NULL);
    probe_open(&p, rig.server.url, NULL);
    probe_open(&listener, rig.server.url, NULL);
    redis_subscribe(listener.redis, "news", on_message, &listener);
    struct redis_sub *pattern = redis_psubscribe(listener.redis, "n*", on_message, &listener);
    TURN_UNTIL(&p, p.is_up, 10000);
    TURN_UNTIL(&listener, listener.readies == 2, 10000);
    assert_int_equal(rig_int(&rig, "PUBLISH news x"), 2);
    TURN_UNTIL(&listener, listener.messages == 2, 10000);

    rig_int(&rig, "CLIENT KILL TYPE pubsub");
    rig_int(&rig, "CLIENT KILL TYPE normal SKIPME yes");
    TURN_UNTIL(&listener, listener.readies == 4, 10000);
    TURN_UNTIL(&p, p.ups == 2 && p.is_up, 10000);
    redis_unsubscribe(pattern);
    TURN_UNTIL(&listener, rig_int(&rig, "PUBLISH news y") == 1, 10000);
    TURN_UNTIL(&listener, listener.messages >= 3, 10000);

    settle(&listener);
    settle(&p);
    int64_t by_text = calls(&rig, "eval"), by_sum = calls(&rig, "evalsha");
    for (int round = 0; round < 3; round++) { /* unknown script, known script, forgotten script */
        int before = p.answers;
        if (round == 2) rig_text(&rig, "SCRIPT FLUSH");
        assert_int_equal(redis_script(p.redis, "purge", on_answer, &p, 0, 0, argv, NULL), 0);
        TURN_UNTIL(&p, p.answers > before, 10000);
        assert_int_equal(p.fault, REDIS_FINE);
    }
    /* Its text goes only where the server does not know it by its sum. */
    assert_int_equal(calls(&rig, "eval") - by_text, 2);
    assert_int_equal(calls(&rig, "evalsha") - by_sum, 2);

    kill(rig.server.process.pid, SIGSTOP); /* a half-open connection looks like this */
    int before = p.answers;
    redis_set_timeout(p.redis, 1000);
    assert_int_equal(redis_call(p.redis, on_answer, &p, "PING", REDIS_END), 0);
    TURN_UNTIL(&p, p.answers > before, 10000);
    assert_int_equal(p.fault, REDIS_LATE);
    kill(rig.server.process.pid, SIGCONT);
    TURN_UNTIL(&p, p.is_up, 15000);
    probe_close(&p);
    probe_close(&listener);
    rig_close(&rig);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tls),
    cmocka_unit_test(test_users_databases_and_unix_sockets),
    cmocka_unit_test(test_the_password_comes_before_all_else),
    cmocka_unit_test(test_a_server_that_refuses_everybody_is_quoted),
    cmocka_unit_test(test_lost_connections_are_made_again),
};
TEST_MAIN(tests, NULL, NULL)
