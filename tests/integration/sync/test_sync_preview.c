/* What a sync has changed, by its run; and dry runs, which tell what would change and change nothing: a dump of the
 * database is the same before and after. Real PostgreSQL, web with its children, the command, and the simulator. */
#include "tests/support/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

static struct web_server web;
static struct sim_server sim;
static char base_url[200], database[300];

FIXTURE(set_up)
{
    static const char *const small[] = {"--preset", "field-case", "--seed", "5", NULL};
    web_servers(&web);
    web_run_on(&web, &sim, small, NULL);
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", sim.base_url);
    snprintf(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    sim_stop(&sim);
    return 0;
}

static cJSON *ask(const char *method, const char *path, int status)
{
    struct http_reply reply = web_call(&web, method, path, web.admin, NULL);
    if (reply.status != status) fail_msg("%s %s: %d %s", method, path, reply.status, reply.body);
    cJSON *out = cJSON_Parse(reply.body);
    http_reply_free(&reply);
    return out;
}

static double number(const cJSON *object, const char *part, const char *name)
{
    if (part) object = cJSON_GetObjectItem(object, part);
    const cJSON *n = cJSON_GetObjectItem(object, name);
    return n ? n->valuedouble : 0;
}

/* Every table and sequence with a sum of what is in it, but for what web notes of requests, of tasks and of itself.
 */
static char *dump(void)
{
    return pg_value(
        &web.pg,
        "SELECT string_agg(relname || ' ' || md5(query_to_xml(CASE relkind WHEN 'S' THEN format('SELECT last_value,"
        " is_called FROM %I', relname) ELSE format('SELECT t::text FROM %I t ORDER BY 1', relname) END, false, false,"
        " '')::text), E'\n' ORDER BY relname) FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace ="
        " 'public'::regnamespace AND relname !~ "
        "'^(admin_|alert_|changes_(state|epochs)|flight_|problem_|web_|task_|store_sizes|logikald_migrations)'");
}

static void assert_untouched(const char *before, const char *what)
{
    char *after = dump();
    size_t at = 0;
    while (before[at] && before[at] == after[at]) at++;
    if (before[at] != after[at])
        fail_msg("%s has changed the database: %.300s", what, after + (at > 100 ? at - 100 : 0));
    free(after);
}

static int64_t full_sync(void)
{
    cJSON *result = ask("POST", "/api/v1/sync/full", 200);
    int64_t run = (int64_t)number(result, NULL, "run_id");
    assert_true(run > 0);
    cJSON_Delete(result);
    return run;
}

static cJSON *changes_of(int64_t run, const char *query)
{
    char path[200];
    snprintf(path, sizeof path, "/api/v1/syncs/%lld/changes%s", (long long)run, query);
    return ask("GET", path, 200);
}

static int count(const cJSON *out)
{
    return cJSON_GetArraySize(cJSON_GetObjectItem(out, "changes"));
}

/* ---- dry runs ---- */

static void assert_dry(cJSON *result, const char *type, const char *operation, double least)
{
    const cJSON *preview = cJSON_GetObjectItem(result, "preview");
    char *text = cJSON_PrintUnformatted(result);
    if (!cJSON_IsTrue(cJSON_GetObjectItem(result, "dry_run")) || cJSON_GetObjectItem(result, "run_id") ||
        cJSON_GetArraySize(cJSON_GetObjectItem(result, "not_previewed")) != 3 || !strstr(text, "nothing is written") ||
        number(cJSON_GetObjectItem(preview, "types"), type, operation) < least)
        fail_msg("no dry run with %g %s %s: %.2000s", least, type, operation, text);
    cJSON_free(text);
}

TEST(test_a_dry_run_over_an_empty_database_tells_of_everything)
{
    char *before = dump();

    cJSON *result = ask("POST", "/api/v1/sync/full?dry_run=true", 200);

    assert_dry(result, "elevation", "created", 17);
    assert_dry(result, "directory", "created", 1);
    assert_untouched(before, "a dry run");
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevations"), 0);
    cJSON_Delete(result);
    free(before);
}

TEST(test_what_a_run_has_changed)
{
    int64_t first = full_sync();
    cJSON *out = changes_of(first, "?type=elevation&operation=created");
    assert_int_equal(count(out), 17);
    assert_true(number(out, "totals", "created") > 17);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(out, "is_whole")));
    const cJSON *one = cJSON_GetArrayItem(cJSON_GetObjectItem(out, "changes"), 0);
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(one, "link")), "/ui/browse/elevations/"));
    cJSON_Delete(out);

    WAIT_UNTIL(pg_int(&web.pg,
                      "SELECT count(*) FROM task_history WHERE name LIKE '%full_sync_task' AND state = 'success'"
                      " AND worker LIKE 'web@%' AND kwargs = '{\"force_sync\":true}' AND run_ms > 2") == 1,
               20000);

    sim_post(&sim, "/change", "{\"type\":\"elevation\",\"count\":2}");
    sim_post(&sim, "/add", "{\"type\":\"elevation\",\"count\":1}");
    int64_t second = full_sync();

    out = changes_of(second, "?type=elevation");
    assert_true(number(out, "totals", "changed") >= 2);
    int all = count(out), seen = 0;
    assert_true(all >= 3);
    cJSON_Delete(out);
    char query[160] = "?type=elevation&limit=1";
    for (bool is_more = true; is_more && seen <= all;) {
        out = changes_of(second, query);
        const char *next = cJSON_GetStringValue(cJSON_GetObjectItem(out, "next"));
        seen += count(out);
        is_more = next != NULL;
        snprintf(query, sizeof query, "?type=elevation&limit=1&after=%s", next ? next : "");
        cJSON_Delete(out);
    }
    assert_int_equal(seen, all);
    cJSON_Delete(ask("GET", "/api/v1/syncs/999999/changes", 404));
    cJSON_Delete(ask("GET", "/api/v1/syncs/1/changes?after=x", 422));
}

