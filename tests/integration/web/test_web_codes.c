/* Refusals as the clients of the replaced system know them: status, code and message of every operation that had them.
 * The table is the test's own; each row is made to happen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;
static struct sim_server sim;

static void run(const char *password)
{
    static char base_url[200];
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", sim.base_url);
    const char *const env[] = {base_url,
                               "LOGIKAL_AUTH_USERNAME=demo",
                               password,
                               "LOG_LEVEL=error",
                               "DATABASE_STATEMENT_TIMEOUT_MS=3000",
                               "TRUSTED_PROXIES=127.0.0.1/32",
                               NULL};
    web_run(&web, env, true);
    web_log_in(&web);
}

FIXTURE(set_up)
{
    static const char *const small[] = {"--preset", "field-case", "--seed", "5", NULL};
    web_servers(&web);
    sim_start(&sim, small);
    run("LOGIKAL_AUTH_PASSWORD=demo");
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, upstream_path, level, upstream_chain) VALUES"
                     " ('d', 'd', 'd', 0, 'd')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p', 'p', id FROM directories");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT 'h', 'h', id FROM projects");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id) SELECT 'e', 'e', id FROM phases");
    pg_exec(&web.pg, "UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type = 'phase'");
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    sim_stop(&sim);
    return 0;
}

/* ---- rows ---- */

enum who { ADMIN, NOBODY, STRANGER /* with a token that is none */ };
struct row {
    const char *method, *path, *body;
    enum who who;
    int status;
    const char *code, *message; /* no code: detail is the message; message NULL: any text */
};

static int faults; /* told one by one, so that one run shows them all */

static void told(const struct row *row, const struct http_reply *reply, const char *what)
{
    print_error("%s %s: %s: %d %.300s\n", row->method, row->path, what, reply->status, reply->body ? reply->body : "");
    faults++;
}

static void check_row(const struct row *row)
{
    static int n;
    char from[64], bearer[128], url[400];
    const char *token = row->who == ADMIN ? web.admin : row->who == STRANGER ? "0123456789abcdef" : NULL;
    snprintf(url, sizeof url, "%s%s", web.url, row->path);
    snprintf(from, sizeof from, "X-Forwarded-For: 10.1.%d.%d", n / 200, n % 200 + 1); /* logins have limits */
    n++;
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    const char *const headers[] = {from, "Content-Type: application/json", token ? bearer : NULL, NULL};
    struct http_reply reply = http_request(row->method, url, headers, row->body);
    cJSON *json = cJSON_Parse(reply.body), *detail = cJSON_GetObjectItem(json, "detail");
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItem(detail, "code"));
    const char *message = cJSON_GetStringValue(row->code ? cJSON_GetObjectItem(detail, "message") : detail);
    if (reply.status != row->status) told(row, &reply, "another status");
    if (row->code && (!code || strcmp(code, row->code) != 0)) told(row, &reply, "another code");
    if (!message || !*message || (row->message && strcmp(message, row->message) != 0))
        told(row, &reply, "another message");
    cJSON_Delete(json);
    http_reply_free(&reply);
}

static void check_rows(const struct row *rows, size_t n)
{
    faults = 0;
    for (size_t i = 0; i < n; i++) check_row(&rows[i]);
    assert_int_equal(faults, 0);
}

#define V1         "/api/v1"
#define TYPE       "Object type must be project, phase, or elevation"
#define MAKE_ALERT "{\"alert_type\":\"t\",\"severity\":\"info\",\"message\":\"m\"}"

