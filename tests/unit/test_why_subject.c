/* Why: what is meant by what somebody asks, by a table; and that a list which is cut says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/print.h"
#include "services/why/subject.h"
#include "tests/support/test.h"

static cJSON *parse(const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; *p; p++)
        if (*p == '\'') *p = '"';
    cJSON *json = cJSON_Parse(copy);
    if (!json) fail_msg("no JSON: %s", text);
    free(copy);
    return json;
}

static const struct {
    const char *of, *meant; /* "of" of all candidates, split by blanks */
    bool objects_only;
} subjects[] = {
    {"project", "type:project", false},
    {"project", "", true},
    {"projects", "type:project", false},
    {"type:nothing", "", false},
    {"sync", "queue:sync project:#4", false},
    {"queue:nobody", "queue:nobody", false},
    {"queue:nobody", "", true},
    {"worker", "process:worker", false},
    {"worker.0", "process:worker.0", false},
    {"worker.1", "", false},
    {"process:redis", "", false},
    {"house", "project:#5 elevation:#6", false},
    {"elevation:house", "elevation:#6", false},
    {"elevation:house", "elevation:#6", true},
    {"project: house", "project:#5", false},
    {"a0000001-1111-4222-8333-444444444444", "task:a0000001-1111-4222-8333-444444444444", false},
    {"a0000001-1111-4222-8333-444444444444", "", true},
    {"task:mine", "task:mine", false},
    {"task:", "", false},
    {"", "", false},
    {"colon:name", "", false},
};

TEST(test_what_is_meant)
{
    static const char world[] =
        "{'stats':{'queues':[{'name':'sync'},{'name':'scheduler'}]},'plant':{'types':[{'type':'project',"
        "'name':'Projects'}]},'supervisor':{'children':[{'name':'worker.0','role':'worker','pid':7,'state':'ready'}]}}";
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct subject s;
        char meant[400] = "";
        cJSON *facts = parse(world);
        subject_read(subjects[i].of, &s);
        s.objects_only = subjects[i].objects_only;
        if (strcmp(s.name, "sync") == 0)
            cJSON_AddItemToObject(facts, "found", parse("[{'kind':'project','id':4,'name':'sync'}]"));
        if (strcmp(s.name, "house") == 0)
            cJSON_AddItemToObject(
                facts, "found",
                parse("[{'kind':'project','id':5,'name':'House'},{'kind':'elevation','id':6,'name':'house'},"
                      "{'kind':'elevation','id':7,'name':'house','is_gone':true}]"));
        cJSON *all = subject_candidates(&s, facts);
        const cJSON *each;
        cJSON_ArrayForEach(each, all) {
            if (*meant) strcat(meant, " ");
            strcat(meant, fact_text(each, "of"));
        }
        if (strcmp(meant, subjects[i].meant) != 0)
            fail_msg("\"%s\" means \"%s\", and not \"%s\"", subjects[i].of, meant, subjects[i].meant);
        cJSON_Delete(all);
        cJSON_Delete(facts);
    }
}

TEST(test_a_list_that_is_cut_says_so)
{
    struct subject s;
    struct buf out = {0};
    cJSON *facts = parse("{}"), *found = cJSON_AddArrayToObject(facts, "found");
    subject_read("house", &s);
    for (int i = 1; i < SUBJECT_MOST; i++)
        cJSON_AddItemToArray(found, parse("{'kind':'elevation','id':7,'name':'house'}"));
    cJSON *all = subject_candidates(&s, facts);
    assert_false(subject_is_cut(all));
    cJSON_Delete(all);
    cJSON_AddItemToArray(found, parse("{'kind':'elevation','id':8,'name':'house'}"));
    all = subject_candidates(&s, facts);
    assert_true(subject_is_cut(all));
    why_print_candidates(&out, all);
    assert_non_null(strstr(out.data, "These are the first 50 of a kind"));
    buf_free(&out);
    cJSON_Delete(all);
    cJSON_Delete(facts);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_meant),
    cmocka_unit_test(test_a_list_that_is_cut_says_so),
};
TEST_MAIN(tests, NULL, NULL)
