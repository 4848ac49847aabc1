/* What a worker makes of what it is given, value by value: rows of the history, answers of Redis, ids that must not
 * run, complaints, and the table of tasks. */
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "services/tasks/task_table.h"
#include "services/worker/complaint.h"
#include "services/worker/dispatch/intake.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/events/history_row.h"
#include "services/worker/settle/finish_call.h"
#include "tests/support/answers/likeness.h"
#include "tests/support/support.h"

/* ---- the table of tasks ---- */
TEST(test_tasks_as_the_table_has_them)
{
    static const struct {
        const char *name;
        int dry_run_at;
    } previewed[] = {{"tasks.sync_tasks.sync_project_task", 2},
                     {"tasks.sync_tasks.full_sync_task", 1},
                     {"tasks.sync_tasks.force_sync_project_task", 2}};
    size_t count;
    const struct task_def *table = task_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool is_diagnostic = strncmp(table[i].name, "tasks.diagnostics.", 18) == 0;
        int at = 0;
        for (int k = 0; k < 3; k++)
            if (strcmp(previewed[k].name, table[i].name) == 0) at = previewed[k].dry_run_at;
        if (table[i].is_diagnostic != is_diagnostic || table[i].dry_run_at != at) fail_msg("%s", table[i].name);
        assert_ptr_equal(task_find(table[i].name, true), &table[i]);
        assert_ptr_equal(task_find(table[i].name, false), is_diagnostic ? NULL : &table[i]);
    }
    assert_null(task_find("nobody", true));
}

