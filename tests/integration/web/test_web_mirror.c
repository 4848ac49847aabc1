/* An ERP mirrors everything: how many calls that takes, with the limits as they are by default, and what counts. The
 * world is made by SQL: 2 000 elevations, later 10 000, each with a picture of its own, all with the same parts list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;
static char *token;

/* Elevations up to this number, where they are not there yet. Every hundredth one's picture is 5 kB, the others' small;
 * the bytes begin as a PNG does. */
static void make_elevations(int count)
{
    char sql[2000];
    snprintf(sql, sizeof sql,
             "WITH e AS (INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data)"
             " SELECT 'e' || n, 'W' || n, 1, 1, 1, true FROM generate_series("
             " (SELECT count(*) FROM elevations) + 1, %d) n ORDER BY n RETURNING id),"
             " t AS (INSERT INTO elevation_thumbnails (elevation_id, content, content_type, size_bytes, sha256)"
             " SELECT id, c, 'image/png', octet_length(c), encode(sha256(c), 'hex') FROM (SELECT id,"
             " '\\x89504e470d0a1a0a'::bytea || convert_to(repeat(id::text, CASE WHEN id %% 100 = 0 THEN 1000 ELSE 1 "
             "END), 'UTF8') AS c FROM e) x)"
             " INSERT INTO parts_versions (elevation_id, number, sha256, parsed_at, file_row, parts_count)"
             " SELECT id, 1, 'f', now(), 0, 2 FROM e",
             count);
    pg_exec(&web.pg, sql);
}

/* A limit as it is by default, as a setting: "NAME=value". */
static void by_default(const char *name, const char *key, char out[60])
{
    char *output = NULL, *const argv[] = {(char *)support_program("logikald"), "defaults", NULL};
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 0);
    const char *at = strstr(output, key);
    if (!at) fail_msg("no %s in the defaults", key);
    snprintf(out, 60, "%s=%ld", name, strtol(at + strcspn(at, "0123456789"), NULL, 10));
    free(output);
}

FIXTURE(set_up)
{
    static char minute[60], hour[60];
    static const char *const settings[] = {"LOG_LEVEL=warning", minute, hour, NULL};
    by_default("RATE_LIMIT_PER_MINUTE", "rate_limit_per_minute = ", minute); /* other tests have none */
    by_default("RATE_LIMIT_PER_HOUR", "rate_limit_per_hour = ", hour);
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d', 'D');"
                     "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p1', 'P 1', 1);"
                     "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h1', 'H 1', 1);"
                     "INSERT INTO parts_files (sha256, content, frames, raw_size, stored_size, reader, tables) VALUES"
                     " ('f', '', '{}', 0, 0, 1, '[{\"name\": \"Articles\", \"rows\": 2, \"kind\": \"article\"}]');"
                     "INSERT INTO parts_lines (sha256, kind, line_count, lines) VALUES ('f', 'article', 2,"
                     " '[{\"table_name\": \"Articles\", \"line\": 1, \"code\": \"A1\", \"amount\": 2},"
                     " {\"table_name\": \"Articles\", \"line\": 2, \"code\": \"A2\", \"amount\": 5}]')");
    make_elevations(2000);
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

static cJSON *mirror(char *bearer)
{
    char *output = NULL;
    char *argv[] = {(char *)"/usr/bin/python3", (char *)"tests/clients/mirror.py", web.url, bearer, NULL};
    int status = process_run(argv, (char *const[]){NULL}, &output);
    cJSON *told = cJSON_Parse(output);
    if (status != 0 || !told) fail_msg("the client: %d %s", status, output);
    free(output);
    return told;
}

static int number(const cJSON *told, const char *name)
{
    return (int)cJSON_GetNumberValue(cJSON_GetObjectItem(told, name));
}

static void expect_pictures(const cJSON *told)
{
    char *digest = pg_value(&web.pg, "SELECT encode(sha256(string_agg(content, '' ORDER BY elevation_id)), 'hex')"
                                     " FROM elevation_thumbnails");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(told, "digest")), digest);
    free(digest);
}

TEST(test_two_thousand_elevations_with_pictures_take_few_calls)
{
    cJSON *told = mirror(token);

    assert_int_equal(number(told, "elevations"), 2000);
    assert_int_equal(number(told, "pictures"), 2000);
    assert_int_equal(number(told, "read"), 2000);
    assert_int_equal(number(told, "amounts"), 2000 * 7);
    assert_true(number(told, "calls") < 60);
    expect_pictures(told);
    cJSON_Delete(told);
}

/* ---- what is not there is named ---- */

