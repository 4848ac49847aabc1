/* REDIS_URL names Sentinels: three genuine ones with passwords of their own, a master and two replicas with another.
 * Every client of Redis finds the master by them and follows it, a genuine Celery client beside ours; whom they cannot
 * lead anywhere is told why. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/queue/queue_message.h"
#include "tests/support/servers/certificates.h"
#include "tests/support/servers/sentry.h"
#include "tests/support/support_internal.h"

#define NODES     3
#define SENTINELS 3

static struct redis_server nodes[NODES], left, other;
static struct sentry sentinels[SENTINELS], liar, mover, plain;
static struct process worker, beat, web, moved, mute;
static char url[200];
static int master; /* index of the node that is it */
static redisContext *link_to;

static void nodes_run(void)
{
    char first[16];
    for (int i = 0; i < NODES; i++) {
        const char *const extra[] = {
            "--requirepass",          "data",      "--masterauth", "data", "--repl-diskless-sync-delay", "0",
            i ? "--replicaof" : NULL, "127.0.0.1", first,          NULL};
        redis_server_start(&nodes[i], extra);
        snprintf(first, sizeof first, "%d", nodes[0].port);
    }
    link_to = sentry_connect(nodes[0].port, "data");
    WAIT_UNTIL(strstr(sentry_say(link_to, "INFO replication"), "connected_slaves:2"), 20000);
}

static void role_run(struct process *p, const char *name, const char *role, const char *redis_url, const char *more)
{
    char setting[300];
    snprintf(setting, sizeof setting, "REDIS_URL=%s", redis_url);
    char *const env[] = {setting,
                         (char *)"REDIS_SENTINEL_PASSWORD=guard",
                         (char *)(uintptr_t)(p == &moved ? "REDIS_MASTER_NAME=moving" : "REDIS_MASTER_NAME=mymaster"),
                         (char *)"DIAGNOSTIC_TASKS=true",
                         (char *)"WORKER_CONCURRENCY=2",
                         (char *)"WORKER_LEASE_SECONDS=5",
                         (char *)"BACKGROUND_SYNC_ENABLED=true",
                         (char *)(uintptr_t)more,
                         NULL};
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)(uintptr_t)role, NULL};
    process_start(p, name, argv, env);
}

FIXTURE(start)
{
    char port[32];
    nodes_run();
    redis_server_start(&left, (const char *const[]){"--requirepass", "data", NULL});
    redis_server_start(&other, (const char *const[]){"--requirepass", "data", NULL});
    for (int i = 0; i < SENTINELS; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        sentry_start(&sentinels[i], name);
        sentry_watch(&sentinels[i], "mymaster", nodes[0].port);
    }
    sentry_start(&mover, "mover");
    sentry_watch(&mover, "moving", left.port);
    snprintf(url, sizeof url, "sentinel://:data@127.0.0.1:%d/1;sentinel://:data@127.0.0.1:%d/1;sentinel://127.0.0.1:%d",
             sentinels[0].port, sentinels[1].port, sentinels[2].port);
    role_run(&worker, "worker", "worker", url, "WORKER_QUEUES=sync");
    role_run(&beat, "beat", "beat", url, NULL);
    snprintf(port, sizeof port, "PORT=%d", support_free_port());
    role_run(&web, "web", "web", url, port);
    char one[100];
    snprintf(one, sizeof one, "sentinel://:data@127.0.0.1:%d/2", mover.port);
    role_run(&moved, "moved", "worker", one, "WORKER_QUEUES=sync");
    freeReplyObject(redisCommand(link_to, "SELECT 1"));
    return 0;
}

FIXTURE(stop)
{
    struct process *roles[] = {&worker, &beat, &web, &moved};
    for (int i = 0; i < 4; i++) {
        process_stop(roles[i]);
        char *log = process_log(roles[i]);
        if (strstr(log, "Sanitizer") || strstr(log, "runtime error")) fail_msg("%s", log);
        free(log);
    }
    redisFree(link_to);
    support_stop_all();
    return 0;
}

