/* How tasks end, word by word: tests/fixtures/ends.txt and canvas.txt have what is sent, and what stands in Redis and
 * is heard by monitors after that. Lines of its own, beside those of redis_cases.h:
 *
 *     send ID TASK BODY [| {headers}]  a message for the worker; "" as the id: none; TASK without a dot: a diagnostic
 * one events ID                        the task's events until now, as JSON without what all of them have read LIST
 * messages: what the worker has sent, the oldest first
 */
#include "conf/clock.h"
#include "tests/support/redis_cases.h"

static struct rig rig;
static struct process worker;
static redisContext *ear;
static cJSON *events;                     /* all that were heard */
static double tasks_clock, workers_clock; /* of the last one: what tells of tasks is gathered, of workers it is not */

/* ---- what monitors hear ---- */
/* What all events have, and is the same in none: it is looked at, and left out. */
static void take_event(cJSON *event, double *clock_was)
{
    static const char *const common[] = {"hostname", "utcoffset", "pid", "clock", "timestamp"};
    double now = (double)wall_ms() / 1000, at = cJSON_GetNumberValue(cJSON_GetObjectItem(event, "timestamp"));
    double clock = cJSON_GetNumberValue(cJSON_GetObjectItem(event, "clock"));
    assert_true(at > now - 600 && at < now + 1);
    assert_true(clock > *clock_was);
    *clock_was = clock;
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(event, "pid")) == worker.pid);
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(event, "hostname")), "@"));
    assert_true(cJSON_IsNumber(cJSON_GetObjectItem(event, "utcoffset")));
    for (int i = 0; i < 5; i++) cJSON_DeleteItemFromObject(event, common[i]);
    cJSON_AddItemToArray(events, event);
}

static void take_message(const redisReply *r)
{
    struct err err = {0};
    cJSON *envelope, *body;
    double *clock_was = r->elements == 4 && strstr(r->element[2]->str, "/task.") ? &tasks_clock : &workers_clock;
    if (r->elements != 4 || !strstr(r->element[2]->str, "celeryev/") || r->element[3]->len == 0) return;
    body = message_unwrap(r->element[3]->str, r->element[3]->len, &envelope, &err);
    if (!body) fail_msg("%s: %s", r->element[2]->str, err.text);
    if (cJSON_IsArray(body)) {
        assert_non_null(strstr(r->element[2]->str, "/task.multi"));
        while (body->child) take_event(cJSON_DetachItemFromArray(body, 0), clock_was);
        cJSON_Delete(body);
    } else
        take_event(body, clock_was);
    cJSON_Delete(envelope);
}

static void hear(void)
{
    freeReplyObject(redisCommand(rig.redis, "PUBLISH that-is-all x"));
    for (bool is_over = false; !is_over;) {
        redisReply *r = NULL;
        assert_int_equal(redisGetReply(ear, (void **)&r), REDIS_OK);
        is_over = r->elements == 4 && strcmp(r->element[2]->str, "that-is-all") == 0;
        take_message(r);
        freeReplyObject(r);
    }
}

static void put_events(const char *id, struct buf *out)
{
    const cJSON *event;
    hear();
    buf_char(out, '[');
    cJSON_ArrayForEach(event, events) {
        const char *uuid = cJSON_GetStringValue(cJSON_GetObjectItem(event, "uuid"));
        if (!uuid || strcmp(uuid, id) != 0) continue;
        char *text = cJSON_PrintUnformatted(event);
        buf_printf(out, "%s%s", out->len > 1 ? ", " : "", text);
        free(text);
    }
    buf_char(out, ']');
}

/* ---- messages ---- */
static void send(char *line)
{
    char *id = strsep(&line, " "), *task = strsep(&line, " "), *body = line;
    char *headers = strstr(line, " | ");
    if (headers) {
        *headers = '\0';
        headers += 3;
    }
    struct buf out = {0};
    buf_str(&out, "{\"content-type\": \"application/json\", \"properties\": {\"delivery_tag\": \"x\"}, \"body\": ");
    buf_json_string(&out, body, strlen(body));
    buf_printf(&out, ", \"headers\": {\"lang\": \"py\", \"task\": \"%s%s\"",
               strchr(task, '.') ? "" : "tasks.diagnostics.", task);
    if (strcmp(id, "\"\"") != 0) buf_json_member(&out, "id", id);
    if (headers) buf_printf(&out, ", %.*s", (int)strlen(headers) - 2, headers + 1);
    buf_str(&out, "}}");
    cJSON *json = cJSON_Parse(out.data);
    if (!json) fail_msg("no JSON: %s", out.data);
    cJSON_Delete(json);
    rig_push(&rig, "sync", out.data, out.len);
    buf_free(&out);
}

