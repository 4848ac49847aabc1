/* See sentry.h. */
#include "tests/support/servers/sentry.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/support_internal.h"
#include "tests/support/test.h"

redisContext *sentry_connect(int port, const char *password)
{
    redisContext *c = redisConnect("127.0.0.1", port);
    if (!c || c->err) fail_msg("no connection to port %d", port);
    freeReplyObject(redisCommand(c, "AUTH %s", password));
    return c;
}

const char *sentry_say(redisContext *c, const char *fmt, ...)
{
    static char text[8192];
    char command[1024], *words[16], *rest = command;
    int n = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    while (n < 16 && (words[n] = strtok_r(n == 0 ? rest : NULL, " ", &rest))) n++;
    redisReply *reply = redisCommandArgv(c, n, (const char **)words, NULL);
    text[0] = 0;
    if (reply && reply->type == REDIS_REPLY_INTEGER) snprintf(text, sizeof text, "%lld", reply->integer);
    if (reply && reply->str) snprintf(text, sizeof text, "%s", reply->str);
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 1 && reply->element[1]->str)
        snprintf(text, sizeof text, "%s:%s", reply->element[0]->str, reply->element[1]->str);
    if (reply) freeReplyObject(reply);
    return text;
}

const char *sentry_ask(const struct sentry *s, const char *fmt, ...)
{
    char command[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    redisContext *c = sentry_connect(s->port, "guard");
    const char *text = sentry_say(c, "%s", command);
    redisFree(c);
    return text;
}

void sentry_watch(const struct sentry *s, const char *name, int port)
{
    static const char *const settings[] = {"auth-pass data", "down-after-milliseconds 500", "failover-timeout 3000"};
    assert_string_equal(sentry_ask(s, "SENTINEL MONITOR %s 127.0.0.1 %d 2", name, port), "OK");
    for (size_t i = 0; i < 3; i++) assert_string_equal(sentry_ask(s, "SENTINEL SET %s %s", name, settings[i]), "OK");
}

void sentry_start_with(struct sentry *s, const char *name, const char *more)
{
    char dir[300], path[340], text[2400];
    s->port = support_free_port();
    snprintf(dir, sizeof dir, "%s/%s", support_dir(), name);
    mkdir(dir, 0700);
    snprintf(path, sizeof path, "%s/sentinel.conf", dir);
    snprintf(text, sizeof text, "bind 127.0.0.1\ndir %s\nrequirepass guard\n", dir);
    size_t len = strlen(text);
    if (*more) snprintf(text + len, sizeof text - len, "port 0\ntls-port %d\n%s", s->port, more);
    if (!*more) snprintf(text + len, sizeof text - len, "port %d\n", s->port);
    support_write_file(path, text);
    char *const argv[] = {(char *)"redis-sentinel", path, NULL};
    process_start(&s->process, name, argv, NULL);
    WAIT_UNTIL(process_logged(&s->process, "Sentinel ID is"), 10000);
}

void sentry_start(struct sentry *s, const char *name)
{
    sentry_start_with(s, name, "");
}

int sentry_count(const struct sentry *s, const char *what)
{
    int count = 0;
    redisContext *c = sentry_connect(s->port, "guard");
    redisReply *reply = redisCommand(c, "SENTINEL %s mymaster", what);
    if (reply && reply->type == REDIS_REPLY_ARRAY) count = (int)reply->elements;
    if (reply) freeReplyObject(reply);
    redisFree(c);
    return count;
}
