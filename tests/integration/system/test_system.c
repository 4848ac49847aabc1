/* The whole system, from the tick of beat to the rows in PostgreSQL and the result in Redis: what an operator sees when
 * everything is there, when the master switch is off, when it is turned by a reload, and when the file is wrong. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "tests/support/sync_truth.h"
#include "tests/support/system.h"

static struct system sys;

FIXTURE(start_servers)
{
    static const char *const tree[] = {
        "--directories",      "4",    "--depth", "2",  "--projects", "5", "--phases", "2", "--elevations", "50",
        "--total-elevations", "2000", "--seed",  "11", NULL};
    system_servers(&sys, tree);
    return 0;
}

FIXTURE(end_servers)
{
    system_end(&sys);
    return 0;
}

static bool all_synced(void)
{
    return pg_int(&sys.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                           "('directory','project','phase','elevation') AND last_sync IS NOT NULL") == 4;
}

static void assert_database_equals_upstream(void)
{
    struct sync_world world = {.pg = sys.pg, .sim = sys.sim};
    assert_truth(&world, false);
}

static void assert_result_is_stored_and_expires(void)
{
    char *key = redis_cli(&sys.redis, "--raw eval \"for _, k in ipairs(redis.call('keys', 'celery-task-meta-*')) do if "
                                      "string.find(redis.call('get', k), 'elevation') then return k end end\" 0");
    key[strcspn(key, "\n")] = 0;
    assert_memory_equal(key, "celery-task-meta-", 17);
    char command[256];
    snprintf(command, sizeof command, "ttl %.100s", key);
    char *ttl = redis_cli(&sys.redis, command);
    assert_in_range(atoi(ttl), 1, 3600);
    snprintf(command, sizeof command, "--raw get %.100s", key);
    char *text = redis_cli(&sys.redis, command);
    cJSON *result = cJSON_Parse(text);
    assert_non_null(result);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(result, "status")), "SUCCESS");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetObjectItem(result, "result"), "success")));
    cJSON_Delete(result);
    free(text);
    free(ttl);
    free(key);
}

static int calls_of_elevations(void)
{
    char *text = sim_get(&sys.sim, "stats");
    cJSON *stats = cJSON_Parse(text);
    assert_non_null(stats);
    cJSON *calls = cJSON_GetObjectItem(stats, "calls");
    int n = 0;
    for (cJSON *c = calls ? calls->child : NULL; c; c = c->next)
        if (strstr(c->string, "elevations")) n += c->valueint;
    cJSON_Delete(stats);
    free(text);
    return n;
}

/* Waits for one more scheduler task to be done after this call. */
static void wait_for_a_tick(void)
{
    int64_t seen = pg_int(&sys.pg, "SELECT 0");
    char *before = redis_cli(&sys.redis, "--raw dbsize");
    seen = atoll(before);
    free(before);
    for (int64_t deadline = support_deadline(20000);;) {
        char *now = redis_cli(&sys.redis, "--raw dbsize");
        bool is_more = atoll(now) >= seen + 2;
        free(now);
        if (is_more) return;
        if (support_late(deadline)) fail_msg("no further result appeared in Redis");
        support_pause();
    }
}

TEST(test_scheduled_sync_flows_from_tick_to_rows_and_result)
{
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=True", "SYNC_PARTS_LISTS=false", NULL};
    system_run(&sys, "", on);

    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    WAIT_UNTIL(all_synced(), 120000);

    assert_int_equal(pg_int(&sys.pg, "SELECT count(*) FROM elevations"), 2000);
    assert_database_equals_upstream();
    assert_result_is_stored_and_expires();
    assert_true(pg_int(&sys.pg, "SELECT count(*) FROM sync_logs WHERE status = 'completed'") >= 4);

    int calls = calls_of_elevations();
    wait_for_a_tick();
    assert_int_equal(calls_of_elevations(), calls); /* nothing is due: nothing is fetched again */

    system_stop(&sys);
    char *unacked = redis_cli(&sys.redis, "--raw hlen unacked");
    assert_int_equal(atoi(unacked), 0);
    free(unacked);
    char *leaked = sim_get(&sys.sim, "stats");
    cJSON *stats = cJSON_Parse(leaked);
    assert_int_equal(cJSON_GetObjectItem(stats, "open_sessions")->valueint, 0);
    cJSON_Delete(stats);
    free(leaked);
}

