/* Every operation of /openapi.json, called as an administrator, as a client with just the permission it names, as one
 * with none, as one with all but that, and as nobody. Answers are validated against their own schemas. Upstream is a
 * real simulator. What clients of the replaced system rely on is in test_web_replaced.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/answers/operation_calls.h"
#include "tests/support/answers/operation_round.h"
#include "tests/support/answers/operations.h"
#include "tests/support/web.h"

static struct web_server web;
static struct sim_server sim;
static struct redis_server redis; /* and no worker: tasks run in children of the web process */
static cJSON *api;
static char *project, *phase;

#define FUZZ_REQUESTS "420" /* each operation twice */

/* ---- the fixture ---- */

static void make_clients(void);
static void forget_clients(void);

FIXTURE(set_up)
{
    static char redis_url[160];
    static const char *const small[] = {"--preset", "field-case", "--seed", "5", NULL};
    web_servers(&web);
    redis_server_start(&redis, NULL);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", redis.url);
    const char *const env[] = {redis_url, "LOG_LEVEL=warning", "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8", NULL};
    web_run_on(&web, &sim, small, env);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/sync/full", web.admin, NULL);
    if (reply.status != 200) fail_msg("the first sync: %d %s", reply.status, reply.body);
    http_reply_free(&reply);
    project = pg_value(&web.pg, "SELECT logikal_id FROM projects ORDER BY id LIMIT 1");
    phase = pg_value(&web.pg, "SELECT h.logikal_id FROM phases h JOIN elevations e ON e.phase_id = h.id LIMIT 1");
    pg_exec(&web.pg,
            "INSERT INTO task_history (id, name, queue, args, kwargs, arguments, state, tries, deliveries, worker,"
            " ended_at) VALUES ('past', 'nobody.serves', 'unserved', '[]', '{}', 'whole', 'failure', 1, 1, 'w',"
            " now()); INSERT INTO task_history_losses (worker, since, count) VALUES ('w', now(), 2)");
    make_clients();
    free(web_client(&web, "doomed", "[]"));
    for (int i = 0; i < 2; i++)
        assert_int_equal(web_status(&web, "POST", "/api/v1/webhooks", web.admin, OPERATION_WEBHOOK), 200);
    api = operations_load(&web);
    return 0;
}

FIXTURE(tear_down)
{
    cJSON_Delete(api);
    free(project);
    free(phase);
    forget_clients();
    web_end(&web);
    sim_stop(&sim);
    redis_server_stop(&redis);
    return 0;
}

/* ---- as an administrator ---- */

static int faults; /* told one by one, so that one run shows them all */

static void call_as_admin(const char *method, const char *path, const char *body, const cJSON *operation)
{
    const char *id = cJSON_GetObjectItem(operation, "operationId")->valuestring;
    const struct operation_call *c = operation_call_of(id);
    char what[700];
    if (strstr(id, "logout")) return; /* tested with the sessions */
    snprintf(what, sizeof what, "%s %s", method, path);
    struct http_reply reply = web_call(&web, method, path, web.admin, body);
    int expected = c && c->status ? c->status : 200;
    bool is_moved =
        reply.status == 303 &&
        cJSON_GetObjectItem(
            cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "responses"), "200"), "content"),
            "text/html");
    bool is_empty = reply.status == 404 && strncmp(path, "/ui/", 4) == 0; /* pages of things that are not there */
    if (reply.status != expected && !is_moved && !is_empty) {
        print_error("%s: %d instead of %d: %.300s\n", what, reply.status, expected, reply.body ? reply.body : "");
        faults++;
    }
    operations_validate(api, what, reply.status, reply.body, operation);
    http_reply_free(&reply);
}

TEST(test_every_operation_answers_an_administrator_as_described)
{
    operations_each(api, project, phase, call_as_admin);
    assert_int_equal(faults, 0);
}

/* ---- as nobody ---- */

static bool is_open(const cJSON *operation)
{
    return cJSON_GetArraySize(cJSON_GetObjectItem(operation, "security")) == 0;
}

