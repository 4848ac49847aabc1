/* Webhooks, without a worker: who is told of what, in which form and signed by whom. The role web alone, and children
 * of it that deliver. Receivers that are no good: test_webhooks_bad.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/servers/certificates.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/webhook.h"

/* ---- the API ---- */

/* ---- what is sent ---- */

/* Whether a cursor stands where the other one does, or behind it: changes that were not asked for may lie between. */
static bool is_from(const char *cursor, const char *earlier)
{
    long long a[4], b[4];
    assert_int_equal(sscanf(cursor, "%lld-%lld-%lld-%lld", &a[0], &a[1], &a[2], &a[3]), 4);
    assert_int_equal(sscanf(earlier, "%lld-%lld-%lld-%lld", &b[0], &b[1], &b[2], &b[3]), 4);
    for (int i = 0; i < 4; i++)
        if (a[i] != b[i]) return a[i] > b[i];
    return true;
}

TEST(test_changes_are_posted_signed_and_with_the_cursor_behind_them)
{
    struct hook h = hook_make("/ok?first", ",\"description\":\"ERP\",\"types\":[\"elevation\"]");
    cJSON *before = hook_look(&h);

    hook_write_change();
    pg_exec(&hooked.web.pg, "UPDATE projects SET name = 'not asked for'");
    hook_write_change();

    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "2") == 0, 20000);
    hook_wait_for_rest(&h);
    pg_exec(&hooked.web.pg, "UPDATE projects SET name = 'not asked for either'");
    hook_tell();
    hook_wait_for_rest(&h);
    cJSON *got = receiver_got(&hooked.receiver, h.path), *request, *after = hook_look(&h);
    char since[100];
    snprintf(since, sizeof since, "%s", hook_text(before, "cursor"));
    int changes = 0;
    cJSON_ArrayForEach(request, got) {
        const cJSON *body = cJSON_GetObjectItem(request, "body"), *data = cJSON_GetObjectItem(body, "data"), *change;
        assert_string_equal(hook_text(body, "type"), "changes");
        assert_int_equal(strlen(hook_text(body, "timestamp")), strlen("2026-01-01T00:00:00.000Z"));
        assert_true(is_from(hook_text(data, "since"), since));
        snprintf(since, sizeof since, "%s", hook_text(data, "next"));
        assert_false(is_from(hook_text(data, "since"), since));
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes")) {
            const cJSON *field = cJSON_GetObjectItem(cJSON_GetObjectItem(change, "fields"), "description");
            char expected[20];
            snprintf(expected, sizeof expected, "w-%d", ++changes);
            assert_string_equal(hook_text(change, "type"), "elevation");
            assert_string_equal(hook_text(change, "project_logikal_id"), "p-1");
            assert_string_equal(hook_text(field, "after"), expected);
        }
        assert_string_equal(hook_text(cJSON_GetObjectItem(request, "headers"), "content-type"), "application/json");
    }
    assert_int_equal(changes, 2);
    receiver_verify(&hooked.receiver, (const char *const[]){h.secret, NULL});
    assert_string_equal(hook_text(after, "last_error"), "");
    assert_int_equal(hook_number(after, "last_status"), 200);
    cJSON_Delete(got);
    cJSON_Delete(before);
    cJSON_Delete(after);
    hook_drop(&h);
}

TEST(test_the_secret_is_shown_once_and_is_not_in_the_database)
{
    struct hook h = hook_make("/ok?secret", "");
    struct http_reply list = web_call(&hooked.web, "GET", "/api/v1/webhooks", hooked.web.admin, NULL);
    assert_int_equal(list.status, 200);
    assert_null(strstr(list.body, h.secret + 6));
    assert_null(strstr(list.body, "sealed"));
    http_reply_free(&list);

    char sql[300];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM webhook_secrets WHERE strpos(sealed, '%s') > 0", h.secret + 6);
    assert_int_equal(pg_int(&hooked.web.pg, sql), 0);
    assert_int_equal(pg_int(&hooked.web.pg, "SELECT count(*) FROM webhook_secrets WHERE sealed !~ '^sealed1:'"), 0);
    hook_drop(&h);
    assert_int_equal(pg_int(&hooked.web.pg, "SELECT count(*) FROM webhook_secrets"), 0);
}

