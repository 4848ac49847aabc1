/* Webhooks, without a worker: who is told of what, in which form and signed by whom, and what becomes of receivers that
 * refuse, hang, redirect, lie, cut, or answer without end. The role web alone, and children of it that deliver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/certificates.h"
#include "tests/support/hooks.h"
#include "tests/support/web.h"

static struct web_server web;
static struct receiver receiver;
static struct certificates made;
static int writes, newest; /* id of a webhook, 0 = none */

FIXTURE(set_up)
{
    static char ca[340];
    certificates_make(&made);
    snprintf(ca, sizeof ca, "WEBHOOK_CA_FILE=%s", made.ca);
    const char *environment[] = {"RATE_LIMIT_PER_MINUTE=0",
                                 "RATE_LIMIT_PER_HOUR=0",
                                 "LOG_LEVEL=info",
                                 "WEBHOOK_ALLOW_NETWORKS=10.1.0.0/16, 127.0.0.0/8",
                                 "WEBHOOK_TICK_SECONDS=1",
                                 "WEBHOOK_TIMEOUT_SECONDS=2",
                                 "WEBHOOK_GIVE_UP_HOURS=1",
                                 "http_proxy=http://127.0.0.1:9", /* nobody's: who used it would not get through */
                                 "https_proxy=http://127.0.0.1:9",
                                 ca,
                                 NULL};
    web_servers(&web);
    receiver_start(&receiver);
    web_run(&web, environment, true);
    web_log_in(&web);
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('p-1', 'Haus'), ('p-2', 'Hof')");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e', 'P01', 1, 1)");
    return 0;
}

FIXTURE(tear_down)
{
    process_stop(&receiver.process);
    web_end(&web);
    return 0;
}

/* ---- the API ---- */

static cJSON *call(const char *method, const char *path, const char *body, int status)
{
    struct http_reply reply = web_call(&web, method, path, web.admin, body);
    if (reply.status != status) fail_msg("%s %s %s: %d %s", method, path, body ? body : "", reply.status, reply.body);
    cJSON *out = cJSON_Parse(reply.body);
    assert_non_null(out);
    http_reply_free(&reply);
    return out;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static int number_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valueint : -1;
}

struct hook {
    int id;
    char secret[80], path[64];
};

/* A webhook of this path of the receiver; more: further members, each behind a comma. */
static struct hook make(const char *path, const char *more)
{
    struct hook h = {0};
    char body[600];
    snprintf(h.path, sizeof h.path, "%s", path);
    snprintf(body, sizeof body, "{\"url\":\"%s%s\"%s}", receiver.url, path, more);
    pg_settle(&web.pg);
    cJSON *added = call("POST", "/api/v1/webhooks", body, 200);
    h.id = number_of(added, "id");
    snprintf(h.secret, sizeof h.secret, "%s", text_of(added, "secret"));
    assert_int_equal(strncmp(h.secret, "whsec_", 6), 0);
    assert_string_equal(text_of(added, "state"), "active");
    cJSON_Delete(added);
    newest = h.id;
    return h;
}

static cJSON *look(const struct hook *h)
{
    char path[60];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", h->id);
    return call("GET", path, NULL, 200);
}

static void act(const struct hook *h, const char *method, const char *verb, const char *body)
{
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d%s", h->id, verb);
    cJSON_Delete(call(method, path, body, 200));
}

static void drop(const struct hook *h)
{
    act(h, "DELETE", "", NULL);
}

static char shown[400];
static const char *member_of(const struct hook *h, const char *name)
{
    cJSON *w = look(h), *item = cJSON_GetObjectItemCaseSensitive(w, name);
    snprintf(shown, sizeof shown, "%s", text_of(w, name));
    if (cJSON_IsNumber(item)) snprintf(shown, sizeof shown, "%d", item->valueint);
    cJSON_Delete(w);
    return shown;
}

static int tries_of(const struct hook *h)
{
    return (int)strtol(member_of(h, "failures"), NULL, 10);
}

/* What was written by others than web is found by its next look; a change by the API has it look at once. */
static void tell(void)
{
    char path[60];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", newest);
    web_status(&web, "PATCH", path, web.admin, "{\"description\":\"told\"}");
}