static void call_as_nobody(const char *method, const char *path, const char *body, const cJSON *operation)
{
    if (is_open(operation)) return;
    struct http_reply reply = web_call(&web, method, path, NULL, body);
    bool is_sent_to_login = reply.status == 303 && reply.headers && strstr(reply.headers, "/ui/login");
    if (reply.status != 401 && !is_sent_to_login) fail_msg("%s %s as nobody: %d", method, path, reply.status);
    http_reply_free(&reply);
    if (web_status(&web, method, path, "not.a.token", body) != 401 && !is_sent_to_login)
        fail_msg("%s %s with a bad token is not refused", method, path);
}

TEST(test_nobody_gets_nothing_but_what_is_open)
{
    operations_each(api, project, phase, call_as_nobody);
}

/* ---- as clients: each permission alone, all but one, all ---- */

static char *only[4], *without[4], *all, *none;
static const char *const words[] = {"projects:read", "elevations:read", "sync:write", "admin:read"};

static char *client_with(const char *id, int first, int skipped)
{
    char list[128] = "[";
    for (int i = first; i < 4; i++) {
        if (i == skipped) continue;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s\"%s\"", used > 1 ? "," : "", words[i]);
        if (skipped < 0) break; /* only the first */
    }
    strcat(list, "]");
    return web_client(&web, id, list);
}

static void make_clients(void)
{
    char id[32];
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "only-%d", i);
        only[i] = client_with(id, i, -1);
        snprintf(id, sizeof id, "without-%d", i);
        without[i] = client_with(id, 0, i);
    }
    all = client_with("all", 0, 4);
    none = client_with("none", 4, 4);
}

static void forget_clients(void)
{
    for (int i = 0; i < 4; i++) {
        free(only[i]);
        free(without[i]);
    }
    free(all);
    free(none);
}

/* The permission that the operation asks of a client, or -1: it is for administrators. */
static int needed_by(const cJSON *operation)
{
    const char *needed = cJSON_GetStringValue(cJSON_GetObjectItem(operation, "x-permission"));
    for (int i = 0; i < 4; i++)
        if (needed && strcmp(needed, words[i]) == 0) return i;
    return -1;
}

static void call_as_wrong(const char *method, const char *path, const char *body, const cJSON *operation)
{
    if (is_open(operation) || !cJSON_GetObjectItem(operation, "x-permission")) return;
    int needed = needed_by(operation), status = web_status(&web, method, path, none, body);
    if (status != 403) fail_msg("%s %s as a client without permissions: %d", method, path, status);
    const char *permission = cJSON_GetStringValue(cJSON_GetObjectItem(operation, "x-permission"));
    if (strchr(permission, ' ')) return; /* several at once: the table of who may what holds them */
    status = web_status(&web, method, path, needed < 0 ? all : without[needed], body);
    if (status != 403)
        fail_msg("%s %s as a client with everything but %s: %d", method, path,
                 needed < 0 ? "an administrator's session" : words[needed], status);
}

TEST(test_a_client_without_the_permission_is_refused)
{
    operations_each(api, project, phase, call_as_wrong);
}

static void call_as_right(const char *method, const char *path, const char *body, const cJSON *operation)
{
    const struct operation_call *c = operation_call_of(cJSON_GetObjectItem(operation, "operationId")->valuestring);
    int needed = needed_by(operation), expected = c && c->status ? c->status : 200;
    if (is_open(operation) || needed < 0) return;
    char what[700];
    snprintf(what, sizeof what, "%s %s as a client with %s", method, path, words[needed]);
    struct http_reply reply = web_call(&web, method, path, only[needed], body);
    if (reply.status != expected) {
        print_error("%s: %d instead of %d: %.300s\n", what, reply.status, expected, reply.body ? reply.body : "");
        faults++;
    }
    operations_validate(api, what, reply.status, reply.body, operation);
    http_reply_free(&reply);
}

TEST(test_a_client_with_the_permission_is_served)
{
    faults = 0;
    operations_each(api, project, phase, call_as_right);
    assert_int_equal(faults, 0);
}

/* ---- types that no interval is configured for any more ---- */