/* A command of the roles' program to its end. */
static void command_says(const char *redis_url, const char *name, const char *password, bool works, const char *says,
                         const char *const words[])
{
    char settings[3][300], *argv[6] = {(char *)(uintptr_t)support_program("logikald-roles")}, *output;
    snprintf(settings[0], sizeof settings[0], "REDIS_URL=%s", redis_url);
    snprintf(settings[1], sizeof settings[1], "REDIS_MASTER_NAME=%s", name);
    snprintf(settings[2], sizeof settings[2], "REDIS_SENTINEL_PASSWORD=%s", password);
    char *const env[] = {settings[0], settings[1], settings[2], NULL};
    for (int i = 0; words[i]; i++) argv[i + 1] = (char *)(uintptr_t)words[i];
    process_run(argv, env, &output);
    const char *line = strstr(output, "redis  ");
    const char *mark = line && line - 9 >= output ? line - 9 : output;
    bool is_right = line ? (strncmp(mark, "failed", 6) != 0) == works : works;
    if (!is_right || !strstr(output, says)) fail_msg("%s, %s: no \"%s\" in %s", redis_url, name, says, output);
    free(output);
}

static void check_says(const char *redis_url, const char *name, const char *password, bool works, const char *says)
{
    command_says(redis_url, name, password, works, says, (const char *const[]){"check", NULL});
}

TEST(test_every_client_finds_the_master)
{
    char says[80];
    struct process *roles[] = {&worker, &beat, &web};
    snprintf(says, sizeof says, "the master of \"mymaster\" is 127.0.0.1:%d", nodes[0].port);
    for (int i = 0; i < 3; i++) {
        int64_t deadline = support_patience(20000);
        while (!process_logged(roles[i], says) && !support_late(deadline)) support_pause();
        char *log = process_log(roles[i]);
        if (!strstr(log, says)) fail_msg("%s", log);
        free(log);
    }
    snprintf(says, sizeof says, "at 127.0.0.1:%d, the master of \"mymaster\"", nodes[0].port);
    check_says(url, "mymaster", "guard", true, says);
    command_says(url, "mymaster", "guard", true, "sync", (const char *const[]){"queue", "list", NULL});

    WAIT_UNTIL(process_logged(&moved, "connected to"), 20000); /* what it does then is seen at the end */
    assert_string_equal(sentry_ask(&mover, "SENTINEL REMOVE moving"), "OK");
    sentry_watch(&mover, "moving", other.port);
}

static void celery_talks(void)
{
    char *output;
    char *argv[] = {"/usr/bin/python3", "tests/celery/sentinel.py", url, "mymaster", "guard", NULL};
    int status = process_run(argv, (char *const[]){NULL}, &output);
    if (status != 0) fail_msg("%s", output);
    free(output);
}

TEST(test_whom_they_lead_nowhere_is_told_why)
{
    char dead[100], text[300];
    int nobody = support_free_port();
    sentry_start(&liar, "liar");
    sentry_watch(&liar, "theirs", nodes[1].port); /* a replica */
    sentry_watch(&liar, "gone", nobody);
    sentry_watch(&sentinels[0], "theirs", nodes[0].port);
    snprintf(dead, sizeof dead, "sentinel://:data@127.0.0.1:%d/1", nobody);

    check_says(url, "yours", "guard", false, "3 of 3 Sentinels answer, and know no master named \"yours\" (they know");
    check_says(url, "yours", "guard", false, "set REDIS_MASTER_NAME");
    check_says(url, "mymaster", "wrong", false, "REDIS_SENTINEL_PASSWORD");
    check_says(dead, "mymaster", "guard", false, "no Sentinel names the master of \"mymaster\"");
    check_says(dead, "mymaster", "guard", false, "Connection refused");
    snprintf(text, sizeof text, "%s;%s", dead, url);
    check_says(text, "mymaster", "guard", true, "the master of \"mymaster\"");
    snprintf(text, sizeof text, "sentinel://:data@127.0.0.1:%d/1", nodes[0].port);
    check_says(text, "mymaster", "data", false, "this is no Sentinel");
    snprintf(text, sizeof text, "sentinel://:data@127.0.0.1:%d/1", liar.port);
    check_says(text, "theirs", "guard", false, "is a replica, although 1 of 1 Sentinels name it");
    check_says(text, "gone", "guard", false, "they must name an address that can be reached from here");
    snprintf(text, sizeof text, "sentinel://:data@127.0.0.1:%d/1;sentinel://127.0.0.1:%d", liar.port,
             sentinels[0].port);
    check_says(text, "theirs", "guard", true, "the master of \"theirs\"");
    snprintf(text, sizeof text, "sentinel://:wrong@127.0.0.1:%d/1", sentinels[0].port);
    check_says(text, "mymaster", "guard", false, "WRONGPASS");
    process_stop(&liar.process);
    assert_string_equal(sentry_ask(&sentinels[0], "SENTINEL REMOVE theirs"), "OK");
}

