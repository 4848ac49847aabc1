/* The history of tasks in PostgreSQL: every end that is no quick success, whatever it was sent as; what is masked; over
 * the API, with filters, pages and "again"; while PostgreSQL is away; when a worker is killed. Real Redis, PostgreSQL,
 * worker and web. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/task_ends.h"
#include "tests/support/web.h"

#define D "tasks.diagnostics."

static struct rig rig;
static struct web_server web;
static struct process worker;

static void start_worker(void)
{
    static char database[300];
    snprintf(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    const char *const env[] = {database, "TASK_MAX_DELIVERIES=2", "WORKER_LEASE_SECONDS=5", NULL};
    memset(&worker, 0, sizeof worker);
    rig_role(&rig, &worker, "worker", "worker", env);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") > 0, 20000);
}

FIXTURE(set_up)
{
    static char url[160];
    static const char *const safe[] = {"--appendfsync", "always", NULL};
    rig_open(&rig, safe);
    web_servers(&web);
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    const char *const env[] = {url, "RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", NULL};
    web_run(&web, env, true);
    web_log_in(&web);
    start_worker();
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&worker);
    web_end(&web);
    rig_close(&rig);
    return 0;
}

static int64_t rows(const char *condition)
{
    char sql[900];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM task_history WHERE %s", condition);
    return pg_int(&web.pg, sql);
}

static char *get(const char *path)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    if (reply.status != 200) fail_msg("%s: %d %s", path, reply.status, reply.body);
    char *body = strdup(reply.body);
    http_reply_free(&reply);
    return body;
}

static void assert_says(const char *path, const char *words)
{
    char *body = get(path);
    if (!strstr(body, words)) fail_msg("%s: without %s: %s", path, words, body);
    free(body);
}

/* ---- what runs ---- */

/* When it began, unix seconds, as is told of what runs; 0 = it is not told. */
static double began(const char *id)
{
    char *body = get("/api/v1/scheduler/tasks/active");
    cJSON *answer = cJSON_Parse(body), *task;
    double at = 0;
    cJSON_ArrayForEach(task, cJSON_GetObjectItemCaseSensitive(answer, "active_tasks")) {
        const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(task, "id"));
        const cJSON *start = cJSON_GetObjectItemCaseSensitive(task, "time_start");
        assert_non_null(start);
        if (own && strcmp(own, id) == 0 && cJSON_IsNumber(start)) at = start->valuedouble;
    }
    cJSON_Delete(answer);
    free(body);
    return at;
}

static double renewed(void)
{
    redisReply *reply = redisCommand(rig.redis, "ZRANGE logikald.workers 0 0 WITHSCORES");
    assert_true(reply && reply->type == REDIS_REPLY_ARRAY);
    double score = reply->elements == 2 ? strtod(reply->element[1]->str, NULL) : 0;
    freeReplyObject(reply);
    return score;
}

TEST(test_when_a_task_began_stays_though_its_lease_is_renewed)
{
    int64_t sent_ms = wall_ms();
    rig_send(&rig, "sync", D "sleep", "runs-on", "[600]");
    WAIT_UNTIL(began("runs-on") > 0, 30000);
    double first = began("runs-on"), told_at = (double)wall_ms() / 1000, last = renewed();
    assert_true(first * 1000 >= (double)sent_ms - 50 && first <= told_at - 0.4);
    for (int i = 0; i < 2; i++, last = renewed()) WAIT_UNTIL(renewed() != last, 30000);
    assert_true(fabs(began("runs-on") - first) < 0.1);
    assert_int_equal(web_status(&web, "DELETE", "/api/v1/scheduler/tasks/runs-on", web.admin, NULL), 200);
    WAIT_UNTIL(rows("id = 'runs-on'") == 1, 20000);
    WAIT_UNTIL(began("runs-on") == 0, 20000);
    pg_exec(&web.pg, "DELETE FROM task_history WHERE id = 'runs-on'");
}