TEST(test_former_secrets_sign_while_they_are_rotated)
{
    char path[80], second[80], third[80];
    struct hook h = hook_make("/ok?rotate", "");
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/rotate-secret", h.id);
    char file[300];
    snprintf(file, sizeof file, "%s/log", hooked.receiver.dir);
    unlink(file);

    cJSON *rotated = hook_call("POST", path, NULL, 200);
    snprintf(second, sizeof second, "%s", hook_text(rotated, "secret"));
    cJSON_Delete(rotated);
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "1") == 0, 20000);
    receiver_verify(&hooked.receiver, (const char *const[]){second, h.secret, NULL});

    char sql[300]; /* of a SECRET_KEY that is lost: that is what it was rotated for */
    snprintf(sql, sizeof sql,
             "UPDATE webhook_secrets SET sealed = 'sealed1:' || replace(encode(sha256('1') || sha256('2') ||"
             " sha256('3'), 'base64'), E'\\n', '') WHERE id = (SELECT min(id) FROM webhook_secrets WHERE webhook_id ="
             " %d)",
             h.id);
    pg_exec(&hooked.web.pg, sql);
    unlink(file);
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "2") == 0, 20000);
    receiver_verify(&hooked.receiver, (const char *const[]){second, NULL});

    rotated = hook_call("POST", path, "{\"overlap_hours\":0}", 200);
    snprintf(third, sizeof third, "%s", hook_text(rotated, "secret"));
    cJSON_Delete(rotated);
    unlink(file);
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "3") == 0, 20000);
    receiver_verify(&hooked.receiver, (const char *const[]){third, NULL});
    cJSON *got = receiver_got(&hooked.receiver, h.path);
    const char *signatures = hook_text(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "headers"), "webhook-signature");
    assert_null(strchr(signatures, ' '));
    cJSON_Delete(got);
    hook_drop(&h);
}

TEST(test_odoo_gets_flat_records_and_slack_a_sentence)
{
    struct hook odoo = hook_make("/ok?odoo", ",\"format\":\"odoo\""),
                slack = hook_make("/ok?slack", ",\"format\":\"slack\"");
    pg_exec(&hooked.web.pg,
            "UPDATE elevations SET name = '<!channel> A&B', width = 1200.5, description = repeat('x', 600),"
            " user_description = repeat('y', 4097) WHERE logikal_id = 'e'");
    WAIT_UNTIL(receiver_count(&hooked.receiver, odoo.path) == 1 && receiver_count(&hooked.receiver, slack.path) == 1,
               20000);

    cJSON *got = receiver_got(&hooked.receiver, odoo.path), *field;
    cJSON *record = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    cJSON_ArrayForEach(field, record) assert_false(cJSON_IsObject(field) || cJSON_IsArray(field));
    assert_string_equal(hook_text(record, "_model"), "logikal.elevation");
    assert_string_equal(hook_text(record, "_action"), "changed");
    assert_int_equal(hook_number(record, "_id"), 1);
    assert_string_equal(hook_text(record, "logikal_id"), "e");
    assert_string_equal(hook_text(record, "name"), "<!channel> A&B");
    assert_true(cJSON_GetObjectItem(record, "width")->valuedouble == 1200.5);
    assert_int_equal(strlen(hook_text(record, "description")), 600); /* too long for the change, not for the object */
    assert_int_equal(strlen(hook_text(record, "user_description")), 64);
    cJSON_Delete(got);

    got = receiver_got(&hooked.receiver, slack.path);
    const char *text = hook_text(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body"), "text");
    assert_non_null(strstr(text, "Elevation &lt;!channel&gt; A&amp;B was changed: "));
    assert_non_null(strstr(text, "width nothing → 1200.5"));
    assert_null(strpbrk(text, "<>"));
    cJSON_Delete(got);

    pg_exec(&hooked.web.pg, "UPDATE elevations SET name = 'P01'");
    pg_exec(&hooked.web.pg, "BEGIN; UPDATE projects SET name = name || '!'; UPDATE phases SET name = 'x'; COMMIT");
    WAIT_UNTIL(strcmp(hook_member(&odoo, "delivered"), "5") == 0 && strcmp(hook_member(&slack, "delivered"), "5") == 0,
               20000);
    assert_int_equal(receiver_count(&hooked.receiver, odoo.path), 5);
    hook_wait_for_rest(&odoo);
    hook_wait_for_rest(&slack);
    hook_drop(&odoo);
    hook_drop(&slack);
}

TEST(test_a_test_is_sent_at_once_and_tells_what_came_back)
{
    struct hook fine = hook_make("/ok?test", ""), bad = hook_make("/fails/99?test", ""),
                slow = hook_make("/hang?test", "");
    char path[80];

    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", fine.id);
    cJSON *said = hook_call("POST", path, NULL, 200), *got = receiver_got(&hooked.receiver, fine.path);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(said, "success")));
    assert_int_equal(hook_number(said, "status"), 200);
    assert_int_equal(cJSON_GetArraySize(got), 1);
    assert_string_equal(hook_text(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body"), "type"), "test");
    cJSON_Delete(got);
    cJSON_Delete(said);
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", bad.id);
    said = hook_call("POST", path, NULL, 200);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(said, "success")));
    assert_int_equal(hook_number(said, "status"), 500);
    assert_string_equal(hook_text(said, "message"), "answers 500: broken: größer <b> ");
    cJSON_Delete(said);
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", slow.id);
    said = hook_call("POST", path, NULL, 200);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(said, "status")));
    assert_non_null(strstr(hook_text(said, "message"), "timed out"));
    cJSON_Delete(said);
    assert_int_equal(hook_tries(&bad), 0);
    hook_drop(&fine);
    hook_drop(&bad);
    hook_drop(&slow);
}

