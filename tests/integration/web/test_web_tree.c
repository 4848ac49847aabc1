/* The ERP's documents are the same whether they are built by PostgreSQL or streamed: a project at the limit is read
 * streamed, then, with one elevation less, whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, description, status) VALUES"
                     " ('edge', 'Projekt \"Ü\"', E'two\\nlines', 'active'), ('small', 'Small', NULL, NULL)");
    pg_exec(&web.pg,
            "INSERT INTO phases (logikal_id, name, description, status, project_id) VALUES"
            " ('00000000-0000-0000-0000-000000000000', 'Default', NULL, NULL, 1), ('none', 'Empty', 'x', 'y', 1),"
            " ('other', 'Other', NULL, 'active', 1), ('00000000-0000-0000-0000-000000000000', 'Default', NULL,"
            " NULL, 2)");
    pg_exec(&web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id, width, has_parts_data,"
            " auto_description, created_at) SELECT 'e' || i, 'Fenster ' || i, CASE WHEN i % 100 = 0 THEN 3 ELSE 1"
            " END, CASE WHEN i % 2 = 0 THEN 1 END, i / 3.0, i % 3 = 0, 'läuft', now()"
            " FROM generate_series(1, 1001) i");
    pg_exec(&web.pg, "INSERT INTO elevation_glass (elevation_id, glass_id, name) SELECT id, 'g' || n, 'Glas ' || n"
                     " FROM elevations, generate_series(1, 2) n WHERE id % 7 = 0");
    web_run(&web, settings, true);
    web_log_in(&web);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    return 0;
}

static cJSON *get(const char *path, bool is_streamed)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    assert_int_equal(reply.status, 200);
    if ((strcasestr(reply.headers, "Transfer-Encoding: chunked") != NULL) != is_streamed)
        fail_msg("%s, expected %s: %s", path, is_streamed ? "streamed" : "whole", reply.headers);
    cJSON *json = cJSON_Parse(reply.body);
    if (!json) fail_msg("%s: no JSON: %.300s", path, reply.body);
    http_reply_free(&reply);
    return json;
}

static void lessen(cJSON *object, const char *name)
{
    cJSON *count = cJSON_GetObjectItemCaseSensitive(object, name);
    if (count) cJSON_SetNumberHelper(count, count->valuedouble - 1);
}

/* Takes the elevation out, wherever it stands, and out of the counts that count it. */
static bool take_out(cJSON *value, const char *id)
{
    cJSON *item = value->child, *next;
    bool is_found = false;
    for (; item; item = next) {
        next = item->next;
        const char *of = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "id"));
        if (cJSON_IsArray(value) && of && strcmp(of, id) == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(value, item));
            is_found = true;
        } else if (take_out(item, id)) {
            is_found = true;
        }
    }
    if (is_found && cJSON_GetObjectItemCaseSensitive(value, "elevations")) lessen(value, "elevations_count");
    lessen(value, "total_elevations");
    return is_found;
}

TEST(test_streamed_and_built_documents_are_the_same)
{
    static const char *const paths[] = {"/api/v1/odoo/projects/edge",
                                        "/api/v1/odoo/projects/edge/complete?auto_sync=false"};
    cJSON *streamed[2], *whole[2];
    for (int i = 0; i < 2; i++) streamed[i] = get(paths[i], true);

    pg_exec(&web.pg, "UPDATE elevations SET deleted_at = now() WHERE logikal_id = 'e1001'");
    for (int i = 0; i < 2; i++) whole[i] = get(paths[i], false);

    for (int i = 0; i < 2; i++) {
        assert_true(take_out(streamed[i], "e1001"));
        if (!cJSON_Compare(streamed[i], whole[i], true)) {
            char *a = cJSON_PrintUnformatted(streamed[i]), *b = cJSON_PrintUnformatted(whole[i]);
            fail_msg("%s differs:\n%.1500s\n%.1500s", paths[i], a, b);
        }
        cJSON_Delete(streamed[i]);
        cJSON_Delete(whole[i]);
    }
    pg_exec(&web.pg, "UPDATE elevations SET deleted_at = NULL");
}

/* The default phase has the same id in every project. */
TEST(test_the_elevations_of_a_phase_are_its_own)
{
    static const char phase[] = "/api/v1/odoo/projects/%s/phases/00000000-0000-0000-0000-000000000000/elevations";
    char path[200];
    pg_exec(&web.pg, "UPDATE elevations SET phase_id = 1 WHERE phase_id = 3");
    snprintf(path, sizeof path, phase, "edge");
    cJSON *large = get(path, true);
    snprintf(path, sizeof path, phase, "small");
    cJSON *none = get(path, false);

    assert_int_equal(cJSON_GetArraySize(large), 1001);
    assert_int_equal(cJSON_GetArraySize(none), 0);
    cJSON_Delete(large);
    cJSON_Delete(none);
}

TEST(test_a_search_tells_all_that_it_finds)
{
    pg_exec(&web.pg,
            "INSERT INTO projects (logikal_id, name) SELECT 'many' || i, 'Viele ' || i FROM generate_series(1, 450) i");
    cJSON *json = get("/api/v1/odoo/search?q=viele", false);

    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "results")), 450);
    assert_int_equal(cJSON_GetObjectItem(json, "count")->valueint, 450);
    cJSON_Delete(json);
}

TEST(test_projects_are_checked_by_any_spelling)
{
    static const char *const spellings[] = {
        "ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5", "AB0C4E29-77B1-4F0E-9D3A-00C1D2E3F4A5",
        "%7BAB0C4E29-77B1-4F0E-9D3A-00C1D2E3F4A5%7D", "ab0c4e2977b14f0e9d3a00c1d2e3f4a5"};
    static const char *const paths[] = {
        "/api/v1/advanced-sync/validate-consistency/", "/api/v1/advanced-sync/partial-failures/",
        "/api/v1/advanced-sync/integrity-report?project_id=", "/admin/elevations/search?q="};
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5', 'G')");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES"
                     " ('ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5', 'G 1', 3, 1)");
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
            char path[200];
            snprintf(path, sizeof path, "%s%s", paths[k], spellings[i]);
            cJSON *json = get(path, false), *found = cJSON_GetObjectItem(json, "data");
            if (found && cJSON_GetArraySize(found) != 1) fail_msg("%s: %d found", path, cJSON_GetArraySize(found));
            cJSON_Delete(json);
        }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_streamed_and_built_documents_are_the_same),
    cmocka_unit_test(test_the_elevations_of_a_phase_are_its_own),
    cmocka_unit_test(test_a_search_tells_all_that_it_finds),
    cmocka_unit_test(test_projects_are_checked_by_any_spelling),
};
TEST_MAIN(tests, set_up, tear_down)
