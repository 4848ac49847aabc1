/* Webhooks of the whole system while its worker, the receiver and the deliverers' database connections are killed:
 * nothing is lost, the changes of an object come in order, and what comes twice comes under the same webhook-id. And: a
 * sync's changes are told right after its commits, a client's webhooks end with its rights, the command shows it all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/servers/hooks.h"
#include "tests/support/system.h"
#include "tests/support/test.h"

#define OBJECTS 10
#define CHANGES 25 /* of each */
#define KILLS   12

static struct system sys;
static struct receiver receiver;
static char admin[120];

static struct http_reply call(const char *method, const char *path, const char *token, const char *body)
{
    char url[300], header[2200];
    snprintf(url, sizeof url, "%s%s", sys.url, path);
    snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    const char *headers[] = {header, body ? "Content-Type: application/json" : NULL, NULL};
    return http_request(method, url, headers, body);
}

static cJSON *answer(const char *method, const char *path, const char *token, const char *body, int status)
{
    struct http_reply reply = call(method, path, token, body);
    if (reply.status != status) fail_msg("%s %s %s: %d %s", method, path, body ? body : "", reply.status, reply.body);
    cJSON *out = cJSON_Parse(reply.body);
    http_reply_free(&reply);
    return out;
}

static char *text_of(const cJSON *object, const char *name)
{
    char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

FIXTURE(set_up)
{
    static const char *const small[] = {"--seed", "7", NULL};
    static const char *const env[] = {
        "BACKGROUND_SYNC_ENABLED=true", "SYNC_INTERVAL_SECONDS=3600", "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
        "WEBHOOK_TICK_SECONDS=1",       "WEBHOOK_TIMEOUT_SECONDS=5",  "WORKER_LEASE_SECONDS=2",
        "RATE_LIMIT_PER_MINUTE=0",      "RATE_LIMIT_PER_HOUR=0",      NULL};
    system_servers(&sys, small);
    receiver_start(&receiver);
    system_run(&sys, "", env);
    WAIT_UNTIL(system_child(&sys, "web") && system_child(&sys, "worker") && system_child(&sys, "beat"), 30000);
    cJSON *login = answer("POST", "/api/v1/admin/login", "none",
                          "{\"username\":\"admin\",\"password\":\"test-admin-password\"}", 200);
    snprintf(admin, sizeof admin, "%s", text_of(login, "access_token"));
    cJSON_Delete(login);
    return 0;
}

FIXTURE(tear_down)
{
    system_stop(&sys);
    process_stop(&receiver.process);
    system_end(&sys);
    return 0;
}

static int make_hook(const char *path, const char *token, const char *more)
{
    char body[400];
    snprintf(body, sizeof body, "{\"url\":\"%s%s\"%s}", receiver.url, path, more);
    pg_settle(&sys.pg);
    cJSON *made = answer("POST", "/api/v1/webhooks", token, body, 200);
    int id = cJSON_GetObjectItem(made, "id")->valueint;
    cJSON_Delete(made);
    return id;
}

static int64_t delivered(int id)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT delivered FROM webhooks WHERE id = %d", id);
    return pg_int(&sys.pg, sql);
}

static void drop_hook(int id)
{
    char path[60];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", id);
    cJSON_Delete(answer("DELETE", path, admin, NULL, 200));
}

/* ---- right after a commit ---- */

static bool has_change_of_a_run(const char *path)
{
    cJSON *got = receiver_got(&receiver, path), *request, *change;
    bool is_there = false;
    cJSON_ArrayForEach(request, got) {
        cJSON *data = cJSON_GetObjectItem(cJSON_GetObjectItem(request, "body"), "data");
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes"))
            is_there |= cJSON_IsNumber(cJSON_GetObjectItem(change, "run_id")) && *text_of(change, "task_id");
    }
    cJSON_Delete(got);
    return is_there;
}

