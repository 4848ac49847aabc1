/* One object, one row, whatever spelling its GUID has: in the upstream's lists, in the old database, in a question. */
#include "tests/support/sync_truth.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SYNC_WORLD("--directories 1 --projects 3 --phases 2 --elevations 2", sync_all(&world, false))

static int64_t number(const char *sql)
{
    return pg_int(&world.pg, sql);
}

static char *rows(void)
{
    return pg_value(&world.pg,
                    "SELECT string_agg(k || id || logikal_id, ' ' ORDER BY k, id) FROM (SELECT 'p' AS k, id,"
                    " logikal_id FROM projects WHERE deleted_at IS NULL UNION ALL SELECT 'h', id, logikal_id"
                    " FROM phases WHERE deleted_at IS NULL UNION ALL SELECT 'e', id, logikal_id FROM elevations"
                    " WHERE deleted_at IS NULL) x");
}

static void force(void)
{
    int status;
    cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, "{\"force_sync\":true}", &status);
    assert_int_equal(status, 0);
    assert_int_equal(result_number(result, "vanished"), 0);
    cJSON_Delete(result);
}

TEST(test_upstream_changes_its_spelling)
{
    static const char *const lies[] = {"upper", "braces", "digits"};
    char *before = rows();
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        char json[300];
        snprintf(json, sizeof json,
                 "{\"lies\":[{\"name\":\"%s\",\"where\":\"project\"},{\"name\":\"%s\",\"where\":\"phase\"},"
                 "{\"name\":\"%s\",\"where\":\"elevation\"}]}",
                 lies[i], lies[i], lies[i]);
        sim_post(&world.sim, "/lies", json);
        force();
        char *now = rows();
        assert_string_equal(now, before);
        free(now);
        assert_int_equal(number("SELECT count(*) FROM projects WHERE upstream_id IS NULL OR upstream_id = logikal_id OR"
                                " logikald_guid(upstream_id) <> logikal_id"),
                         0);
        assert_int_equal(number("SELECT count(*) FROM elevations WHERE upstream_id IS NULL"), 0);
    }
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    force();
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE upstream_id IS NOT NULL"), 0);
    assert_truth(&world, true);
    free(before);
}

TEST(test_project_is_found_by_every_spelling)
{
    char *guid = pg_value(&world.pg, "SELECT logikal_id FROM projects ORDER BY id LIMIT 1");
    char forms[5][60] = {"", "", "", "", ""};
    for (size_t i = 0, n = 0; guid[i]; i++) {
        forms[0][i] = guid[i];
        forms[1][i] = (char)toupper((unsigned char)guid[i]);
        if (guid[i] != '-') forms[2][n++] = (char)toupper((unsigned char)guid[i]);
    }
    snprintf(forms[3], sizeof forms[3], "{%.50s}", forms[1]);
    snprintf(forms[4], sizeof forms[4], "{%.50s}", forms[0]);
    for (int i = 0; i < 5; i++) {
        char args[100];
        int status;
        snprintf(args, sizeof args, "[\"%.59s\"]", forms[i]);
        cJSON *result = sync_task(&world, "tasks.sync_tasks.sync_project_task", args, NULL, &status);
        if (status != 0) fail_msg("%s: %s", forms[i], result_text(result, "message"));
        cJSON_Delete(result);
    }
    free(guid);
}

/* The replaced system's rows in another spelling are the same rows afterwards. */
TEST(test_old_rows_get_the_key)
{
    char *before = rows(), *sql = NULL;
    size_t size = 0;
    FILE *file = fopen("services/store/migrations/0082_guids.sql", "re");
    assert_non_null(file);
    assert_true(getdelim(&sql, &size, '\0', file) > 0);
    fclose(file);
    pg_exec(&world.pg,
            "UPDATE projects SET logikal_id = '{' || upper(logikal_id) || '}';"
            "UPDATE phases SET logikal_id = upper(replace(logikal_id, '-', ''));"
            "UPDATE elevations SET logikal_id = upper(logikal_id);"
            "INSERT INTO elevations (logikal_id, name, sync_status, parse_status, parse_retry_count,"
            " has_parts_data, deleted_at) SELECT '{' || logikal_id || '}', 'double', 'x', 'pending', 0, false,"
            " now() FROM elevations");

    pg_exec(&world.pg, sql);

    char *now = rows();
    assert_string_equal(now, before);
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE name = 'double' AND logikal_id LIKE '{%'"),
                     number("SELECT count(*) FROM elevations WHERE name <> 'double'"));
    pg_exec(&world.pg, "DELETE FROM elevations WHERE name = 'double'");
    force();
    assert_truth(&world, true);
    free(before);
    free(now);
    free(sql);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_upstream_changes_its_spelling),
    cmocka_unit_test(test_project_is_found_by_every_spelling),
    cmocka_unit_test(test_old_rows_get_the_key),
};
TEST_MAIN(tests, start, stop)