TEST(test_changed_elevations_are_fetched_again_when_due)
{
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=1", "SYNC_PARTS_LISTS=false", NULL};
    int64_t newest = pg_int(&sys.pg, "SELECT extract(epoch FROM max(api_changed_date))::bigint FROM elevations");
    sim_post(&sys.sim, "change", "{\"type\":\"elevation\",\"count\":10}");
    pg_exec(&sys.pg, "UPDATE object_sync_configs SET last_sync = now() - interval '1 day'");
    system_run(&sys, "", on);

    char changed[160];
    snprintf(changed, sizeof changed,
             "SELECT count(*) FROM elevations WHERE extract(epoch FROM api_changed_date)::bigint > %lld",
             (long long)newest);
    WAIT_UNTIL(pg_int(&sys.pg, changed) == 10, 60000);
    WAIT_UNTIL(all_synced() && pg_int(&sys.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type = "
                                               "'elevation' AND last_sync > now() - interval '5 minutes'") == 1,
               60000);
    assert_database_equals_upstream();
    system_stop(&sys);
}

/* The bearer of a session, as a header. */
static void log_in(char *header, size_t size)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char url[128];
    snprintf(url, sizeof url, "%s/api/v1/admin/login", sys.url);
    struct http_reply reply =
        http_request("POST", url, headers, "{\"username\":\"admin\",\"password\":\"test-admin-password\"}");
    cJSON *out = cJSON_Parse(reply.body);
    assert_int_equal(reply.status, 200);
    snprintf(header, size, "Authorization: Bearer %s", cJSON_GetStringValue(cJSON_GetObjectItem(out, "access_token")));
    cJSON_Delete(out);
    http_reply_free(&reply);
}

/* ---- what the pages tell the supervisor ---- */

static void assert_told(const char *header, const char *method, const char *path, int status, const char *said)
{
    char url[300];
    snprintf(url, sizeof url, "%s%s", sys.url, path);
    struct http_reply reply = http_request(method, url, (const char *const[]){header, NULL}, NULL);
    if (reply.status != status || !strstr(reply.body, said))
        fail_msg("%s: %d, without \"%s\": %.3000s", path, reply.status, said, reply.body);
    http_reply_free(&reply);
}

/* Commands for it, and the last lines of a child, from a level on. */
static void assert_pages_reach_the_supervisor(void)
{
    char header[300];
    log_in(header, sizeof header);
    assert_told(header, "POST", "/api/v1/admin/processes/nobody/restart", 409, "nobody");
    assert_told(header, "POST", "/api/v1/admin/processes/web/jump", 404, "No such command");
    assert_told(header, "POST", "/api/v1/admin/reload", 200, "\"success\":true");
    assert_told(header, "GET", "/ui/system?log=web", 200, "<span class=\"line info\">");
    assert_told(header, "GET", "/ui/system?log=web&level=critical", 200, "It has written nothing of this level");
    assert_told(header, "GET", "/ui/system?log=nobody", 200, "<p class=\"notice warn\">");
}

TEST(test_flag_off_serves_without_worker_and_beat_and_reload_turns_it)
{
    system_run(&sys, "sync = { background_enabled = false; };\n", NULL);
    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    WAIT_UNTIL(process_logged(&sys.logikald, "Background sync is disabled, skipping worker and beat"), 10000);
    assert_int_equal(system_count(&sys, "worker"), 0);
    assert_int_equal(system_count(&sys, "beat"), 0);
    WAIT_UNTIL(system_child(&sys, "web") != 0, 10000); /* told in the snapshot, a moment later */
    assert_pages_reach_the_supervisor();
    int web = system_child(&sys, "web");

    system_write_config(&sys, "sync = { background_enabled = true; };\n");
    process_signal(&sys.logikald, SIGHUP);
    WAIT_UNTIL(system_child(&sys, "worker") && system_child(&sys, "beat"), 30000);

    system_write_config(&sys, "sync = { background_enabled = maybe; };\n");
    process_signal(&sys.logikald, SIGHUP);
    WAIT_UNTIL(process_logged(&sys.logikald, ".cfg:1"), 10000);
    assert_true(system_child(&sys, "worker") != 0);

    system_write_config(&sys, "sync = { background_enabled = false; };\n");
    process_signal(&sys.logikald, SIGHUP);
    WAIT_UNTIL(system_count(&sys, "worker") == 0 && system_count(&sys, "beat") == 0, 30000);
    assert_int_equal(system_child(&sys, "web"), web);
    system_stop(&sys);
}

/* ---- web processes that take the place of others ---- */

