/* What clients of the replaced system rely on (tests/fixtures/replaced_api.txt: method, path, ?query parameters, and
 * members of the answer) is described by /openapi.json, and is in the answers of a system with data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/operations.h"
#include "tests/support/web.h"

#define REPLACED_API "tests/fixtures/replaced_api.txt"

static struct web_server web;
static struct sim_server sim;
static struct redis_server redis;
static cJSON *api;
static char *project, *phase, *elevation, *directory;

FIXTURE(set_up)
{
    static char redis_url[160];
    static const char *const small[] = {"--preset", "field-case", "--seed", "5", NULL};
    web_servers(&web);
    redis_server_start(&redis, NULL);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", redis.url);
    const char *const env[] = {redis_url, "LOG_LEVEL=warning", "BEAT_CLEANUP_CRONTAB=0 2 * * sun",
                               "BEAT_HOURLY_CRONTAB=*/20 * * * *", NULL};
    web_run_on(&web, &sim, small, env);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/sync/full", web.admin, NULL);
    if (reply.status != 200) fail_msg("the first sync: %d %s", reply.status, reply.body);
    http_reply_free(&reply);
    api = operations_load(&web);
    elevation = pg_value(&web.pg, "SELECT id FROM elevations WHERE phase_id IS NOT NULL ORDER BY id LIMIT 1");
    phase = pg_value(&web.pg, "SELECT h.logikal_id FROM phases h JOIN elevations e ON e.phase_id = h.id ORDER BY e.id "
                              "LIMIT 1");
    project = pg_value(&web.pg, "SELECT p.logikal_id FROM projects p JOIN phases h ON h.project_id = p.id JOIN "
                                "elevations e ON e.phase_id = h.id ORDER BY e.id LIMIT 1");
    directory = pg_value(&web.pg, "SELECT id FROM directories ORDER BY id LIMIT 1");
    free(web_client(&web, "reader", "[\"projects:read\"]"));
    return 0;
}

FIXTURE(tear_down)
{
    cJSON_Delete(api);
    free(project);
    free(phase);
    free(elevation);
    free(directory);
    web_end(&web);
    sim_stop(&sim);
    redis_server_stop(&redis);
    return 0;
}

/* ---- the fixture ---- */

typedef void (*each_fn)(const char *method, const char *path, char **words, int count);

static void for_each(each_fn fn)
{
    static char line[8192];
    char *words[200];
    int operations = 0;
    FILE *in = fopen(REPLACED_API, "r");
    if (!in) fail_msg(REPLACED_API " is not there (tests run in the root of the project)");
    for (; fgets(line, sizeof line, in); operations++) {
        int n = 0;
        char *rest = line, *word;
        while ((word = strsep(&rest, " \n")) != NULL)
            if (*word && n < 200) words[n++] = word;
        assert_true(n >= 2 && n < 200);
        fn(words[0], words[1], words + 2, n - 2);
    }
    fclose(in);
    assert_int_equal(operations, 127);
}

/* ---- what is described ---- */

/* True when both are the same, whatever the parameters are called; a slash more at the end makes no difference. */
static bool is_same_path(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (*a != *b) return false;
        if (*a != '{') continue;
        a = strchr(a, '}');
        b = strchr(b, '}');
    }
    return a[strspn(a, "/")] == 0 && b[strspn(b, "/")] == 0;
}

static const cJSON *described(const char *method, const char *path)
{
    char lower[8];
    snprintf(lower, sizeof lower, "%s", method);
    for (char *p = lower; *p; p++) *p += 32;
    for (const cJSON *item = cJSON_GetObjectItem(api, "paths")->child; item; item = item->next)
        if (is_same_path(item->string, path)) {
            const cJSON *operation = cJSON_GetObjectItemCaseSensitive(item, lower);
            if (operation) return operation;
        }
    return NULL;
}

static bool takes(const cJSON *operation, const char *parameter)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(operation, "parameters"))
        if (strcmp(cJSON_GetObjectItem(p, "in")->valuestring, "query") == 0 &&
            strcmp(cJSON_GetObjectItem(p, "name")->valuestring, parameter) == 0)
            return true;
    return false;
}

/* A required parameter that clients do not know. */
static const char *unknown_need(const cJSON *operation, char **words, int count)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(operation, "parameters")) {
        const char *name = cJSON_GetObjectItem(p, "name")->valuestring;
        bool is_known = !cJSON_IsTrue(cJSON_GetObjectItem(p, "required")) ||
                        strcmp(cJSON_GetObjectItem(p, "in")->valuestring, "query") != 0;
        for (int i = 0; i < count; i++) is_known = is_known || (*words[i] == '?' && strcmp(words[i] + 1, name) == 0);
        if (!is_known) return name;
    }
    return NULL;
}

