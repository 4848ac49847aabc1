/* Values, and not only names: what reports, repairs, a page and the metrics say of rows and requests that are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

#define V1 "/api/v1/advanced-sync"

/* Two projects in a directory, one that is gone; logs of three syncs of the first within a day, one of the day before.
 */
static const char *const rows =
    "INSERT INTO directories (logikal_id, name) VALUES ('d1', 'D');"
    "INSERT INTO projects (logikal_id, name, directory_id, last_sync_date, deleted_at) VALUES ('p1', 'P 1', 1, now(),"
    " NULL), ('p2', 'P 2', 1, NULL, NULL), ('p3', 'P 3', 1, now(), now());"
    "INSERT INTO phases (logikal_id, name, project_id, deleted_at) VALUES ('h1', 'First of one', 1, NULL),"
    " ('h2', 'Second of one', 1, NULL), ('h3', 'Only of two', 2, NULL), ('h4', 'Gone of one', 1, now());"
    "INSERT INTO elevations (logikal_id, name, phase_id, project_id, has_parts_data, parse_status) VALUES"
    " ('well', 'E 1', 1, 1, true, 'success'), ('plain', 'E 2', 1, 1, false, 'pending'),"
    " ('marked', 'E 3', 1, 1, true, 'success'), ('buried', 'E 4', 4, 1, false, 'pending'),"
    " ('moved', 'E 5', 2, 2, false, 'pending'), ('another', 'E 6', 3, 2, true, 'success');"
    "INSERT INTO elevation_parts_lists (elevation_id, sha256, size_bytes, version_id, fetched_at) VALUES"
    " (1, repeat('a', 64), 1, 'v', now());"
    "INSERT INTO sync_logs (sync_type, status, started_at, duration_ms, items_processed, items_successful,"
    " items_failed, project_id) VALUES"
    " ('elevation', 'completed', now() - interval '1 hour', 1000, 10, 10, 0, 1),"
    " ('elevation', 'failed', now() - interval '2 hours', 3000, 5, 3, 2, 1),"
    " ('phase', 'completed', now() - interval '3 hours', 2000, 4, 4, 0, 1),"
    " ('elevation', 'completed', now() - interval '25 hours', 1000, 8, 8, 0, 1),"
    " ('project', 'completed', now() - interval '1 hour', 500, 7, 7, 0, 2)";

static const char *const settings[] = {"LOG_LEVEL=warning", "METRICS_TOKEN=only-for-metrics", NULL};

WEB_WORLD(settings, pg_exec(&web.pg, rows))

static cJSON *ask(const char *method, const char *path)
{
    struct http_reply reply = web_call(&web, method, path, web.admin, NULL);
    cJSON *json = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    if (!json) fail_msg("%s: %ld %s", path, (long)reply.status, reply.body);
    http_reply_free(&reply);
    return json;
}

/* What stands at a path of members and places as "a.b.0.c", as text. */
static const char *at(const cJSON *json, const char *path)
{
    static char out[400];
    char words[200], *rest = words, *word;
    snprintf(words, sizeof words, "%s", path);
    while (json && (word = strsep(&rest, ".")) != NULL)
        json =
            cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(word)) : cJSON_GetObjectItemCaseSensitive(json, word);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    snprintf(out, sizeof out, "%s", text ? text : "nothing");
    free(text);
    return out;
}

struct value {
    const char *path, *is;
};

static void assert_values(const char *method, const char *path, const struct value *values)
{
    cJSON *json = ask(method, path);
    for (const struct value *v = values; v->path; v++) {
        const char *is = at(json, v->path);
        if (strcmp(is, v->is) != 0) fail_msg("%s: %s is %s and not %s", path, v->path, is, v->is);
    }
    cJSON_Delete(json);
}
#define VALUES(method, path, ...) assert_values(method, path, (const struct value[]){__VA_ARGS__, {NULL, NULL}})

