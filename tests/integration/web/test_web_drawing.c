/* The upstream's drawing of an elevation, which is fetched when somebody asks for it: how it comes, that many who ask
 * cost one call, when it is fetched anew, and what is said when it does not come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;
static struct sim_server sim;
static char *token;

FIXTURE(set_up)
{
    static const char *const field[] = {"--preset", "field-case", "--seed", "5", NULL};
    web_servers(&web);
    const char *const env[] = {"LOGIKAL_RETRY_BUDGET_SECONDS=1",
                               "LOGIKAL_MAX_DRAWING_BYTES=65536",
                               "LOGIKAL_CALL_TIMEOUT_MS=5000",
                               "SYNC_PARTS_LISTS=false",
                               "LOG_LEVEL=warning",
                               NULL};
    web_run_on(&web, &sim, field, env);
    token = web_client(&web, "erp", "[\"elevations:read\"]");
    assert_int_equal(web_status(&web, "POST", "/api/v1/sync/full", web.admin, NULL), 200);
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    sim_stop(&sim);
    return 0;
}

static int drawings_asked(void)
{
    char *stats = sim_get(&sim, "/stats");
    cJSON *json = cJSON_Parse(stats);
    int n = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "calls"), "drawing"));
    cJSON_Delete(json);
    free(stats);
    return n;
}

static struct http_reply ask(int elevation, const char *header)
{
    char path[200];
    snprintf(path, sizeof path, "/api/v1/elevations/%d/drawing", elevation);
    return web_ask(&web, "GET", path, token, header);
}

static int status_of(int elevation)
{
    struct http_reply reply = ask(elevation, NULL);
    int status = reply.status;
    if (status == 202) {
        assert_non_null(strcasestr(reply.headers, "Retry-After: "));
        assert_non_null(strstr(reply.body, "ask again"));
        assert_null(strcasestr(reply.headers, "ETag:"));
    }
    http_reply_free(&reply);
    return status;
}

/* Asks as it is told to, a little faster; the answer that is no 202. */
static int until_answered(int elevation)
{
    int status = 0;
    WAIT_UNTIL((status = status_of(elevation)) != 202, 30000);
    return status;
}

TEST(test_a_drawing_comes_when_it_is_asked_for_and_stays)
{
    int before = drawings_asked();
    assert_int_equal(before, 0); /* a sync asks for none */
    assert_int_equal(status_of(1), 202);
    assert_int_equal(until_answered(1), 200);
    assert_int_equal(drawings_asked(), 1);

    char *etag = pg_value(&web.pg, "SELECT encode(sha256(content), 'hex') FROM elevation_drawings"
                                   " WHERE elevation_id = 1 AND substring(content FROM 17 FOR 4) = '\\x00000640'"),
         known[200];
    struct http_reply reply = ask(1, NULL);
    snprintf(known, sizeof known, "ETag: \"%s\"", etag);
    assert_non_null(strcasestr(reply.headers, known));
    assert_non_null(strcasestr(reply.headers, "Content-Type: image/png"));
    http_reply_free(&reply);
    snprintf(known, sizeof known, "If-None-Match: \"%s\"", etag);
    reply = ask(1, known);
    assert_int_equal(reply.status, 304);
    http_reply_free(&reply);
    free(etag);
    assert_int_equal(drawings_asked(), 1);
    assert_int_equal(web_status(&web, "GET", "/api/v1/elevations/9999/drawing", token, NULL), 404);
}

static void fault(const char *json)
{
    char text[300];
    snprintf(text, sizeof text, "{\"rules\":[{\"endpoint\":\"drawing\",%s}]}", json);
    sim_post(&sim, "/faults", text);
}

TEST(test_many_who_ask_at_once_cost_one_call)
{
    char command[3500], *output = NULL, *const argv[] = {"/bin/sh", "-c", command, NULL};
    int before = drawings_asked();
    fault("\"kind\":\"slow\",\"duration_ms\":700,\"count\":1");
    snprintf(command, sizeof command,
             "for i in 1 2 3 4 5 6 7 8 9 10; do curl -s -o /dev/null -w '%%{http_code} ' -H 'Authorization: Bearer %s' "
             "%s/api/v1/elevations/2/drawing & done; wait",
             token, web.url);
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 0);
    assert_string_equal(output, "202 202 202 202 202 202 202 202 202 202 ");
    free(output);
    assert_int_equal(until_answered(2), 200);
    assert_int_equal(drawings_asked(), before + 1);
}