/* Both behind TLS, the server alone, and with an authority that we do not know. */
TEST(test_sentinels_by_tls)
{
    struct certificates c;
    struct redis_server server;
    struct sentry both;
    char port[16], files[1500], text[900];
    certificates_make(&c);
    snprintf(port, sizeof port, "%d", support_free_port());
    redis_server_start(&server, (const char *const[]){"--tls-port", port, "--tls-cert-file", c.server_cert,
                                                      "--tls-key-file", c.server_key, "--tls-ca-cert-file", c.ca,
                                                      "--tls-auth-clients", "no", "--requirepass", "data", NULL});
    snprintf(files, sizeof files,
             "tls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\ntls-auth-clients no\ntls-replication yes\n"
             "sentinel monitor secret 127.0.0.1 %s 1\nsentinel auth-pass secret data\n",
             c.server_cert, c.server_key, c.ca, port);
    sentry_start_with(&both, "both", files);
    sentry_start(&plain, "plain");
    sentry_watch(&plain, "secret", atoi(port));

    snprintf(text, sizeof text, "sentinels://:data@127.0.0.1:%d/0?ssl_ca_certs=%s", both.port, c.ca);
    check_says(text, "secret", "guard", true, "the master of \"secret\", TLS");
    snprintf(text, sizeof text, "sentinels://:data@127.0.0.1:%d/0?ssl_ca_certs=%s&sentinel_ssl=false", plain.port,
             c.ca);
    check_says(text, "secret", "guard", true, "the master of \"secret\", TLS");
    snprintf(text, sizeof text, "sentinels://:data@127.0.0.1:%d/0?ssl_ca_certs=%s", both.port, c.stranger_ca);
    check_says(text, "secret", "guard", false, "certificate is refused");
    snprintf(text, sizeof text, "sentinels://:data@127.0.0.1:%d/0?ssl_ca_certs=%s", plain.port, c.ca);
    role_run(&mute, "mute", "check", text, NULL); /* it waits for a while: the last test looks */
    snprintf(text, sizeof text, "sentinel://:data@127.0.0.1:%d/0", both.port);
    check_says(text, "secret", "guard", false, "then the URL begins with sentinels://");
    process_stop(&both.process);
    redis_server_stop(&server);
}

static void send_task(int number)
{
    char id[32], key[48];
    snprintf(id, sizeof id, "t%d", number);
    snprintf(key, sizeof key, "[\"e%d\"]", number);
    cJSON *args = cJSON_Parse(key);
    struct buf message = {0};
    struct message_spec spec = {.task = "tasks.diagnostics.effect", .id = id, .queue = "sync", .args = args};
    message_encode(&message, &spec);
    redisReply *reply = redisCommand(link_to, "LPUSH sync %b", message.data, message.len);
    if (reply) freeReplyObject(reply);
    buf_free(&message);
    cJSON_Delete(args);
}

/* Sentinels have named another node, and it answers. */
static void follow(void)
{
    char where[64], before[64];
    int64_t deadline = support_patience(60000);
    snprintf(before, sizeof before, "127.0.0.1:%d", nodes[master].port);
    do {
        if (support_late(deadline)) fail_msg("no fail-over");
        support_pause();
        snprintf(where, sizeof where, "%s", sentry_ask(&sentinels[2], "SENTINEL get-master-addr-by-name mymaster"));
    } while (strcmp(where, before) == 0 || !where[0]);
    for (int i = 0; i < NODES; i++)
        if (nodes[i].port == atoi(where + strlen("127.0.0.1:"))) master = i;
    redisFree(link_to);
    link_to = sentry_connect(nodes[master].port, "data");
    freeReplyObject(redisCommand(link_to, "SELECT 1"));
}