TEST(test_what_a_sync_commits_is_told_at_once_by_the_worker)
{
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM sync_runs WHERE state = 'completed'") > 0, 60000);
    pg_exec(&sys.pg, "UPDATE webhook_asks SET asked_at = '-infinity', taken_at = '-infinity'");
    int id = make_hook("/ok?sync", admin, "");
    char project[100], path[200],
        *value = pg_value(&sys.pg, "SELECT logikal_id FROM projects WHERE deleted_at IS NULL"
                                   " AND id IN (SELECT project_id FROM elevations) LIMIT 1");
    snprintf(project, sizeof project, "%s", value);
    free(value);
    sim_post(&sys.sim, "/change", "{\"type\":\"elevation\",\"count\":50}");

    snprintf(path, sizeof path, "/api/v1/sync/force/project/%s", project);
    cJSON_Delete(answer("POST", path, admin, NULL, 200));

    WAIT_UNTIL(has_change_of_a_run("/ok?sync"), 20000);
    drop_hook(id);
}

/* ---- kills ---- */

static void kill_something(int turn)
{
    int pid = system_child(&sys, "worker");
    switch (turn % 4) {
    case 0:
        if (pid) kill(pid, SIGKILL);
        break;
    case 1:
        receiver_kill(&receiver);
        receiver_start(&receiver);
        break;
    default:
        pg_exec(&sys.pg,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'logikald%'"
                " AND pid <> pg_backend_pid()");
    }
    pg_exec(&sys.pg, "UPDATE webhooks SET next_try_at = '-infinity'"); /* what waits for its next try is tried now */
}

static void write_round(int value)
{
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE directories SET name = 'v-%d' WHERE logikal_id LIKE 'kill-%%'", value);
    pg_exec(&sys.pg, sql);
}

static void check_change(const char *id, const char *name, int last[OBJECTS])
{
    int object = (int)strtol(id + strlen("kill-"), NULL, 10), value = (int)strtol(name + strlen("v-"), NULL, 10);
    assert_true(object >= 0 && object < OBJECTS);
    if (value != last[object] + 1) fail_msg("object %d: %d after %d", object, value, last[object]);
    last[object] = value;
}

/* Each first delivery of a change, by object and value; whatever comes again comes as it was. How many came again. */
static int check_story(const char *path)
{
    cJSON *got = receiver_got(&receiver, path), *ids = cJSON_CreateObject(), *request, *change;
    int last[OBJECTS] = {0}, twice = 0;
    cJSON_ArrayForEach(request, got) {
        const char *id = text_of(cJSON_GetObjectItem(request, "headers"), "webhook-id"), *raw = text_of(request, "raw");
        cJSON *known = cJSON_GetObjectItemCaseSensitive(ids, id), *body = cJSON_GetObjectItem(request, "body");
        if (known) {
            assert_string_equal(cJSON_GetStringValue(known), raw);
            twice++;
            continue;
        }
        cJSON_AddStringToObject(ids, id, raw);
        if (cJSON_GetObjectItem(body, "_id")) check_change(text_of(body, "logikal_id"), text_of(body, "name"), last);
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(cJSON_GetObjectItem(body, "data"), "changes"))
            check_change(text_of(change, "logikal_id"),
                         text_of(cJSON_GetObjectItem(cJSON_GetObjectItem(change, "fields"), "name"), "after"), last);
    }
    for (int i = 0; i < OBJECTS; i++) assert_int_equal(last[i], CHANGES);
    cJSON_Delete(ids);
    cJSON_Delete(got);
    return twice;
}

static void kill_at(int done, int *kills)
{
    if (done * KILLS / (OBJECTS * CHANGES) < *kills) return;
    kill_something((*kills)++);
}