/* index.json, without the archive around it. */
static cJSON *index_of(const char *body)
{
    char path[300], command[1500], *output = NULL, *const argv[] = {"/bin/sh", "-c", command, NULL};
    snprintf(path, sizeof path, "%s/t.zip", support_dir());
    snprintf(command, sizeof command,
             "curl -sf -o %s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '%s' "
             "%s/api/v1/elevations/thumbnails:batchGet && python3 -c 'import sys, zipfile; z = zipfile.ZipFile("
             "sys.argv[1]); assert z.testzip() is None; print(z.read(\"index.json\").decode())' %s",
             path, body, web.url, path);
    char *bearer = malloc(strlen(token) + 10);
    sprintf(bearer, "TOKEN=%s", token);
    int status = process_run(argv, (char *const[]){bearer, NULL}, &output);
    cJSON *index = cJSON_Parse(output);
    if (status != 0 || !index) fail_msg("%d %s", status, output);
    free(bearer);
    free(output);
    return index;
}

static void expect_index(const char *ids, const char *const states[])
{
    char body[300];
    snprintf(body, sizeof body, "{\"elevation_ids\":[%s]}", ids);
    cJSON *index = index_of(body);
    const cJSON *each;
    int i = 0;
    cJSON_ArrayForEach(each, cJSON_GetObjectItem(index, "thumbnails")) {
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(each, "state"));
        if (!states[i] || strcmp(states[i], state) != 0) fail_msg("%d of %s is %s", i, ids, state);
        assert_int_equal(cJSON_HasObjectItem(each, "file"), strcmp(state, "stored") == 0);
        i++;
    }
    assert_null(states[i]);
    cJSON_Delete(index);
}

TEST(test_every_elevation_that_was_asked_for_stands_in_the_index)
{
    pg_exec(&web.pg, "UPDATE elevation_thumbnails SET content = NULL, error = 'Logikal has no thumbnail of it'"
                     " WHERE elevation_id = 3; DELETE FROM elevation_thumbnails WHERE elevation_id = 4;"
                     "UPDATE elevation_thumbnails SET content = convert_to(repeat('x', 4194305), 'UTF8')"
                     " WHERE elevation_id = 5;"
                     "UPDATE elevation_thumbnails SET content = convert_to(repeat('x', 900000), 'UTF8')"
                     " WHERE elevation_id IN (6, 7, 8);"
                     "UPDATE elevation_thumbnails SET content = '' WHERE elevation_id = 9;"
                     "UPDATE elevation_thumbnails SET sha256 = encode(sha256(content), 'hex'), size_bytes ="
                     " octet_length(content) WHERE elevation_id BETWEEN 5 AND 9");
    expect_index("3,2,99999,4,2,3,5", (const char *const[]){"none", "stored", "unknown", "none", "too_large", NULL});
    expect_index("6,1,7,8,9,10", /* more than one statement brings */
                 (const char *const[]){"stored", "stored", "stored", "stored", "stored", "stored", NULL});
    expect_index("99999", (const char *const[]){"unknown", NULL});
    pg_exec(&web.pg,
            "UPDATE elevations SET deleted_at = now() WHERE id IN (3, 6)"); /* one with a picture, one without */
    expect_index("3,6,7", (const char *const[]){"vanished", "vanished", "stored", NULL});
    struct http_reply lines =
        web_call(&web, "POST", "/api/v1/elevations/parts:batchGet", token, "{\"elevation_ids\":[3,6,99999]}");
    int vanished = 0;
    for (const char *p = lines.body; (p = strstr(p, "\"state\": \"vanished\"")) != NULL; p++) vanished++;
    assert_int_equal(vanished, 2);
    assert_non_null(strstr(lines.body, "\"state\": \"unknown\""));
    http_reply_free(&lines);
    pg_exec(&web.pg, "UPDATE elevations SET deleted_at = NULL");
    cJSON *index = index_of("{\"elevation_ids\":[3,9]}");
    const cJSON *list = cJSON_GetObjectItem(index, "thumbnails"), *first = cJSON_GetArrayItem(list, 0);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(first, "error")), "Logikal has no thumbnail of it");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(first, "name")), "W3");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "file")), "9.bin");
    cJSON_Delete(index);
    char many[4000] = "{\"elevation_ids\":[1";
    for (int i = 0; i < 500; i++) strcat(many, ",1");
    strcat(many, "]}");
    assert_int_equal(web_status(&web, "POST", "/api/v1/elevations/thumbnails:batchGet", token, many), 422);
    assert_int_equal(web_status(&web, "POST", "/api/v1/elevations/parts:batchGet", token, many), 422);
    static const char *const refused[] = {"{}", "{\"elevation_ids\":[]}", "{\"elevation_ids\":[0]}",
                                          "{\"elevation_ids\":[\"1\"]}", "{\"elevation_ids\":[2147483648]}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(web_status(&web, "POST", "/api/v1/elevations/thumbnails:batchGet", token, refused[i]), 422);
}

/* ---- limits ---- */

struct told {
    int status;
    long left; /* -1 = was not told */
    char etag[100];
};