/* One change of the elevation, whose description tells them apart. */
static void write_change(void)
{
    char sql[160];
    snprintf(sql, sizeof sql, "UPDATE elevations SET description = 'w-%d' WHERE logikal_id = 'e'", ++writes);
    pg_exec(&web.pg, sql);
    tell();
}

/* Those that wait for their next try are tried now. */
static void hurry(void)
{
    pg_exec(&web.pg, "UPDATE webhooks SET next_try_at = '-infinity'");
    tell();
}

/* ---- what is sent ---- */

TEST(test_changes_are_posted_signed_and_with_the_cursor_behind_them)
{
    struct hook h = make("/ok?first", ",\"description\":\"ERP\",\"types\":[\"elevation\"]");
    cJSON *before = look(&h);

    write_change();
    pg_exec(&web.pg, "UPDATE projects SET name = 'not asked for'");
    write_change();

    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "2") == 0, 20000);
    cJSON *got = receiver_got(&receiver, h.path), *request, *after = look(&h);
    char since[100];
    snprintf(since, sizeof since, "%s", text_of(before, "cursor"));
    int changes = 0;
    cJSON_ArrayForEach(request, got) {
        const cJSON *body = cJSON_GetObjectItem(request, "body"), *data = cJSON_GetObjectItem(body, "data"), *change;
        assert_string_equal(text_of(body, "type"), "changes");
        assert_int_equal(strlen(text_of(body, "timestamp")), strlen("2026-01-01T00:00:00.000Z"));
        assert_string_equal(text_of(data, "since"), since);
        snprintf(since, sizeof since, "%s", text_of(data, "next"));
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes")) {
            const cJSON *field = cJSON_GetObjectItem(cJSON_GetObjectItem(change, "fields"), "description");
            char expected[20];
            snprintf(expected, sizeof expected, "w-%d", ++changes);
            assert_string_equal(text_of(change, "type"), "elevation");
            assert_string_equal(text_of(change, "project_logikal_id"), "p-1");
            assert_string_equal(text_of(field, "after"), expected);
        }
        assert_string_equal(text_of(cJSON_GetObjectItem(request, "headers"), "content-type"), "application/json");
    }
    assert_int_equal(changes, 2);
    receiver_verify(&receiver, (const char *const[]){h.secret, NULL});
    assert_string_equal(text_of(after, "last_error"), "");
    assert_int_equal(number_of(after, "last_status"), 200);
    cJSON_Delete(got);
    cJSON_Delete(before);
    cJSON_Delete(after);
    drop(&h);
}

TEST(test_the_secret_is_shown_once_and_is_not_in_the_database)
{
    struct hook h = make("/ok?secret", "");
    struct http_reply list = web_call(&web, "GET", "/api/v1/webhooks", web.admin, NULL);
    assert_int_equal(list.status, 200);
    assert_null(strstr(list.body, h.secret + 6));
    assert_null(strstr(list.body, "sealed"));
    http_reply_free(&list);

    char sql[300];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM webhook_secrets WHERE strpos(sealed, '%s') > 0", h.secret + 6);
    assert_int_equal(pg_int(&web.pg, sql), 0);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM webhook_secrets WHERE sealed !~ '^sealed1:'"), 0);
    drop(&h);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM webhook_secrets"), 0);
}

TEST(test_former_secrets_sign_while_they_are_rotated)
{
    char path[80], second[80], third[80];
    struct hook h = make("/ok?rotate", "");
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/rotate-secret", h.id);
    char file[300];
    snprintf(file, sizeof file, "%s/log", receiver.dir);
    unlink(file);

    cJSON *rotated = call("POST", path, NULL, 200);
    snprintf(second, sizeof second, "%s", text_of(rotated, "secret"));
    cJSON_Delete(rotated);
    write_change();
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "1") == 0, 20000);
    receiver_verify(&receiver, (const char *const[]){second, h.secret, NULL});

    rotated = call("POST", path, "{\"overlap_hours\":0}", 200);
    snprintf(third, sizeof third, "%s", text_of(rotated, "secret"));
    cJSON_Delete(rotated);
    unlink(file);
    write_change();
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "2") == 0, 20000);
    receiver_verify(&receiver, (const char *const[]){third, NULL});
    cJSON *got = receiver_got(&receiver, h.path);
    const char *signatures = text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "headers"), "webhook-signature");
    assert_null(strchr(signatures, ' '));
    cJSON_Delete(got);
    drop(&h);
}

