/* Lists: whole, page by page, streamed; current at once after a change, compressed, not sent again when unchanged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

#define MANY 6000 /* more than one document holds */

static struct web_server web;
static char *token;

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d1', 'Directory')");
    pg_exec(&web.pg,
            "INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p' || i, 'Projekt Ü \"' || i || '\"', 1 "
            "FROM generate_series(1, 100) i");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT '0', 'Default', id FROM projects");
    pg_exec(&web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id) SELECT 'e' || i, 'Elevation ' || i, 1 + i % 100 "
            "FROM generate_series(1, 6000) i");
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

static cJSON *get(const char *path)
{
    struct http_reply reply = web_call(&web, "GET", path, token, NULL);
    if (reply.status != 200) fail_msg("%s: %d %s", path, reply.status, reply.body ? reply.body : "");
    cJSON *json = cJSON_Parse(reply.body);
    if (!json) fail_msg("%s: no JSON: %.200s", path, reply.body);
    http_reply_free(&reply);
    return json;
}

static int count_of(const cJSON *list)
{
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(list, "data")),
                     cJSON_GetObjectItem(list, "count")->valueint);
    return cJSON_GetObjectItem(list, "count")->valueint;
}

TEST(test_a_list_longer_than_a_document_is_streamed_whole)
{
    cJSON *list = get("/api/v1/elevations/cached");

    assert_int_equal(count_of(list), MANY);
    assert_string_equal(cJSON_GetObjectItem(list, "sync_status")->valuestring, "stale");
    cJSON_Delete(list);
}

TEST(test_pages_cover_the_list_once)
{
    int total = 0, last = 0;
    for (char path[128] = "/api/v1/elevations/cached?limit=700"; *path;) {
        cJSON *page = get(path);
        const cJSON *next = cJSON_GetObjectItem(page, "next_cursor"), *item;
        total += count_of(page);
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(page, "data")) {
            assert_true(cJSON_GetObjectItem(item, "id")->valueint > last);
            last = cJSON_GetObjectItem(item, "id")->valueint;
        }
        if (cJSON_IsNumber(next))
            snprintf(path, sizeof path, "/api/v1/elevations/cached?limit=700&cursor=%d", next->valueint);
        else
            *path = 0;
        cJSON_Delete(page);
    }
    assert_int_equal(total, MANY);
}

TEST(test_a_filter_selects)
{
    cJSON *list = get("/api/v1/elevations/cached?phase_id=7");
    assert_int_equal(count_of(list), MANY / 100);
    cJSON_Delete(list);
}

TEST(test_a_change_is_seen_by_the_next_request)
{
    cJSON *before = get("/api/v1/projects/cached");
    assert_int_equal(count_of(before), 100);

    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('new', 'New')");
    cJSON *after = get("/api/v1/projects/cached");
    pg_exec(&web.pg, "UPDATE projects SET deleted_at = now() WHERE logikal_id = 'new'");
    cJSON *gone = get("/api/v1/projects/cached");

    assert_int_equal(count_of(after), 101);
    assert_int_equal(count_of(gone), 100);
    cJSON_Delete(before);
    cJSON_Delete(after);
    cJSON_Delete(gone);
}

/* What each writer counts in is put together once it is gone; otherwise every request would read ever more rows. */
TEST(test_counters_of_writers_that_are_gone_are_put_together)
{
    static const char sum[] = "SELECT sum(version)::bigint FROM table_versions WHERE name <> 'clients'";
    pg_exec(&web.pg, "INSERT INTO table_versions (name, slot, version) SELECT n, s, 2 FROM unnest(ARRAY['projects',"
                     " 'elevations']) n, generate_series(0, 1023) s ON CONFLICT DO NOTHING");
    int64_t before = pg_int(&web.pg, sum);

    cJSON_Delete(get("/api/v1/projects/cached"));
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM table_versions") < 100, 20000);
    assert_int_equal(pg_int(&web.pg, sum), before);

    pg_exec(&web.pg, "UPDATE projects SET name = 'Renamed again' WHERE id = 4");
    cJSON *list = get("/api/v1/projects/cached");
    char *text = cJSON_PrintUnformatted(list);
    assert_non_null(strstr(text, "Renamed again"));
    free(text);
    cJSON_Delete(list);
}

