/* Who gets in and who is put out: administrators' sessions and their CSRF tokens, clients' tokens and their revocation,
 * throttled logins, and that a restart logs nobody out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

static const char *const settings[] = {"TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=warning", NULL};

WEB_WORLD(settings)

static struct http_reply with_cookie(const char *method, const char *path, const char *csrf, const char *body)
{
    char url[300], cookie[128], header[160];
    snprintf(url, sizeof url, "%s%s", web.url, path);
    snprintf(cookie, sizeof cookie, "Cookie: logikald_session=%s", web.admin);
    snprintf(header, sizeof header, "X-CSRF-Token: %s", csrf ? csrf : "");
    const char *headers[] = {cookie, "Content-Type: application/json", csrf ? header : NULL, NULL};
    return http_request(method, url, headers, body);
}

TEST(test_a_change_by_cookie_needs_the_csrf_token)
{
    struct http_reply verify = with_cookie("GET", "/api/v1/admin/verify", NULL, NULL);
    char *csrf = web_member(verify.body, "csrf_token");

    struct http_reply without = with_cookie("POST", "/api/v1/admin/sync-intervals/phase/toggle", NULL, NULL);
    struct http_reply wrong = with_cookie("POST", "/api/v1/admin/sync-intervals/phase/toggle", "abc", NULL);
    struct http_reply right = with_cookie("POST", "/api/v1/admin/sync-intervals/phase/toggle", csrf, NULL);

    assert_int_equal(without.status, 403);
    assert_int_equal(wrong.status, 403);
    assert_int_equal(right.status, 200);
    http_reply_free(&verify);
    http_reply_free(&without);
    http_reply_free(&wrong);
    http_reply_free(&right);
    free(csrf);
}

TEST(test_the_session_cookie_is_closed_to_scripts_and_other_sites)
{
    char url[200];
    snprintf(url, sizeof url, "%s/api/v1/admin/login", web.url);
    const char *const headers[] = {"Content-Type: application/json", "X-Forwarded-Proto: https", NULL};
    struct http_reply reply =
        http_request("POST", url, headers, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");

    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.headers, "HttpOnly"));
    assert_non_null(strstr(reply.headers, "SameSite=Strict"));
    assert_non_null(strstr(reply.headers, "Secure"));
    http_reply_free(&reply);
}

TEST(test_a_restart_logs_nobody_out)
{
    char *client = web_client(&web, "stays", "[\"projects:read\"]");

    web_stop(&web);
    web_run(&web, settings, true);

    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/verify", web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", client, NULL), 200);
    free(client);
}

TEST(test_a_logout_ends_the_session)
{
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/logout", web.admin, NULL), 200);

    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/verify", web.admin, NULL), 401);
    web_log_in(&web);
}

/* The addresses of the replaced system, and those of pages that need a login first. */
TEST(test_old_and_closed_pages_lead_on_with_their_query)
{
    static const char *const rows[][2] = {
        {"/admin", "/ui"},
        {"/admin/", "/ui"},
        {"/admin/login", "/ui/login"},
        {"/admin/elevations", "/ui/browse"},
        {"/admin/elevations?elevation_id=7", "/ui/browse/elevations/7"},
        {"/admin/stats", "/ui/system"},
        {"/admin/sync-intervals", "/ui/sync-intervals"},
        {"/admin/sync-logs?type=phase&status=failed", "/ui/sync-logs?type=phase&status=failed"},
        {"/admin/parsing-queue", "/ui/tasks"},
        {"/admin/parsing-status", "/ui/browse"},
        {"/admin/clients", "/ui/clients"},
        {"/ui/sync-logs?type=phase", "/ui/login?next=%2Fui%2Fsync-logs%3Ftype%3Dphase"},
    };
    static const char *const methods[] = {"GET", "HEAD"};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        char expected[200];
        snprintf(expected, sizeof expected, "Location: %s\r\n", rows[i / 2][1]);
        struct http_reply reply = web_call(&web, methods[i % 2], rows[i / 2][0], NULL, NULL);
        if (reply.status != 303 || !strstr(reply.headers, expected))
            fail_msg("%s %s: %d %s", methods[i % 2], rows[i / 2][0], reply.status, reply.headers);
        http_reply_free(&reply);
    }
}