static const cJSON *resolve(const cJSON *schema)
{
    const char *ref = cJSON_GetStringValue(cJSON_GetObjectItem(schema, "$ref"));
    const cJSON *any = cJSON_GetObjectItem(schema, "anyOf"), *one;
    if (ref)
        return resolve(cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItem(cJSON_GetObjectItem(api, "components"), "schemas"), strrchr(ref, '/') + 1));
    cJSON_ArrayForEach(one, any) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(one, "type"));
        if (!type || strcmp(type, "null") != 0) return resolve(one);
    }
    return schema;
}

/* The next step of a member's path (".name" or "[]") into out; where the path goes on. */
static const char *step(const char *path, char *out, size_t size)
{
    size_t len = path[0] == '[' ? 2 : 1 + strcspn(path + 1, ".[");
    snprintf(out, size, "%.*s", (int)len, path);
    return path + len;
}

static bool schema_has(const cJSON *schema, const char *path)
{
    char name[80];
    while (*path) {
        schema = resolve(schema);
        path = step(path, name, sizeof name);
        const cJSON *properties = cJSON_GetObjectItem(schema, "properties");
        if (name[0] == '[')
            schema = cJSON_GetObjectItem(schema, "items");
        else if (!properties)
            return schema != NULL; /* any object */
        else
            schema = cJSON_GetObjectItemCaseSensitive(properties, name + 1);
        if (!schema) return false;
    }
    return true;
}

static int faults; /* told one by one, so that one run shows them all */

static void check_description(const char *method, const char *path, char **words, int count)
{
    const cJSON *operation = described(method, path);
    if (!operation) {
        print_error("%s %s is not there\n", method, path);
        faults++;
        return;
    }
    const cJSON *ok = cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "responses"), "200");
    const cJSON *content = cJSON_GetObjectItem(cJSON_GetObjectItem(ok, "content"), "application/json");
    const char *need = unknown_need(operation, words, count);
    if (need) print_error("%s %s needs %s, which clients do not know\n", method, path, need);
    faults += need != NULL;
    for (int i = 0; i < count; i++) {
        bool is_fine = *words[i] == '?' ? takes(operation, words[i] + 1)
                                        : schema_has(cJSON_GetObjectItem(content, "schema"), words[i]);
        if (!is_fine) print_error("%s %s: %s is not described\n", method, path, words[i]);
        faults += !is_fine;
    }
}

TEST(test_everything_that_clients_know_is_described)
{
    faults = 0;
    for_each(check_description);
    assert_int_equal(faults, 0);
    cJSON *empty = cJSON_Parse("{\"type\":\"object\",\"properties\":{}}");
    assert_false(schema_has(empty, ".nothing")); /* it can fail */
    cJSON_Delete(empty);
}

/* ---- what is answered ---- */

static int seen; /* members that were there */

static bool answer_has(const cJSON *value, const char *path)
{
    char name[80];
    while (*path) {
        path = step(path, name, sizeof name);
        if (cJSON_IsNull(value)) return true; /* nothing of this kind is here */
        if (name[0] == '[') {
            if (!cJSON_IsArray(value)) return false;
            if (!value->child) return true; /* no element to look into */
            value = value->child;
        } else {
            value = cJSON_GetObjectItemCaseSensitive(value, name + 1);
        }
        if (!value) return false;
    }
    seen++;
    return true;
}

static void fill(const char *pattern, char *path, size_t size)
{
    const struct {
        const char *name, *value;
    } values[] = {{"{project_id}", project},     {"{phase_id}", phase},        {"{elevation_id}", elevation},
                  {"{directory_id}", directory}, {"{object_type}", "project"}, {"{object_id}", project},
                  {"{client_id}", "reader"},     {"{task_id}", "none"}};
    size_t used = 0;
    for (const char *p = pattern; *p;) {
        const char *value = NULL;
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            if (strncmp(p, values[i].name, strlen(values[i].name)) == 0) value = values[i].value;
        if (!value && *p == '{') fail_msg("%s: which value?", pattern);
        used += (size_t)snprintf(path + used, size - used, "%.*s", value ? 255 : 1, value ? value : p);
        p = value ? strchr(p, '}') + 1 : p + 1;
    }
}

/* As they were used: with the parameters that pointed to the upstream, which are here for old times' sake. */
static void add_query(char *path, size_t size, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        size_t used = strlen(path);
        const char *value = strcmp(words[i], "?token") == 0 || strcmp(words[i], "?auth_token") == 0 ? "any"
                            : strcmp(words[i], "?base_url") == 0                                    ? "http://x"
                            : strcmp(words[i], "?q") == 0                                           ? "a"
                                                                                                    : NULL;
        if (value) snprintf(path + used, size - used, "%c%s=%s", strchr(path, '?') ? '&' : '?', words[i] + 1, value);
    }
}

