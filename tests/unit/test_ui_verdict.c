/* The dashboard's verdict: the worst of its parts, each reason named, by a table of what the page knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "services/web/ui/verdict.h"

#define WELL                                                                                                           \
    "\"switch\":{\"is_on\":true},\"stores\":[{\"name\":\"PostgreSQL\",\"tone\":\"ok\",\"text\":\"answers\"}],"         \
    "\"supervisor\":{\"is_known\":true,\"children\":[{\"name\":\"web.0\",\"state\":\"ready\",\"tone\":\"ok\"}]}"
#define QUEUES(depth, oldest, dead, workers)                                                                           \
    "\"queues\":{\"queues\":[{\"name\":\"sync\",\"depth\":" depth ",\"oldest_ms\":" oldest "}],\"dead\":" dead         \
    ",\"workers\":" workers "}"
#define IDLE QUEUES("0", "0", "0", "1")

static const struct {
    const char *data, *tone, *reason; /* reason: part of the first one; "" = there is none */
} cases[] = {
    {"{" WELL "," IDLE "}", "ok", ""},
    {"{}", "ok", ""},
    {"{\"stores\":[{\"name\":\"Redis\",\"tone\":\"bad\",\"text\":\"unreachable\"}]}", "bad", "Redis: unreachable"},
    {"{\"stores\":[{\"name\":\"Redis\",\"tone\":\"off\",\"text\":\"not configured\"}]}", "ok", ""},
    {"{\"supervisor\":{\"is_known\":true,\"is_stale\":true,\"note\":\"it hangs\"}}", "bad", "it hangs"},
    {"{\"supervisor\":{\"note\":\"without a supervisor\"}}", "ok", ""},
    {"{\"supervisor\":{\"is_known\":true,\"children\":[{\"name\":\"beat\",\"state\":\"crash-loop\",\"tone\":\"bad\","
     "\"last_exit\":\"exit status 1\"}]}}",
     "bad", "beat ends again and again (exit status 1)"},
    {"{\"supervisor\":{\"is_known\":true,\"children\":[{\"name\":\"beat\",\"state\":\"stopped\",\"tone\":\"off\"}]}}",
     "warn", "stopped by hand"},
    {"{\"supervisor\":{\"is_known\":true,\"reload_error\":\"a.cfg:3: no\"}}", "warn", "a.cfg:3: no"},
    {"{" WELL "," QUEUES("0", "0", "0", "0") "}", "bad", "No worker is there"},
    {"{\"switch\":{\"is_on\":false}," QUEUES("0", "0", "0", "0") "}", "ok", ""},
    {"{\"switch\":{\"is_on\":false}," QUEUES("3", "0", "0", "0") "}", "warn", "3 tasks wait and no worker"},
    {"{" WELL "," QUEUES("5", "1000000", "0", "1") "}", "warn", "has waited for 17 minutes"},
    {"{" WELL "," QUEUES("1001", "0", "0", "1") "}", "warn", "1001 tasks wait in queue sync"},
    {"{" WELL "," QUEUES("0", "0", "1", "1") "}", "warn", "1 dead letter"},
    {"{" WELL "," IDLE ",\"intervals\":[{\"display_name\":\"Phases\",\"tone\":\"stale\","
     "\"staleness_threshold_minutes\":30}]}",
     "bad", "Phases are older than their threshold of 30 minutes"},
    {"{" WELL "," IDLE ",\"intervals\":[{\"display_name\":\"A\",\"tone\":\"never\"},{\"display_name\":\"B\","
     "\"tone\":\"never\"}]}",
     "warn", "Never synced yet: A, B"},
    {"{" WELL "," IDLE ",\"intervals\":[{\"display_name\":\"A\",\"tone\":\"off\"},{\"display_name\":\"B\","
     "\"tone\":\"late\"}]}",
     "ok", ""},
    /* The worst comes first. */
    {"{" WELL
     "," QUEUES("0", "0", "2", "1") ",\"intervals\":[{\"display_name\":\"A\",\"tone\":\"fresh\",\"is_failed\":true,"
                                    "\"last_error\":\"503\"}]}",
     "bad", "The last sync of A failed: 503"},
    {"{" WELL "," IDLE ",\"counts\":{\"projects_failing\":1,\"unparsed\":0}}", "warn", "1 project could not"},
    {"{" WELL "," IDLE ",\"holds\":[{\"id\":3,\"reason\":\"mass\",\"directories\":2,\"projects\":6,\"phases\":8,"
     "\"elevations\":300}]}",
     "bad", "2 directories, 6 projects, 8 phases and 300 elevations"},
    {"{" WELL "," IDLE ",\"holds\":[]}", "ok", ""},
};

static void test_verdict_is_the_worst_of_its_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *data = cJSON_Parse(cases[i].data);
        assert_non_null(data);

        cJSON *verdict = ui_verdict(data);

        const char *tone = cJSON_GetStringValue(cJSON_GetObjectItem(verdict, "tone"));
        const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(verdict, "reasons"), 0);
        const char *text = first ? cJSON_GetStringValue(cJSON_GetObjectItem(first, "text")) : "";
        if (strcmp(tone, cases[i].tone) != 0 || !strstr(text, cases[i].reason) || (!*cases[i].reason && *text))
            fail_msg("%s: got %s, \"%s\"; expected %s, \"%s\"", cases[i].data, tone, text, cases[i].tone,
                     cases[i].reason);
        cJSON_Delete(verdict);
        cJSON_Delete(data);
    }
}

static void test_all_reasons_are_there_worst_first(void **state)
{
    (void)state;
    static const char *const expected[] = {"Redis: unreachable", "Phases are older", "Projects are older",
                                           "was stopped by hand", "2 dead letters"};
    cJSON *data = cJSON_Parse(
        "{\"stores\":[{\"name\":\"Redis\",\"tone\":\"bad\",\"text\":\"unreachable\"}],"
        "\"supervisor\":{\"is_known\":true,\"children\":[{\"name\":\"beat\",\"state\":\"stopped\",\"tone\":\"off\"}]}"
        "," QUEUES("0", "0", "2", "1") ",\"intervals\":[{\"display_name\":\"Phases\",\"tone\":\"stale\"},"
                                       "{\"display_name\":\"Projects\",\"tone\":\"stale\"}]}");
    assert_non_null(data);

    cJSON *verdict = ui_verdict(data);

    const cJSON *reasons = cJSON_GetObjectItem(verdict, "reasons");
    assert_int_equal(cJSON_GetArraySize(reasons), sizeof expected / sizeof *expected);
    for (int i = 0; i < cJSON_GetArraySize(reasons); i++) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(reasons, i), "text"));
        if (!strstr(text, expected[i])) fail_msg("reason %d is \"%s\", not \"%s\"", i, text, expected[i]);
    }
    cJSON_Delete(verdict);
    cJSON_Delete(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdict_is_the_worst_of_its_parts),
                                       cmocka_unit_test(test_all_reasons_are_there_worst_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