TEST(test_a_task_that_comes_twice_asks_once)
{
    char database[300], url[200], *output = NULL;
    int before = drawings_asked();
    snprintf(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    snprintf(url, sizeof url, "LOGIKAL_API_BASE_URL=%s", sim.base_url);
    char *const argv[] = {(char *)support_program("logikald-roles"),
                          "task",
                          "tasks.sync_tasks.fetch_drawing_task",
                          "--args",
                          "[2]",
                          NULL};
    char *const env[] = {database, url, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo", NULL};
    /* The one that was before is at its end: its result would be this one's. */
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM leases WHERE name = 'drawing:2' AND expires_at > now()") == 0,
               60000);
    int status = process_run(argv, env, &output);
    bool is_idle = output && strstr(output, "nobody waits for it");
    if (status != 0 || !is_idle) print_error("%d: %s\n", status, output ? output : "");
    free(output);
    assert_true(status == 0 && is_idle);
    assert_int_equal(drawings_asked(), before);
}

TEST(test_another_version_of_the_elevation_has_another_drawing)
{
    int before = drawings_asked();
    pg_exec(&web.pg, "UPDATE elevations SET version_id = 'another' WHERE id = 1");
    assert_int_equal(status_of(1), 202);
    assert_int_equal(until_answered(1), 200);
    assert_int_equal(drawings_asked(), before + 1);
    assert_int_equal(pg_int(&web.pg, "SELECT (version_id = 'another')::int FROM elevation_drawings"
                                     " WHERE elevation_id = 1"),
                     1);
}

/* ---- what does not come ---- */

TEST(test_what_the_upstream_does_instead_is_told)
{
    static const struct {
        const char *fault;
        int status;
        const char *told; /* NULL: the fault passes, and the drawing comes */
    } rows[] = {
        {"\"kind\":\"status\",\"status\":403", 502, "refuses"},
        {"\"kind\":\"status\",\"status\":400", 502, "refuses"},
        {"\"kind\":\"status\",\"status\":410", 404, "has no drawing"},
        {"\"kind\":\"garbage\"", 502, "is none"},
        {"\"kind\":\"locked\"", 503, "could not be fetched"},
        {"\"kind\":\"cut\"", 503, "could not be fetched"},
        {"\"kind\":\"truncate\"", 503, "could not be fetched"},
        {"\"kind\":\"cut\",\"count\":1", 200, NULL},
        {"\"kind\":\"expire\",\"count\":1", 200, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int elevation = 3 + (int)i, asked;
        fault(rows[i].fault);
        int status = until_answered(elevation);
        asked = drawings_asked();
        struct http_reply reply = ask(elevation, NULL);
        if (status != rows[i].status || reply.status != status || (rows[i].told && !strstr(reply.body, rows[i].told)))
            fail_msg("%s: %d, %d %s", rows[i].fault, status, reply.status, rows[i].told ? reply.body : "");
        if (status == 503) assert_non_null(strcasestr(reply.headers, "Retry-After:"));
        http_reply_free(&reply);
        assert_int_equal(drawings_asked(), asked); /* it is not asked again for everybody */
    }
    sim_post(&sim, "/faults/clear", "{}");
    pg_exec(&web.pg, "UPDATE elevation_drawings SET tried_at = now() - interval '1 day'"); /* after a while it is */
    assert_int_equal(until_answered(3), 200);
    assert_int_equal(until_answered(10), 200);
}

/* What is right of each lie about a drawing: status and text. */
static const struct {
    const char *name;
    int status;
    const char *told;
} told_of[] = {{"drawing-empty", 502, "is none"},
               {"drawing-html", 502, "is none"},
               {"drawing-json", 502, "is none"},
               {"drawing-half", 502, "half an image"},
               {"drawing-half-emf", 502, "half an image"},
               {"drawing-half-bmp", 502, "half an image"},
               {"drawing-half-gif", 502, "half an image"},
               {"drawing-half-pdf", 502, "half an image"},
               {"drawing-type", 200, ""},
               {"drawing-huge", 502, "LOGIKAL_MAX_DRAWING_BYTES"},
               {"drawing-404", 404, "has no drawing"},
               {"drawing-500", 503, "could not be fetched"},
               {"drawing-hang", 503, "could not be fetched"}};

static void expect_told(const char *lie)
{
    size_t i = 0, n = sizeof told_of / sizeof *told_of;
    char json[120];
    while (i < n && strcmp(told_of[i].name, lie) != 0) i++;
    if (i == n) fail_msg("nothing says here what is right of %s", lie);
    snprintf(json, sizeof json, "{\"lies\":[{\"name\":\"%s\"}]}", lie);
    sim_post(&sim, "/lies", json);
    pg_exec(&web.pg, "DELETE FROM elevation_drawings WHERE elevation_id = 16");
    int status = until_answered(16);
    struct http_reply reply = ask(16, NULL);
    if (status != told_of[i].status || reply.status != status ||
        (status != 200 && !strstr(reply.body, told_of[i].told)))
        fail_msg("%s: %d, %d %.300s", lie, status, reply.status, status == 200 ? "" : reply.body);
    if (status == 200) assert_non_null(strcasestr(reply.headers, "Content-Type: image/png"));
    http_reply_free(&reply);
    sim_post(&sim, "/lies/clear", "{}");
}

TEST(test_every_lie_about_a_drawing_is_told_to_who_asks)
{
    char *text = sim_get(&sim, "/lies");
    cJSON *json = cJSON_Parse(text);
    const cJSON *lie, *place;
    int count = 0;
    cJSON_ArrayForEach(lie, cJSON_GetObjectItemCaseSensitive(json, "catalogue")) {
        place = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(lie, "where"), 0);
        if (strcmp(cJSON_GetStringValue(place), "drawing") != 0) continue;
        expect_told(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lie, "name")));
        count++;
    }
    assert_int_equal(count, sizeof told_of / sizeof *told_of);
    cJSON_Delete(json);
    free(text);
    pg_exec(&web.pg, "UPDATE elevation_drawings SET tried_at = now() - interval '1 day' WHERE elevation_id = 16");
    assert_int_equal(until_answered(16), 200); /* refused, and there after a while */
}