/* A task's result as Python stores it, shown as it is and as JSON that all can read. */
TEST(test_numbers_of_results_are_those_that_were_stored)
{
    freeReplyObject(redisCommand(rig.redis, "SET celery-task-meta-exact %s",
                                 "{\"status\": \"SUCCESS\", \"result\": {\"n\": [1152921504606846977, "
                                 "0.30000000000000004, 1.0, NaN, -Infinity]}, \"task_id\": \"exact\"}"));
    assert_says("/api/v1/scheduler/tasks/exact",
                "\"result\":{\"n\":[1152921504606846977,0.30000000000000004,1.0,null,null]}");
    assert_says("/ui/tasks/exact", "1152921504606846977");
    assert_says("/ui/tasks/exact", "0.30000000000000004");
    freeReplyObject(
        redisCommand(rig.redis, "SET celery-task-meta-large %s", "{\"status\": \"SUCCESS\", \"result\": \""));
    assert_int_equal(rig_int(&rig, "SETRANGE celery-task-meta-large 5000000 x"), 5000001);
    assert_says("/api/v1/scheduler/tasks/large", "too much to be shown: the result has 5000001 bytes");
    assert_says("/ui/tasks/large", "too much to be shown: the result has 5000001 bytes");
}

/* A mark that begins with a zero was noted by the beat when it sent nothing. */
TEST(test_what_was_never_sent_has_no_last_run)
{
    rig_text(&rig, "HSET logikald.beat cleanup-old-tasks 01780000000000 smart-sync-scheduler 1780000001000");
    assert_says("/api/v1/admin/schedule", "\"no_run_since\":\"2026-05-28T20:26:40");
    assert_says("/api/v1/admin/schedule", "\"last_run\":\"2026-05-28T20:26:41");
    assert_says("/ui/schedule", "none since <time datetime=\"2026-05-28T20:26:40");
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/schedule/cleanup-old-tasks/run", web.admin, "{}"), 200);
    assert_says("/api/v1/admin/schedule", "\"last_run_by\":\"admin\"");
    assert_says("/ui/schedule", "by <bdi>admin</bdi></span>");
    rig_text(&rig, "HSET logikald.beat.by_hand smart-sync-scheduler 1780000000500"); /* before the schedule's own */
    assert_says("/api/v1/admin/schedule", "\"last_run\":\"2026-05-28T20:26:41");
    rig_text(&rig, "DEL logikald.beat logikald.beat.by_hand");
}

/* ---- every end ---- */

static void fail_row(const char *id, const char *wanted)
{
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT row_to_json(h) FROM task_history h WHERE id = $id$%s$id$", id);
    char *row = pg_value(&web.pg, sql), *log = process_log(&worker);
    fail_msg("%s: not %s, but %s; the worker: %s", id, wanted, row, log);
}

/* Both end in Redis, in no worker's hands. */
static void cancel_what_waits(void)
{
    cJSON *list = cJSON_Parse("[1]");
    struct message_spec later = {
        .task = D "noop", .id = "scheduled", .queue = "sync", .args = list, .eta_us = 4102444800000000};
    rig_send_spec(&rig, &later);
    cJSON_Delete(list);
    WAIT_UNTIL(rig_int(&rig, "HEXISTS logikald.scheduled.ids scheduled") == 1, 20000);
    assert_int_equal(web_status(&web, "DELETE", "/api/v1/scheduler/tasks/scheduled", web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/queues/sync/pause", web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/queues/snyc/pause", web.admin, NULL), 404);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/queues/snyc/resume", web.admin, NULL), 404);
    assert_int_equal(web_status(&web, "DELETE", "/api/v1/admin/queues/snyc/messages", web.admin, NULL), 404);
    assert_int_equal(web_status(&web, "DELETE", "/api/v1/admin/queues/sqlite_parser/messages", web.admin, NULL), 200);
    rig_send(&rig, "sync", D "noop", "swept", "[]");
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/tasks/bulk", web.admin,
                                "{\"list\":\"waiting\",\"action\":\"cancel\",\"q\":\"swept\"}"),
                     200);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/queues/sync/resume", web.admin, NULL), 200);
}

