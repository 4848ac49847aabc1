/* See rig.h. */
#include "tests/support/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rig_reconnect(struct rig *rig)
{
    int64_t deadline = support_deadline(20000);
    for (;;) {
        if (rig->redis) redisFree(rig->redis);
        rig->redis = redisConnect("127.0.0.1", rig->server.port);
        redisReply *reply = rig->redis && !rig->redis->err ? redisCommand(rig->redis, "PING") : NULL;
        bool is_fine = reply && reply->type == REDIS_REPLY_STATUS;
        if (reply) freeReplyObject(reply);
        if (is_fine) return;
        if (support_late(deadline)) fail_msg("no connection to the test's redis-server");
        support_pause();
    }
}

void rig_open(struct rig *rig, const char *const extra[])
{
    memset(rig, 0, sizeof *rig);
    redis_server_start(&rig->server, extra);
    rig_reconnect(rig);
}

void rig_close(struct rig *rig)
{
    if (rig->redis) redisFree(rig->redis);
    rig->redis = NULL;
    redis_server_stop(&rig->server);
}

void rig_role(struct rig *rig, struct process *p, const char *name, const char *role, const char *const env[])
{
    char url[160], *all[24];
    int n = 0;
    snprintf(url, sizeof url, "REDIS_URL=%s", rig->url[0] ? rig->url : rig->server.url);
    all[n++] = url;
    all[n++] = "DIAGNOSTIC_TASKS=true";
    all[n++] = "WORKER_CONCURRENCY=2";
    all[n++] = "BACKGROUND_SYNC_ENABLED=true";
    all[n++] = "BEAT_HOURLY_CRONTAB=0 0 29 2 *"; /* ticks are counted: none by the hour */
    for (; env && *env && n < 23; env++) all[n++] = (char *)(uintptr_t)*env;
    all[n] = NULL;
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)(uintptr_t)role, NULL};
    process_start(p, name, argv, all);
}

void rig_check(struct process *p)
{
    char *log = process_log(p);
    if (log && (strstr(log, "Sanitizer") || strstr(log, "runtime error"))) fail_msg("%s", log);
    free(log);
}

static redisReply *rig_ask(struct rig *rig, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static redisReply *rig_ask(struct rig *rig, const char *fmt, va_list ap)
{
    char command[1024], *words[64], *rest = command;
    int n = 0;
    vsnprintf(command, sizeof command, fmt, ap);
    while (n < 64 && (words[n] = strtok_r(n == 0 ? rest : NULL, " ", &rest))) n++;
    redisReply *reply = redisCommandArgv(rig->redis, n, (const char **)words, NULL);
    if (!reply) rig_reconnect(rig);
    return reply;
}

int64_t rig_int(struct rig *rig, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = rig_ask(rig, fmt, ap);
    va_end(ap);
    int64_t value = -1;
    if (reply && reply->type == REDIS_REPLY_INTEGER) value = reply->integer;
    if (reply && reply->type == REDIS_REPLY_STRING) value = strtoll(reply->str, NULL, 10);
    if (reply) freeReplyObject(reply);
    return value;
}

const char *rig_text(struct rig *rig, const char *fmt, ...)
{
    static char text[65536];
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = rig_ask(rig, fmt, ap);
    va_end(ap);
    bool has_text = reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
    snprintf(text, sizeof text, "%s", has_text ? reply->str : "");
    if (reply) freeReplyObject(reply);
    return text;
}

void rig_push(struct rig *rig, const char *queue, const char *bytes, size_t len)
{
    redisReply *reply = redisCommand(rig->redis, "LPUSH %s %b", queue, bytes, len);
    if (!reply || reply->type != REDIS_REPLY_INTEGER)
        fail_msg("cannot send: %s", reply ? reply->str : rig->redis->errstr);
    freeReplyObject(reply);
}

void rig_send_spec(struct rig *rig, const struct message_spec *spec)
{
    struct buf message = {0};
    message_encode(&message, spec);
    rig_push(rig, spec->queue, message.data, message.len);
    buf_free(&message);
}

void rig_send(struct rig *rig, const char *queue, const char *task, const char *id, const char *args)
{
    char name[128];
    cJSON *list = cJSON_Parse(args);
    snprintf(name, sizeof name, "%s%s", strchr(task, '.') ? "" : "tasks.diagnostics.", task);
    struct message_spec spec = {.task = name, .id = id, .queue = queue, .args = list};
    rig_send_spec(rig, &spec);
    cJSON_Delete(list);
}

void rig_worker(struct rig *rig, struct process *p, const char *name, const char *const env[])
{
    rig_role(rig, p, name, "worker", env);
    WAIT_UNTIL(process_logged(p, "connected to"), 20000);
    WAIT_UNTIL(rig_int(rig, "ZCARD logikald.workers") >= 1, 20000);
}

void rig_end(struct process *p)
{
    if (p->pid <= 0) return;
    process_signal(p, SIGCONT);
    process_stop(p);
    rig_check(p);
    memset(p, 0, sizeof *p);
}

int rig_tool(struct rig *rig, const char *verb, const char *word, char **output)
{
    char url[160];
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"),
                    "queue",
                    (char *)(uintptr_t)verb,
                    "--json",
                    (char *)(uintptr_t)word,
                    NULL};
    snprintf(url, sizeof url, "REDIS_URL=%s", rig->server.url);
    char *env[] = {url, NULL};
    return process_run(argv, env, output);
}

int64_t rig_left(struct rig *rig)
{
    redisReply *reply = redisCommand(rig->redis, "EVAL %s 0",
                                     "return redis.call('LLEN', 'sync') + redis.call('LLEN', 'scheduler') + "
                                     "redis.call('HLEN', 'unacked') + redis.call('ZCARD', 'logikald.scheduled')");
    int64_t left = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    if (reply) freeReplyObject(reply);
    return left;
}

bool rig_has_state(struct rig *rig, const char *id, const char *status)
{
    char start[64];
    snprintf(start, sizeof start, "{\"status\": \"%s\"", status);
    return strncmp(rig_text(rig, "GET celery-task-meta-%s", id), start, strlen(start)) == 0;
}
