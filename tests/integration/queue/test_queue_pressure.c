/* What presses on a worker: a Redis that is full, messages that kill whoever takes them, a stop in the middle of a
 * fetch, messages of any size. */
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/servers/proxy.h"

static struct rig rig;
static struct process worker;
static struct proxy proxy;

FIXTURE(set_up)
{
    memset(&proxy, 0, sizeof proxy);
    rig_open(&rig, NULL);
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&worker);
    proxy_stop(&proxy);
    rig_close(&rig);
    return 0;
}

static void start(const char *const env[])
{
    rig_role(&rig, &worker, "worker", "worker", env);
    WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
}

static int64_t results(void)
{
    int64_t count = 0;
    redisReply *keys = redisCommand(rig.redis, "KEYS celery-task-meta-*");
    if (keys && keys->type == REDIS_REPLY_ARRAY) count = (int64_t)keys->elements;
    if (keys) freeReplyObject(keys);
    return count;
}

/* ---- a full Redis ---- */
static int fill_up(void)
{
    char id[32];
    int sent = 0;
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(
        kwargs, "text",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890");
    for (;; sent++) {
        struct buf message = {0};
        snprintf(id, sizeof id, "f%d", sent);
        struct message_spec spec = {.task = "tasks.diagnostics.noop", .id = id, .queue = "sync", .kwargs = kwargs};
        message_encode(&message, &spec);
        redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
        bool is_full = reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "OOM");
        freeReplyObject(reply);
        buf_free(&message);
        if (is_full) break;
    }
    cJSON_Delete(kwargs);
    return sent;
}

TEST(test_full_redis_heals)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    rig_text(&rig, "CONFIG SET maxmemory-policy noeviction");
    rig_text(&rig, "CONFIG SET maxmemory %lld", (long long)(4 << 20));
    int sent = fill_up();
    assert_true(sent > 500);

    start(env);

    WAIT_UNTIL(rig_left(&rig) == 0, 60000);
    assert_int_equal(results(), sent);
    assert_true(process_log_count(&worker, "OOM") <= 2);
    process_stop(&worker);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 0);
}

/* What hangs on an outcome is written too: follow-ups, retries, dead letters. */
TEST(test_full_redis_keeps_retries_and_dead_letters)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    rig_send(&rig, "sync", "fail", "again", "[\"x\", 1]");
    rig_send(&rig, "sync", "nobody.knows", "unknown", "[]");
    rig_push(&rig, "sync", "no json", 7);
    rig_text(&rig, "CONFIG SET maxmemory 1");

    start(env);

    WAIT_UNTIL(rig_int(&rig, "LLEN logikald.dead") == 2, 20000);
    WAIT_UNTIL(rig_has_state(&rig, "again", "FAILURE"), 20000); /* after its second try */
    assert_true(rig_has_state(&rig, "unknown", "FAILURE"));
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
}

TEST(test_result_that_does_not_fit_is_told)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    struct buf body = {0}, message = {0};
    unsigned char packed[4096];
    uLongf len = sizeof packed;
    buf_str(&body, "[[], {\"n\": [1");
    for (int i = 0; i < 30000; i++) buf_str(&body, ",1"); /* comes packed, and goes as it is */
    buf_str(&body, "]}, {}]");
    assert_int_equal(compress(packed, &len, (const unsigned char *)body.data, body.len), Z_OK);
    buf_str(&message, "{\"body\": \"");
    base64_add(&message, (const char *)packed, len);
    buf_str(&message,
            "\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": {\"task\":"
            " \"tasks.diagnostics.echo\", \"id\": \"large\", \"compression\": \"application/x-gzip\"},"
            " \"properties\": {\"correlation_id\": \"large\", \"delivery_tag\": \"large\", \"body_encoding\":"
            " \"base64\", \"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"sync\"}}}");
    rig_push(&rig, "sync", message.data, message.len);
    buf_free(&message);
    buf_free(&body);
    rig_text(&rig, "CONFIG SET maxmemory 1");
    start(env);
    WAIT_UNTIL(rig_has_state(&rig, "large", "FAILURE"), 20000);
    assert_non_null(strstr(rig_text(&rig, "GET celery-task-meta-large"), "BackendStoreError"));
    assert_non_null(strstr(rig_text(&rig, "GET celery-task-meta-large"), "\"task_id\": \"large\""));
    WAIT_UNTIL(process_logged(&worker, "its result could not be stored"), 5000);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
    rig_text(&rig, "CONFIG SET maxmemory 0");
    rig_send(&rig, "sync", "add", "later", "[1, 2]");
    WAIT_UNTIL(rig_has_state(&rig, "later", "SUCCESS"), 20000);
}