TEST(test_who_asks_for_a_preview)
{
    static const struct {
        const char *task, *args, *kwargs, *wrong;
    } rows[] = {
        {"tasks.sync_tasks.full_sync_task", "[1, true]", "{}", NULL},
        {"tasks.sync_tasks.full_sync_task", "[1, 1]", "{}", "neither true nor false"},
        {"tasks.sync_tasks.full_sync_task", "[1]", "{\"dry_run\": \"yes\"}", "neither true nor false"},
        {"tasks.sync_tasks.full_sync_task", "[]", "{\"dry_run\": null}", NULL},
        {"tasks.sync_tasks.full_sync_task", "[]", "{\"dry-run\": true}", "dry-run is no argument"},
        {"tasks.sync_tasks.health_check_task", "[1, true, true]", "{}", NULL},
        {"tasks.sync_tasks.health_check_task", "[]", "{\"dry_run\": true}", "cannot be previewed"},
        {"tasks.sync_tasks.health_check_task", "[]", "{\"dry_run\": false}", NULL},
        {"tasks.diagnostics.noop", "[]", "{\"dry_run\": true}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *args = cJSON_Parse(rows[i].args), *kwargs = cJSON_Parse(rows[i].kwargs);
        struct err err = {0};
        int rc = task_check_dry_run(task_find(rows[i].task, true), args, kwargs, &err);
        assert_int_equal(rc, rows[i].wrong ? -ERR_INPUT : 0);
        if (rows[i].wrong && !strstr(err.text, rows[i].wrong)) fail_msg("row %zu: %s", i, err.text);
        cJSON_Delete(args);
        cJSON_Delete(kwargs);
    }
}

/* ---- rows of the history ---- */
static struct buf row_text;

static const char *row_of(struct delivery *d, const char *state, const char *why)
{
    struct history_row *r = history_row_new(d, state, why);
    buf_reset(&row_text);
    history_row_print(&row_text, r, "w@h");
    history_row_free(r);
    return row_text.data;
}

static void expect_row(struct delivery *d, const char *state, const char *why, const char *wanted)
{
    int64_t now = wall_us();
    const char *text = row_of(d, state, why);
    if (!likeness_holds(wanted, text, now)) fail_msg("%s instead of %s", text, wanted);
}

#define BODY "[[1, 12345678901234567890], {\"password\": \"x\", \"k\": 2}, {}]"

TEST(test_rows_of_the_history)
{
    struct delivery d = {.m = {.id = "i", .task = "t", .parent_id = "p", .root_id = "r", .group = "g", .retries = 2},
                         .queue = "q",
                         .deliveries = 3,
                         .taken_us = mono_us(),
                         .started_wall_us = 5000000};
    d.m.body = (char *)(uintptr_t)BODY;
    d.m.body_len = strlen(BODY);
    d.outcome =
        (struct outcome){.run_us = 1234567, .json = (char *)(uintptr_t) "{\"result\": {\"token\": \"x\", \"n\": 1.0}}"};
    expect_row(&d, "success", NULL,
               "{\"state\":\"success\",\"id\":\"i\",\"name\":\"t\",\"queue\":\"q\",\"worker\":\"w@h\",\"parent_id\":"
               "\"p\",\"root_id\":\"r\","
               "\"group_id\":\"g\",\"try\":3,\"delivery\":3,\"received_us\":<#>,\"started_us\":5000000,\"run_ms\":1234."
               "567,\"ended_us\":6234567,"
               "\"args\":\"[1,12345678901234567890]\",\"kwargs\":\"{\\\"password\\\":\\\"***\\\",\\\"k\\\":2}\","
               "\"arguments\":\"masked\","
               "\"result\":\"{\\\"token\\\":\\\"***\\\",\\\"n\\\":1.0}\"}");
    expect_row(&d, "lost", "why it is",
               "<**>,\"try\":3,\"delivery\":3,\"received_us\":<#>,\"ended_us\":<#>,<**>,\"error\":\"why it is\"}");
    d.outcome.ended_us = 77;
    d.outcome.run_us = -1;
    d.outcome.json = NULL;
    d.outcome.why = (char *)(uintptr_t) "an end";
    d.deliveries = 0;
    d.m = (struct message){.body = (char *)(uintptr_t) "x", .body_len = 1, .retries = -5};
    snprintf(d.tag, sizeof d.tag, "tag.1");
    expect_row(&d, "dead", NULL,
               "{\"state\":\"dead\",\"id\":\"tag.1\",\"name\":\"?\",\"queue\":\"q\",\"worker\":\"w@h\",\"try\":1,"
               "\"delivery\":0,\"ended_us\":77,"
               "\"arguments\":\"unreadable\",\"error\":\"an end\"}");
    d.m.body = (char *)(uintptr_t) "[[1], {}, {}]";
    d.m.body_len = 13;
    d.outcome.why = NULL;
    expect_row(&d, "success", NULL, "<**>,\"args\":\"[1]\",\"kwargs\":\"{}\",\"arguments\":\"whole\"}");
    d.m.packing = PACKING_ZLIB;
    expect_row(&d, "success", NULL, "<**>,\"arguments\":\"packed\"}");
}

TEST(test_failures_that_results_tell)
{
    static const struct {
        const char *state, *json, *says;
    } rows[] = {
        {"failure", "{\"result\": {\"message\": \"m\", \"error\": \"e\"}}", "\"error\":\"m\",\"result\":<**>"},
        {"failure", "{\"result\": {\"error\": \"e\"}}", "\"error\":\"e\",\"result\":<**>"},
        {"failure", "{\"result\": {}}", "\"error\":\"its result says that it did not succeed\",\"result\":\"{}\"}"},
        {"failure", "nonsense", "\"error\":\"its result says that it did not succeed\"}"},
        {"success", "{\"result\": {\"message\": \"m\"}}", "\"arguments\":\"unreadable\",\"result\":<**>"},
        {"success", "{\"result\": null}", "\"arguments\":\"unreadable\"}"},
    };
    struct delivery d = {.m = {.id = "i"}, .queue = "q"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char wanted[200];
        d.outcome.json = (char *)(uintptr_t)rows[i].json;
        snprintf(wanted, sizeof wanted, "<**>%s", rows[i].says);
        expect_row(&d, rows[i].state, NULL, wanted);
    }
}

static char *long_text(size_t len)
{
    char *text = malloc(len + 1);
    memset(text, 'z', len);
    text[len] = '\0';
    return text;
}

TEST(test_long_texts_of_the_history)
{
    struct delivery d = {.m = {.id = "i", .task = "t"}, .queue = "q"};
    for (int more = 0; more < 2; more++) {
        char *name = long_text(255 + (size_t)more), *why = long_text(2000 + (size_t)more),
             *body = long_text(16384 + (size_t)more), *result = long_text(16384 + (size_t)more);
        d.m.id = name;
        memcpy(body, "[[\"", 3);
        memcpy(body + strlen(body) - 11, "\"], {}, {}]", 11);
        d.m.body = body;
        d.m.body_len = strlen(body);
        memcpy(result, "{\"result\":\"", 11);
        memcpy(result + strlen(result) - 2, "\"}", 2);
        d.outcome.json = result;
        d.outcome.why = why;
        struct history_row *r = history_row_new(&d, "failure", NULL);
        assert_int_equal(strlen(r->id), 255);
        assert_int_equal(strlen(r->why), 2000);
        assert_int_equal(r->body != NULL, !more);
        assert_int_equal(r->result != NULL, !more);
        assert_int_equal(r->result_bytes, more ? 16385 : 0);
        assert_true(r->bytes >= sizeof *r + 255 + 2000 + (more ? 0 : 2 * 16384) &&
                    r->bytes <= sizeof *r + 255 + 2000 + (more ? 10 : 2 * 16384 + 10));
        history_row_free(r);
        expect_row(&d, "failure", NULL,
                   more ? "<**>\"arguments\":\"large\",<**>,\"result_bytes\":16385}"
                        : "<**>\"arguments\":\"whole\",<**>");
        free(name);
        free(why);
        free(body);
        free(result);
    }
    d.m.id = "i";
    d.m.body = NULL;
    d.outcome.json = NULL;
    d.outcome.why = NULL;
    d.m.retries = 999999999;
    expect_row(&d, "success", NULL, "<**>\"try\":1000000000,<**>");
    d.m.retries = 1000000000;
    expect_row(&d, "success", NULL, "<**>\"try\":1,<**>");
    buf_free(&row_text);
}

/* ---- answers of Redis ---- */
struct reply_tree {
    redisReply nodes[40], *lists[40][8];
    int count;
};

/* One that is written down: i a number 1 to 9, s a text, ( a list ), n nil. */
static redisReply *tree(struct reply_tree *t, const char **at)
{
    redisReply *r = &t->nodes[t->count];
    redisReply **list = t->lists[t->count++];
    char c = *(*at)++;
    *r = (redisReply){.type = c == '('   ? REDIS_REPLY_ARRAY
                              : c == 's' ? REDIS_REPLY_STRING
                              : c == 'n' ? REDIS_REPLY_NIL
                                         : REDIS_REPLY_INTEGER};
    if (c == 's') r->str = (char *)(uintptr_t) "text", r->len = 4;
    if (r->type == REDIS_REPLY_INTEGER) r->integer = c == '-' ? -1 : c - '0';
    if (c != '(') return r;
    r->element = list;
    while (**at != ')') list[r->elements++] = tree(t, at);
    (*at)++;
    return r;
}

static const struct {
    const char *reply;
    bool is_page;
    size_t count;
} no_pages[] = {
    {"(00s0()()())", true, 0},
    {"(12s1(ss1)()(s))", true, 1},
    {"(12s1(ss1)(s)(s))", true, 1},
    {"(12s1(ss1ss2)()(sss))", true, 3},
    {"-", false, 0},
    {"(00s0()())", false, 0},
    {"(00s0()()()0)", false, 0},
    {"(s0s0()()())", false, 0},
    {"(0ss0()()())", false, 0},
    {"(0000()()())", false, 0},
    {"(00ss()()())", false, 0},
    {"(00s0s()())", false, 0},
    {"(00s0()s())", false, 0},
    {"(00s0()()s)", false, 0},
    {"(00s0(ss1)()())", false, 0},
    {"(00s0()()(s))", false, 0},
    {"(00s0(ss2)()(s))", false, 0},
    {"(00s0(ss1)()(ss))", false, 0},
    {"(00s0(ss0)()())", false, 0},
    {"(00s0(ss1ss1)()(s))", false, 0},
    {"(00s0(ss1)(ss)(s))", false, 0},
    {"(00s0(ss1)(1)(s))", false, 0},
    {"(00s0(ss1)()(1))", false, 0},
    {"(00s0(s1s)()(s))", false, 0},
    {"(00s0(ss1s)()(s))", false, 0},
    {"(00s0(1s1)()(s))", false, 0},
    {"(00s0(sss)()(s))", false, 0},
    {"(00s0(ss1)(n)(s))", false, 0},
};

TEST(test_pages_that_are_none)
{
    for (size_t i = 0; i < sizeof no_pages / sizeof *no_pages; i++) {
        struct reply_tree t = {.count = 0};
        struct page page = {0};
        const char *at = no_pages[i].reply;
        redisReply *r = tree(&t, &at);
        if (page_read(r, &page) != no_pages[i].is_page) fail_msg("%s", no_pages[i].reply);
        if (!no_pages[i].is_page) continue;
        assert_int_equal(page.count, no_pages[i].count);
        assert_int_equal(page.due_ms, no_pages[i].reply[1] - '0');
        assert_int_equal(page.paused, no_pages[i].reply[2] - '0');
        assert_int_equal(page.has_left, no_pages[i].reply[4] == '1');
        assert_string_equal(page.other, "text");
        if (page.count > 0) assert_string_equal(page_last_queue(&page), "text");
    }
    static const struct {
        const char *reply;
        size_t count;
        bool is_answer;
    } answers[] = {{"(sss)", 4, true},  {"(sss)", 3, false},  {"(sss)", 5, false},
                   {"(ss)", 4, false},  {"(ssss)", 4, false}, {"-", 4, false},
                   {"(1ss)", 4, false}, {"(s1s)", 4, false},  {"(ss1)", 4, false}};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct reply_tree t = {.count = 0};
        const char *at = answers[i].reply;
        if (finish_call_is_answer(tree(&t, &at), answers[i].count) != answers[i].is_answer)
            fail_msg("%s", answers[i].reply);
    }
}