/* ---- https ---- */

TEST(test_https_needs_a_certificate_that_is_trusted)
{
    char own_cert[300], own_key[300], *output = NULL;
    snprintf(own_cert, sizeof own_cert, "%.200s/own.pem", support_dir());
    snprintf(own_key, sizeof own_key, "%.200s/own.key", support_dir());
    char *argv[] = {
        "openssl", "req",    "-x509", "-newkey", "rsa:2048", "-nodes",        "-keyout", own_key,
        "-out",    own_cert, "-days", "2",       "-subj",    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        NULL};
    assert_int_equal(process_run(argv, (char *[]){NULL}, &output), 0);
    free(output);
    struct receiver fine = {.certificate = hooked.made.server_cert, .key = hooked.made.server_key},
                    other = {.certificate = own_cert, .key = own_key}; /* signed by nobody else */
    struct hook hooks[3] = {0};
    char body[200];
    receiver_start(&fine);
    receiver_start(&other);
    const char *urls[] = {fine.url, other.url, hooked.receiver.url};
    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof body, "{\"url\":\"https%s/ok\"}", strchr(urls[i], ':'));
        cJSON *added = hook_call("POST", "/api/v1/webhooks", body, 200);
        hooks[i].id = hook_number(added, "id");
        cJSON_Delete(added);
    }
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&hooks[0], "delivered"), "1") == 0, 20000);
    WAIT_UNTIL(hook_tries(&hooks[1]) > 0 && hook_tries(&hooks[2]) > 0, 20000);
    assert_int_equal(receiver_count(&fine, "/ok"), 1);
    assert_int_equal(receiver_count(&other, "/ok"), 0);
    for (int i = 0; i < 3; i++) hook_drop(&hooks[i]);
    process_stop(&fine.process);
    process_stop(&other.process);
}

/* ---- without worker and beat ---- */

TEST(test_what_a_sync_in_a_child_of_web_changed_is_told_when_it_ends)
{
    static const char *const few[] = {"--preset", "field-case", "--delay-scale", "0", NULL};
    struct sim_server sim;
    const char *environment[] = {"WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
                                 "WEBHOOK_TICK_SECONDS=0", /* nothing but the end of the sync brings it about */
                                 "BACKGROUND_SYNC_ENABLED=false", NULL};
    web_stop(&hooked.web);
    web_run_on(&hooked.web, &sim, few, environment);
    struct hook h = hook_make("/ok?child", "");

    cJSON_Delete(hook_call("POST", "/api/v1/sync/full", NULL, 200));

    WAIT_UNTIL(strtol(hook_member(&h, "delivered"), NULL, 10) > 17, 30000);
    hook_drop(&h);
    sim_stop(&sim);
}

/* ---- the database in between ---- */

static int waiting_for_locks(const char *application)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '%s'",
             application);
    return (int)pg_int(&hooked.web.pg, sql);
}

/* The deliverer has no row of the batch while it waits for the webhook's, which who deletes a webhook has first. */
TEST(test_who_delivers_and_who_deletes_lock_in_one_order)
{
    char flag[300], sql[300];
    snprintf(flag, sizeof flag, "%s/down", hooked.receiver.dir);
    fclose(fopen(flag, "we"));
    struct hook h = hook_make("/down?order", "");
    hook_write_change();
    WAIT_UNTIL(hook_tries(&h) == 1, 60000); /* its batch stays */
    unlink(flag);
    PGconn *pg = pg_connect(&hooked.web.pg);
    PQclear(PQexec(pg, "SET lock_timeout = '60 s'; SET deadlock_timeout = '100 s'"));
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE webhooks SET next_try_at = '-infinity' WHERE id = %d; COMMIT AND CHAIN;"
             " SELECT FROM webhooks WHERE id = %d FOR UPDATE",
             h.id, h.id);
    PQclear(PQexec(pg, sql)); /* nobody is told: a look finds it */
    WAIT_UNTIL(waiting_for_locks("logikald webhooks") == 1, 60000);

    snprintf(sql, sizeof sql, "DELETE FROM webhook_batches WHERE webhook_id = %d", h.id);
    PGresult *r = PQexec(pg, sql);

    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQresultErrorMessage(r));
    PQclear(r);
    PQclear(PQexec(pg, "ROLLBACK"));
    PQfinish(pg);
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "1") == 0, 60000);
    hook_drop(&h);
}