static void check_answer(const char *method, const char *pattern, char **words, int count)
{
    char path[1024];
    bool is_asked = strcmp(method, "GET") == 0 && strcmp(pattern, "/api/v1/auth/test") != 0 &&
                    strcmp(pattern, "/api/v1/client-auth/me") != 0; /* not an administrator's */
    bool has_members = false;
    for (int i = 0; i < count; i++) has_members = has_members || *words[i] != '?';
    if (!is_asked || !has_members) return;
    fill(pattern, path, sizeof path);
    add_query(path, sizeof path, words, count);
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    cJSON *json = cJSON_Parse(reply.body);
    if (reply.status != 200 || !json) {
        print_error("GET %s: %d %.300s\n", path, reply.status, reply.body ? reply.body : "");
        faults++;
    }
    for (int i = 0; json && i < count; i++)
        if (*words[i] != '?' && !answer_has(json, words[i])) {
            print_error("GET %s: %s is not there\n", path, words[i]);
            faults++;
        }
    cJSON_Delete(json);
    http_reply_free(&reply);
}

TEST(test_everything_that_clients_know_is_answered)
{
    faults = seen = 0;
    for_each(check_answer);
    assert_int_equal(faults, 0);
    assert_true(seen > 500);
}

/* The replaced system led from one to the other. */
TEST(test_a_slash_at_the_end_makes_no_difference)
{
    static const char *const paths[] = {"/api/v1/health",
                                        "/api/v1/projects",
                                        "/api/v1/directories",
                                        "/api/v1/directories/syncable",
                                        "/api/v1/admin/clients",
                                        "/api/v1/admin/sync-intervals",
                                        "/api/v1/odoo/projects",
                                        "/api/v1/projects/cached",
                                        "/api/v1/health/ready",
                                        "/api/v1/sync-status/summary",
                                        "/api/v1/client-auth/clients"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char slash[100];
        snprintf(slash, sizeof slash, "%s/", paths[i]);
        assert_int_equal(web_status(&web, "GET", paths[i], web.admin, NULL), 200);
        assert_int_equal(web_status(&web, "GET", slash, web.admin, NULL), 200);
    }
    assert_int_equal(web_status(&web, "GET", "/api/v1/nothing/", web.admin, NULL), 404);
}

TEST(test_the_configuration_is_the_one_in_force)
{
    assert_int_equal(web_status(&web, "PUT", "/api/v1/admin/sync-intervals/project", web.admin,
                                "{\"max_retry_attempts\":7,\"retry_delay_minutes\":21}"),
                     200);

    struct http_reply reply = web_call(&web, "GET", "/api/v1/scheduler/config", web.admin, NULL);

    char *attempts = web_member(reply.body, "retry_attempts"), *delay = web_member(reply.body, "retry_delay_seconds");
    assert_string_equal(attempts, "7");
    assert_string_equal(delay, "1260");
    free(attempts);
    free(delay);
    http_reply_free(&reply);
}

static int count_of(const cJSON *answer, const char *member)
{
    return (int)cJSON_GetNumberValue(cJSON_GetObjectItem(answer, member));
}

/* What was asked for adds up to what became of it. */
TEST(test_a_sync_of_chosen_objects_counts_objects)
{
    char body[600];
    char *second = pg_value(&web.pg, "SELECT max(id)::text FROM elevations WHERE deleted_at IS NULL");
    snprintf(body, sizeof body, "[\"%s\",\"%s\",\"nowhere\",\"%s\"]", elevation, second, elevation);
    struct http_reply reply =
        web_call(&web, "POST", "/api/v1/advanced-sync/selective-sync?object_type=elevation", web.admin, body);
    if (reply.status != 200) fail_msg("%d %s", reply.status, reply.body);
    cJSON *answer = cJSON_Parse(reply.body), *result;
    int not_found = 0;
    assert_int_equal(count_of(answer, "requested_count"), 4);
    assert_int_equal(count_of(answer, "synced_count"), 2);
    assert_int_equal(count_of(answer, "skipped_count"), 1); /* it stands there twice */
    assert_int_equal(count_of(answer, "failed_count"), 1);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(answer, "success")));
    cJSON_ArrayForEach(result, cJSON_GetObjectItem(answer, "results"))
        not_found += cJSON_IsString(cJSON_GetObjectItem(result, "object_id")) &&
                     strcmp(cJSON_GetObjectItem(result, "object_id")->valuestring, "nowhere") == 0;
    assert_int_equal(not_found, 1);
    assert_string_not_equal(cJSON_GetObjectItem(answer, "started_at")->valuestring,
                            cJSON_GetObjectItem(answer, "completed_at")->valuestring);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    free(second);
    assert_int_equal(web_status(&web, "POST", "/api/v1/advanced-sync/selective-sync?object_type=project", web.admin,
                                "[\"nowhere\"]"),
                     404);
}