/* Changes of each kind upstream, made together in a round, and how a dry run tells them; NULL: it is only compared. */
#define ROUNDS 3
static const struct {
    int round;
    const char *path, *json, *type, *operation;
} kinds[] = {
    {0, "/change", "{\"type\":\"elevation\",\"count\":1}", "elevation", "changed"},
    {0, "/add", "{\"type\":\"elevation\",\"count\":1}", "elevation", "created"},
    {0, "/add", "{\"type\":\"project\",\"count\":1}", "project", "created"},
    {1, "/delete", "{\"type\":\"elevation\",\"count\":1}", "elevation", "vanished"},
    {1, "/delete", "{\"type\":\"project\",\"count\":1}", "project", "vanished"},
    {2, "/restore", "{}", "project", "returned"},
    {2, "/mutate", "{\"seed\":11,\"count\":12}", NULL, NULL},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* The same numbers of each type and operation, but for elevations that are changed: what their files bring comes later.
 */
static void assert_same(const cJSON *told, int64_t run)
{
    static const char *const types[] = {"directory", "project", "phase", "elevation"}, *const operations[] = {
                                                                                           "created",  "moved",
                                                                                           "vanished", "returned",
                                                                                           "deleted",  "changed"};
    const cJSON *preview = cJSON_GetObjectItem(cJSON_GetObjectItem(told, "preview"), "types");
    for (int t = 0; t < 4; t++)
        for (int o = 0; o < (t == 3 ? 5 : 6); o++) {
            char query[80];
            snprintf(query, sizeof query, "?type=%s&operation=%s", types[t], operations[o]);
            cJSON *done = changes_of(run, query);
            if (count(done) != (int)number(preview, types[t], operations[o]))
                fail_msg("%s %s: %d were done, %g told", types[t], operations[o], count(done),
                         number(preview, types[t], operations[o]));
            cJSON_Delete(done);
        }
}

TEST(test_a_dry_run_tells_what_the_sync_then_does_and_writes_nothing)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KINDS; i++)
            if (kinds[i].round == round) sim_post(&sim, kinds[i].path, kinds[i].json);
        char *before = dump();

        cJSON *told = ask("POST", "/api/v1/sync/full?dry_run=true", 200);

        for (size_t i = 0; i < KINDS; i++)
            if (kinds[i].round == round && kinds[i].type) assert_dry(told, kinds[i].type, kinds[i].operation, 1);
        assert_untouched(before, "a dry run");
        assert_same(told, full_sync());
        cJSON_Delete(told);
        free(before);
    }
}

