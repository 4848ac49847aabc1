/* A change of the configuration, or of the program itself, costs nothing but the difference: no request, no process
 * that need not change, and nothing at all when it is refused. */
#include "tests/support/process/supervised.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

#define ON_ENV "REDIS_URL=redis://127.0.0.1:1"

static void start(const char *config, char *const env[])
{
    supervised_prepare(&s, config);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
}

static int64_t reloads(void)
{
    return supervised_child(&s, "web.0") ? s.status.reloads + s.status.reloads_refused : -1;
}

static void reload(void)
{
    int64_t before = reloads();
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(reloads() > before, 5000);
}

/* ---- clients that ask all the time ---- */

static atomic_bool is_over;
static atomic_int asked, failed;

/* One request on a connection of its own: 0 when a whole answer came. */
static int ask(int port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    static const char request[] = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[4096];
    size_t len = 0;
    struct timeval patience = {.tv_sec = 15};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    if (rc == 0) rc = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 ? 0 : -1;
    for (ssize_t n;
         rc == 0 && len < sizeof answer - 1 && (n = recv(fd, answer + len, sizeof answer - 1 - len, 0)) != 0;) {
        if (n < 0)
            rc = -1;
        else
            len += (size_t)n;
    }
    answer[len] = 0;
    close(fd);
    return rc == 0 && strncmp(answer, "HTTP/1.1 200", 12) == 0 ? 0 : -1;
}

static void *ask_all_the_time(void *arg)
{
    (void)arg;
    while (!is_over) {
        if (ask(s.port) != 0) failed++;
        asked++;
    }
    return NULL;
}

#define CLIENTS 3
static pthread_t clients[CLIENTS];

static void load_begin(void)
{
    is_over = false;
    asked = failed = 0;
    for (int i = 0; i < CLIENTS; i++) pthread_create(&clients[i], NULL, ask_all_the_time, NULL);
    WAIT_UNTIL(asked > 5, 10000);
}

static void load_end(void)
{
    is_over = true;
    for (int i = 0; i < CLIENTS; i++) pthread_join(clients[i], NULL);
    if (failed > 0) fail_msg("%d of %d requests failed", failed, asked);
    assert_true(asked > 20);
}

/* ---- tests ---- */

static void test_gate_goes_on_and_off_by_the_file(void **state)
{
    char *env[] = {ON_ENV, NULL};
    (void)state;
    start("sync = { background_enabled = false; };", env);
    int web = supervised_pid(&s, "web.0");

    supervised_config(&s, "sync = { background_enabled = true; };");
    reload();
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "beat", "ready"), 10000);
    supervised_config(&s, "sync = { background_enabled = false; };");
    reload();
    WAIT_UNTIL(supervised_count(&s, "worker.0") == 0 && supervised_count(&s, "beat") == 0, 10000);
    WAIT_UNTIL(process_logged(&s.process, "Background sync is disabled, skipping worker and beat"), 5000);
    assert_int_equal(supervised_pid(&s, "web.0"), web); /* the flag is applied in place */
    WAIT_UNTIL(process_logged(&s.process, "web heard HUP 2"), 3000);
    supervised_stop(&s);
}

TEST(test_bad_file_is_refused_whole_and_does_not_hurt_a_restart)
{
    start("http = { max_connections = 100; };", NULL);
    int web = supervised_pid(&s, "web.0");
    supervised_config(&s, "http = { max_connections = 200; };\nlog = { level = \"loud\"; };");
    reload();
    assert_int_equal(s.status.reloads_refused, 1);
    assert_non_null(strstr(s.status.reload_error, "logikald.cfg:2"));
    assert_int_equal(supervised_pid(&s, "web.0"), web);

    char *output;
    assert_int_equal(supervised_ctl(&s, &output, "reload", NULL), 1);
    assert_non_null(strstr(output, "nothing was changed"));
    free(output);
    kill(web, SIGKILL); /* what it reads is the accepted configuration, not the file as it lies there */
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 10000);
    char path[400], *text;
    snprintf(path, sizeof path, "cat %s/web.cfg", s.run_dir);
    char *argv[] = {"sh", "-c", path, NULL};
    process_run(argv, NULL, &text);
    assert_non_null(strstr(text, "max_connections = 100"));
    free(text);
    supervised_stop(&s);
}