TEST(test_what_is_wrong_or_missing_has_its_code)
{
    static const struct row rows[] = {
        {"POST", V1 "/admin/login", "{\"username\":\"a\",\"password\":\"b\"}", NOBODY, 401, NULL,
         "Invalid admin credentials"},
        {"GET", V1 "/admin/verify", NULL, NOBODY, 401, NULL, "No authentication token provided"},
        {"GET", V1 "/admin/verify", NULL, STRANGER, 401, NULL, "Invalid or expired admin session"},
        {"GET", V1 "/advanced-sync/stale-objects/window", NULL, ADMIN, 400, "INVALID_OBJECT_TYPE", TYPE},
        {"GET", V1 "/advanced-sync/stale-objects/x'y", NULL, ADMIN, 400, "INVALID_OBJECT_TYPE", TYPE},
        {"POST", V1 "/advanced-sync/selective-sync?object_type=window", "[\"1\"]", ADMIN, 400, "INVALID_OBJECT_TYPE",
         TYPE},
        {"POST", V1 "/advanced-sync/dependency-sync/window/1", NULL, ADMIN, 400, "INVALID_OBJECT_TYPE", TYPE},
        {"GET", V1 "/advanced-sync/project-metrics/none", NULL, ADMIN, 404, "PROJECT_NOT_FOUND", NULL},
        {"POST", V1 "/advanced-sync/alerts/send-notification", "{\"alert_id\":\"a1\",\"recipients\":[\"x\"]}", ADMIN,
         404, "ALERT_NOT_FOUND", "Alert a1 not found"},
        {"POST", V1 "/advanced-sync/alerts/acknowledge", "{\"alert_id\":\"a1\",\"acknowledged_by\":\"me\"}", ADMIN, 400,
         "ACKNOWLEDGEMENT_FAILED", NULL},
        {"POST", V1 "/auth/login", "{\"base_url\":\"http://x\",\"username\":\"u\",\"password\":\"p\"}", NOBODY, 401,
         "AUTHENTICATION_FAILED", "Invalid credentials"},
        {"POST", V1 "/auth/reset-navigation?base_url=http://x&username=u&password=p", NULL, NOBODY, 400,
         "NAVIGATION_RESET_FAILED", "Failed to reset navigation"},
        {"POST", V1 "/client-auth/register", "{\"client_id\":\"twice\",\"name\":\"n\"}", ADMIN, 400, "CLIENT_ID_EXISTS",
         "Client ID already exists"},
        {"POST", V1 "/client-auth/login", "{\"client_id\":\"twice\",\"client_secret\":\"s\"}", NOBODY, 401,
         "INVALID_CREDENTIALS", "Invalid client credentials"},
        {"PUT", V1 "/client-auth/clients/none", "{\"is_active\":true}", ADMIN, 404, "CLIENT_NOT_FOUND",
         "Client 'none' not found"},
        {"GET", V1 "/admin/clients/none", NULL, ADMIN, 404, NULL, "Client none not found"},
        {"PUT", V1 "/admin/clients/none", "{\"name\":\"n\"}", ADMIN, 404, NULL, "Client none not found"},
        {"POST", V1 "/admin/clients/none/regenerate-secret", NULL, ADMIN, 404, NULL, "Client none not found"},
        {"DELETE", V1 "/admin/clients/none", NULL, ADMIN, 404, NULL, "Client none not found"},
        {"DELETE", V1 "/admin/clients/%7Bclient_id%7D%22", NULL, ADMIN, 404, NULL, "Client {client_id}\" not found"},
        {"GET", V1 "/directories/none", NULL, ADMIN, 404, "DIRECTORY_NOT_FOUND", "Directory with ID none not found"},
        {"POST", V1 "/directories/none/select", NULL, ADMIN, 400, "DIRECTORY_SELECT_FAILED",
         "Failed to select directory"},
        {"POST", V1 "/directories/4711/exclude", "{\"exclude\":true}", ADMIN, 400, "DIRECTORY_EXCLUSION_FAILED",
         "Failed to update directory exclusion"},
        {"GET", V1 "/elevations/4711/image", NULL, ADMIN, 404, NULL, "Elevation not found"},
        {"GET", V1 "/elevations/1/image", NULL, ADMIN, 404, NULL, "Image not found"},
        {"GET", V1 "/elevations/none/thumbnail", NULL, ADMIN, 404, NULL, "Elevation not found"},
        {"GET", V1 "/elevations/e/thumbnail", NULL, ADMIN, 404, NULL, "Thumbnail not found"},
        {"GET", V1 "/elevations/4711/enrichment", NULL, ADMIN, 404, NULL, "Elevation not found"},
        {"POST", V1 "/elevations/4711/enrichment/trigger", NULL, ADMIN, 404, NULL, "Elevation not found"},
        {"POST", V1 "/elevations/1/enrichment/trigger", NULL, ADMIN, 400, NULL,
         "Elevation does not have SQLite parts data"},
        {"GET", V1 "/elevations/4711", NULL, ADMIN, 404, NULL, "Elevation not found"},
        {"GET", V1 "/odoo/projects/none", NULL, ADMIN, 404, "PROJECT_NOT_FOUND", "Project with ID 'none' not found"},
        {"GET", V1 "/odoo/projects/none/complete", NULL, ADMIN, 404, "PROJECT_NOT_FOUND",
         "Project with ID 'none' not found"},
        {"GET", V1 "/odoo/projects/none/complete?auto_sync=false", NULL, ADMIN, 404, "PROJECT_NOT_FOUND",
         "Project with ID 'none' not found"},
        {"GET", V1 "/odoo/projects/none/phases", NULL, ADMIN, 404, "PROJECT_NOT_FOUND",
         "Project with ID 'none' not found"},
        {"GET", V1 "/odoo/projects/p/phases/none/elevations", NULL, ADMIN, 404, "PHASE_NOT_FOUND",
         "Phase with ID 'none' not found in project 'p'"},
        {"GET", V1 "/projects/none", NULL, ADMIN, 404, "PROJECT_NOT_FOUND", "Project with ID none not found"},
        {"POST", V1 "/projects/none/select", NULL, ADMIN, 400, "PROJECT_SELECT_FAILED", "Failed to select project"},
        {"POST", V1 "/scheduler/sync/batch", "[]", ADMIN, 400, "INVALID_REQUEST", "project_ids cannot be empty"},
        {"GET", V1 "/admin/sync-intervals/none", NULL, ADMIN, 404, NULL, "Sync configuration for none not found"},
        {"PUT", V1 "/admin/sync-intervals/none", "{\"priority\":3}", ADMIN, 404, NULL,
         "Sync configuration for none not found"},
        {"DELETE", V1 "/admin/sync-intervals/none", NULL, ADMIN, 404, NULL, "Sync configuration for none not found"},
        {"POST", V1 "/admin/sync-intervals/none/toggle", NULL, ADMIN, 404, NULL,
         "Sync configuration for none not found"},
        {"POST", V1 "/admin/sync-intervals/none/sync", NULL, ADMIN, 404, NULL, "Sync configuration for none not found"},
        {"POST", V1 "/admin/sync-intervals/phase/sync", NULL, ADMIN, 400, NULL, "Sync is disabled for phase"},
        {"POST", V1 "/admin/sync-intervals/", "{\"object_type\":\"phase\",\"display_name\":\"P\"}", ADMIN, 400, NULL,
         "Sync configuration for phase already exists"},
        {"POST", V1 "/sync-status/project/none/mark-updated", NULL, ADMIN, 404, "PROJECT_NOT_FOUND",
         "Project none not found"},
        {"POST", V1 "/sync-status/project/p/mark-updated?update_date=yesterday", NULL, ADMIN, 400, "INVALID_DATE",
         "Invalid date format"},
    };
    free(web_client(&web, "twice", "[]"));
    check_rows(rows, sizeof rows / sizeof *rows);
}