TEST(test_odoo_gets_flat_records_and_slack_a_sentence)
{
    struct hook odoo = make("/ok?odoo", ",\"format\":\"odoo\""), slack = make("/ok?slack", ",\"format\":\"slack\"");
    pg_exec(&web.pg, "UPDATE elevations SET name = '<!channel> A&B', width = 1200.5, description = repeat('x', 600)"
                     " WHERE logikal_id = 'e'");
    WAIT_UNTIL(receiver_count(&receiver, odoo.path) == 1 && receiver_count(&receiver, slack.path) == 1, 20000);

    cJSON *got = receiver_got(&receiver, odoo.path), *field;
    cJSON *record = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    cJSON_ArrayForEach(field, record) assert_false(cJSON_IsObject(field) || cJSON_IsArray(field));
    assert_string_equal(text_of(record, "_model"), "logikal.elevation");
    assert_string_equal(text_of(record, "_action"), "changed");
    assert_int_equal(number_of(record, "_id"), 1);
    assert_string_equal(text_of(record, "logikal_id"), "e");
    assert_string_equal(text_of(record, "name"), "<!channel> A&B");
    assert_true(cJSON_GetObjectItem(record, "width")->valuedouble == 1200.5);
    assert_int_equal(strlen(text_of(record, "description")), 64);
    cJSON_Delete(got);

    got = receiver_got(&receiver, slack.path);
    const char *text = text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body"), "text");
    assert_non_null(strstr(text, "Elevation &lt;!channel&gt; A&amp;B was changed: "));
    assert_non_null(strstr(text, "width nothing → 1200.5"));
    assert_null(strpbrk(text, "<>"));
    cJSON_Delete(got);

    pg_exec(&web.pg, "UPDATE elevations SET name = 'P01'");
    pg_exec(&web.pg, "BEGIN; UPDATE projects SET name = name || '!'; UPDATE phases SET name = 'x'; COMMIT");
    WAIT_UNTIL(strcmp(member_of(&odoo, "delivered"), "5") == 0 && strcmp(member_of(&slack, "delivered"), "5") == 0,
               20000);
    assert_int_equal(receiver_count(&receiver, odoo.path), 5);
    drop(&odoo);
    drop(&slack);
}

TEST(test_a_test_is_sent_at_once_and_tells_what_came_back)
{
    struct hook fine = make("/ok?test", ""), bad = make("/fails/99?test", ""), slow = make("/hang?test", "");
    char path[80];

    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", fine.id);
    cJSON *said = call("POST", path, NULL, 200), *got = receiver_got(&receiver, fine.path);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(said, "success")));
    assert_int_equal(number_of(said, "status"), 200);
    assert_int_equal(cJSON_GetArraySize(got), 1);
    assert_string_equal(text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body"), "type"), "test");
    cJSON_Delete(got);
    cJSON_Delete(said);
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", bad.id);
    said = call("POST", path, NULL, 200);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(said, "success")));
    assert_int_equal(number_of(said, "status"), 500);
    assert_string_equal(text_of(said, "message"), "answers 500: broken: größer <b> ");
    cJSON_Delete(said);
    snprintf(path, sizeof path, "/api/v1/webhooks/%d/test", slow.id);
    said = call("POST", path, NULL, 200);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(said, "status")));
    assert_non_null(strstr(text_of(said, "message"), "timed out"));
    cJSON_Delete(said);
    assert_int_equal(tries_of(&bad), 0);
    drop(&fine);
    drop(&bad);
    drop(&slow);
}

/* ---- receivers that are no good ---- */

