/* PostgreSQL or Redis away: exactly the operations that need the missing part are answered 503, saying what is missing
 * and when to try again; all others as ever; and all of them by themselves when it is back. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/operations.h"
#include "tests/support/web.h"

static struct web_server web;
static struct redis_server redis;
static cJSON *api;

FIXTURE(set_up)
{
    static char redis_url[160];
    web_servers(&web);
    redis_server_start(&redis, NULL);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", redis.url);
    const char *const env[] = {redis_url, "LOG_LEVEL=error", NULL};
    web_run(&web, env, true);
    web_log_in(&web);
    free(web_client(&web, "1", "[\"projects:read\"]")); /* so that there is one */
    pg_exec(&web.pg, "INSERT INTO directories (id, logikal_id, name) VALUES (1, 'd', 'd');"
                     "INSERT INTO projects (id, logikal_id, name, directory_id, created_at, updated_at)"
                     " VALUES (1, '1', 'p', 1, now(), now())");
    api = operations_load(&web);
    return 0;
}

FIXTURE(tear_down)
{
    cJSON_Delete(api);
    web_end(&web);
    redis_server_stop(&redis);
    return 0;
}

/* ---- every reading operation ---- */

typedef void (*each_fn)(const char *id, const char *path, const struct http_reply *reply);

/* GETs but streams and pages, which tell of an outage in their own way (tests/browser). */
static int for_each(each_fn fn)
{
    int count = 0;
    const cJSON *paths = cJSON_GetObjectItem(api, "paths");
    for (const cJSON *item = paths->child; item; item = item->next) {
        const cJSON *get = cJSON_GetObjectItem(item, "get");
        const cJSON *ok = cJSON_GetObjectItem(cJSON_GetObjectItem(get, "responses"), "200");
        const cJSON *content = cJSON_GetObjectItem(ok, "content");
        char path[512];
        if (!get || !cJSON_GetObjectItem(content, "application/json")) continue;
        operations_path(item->string, get, path, sizeof path);
        struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
        fn(cJSON_GetObjectItem(get, "operationId")->valuestring, path, &reply);
        http_reply_free(&reply);
        count++;
    }
    return count;
}

static const char *missing;           /* what is away */
static const char *const *exceptions; /* operations that it concerns, or does not */
static bool are_concerned;            /* the exceptions are those that need it */
static int faults, refused;

static bool is_exception(const char *id)
{
    for (const char *const *one = exceptions; *one; one++)
        if (strcmp(*one, id) == 0) return true;
    return false;
}

static bool says_what_is_missing(const struct http_reply *reply)
{
    cJSON *json = cJSON_Parse(reply->body);
    char *detail = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "detail"));
    bool is_fine = detail && strcasestr(detail, missing) && strcasestr(reply->headers, "Retry-After: ");
    cJSON_free(detail);
    cJSON_Delete(json);
    return is_fine;
}

static void check_outage(const char *id, const char *path, const struct http_reply *reply)
{
    bool needs_it = is_exception(id) == are_concerned, is_refused = reply->status == 503;
    if (needs_it != is_refused || (is_refused && !says_what_is_missing(reply))) {
        print_error("%s (%s) without %s: %d %.200s\n", path, id, missing, reply->status,
                    reply->body ? reply->body : "");
        faults++;
    }
    refused += is_refused;
}

static void check_service(const char *id, const char *path, const struct http_reply *reply)
{
    (void)id;
    if (reply->status == 0 || reply->status >= 500) fail_msg("%s: %d %.300s", path, reply->status, reply->body);
}

static bool is_ready(void)
{
    return web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200;
}

static bool has_redis(void)
{
    return web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200;
}

TEST(test_without_postgresql_exactly_what_needs_it_is_refused)
{
    static const char *const do_without[] = {"root",
                                             "health",
                                             "health_basic",
                                             "health_live",
                                             "openapi",
                                             "upstream_test", /* wrong credentials, told from the settings */
                                             "supervisor_state",
                                             "verdict",
                                             "timeline", /* with what the run directory holds */
                                             "oauth_metadata",
                                             NULL};
    WAIT_UNTIL(is_ready() && has_redis(), 20000);
    assert_true(for_each(check_service) > 50);

    pg_kill(&web.pg);
    WAIT_UNTIL(!is_ready(), 20000);
    missing = "PostgreSQL";
    exceptions = do_without;
    are_concerned = false;
    faults = refused = 0;
    for_each(check_outage);
    assert_int_equal(faults, 0);
    assert_true(refused > 40);

    pg_restart(&web.pg);
    WAIT_UNTIL(is_ready(), 30000);
    for_each(check_service);
}

TEST(test_without_redis_exactly_what_looks_into_it_is_refused)
{
    static const char *const look[] = {"scheduler_status",
                                       "scheduler_active",
                                       "scheduler_scheduled",
                                       "scheduler_workers",
                                       "health_detailed",
                                       "schedule",
                                       NULL};
    WAIT_UNTIL(is_ready() && has_redis(), 20000);

    redis_server_kill(&redis);
    WAIT_UNTIL(!has_redis(), 20000);
    missing = "Redis";
    exceptions = look;
    are_concerned = true;
    faults = refused = 0;
    for_each(check_outage);
    assert_int_equal(faults, 0);
    assert_true(refused > 0);

    redis_server_restart(&redis);
    WAIT_UNTIL(has_redis(), 30000);
    for_each(check_service);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_without_postgresql_exactly_what_needs_it_is_refused),
    cmocka_unit_test(test_without_redis_exactly_what_looks_into_it_is_refused),
};
TEST_MAIN(tests, set_up, tear_down)