TEST(test_every_end_that_is_no_quick_success_is_a_row)
{
    char sql[800];
    assert_int_equal(web_status(&web, "DELETE", "/api/v1/scheduler/tasks/revoked", web.admin, NULL), 200);
    WAIT_UNTIL(process_logged(&worker, "remote control: revoked"),
               20000); /* a quick task might run before it is heard */
    rig_send(&rig, "sync", D "noop", "revoked", "[]");

    cancel_what_waits();
    task_ends_send(&rig);

    for (const struct task_end *end = task_ends; end->id; end++) {
        int64_t deadline = support_patience(15000);
        snprintf(sql, sizeof sql, "id = $id$%s$id$ AND state = '%s' AND arguments = '%s' AND (%s)", end->id, end->state,
                 end->arguments, end->more);
        while (rows(sql) != 1) {
            if (support_late(deadline)) fail_row(end->id, sql);
            support_pause();
        }
    }
    WAIT_UNTIL(rows("state = 'dead' AND id NOT IN ('packed', 'unknown', 'crashing')") == 2, 20000);
    assert_int_equal(rows("name = '" D "noop' AND state = 'success' AND run_ms <= 2 AND deliveries = 1"), 0);
    assert_int_equal(rows("worker NOT LIKE '%@%' OR ended_at > now() + interval '1 minute' OR received_at > ended_at "
                          "+ interval '1 second'"),
                     0);
}

TEST(test_tries_of_one_task_stand_together)
{
    char *tries = pg_value(&web.pg, "SELECT string_agg(state || try || delivery, ' ' ORDER BY ended_at)"
                                    " FROM task_tries WHERE task_id = 'crashing'");
    assert_string_equal(tries, "lost11 lost12 dead12");
    free(tries);
    tries = pg_value(&web.pg, "SELECT string_agg(state || try, ' ' ORDER BY ended_at) FROM task_tries"
                              " WHERE task_id = 'retried'");
    assert_string_equal(tries, "retry1 failure2");
    free(tries);
    assert_says("/api/v1/tasks/history/crashing", "died of signal 9");
    assert_says("/api/v1/tasks/history/retried", "\"state\" : \"retry\", \"try\" : 1");
}

/* ---- over the API ---- */

static int count_of(const char *query)
{
    char path[300];
    snprintf(path, sizeof path, "/api/v1/tasks/history%s", query);
    char *body = get(path);
    cJSON *out = cJSON_Parse(body);
    int count = cJSON_GetArraySize(cJSON_GetObjectItem(out, "tasks"));
    cJSON_Delete(out);
    free(body);
    return count;
}

TEST(test_filters_and_pages)
{
    static const char *const none[] = {"?until=2020-01-01T00:00:00Z",
                                       "?since=2019-01-01T00:00:00Z&until=2019-01-01T00:00:00Z",
                                       "?queue=parser",
                                       "?name=nobody%27s",
                                       "?text=100%25",
                                       "?state=retry"};
    int all = count_of(""), seen = 0;
    assert_int_equal(all, rows("true"));
    assert_int_equal(count_of("?state=failure"), rows("state = 'failure'"));
    assert_int_equal(count_of("?name=SLEEP&state=success"), 1);
    assert_int_equal(count_of("?text=K%C3%BCche"), 1);
    assert_int_equal(count_of("?text=somebody_else&queue=sync&since=2020-01-01T00:00:00Z"), 1);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_int_equal(count_of(none[i]), 0);
    char query[120] = "?limit=3", *next = NULL;
    do {
        char path[200];
        snprintf(path, sizeof path, "/api/v1/tasks/history%s", query);
        char *body = get(path);
        cJSON *out = cJSON_Parse(body);
        seen += cJSON_GetArraySize(cJSON_GetObjectItem(out, "tasks"));
        next = cJSON_GetStringValue(cJSON_GetObjectItem(out, "next"));
        snprintf(query, sizeof query, "?limit=3&before=%s", next ? next : "");
        cJSON_Delete(out);
        free(body);
    } while (strlen(query) > strlen("?limit=3&before=") && seen <= all);
    assert_int_equal(seen, all);
    static const char *const wrong[] = {"?before=x",
                                        "?before=1-",
                                        "?before=1-2-3",
                                        "?state=lots",
                                        "?limit=0",
                                        "?since=yesterday",
                                        "?since=2100-01-01T00:00:00Z",
                                        "?before=99999999999999999999-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[120];
        snprintf(path, sizeof path, "/api/v1/tasks/history%s", wrong[i]);
        assert_int_equal(web_status(&web, "GET", path, web.admin, NULL), 422);
    }
    assert_int_equal(web_status(&web, "GET", "/api/v1/tasks/history/quick", web.admin, NULL), 404);
}

