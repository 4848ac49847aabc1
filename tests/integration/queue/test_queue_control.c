/* Remote control, word by word: tests/fixtures/control.txt says what a worker answers to each request.
 *
 *     == section                what is told of it stands in the test that runs it
 *     method {arguments}        a request
 *     > answer                  what the worker says, as JSON; a pattern (likeness.h), NODE is the worker's name
 *     > nothing                 it says nothing
 */
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/answers/likeness.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct process worker;
static char node[300];
static int64_t began_us;

static void read_node(void)
{
    redisReply *about = redisCommand(rig.redis, "HVALS logikald.about");
    assert_int_equal(about->elements, 1);
    cJSON *json = cJSON_Parse(about->element[0]->str);
    snprintf(node, sizeof node, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(json, "node")));
    cJSON_Delete(json);
    freeReplyObject(about);
}

static void start(const char *const env[])
{
    rig_open(&rig, NULL);
    began_us = wall_us();
    rig_worker(&rig, &worker, "worker", env);
    WAIT_UNTIL(rig_int(&rig, "PUBSUB NUMPAT") >= 1, 10000);
    read_node();
    freeReplyObject(redisCommand(rig.redis, "SADD _kombu.binding.reply.celery.pidbox %s %s",
                                 "asker\x06\x16\x06\x16"
                                 "answers",
                                 "other\x06\x16\x06\x16"
                                 "others"));
}

FIXTURE(tear_down)
{
    rig_end(&worker);
    rig_close(&rig);
    return 0;
}

/* ---- asking ---- */
static void publish(const char *request)
{
    struct buf message = {0};
    message_wrap(&message, request, strlen(request), "{\"clock\": 1, \"expires\": 0}", "celery.pidbox", "");
    redisReply *reply = redisCommand(rig.redis, "PUBLISH /0.celery.pidbox %b", message.data, message.len);
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
    buf_free(&message);
}

static void ask(const char *method, const char *arguments, const char *to)
{
    struct buf request = {0};
    buf_printf(&request,
               "{\"method\": \"%s\", \"arguments\": %s, %s, \"ticket\": \"the-ticket\", \"reply_to\": {\"exchange\": "
               "\"reply.celery.pidbox\", \"routing_key\": \"asker\"}}",
               method, arguments, to);
    publish(request.data);
    buf_free(&request);
}

/* The answer's text, to be freed; its frame is looked at. */
static char *answer_of(const redisReply *popped)
{
    struct err err = {0};
    cJSON *envelope;
    if (popped->type != REDIS_REPLY_ARRAY) fail_msg("no answer");
    cJSON *body = message_unwrap(popped->element[1]->str, popped->element[1]->len, &envelope, &err);
    if (!body) fail_msg("%s", err.text);
    const cJSON *headers = cJSON_GetObjectItem(envelope, "headers");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(headers, "ticket")), "the-ticket");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(headers, "clock")) > 1);
    assert_non_null(strstr(popped->element[1]->str,
                           "\"delivery_info\": {\"exchange\": \"reply.celery.pidbox\", \"routing_key\": \"asker\"}"));
    assert_int_equal(cJSON_GetArraySize(body), 1);
    assert_string_equal(body->child->string, node);
    char *text = cJSON_PrintUnformatted(body->child);
    cJSON_Delete(body);
    cJSON_Delete(envelope);
    return text;
}

static char *answer(void)
{
    redisReply *popped = redisCommand(rig.redis, "BRPOP answers 60");
    char *text = answer_of(popped);
    freeReplyObject(popped);
    return text;
}

/* Answers come in the order of the requests: a ping that is answered says that nothing came before. */
static void expect_nothing(const char *what)
{
    ask("ping", "{}", "\"destination\": null");
    char *text = answer();
    if (strcmp(text, "{\"ok\":\"pong\"}") != 0) fail_msg("%s: %s", what, text);
    free(text);
}