TEST(test_a_project_can_be_previewed_by_the_api_and_the_command)
{
    char *project = pg_value(&web.pg, "SELECT p.logikal_id FROM projects p JOIN elevations e ON e.project_id = p.id"
                                      " WHERE p.deleted_at IS NULL LIMIT 1"),
         path[200], kwargs[200], *output = NULL;
    sim_post(&sim, "/change", "{\"type\":\"elevation\",\"count\":100}");
    char *before = dump();
    snprintf(path, sizeof path, "/api/v1/sync/force/project/%s?dry_run=true", project);

    cJSON *result = ask("POST", path, 200);

    assert_dry(result, "elevation", "changed", 1);
    cJSON_Delete(result);
    assert_untouched(before, "a project's dry run");
    snprintf(kwargs, sizeof kwargs, "{\"project_id\":\"%s\",\"force_sync\":true}", project);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"),
                    "task",
                    "tasks.sync_tasks.sync_project_task",
                    "--dry-run",
                    "--kwargs",
                    kwargs,
                    NULL};
    char *const env[] = {database, base_url, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo", NULL};
    assert_int_equal(process_run(argv, env, &output), 0);
    assert_non_null(strstr(output, "\"dry_run\":true"));
    free(output);
    assert_untouched(before, "the command's dry run");

    /* What cannot be previewed is not done. */
    argv[2] = "tasks.sync_tasks.force_sync_directories_task";
    argv[4] = NULL;
    assert_int_not_equal(process_run(argv, env, &output), 0);
    assert_non_null(strstr(output, "cannot be previewed"));
    free(output);
    argv[2] = "tasks.sync_tasks.full_sync_task", argv[3] = "--kwargs", argv[4] = "{\"dry_run\":\"yes\"}",
    argv[5] = NULL;
    assert_int_not_equal(process_run(argv, env, &output), 0);
    assert_non_null(strstr(output, "neither true nor false"));
    free(output);
    argv[3] = "--args", argv[4] = "[false, \"yes\"]";
    assert_int_not_equal(process_run(argv, env, &output), 0);
    assert_non_null(strstr(output, "neither true nor false"));
    free(output);
    argv[3] = "--kwargs", argv[4] = "{\"dryRun\":true}";
    assert_int_not_equal(process_run(argv, env, &output), 0);
    assert_non_null(strstr(output, "dryRun is no argument"));
    free(output);
    static const char *const refused[] = {"/api/v1/sync/force/directories?dry_run=true",
                                          "/api/v1/sync/directories?dry_run=true",
                                          "/api/v1/sync/full?dry_run=maybe",
                                          "/api/v1/scheduler/sync/full?dry_run=2",
                                          "/api/v1/sync/full?dry_run=false&dry_run=true",
                                          "/api/v1/sync/full?dry_run=true&wait=true&dry_run=0",
                                          "/api/v1/sync/full?dryRun=true",
                                          "/api/v1/sync/incremental?dry-run",
                                          "/api/v1/sync/force/directories?DryRun=1"};
    static const char *const in_bodies[][2] = {
        {"/api/v1/sync/full", "{\"base_url\":\"http://x\",\"username\":\"x\",\"password\":\"x\",\"dry_run\":true}"},
        {"/api/v1/sync/force/directories?wait=true", "{\"dryRun\":true}"},
        {"/api/v1/sync/directories", "{\"force\":false,\"dry-run\":\"yes\"}"},
        {"/api/v1/sync/force/directories", "{\"DRYRUN\":1}"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) cJSON_Delete(ask("POST", refused[i], 422));
    for (size_t i = 0; i < sizeof in_bodies / sizeof *in_bodies; i++) {
        struct http_reply reply = web_call(&web, "POST", in_bodies[i][0], web.admin, in_bodies[i][1]);
        if (reply.status != 422 || !strstr(reply.body, "nothing was done"))
            fail_msg("%s %s: %d %s", in_bodies[i][0], in_bodies[i][1], reply.status, reply.body);
        http_reply_free(&reply);
    }
    assert_untouched(before, "what cannot be previewed");
    free(before);
    free(project);
}

TEST(test_a_dry_run_that_fails_writes_nothing_either)
{
    char *before = dump();
    sim_post(&sim, "/faults", "{\"rules\":[{\"endpoint\":\"projects\",\"kind\":\"status\",\"status\":403}]}");

    struct http_reply reply = web_call(&web, "POST", "/api/v1/sync/full?dry_run=true", web.admin, NULL);

    assert_non_null(strstr(reply.body, "nothing is written"));
    assert_non_null(strstr(reply.body, "could not be listed"));
    http_reply_free(&reply);
    assert_untouched(before, "a dry run that failed");
    sim_post(&sim, "/faults", "{\"rules\":[]}");
    free(before);
}

TEST(test_a_dry_run_in_a_schema_with_an_odd_name)
{
    char *output = NULL;
    char *const env[] = {
        database, base_url, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo", "DB_SCHEMA=Odd \"Schema's",
        NULL};
    char *migrate[] = {(char *)(uintptr_t)support_program("logikald-roles"), "migrate", NULL};
    char *task[] = {migrate[0], "task", "tasks.sync_tasks.full_sync_task", "--dry-run", NULL};
    assert_int_equal(process_run(migrate, env, &output), 0);
    free(output);

    int status = process_run(task, env, &output);

    if (status != 0 || !strstr(output, "\"created\":")) fail_msg("%d: %s", status, output);
    free(output);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM \"Odd \"\"Schema's\".elevations"), 0);
    assert_int_equal(pg_int(&web.pg, "SELECT last_value FROM \"Odd \"\"Schema's\".sync_runs_id_seq"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dry_run_over_an_empty_database_tells_of_everything),
        cmocka_unit_test(test_what_a_run_has_changed),
        cmocka_unit_test(test_a_dry_run_tells_what_the_sync_then_does_and_writes_nothing),
        cmocka_unit_test(test_a_project_can_be_previewed_by_the_api_and_the_command),
        cmocka_unit_test(test_a_dry_run_that_fails_writes_nothing_either),
        cmocka_unit_test(test_a_dry_run_in_a_schema_with_an_odd_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