/* ---- ids that must not run ---- */
TEST(test_the_newest_ids_are_remembered)
{
    struct worker w = {0};
    struct err err = {0};
    char id[MESSAGE_ID_LIMIT + 2];
    assert_int_equal(revoked_open(&w, &err), 0);
    assert_false(revoked_has(&w, "id-0"));
    for (int i = 0; i <= QUEUE_REVOKED_MAX; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        revoked_add(&w, id);
        revoked_add(&w, id);
    }
    assert_false(revoked_has(&w, "id-0"));
    assert_true(revoked_has(&w, "id-1") && revoked_has(&w, "id-2") && revoked_has(&w, id));
    revoked_add(&w, "");
    memset(id, 'x', sizeof id);
    id[MESSAGE_ID_LIMIT + 1] = '\0';
    revoked_add(&w, id);
    assert_false(revoked_has(&w, id) || revoked_has(&w, ""));
    assert_true(revoked_has(&w, "id-1"));
    id[MESSAGE_ID_LIMIT] = '\0';
    revoked_add(&w, id);
    assert_true(revoked_has(&w, id) && !revoked_has(&w, "id-1") && revoked_has(&w, "id-2"));
    cJSON *list = cJSON_CreateArray();
    revoked_list(&w, list);
    assert_int_equal(cJSON_GetArraySize(list), QUEUE_REVOKED_MAX);
    cJSON_Delete(list);
    revoked_close(&w);
}