/* ---- syncs that fail: Logikal refuses our password ---- */

TEST(test_a_sync_that_fails_has_its_code)
{
    static const struct row rows[] = {
        {"POST", V1 "/sync/force/directories", NULL, ADMIN, 400, "FORCE_SYNC_DIRECTORIES_FAILED",
         "Force sync directories failed"},
        {"POST", V1 "/sync/force/project/p", NULL, ADMIN, 400, "FORCE_SYNC_PROJECT_FAILED",
         "Force sync project failed"},
        {"POST", V1 "/sync/force/directory/d/projects", NULL, ADMIN, 400, "FORCE_SYNC_DIRECTORY_PROJECTS_FAILED",
         "Force sync directory projects failed"},
        {"POST", V1 "/sync/directories", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/directories/concurrent", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/directories/optimized", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/projects", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/phases", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/elevations", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/parts-list", NULL, ADMIN, 400, NULL, NULL},
        {"POST", V1 "/sync/full", NULL, ADMIN, 400, "FULL_SYNC_FAILED", "Full sync failed"},
        {"POST", V1 "/sync/incremental", NULL, ADMIN, 400, "INCREMENTAL_SYNC_FAILED", "Incremental sync failed"},
        {"POST", V1 "/advanced-sync/cascade-sync/p", NULL, ADMIN, 400, "SYNC_FAILED", NULL},
    };
    web_stop(&web);
    run("LOGIKAL_AUTH_PASSWORD=another");
    check_rows(rows, sizeof rows / sizeof *rows);
    struct http_reply reply = web_call(&web, "POST", V1 "/sync/force/project/p", web.admin, NULL);
    if (!strstr(reply.body, "\"details\":\"")) fail_msg("no details: %s", reply.body);
    http_reply_free(&reply);
}

/* ---- what a lock keeps away is unavailable, under the code that clients know ---- */