static const char *all_of(void)
{
    char *log = process_log(&web.process);
    return strcat(
        strcat(pg_value(&web.pg, "SELECT repeat(' ', 30000) || string_agg(w::text, E'\n') FROM webhooks w"), "\n"),
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
        if (bad[i].says ? tries_of(&hooks[i]) < 1 : strcmp(member_of(&hooks[i], "delivered"), "1") != 0) return false;
    return true;
}

TEST(test_a_bad_receiver_is_told_apart_and_holds_up_nobody)
{
    struct hook hooks[BAD_COUNT], fine = make("/ok?beside", "");
    for (size_t i = 0; i < BAD_COUNT; i++) hooks[i] = make(bad[i].path, "");

    write_change();

    WAIT_UNTIL(strcmp(member_of(&fine, "delivered"), "1") == 0, 20000);
    int64_t deadline = support_deadline(30000);
    while (!are_all_judged(hooks)) {
        if (support_late(deadline)) fail_msg("%s", all_of());
        support_pause();
    }
    for (size_t i = 0; i < BAD_COUNT; i++) {
        cJSON *w = look(&hooks[i]);
        const char *error = text_of(w, "last_error");
        if (bad[i].says ? !*error || !strstr(error, bad[i].says) : *error != 0) fail_msg("%s: %s", bad[i].path, error);
        assert_string_equal(text_of(w, "state"), "active");
        assert_int_equal(cJSON_IsNull(cJSON_GetObjectItem(w, "next_try_at")), !bad[i].says);
        cJSON_Delete(w);
        drop(&hooks[i]);
    }
    assert_int_equal(receiver_count(&receiver, "/trap"), 0);
    drop(&fine);
}

TEST(test_a_refused_batch_comes_again_the_same_and_before_what_follows)
{
    struct hook h = make("/fails/2?again", "");
    write_change();
    WAIT_UNTIL(tries_of(&h) == 1, 20000);
    write_change();
    write_change();
    hurry();
    WAIT_UNTIL(tries_of(&h) == 2, 20000);
    hurry();
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "3") == 0, 20000);

    cJSON *got = receiver_got(&receiver, h.path);
    const char *ids[3], *raws[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(got, i), "headers"), "webhook-id");
        raws[i] = text_of(cJSON_GetArrayItem(got, i), "raw");
        assert_string_equal(ids[i], ids[0]);
        assert_string_equal(raws[i], raws[0]);
    }
    assert_int_equal(cJSON_GetArraySize(got), 4);
    const cJSON *last = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 3), "headers");
    assert_string_not_equal(text_of(last, "webhook-id"), ids[0]);
    cJSON_Delete(got);
    drop(&h);
}

TEST(test_retry_after_is_obeyed_in_both_forms)
{
    struct hook hooks[] = {make("/busy/1800?a", ""), make("/busy-date/1800?b", ""), make("/busy/999999999?c", "")};
    static const int expected[] = {1800, 1800, 86400};
    write_change();
    for (int i = 0; i < 3; i++) {
        char sql[200];
        WAIT_UNTIL(tries_of(&hooks[i]) == 1, 20000);
        snprintf(sql, sizeof sql, "SELECT extract(epoch FROM next_try_at - last_at)::int FROM webhooks WHERE id = %d",
                 hooks[i].id);
        int64_t waits = pg_int(&web.pg, sql);
        if (waits < expected[i] - 60 || waits > expected[i] + 1) fail_msg("%s: %d s", hooks[i].path, (int)waits);
        drop(&hooks[i]);
    }
}

TEST(test_410_switches_off_and_long_failing_pauses_until_somebody_resumes)
{
    struct hook gone = make("/gone?off", ""), down = make("/down?long", "");
    char flag[300];
    snprintf(flag, sizeof flag, "%s/down", receiver.dir);
    fclose(fopen(flag, "we"));
    write_change();
    WAIT_UNTIL(strcmp(member_of(&gone, "state"), "gone") == 0, 20000);
    WAIT_UNTIL(tries_of(&down) == 1, 20000);

    pg_exec(&web.pg, "UPDATE webhooks SET failing_since = now() - interval '61 minutes'");
    hurry();
    WAIT_UNTIL(strcmp(member_of(&down, "state"), "failed") == 0, 20000);
    assert_non_null(strstr(member_of(&down, "state_reason"), "answers 500"));
    write_change();
    unlink(flag);
    hurry();
    act(&down, "PATCH", "", "{\"state\":\"active\"}");
    WAIT_UNTIL(strcmp(member_of(&down, "delivered"), "2") == 0, 20000);
    assert_string_equal(member_of(&down, "state_reason"), "");
    assert_int_equal(receiver_count(&receiver, gone.path), 1);

    act(&down, "PATCH", "", "{\"state\":\"paused\"}");
    write_change();
    write_change();
    usleep(1500000); /* longer than a look: nothing comes */
    assert_string_equal(member_of(&down, "delivered"), "2");
    act(&down, "PATCH", "", "{\"state\":\"active\"}");
    WAIT_UNTIL(strcmp(member_of(&down, "delivered"), "4") == 0, 20000);
    drop(&gone);
    drop(&down);
}

