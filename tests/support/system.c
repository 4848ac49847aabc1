/* The whole system under test: see system.h. */
#include "tests/support/system.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ENV_MAX = 64, COMMAND_MAX = 24 };

void system_servers(struct system *s, const char *const sim_args[])
{
    system_servers_with(s, sim_args, NULL);
}

void system_servers_with(struct system *s, const char *const sim_args[], const char *const redis_args[])
{
    memset(s, 0, sizeof *s);
    redis_server_start(&s->redis, redis_args);
    pg_start(&s->pg);
    sim_start(&s->sim, sim_args);
}

void system_write_config(struct system *s, const char *config)
{
    FILE *out = fopen(s->config, "w");
    assert_non_null(out);
    fputs(config, out);
    fclose(out);
}

void system_run(struct system *s, const char *config, const char *const extra[])
{
    static int runs;
    s->port = support_free_port();
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", s->port);
    snprintf(s->run_dir, sizeof s->run_dir, "%.200s/run%d", support_dir(), ++runs);
    snprintf(s->config, sizeof s->config, "%.255s.cfg", s->run_dir);
    assert_int_equal(mkdir(s->run_dir, 0700), 0);
    system_write_config(s, config);
    system_again(s, extra);
}

void system_again(struct system *s, const char *const extra[])
{
    char text[8][400];
    snprintf(text[0], sizeof text[0], "PORT=%d", s->port);
    snprintf(text[1], sizeof text[1], "LOGIKALD_RUN_DIR=%.250s", s->run_dir);
    snprintf(text[2], sizeof text[2], "DATABASE_URL=%s", s->pg.url);
    snprintf(text[3], sizeof text[3], "REDIS_URL=%s", s->redis.url);
    snprintf(text[4], sizeof text[4], "LOGIKAL_API_BASE_URL=%s", s->sim.base_url);
    char *env[ENV_MAX] = {text[0],
                          text[1],
                          text[2],
                          text[3],
                          text[4],
                          "HOST=127.0.0.1",
                          "SYNC_INTERVAL_SECONDS=1",
                          "LOGIKAL_AUTH_USERNAME=demo",
                          "LOGIKAL_AUTH_PASSWORD=demo",
                          "WORKER_CONCURRENCY=2",
                          "ADMIN_PASSWORD=test-admin-password",
                          "SECRET_KEY=5f0c1c1be38647b8a7b3d9a5f4a1e6c2",
                          "JWT_SECRET_KEY=9b1de3c25f0c4a6e8d7f6a5b4c3d2e1f",
                          "MEMORY_SOFT_BYTES=0",
                          "MEMORY_HARD_BYTES=0",
                          "RESTART_BACKOFF_BASE_MS=50",
                          "RESTART_BACKOFF_CAP_MS=500",
                          "WATCHDOG_SECONDS=60",
                          "CRASH_LOOP_COUNT=50"};
    int n = 19;
    for (int i = 0; extra && extra[i]; i++) {
        assert_true(n < ENV_MAX - 1);
        env[n++] = (char *)extra[i];
    }
    char *argv[COMMAND_MAX + 3] = {(char *)support_program("logikald")};
    int words = s->command ? 0 : 1;
    for (; s->command && s->command[words]; words++) {
        assert_true(words < COMMAND_MAX);
        argv[words] = (char *)s->command[words];
    }
    argv[words++] = "--config";
    argv[words] = s->config;
    process_start(&s->logikald, "logikald", argv, env);
}

void system_stop(struct system *s)
{
    pid_t group = s->logikald.pid;
    process_signal(&s->logikald, SIGTERM);
    int status = process_wait(&s->logikald, 60000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char *log = process_log(&s->logikald);
        fail_msg("the supervisor ended with wait status %#x\n%s", status, log);
    }
    WAIT_UNTIL(kill(-group, 0) != 0 && errno == ESRCH, 10000);
}

void system_end(struct system *s)
{
    sim_stop(&s->sim);
    redis_server_stop(&s->redis);
    pg_stop(&s->pg);
}

int system_child(struct system *s, const char *role)
{
    struct snapshot *shot = test_malloc(sizeof *shot);
    int pid = 0;
    if (snapshot_read(s->run_dir, shot, NULL) == 0)
        for (int i = 0; i < shot->count; i++)
            if (strcmp(shot->children[i].role, role) == 0 && shot->children[i].is_ready &&
                !shot->children[i].is_draining)
                pid = shot->children[i].pid;
    test_free(shot);
    return pid;
}

int system_count(struct system *s, const char *role)
{
    struct snapshot *shot = test_malloc(sizeof *shot);
    int count = 0;
    if (snapshot_read(s->run_dir, shot, NULL) == 0)
        for (int i = 0; i < shot->count; i++)
            count += strcmp(shot->children[i].role, role) == 0 && shot->children[i].pid != 0;
    test_free(shot);
    return count;
}

int system_health(struct system *s)
{
    char url[128];
    snprintf(url, sizeof url, "%s/api/v1/health", s->url);
    struct http_reply reply = http_get(url);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}