TEST(test_a_projects_report_counts_its_own_syncs_of_the_period)
{
    VALUES("GET", V1 "/project-metrics/p1?time_period_hours=24", {"sync_history.total_syncs", "3"},
           {"sync_history.syncs.0.status", "\"completed\""}, {"sync_history.syncs.1.status", "\"failed\""},
           {"sync_history.syncs.1.duration_seconds", "3"}, {"sync_history.syncs.1.items", "3"},
           {"sync_history.syncs.2.sync_type", "\"phase\""}, {"sync_history.syncs.3", "nothing"},
           {"performance_analysis.total_syncs", "3"}, {"performance_analysis.successful_syncs", "2"},
           {"performance_analysis.failed_syncs", "1"}, {"performance_analysis.success_rate", "66.67"},
           {"performance_analysis.average_duration_seconds", "2"}, {"performance_analysis.p95_duration_seconds", "2.9"},
           {"performance_analysis.items_processed", "19"}, {"performance_analysis.items_failed", "2"},
           {"data_quality.phases", "2"});
    VALUES("GET", V1 "/project-metrics/p1?time_period_hours=26", {"sync_history.total_syncs", "4"});
    VALUES("GET", V1 "/project-metrics/p2?time_period_hours=26", {"sync_history.total_syncs", "1"},
           {"sync_history.syncs.0.items", "7"}, {"data_quality.phases", "1"}, {"data_quality.elevations", "1"});
}

TEST(test_the_report_on_all_counts_by_type)
{
    VALUES("GET", V1 "/performance-metrics?time_period_hours=24", {"sync_counts.projects", "7"},
           {"sync_counts.phases", "4"}, {"sync_counts.elevations", "13"}, {"sync_counts.total", "24"},
           {"performance_metrics.total_syncs", "4"}, {"data_quality_metrics.total_counts.projects", "2"},
           {"data_quality_metrics.total_counts.phases", "3"}, {"data_quality_metrics.total_counts.elevations", "6"},
           {"data_quality_metrics.sync_coverage.projects", "50"},
           {"data_quality_metrics.stale_data_percentage.projects", "50"});
    VALUES("GET", V1 "/performance-metrics?time_period_hours=26", {"sync_counts.elevations", "21"});
}

/* The ids of the objects that a list tells to be stale, split by blanks; how many there are. */
static int stale_in(const char *path, const char *list, const char *flag, char out[400])
{
    cJSON *json = ask("GET", path), *row;
    int count = 0;
    size_t n = 0;
    out[0] = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, list)) {
        if (flag && !cJSON_IsTrue(cJSON_GetObjectItem(row, flag))) continue;
        n += (size_t)snprintf(out + n, 400 - n, "%d ", cJSON_GetObjectItem(row, "id")->valueint);
        count++;
    }
    cJSON_Delete(json);
    return count;
}

static const struct {
    const char *type, *plural;
} types[] = {{"project", "projects"}, {"phase", "phases"}, {"elevation", "elevations"}};

/* Lists, summary, list of the stale, share in the report: of one type. Returns how many, or ALL of them. */
#define ALL (-1)
static int assert_same_stale(int i, const char *state)
{
    char path[100], list[400], objects[400], share[40], count_text[20];
    snprintf(path, sizeof path, "/api/v1/%s/cached", types[i].plural);
    int count = stale_in(path, "data", "is_stale", list);
    snprintf(count_text, sizeof count_text, "%d", count);
    VALUES("GET", path, {"stale_count", count_text});
    cJSON *whole = ask("GET", path);
    int all = cJSON_GetObjectItem(whole, "count")->valueint;
    cJSON_Delete(whole);
    snprintf(path, sizeof path, V1 "/stale-objects/%s", types[i].type);
    stale_in(path, "stale_objects", NULL, objects);
    if (strcmp(list, objects) != 0) fail_msg("%s: %s are stale, and %s", state, list, objects);
    VALUES("GET", path, {"total_count", count_text});
    snprintf(path, sizeof path, "summary.stale_%s", types[i].plural);
    VALUES("GET", "/api/v1/sync-status/summary", {path, count_text});
    snprintf(path, sizeof path, "data_quality_metrics.stale_data_percentage.%s", types[i].plural);
    snprintf(share, sizeof share, "%.4g", (double)(10000 * count / all) / 100);
    VALUES("GET", V1 "/performance-metrics", {path, share});
    return count == all ? ALL : count;
}