TEST(test_answers_stay_as_described_without_intervals)
{
    static const char *const paths[] = {"/api/v1/projects/cached", "/api/v1/phases/cached",
                                        "/api/v1/elevations/cached?limit=5", "/api/v1/directories/cached",
                                        "/api/v1/sync-status/project/1"};
    pg_exec(&web.pg, "CREATE TABLE kept AS SELECT * FROM object_sync_configs; DELETE FROM object_sync_configs");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_reply reply = web_call(&web, "GET", paths[i], web.admin, NULL);
        assert_int_equal(reply.status, 200);
        if (strstr(reply.body, "\"is_stale\":null") || strstr(reply.body, "\"is_stale\" : null") ||
            strstr(reply.body, "\"sync_needed\" : null"))
            fail_msg("%s: %.600s", paths[i], reply.body);
        http_reply_free(&reply);
    }
    pg_exec(&web.pg, "INSERT INTO object_sync_configs SELECT * FROM kept; DROP TABLE kept");
}

/* ---- from when to when ---- */

/* The argument that something is asked from on, as far as it is a time; its end is written to end, "" = it has none. */
static const char *beginning_of(const cJSON *operation, bool is_page, char end[16])
{
    static const char *const names[][2] = {{"from", "to"}, {"since", "until"}, {"updated_since", ""}};
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(operation, "parameters")) {
        const char *name = cJSON_GetObjectItem(p, "name")->valuestring;
        const char *format = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(p, "schema"), "format"));
        for (int i = 0; i < 3; i++) {
            if (strcmp(name, names[i][0]) != 0 || (i != 1 || !is_page) != (format && strcmp(format, "date-time") == 0))
                continue;
            snprintf(end, 16, "%s", names[i][1]);
            return names[i][0];
        }
    }
    return NULL;
}

static int periods; /* operations that take one */

static void call_from_when_to_when(const char *method, const char *path, const char *body, const cJSON *operation)
{
    static const struct {
        const char *from, *to, *told; /* told: of the refusal; NULL = it is none */
    } rows[] = {{"2100-01-01T00:00:00Z", "", "in the future"},
                {"2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z", "in the future"},
                {"2020-01-01T00:00:00.001Z", "2020-01-01T00:00:00Z", "later than"},
                {"2020-01-01T00:30:00", "2020-01-01T01:00:00%2B01:00", "later than"},
                {"2100-01-02T00:00:00Z", "2100-01-01T00:00:00Z", "later than"},
                {"2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", NULL},
                {"2020-01-01T01:00:00%2B01:00", "2020-01-01T00:00:00Z", NULL},
                {"2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z", NULL},
                {"2020-01-01T00:00:00Z", "", NULL},
                {"soon", "", NULL}}; /* in half a minute */
    char end[16], soon[CLOCK_TEXT_SIZE], url[900];
    (void)body;
    const char *begin = strcmp(method, "GET") == 0 ? beginning_of(operation, strstr(path, "/ui/"), end) : NULL;
    if (!begin) return;
    periods++;
    clock_iso_ms(wall_ms() + 30000, soon);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (*rows[i].to && !*end) continue;
        snprintf(url, sizeof url, "%.*s?%s=%s%s%s%s%s%s", (int)strcspn(path, "?"), path, begin,
                 strcmp(rows[i].from, "soon") == 0 ? soon : rows[i].from, *rows[i].to ? "&" : "",
                 *rows[i].to ? end : "", *rows[i].to ? "=" : "", rows[i].to,
                 strstr(path, "/export") ? "&format=csv" : "");
        struct http_reply reply = web_call(&web, "GET", url, web.admin, NULL);
        bool is_told = rows[i].told && reply.body && strstr(reply.body, rows[i].told) && strstr(reply.body, begin);
        if (reply.status != (rows[i].told ? 422 : 200) || is_told != (rows[i].told != NULL))
            fail_msg("%s: %d %.300s", url, reply.status, reply.body);
        http_reply_free(&reply);
    }
}

