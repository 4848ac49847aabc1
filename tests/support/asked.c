/* What tests of the queue's client ask a Redis with: see asked.h. */
#include "tests/support/asked.h"

#include <event2/event.h>

struct asked_world asked;

int asked_start(void **state)
{
    (void)state;
    struct redis_url url;
    struct err err = {0};
    struct conf_paths none = {0};
    rig_open(&asked.rig, NULL);
    setenv("REDIS_URL", asked.rig.server.url, 1);
    setenv("REDIS_KEY_PREFIX", "k:", 1);
    setenv("REDIS_RESULT_PREFIX", "r:", 1);
    setenv("REDIS_PRIORITY_STEPS", "0,5", 1);
    setenv("REDIS_SEP", "::", 1);
    setenv("WORKER_QUEUES", "sync, other", 1);
    setenv("WORKER_LEASE_SECONDS", "20", 1);
    setenv("RESULT_EXPIRES", "7200", 1);
    asked.conf = conf_load(&none, &err);
    if (!asked.conf) fail_msg("%s", err.text);
    asked.base = event_base_new();
    assert_int_equal(redis_url_from_conf(asked.conf, &url, &err), 0);
    asked.redis = redis_new(asked.base, &url, "test", &err);
    asked.queue = queue_new(asked.base, asked.redis, asked.conf, &err);
    redis_start(asked.redis);
    int64_t end = support_patience(10000);
    while (!redis_is_up(asked.redis)) {
        if (support_late(end)) fail_msg("no connection");
        event_base_loop(asked.base, EVLOOP_ONCE);
    }
    asked.ear = redisConnect("127.0.0.1", asked.rig.server.port);
    assert_true(asked.ear && !asked.ear->err);
    redisSetTimeout(asked.ear, (struct timeval){.tv_sec = 60});
    freeReplyObject(redisCommand(asked.ear, "PSUBSCRIBE *"));
    return 0;
}

int asked_stop(void **state)
{
    (void)state;
    redisFree(asked.ear);
    queue_free(asked.queue);
    redis_free(asked.redis);
    event_base_free(asked.base);
    conf_free(asked.conf);
    free(asked.answer.json);
    memset(&asked.answer, 0, sizeof asked.answer);
    static const char *const set[] = {"REDIS_KEY_PREFIX", "REDIS_RESULT_PREFIX",  "REDIS_PRIORITY_STEPS", "REDIS_SEP",
                                      "WORKER_QUEUES",    "WORKER_LEASE_SECONDS", "RESULT_EXPIRES"};
    for (int i = 0; i < 7; i++) unsetenv(set[i]);
    rig_close(&asked.rig);
    return 0;
}

/* ---- asking ---- */
void asked_begin(void)
{
    free(asked.answer.json);
    memset(&asked.answer, 0, sizeof asked.answer);
}

void asked_wait(void)
{
    int64_t end = support_patience(10000);
    while (!asked.answer.is_over) {
        if (support_late(end)) fail_msg("no answer");
        event_base_loop(asked.base, EVLOOP_ONCE);
    }
}

void asked_on_list(void *arg, const cJSON *entries, const struct err *err)
{
    (void)arg;
    asked.answer.is_over = true;
    if (entries) asked.answer.json = cJSON_PrintUnformatted(entries);
    if (err) snprintf(asked.answer.error, sizeof asked.answer.error, "%s", err->text);
}

void asked_on_count(void *arg, int64_t count, const struct err *err)
{
    (void)arg;
    asked.answer.is_over = true;
    asked.answer.count = err ? -1 : count;
    if (err) snprintf(asked.answer.error, sizeof asked.answer.error, "%s", err->text);
}

void asked_on_done(void *arg, const struct err *err)
{
    asked_on_count(arg, 0, err);
}

void asked_put(const char *command, const char *a, const char *b, const char *c)
{
    const char *words[] = {command, a, b, c};
    redisReply *r = redisCommandArgv(asked.rig.redis, c ? 4 : 3, words, NULL);
    assert_true(r && r->type != REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

/* The answer's count, of a call that takes &asked.refused. */
int64_t asked_count(int rc)
{
    assert_int_equal(rc, 0);
    asked_wait();
    return asked.answer.count;
}