static double schedule_of(const cJSON *status, const char *entry)
{
    const cJSON *e = cJSON_GetObjectItem(cJSON_GetObjectItem(status, "beat_schedule"), entry);
    return cJSON_GetNumberValue(cJSON_GetObjectItem(e, "schedule"));
}

TEST(test_the_schedule_is_the_one_that_beat_goes_by)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/scheduler/config", web.admin, NULL);
    char *days = web_member(reply.body, "cleanup_interval_days");
    assert_string_equal(days, "7");
    free(days);
    http_reply_free(&reply);
    reply = web_call(&web, "GET", "/api/v1/scheduler/status", web.admin, NULL);
    cJSON *status = cJSON_Parse(reply.body);
    assert_true(schedule_of(status, "cleanup-old-tasks") == 7 * 24 * 60 * 60);
    assert_true(schedule_of(status, "hourly-smart-sync") == 20 * 60);
    assert_true(schedule_of(status, "smart-sync-scheduler") == 300);
    cJSON_Delete(status);
    http_reply_free(&reply);
}

TEST(test_an_image_says_what_it_is)
{
    char path[100];
    snprintf(path, sizeof path, "/api/v1/elevations/%s/image", elevation);

    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);

    assert_int_equal(reply.status, 200);
    assert_memory_equal(reply.body, "\x89PNG", 4);
    assert_non_null(strcasestr(reply.headers, "Content-Type: image/png\r\n"));
    http_reply_free(&reply);
}

/* ---- Logikal by the credentials that they give ---- */

TEST(test_clients_can_log_in_with_the_upstream_credentials)
{
    char body[512], path[512];
    snprintf(body, sizeof body, "{\"base_url\":\"%s\",\"username\":\"demo\",\"password\":\"demo\"}", sim.base_url);

    struct http_reply reply = web_call(&web, "POST", "/api/v1/auth/login", NULL, body);
    assert_int_equal(reply.status, 200);
    char *token = web_member(reply.body, "token");
    http_reply_free(&reply);
    snprintf(path, sizeof path, "/api/v1/projects/?token=%s&base_url=%s&use_cache=true", token, sim.base_url);
    assert_int_equal(web_status(&web, "GET", path, NULL, NULL), 200);
    snprintf(path, sizeof path, "/api/v1/auth/logout?token=%s", token);
    assert_int_equal(web_status(&web, "POST", path, NULL, NULL), 200);
    snprintf(path, sizeof path, "/api/v1/projects/?token=%s&base_url=%s", token, sim.base_url);

    assert_int_equal(web_status(&web, "GET", path, NULL, NULL), 401);
    free(token);
}

TEST(test_whether_logikal_can_be_reached_is_told)
{
    static const struct {
        const char *path, *base, *password;
        int status;
        const char *told;
    } rows[] = {{"test", sim.base_url, "demo", 200, "\"success\":true,\"message\":\"Connection successful\""},
                {"test", sim.base_url, "wrong", 401, ""},
                {"reset-navigation", sim.base_url, "demo", 200, "There is nothing to reset"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[500];
        snprintf(path, sizeof path, "/api/v1/auth/%s?base_url=%s&username=demo&password=%s", rows[i].path, rows[i].base,
                 rows[i].password);
        struct http_reply reply = web_call(&web, strcmp(rows[i].path, "test") == 0 ? "GET" : "POST", path, NULL, NULL);
        if (reply.status != rows[i].status || !strstr(reply.body, rows[i].told))
            fail_msg("%s: %d %s", path, reply.status, reply.body);
        http_reply_free(&reply);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_everything_that_clients_know_is_described),
    cmocka_unit_test(test_everything_that_clients_know_is_answered),
    cmocka_unit_test(test_a_slash_at_the_end_makes_no_difference),
    cmocka_unit_test(test_the_configuration_is_the_one_in_force),
    cmocka_unit_test(test_the_schedule_is_the_one_that_beat_goes_by),
    cmocka_unit_test(test_a_sync_of_chosen_objects_counts_objects),
    cmocka_unit_test(test_an_image_says_what_it_is),
    cmocka_unit_test(test_clients_can_log_in_with_the_upstream_credentials),
    cmocka_unit_test(test_whether_logikal_can_be_reached_is_told),
};
TEST_MAIN(tests, set_up, tear_down)