TEST(test_what_is_gone_upstream_has_its_last_drawing_or_none)
{
    pg_exec(&web.pg, "UPDATE elevations SET deleted_at = now(), version_id = 'last' WHERE id IN (1, 17)");
    int before = drawings_asked();
    assert_int_equal(status_of(1), 200);
    assert_int_equal(status_of(17), 410);
    assert_int_equal(drawings_asked(), before);
}

/* ---- whoever was at it is no more ---- */

TEST(test_a_claim_that_nobody_works_on_ends)
{
    pg_exec(&web.pg,
            "UPDATE elevations SET deleted_at = NULL, version_id = 'back' WHERE id = 17;"
            "INSERT INTO elevation_drawings (elevation_id, asked_at, asked_by) VALUES (17, now(), 'the dead')");
    int before = drawings_asked();
    assert_int_equal(status_of(17), 202); /* its task may begin yet */
    pg_exec(&web.pg, "UPDATE elevation_drawings SET asked_at = now() - interval '9 minutes' WHERE elevation_id = 17;"
                     "INSERT INTO leases (name, owner, expires_at) VALUES ('drawing:17', 'alive', now() + interval"
                     " '1 hour')");
    assert_int_equal(status_of(17), 202); /* and goes on as long as its lease */
    assert_int_equal(drawings_asked(), before);
    pg_exec(&web.pg, "UPDATE leases SET expires_at = now() - interval '1 second' WHERE name = 'drawing:17'");
    assert_int_equal(until_answered(17), 200);
    assert_int_equal(drawings_asked(), before + 1);
}

TEST(test_more_than_there_is_room_for_come_one_after_the_other)
{
    pg_exec(&web.pg, "DELETE FROM elevation_drawings");
    fault("\"kind\":\"slow\",\"duration_ms\":400");
    int before = drawings_asked();
    for (int i = 3; i <= 12; i++) assert_int_equal(status_of(i), 202);
    for (int i = 3; i <= 12; i++) assert_int_equal(until_answered(i), 200);
    assert_int_equal(drawings_asked(), before + 10);
    assert_int_equal(until_answered(2), 200);
    sim_post(&sim, "/faults/clear", "{}");
}

