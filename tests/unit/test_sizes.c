/* When a database will be full, and what is said of it. */
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "services/store/sizes.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/problems/problems.h"

#define MB (1024.0 * 1024.0)
#define GB ((int64_t)1 << 30)

TEST(test_forecast_by_table)
{
    static const struct {
        int64_t database;
        double per_day;
        int64_t limit;
        double full_in_s;
        const char *text;
    } rows[] = {
        {GB, 0, 0, SIZES_NEVER, "1.0 GB"},
        {GB, 50 * MB, 0, SIZES_NEVER, "1.0 GB"},
        {GB, 0, 10 * GB, SIZES_NEVER, "1.0 GB of 10 GB"},
        {GB, -5 * MB, 10 * GB, SIZES_NEVER, "1.0 GB of 10 GB"},
        {GB, 512 * MB, 2 * GB, 2 * 86400.0, "1.0 GB of 2.0 GB, full on 1970-01-03 at this rate (512 MB a day)"},
        {GB, 1024 * MB, 11 * GB, 10 * 86400.0, "1.0 GB of 11 GB, full on 1970-01-11 at this rate (1.0 GB a day)"},
        {GB, 1, 1000 * GB, SIZES_NEVER, "1.0 GB of 1000 GB"},
        {3 * GB, 512 * MB, 2 * GB, 0, "3.0 GB of 2.0 GB: full"},
        {2 * GB, 0, 2 * GB, 0, "2.0 GB of 2.0 GB: full"},
        {700, 0, 1024, SIZES_NEVER, "700 B of 1.0 kB"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct sizes s = {.database = rows[i].database, .per_day = rows[i].per_day};
        char text[200];
        assert_string_equal(sizes_text(&s, rows[i].limit, 0, text, sizeof text), rows[i].text);
        double full_in = sizes_full_in(&s, rows[i].limit);
        if (full_in - rows[i].full_in_s > 1 || rows[i].full_in_s - full_in > 1) fail_msg("row %zu: %g", i, full_in);
    }
}

static const cJSON *size_problem(const cJSON *verdict)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, fact(verdict, "problems"))
        if (strstr(fact_text(p, "key"), "size")) return p;
    return NULL;
}

TEST(test_verdict_tells_of_a_database_that_fills)
{
    static const struct {
        double database, per_day, limit;
        const char *severity; /* NULL: nothing to tell */
    } rows[] = {
        {1, 0, 10, NULL},   {8.9, 0, 10, NULL},   {9.1, 0, 10, "look"}, {9.8, 0, 10, "wrong"}, {12, 0, 10, "wrong"},
        {1, 0.1, 10, NULL}, {1, 0.4, 10, "look"}, {5, 2, 10, "wrong"},  {99, 99, 0, NULL},     {5, -2, 10, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *facts = cJSON_CreateObject(), *sizes = cJSON_AddObjectToObject(facts, "sizes");
        cJSON_AddNumberToObject(sizes, "database_bytes", rows[i].database * (double)GB);
        cJSON_AddNumberToObject(sizes, "bytes_per_day", rows[i].per_day * (double)GB);
        cJSON_AddNumberToObject(sizes, "limit_bytes", rows[i].limit * (double)GB);
        cJSON *verdict = problems_judge(facts);
        const cJSON *p = size_problem(verdict);
        if (!p != !rows[i].severity || (p && strcmp(fact_text(p, "severity"), rows[i].severity) != 0))
            fail_msg("row %zu: %s", i, p ? fact_text(p, "cause") : "nothing");
        if (p) assert_non_null(strstr(fact_text(p, "advice"), "DATABASE_SIZE_LIMIT"));
        cJSON_Delete(verdict);
        cJSON_Delete(facts);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_forecast_by_table),
    cmocka_unit_test(test_verdict_tells_of_a_database_that_fills),
};
TEST_MAIN(tests, NULL, NULL)