static void put_message(const char *raw, size_t len, struct buf *out)
{
    struct err err = {0};
    struct message m;
    if (message_decode(raw, len, &m, &err) != 0) fail_msg("%s: %s", raw, err.text);
    buf_printf(out, "{%s %s %s", m.task, m.id, m.body);
    if (m.root_id) buf_printf(out, " root=%s", m.root_id);
    if (m.parent_id) buf_printf(out, " parent=%s", m.parent_id);
    if (m.group) buf_printf(out, " group=%s", m.group);
    if (m.retries) buf_printf(out, " retries=%d", m.retries);
    if (m.eta_us) buf_printf(out, " eta=%lld", (long long)m.eta_us / 1000);
    if (m.expires_us) buf_printf(out, " expires=%lld", (long long)m.expires_us / 1000);
    if (m.name != m.task) buf_printf(out, " name=%s", m.name);
    if (m.priority) buf_printf(out, " priority=%d", m.priority);
    if (m.hard_limit_ms) buf_printf(out, " hard=%lld", (long long)m.hard_limit_ms);
    if (m.soft_limit_ms) buf_printf(out, " soft=%lld", (long long)m.soft_limit_ms);
    if (m.ignores_result) buf_str(out, " ignored");
    struct buf canvas = {0};
    message_canvas(&m, &canvas);
    if (canvas.len > 0) buf_printf(out, " canvas=%s", canvas.data);
    buf_free(&canvas);
    buf_char(out, '}');
    message_free(&m);
}

static void put_list(const char *list, struct buf *out)
{
    redisReply *all = redisCommand(rig.redis, "LRANGE %s 0 -1", list);
    for (size_t i = all->elements; i-- > 0;) put_message(all->element[i]->str, all->element[i]->len, out);
    buf_str(out, all->elements ? "" : "none");
    freeReplyObject(all);
}

static bool own_line(const char *line, struct buf *out)
{
    char copy[4000];
    snprintf(copy, sizeof copy, "%s", line);
    if (strncmp(line, "send ", 5) == 0) {
        send(copy + 5);
        buf_str(out, "sent");
    } else if (strncmp(line, "events ", 7) == 0)
        put_events(line + 7, out);
    else if (strncmp(line, "read ", 5) == 0)
        put_list(line + 5, out);
    else
        return false;
    return true;
}

static bool has_beaten_twice(void)
{
    hear();
    return cJSON_GetArraySize(events) >= 2;
}

FIXTURE(set_up)
{
    static const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_CONCURRENCY=2", "WORKER_GRACE_SECONDS=0",
                                      "TASK_MAX_DELIVERIES=2", NULL};
    events = cJSON_CreateArray();
    rig_open(&rig, (const char *const[]){"--hash-max-listpack-value", "1000000", NULL});
    ear = redisConnect("127.0.0.1", rig.server.port);
    redisSetTimeout(ear, (struct timeval){.tv_sec = 60});
    freeReplyObject(redisCommand(ear, "PSUBSCRIBE *"));
    rig_worker(&rig, &worker, "worker", env);
    WAIT_UNTIL(has_beaten_twice(), 20000); /* it knows that somebody listens when the second comes */
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&worker);
    rig_close(&rig);
    cJSON_Delete(events);
    redisFree(ear);
    return 0;
}

static void run(const char *path)
{
    struct redis_cases cases = {.rig = &rig, .extra = own_line};
    redis_cases_run(&cases, path);
}

TEST(test_ends)
{
    run("tests/fixtures/ends.txt");
}

/* What signatures become: tests/fixtures/canvas.txt. */
TEST(test_canvas)
{
    run("tests/fixtures/canvas.txt");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ends),
    cmocka_unit_test(test_canvas),
};
TEST_MAIN(tests, set_up, tear_down)