TEST(test_replay_tells_again_from_a_place)
{
    struct hook h = make("/ok?replay", "");
    char body[200], middle[100];
    write_change();
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "1") == 0, 20000);
    snprintf(middle, sizeof middle, "%s", member_of(&h, "cursor"));
    write_change();
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "2") == 0, 20000);

    snprintf(body, sizeof body, "{\"since\":\"%s\"}", middle);
    act(&h, "POST", "/replay", body);
    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "3") == 0, 20000);
    act(&h, "POST", "/replay", "{\"since\":\"now\"}");
    act(&h, "POST", "/replay", "{\"since\":\"2020-01-01T00:00:00Z\"}");
    WAIT_UNTIL(strtol(member_of(&h, "delivered"), NULL, 10) > 10, 20000);
    static const char *const nonsense[] = {"yesterday", "1-2-3", "1-2-3-4-5", "-1-2-3-4", "", "1-2-3-x", "now "};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        char path[80];
        snprintf(path, sizeof path, "/api/v1/webhooks/%d/replay", h.id);
        snprintf(body, sizeof body, "{\"since\":\"%s\"}", nonsense[i]);
        assert_int_equal(web_status(&web, "POST", path, web.admin, body), 422);
    }
    drop(&h);
}

TEST(test_a_gap_in_the_journal_is_told)
{
    struct hook h = make("/ok?gap", ""), ahead = make("/ok?ahead", "");
    act(&h, "PATCH", "", "{\"state\":\"paused\"}");
    write_change();
    pg_exec(&web.pg, "WITH gone AS (DELETE FROM changes RETURNING epoch, xid, seq) UPDATE changes_state s SET"
                     " pruned_epoch = g.epoch, pruned_xid = g.xid, pruned_seq = g.seq FROM (SELECT * FROM gone ORDER BY"
                     " epoch DESC, xid DESC, seq DESC LIMIT 1) g");
    pg_exec(&web.pg, "UPDATE webhooks SET xid = '4000000000' WHERE url LIKE '%ahead'");
    write_change();
    act(&h, "PATCH", "", "{\"state\":\"active\"}");

    WAIT_UNTIL(receiver_count(&receiver, h.path) == 2 && receiver_count(&receiver, ahead.path) >= 1, 20000);
    cJSON *got = receiver_got(&receiver, h.path), *first = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    assert_string_equal(text_of(first, "type"), "gap");
    assert_string_equal(text_of(cJSON_GetObjectItem(first, "data"), "code"), "CURSOR_EXPIRED");
    assert_string_equal(text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(got, 1), "body"), "type"), "changes");
    cJSON_Delete(got);
    got = receiver_got(&receiver, ahead.path);
    first = cJSON_GetObjectItem(cJSON_GetArrayItem(got, 0), "body");
    assert_string_equal(text_of(cJSON_GetObjectItem(first, "data"), "code"), "CURSOR_UNKNOWN");
    cJSON_Delete(got);
    drop(&h);
    drop(&ahead);
}