/* ---- poison ---- */
/* tag: what follows "delivery_tag": , NULL = nothing does */
static void send_raw(const char *task, const char *id, const char *args, const char *tag)
{
    struct buf body = {0}, message = {0};
    char text[200];
    snprintf(text, sizeof text, "[%s, {}, {}]", args);
    base64_add(&body, text, strlen(text));
    buf_printf(
        &message,
        "{\"properties\": {\"body_encoding\": \"base64\", \"correlation_id\": \"%s\"%s%s}, \"headers\": {\"task\": "
        "\"tasks.diagnostics.%s\", \"id\": \"%s\"}, \"content-type\": \"application/json\", \"body\": \"%s\"}",
        id, tag ? ", \"delivery_tag\": " : "", tag ? tag : "", task, id, body.data);
    rig_push(&rig, "sync", message.data, message.len);
    buf_free(&body);
    buf_free(&message);
}

TEST(test_poison_is_buried_whatever_its_tag)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_CONCURRENCY=4", NULL};
    static const char *const tags[] = {NULL,
                                       "17",
                                       "\"\"",
                                       "\"a\\\"b\"",
                                       "null",
                                       "\"php_674733aa.1\"",
                                       "\"php_674733aa.2\"",
                                       "[1, 2]",
                                       "\"\xc3\xbc / \xc3\xa4\""};
    enum { COUNT = sizeof tags / sizeof *tags };
    char id[32];
    start(env);
    for (int i = 0; i < COUNT; i++) {
        snprintf(id, sizeof id, "p%d", i);
        send_raw("crash", id, "[9]", tags[i]);
    }
    send_raw("sleep", "innocent", "[6]", "\"php_674733aa.3\"");
    send_raw("add", "quick", "[1, 2]", "\"php_674733aa.4\"");

    WAIT_UNTIL(rig_int(&rig, "LLEN logikald.dead") == COUNT, 60000);
    WAIT_UNTIL(rig_has_state(&rig, "innocent", "SUCCESS") && rig_has_state(&rig, "quick", "SUCCESS"), 20000);
    for (int i = 0; i < COUNT; i++)
        assert_true(rig_has_state(&rig, (snprintf(id, sizeof id, "p%d", i), id), "FAILURE"));
    assert_int_equal(process_log_count(&worker, "died of signal"), 5 * COUNT);
    assert_int_equal(rig_int(&rig, "HLEN logikald.history"), 0);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
}

/* The mark of the message with this id at its worker: '0', '1' or '2'; 0 = it is not held. */
static char mark_of(const char *id)
{
    char needle[64], mark = 0;
    snprintf(needle, sizeof needle, "\"id\": \"%s\"", id);
    redisReply *keys = redisCommand(rig.redis, "KEYS logikald.held.*"),
               *all = redisCommand(rig.redis, "HGETALL unacked");
    for (size_t i = 0; i + 1 < all->elements; i += 2) {
        if (!strstr(all->element[i + 1]->str, needle)) continue;
        for (size_t k = 0; k < keys->elements; k++) {
            redisReply *held = redisCommand(rig.redis, "HGET %s %s", keys->element[k]->str, all->element[i]->str);
            if (held->type == REDIS_REPLY_STRING) mark = held->str[0];
            freeReplyObject(held);
        }
    }
    freeReplyObject(keys);
    freeReplyObject(all);
    return mark;
}

/* One message kills its worker each time that it runs; the other one is only there. */
TEST(test_death_of_the_worker_condemns_only_the_culprit)
{
    int previous = 0, deaths = 0;
    rig_send(&rig, "sync", "sleep", "culprit", "[60]");
    rig_send(&rig, "sync", "sleep", "innocent", "[5]");
    while (deaths < 8) {
        char before[64], name[32];
        snprintf(before, sizeof before, "LOGIKALD_PREVIOUS_PID=%d", previous);
        snprintf(name, sizeof name, "worker%d", deaths);
        const char *const env[] = {"WORKER_QUEUES=sync",         "TASK_MAX_DELIVERIES=3",  "LOGIKALD_SUPERVISOR_ID=s1",
                                   "LOGIKALD_INSTANCE=worker.0", previous ? before : NULL, NULL};
        rig_role(&rig, &worker, name, "worker", env);
        if (previous) WAIT_UNTIL(process_logged(&worker, "took over"), 20000);
        int64_t deadline = support_deadline(60000);
        char mark = 0;
        while (rig_int(&rig, "LLEN logikald.dead") == 0 && (mark = mark_of("culprit")) <= '0') {
            if (support_late(deadline)) fail_msg("the culprit neither runs nor is buried: %s", process_log(&worker));
            support_pause();
        }
        if (rig_int(&rig, "LLEN logikald.dead") > 0) break;
        if (deaths == 0) WAIT_UNTIL(mark_of("innocent") > '0', 20000);
        previous = (int)worker.pid;
        process_signal(&worker, SIGKILL);
        process_wait(&worker, 10000);
        deaths++;
    }
    assert_int_equal(deaths, 3);
    assert_true(rig_has_state(&rig, "culprit", "FAILURE"));
    WAIT_UNTIL(rig_has_state(&rig, "innocent", "SUCCESS"), 30000);
    assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), 1);
}