TEST(test_kills_lose_nothing_and_change_no_order)
{
    pg_exec(&sys.pg,
            "INSERT INTO directories (logikal_id, name, exclude_from_sync) SELECT 'kill-' || i, 'v-0', true FROM"
            " generate_series(0, 9) i");
    int one = make_hook("/slow/0.002?singly", admin, ",\"types\":[\"directory\"],\"format\":\"odoo\""), kills = 0;
    int many = make_hook("/slow/0.02?batches", admin, ",\"types\":[\"directory\"]");
    for (int value = 1; value <= CHANGES; value++) write_round(value);

    int64_t deadline = support_deadline(120000);
    while (delivered(one) < OBJECTS * CHANGES || delivered(many) < OBJECTS * CHANGES) {
        if (support_late(deadline)) fail_msg("%d and %d delivered", (int)delivered(one), (int)delivered(many));
        kill_at((int)delivered(one), &kills);
        support_pause();
    }
    assert_true(kills >= KILLS / 2);
    int twice = check_story("/slow/0.002?singly") + check_story("/slow/0.02?batches");
    print_message("%d kills, %d requests came again\n", kills, twice);
    drop_hook(one);
    drop_hook(many);
}

/* ---- rights ---- */

static char *client(const char *name, const char *permissions)
{
    char body[300], *token;
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"name\":\"%s\",\"permissions\":%s}", name, name, permissions);
    cJSON *made = answer("POST", "/api/v1/client-auth/register", admin, body, 200);
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"client_secret\":\"%s\"}", name,
             text_of(made, "client_secret"));
    cJSON *login = answer("POST", "/api/v1/client-auth/login", "none", body, 200);
    token = strdup(text_of(login, "access_token"));
    cJSON_Delete(made);
    cJSON_Delete(login);
    return token;
}

TEST(test_a_client_has_its_own_webhooks_until_its_rights_end)
{
    static const char all[] = "[\"projects:read\",\"elevations:read\",\"webhooks:manage\"]";
    char *one = client("one", all), *two = client("two", all), path[80];
    int id = make_hook("/ok?rights", one, "");
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", id);
    static const char *const acts[][3] = {
        {"GET", "", NULL},       {"PATCH", "", "{\"state\":\"paused\"}"},      {"DELETE", "", NULL},
        {"POST", "/test", NULL}, {"POST", "/replay", "{\"since\":\"start\"}"}, {"POST", "/rotate-secret", NULL}};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        char whole[120];
        snprintf(whole, sizeof whole, "%s%s", path, acts[i][1]);
        cJSON_Delete(answer(acts[i][0], whole, two, acts[i][2], 404));
    }
    cJSON *list = answer("GET", "/api/v1/webhooks", two, NULL, 200);
    assert_int_equal(cJSON_GetObjectItem(list, "count")->valueint, 0);
    cJSON_Delete(list);
    cJSON_Delete(answer("GET", path, one, NULL, 200));

    pg_exec(&sys.pg, "UPDATE projects SET description = 'while it may' WHERE id = (SELECT min(id) FROM projects)");
    WAIT_UNTIL(delivered(id) >= 1, 20000);
    int64_t before = delivered(id);
    pg_exec(&sys.pg,
            "UPDATE clients SET permissions = '[\"projects:read\",\"webhooks:manage\"]' WHERE client_id = 'one'");
    pg_exec(&sys.pg,
            "UPDATE projects SET description = 'when it may no more' WHERE id = (SELECT min(id) FROM projects)");

    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM webhooks WHERE id = %d AND state = 'failed'", id);
    WAIT_UNTIL(pg_int(&sys.pg, sql) == 1, 20000);
    assert_int_equal(delivered(id), before);
    drop_hook(id);
    free(one);
    free(two);
}

/* ---- the command ---- */

static char *command(int status, const char *a, const char *b, const char *c, const char *d, const char *e)
{
    char database[300], *output = NULL;
    snprintf(database, sizeof database, "DATABASE_URL=%s", sys.pg.url);
    char *argv[] = {
        (char *)support_program("logikald"), "feed", (char *)a, (char *)b, (char *)c, (char *)d, (char *)e, NULL};
    int got = process_run(argv, (char *[]){database, NULL}, &output);
    if (got != status) fail_msg("feed %s: %d %s", a, got, output);
    return output;
}

