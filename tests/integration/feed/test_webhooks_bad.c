/* Receivers of webhooks that are no good: told apart, tried again by the rule, paused, and caught up with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/servers/hooks.h"
#include "tests/support/webhook.h"

/* ---- the API ---- */

/* Those that wait for their next try are tried now. */
static void hurry(void)
{
    pg_exec(&hooked.web.pg, "UPDATE webhooks SET next_try_at = '-infinity'");
    hook_tell();
}

/* ---- receivers that are no good ---- */

static const char *all_of(void)
{
    char *log = process_log(&hooked.web.process);
    return strcat(
        strcat(pg_value(&hooked.web.pg, "SELECT repeat(' ', 30000) || string_agg(w::text, E'\n') FROM webhooks w"),
               "\n"),
        log + (strlen(log) > 6000 ? strlen(log) - 6000 : 0));
}

static const struct {
    const char *path, *says; /* says: part of last_error; NULL: it is taken all the same */
} bad[] = {{"/fails/99", "answers 500: broken"},
           {"/moved", "redirects are not followed"},
           {"/hang", "timed out"},
           {"/head", "of head"},
           {"/reset", ""},
           {"/garbage", ""},
           {"/slow/5", "timed out"},
           {"/busy/3600", "answers 429"},
           {"/drip", NULL},
           {"/endless", NULL},
           {"/lies", NULL},
           {"/slow/1", NULL}};
#define BAD_COUNT (sizeof bad / sizeof *bad)

static bool are_all_judged(const struct hook hooks[])
{
    for (size_t i = 0; i < BAD_COUNT; i++)
        if (bad[i].says ? hook_tries(&hooks[i]) < 1 : strcmp(hook_member(&hooks[i], "delivered"), "1") != 0)
            return false;
    return true;
}

TEST(test_a_bad_receiver_is_told_apart_and_holds_up_nobody)
{
    struct hook hooks[BAD_COUNT], fine = hook_make("/ok?beside", "");
    for (size_t i = 0; i < BAD_COUNT; i++) hooks[i] = hook_make(bad[i].path, "");

    hook_write_change();

    WAIT_UNTIL(strcmp(hook_member(&fine, "delivered"), "1") == 0, 20000);
    int64_t deadline = support_deadline(30000);
    while (!are_all_judged(hooks)) {
        if (support_late(deadline)) fail_msg("%s", all_of());
        support_pause();
    }
    for (size_t i = 0; i < BAD_COUNT; i++) {
        cJSON *w = hook_look(&hooks[i]);
        const char *error = hook_text(w, "last_error");
        if (bad[i].says ? !*error || !strstr(error, bad[i].says) : *error != 0) fail_msg("%s: %s", bad[i].path, error);
        assert_string_equal(hook_text(w, "state"), "active");
        assert_int_equal(cJSON_IsNull(cJSON_GetObjectItem(w, "next_try_at")), !bad[i].says);
        cJSON_Delete(w);
        hook_drop(&hooks[i]);
    }
    assert_int_equal(receiver_count(&hooked.receiver, "/trap"), 0);
    hook_drop(&fine);
}

TEST(test_a_refused_batch_comes_again_the_same_and_before_what_follows)
{
    struct hook h = hook_make("/fails/2?again", "");
    hook_write_change();
    WAIT_UNTIL(hook_tries(&h) == 1, 20000);
    hook_write_change();
    hook_write_change();
    hurry();
    WAIT_UNTIL(hook_tries(&h) == 2, 20000);
    hurry();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "3") == 0, 20000);

    cJSON *got = receiver_got(&hooked.receiver, h.path);
    const char *ids[3], *raws[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = hook_text(cJSON_GetObjectItem(cJSON_GetArrayItem(got, i), "headers"), "webhook-id");
        raws[i] = hook_text(cJSON_GetArrayItem(got, i), "raw");
        assert_string_equal(ids[i], ids[0]);
        assert_string_equal(raws[i], raws[0]);
    }
    assert_int_equal(cJSON_GetArraySize(got), 4);
    const cJSON *last = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 3), "headers");
    assert_string_not_equal(hook_text(last, "webhook-id"), ids[0]);
    cJSON_Delete(got);
    hook_drop(&h);
}

TEST(test_retry_after_is_obeyed_in_both_forms)
{
    struct hook hooks[] = {hook_make("/busy/1800?a", ""), hook_make("/busy-date/1800?b", ""),
                           hook_make("/busy/999999999?c", "")};
    static const int expected[] = {1800, 1800, 86400};
    hook_write_change();
    for (int i = 0; i < 3; i++) {
        char sql[200];
        WAIT_UNTIL(hook_tries(&hooks[i]) == 1, 20000);
        snprintf(sql, sizeof sql, "SELECT extract(epoch FROM next_try_at - last_at)::int FROM webhooks WHERE id = %d",
                 hooks[i].id);
        int64_t waits = pg_int(&hooked.web.pg, sql);
        if (waits < expected[i] - 60 || waits > expected[i] + 1) fail_msg("%s: %d s", hooks[i].path, (int)waits);
        hook_drop(&hooks[i]);
    }
}