static void put_node(struct buf *out, const char *wanted)
{
    for (const char *at; (at = strstr(wanted, "NODE")); wanted = at + 4) {
        buf_add(out, wanted, (size_t)(at - wanted));
        buf_str(out, node);
    }
    buf_str(out, wanted);
}

static int compare(int line, const char *request, const char *wanted)
{
    struct buf text = {0};
    if (strcmp(wanted, "nothing") == 0) {
        expect_nothing(request);
        return 0;
    }
    char *said = answer();
    put_node(&text, wanted);
    bool is_same = likeness_holds(text.data, said, began_us);
    if (!is_same) fprintf(stderr, "control.txt:%d, %s: %s instead of %s\n", line, request, said, text.data);
    buf_free(&text);
    free(said);
    return !is_same;
}

/* Asks what stands in this section of the file. */
static void run_section(const char *section)
{
    char *text = support_read_file("tests/fixtures/control.txt"), *rest = text, *line, request[1200] = "";
    bool is_here = false;
    int number = 0, wrong = 0, asked = 0;
    while ((line = strsep(&rest, "\n"))) {
        number++;
        if (strncmp(line, "== ", 3) == 0) is_here = strcmp(line + 3, section) == 0;
        if (!is_here || !*line || *line == '#' || *line == '=') continue;
        if (*line == '>') {
            wrong += compare(number, request, line + 2);
            continue;
        }
        size_t len = strcspn(line, " ");
        struct buf arguments = {0};
        put_node(&arguments, line[len] ? line + len + 1 : "{}");
        snprintf(request, sizeof request, "%.*s", (int)len, line);
        ask(request, arguments.data, "\"destination\": null");
        buf_free(&arguments);
        asked++;
    }
    free(text);
    assert_true(asked > 0);
    if (wrong > 0) fail_msg("%d answers are others", wrong);
}

/* ---- the tests ---- */
static const char *const plain[] = {"WORKER_QUEUES=sync,scheduler", "WORKER_CONCURRENCY=2", "WORKER_GRACE_SECONDS=0",
                                    NULL};

TEST(test_a_worker_that_does_nothing)
{
    start(plain);
    run_section("idle");
    assert_int_equal(rig_int(&rig, "LLEN others"), 0);
    assert_int_equal(rig_int(&rig, "SISMEMBER _kombu.binding.ex rk\x06\x16\x06\x16q2"), 1);
    assert_int_equal(rig_int(&rig, "SISMEMBER _kombu.binding.q3 q3\x06\x16\x06\x16q3"), 1);
    static const char *const queues[] = {"q1", "q2", "q3"};
    for (int i = 2; i >= 0; i--) rig_send(&rig, queues[i], "noop", queues[i], "[]");
    WAIT_UNTIL(rig_has_state(&rig, "q3", "SUCCESS") && rig_has_state(&rig, "q2", "SUCCESS"), 20000);
    assert_int_equal(rig_int(&rig, "LLEN q1"), 1); /* served no more */
}

/* A task runs, one waits for its time; then another runs beside it. */
TEST(test_a_worker_at_work)
{
    start(plain);
    struct message_spec later = {
        .task = "tasks.diagnostics.noop", .id = "later", .queue = "sync", .eta_us = 4070908800000000, .priority = 3};
    rig_send_spec(&rig, &later);
    rig_send(&rig, "sync", "sleep", "one", "[600]");
    WAIT_UNTIL(rig_has_state(&rig, "one", "STARTED") && rig_int(&rig, "ZCARD logikald.scheduled") == 1, 20000);
    char tag[80];
    snprintf(tag, sizeof tag, "%s", rig_text(&rig, "HGET logikald.scheduled.ids later"));
    rig_text(&rig, "ZADD logikald.scheduled 4070908800000 %s", tag);
    run_section("at work");
    rig_send(&rig, "sync", "sleep", "two", "[601]");
    WAIT_UNTIL(rig_has_state(&rig, "two", "STARTED"), 20000);
    run_section("stopped");
    WAIT_UNTIL(rig_has_state(&rig, "one", "REVOKED") && rig_has_state(&rig, "two", "REVOKED"), 20000);
    WAIT_UNTIL(rig_has_state(&rig, "later", "REVOKED") && rig_int(&rig, "HLEN unacked") == 0, 10000);
    run_section("revoked");
}