TEST(test_complaints_are_said_once)
{
    struct complaint c = {0};
    char a[300], b[300];
    memset(a, 'a', sizeof a);
    a[200] = '\0';
    memcpy(b, a, sizeof a);
    b[170] = 'b'; /* beyond what is kept of it */
    assert_true(complaint_is_due(&c, a));
    assert_false(complaint_is_due(&c, a));
    assert_false(complaint_is_due(&c, b));
    b[158] = 'b';
    assert_true(complaint_is_due(&c, b));
    assert_true(complaint_is_due(&c, a));
    c.said_ms -= 50000;
    assert_false(complaint_is_due(&c, a));
    c.said_ms -= 10001;
    assert_true(complaint_is_due(&c, a));
}

/* Received when it was taken, by the clock of all. */
TEST(test_when_a_message_came)
{
    struct delivery d = {.m = {.id = "i"}, .queue = "q", .taken_us = mono_us() - 5000000};
    int64_t before = wall_us();
    struct history_row *r = history_row_new(&d, "success", NULL);
    assert_true(r->received_us >= before - 65000000 && r->received_us <= before - 4900000);
    history_row_free(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tasks_as_the_table_has_them),   cmocka_unit_test(test_who_asks_for_a_preview),
    cmocka_unit_test(test_rows_of_the_history),           cmocka_unit_test(test_failures_that_results_tell),
    cmocka_unit_test(test_long_texts_of_the_history),     cmocka_unit_test(test_pages_that_are_none),
    cmocka_unit_test(test_the_newest_ids_are_remembered), cmocka_unit_test(test_complaints_are_said_once),
    cmocka_unit_test(test_when_a_message_came),
};
TEST_MAIN(tests, NULL, NULL)