TEST(test_410_switches_off_and_long_failing_pauses_until_somebody_resumes)
{
    struct hook gone = hook_make("/gone?off", ""), down = hook_make("/down?long", "");
    char flag[300];
    snprintf(flag, sizeof flag, "%s/down", hooked.receiver.dir);
    fclose(fopen(flag, "we"));
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&gone, "state"), "gone") == 0, 20000);
    WAIT_UNTIL(hook_tries(&down) == 1, 20000);

    pg_exec(&hooked.web.pg, "UPDATE webhooks SET failing_since = now() - interval '61 minutes'");
    hurry();
    WAIT_UNTIL(strcmp(hook_member(&down, "state"), "failed") == 0, 20000);
    assert_non_null(strstr(hook_member(&down, "state_reason"), "answers 500"));
    hook_write_change();
    unlink(flag);
    hurry();
    hook_act(&down, "PATCH", "", "{\"state\":\"active\"}");
    WAIT_UNTIL(strcmp(hook_member(&down, "delivered"), "2") == 0, 20000);
    assert_string_equal(hook_member(&down, "state_reason"), "");
    assert_int_equal(receiver_count(&hooked.receiver, gone.path), 1);

    hook_act(&down, "PATCH", "", "{\"state\":\"paused\"}");
    hook_write_change();
    hook_write_change();
    usleep(1500000); /* longer than a look: nothing comes */
    assert_string_equal(hook_member(&down, "delivered"), "2");
    hook_act(&down, "PATCH", "", "{\"state\":\"active\"}");
    WAIT_UNTIL(strcmp(hook_member(&down, "delivered"), "4") == 0, 20000);
    hook_drop(&gone);
    hook_drop(&down);
}

TEST(test_replay_tells_again_from_a_place)
{
    struct hook h = hook_make("/ok?replay", "");
    char body[200], middle[100];
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "1") == 0, 20000);
    snprintf(middle, sizeof middle, "%s", hook_member(&h, "cursor"));
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "2") == 0, 20000);

    snprintf(body, sizeof body, "{\"since\":\"%s\"}", middle);
    hook_act(&h, "POST", "/replay", body);
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "3") == 0, 20000);
    hook_act(&h, "POST", "/replay", "{\"since\":\"now\"}");
    hook_act(&h, "POST", "/replay", "{\"since\":\"2020-01-01T00:00:00Z\"}");
    WAIT_UNTIL(strtol(hook_member(&h, "delivered"), NULL, 10) > 10, 20000);
    static const char *const nonsense[] = {"yesterday", "1-2-3", "1-2-3-4-5", "-1-2-3-4", "", "1-2-3-x", "now "};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        char path[80];
        snprintf(path, sizeof path, "/api/v1/webhooks/%d/replay", h.id);
        snprintf(body, sizeof body, "{\"since\":\"%s\"}", nonsense[i]);
        assert_int_equal(web_status(&hooked.web, "POST", path, hooked.web.admin, body), 422);
    }
    hook_drop(&h);
}

TEST(test_a_gap_in_the_journal_is_told)
{
    struct hook h = hook_make("/ok?gap", ""), ahead = hook_make("/ok?ahead", "");
    hook_act(&h, "PATCH", "", "{\"state\":\"paused\"}");
    hook_write_change();
    pg_exec(&hooked.web.pg,
            "WITH gone AS (DELETE FROM changes RETURNING epoch, xid, seq) UPDATE changes_state s SET"
            " pruned_epoch = g.epoch, pruned_xid = g.xid, pruned_seq = g.seq FROM (SELECT * FROM gone ORDER BY"
            " epoch DESC, xid DESC, seq DESC LIMIT 1) g");
    pg_exec(&hooked.web.pg, "UPDATE webhooks SET xid = '4000000000' WHERE url LIKE '%ahead'");
    hook_write_change();
    hook_act(&h, "PATCH", "", "{\"state\":\"active\"}");

    WAIT_UNTIL(receiver_count(&hooked.receiver, h.path) == 2 && receiver_count(&hooked.receiver, ahead.path) >= 1,
               20000);
    cJSON *got = receiver_got(&hooked.receiver, h.path),
          *first = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    assert_string_equal(hook_text(first, "type"), "gap");
    assert_string_equal(hook_text(cJSON_GetObjectItem(first, "data"), "code"), "CURSOR_EXPIRED");
    assert_string_equal(hook_text(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 1), "body"), "type"), "changes");
    cJSON_Delete(got);
    got = receiver_got(&hooked.receiver, ahead.path);
    first = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    assert_string_equal(hook_text(cJSON_GetObjectItem(first, "data"), "code"), "CURSOR_UNKNOWN");
    cJSON_Delete(got);
    hook_wait_for_rest(&h);
    hook_wait_for_rest(&ahead);
    hook_drop(&h);
    hook_drop(&ahead);
}