static int effects(int from, int to)
{
    int done = 0;
    for (int i = from; i < to; i++) done += atoi(sentry_say(link_to, "GET e%d", i)) > 0;
    return done;
}

/* Killed while tasks come in and are worked on, with the first of the Sentinels dead as well. */
TEST(test_killed_master_loses_nothing_that_a_replica_had)
{
    enum { BEFORE = 150, ALL = 200 };
    int sure = 0;
    WAIT_UNTIL(sentry_count(&sentinels[1], "replicas") == 2 && sentry_count(&sentinels[1], "sentinels") == 2, 30000);
    celery_talks();
    process_signal(&sentinels[0].process, SIGKILL);
    for (; sure < BEFORE; sure++) {
        send_task(sure);
        assert_true(atoi(sentry_say(link_to, "WAIT 1 20000")) >= 1);
    }

    redis_server_kill(&nodes[master]);
    follow();
    for (int i = sure; i < ALL; i++) send_task(i);

    WAIT_UNTIL(effects(0, ALL) == ALL, 60000);
    WAIT_UNTIL(atoi(sentry_say(link_to, "HLEN unacked")) == 0 && atoi(sentry_say(link_to, "LLEN sync")) == 0, 20000);
    celery_talks();
}

/* What the worker's connection counts in Redis. */
static long witness(void)
{
    redisReply *reply = redisCommand(link_to, "EVAL %s 0",
                                     "local k = redis.call('keys', 'logikald.witness.*logikald-worker*') "
                                     "return k[1] and tonumber(redis.call('get', k[1])) or -1");
    long count = reply && reply->type == REDIS_REPLY_INTEGER ? (long)reply->integer : -1;
    if (reply) freeReplyObject(reply);
    return count;
}

/* A replica that got nothing for a second becomes the master. */
TEST(test_what_no_replica_had_is_lost_and_told)
{
    enum { FROM = 1000, TO = 1020 };
    int heir = master == 1 ? 2 : 1;
    process_signal(&nodes[heir].process, SIGSTOP);
    sentry_say(link_to, "CLIENT KILL TYPE replica");
    long before = witness();
    for (int i = FROM; i < TO; i++) send_task(i);
    assert_true(before > 0);
    WAIT_UNTIL(effects(FROM, TO) == TO - FROM && witness() > before + 1, 20000);

    redis_server_kill(&nodes[master]);
    process_signal(&nodes[heir].process, SIGCONT);
    follow();

    assert_int_equal(master, heir);
    WAIT_UNTIL(process_logged(&worker, "Redis went back in time"), 60000);
    int lost = TO - FROM - effects(FROM, TO);
    assert_int_equal(lost, TO - FROM); /* neither message nor effect was anywhere else */
    send_task(TO);
    WAIT_UNTIL(effects(TO, TO + 1) == 1, 60000);
}

/* The server that a client is connected to still lives, and is the master no more. */
TEST(test_client_leaves_a_master_that_was_given_up)
{
    char says[100];
    snprintf(says, sizeof says, "the Sentinels name 127.0.0.1:%d", other.port);
    WAIT_UNTIL(process_logged(&moved, says), 30000);
    snprintf(says, sizeof says, "is 127.0.0.1:%d, say 1 of 1 Sentinels", other.port);
    WAIT_UNTIL(process_logged(&moved, says), 30000);
    redisFree(link_to); /* all of its connections have come along: those that wait for tasks, too */
    link_to = sentry_connect(other.port, "data");
    freeReplyObject(redisCommand(link_to, "SELECT 2"));
    send_task(1);
    WAIT_UNTIL(effects(1, 2) == 1, 20000);
    process_wait(&mute, 30000);
    WAIT_UNTIL(process_logged(&mute, "sentinel_ssl=false"), 5000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_client_finds_the_master),
    cmocka_unit_test(test_whom_they_lead_nowhere_is_told_why),
    cmocka_unit_test(test_sentinels_by_tls),
    cmocka_unit_test(test_killed_master_loses_nothing_that_a_replica_had),
    cmocka_unit_test(test_what_no_replica_had_is_lost_and_told),
    cmocka_unit_test(test_client_leaves_a_master_that_was_given_up),
};
TEST_MAIN(tests, start, stop)