TEST(test_a_pool_that_follows_the_load)
{
    static const char *const scaling[] = {"WORKER_QUEUES=sync", "WORKER_CONCURRENCY=2", "WORKER_CONCURRENCY_MAX=5",
                                          "WORKER_GRACE_SECONDS=0", NULL};
    start(scaling);
    run_section("autoscale");
}

TEST(test_whom_a_request_is_for)
{
    start(plain);
    struct buf to = {0};
    static const struct {
        const char *to; /* NODE is the worker */
        bool is_heard;
    } rows[] = {
        {"\"destination\": null", true},
        {"\"destination\": []", true},
        {"\"destination\": [\"NODE\"]", true},
        {"\"destination\": [\"nobody\", 5, \"NODE\"]", true},
        {"\"destination\": \"NODE\"", true},
        {"\"destination\": \"nobody\"", false},
        {"\"destination\": [\"nobody\"]", false},
        {"\"destination\": [\"nobody\"], \"pattern\": \"*\", \"matcher\": \"glob\"", false},
        {"\"pattern\": \"*\", \"matcher\": \"glob\"", true},
        {"\"pattern\": \"NODE\", \"matcher\": \"glob\"", true},
        {"\"pattern\": \"nob*\", \"matcher\": \"glob\"", false},
        {"\"pattern\": \"\", \"matcher\": \"glob\"", true},
        {"\"pattern\": \"nob*\", \"matcher\": \"\"", true},
        {"\"pattern\": \"nob*\", \"matcher\": null", true},
        {"\"pattern\": \"wor.*@\", \"matcher\": \"pcre\"", true},
        {"\"pattern\": \"orker\", \"matcher\": \"pcre\"", false},
        {"\"pattern\": \"(\", \"matcher\": \"pcre\"", false},
        {"\"pattern\": \"*\", \"matcher\": \"other\"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_reset(&to);
        put_node(&to, rows[i].to);
        ask("clock", "{}", to.data);
        if (rows[i].is_heard) {
            char *text = answer();
            if (!likeness_holds("{\"clock\":<#>}", text, 0)) fail_msg("%s: %s", to.data, text);
            free(text);
        } else
            expect_nothing(to.data);
    }
    buf_free(&to);
}

/* What is no request, or nobody waits for, is passed over; the worker goes on. */
TEST(test_what_is_no_request)
{
    static const char *const rows[] = {
        "[]",
        "7",
        "{}",
        "{\"method\": 5}",
        "{\"method\": \"ping\"}",
        "{\"method\": \"ping\", \"ticket\": \"t\", \"reply_to\": {\"routing_key\": 5}}",
        "{\"method\": \"ping\", \"reply_to\": {\"routing_key\": \"asker\"}}",
        "{\"method\": \"ping\", \"ticket\": \"t\", \"reply_to\": {\"routing_key\": \"ask\"}}"};
    start(plain);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        publish(rows[i]);
        expect_nothing(rows[i]);
    }
    freeReplyObject(redisCommand(rig.redis, "PUBLISH /0.celery.pidbox nonsense"));
    expect_nothing("nonsense");
    assert_int_equal(process_log_count(&worker, "is no request"), 3);
    assert_int_equal(process_log_count(&worker, "names no method"), 2);
    ask("ping", "{}", "\"destination\": null");
    WAIT_UNTIL(rig_int(&rig, "TTL answers") > 0, 10000);
    assert_true(rig_int(&rig, "TTL answers") <= 60);
}

static bool is_gone(void)
{
    return rig_int(&rig, "EXISTS logikald.workers logikald.registered logikald.about") == 0;
}