/* However one asks what is stale, the answer is the same. each: what becomes of the rows of all types, before more. */
TEST(test_all_tell_the_same_of_what_is_stale)
{
    static const struct {
        const char *each, *more;
        int projects, phases, elevations;
    } table[] = {
        /* unchanged for long, and seen a moment ago */
        {"last_sync_date = now() - interval '30 days', last_update_date = NULL",
         "INSERT INTO project_cursors (project_id, confirmed_at) VALUES (1, now()), (2, now())", 0, 0, 0},
        {"updated_at = now()", "UPDATE project_cursors SET confirmed_at = now() - interval '30 days'", ALL, ALL, ALL},
        {"last_sync_date = now()", "UPDATE projects SET last_sync_date = NULL WHERE id = 2", 1, 0, 0},
        /* the upstream's clock is ahead */
        {"last_sync_date = now(), last_update_date = now() + interval '1 hour'",
         "UPDATE projects SET api_changed_date = last_update_date; UPDATE phases SET last_update_date = NULL;"
         " UPDATE elevations SET api_changed_date = last_update_date",
         0, 0, 0},
        /* somebody's word */
        {"updated_at = now()",
         "UPDATE projects SET last_update_date = now() + interval '2 hours' WHERE id = 1;"
         " UPDATE phases SET last_update_date = now() + interval '1 hour' WHERE id IN (1, 4)",
         1, 1, 0},
        {"updated_at = now()", "UPDATE object_sync_configs SET object_type = 'was' WHERE object_type = 'elevation'", 1,
         1, ALL},
        {"last_sync_date = now(), last_update_date = NULL",
         "UPDATE object_sync_configs SET object_type = 'elevation' WHERE object_type = 'was'", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const int wanted[] = {table[i].projects, table[i].phases, table[i].elevations};
        for (int k = 0; k < 3; k++) {
            char sql[200];
            snprintf(sql, sizeof sql, "UPDATE %s SET %s", types[k].plural, table[i].each);
            pg_exec(&web.pg, sql);
        }
        pg_exec(&web.pg, table[i].more);
        for (int k = 0; k < 3; k++) {
            int is = assert_same_stale(k, table[i].more);
            if (is != wanted[k]) fail_msg("%s: %d %s are stale", table[i].more, is, types[k].plural);
        }
    }
}

/* Types whose last sync is a minute on this side of their threshold, and a minute beyond it. */
TEST(test_the_grade_is_that_of_the_worse_of_freshness_and_failures)
{
    static const struct {
        const char *sql, *fresh, *grade;
    } table[] = {
        {"UPDATE object_sync_configs SET last_sync = now() - make_interval(mins => staleness_threshold_minutes - 1)",
         "100", "\"C\""}, /* of four syncs one failed */
        {"UPDATE object_sync_configs SET last_sync = now() - make_interval(mins => staleness_threshold_minutes + 1)"
         " WHERE object_type IN ('project', 'phase', 'elevation', 'sqlite_parser')",
         "43", "\"F\""},
        {"UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type IN ('project', 'phase')", "60",
         "\"D\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pg_exec(&web.pg, table[i].sql);
        cJSON *json = NULL;
        WAIT_UNTIL((cJSON_Delete(json), json = ask("GET", V1 "/efficiency-report"),
                    strcmp(at(json, "summary.data_freshness_score"), table[i].fresh) == 0),
                   10000);
        assert_string_equal(at(json, "summary.sync_efficiency_grade"), table[i].grade);
        assert_string_equal(at(json, "summary.objects_synced_24h"), "24");
        assert_string_equal(at(json, "summary.throughput_per_hour"), "1");
        assert_string_equal(at(json, "efficiency_analysis.performance_comparison.throughput_change"), "16");
        assert_string_equal(at(json, "efficiency_analysis.performance_comparison.performance_trend"), "\"improving\"");
        cJSON_Delete(json);
    }
}

TEST(test_repair_puts_right_what_is_wrong_in_this_project_alone)
{
    VALUES("GET", V1 "/validate-consistency/p1", {"valid", "false"}, {"checks.phases_count", "2"},
           {"checks.misplaced_elevations", "1"}, {"checks.orphaned_elevations", "1"},
           {"checks.missing_parts_lists", "1"}, {"checks.empty_phases", "0"}, {"errors.3", "nothing"});

    VALUES("POST", V1 "/repair-consistency/p1", {"success", "true"}, {"errors", "[]"},
           {"repairs_made.0", "\"1 elevations put into the project of their phase\""},
           {"repairs_made.1", "\"1 elevations of vanished phases marked as vanished\""},
           {"repairs_made.2", "\"1 elevations no longer marked as having a parts list\""},
           {"repairs_made.3", "nothing"});

    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevations WHERE (logikal_id, project_id, deleted_at IS"
                                     " NULL, has_parts_data, parse_status) IN (('well', 1, true, true, 'success'),"
                                     " ('plain', 1, true, false, 'pending'), ('marked', 1, true, false, 'pending'),"
                                     " ('buried', 1, false, false, 'pending'), ('moved', 1, true, false, 'pending'),"
                                     " ('another', 2, true, true, 'success'))"),
                     6);
    VALUES("POST", V1 "/repair-consistency/p1", {"repairs_made", "[]"});
    cJSON *json = NULL;
    WAIT_UNTIL(
        (cJSON_Delete(json), json = ask("GET", V1 "/validate-consistency/p1"), strcmp(at(json, "valid"), "true") == 0),
        10000);
    cJSON_Delete(json);
    VALUES("GET", V1 "/validate-consistency/p2", {"valid", "false"}, {"checks.missing_parts_lists", "1"},
           {"checks.elevations_count", "1"});
}

TEST(test_a_projects_page_shows_its_own_phases)
{
    static const struct {
        int project;
        const char *shown[2], *hidden;
    } table[] = {{1, {"First of one", "Second of one"}, "Only of two"}, {2, {"Only of two", "E 6"}, "First of one"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[80];
        snprintf(path, sizeof path, "/ui/browse/projects/%d", table[i].project);
        char cookie[200];
        snprintf(cookie, sizeof cookie, "Cookie: logikald_session=%s", web.admin);
        struct http_reply page = web_ask(&web, "GET", path, NULL, cookie);
        assert_int_equal(page.status, 200);
        assert_non_null(strstr(page.body, table[i].shown[0]));
        assert_non_null(strstr(page.body, table[i].shown[1]));
        assert_null(strstr(page.body, table[i].hidden));
        assert_null(strstr(page.body, "Gone of one"));
        http_reply_free(&page);
    }
}

/* ---- metrics ---- */

static char *scrape(void)
{
    struct http_reply reply = web_call(&web, "GET", "/metrics", "only-for-metrics", NULL);
    assert_int_equal(reply.status, 200);
    char *text = strdup(reply.body);
    http_reply_free(&reply);
    return text;
}

/* Sum of the samples whose line begins so. */
static double sum_of(const char *metrics, const char *head)
{
    double sum = 0;
    for (const char *line = metrics; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, head, strlen(head)) == 0) {
            const char *end = strchrnul(line, '\n');
            while (end > line && end[-1] != ' ') end--;
            sum += strtod(end, NULL);
        }
    return sum;
}

/* A histogram's buckets never fall, and the last is the count. */
static int assert_histograms(const char *metrics)
{
    double before = 0;
    int series = 0;
    for (const char *line = metrics; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *bucket = strstr(line, "_bucket{"), *le = strstr(line, ",le=\""), *end = strchrnul(line, '\n');
        if (*line == '#' || !bucket || bucket > end || !le || le > end) continue;
        const char *value = strstr(le, "} ");
        double now = strtod(value + 2, NULL);
        if (now < before) fail_msg("a bucket is less than the one before: %.*s", (int)(end - line), line);
        before = now;
        if (strncmp(le, ",le=\"+Inf\"", 10) != 0) continue;
        char count[500];
        snprintf(count, sizeof count, "%.*s_count{%.*s} ", (int)(bucket - line), line, (int)(le - bucket - 8),
                 bucket + 8);
        if (!strstr(metrics, count)) fail_msg("no %s", count);
        if (sum_of(metrics, count) != now) fail_msg("%s is not %g", count, now);
        before = 0;
        series++;
    }
    return series;
}

#define PROJECTS "{route=\"/api/v1/projects/cached\",method=\"GET\""

static bool verdict_has(const char *text)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/verdict", web.admin, NULL);
    bool has = reply.status == 200 && strstr(reply.body, text);
    http_reply_free(&reply);
    return has;
}