/* ---- stopping ---- */
TEST(test_stop_in_the_middle_of_a_fetch)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_GRACE_SECONDS=20", NULL};
    static const int delays_ms[] = {0, 2, 100, 300};
    static const int sent = 6000;
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        proxy_start(&proxy, rig.server.port);
        snprintf(rig.url, sizeof rig.url, "redis://127.0.0.1:%d/0", proxy.port);
        atomic_store(&proxy.rules->delay_ms, delays_ms[i]);
        for (int k = 0; k < sent; k++) {
            char id[32];
            snprintf(id, sizeof id, "s%d", k);
            rig_send(&rig, "sync", "noop", id, "[]");
        }
        start(env);
        WAIT_UNTIL(results() > 20, 20000);
        int64_t began = mono_ms();
        process_signal(&worker, SIGTERM);
        assert_int_equal(process_wait(&worker, 15000), 0);
        assert_true(mono_ms() - began < 5000 + 10 * delays_ms[i]);
        assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
        assert_int_equal(rig_int(&rig, "ZCARD logikald.workers"), 0);
        assert_int_equal(results() + rig_int(&rig, "LLEN sync"), sent);
        assert_false(process_logged(&worker, "grace time is over"));
        rig_text(&rig, "FLUSHALL");
        proxy_stop(&proxy);
    }
}

/* ---- sizes ---- */
static int64_t peak_kb(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in)) sscanf(line, "VmHWM: %lu", &kb);
    if (in) fclose(in);
    return (int64_t)kb;
}

static void send_of_size(const char *id, size_t bytes)
{
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    memset(text, 'x', bytes);
    text[bytes] = 0;
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "text", text);
    struct message_spec spec = {.task = "tasks.diagnostics.ignored", .id = id, .queue = "sync", .kwargs = kwargs};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(kwargs);
    free(text);
}

/* The release program: sanitizers keep what was freed. */
TEST(test_memory_is_bounded_with_any_mixture)
{
    static const struct {
        int count;
        size_t bytes;
    } mixtures[][3] = {{{3000, 10}, {64, 700000}, {3000, 10}},
                       {{500, 10}, {10, 5000000}, {500, 10}},
                       {{20, 100000}, {5, 5000000}, {100, 30000}}};
    char url[160], program[300], id[32];
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    char *env[] = {url, "DIAGNOSTIC_TASKS=true", "WORKER_CONCURRENCY=2", "WORKER_QUEUES=sync", NULL};
    char *here = getcwd(NULL, 0);
    snprintf(program, sizeof program, "%.250s/build/logikald-roles", here);
    free(here);
    char *argv[] = {program, "worker", NULL};
    for (size_t m = 0; m < sizeof mixtures / sizeof *mixtures; m++) {
        process_start(&worker, "worker", argv, env);
        WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
        rig_send(&rig, "sync", "noop", "warm", "[]");
        WAIT_UNTIL(rig_has_state(&rig, "warm", "SUCCESS"), 20000);
        int64_t base = peak_kb(worker.pid);
        rig_text(&rig, "HSET logikald.paused sync 1");
        for (int part = 0; part < 3; part++)
            for (int i = 0; i < mixtures[m][part].count; i++) {
                snprintf(id, sizeof id, "x%d-%d", part, i);
                send_of_size(id, mixtures[m][part].bytes);
            }
        rig_text(&rig, "DEL logikald.paused");
        WAIT_UNTIL(rig_left(&rig) == 0, 60000);
        int64_t peak = peak_kb(worker.pid);
        print_message("mixture %zu: %lld kB, peak %lld kB\n", m, (long long)base, (long long)peak);
        assert_true(peak - base < 64 << 10);
        assert_int_equal(rig_int(&rig, "LLEN logikald.dead"), 0);
        process_stop(&worker);
        rig_text(&rig, "FLUSHALL");
    }
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_full_redis_heals),
    ROW(test_full_redis_keeps_retries_and_dead_letters),
    ROW(test_result_that_does_not_fit_is_told),
    ROW(test_poison_is_buried_whatever_its_tag),
    ROW(test_death_of_the_worker_condemns_only_the_culprit),
    ROW(test_stop_in_the_middle_of_a_fetch),
    ROW(test_memory_is_bounded_with_any_mixture),
};
TEST_MAIN(tests, NULL, NULL)