TEST(test_a_large_backlog_comes_in_bounded_batches)
{
    struct hook h = make("/ok?large", ",\"types\":[\"directory\"]");
    act(&h, "PATCH", "", "{\"state\":\"paused\"}");
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name) SELECT 'd-' || i, repeat('n', 200) || i FROM"
                     " generate_series(1, 2500) i");
    act(&h, "PATCH", "", "{\"state\":\"active\"}");

    WAIT_UNTIL(strcmp(member_of(&h, "delivered"), "2500") == 0, 30000);
    cJSON *got = receiver_got(&receiver, h.path), *request, *change;
    static bool seen[2501];
    int count = 0;
    cJSON_ArrayForEach(request, got) {
        assert_true(strlen(text_of(request, "raw")) < 1000000);
        const cJSON *data = cJSON_GetObjectItem(cJSON_GetObjectItem(request, "body"), "data");
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes")) {
            int id = (int)strtol(text_of(change, "logikal_id") + 2, NULL, 10);
            assert_true(id > 0 && id <= 2500 && !seen[id]);
            seen[id] = true;
            count++;
        }
    }
    assert_int_equal(count, 2500);
    assert_true(cJSON_GetArraySize(got) >= 12);
    cJSON_Delete(got);
    drop(&h);
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
    struct receiver fine = {.certificate = made.server_cert, .key = made.server_key},
                    other = {.certificate = own_cert, .key = own_key}; /* signed by nobody else */
    struct hook hooks[3] = {0};
    char body[200];
    receiver_start(&fine);
    receiver_start(&other);
    const char *urls[] = {fine.url, other.url, receiver.url};
    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof body, "{\"url\":\"https%s/ok\"}", strchr(urls[i], ':'));
        cJSON *added = call("POST", "/api/v1/webhooks", body, 200);
        hooks[i].id = number_of(added, "id");
        cJSON_Delete(added);
    }
    write_change();
    WAIT_UNTIL(strcmp(member_of(&hooks[0], "delivered"), "1") == 0, 20000);
    WAIT_UNTIL(tries_of(&hooks[1]) > 0 && tries_of(&hooks[2]) > 0, 20000);
    assert_int_equal(receiver_count(&fine, "/ok"), 1);
    assert_int_equal(receiver_count(&other, "/ok"), 0);
    for (int i = 0; i < 3; i++) drop(&hooks[i]);
    process_stop(&fine.process);
    process_stop(&other.process);
}

/* ---- without worker and beat ---- */

TEST(test_what_a_sync_in_a_child_of_web_changed_is_told_when_it_ends)
{
    static const char *const few[] = {"--preset", "field-case", "--delay-scale", "0", NULL};
    static char base_url[200];
    struct sim_server sim;
    sim_start(&sim, few);
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", sim.base_url);
    const char *environment[] = {base_url,
                                 "LOGIKAL_AUTH_USERNAME=demo",
                                 "LOGIKAL_AUTH_PASSWORD=demo",
                                 "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
                                 "WEBHOOK_TICK_SECONDS=0", /* nothing but the end of the sync brings it about */
                                 "BACKGROUND_SYNC_ENABLED=false",
                                 NULL};
    web_stop(&web);
    web_run(&web, environment, true);
    web_log_in(&web);
    struct hook h = make("/ok?child", "");

    cJSON_Delete(call("POST", "/api/v1/sync/full", NULL, 200));

    WAIT_UNTIL(strtol(member_of(&h, "delivered"), NULL, 10) > 17, 30000);
    drop(&h);
    sim_stop(&sim);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_changes_are_posted_signed_and_with_the_cursor_behind_them),
    cmocka_unit_test(test_the_secret_is_shown_once_and_is_not_in_the_database),
    cmocka_unit_test(test_former_secrets_sign_while_they_are_rotated),
    cmocka_unit_test(test_odoo_gets_flat_records_and_slack_a_sentence),
    cmocka_unit_test(test_a_test_is_sent_at_once_and_tells_what_came_back),
    cmocka_unit_test(test_a_bad_receiver_is_told_apart_and_holds_up_nobody),
    cmocka_unit_test(test_a_refused_batch_comes_again_the_same_and_before_what_follows),
    cmocka_unit_test(test_retry_after_is_obeyed_in_both_forms),
    cmocka_unit_test(test_410_switches_off_and_long_failing_pauses_until_somebody_resumes),
    cmocka_unit_test(test_replay_tells_again_from_a_place),
    cmocka_unit_test(test_a_gap_in_the_journal_is_told),
    cmocka_unit_test(test_a_large_backlog_comes_in_bounded_batches),
    cmocka_unit_test(test_https_needs_a_certificate_that_is_trusted),
    cmocka_unit_test(test_what_a_sync_in_a_child_of_web_changed_is_told_when_it_ends),
};
TEST_MAIN(tests, set_up, tear_down)