/* A standby took over, a dump was restored (somewhere else, or into the same server): its receiver may have been told
 * what is gone. */
TEST(test_another_database_is_told_as_a_gap)
{
    static const char *const was[] = {"identity || '0'", "'1' || identity",
                                      "regexp_replace(identity, '/[0-9]+/([0-9A-F]+)$', '/7/\\1')"};
    struct hook h = hook_make("/ok?another", "");
    char sql[200];
    for (int i = 0; i < 3; i++) {
        hook_write_change();
        WAIT_UNTIL(receiver_count(&hooked.receiver, h.path) == 2 * i + 1, 20000);
        snprintf(sql, sizeof sql, "UPDATE changes_state SET identity = %s", was[i]);
        pg_exec(&hooked.web.pg, sql);

        WAIT_UNTIL(pg_int(&hooked.web.pg, "SELECT changes_is_another(identity)::int FROM changes_state") == 0, 20000);
        hook_tell();
        WAIT_UNTIL(receiver_count(&hooked.receiver, h.path) == 2 * i + 2, 20000);
        cJSON *got = receiver_got(&hooked.receiver, h.path),
              *last = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 2 * i + 1), "body");
        assert_string_equal(hook_text(last, "type"), "gap");
        assert_string_equal(hook_text(cJSON_GetObjectItem(last, "data"), "code"), "CURSOR_UNKNOWN");
        cJSON_Delete(got);
        hook_wait_for_rest(&h);
    }
    assert_int_equal(pg_int(&hooked.web.pg, "SELECT count(*) FROM changes_epochs WHERE why LIKE '%standby%'"), 1);
    hook_drop(&h);
}

TEST(test_a_large_backlog_comes_in_bounded_batches)
{
    struct hook h = hook_make("/ok?large", ",\"types\":[\"directory\"]");
    hook_act(&h, "PATCH", "", "{\"state\":\"paused\"}");
    pg_exec(&hooked.web.pg, "INSERT INTO directories (logikal_id, name) SELECT 'd-' || i, repeat('n', 200) || i FROM"
                            " generate_series(1, 2500) i");
    hook_act(&h, "PATCH", "", "{\"state\":\"active\"}");

    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "2500") == 0, 30000);
    cJSON *got = receiver_got(&hooked.receiver, h.path), *request, *change;
    static bool seen[2501];
    int count = 0;
    cJSON_ArrayForEach(request, got) {
        assert_true(strlen(hook_text(request, "raw")) < 1000000);
        const cJSON *data = cJSON_GetObjectItem(cJSON_GetObjectItem(request, "body"), "data");
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes")) {
            int id = (int)strtol(hook_text(change, "logikal_id") + 2, NULL, 10);
            assert_true(id > 0 && id <= 2500 && !seen[id]);
            seen[id] = true;
            count++;
        }
    }
    assert_int_equal(count, 2500);
    assert_true(cJSON_GetArraySize(got) >= 12);
    cJSON_Delete(got);
    hook_drop(&h);
}

TEST(test_a_project_that_nobody_knows_is_refused)
{
    static const struct {
        const char *projects;
        int status;
    } rows[] = {{"[\"nobody\"]", 422},
                {"[\"p-1\",\"nobody\"]", 422},
                {"[\"999999\"]", 422},
                {"[\"4d7a5f0e-0000-4000-8000-000000000000\"]", 422},
                {"[\"p-1\",\"p-2\"]", 200},
                {"[\"1\"]", 200},
                {"[]", 200}};
    struct hook h = hook_make("/ok?known", "");
    char path[80], body[200];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", h.id);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(body, sizeof body, "{\"projects\":%s}", rows[i].projects);
        struct http_reply reply = web_call(&hooked.web, "PATCH", path, hooked.web.admin, body);
        if (reply.status != rows[i].status) fail_msg("PATCH %s: %d %s", body, reply.status, reply.body);
        http_reply_free(&reply);
        if (rows[i].status == 200) continue;
        snprintf(body, sizeof body, "{\"url\":\"%s/ok\",\"projects\":%s}", hooked.receiver.url, rows[i].projects);
        assert_int_equal(web_status(&hooked.web, "POST", "/api/v1/webhooks", hooked.web.admin, body), 422);
    }
    hook_drop(&h);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_project_that_nobody_knows_is_refused),
    cmocka_unit_test(test_a_bad_receiver_is_told_apart_and_holds_up_nobody),
    cmocka_unit_test(test_a_refused_batch_comes_again_the_same_and_before_what_follows),
    cmocka_unit_test(test_retry_after_is_obeyed_in_both_forms),
    cmocka_unit_test(test_410_switches_off_and_long_failing_pauses_until_somebody_resumes),
    cmocka_unit_test(test_replay_tells_again_from_a_place),
    cmocka_unit_test(test_a_gap_in_the_journal_is_told),
    cmocka_unit_test(test_another_database_is_told_as_a_gap),
    cmocka_unit_test(test_a_large_backlog_comes_in_bounded_batches),
};
TEST_MAIN(tests, hook_start, hook_stop)