/* The next statements on a row (of which: "webhooks", "id") end as PostgreSQL ends one of those that wait for each
 * other.
 */
static void undo_next(const char *table, const char *column, int id, const char *operation, const char *state,
                      int times)
{
    char sql[700];
    snprintf(sql, sizeof sql,
             "CREATE SEQUENCE IF NOT EXISTS undone; SELECT setval('undone', 1, false); DROP TRIGGER IF EXISTS undo ON"
             " %s; CREATE OR REPLACE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
             " IF nextval(''undone'') <= %d THEN RAISE EXCEPTION ''undone'' USING ERRCODE = ''%s''; END IF;"
             " RETURN coalesce(NEW, OLD); END'; CREATE TRIGGER undo BEFORE %s ON %s FOR EACH ROW WHEN (OLD.%s = %d)"
             " EXECUTE FUNCTION undo()",
             table, times, state, operation, table, column, id);
    pg_exec(&hooked.web.pg, sql);
}

TEST(test_what_postgresql_undoes_is_done_again)
{
    static const struct {
        const char *state;
        int times, status;
    } rows[] = {{"40P01", 1, 200}, {"40001", 3, 200}, {"40P01", 4, 503}, {"40002", 1, 503}, {"55000", 1, 503}};
    struct hook h = hook_make("/ok?undone", "");
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", h.id);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        undo_next("webhooks", "id", h.id, "UPDATE", rows[i].state, rows[i].times);
        int status = web_status(&hooked.web, "PATCH", path, hooked.web.admin, "{\"description\":\"undone\"}");
        if (status != rows[i].status) fail_msg("%s, %d times: %d", rows[i].state, rows[i].times, status);
    }
    pg_exec(&hooked.web.pg, "DROP TRIGGER undo ON webhooks");
    undo_next("webhook_batches", "webhook_id", h.id, "DELETE", "40P01", 2);

    hook_write_change();

    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "1") == 0, 60000);
    assert_int_equal(receiver_count(&hooked.receiver, h.path), 1);
    pg_exec(&hooked.web.pg, "DROP TRIGGER undo ON webhook_batches");
    hook_drop(&h);
}

/* A fault of ours, should there be one again: the database says that there is something to do, and there never is. */
TEST(test_what_is_due_and_has_nothing_is_given_up_and_told)
{
    struct hook h = hook_make("/ok?idle", "");
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "1") == 0, 60000);
    hook_wait_for_rest(&h);
    pg_exec(&hooked.web.pg,
            "CREATE SEQUENCE looks; ALTER FUNCTION logikald_webhooks_due() RENAME TO due_before;"
            " CREATE FUNCTION logikald_webhooks_due() RETURNS TABLE (id bigint, next_try_at timestamptz) LANGUAGE"
            " plpgsql AS 'BEGIN PERFORM nextval(''looks''); RETURN QUERY SELECT w.id, w.next_try_at FROM webhooks w;"
            " END'");

    hook_tell();

    WAIT_UNTIL(process_logged(&hooked.web.process, "without anything to send"), 60000);
    int64_t looks = pg_int(&hooked.web.pg, "SELECT last_value FROM looks");
    if (looks > 100) fail_msg("%lld looks", (long long)looks);
    pg_exec(&hooked.web.pg, "DROP FUNCTION logikald_webhooks_due(); ALTER FUNCTION due_before() RENAME TO"
                            " logikald_webhooks_due");
    hook_write_change();
    WAIT_UNTIL(strcmp(hook_member(&h, "delivered"), "2") == 0, 60000);
    hook_drop(&h);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_changes_are_posted_signed_and_with_the_cursor_behind_them),
    cmocka_unit_test(test_the_secret_is_shown_once_and_is_not_in_the_database),
    cmocka_unit_test(test_former_secrets_sign_while_they_are_rotated),
    cmocka_unit_test(test_odoo_gets_flat_records_and_slack_a_sentence),
    cmocka_unit_test(test_a_test_is_sent_at_once_and_tells_what_came_back),
    cmocka_unit_test(test_https_needs_a_certificate_that_is_trusted),
    cmocka_unit_test(test_who_delivers_and_who_deletes_lock_in_one_order),
    cmocka_unit_test(test_what_postgresql_undoes_is_done_again),
    cmocka_unit_test(test_what_is_due_and_has_nothing_is_given_up_and_told),
    cmocka_unit_test(test_what_a_sync_in_a_child_of_web_changed_is_told_when_it_ends),
};
TEST_MAIN(tests, hook_start, hook_stop)