TEST(test_a_task_is_sent_again_with_the_same_arguments)
{
    static const char *const refused[][2] = {
        {"secret", "hold a secret"}, {"large", "larger than"}, {"packed", "compressed"}};
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/tasks/exact/again", web.admin, NULL);
    assert_int_equal(reply.status, 200);
    char *id = web_member(reply.body, "task_id"), condition[300];
    snprintf(condition, sizeof condition,
             "id = '%s' AND parent_id = 'exact' AND args = (SELECT args FROM task_history WHERE id = 'exact')", id);
    WAIT_UNTIL(rows(condition) == 1, 20000);
    assert_says("/api/v1/tasks/history/exact", id);
    http_reply_free(&reply);
    free(id);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[120];
        snprintf(path, sizeof path, "/api/v1/admin/tasks/%s/again", refused[i][0]);
        reply = web_call(&web, "POST", path, web.admin, NULL);
        if (reply.status != 409 || !strstr(reply.body, refused[i][1]))
            fail_msg("%s: %d %s", path, reply.status, reply.body);
        http_reply_free(&reply);
    }
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/tasks/nobody/again", web.admin, NULL), 404);
}

TEST(test_old_ones_are_swept)
{
    pg_exec(&web.pg, "UPDATE task_history SET ended_at = now() - interval '31 days' WHERE state = 'dead';"
                     "UPDATE task_tries SET ended_at = ended_at - interval '31 days' WHERE state IN ('dead', 'lost')");
    int64_t left = rows("state <> 'dead'");
    rig_send(&rig, "scheduler", "tasks.scheduler_tasks.cleanup_old_tasks", "sweep", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "sweep", "SUCCESS"), 30000);
    assert_int_equal(rows("state = 'dead'"), 0);
    assert_true(rows("state <> 'dead'") >= left);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM task_tries WHERE state IN ('dead', 'lost')"), 0);
}

/* ---- PostgreSQL refuses, or is away ---- */

static int64_t losses(void)
{
    return pg_int(&web.pg, "SELECT coalesce(sum(count), 0) FROM task_history_losses");
}

TEST(test_one_that_postgresql_refuses_is_counted_and_stops_no_other)
{
    int64_t before = losses();
    pg_exec(&web.pg, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE"
                     " invalid_text_representation; END $$; CREATE TRIGGER refuse BEFORE INSERT ON task_history"
                     " FOR EACH ROW WHEN (NEW.id LIKE 'refused%') EXECUTE FUNCTION refuse()");
    rig_send(&rig, "sync", D "fail", "first", "[]");
    rig_send(&rig, "sync", D "fail", "refused1", "[]");
    rig_send(&rig, "sync", D "fail", "second", "[]");
    rig_send(&rig, "sync", D "fail", "refused2", "[]");
    rig_send(&rig, "sync", D "fail", "third", "[]");

    WAIT_UNTIL(rows("id IN ('first', 'second', 'third')") == 3, 60000);
    WAIT_UNTIL(losses() == before + 2, 60000);
    assert_int_equal(rows("id LIKE 'refused%'"), 0);
    pg_exec(&web.pg, "DROP TRIGGER refuse ON task_history; DROP FUNCTION refuse");
    rig_send(&rig, "sync", D "fail", "refused3", "[]");
    WAIT_UNTIL(rows("id = 'refused3'") == 1, 60000);
}