TEST(test_what_is_unavailable_keeps_the_code)
{
    static const struct {
        const char *table;
        struct row row;
    } rows[] = {
        {"directories",
         {"GET", V1 "/directories/", NULL, ADMIN, 503, "DIRECTORY_FETCH_FAILED", "Failed to fetch directories"}},
        {"directories",
         {"GET", V1 "/directories/d", NULL, ADMIN, 503, "DIRECTORY_FETCH_FAILED", "Failed to fetch directories"}},
        {"directories",
         {"POST", V1 "/directories/bulk-exclude", "{\"directory_ids\":[1],\"exclude\":true}", ADMIN, 503,
          "BULK_DIRECTORY_EXCLUSION_FAILED", "Failed to bulk update directory exclusion"}},
        {"projects", {"GET", V1 "/projects/", NULL, ADMIN, 503, "PROJECT_FETCH_FAILED", "Failed to fetch projects"}},
        {"projects", {"GET", V1 "/projects/p", NULL, ADMIN, 503, "PROJECT_FETCH_FAILED", "Failed to fetch projects"}},
        {"sync_logs", {"GET", V1 "/sync/status", NULL, ADMIN, 503, "SYNC_STATUS_FAILED", "Failed to get sync status"}},
        {"alerts_or_so",
         {"POST", V1 "/advanced-sync/alerts/create", MAKE_ALERT, ADMIN, 503, "ALERT_CREATION_FAILED", NULL}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char lock[200], *alerts = pg_value(&web.pg, "SELECT table_name FROM information_schema.tables WHERE table_name"
                                                    " LIKE '%alerts' AND table_schema = 'public' LIMIT 1");
        snprintf(lock, sizeof lock, "LOCK TABLE %s",
                 strcmp(rows[i].table, "alerts_or_so") == 0 ? alerts : rows[i].table);
        PGconn *c = pg_connect(&web.pg);
        PQclear(PQexec(c, "BEGIN"));
        PGresult *locked = PQexec(c, lock);
        if (PQresultStatus(locked) != PGRES_COMMAND_OK) fail_msg("%s: %s", lock, PQerrorMessage(c));
        PQclear(locked);
        check_rows(&rows[i].row, 1);
        PQfinish(c);
        free(alerts);
    }
}

/* ---- other facts that clients rely on ---- */

TEST(test_tokens_live_a_day)
{
    char body[300];
    struct http_reply reply = web_call(&web, "POST", V1 "/client-auth/register", web.admin,
                                       "{\"client_id\":\"daily\",\"name\":\"n\",\"permissions\":[\"projects:read\"]}");
    char *secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    snprintf(body, sizeof body, "{\"client_id\":\"daily\",\"client_secret\":\"%s\"}", secret);

    reply = web_call(&web, "POST", V1 "/client-auth/login", NULL, body);

    char *seconds = web_member(reply.body, "expires_in");
    assert_string_equal(seconds, "86400");
    free(seconds);
    free(secret);
    http_reply_free(&reply);
}

TEST(test_marking_tells_the_date)
{
    static const char *const dates[] = {"", "?update_date=2026-01-02T03:04:05", "?update_date=2026-01-02T03:04:05Z",
                                        "?update_date=2026-01-02T03:04:05%2B01:00"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        char path[200];
        snprintf(path, sizeof path, V1 "/sync-status/project/p/mark-updated%s", dates[i]);
        struct http_reply reply = web_call(&web, "POST", path, web.admin, NULL);
        if (reply.status != 200) fail_msg("%s: %d %s", path, reply.status, reply.body);
        char *success = web_member(reply.body, "success"), *message = web_member(reply.body, "message");
        char *date = web_member(reply.body, "update_date");
        assert_string_equal(success, "true");
        assert_true(*message && strncmp(date, "20", 2) == 0);
        free(success);
        free(message);
        free(date);
        http_reply_free(&reply);
    }
}

TEST(test_a_smart_sync_that_ran_tells_when)
{
    assert_int_equal(web_status(&web, "POST", V1 "/sync/full", web.admin, NULL), 200);
    char *project = pg_value(&web.pg, "SELECT logikal_id FROM projects WHERE logikal_id <> 'p' ORDER BY id LIMIT 1");
    char path[300];
    snprintf(path, sizeof path, V1 "/sync-status/project/%s/sync?force_sync=true", project);

    struct http_reply reply = web_call(&web, "POST", path, web.admin, NULL);

    char *synced = web_member(reply.body, "synced"), *at = web_member(reply.body, "synced_at");
    assert_string_equal(synced, "true");
    assert_true(strncmp(at, "20", 2) == 0);
    free(synced);
    free(at);
    free(project);
    http_reply_free(&reply);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_wrong_or_missing_has_its_code),
    cmocka_unit_test(test_what_is_unavailable_keeps_the_code),
    cmocka_unit_test(test_tokens_live_a_day),
    cmocka_unit_test(test_marking_tells_the_date),
    cmocka_unit_test(test_a_smart_sync_that_ran_tells_when),
    cmocka_unit_test(test_a_sync_that_fails_has_its_code), /* the last one: with a wrong password */
};
TEST_MAIN(tests, set_up, tear_down)