static void test_reload_touches_only_what_changed(void **state)
{
    char *env[] = {ON_ENV, "BACKGROUND_SYNC_ENABLED=1", "WORKER_PROCESSES=1", NULL};
    char config[1500];
    static const char both[] = "programs = ({ name = \"a\"; command = [\"sleep\", \"%d\"]; },"
                               "{ name = \"b\"; command = [\"sleep\", \"98\"]; }); %s";
    (void)state;
    snprintf(config, sizeof config, both, 97, "");
    start(config, env);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "beat", "ready"), 10000);
    int web = supervised_pid(&s, "web.0"), worker = supervised_pid(&s, "worker.0"), beat = supervised_pid(&s, "beat");
    int a = supervised_pid(&s, "a"), b = supervised_pid(&s, "b");

    reload(); /* nothing changed */
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    assert_int_equal(supervised_pid(&s, "a"), a);

    snprintf(config, sizeof config, both, 96, "");
    supervised_config(&s, config);
    reload();
    WAIT_UNTIL(supervised_is(&s, "a", "ready") && supervised_pid(&s, "a") != a, 5000);
    assert_int_equal(supervised_pid(&s, "b"), b);
    assert_int_equal(supervised_pid(&s, "web.0"), web);

    snprintf(config, sizeof config, both, 96, "worker = { lease_s = 9; };");
    supervised_config(&s, config);
    reload();
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_pid(&s, "worker.0") != worker, 10000);
    WAIT_UNTIL(supervised_count(&s, "worker.0") == 1, 10000);
    assert_int_equal(supervised_pid(&s, "beat"), beat);
    assert_int_equal(supervised_pid(&s, "web.0"), web);

    snprintf(config, sizeof config, both, 96, "worker = { lease_s = 9; }; beat = { health_interval_s = 60; };");
    supervised_config(&s, config);
    reload();
    WAIT_UNTIL(process_logged(&s.process, "beat heard HUP"), 3000);
    assert_int_equal(supervised_pid(&s, "beat"), beat);
    supervised_config(&s, "worker = { lease_s = 9; }; beat = { health_interval_s = 60; };");
    reload();
    WAIT_UNTIL(supervised_count(&s, "a") == 0 && supervised_count(&s, "b") == 0, 5000);
    supervised_stop(&s);
}

TEST(test_counts_grow_and_shrink)
{
    start("http = { processes = 1; };", NULL);
    int web = supervised_pid(&s, "web.0");
    supervised_config(&s, "http = { processes = 3; };");
    reload();
    WAIT_UNTIL(supervised_is(&s, "web.1", "ready") && supervised_is(&s, "web.2", "ready"), 10000);
    supervised_config(&s, "http = { processes = 1; };");
    reload();
    WAIT_UNTIL(supervised_count(&s, "web.1") == 0 && supervised_count(&s, "web.2") == 0, 10000);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    supervised_stop(&s);
}

TEST(test_web_is_replaced_and_crashes_without_a_failed_request)
{
    start("http = { max_connections = 100; };", NULL);
    load_begin();
    int web = supervised_pid(&s, "web.0");
    supervised_config(&s, "http = { max_connections = 101; };");
    reload();
    WAIT_UNTIL(supervised_pid(&s, "web.0") != web && supervised_is(&s, "web.0", "ready"), 10000);
    WAIT_UNTIL(supervised_count(&s, "web.0") == 1, 10000);
    web = supervised_pid(&s, "web.0");
    assert_int_equal(supervised_ctl(&s, NULL, "restart", "web", NULL), 0);
    assert_int_not_equal(supervised_pid(&s, "web.0"), web);
    supervised_let(&s, "web", "slow 400");
    load_end();

    /* A crash loses at most what was being served: whoever connects meanwhile waits and is answered. */
    supervised_kill(&s, "web.0", SIGKILL);
    for (int i = 0; i < 3; i++) assert_int_equal(ask(s.port), 0);
    supervised_stop(&s);
}

TEST(test_successor_that_fails_leaves_the_old_one_serving)
{
    start("http = { max_connections = 100; };", NULL);
    int web = supervised_pid(&s, "web.0");
    supervised_let(&s, "web", "exit 9");
    load_begin();
    supervised_config(&s, "http = { max_connections = 101; };");
    reload();
    WAIT_UNTIL(process_logged(&s.process, "web.0 failed: exit status 9; next try"), 10000);
    assert_true(supervised_count(&s, "web.0") == 2);
    supervised_let(&s, "web", "ready");
    WAIT_UNTIL(supervised_count(&s, "web.0") == 1 && supervised_pid(&s, "web.0") != web, 10000);
    load_end();
    supervised_stop(&s);
}

/* Every HUP comes with another value of a setting that replaces web. */
static void storm_of_hups(int ms)
{
    load_begin();
    int64_t until = mono_ms() + ms;
    for (int i = 0; mono_ms() < until; i++) {
        char config[100];
        snprintf(config, sizeof config, "http = { max_connections = %d; };", 101 + i % 2);
        supervised_config(&s, config);
        process_signal(&s.process, SIGHUP);
        poll(NULL, 0, 50);
    }
    load_end();
    WAIT_UNTIL(supervised_count(&s, "web.0") == 1, 15000);
    const struct snapshot_child *web = supervised_child(&s, "web.0");
    if (!web || web->restarts < 2) fail_msg("web was hardly replaced");
    supervised_stop(&s);
}

TEST(test_storm_of_hups_under_load_fails_no_request)
{
    start("http = { max_connections = 100; };", NULL);
    storm_of_hups(4000);
}

static void test_storm_of_hups_on_the_real_web_fails_no_request(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", "RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", NULL};
    (void)state;
    supervised_prepare(&s, "http = { max_connections = 100; };");
    supervised_real_roles(&s);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 20000);
    storm_of_hups(6000);
}