TEST(test_while_postgresql_is_away_tasks_go_on_and_what_is_lost_is_counted)
{
    char id[32];
    pg_kill(&web.pg);
    rig_send(&rig, "sync", D "fail", "kept", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "kept", "FAILURE"), 20000);
    for (int i = 0; i < 400; i++) {
        snprintf(id, sizeof id, "many%d", i);
        task_ends_send_large(&rig, id, 9000);
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 60000);
    WAIT_UNTIL(process_logged(&worker, "the history of"), 20000);

    pg_restart(&web.pg);

    WAIT_UNTIL(rows("id = 'kept'") == 1, 60000);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT (SELECT count(*) FROM task_history WHERE id LIKE 'many%') + coalesce((SELECT"
                               " sum(count) FROM task_history_losses), 0)") == 400,
               60000);
    assert_true(pg_int(&web.pg, "SELECT sum(count) FROM task_history_losses") > 0);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/tasks/history", web.admin, NULL) == 200, 20000);
    assert_says("/api/v1/tasks/history?limit=1", "\"lost\" : {\"count\" : ");
    assert_int_equal(count_of("?text=xxxx&limit=1"), 1);
}

/* ---- a worker that ends ---- */

TEST(test_a_worker_that_stops_writes_all_and_a_killed_one_loses_only_its_newest)
{
    char id[32];
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "last%d", i);
        rig_send(&rig, "sync", D "fail", id, "[]");
    }
    WAIT_UNTIL(rig_left(&rig) == 0, 20000);
    process_stop(&worker);
    assert_int_equal(rows("id LIKE 'last%'"), 8);

    start_worker();
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "killed%d", i);
        rig_send(&rig, "sync", D "sleep", id, "[0.03]");
    }
    WAIT_UNTIL(rows("id LIKE 'killed%'") > 5, 30000);
    process_signal(&worker, SIGKILL);
    process_wait(&worker, 20000);
    char *before = pg_value(&web.pg, "SELECT max(ended_at) AT TIME ZONE 'UTC' FROM task_history");
    start_worker();
    WAIT_UNTIL(rig_left(&rig) == 0, 60000);
    process_stop(&worker);

    for (int i = 0; i < 60; i++) {
        char condition[60];
        snprintf(id, sizeof id, "killed%d", i);
        snprintf(condition, sizeof condition, "id = '%s'", id);
        if (rows(condition) == 1) continue;
        cJSON *result = cJSON_Parse(rig_text(&rig, "GET celery-task-meta-%s", id));
        char *done = cJSON_GetStringValue(cJSON_GetObjectItem(result, "date_done")), sql[300];
        assert_non_null(done);
        snprintf(sql, sizeof sql, "SELECT ('%s'::timestamp > '%s'::timestamp - interval '1 second')::int", done,
                 before);
        assert_int_equal(pg_int(&web.pg, sql), 1);
        cJSON_Delete(result);
    }
    free(before);
    start_worker();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_a_task_began_stays_though_its_lease_is_renewed),
        cmocka_unit_test(test_numbers_of_results_are_those_that_were_stored),
        cmocka_unit_test(test_what_was_never_sent_has_no_last_run),
        cmocka_unit_test(test_every_end_that_is_no_quick_success_is_a_row),
        cmocka_unit_test(test_tries_of_one_task_stand_together),
        cmocka_unit_test(test_filters_and_pages),
        cmocka_unit_test(test_a_task_is_sent_again_with_the_same_arguments),
        cmocka_unit_test(test_old_ones_are_swept),
        cmocka_unit_test(test_a_worker_that_stops_writes_all_and_a_killed_one_loses_only_its_newest),
        cmocka_unit_test(test_while_postgresql_is_away_tasks_go_on_and_what_is_lost_is_counted),
        cmocka_unit_test(test_one_that_postgresql_refuses_is_counted_and_stops_no_other),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