TEST(test_what_lies_ahead_or_begins_behind_its_end_is_no_empty_answer)
{
    operations_each(api, project, phase, call_from_when_to_when);
    assert_true(periods >= 12);
    struct http_reply reply =
        web_ask(&web, "GET", "/ui/timeline?lang=de&since=2100-01-01T00:00", web.admin, "Accept: text/html");
    if (reply.status != 422 || !strstr(reply.body, "in der Zukunft")) fail_msg("%d %s", reply.status, reply.body);
    http_reply_free(&reply);
    static const char *const bodies[] = {"{\"since\":\"2100-01-01\"}", "{\"since\":\"2100-W01-1T00:00Z\"}",
                                         "{\"since\":\"2100-01-01T00:00:00+01:00\"}"}; /* would drop what waits */
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(web_status(&web, "POST", "/api/v1/webhooks/1/replay", web.admin, bodies[i]), 422);
}

/* ---- null is as if a member were not there ---- */

TEST(test_null_stands_for_the_default)
{
    static const char *const bodies[] = {"{\"name\":\"Without\"}", "{\"name\":\"Null\",\"rate_limit_per_hour\":null}",
                                         "{\"name\":\"All\",\"rate_limit_per_hour\":null,\"permissions\":null}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/clients/", web.admin, bodies[i]);
        if (reply.status != 200 || !strstr(reply.body, "\"rate_limit_per_hour\":1000,"))
            fail_msg("%s: %d %s", bodies[i], reply.status, reply.body);
        http_reply_free(&reply);
    }
}

/* ---- requests by chance ---- */

static void run_python(char *const argv[])
{
    char *output = NULL;
    int status = process_run(argv, NULL, &output);
    fputs(output, stderr);
    free(output);
    assert_int_equal(status, 0);
}

/* tests/fuzz/api: the same requests each time, and by chance for as long as FUZZ_SECONDS says (make fuzz-api SEED=2
 * SECONDS=600). Last, since it changes and deletes. */
TEST(test_no_request_made_from_the_description_breaks_it)
{
    static char known[3][120];
    const char *seed = getenv("FUZZ_SEED"), *seconds = getenv("FUZZ_SECONDS");
    snprintf(known[0], sizeof known[0], "--known=project_id=%s", project);
    snprintf(known[1], sizeof known[1], "--known=phase_id=%s", phase);
    snprintf(known[2], sizeof known[2], "--seed=%s", seed ? seed : "1");
    run_python((char *const[]){(char *)"/usr/bin/python3", (char *)"tests/fuzz/api/fuzz.py", web.url, (char *)"--token",
                               web.admin, (char *)"--token", all, known[0], known[1], known[2],
                               (char *)"--known=client_id=contract", (char *)"--known=task_id=past",
                               (char *)"--known=entry=cleanup-old-tasks", (char *)"--known=name=sqlite_parser",
                               (char *)"--known=command=restart", (char *)(seconds ? "--seconds" : "--requests"),
                               (char *)(seconds ? seconds : FUZZ_REQUESTS), NULL});
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
}

/* What no request has met yet: the statuses in the code of each handler, and of all that it calls. */
TEST(test_every_status_in_the_code_of_an_operation_is_declared)
{
    run_python((char *const[]){(char *)"/usr/bin/python3", (char *)"tests/fuzz/api/by_reading.py", web.url, NULL});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_operation_answers_an_administrator_as_described),
    cmocka_unit_test(test_nobody_gets_nothing_but_what_is_open),
    cmocka_unit_test(test_a_client_without_the_permission_is_refused),
    cmocka_unit_test(test_a_client_with_the_permission_is_served),
    cmocka_unit_test(test_answers_stay_as_described_without_intervals),
    cmocka_unit_test(test_what_lies_ahead_or_begins_behind_its_end_is_no_empty_answer),
    cmocka_unit_test(test_null_stands_for_the_default),
    cmocka_unit_test(test_every_status_in_the_code_of_an_operation_is_declared),
    cmocka_unit_test(test_no_request_made_from_the_description_breaks_it),
};

TEST_MAIN(tests, set_up, tear_down)