TEST(test_the_page_of_an_elevation_shows_its_drawing)
{
    struct http_reply reply = web_call(&web, "GET", "/ui/browse/elevations/2", web.admin, NULL);
    assert_non_null(strstr(reply.body, "src=\"/api/v1/elevations/2/drawing?of="));
    http_reply_free(&reply);
    pg_exec(&web.pg, "UPDATE elevations SET version_id = 'newer' WHERE id = 2");
    reply = web_call(&web, "GET", "/ui/browse/elevations/2", web.admin, NULL);
    assert_null(strstr(reply.body, "/drawing?of="));
    assert_non_null(strstr(reply.body, "data-do=\"GET /api/v1/elevations/2/drawing\""));
    http_reply_free(&reply);
}

/* ---- what nobody has asked for in a long time; the last, since it leaves little ---- */

static void clean_up(const char *setting)
{
    char database[300], *output = NULL;
    snprintf(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    char *const argv[] = {(char *)support_program("logikald-roles"), "task", "tasks.scheduler_tasks.cleanup_old_tasks",
                          NULL};
    char *const env[] = {database, "BACKGROUND_SYNC_ENABLED=true", (char *)setting, NULL};
    if (process_run(argv, env, &output) != 0 || !strstr(output, "drawings_deleted")) fail_msg("%s", output);
    free(output);
}

static void expect_left(const char *ids)
{
    char *left = pg_value(&web.pg, "SELECT string_agg(elevation_id::text, ' ' ORDER BY elevation_id)"
                                   " FROM elevation_drawings");
    assert_string_equal(left ? left : "", ids);
    free(left);
}

TEST(test_old_drawings_are_dropped_by_the_rule)
{
    pg_exec(&web.pg,
            "DELETE FROM elevation_drawings; DELETE FROM leases; UPDATE elevations SET deleted_at = CASE id"
            " WHEN 5 THEN now() - interval '89 days' WHEN 6 THEN now() - interval '91 days' END;"
            "INSERT INTO elevation_drawings (elevation_id, content, sha256, fetched_at, tried_at, error_code, asked_at)"
            " SELECT id, CASE WHEN id < 7 THEN 'x'::bytea END, CASE WHEN id < 7 THEN 'x' END, now() - d * interval"
            " '1 day', now() - d * interval '1 day', CASE WHEN id > 6 THEN 'auth' END, CASE id WHEN 4 THEN now() END"
            " FROM (VALUES (1, 1), (2, 89.9), (3, 90.1), (4, 91), (5, 300), (6, 300), (7, 0.9), (8, 1.1))"
            " AS x (id, d)");
    pg_exec(&web.pg,
            "INSERT INTO parts_bills (bill, mark, document, made_at) VALUES ('a', '1', '', now() - interval '6.9"
            " days'), ('b', '1', '', now() - interval '7.1 days')"); /* large bills go with them */
    clean_up("DRAWINGS_KEEP_DAYS=0");
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) * 10 + count(*) FILTER (WHERE bill = 'a') FROM parts_bills"), 11);
    expect_left("1 2 3 4 5 7"); /* 4 is being fetched anew, 6 vanished long ago, 8 is an old failure */
    clean_up(NULL);
    expect_left("1 2 4 5 7");
    pg_exec(&web.pg, "UPDATE elevation_drawings SET asked_at = NULL");
    clean_up("DRAWINGS_KEEP_DAYS=30");
    expect_left("1 5 7");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_drawing_comes_when_it_is_asked_for_and_stays),
    cmocka_unit_test(test_many_who_ask_at_once_cost_one_call),
    cmocka_unit_test(test_a_task_that_comes_twice_asks_once),
    cmocka_unit_test(test_another_version_of_the_elevation_has_another_drawing),
    cmocka_unit_test(test_what_the_upstream_does_instead_is_told),
    cmocka_unit_test(test_every_lie_about_a_drawing_is_told_to_who_asks),
    cmocka_unit_test(test_what_is_gone_upstream_has_its_last_drawing_or_none),
    cmocka_unit_test(test_a_claim_that_nobody_works_on_ends),
    cmocka_unit_test(test_more_than_there_is_room_for_come_one_after_the_other),
    cmocka_unit_test(test_the_page_of_an_elevation_shows_its_drawing),
    cmocka_unit_test(test_old_drawings_are_dropped_by_the_rule),
};
TEST_MAIN(tests, set_up, tear_down)