static struct told ask(const char *bearer, const char *path, const char *etag)
{
    char url[300], authorization[2200], header[150];
    const char *headers[] = {authorization, etag && *etag ? header : NULL, NULL};
    struct told told = {.left = -1};
    snprintf(url, sizeof url, "%s/api/v1%s", web.url, path);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", bearer);
    snprintf(header, sizeof header, "If-None-Match: %s", etag ? etag : "");
    struct http_reply reply = http_request("GET", url, headers, NULL);
    if (!reply.headers) fail_msg("%s is not answered", url);
    const char *left = strcasestr(reply.headers, "X-RateLimit-Remaining:"), *tag = strcasestr(reply.headers, "ETag:");
    told.status = reply.status;
    if (left) told.left = strtol(strchr(left, ':') + 1, NULL, 10);
    if (tag) snprintf(told.etag, sizeof told.etag, "%.*s", (int)strcspn(tag + 6, "\r\n"), tag + 6);
    http_reply_free(&reply);
    return told;
}

/* Registers a client that may make so many calls an hour; 0 = as many as it is by default. */
static char *client(const char *id, int per_hour)
{
    char body[300], rate[60] = "";
    if (per_hour) snprintf(rate, sizeof rate, ",\"rate_limit_per_hour\":%d", per_hour);
    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\",\"name\":\"%s\",\"permissions\":[\"projects:read\",\"elevations:read\"]%s}", id, id,
             rate);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin, body);
    char *secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"client_secret\":\"%s\"}", id, secret);
    free(secret);
    reply = web_call(&web, "POST", "/api/v1/client-auth/login", NULL, body);
    char *bearer = web_member(reply.body, "access_token");
    http_reply_free(&reply);
    return bearer;
}

TEST(test_what_is_known_already_and_pictures_use_up_nothing)
{
    WAIT_UNTIL(3600 - time(NULL) % 3600 > 60, 70000); /* the limits' windows are hours of the clock */
    char *bearer = client("frugal", 20);
    static const char *const documents[] = {"/projects/cached", "/elevations/1", "/elevations/cached?limit=5",
                                            "/phases/cached?limit=10"};
    int used = 0;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct told first = ask(bearer, documents[i], NULL);
        if (first.status != 200) fail_msg("%s: %d", documents[i], first.status);
        used++;
        assert_int_equal(first.left, 20 - used);
        for (int n = 0; n < 10; n++) {
            struct told again = ask(bearer, documents[i], first.etag);
            if (again.status != 304 || again.left != 20 - used)
                fail_msg("%s again: %d, %ld left of %d", documents[i], again.status, again.left, 20 - used);
        }
    }
    struct told picture = ask(bearer, "/elevations/1/thumbnail", NULL);
    for (int n = 0; n < 10; n++) {
        assert_int_equal(ask(bearer, "/elevations/2/image", NULL).left, 20 - used);
        assert_int_equal(ask(bearer, "/elevations/e7/thumbnail", NULL).status, 200);
        assert_int_equal(ask(bearer, "/elevations/1/thumbnail", picture.etag).status, 304);
    }
    /* what is not there, has changed or is not permitted counts, whatever was said of it */
    static const char *const counted[] = {"/elevations/99999/thumbnail", "/projects/cached", "/client-auth/clients"};
    static const int statuses[] = {404, 200, 403};
    for (int i = 0; i < 3; i++) {
        struct told told = ask(bearer, counted[i], "\"another\"");
        used++;
        if (told.status != statuses[i] || told.left != 20 - used)
            fail_msg("%s: %d, %ld left of %d", counted[i], told.status, told.left, 20 - used);
    }
    while (used++ < 20) assert_int_equal(ask(bearer, "/elevations/1", NULL).status, 200);
    assert_int_equal(ask(bearer, "/elevations/1", NULL).status, 429);
    assert_int_equal(ask(bearer, "/elevations/1/thumbnail", NULL).status, 429);
    assert_int_equal(ask(bearer, "/elevations/1/thumbnail", picture.etag).status, 429);
    free(bearer);
}

TEST(test_ten_thousand_elevations_fit_into_the_hour_of_a_client_as_it_is_by_default)
{
    char *bearer = client("mirror", 0);
    make_elevations(10000);
    cJSON *told = mirror(bearer);
    assert_int_equal(number(told, "elevations"), 10000);
    assert_int_equal(number(told, "pictures"), 9997);
    assert_int_equal(number(told, "read"), 10000);
    assert_true(number(told, "left") >= 900); /* of a thousand: it could do so ten times an hour */
    cJSON_Delete(told);
    free(bearer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_thousand_elevations_with_pictures_take_few_calls),
        cmocka_unit_test(test_every_elevation_that_was_asked_for_stands_in_the_index),
        cmocka_unit_test(test_what_is_known_already_and_pictures_use_up_nothing),
        cmocka_unit_test(test_ten_thousand_elevations_fit_into_the_hour_of_a_client_as_it_is_by_default),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