/* Of one that is tried again by itself, where that has a time; of no other. */
TEST(test_the_verdict_says_when_a_webhook_is_tried_again)
{
    pg_exec(&web.pg,
            "INSERT INTO webhooks (url, description, epoch, xid, seq, item, failures, last_error, failing_since,"
            " state, next_try_at) SELECT 'http://127.0.0.1:1/x', d, 1, '1', 1, 1, 3, 'no answer', now(), s, t FROM"
            " (VALUES ('Later', 'active', '2033-01-02 03:04:05+00'::timestamptz), ('Never', 'active', 'infinity'),"
            " ('Failed', 'failed', '2034-01-02 03:04:05+00'), ('Gone', 'gone', '2034-01-02 03:04:05+00')) v (d, s, t)");
    WAIT_UNTIL(verdict_has("Later") && verdict_has("Never") && verdict_has("Failed") && verdict_has("Gone"), 30000);
    assert_true(verdict_has("2033-01-02"));
    assert_false(verdict_has("infinity"));
    assert_false(verdict_has("2034-01-02"));
    pg_exec(&web.pg, "DELETE FROM webhooks");
    WAIT_UNTIL(!verdict_has("Later"), 30000);
}

TEST(test_metrics_count_what_was_asked)
{
    enum { ASKED = 10, UNKNOWN = 3 };
    char *token = web_client(&web, "erp", "[\"projects:read\"]");
    char *before = scrape();
    for (int i = 0; i < ASKED; i++)
        assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200);
    for (int i = 0; i < UNKNOWN; i++)
        assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", NULL, NULL), 401);
    char *after = scrape();

    static const struct {
        const char *head;
        double least, most; /* by how much it grew */
    } table[] = {
        {"logikald_http_requests_total" PROJECTS ",status=\"200\"}", ASKED, ASKED},
        {"logikald_http_requests_total" PROJECTS ",status=\"401\"}", UNKNOWN, UNKNOWN},
        {"logikald_http_request_duration_seconds_count" PROJECTS "}", ASKED + UNKNOWN, ASKED + UNKNOWN},
        {"logikald_http_request_duration_seconds_sum" PROJECTS "}", 0.000001, 600},
        {"logikald_http_cache_hits_total ", ASKED - 2, ASKED},
        {"logikald_http_cache_misses_total ", 1, 2},
        {"logikald_http_cache_entries ", 1, 2},
        {"logikald_http_cache_bytes ", 100, 100000},
        {"logikald_db_queries_total ", 1, 1000},
        {"logikald_db_query_errors_total ", 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double grew = sum_of(after, table[i].head) - sum_of(before, table[i].head);
        if (grew < table[i].least || grew > table[i].most) fail_msg("%s grew by %g", table[i].head, grew);
    }
    assert_true(assert_histograms(after) >= 2);
    assert_true(sum_of(after, "logikald_db_pool_connections ") >= 1);
    assert_true(sum_of(after, "logikald_db_connects_total ") >= sum_of(after, "logikald_db_pool_connections "));
    assert_true(sum_of(after, "logikald_up{component=\"database\"} ") == 1);
    assert_true(sum_of(after, "logikald_http_connections_cut_total ") == 0);
    free(before);
    free(after);
    free(token);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_projects_report_counts_its_own_syncs_of_the_period),
    cmocka_unit_test(test_the_report_on_all_counts_by_type),
    cmocka_unit_test(test_the_grade_is_that_of_the_worse_of_freshness_and_failures),
    cmocka_unit_test(test_repair_puts_right_what_is_wrong_in_this_project_alone),
    cmocka_unit_test(test_a_projects_page_shows_its_own_phases),
    cmocka_unit_test(test_the_verdict_says_when_a_webhook_is_tried_again),
    cmocka_unit_test(test_metrics_count_what_was_asked),
    cmocka_unit_test(test_all_tell_the_same_of_what_is_stale),
};
TEST_MAIN(tests, start, stop)