TEST(test_the_command_shows_the_feed_and_replays)
{
    char sql[200], number[20], *output;
    int id = make_hook("/ok?command", admin, ",\"description\":\"seen by the command\"");
    pg_exec(&sys.pg,
            "UPDATE projects SET description = 'told to the terminal' WHERE id = (SELECT min(id) FROM projects)");
    WAIT_UNTIL(delivered(id) == 1, 20000);

    output = command(0, "status", NULL, NULL, NULL, NULL);
    assert_non_null(strstr(output, "active"));
    assert_non_null(strstr(output, "seen by the command"));
    assert_non_null(strstr(output, "delivered 1 changes"));
    free(output);
    output = command(0, "tail", "-n", "1", "--types", "project");
    assert_non_null(strstr(output, "project changed"));
    assert_non_null(strstr(output, "\"told to the terminal\""));
    assert_int_equal(strchr(output, '\n') - output + 1, (ptrdiff_t)strlen(output));
    free(output);
    snprintf(number, sizeof number, "%d", id);
    free(command(0, "replay", number, "2020-01-01T00:00:00Z", NULL, NULL));
    WAIT_UNTIL(delivered(id) > 2, 20000);
    free(command(0, "--help", NULL, NULL, NULL, NULL));
    free(command(64, "tail", "-n", "0", NULL, NULL));
    free(command(64, "replay", number, "yesterday", NULL, NULL));
    free(command(64, "replay", "x", "now", NULL, NULL));
    free(command(64, "nonsense", NULL, NULL, NULL, NULL));
    output = command(66, "replay", "999999", "now", NULL, NULL);
    assert_non_null(strstr(output, "there is no webhook"));
    free(output);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM webhook_tries WHERE webhook_id = %d", id);
    assert_true(pg_int(&sys.pg, sql) > 1);
    drop_hook(id);
}

/* A command that syncs without web and worker tells of it by itself. */
TEST(test_a_task_from_the_command_line_delivers_in_the_end)
{
    char database[300], url[300], *output = NULL;
    int worker = system_child(&sys, "worker"), web = system_child(&sys, "web");
    int id = make_hook("/ok?one-shot", admin, "");
    kill(worker, SIGSTOP);
    kill(web, SIGSTOP);
    snprintf(database, sizeof database, "DATABASE_URL=%s", sys.pg.url);
    snprintf(url, sizeof url, "LOGIKAL_API_BASE_URL=%s", sys.sim.base_url);
    sim_post(&sys.sim, "/change", "{\"type\":\"project\",\"count\":3}");
    char *argv[] = {(char *)support_program("logikald"), "task", "tasks.sync_tasks.full_sync_task", NULL};
    char *env[] = {database,
                   url,
                   "LOGIKAL_AUTH_USERNAME=demo",
                   "LOGIKAL_AUTH_PASSWORD=demo",
                   "SECRET_KEY=5f0c1c1be38647b8a7b3d9a5f4a1e6c2",
                   "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
                   NULL};
    int status = process_run(argv, env, &output);
    int64_t count = delivered(id);
    kill(web, SIGCONT);
    kill(worker, SIGCONT);
    if (status != 0) fail_msg("%d: %s", status, output);
    free(output);
    assert_true(count > 0);
    drop_hook(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_sync_commits_is_told_at_once_by_the_worker),
        cmocka_unit_test(test_kills_lose_nothing_and_change_no_order),
        cmocka_unit_test(test_a_client_has_its_own_webhooks_until_its_rights_end),
        cmocka_unit_test(test_the_command_shows_the_feed_and_replays),
        cmocka_unit_test(test_a_task_from_the_command_line_delivers_in_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