TEST(test_the_number_of_cached_answers_is_bounded)
{
    char path[100];
    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof path, "/api/v1/elevations/cached?limit=1&cursor=%d", i);
        assert_int_equal(web_status(&web, "GET", path, token, NULL), 200);
    }

    struct http_reply metrics = web_call(&web, "GET", "/metrics", web.admin, NULL);
    const char *entries = strstr(metrics.body, "\nlogikald_http_cache_entries ");
    assert_non_null(entries);
    assert_true(strtol(strchr(entries, ' '), NULL, 10) <= 512);
    http_reply_free(&metrics);
}

static char *header_of(const struct http_reply *reply, const char *name)
{
    const char *at = strcasestr(reply->headers, name);
    if (!at) return NULL;
    at += strlen(name) + 2;
    return strndup(at, strcspn(at, "\r\n"));
}

TEST(test_an_unchanged_list_is_not_sent_again)
{
    char known[160];
    struct http_reply first = web_call(&web, "GET", "/api/v1/projects/cached", token, NULL);
    char *etag = header_of(&first, "ETag");
    assert_non_null(etag);
    snprintf(known, sizeof known, "If-None-Match: %s", etag);

    struct http_reply same = web_ask(&web, "GET", "/api/v1/projects/cached", token, known);
    pg_exec(&web.pg, "UPDATE projects SET name = 'Renamed' WHERE id = 3");
    struct http_reply changed = web_ask(&web, "GET", "/api/v1/projects/cached", token, known);

    assert_int_equal(same.status, 304);
    assert_int_equal(strlen(same.body), 0);
    assert_int_equal(changed.status, 200);
    http_reply_free(&first);
    http_reply_free(&same);
    http_reply_free(&changed);
    free(etag);
}

TEST(test_large_answers_are_compressed_for_those_who_ask)
{
    struct http_reply packed = web_ask(&web, "GET", "/api/v1/projects/cached", token, "Accept-Encoding: gzip");

    assert_int_equal(packed.status, 200);
    assert_non_null(strcasestr(packed.headers, "Content-Encoding: gzip"));
    assert_int_equal((unsigned char)packed.body[0], 0x1f);
    http_reply_free(&packed);
}

TEST(test_compression_is_negotiated_as_the_standard_says)
{
    static const struct {
        const char *header;
        bool is_packed;
    } table[] = {{"Accept-Encoding: gzip;q=0.5", true},
                 {"Accept-Encoding: gzip; q=0", false},
                 {"Accept-Encoding: br, GZIP ; q=0.1", true},
                 {"Accept-Encoding: gzip;q=0.000, *", false},
                 {"Accept-Encoding: *", true},
                 {"Accept-Encoding: *;q=0", false},
                 {"Accept-Encoding: gzippy", false},
                 {"Accept-Encoding: identity, x-gzip", true},
                 {"Accept-Encoding: br;q=1.0, deflate", false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_reply reply = web_ask(&web, "GET", "/api/v1/projects/cached", token, table[i].header);
        bool is_packed = strcasestr(reply.headers, "Content-Encoding: gzip") != NULL;
        if (is_packed != table[i].is_packed) fail_msg("%s: %s", table[i].header, reply.headers);
        assert_non_null(strcasestr(reply.headers, "Vary: Accept-Encoding"));
        http_reply_free(&reply);
    }
}

TEST(test_the_erp_reads_dates_without_a_time_zone)
{
    cJSON *project = get("/api/v1/odoo/projects/p5");
    const char *created = cJSON_GetObjectItem(project, "created_at")->valuestring;

    assert_int_equal(strlen(created), strlen("2026-11-25 01:02:03"));
    assert_int_equal(created[10], ' ');
    assert_int_equal(cJSON_GetObjectItem(project, "total_elevations")->valueint, 60);
    cJSON_Delete(project);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_list_longer_than_a_document_is_streamed_whole),
    cmocka_unit_test(test_pages_cover_the_list_once),
    cmocka_unit_test(test_a_filter_selects),
    cmocka_unit_test(test_a_change_is_seen_by_the_next_request),
    cmocka_unit_test(test_counters_of_writers_that_are_gone_are_put_together),
    cmocka_unit_test(test_the_number_of_cached_answers_is_bounded),
    cmocka_unit_test(test_an_unchanged_list_is_not_sent_again),
    cmocka_unit_test(test_large_answers_are_compressed_for_those_who_ask),
    cmocka_unit_test(test_compression_is_negotiated_as_the_standard_says),
    cmocka_unit_test(test_the_erp_reads_dates_without_a_time_zone),
};
TEST_MAIN(tests, set_up, tear_down)