static void test_runtime_settings_are_shown_applied_and_gone_with_the_supervisor(void **state)
{
    char *env[] = {ON_ENV, NULL}, *output;
    (void)state;
    start(" ", env);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "BACKGROUND_SYNC_ENABLED", "true", NULL), 0);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready"), 10000);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_non_null(strstr(output, "runtime setting: sync.background_enabled = true"));
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "flags", NULL), 0);
    assert_non_null(strstr(output, "runtime"));
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.level", "loud", NULL), 1);
    assert_non_null(strstr(output, "loud"));
    free(output);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "http.port", "1", NULL), 1);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "no.such", "1", NULL), 1);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "sync.background_enabled", NULL), 0);
    WAIT_UNTIL(supervised_count(&s, "worker.0") == 0, 10000);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "BACKGROUND_SYNC_ENABLED", "true", NULL), 0);
    supervised_stop(&s);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    assert_null(supervised_child(&s, "worker.0"));
    supervised_stop(&s);
}

static void test_exec_of_itself_keeps_children_sockets_and_what_is_known(void **state)
{
    char *env[] = {ON_ENV, "BACKGROUND_SYNC_ENABLED=1", "WATCHDOG_SECONDS=2", NULL};
    (void)state;
    start("programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"while :; do echo tick; sleep 0.1; done\"]; });",
          env);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "beat", "ready"), 10000);
    supervised_kill(&s, "beat", SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "beat", "ready") && supervised_child(&s, "beat")->restarts == 1, 10000);
    assert_int_equal(supervised_ctl(&s, NULL, "set", "log.level", "debug", NULL), 0);
    int web = supervised_pid(&s, "web.0"), worker = supervised_pid(&s, "worker.0"), p = supervised_pid(&s, "p");
    char id[40];
    snprintf(id, sizeof id, "%s", s.status.supervisor_id);

    load_begin();
    for (int round = 1; round <= 3; round++) {
        char *output;
        if (supervised_ctl(&s, &output, "reload", "--exec", NULL) != 0) fail_msg("%s", output);
        free(output);
        WAIT_UNTIL(process_log_count(&s.process, "having been executed anew") >= round, 10000);
    }
    load_end();
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    assert_int_equal(s.status.pid, s.process.pid);
    assert_string_equal(s.status.supervisor_id, id);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    assert_int_equal(supervised_pid(&s, "worker.0"), worker);
    assert_int_equal(supervised_pid(&s, "p"), p);
    assert_int_equal(supervised_child(&s, "beat")->restarts, 1);
    assert_string_equal(supervised_child(&s, "beat")->last_exit, "killed by SIGKILL");

    poll(NULL, 0, 2500); /* pings still arrive, and log lines */
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    char *output;
    assert_int_equal(supervised_ctl(&s, &output, "tail", "p", "-n", "3", NULL), 0);
    assert_non_null(strstr(output, "tick"));
    free(output);
    kill(web, SIGKILL); /* still its children */
    WAIT_UNTIL(supervised_pid(&s, "web.0") != web && supervised_is(&s, "web.0", "ready"), 10000);
    assert_string_equal(supervised_child(&s, "web.0")->last_exit, "killed by SIGKILL");
    supervised_stop(&s);
}

static void test_exec_of_a_broken_program_file_is_refused(void **state)
{
    char path[300];
    (void)state;
    start(" ", NULL);
    int web = supervised_pid(&s, "web.0");
    snprintf(path, sizeof path, "%s/bin/logikald", s.dir);
    char aside[310];
    snprintf(aside, sizeof aside, "%s.good", path);
    assert_int_equal(rename(path, aside), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("#!/bin/sh\nexit 1\n", f);
    fclose(f);
    chmod(path, 0755);
    char *argv[] = {aside, "ctl", "reload", "--exec", NULL};
    char run[320];
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *env[] = {run, NULL};
    assert_int_equal(process_run(argv, env, NULL), 1);
    WAIT_UNTIL(process_logged(&s.process, "the supervisor goes on as it is"), 5000);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_gate_goes_on_and_off_by_the_file),
    cmocka_unit_test(test_bad_file_is_refused_whole_and_does_not_hurt_a_restart),
    cmocka_unit_test(test_reload_touches_only_what_changed),
    cmocka_unit_test(test_counts_grow_and_shrink),
    cmocka_unit_test(test_web_is_replaced_and_crashes_without_a_failed_request),
    cmocka_unit_test(test_successor_that_fails_leaves_the_old_one_serving),
    cmocka_unit_test(test_storm_of_hups_under_load_fails_no_request),
    cmocka_unit_test(test_storm_of_hups_on_the_real_web_fails_no_request),
    cmocka_unit_test(test_runtime_settings_are_shown_applied_and_gone_with_the_supervisor),
    cmocka_unit_test(test_exec_of_itself_keeps_children_sockets_and_what_is_known),
    cmocka_unit_test(test_exec_of_a_broken_program_file_is_refused),
};
SUPERVISED_MAIN(tests)