/* What /scheduler/status says, which needs Redis. */
static int ask_of_queue(const char *header)
{
    char url[128];
    snprintf(url, sizeof url, "%s/api/v1/scheduler/status", sys.url);
    struct http_reply reply = http_request("GET", url, (const char *const[]){header, NULL}, NULL);
    int status = reply.status;
    bool is_told = status != 503 || (strcasestr(reply.headers, "Retry-After:") && strstr(reply.body, "Redis"));
    if (!is_told) fail_msg("%d %s %s", status, reply.headers, reply.body);
    http_reply_free(&reply);
    return status;
}

static void replace_web(int number)
{
    char config[100];
    snprintf(config, sizeof config, "http = { rate_limit_per_minute = %d; };\n", 100000 + number);
    system_write_config(&sys, config);
    process_signal(&sys.logikald, SIGHUP);
}

TEST(test_a_new_web_takes_requests_when_it_has_tried_redis)
{
    static const char *const off[] = {"BACKGROUND_SYNC_ENABLED=false", NULL};
    char header[300];
    system_run(&sys, "", off);
    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    WAIT_UNTIL(system_child(&sys, "web") != 0, 10000);
    log_in(header, sizeof header);
    WAIT_UNTIL(ask_of_queue(header) == 200, 10000);
    int web = system_child(&sys, "web");

    free(redis_cli(&sys.redis, "client pause 1500 all")); /* it takes a while to answer the new one, too */
    replace_web(1);

    for (int64_t deadline = support_deadline(60000); system_child(&sys, "web") == web || !system_child(&sys, "web");) {
        assert_int_equal(ask_of_queue(header), 200);
        if (support_late(deadline)) fail_msg("web was not replaced");
        support_pause();
    }
    for (int i = 0; i < 20; i++) assert_int_equal(ask_of_queue(header), 200);

    /* One that answers nobody stops no replacement, and is told as what is away. */
    web = system_child(&sys, "web");
    process_signal(&sys.redis.process, SIGSTOP);
    replace_web(2);
    WAIT_UNTIL(system_child(&sys, "web") != web && system_child(&sys, "web") != 0, 60000);
    WAIT_UNTIL(process_logged(&sys.logikald, "serving without waiting for it"), 5000);
    assert_int_equal(system_health(&sys), 200);
    assert_int_equal(ask_of_queue(header), 503);
    process_signal(&sys.redis.process, SIGCONT);
    WAIT_UNTIL(ask_of_queue(header) == 200, 30000);
    system_stop(&sys);
}

TEST(test_bad_configuration_is_refused_at_start)
{
    static const struct {
        const char *env, *file, *says;
    } table[] = {
        {"PORT=80o1", "", "environment PORT"},
        {"BACKGROUND_SYNC_ENABLED=maybe", "", "expects true or false"},
        {"REDIS_URL=${logikal-redis.DATABASE_URL}", "sync = { background_enabled = true; };", "placeholder"},
        {"X=1", "http = {\n prot = 1;\n};\n", ".cfg:2: unknown setting http.prot"},
        {"ENVIRONMENT=production", "",
         "holds a word of examples, which anybody would try; JWT_SECRET_KEY is not set; ADMIN_PASSWORD is not set"},
    };
    char path[300], says[400];
    snprintf(path, sizeof path, "%.250s/bad.cfg", support_dir());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        FILE *out = fopen(path, "w");
        fputs(table[i].file, out);
        fclose(out);
        char run[300];
        snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%.250s/bad", support_dir());
        char *argv[] = {(char *)support_program("logikald"), "--config", path, NULL};
        char *env[] = {run, "SECRET_KEY=change-me-change-me-change-me-change-me", "PORT=0", (char *)table[i].env, NULL};
        char *output = NULL;
        int status = process_run(argv, env, &output);
        snprintf(says, sizeof says, "%s: exit status %d, says: %s", table[i].env, status, output);
        if (status != 78 || !strstr(output, table[i].says)) fail_msg("%s", says);
        free(output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheduled_sync_flows_from_tick_to_rows_and_result),
        cmocka_unit_test(test_changed_elevations_are_fetched_again_when_due),
        cmocka_unit_test(test_flag_off_serves_without_worker_and_beat_and_reload_turns_it),
        cmocka_unit_test(test_a_new_web_takes_requests_when_it_has_tried_redis),
        cmocka_unit_test(test_bad_configuration_is_refused_at_start),
    };
    return cmocka_run_group_tests_name("system", tests, start_servers, end_servers);
}
