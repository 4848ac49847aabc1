/* A redis-server of the test's own, with an append-only file. kill -9 loses nothing: it writes before it answers, as it
 * does not with "everysec" while the disk is busy, and what is written is there as long as the machine is. Its
 * arguments are kept as a configuration file in its directory, so a restart is the same server. */
#include "tests/support/support_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void config_write(struct redis_server *r, const char *const extra[])
{
    char path[300];
    support_format(path, sizeof path, "%s/redis.conf", r->dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "bind 127.0.0.1\nport %d\ndir %s\ndaemonize no\nsave \"\"\nappendonly yes\nappendfsync no", r->port,
            r->dir);
    for (; extra && *extra; extra++) {
        if (strncmp(*extra, "--", 2) == 0)
            fprintf(f, "\n%s", *extra + 2);
        else
            fprintf(f, " \"%s\"", *extra);
    }
    fputs("\n", f);
    assert_int_equal(fclose(f), 0);
}

void redis_server_start(struct redis_server *r, const char *const extra[])
{
    memset(r, 0, sizeof *r);
    r->port = support_free_port();
    support_make_dir(r->dir, sizeof r->dir, "redis");
    support_format(r->url, sizeof r->url, "redis://127.0.0.1:%d/0", r->port);
    config_write(r, extra);
    redis_server_restart(r);
}

static void fail_without_redis(struct redis_server *r)
{
    char *log = process_log(&r->process);
    print_message("%s\n", log);
    free(log);
    fail_msg("redis-server %s", r->process.is_running ? "is not ready" : "did not start");
}

void redis_server_restart(struct redis_server *r)
{
    char path[300];
    support_format(path, sizeof path, "%s/redis.conf", r->dir);
    const char *program = getenv("TEST_REDIS_PROGRAM");
    char *const argv[] = {(char *)(program ? program : "redis-server"), path, NULL};
    servers_start(&r->process, "redis", argv, NULL, NULL);
    int64_t deadline = support_patience(60000); /* it may have much to read from its file */
    while (!process_logged(&r->process, "Ready to accept connections")) {
        if (!process_running(&r->process) || support_late(deadline)) fail_without_redis(r);
        support_pause();
    }
}

void redis_server_kill(struct redis_server *r)
{
    process_signal(&r->process, SIGKILL);
    process_wait(&r->process, 10000);
}

void redis_server_stop(struct redis_server *r)
{
    process_stop(&r->process);
}

char *redis_cli(struct redis_server *r, const char *command)
{
    char *line = NULL, *output = NULL;
    if (asprintf(&line, "exec redis-cli -p %d %s", r->port, command) < 0) abort();
    char *const argv[] = {"sh", "-c", line, NULL};
    process_run(argv, NULL, &output);
    free(line);
    size_t n = strlen(output);
    if (n > 0 && output[n - 1] == '\n') output[n - 1] = 0;
    return output;
}