/* By which names it is known, what it says of itself, whose messages it takes over; and that it leaves nothing behind.
 */
TEST(test_a_worker_and_its_predecessor)
{
    static const char *const named[] = {"WORKER_QUEUES=sync",         "LOGIKALD_INSTANCE=worker.0",
                                        "LOGIKALD_SUPERVISOR_ID=sup", "LOGIKALD_PREVIOUS_PID=77",
                                        "WORKER_LEASE_SECONDS=12",    NULL};
    char host[256] = "", before[400], wanted[600];
    gethostname(host, sizeof host - 1);
    snprintf(before, sizeof before, "%.40s/sup/worker.0/77", host);
    rig_open(&rig, NULL);
    freeReplyObject(redisCommand(rig.redis, "HSET logikald.registered %s %s", before, "e0 12 5"));
    freeReplyObject(redisCommand(rig.redis, "ZADD logikald.workers 5 %s", before));
    freeReplyObject(redisCommand(rig.redis, "HSET logikald.held.%s e0.1 0sync", before));
    freeReplyObject(redisCommand(rig.redis, "ZADD unacked_index 5 e0.1"));
    freeReplyObject(
        redisCommand(rig.redis, "HSET unacked e0.1 %s",
                     "[{\"body\": \"[[], {}, {}]\", \"content-type\": \"application/json\", \"headers\": {\"task\": "
                     "\"tasks.diagnostics.noop\", \"id\": \"left\"}, \"properties\": {}}, \"\", \"sync\"]"));
    rig_worker(&rig, &worker, "worker", named);
    WAIT_UNTIL(rig_has_state(&rig, "left", "SUCCESS"), 20000);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1 && rig_int(&rig, "HLEN logikald.registered") == 1, 10000);
    read_node();
    snprintf(wanted, sizeof wanted, "worker.0@%s", host);
    assert_string_equal(node, wanted);
    redisReply *id = redisCommand(rig.redis, "ZRANGE logikald.workers 0 -1");
    snprintf(wanted, sizeof wanted, "%.40s/sup/worker.0/%d", host, (int)worker.pid);
    assert_string_equal(id->element[0]->str, wanted);
    redisReply *record = redisCommand(rig.redis, "HGET logikald.registered %s", wanted);
    if (!likeness_holds("<*> 12 <#>", record->str, 0)) fail_msg("%s", record->str);
    redisReply *about = redisCommand(rig.redis, "HGET logikald.about %s", wanted);
    snprintf(wanted, sizeof wanted,
             "{\"node\": \"%s\", \"pid\": %d, \"active\": <#>, \"processed\": <#>, \"concurrency\": 2, \"began\": {}}",
             node, (int)worker.pid);
    if (!likeness_holds(wanted, about->str, 0)) fail_msg("%s", about->str);
    snprintf(wanted, sizeof wanted, "%s%s%s.celery.pidbox", "\x06\x16", "\x06\x16", node);
    redisReply *binding = redisCommand(rig.redis, "SMEMBERS _kombu.binding.celery.pidbox");
    assert_int_equal(binding->elements, 1);
    assert_string_equal(binding->element[0]->str, wanted);
    assert_int_equal(rig_int(&rig, "SISMEMBER _kombu.binding.sync sync\x06\x16\x06\x16sync"), 1);
    redisReply *all[] = {id, record, about, binding};
    for (int i = 0; i < 4; i++) freeReplyObject(all[i]);
    process_stop(&worker);
    assert_true(is_gone());
    assert_int_equal(rig_int(&rig, "EXISTS _kombu.binding.celery.pidbox unacked unacked_index"), 0);
}

#define ROW(name) cmocka_unit_test_teardown(name, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_a_worker_that_does_nothing), ROW(test_a_worker_at_work),   ROW(test_a_pool_that_follows_the_load),
    ROW(test_whom_a_request_is_for),      ROW(test_what_is_no_request), ROW(test_a_worker_and_its_predecessor),
};
TEST_MAIN(tests, NULL, NULL)