TEST(test_an_expired_session_is_refused)
{
    pg_exec(&web.pg, "UPDATE admin_sessions SET expires_at = now() - interval '1 second'");

    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/verify", web.admin, NULL), 401);
    web_log_in(&web);
}

TEST(test_a_new_secret_voids_the_old_tokens_at_once)
{
    char *token = web_client(&web, "rotated", "[\"projects:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200);

    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/clients/rotated/regenerate-secret", web.admin, NULL), 200);

    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 401);
    free(token);
}

TEST(test_a_deactivated_client_is_out_at_once_and_stays_out)
{
    char *token = web_client(&web, "left", "[\"projects:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200);

    web_status(&web, "PUT", "/api/v1/admin/clients/left", web.admin, "{\"is_active\":false}");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 401);

    web_status(&web, "PUT", "/api/v1/admin/clients/left", web.admin, "{\"is_active\":true}");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 401);
    free(token);
}

TEST(test_changed_permissions_hold_for_tokens_already_given)
{
    char *token = web_client(&web, "narrowed", "[\"projects:read\"]");
    web_status(&web, "PUT", "/api/v1/admin/clients/narrowed", web.admin, "{\"permissions\":[\"elevations:read\"]}");

    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 403);
    assert_int_equal(web_status(&web, "GET", "/api/v1/elevations/cached", token, NULL), 200);
    free(token);
}

TEST(test_tokens_that_are_not_ours_are_refused)
{
    static const char *const tokens[] = {
        /* {"alg":"none"}, {"sub":"stays","exp":9999999999,"ver":1} */
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzdGF5cyIsImV4cCI6OTk5OTk5OTk5OSwidmVyIjoxfQ.",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdGF5cyIsImV4cCI6OTk5OTk5OTk5OSwidmVyIjoxfQ.AAAA", "a.b.c", "..",
        "0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", tokens[i], NULL), 401);
}

TEST(test_a_bcrypt_hash_of_the_replaced_system_is_accepted_and_replaced)
{
    pg_exec(&web.pg, "INSERT INTO clients (client_id, client_secret_hash, name, permissions) VALUES ('old', "
                     "'$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW', 'Old', '[]')");
    char *hash = pg_value(&web.pg, "SELECT client_secret_hash FROM clients WHERE client_id = 'old'");
    assert_int_equal(strncmp(hash, "$2b$", 4), 0);
    free(hash);

    int status = web_status(&web, "POST", "/api/v1/client-auth/login", NULL,
                            "{\"client_id\":\"old\",\"client_secret\":\"secret\"}");
    hash = pg_value(&web.pg, "SELECT client_secret_hash FROM clients WHERE client_id = 'old'");

    assert_int_equal(status, 200);
    assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);
    free(hash);
}

/* The last one: it locks this address out. */
TEST(test_logins_are_throttled_after_failures)
{
    int status = 0;
    for (int i = 0; i < 8 && status != 429; i++)
        status = web_status(&web, "POST", "/api/v1/admin/login", NULL, "{\"username\":\"admin\",\"password\":\"no\"}");

    assert_int_equal(status, 429);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL,
                                       "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");
    assert_int_equal(reply.status, 429);
    assert_non_null(strstr(reply.headers, "Retry-After"));
    http_reply_free(&reply);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_change_by_cookie_needs_the_csrf_token),
    cmocka_unit_test(test_the_session_cookie_is_closed_to_scripts_and_other_sites),
    cmocka_unit_test(test_a_restart_logs_nobody_out),
    cmocka_unit_test(test_a_logout_ends_the_session),
    cmocka_unit_test(test_old_and_closed_pages_lead_on_with_their_query),
    cmocka_unit_test(test_an_expired_session_is_refused),
    cmocka_unit_test(test_a_new_secret_voids_the_old_tokens_at_once),
    cmocka_unit_test(test_a_deactivated_client_is_out_at_once_and_stays_out),
    cmocka_unit_test(test_changed_permissions_hold_for_tokens_already_given),
    cmocka_unit_test(test_tokens_that_are_not_ours_are_refused),
    cmocka_unit_test(test_a_bcrypt_hash_of_the_replaced_system_is_accepted_and_replaced),
    cmocka_unit_test(test_logins_are_throttled_after_failures),
};
TEST_MAIN(tests, start, stop)
