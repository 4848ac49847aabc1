/* Who gets in and who is put out: administrators' sessions and their CSRF tokens, clients' tokens and their revocation,
 * throttled logins, and that a restart logs nobody out; no page of another site logs anybody in, and a body means what
 * it says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

#define ADMIN_PATH "/api/v1/admin/login"
#define RIGHT      "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}"

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

/* Web knows a token again that it has found right: by the whole of it. */
TEST(test_a_token_that_was_right_vouches_for_no_other)
{
    char *token = web_client(&web, "known-again", "[\"projects:read\"]");
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        char *other = strdup(token), kept = token[i];
        other[i] = strchr("ABCD", kept) ? 'E' : 'A'; /* of the last one two bits count nothing */
        assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200);
        int status = web_status(&web, "GET", "/api/v1/projects/cached", other, NULL);
        if (status != 401) fail_msg("with byte %zu of %zu another one: %d", i, len, status);
        other[i] = kept;
        other[len - 1 - i / 2] = '\0';
        status = web_status(&web, "GET", "/api/v1/projects/cached", other, NULL);
        if (status != 401) fail_msg("without its last %zu bytes: %d", i / 2 + 1, status);
        free(other);
    }
    free(token);
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

/* ---- other sites ---- */

TEST(test_another_site_logs_nobody_in)
{
    static const char *const paths[] = {ADMIN_PATH, "/admin/api/login", "/ui/login"};
    char own[100], own_port[100], here[40];
    snprintf(own, sizeof own, "Origin: %s", web.url);
    snprintf(own_port, sizeof own_port, "Origin: https://127.0.0.1:%d", web.port);
    snprintf(here, sizeof here, "Origin: http://127.0.0.1");
    const struct {
        const char *header;
        bool is_own;
    } rows[] = {
        {"Origin: https://evil.example", false},
        {"Origin: null", false},
        {"Origin: http://127.0.0.1.evil.example", false},
        {"Origin:", true}, /* left out by curl */
        {"Origin: http://", false},
        {"Sec-Fetch-Site: cross-site", false},
        {"Sec-Fetch-Site: same-site", false},
        {"Sec-Fetch-Site: same-origin", true},
        {"Sec-Fetch-Site: none", true},
        {here, false}, /* another port is another origin */
        {own, true},
        {own_port, true},
        {"Origin: https://public.example\r\nX-Forwarded-Host: public.example", true}, /* the proxy is trusted */
        {"Origin: https://evil.example\r\nX-Forwarded-Host: public.example", false},
    };
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char url[200];
            snprintf(url, sizeof url, "%s%s", web.url, paths[p]);
            const char *const headers[] = {rows[i].header, "Content-Type: application/json", NULL};
            struct http_reply reply = http_request("POST", url, headers, RIGHT);
            bool has_cookie = strstr(reply.headers, "Set-Cookie:");
            if (has_cookie != rows[i].is_own) fail_msg("%s, %s: %d", paths[p], rows[i].header, reply.status);
            if (!rows[i].is_own && p > 0) assert_int_equal(reply.status, 403);
            http_reply_free(&reply);
        }
}

TEST(test_forms_are_taken_only_where_there_is_one)
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } rows[] = {
        {"POST", "/ui/login", "username=admin&password=correct+horse+battery", 303},
        {"POST", ADMIN_PATH, "username=admin&password=correct+horse+battery", 415},
        {"POST", ADMIN_PATH, RIGHT, 415}, /* JSON that says it is a form */
        {"POST", "/admin/api/login", "username=admin&password=correct+horse+battery", 415},
        {"POST", "/api/v1/client-auth/login", "client_id=a&client_secret=b", 415},
        {"POST", "/api/v1/auth/login", "base_url=http://x&username=a&password=b", 415},
        {"POST", "/api/v1/client-auth/register", "client_id=form&name=n", 415},
    };
    char bearer[128], url[200];
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", web.admin);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(url, sizeof url, "%s%s", web.url, rows[i].path);
        const char *const headers[] = {bearer, "Content-Type: application/x-www-form-urlencoded", NULL};
        struct http_reply reply = http_request(rows[i].method, url, headers, rows[i].body);
        if (reply.status != rows[i].status) fail_msg("%s %s: %d", rows[i].path, rows[i].body, reply.status);
        http_reply_free(&reply);
    }
}

TEST(test_the_way_back_is_a_page_of_ours)
{
    static const char *const rows[][2] = {
        {"/ui/tasks", "/ui/tasks"},
        {"/ui?a=b", "/ui?a=b"},
        {"/ui/browse?q=a%2Fb%20c&directory=3", "/ui/browse?q=a%2Fb%20c&directory=3"},
        {"/ui/tasks/celery@host:1", "/ui/tasks/celery@host:1"},
        {"/ui/../../evil.com", "/ui"},
        {"/ui/./x", "/ui"},
        {"/ui/%2e%2e/%2e%2e/x", "/ui"},
        {"/ui/a%2f%2fb", "/ui"},
        {"/ui/\\u0001\\u007f", "/ui"},
        {"/ui/ä", "/ui"},
        {"/ui?q=ä", "/ui"},
        {"/ui/x y", "/ui"},
        {"/ui\\u00a0", "/ui"},
        {"/ui/x#y", "/ui"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[300], wanted[200];
        snprintf(body, sizeof body, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"next\":\"%s\"}",
                 rows[i][0]);
        snprintf(wanted, sizeof wanted, "Location: %s\r\n", rows[i][1]);
        struct http_reply reply = web_call(&web, "POST", "/ui/login", NULL, body);
        if (reply.status != 303 || !strstr(reply.headers, wanted)) fail_msg("%s: %s", rows[i][0], reply.headers);
        http_reply_free(&reply);
    }
}

/* What could be read in two ways, or would be cut, is refused whole. */
TEST(test_bodies_mean_what_they_say)
{
    static const char *const rows[] = {
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\\u0000anything\"}",
        "{\"username\":\"admin\\u0000x\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}",
        "{\"username\":\"admin\",\"pass\\u0000\":1,\"password\":\"" WEB_ADMIN_PASSWORD "\"}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"password\":\"no\"}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"pass\\u0077ord\":\"no\"}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":{\"a\":1,\"a\":2}}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":[1e999]}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":-1e999}",
        /* bytes that are no UTF-8: PostgreSQL would not take what keeps the record of who did what */
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":\"\xff\"}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"m\xc3\":1}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":[\"\xed\xa0\x80\"]}",
        "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"more\":\"\xc0\x80\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = web_status(&web, "POST", ADMIN_PATH, NULL, rows[i]);
        if (status != 422) fail_msg("%s: %d", rows[i], status);
    }
    assert_int_equal(web_status(&web, "POST", ADMIN_PATH, NULL,
                                "{\"username\":\"admin\",\"more\":\"\\\\u0000\",\"password\":\"" WEB_ADMIN_PASSWORD
                                "\"}"),
                     200); /* a backslash and a text */
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
    cmocka_unit_test(test_a_token_that_was_right_vouches_for_no_other),
    cmocka_unit_test(test_a_bcrypt_hash_of_the_replaced_system_is_accepted_and_replaced),
    cmocka_unit_test(test_another_site_logs_nobody_in),
    cmocka_unit_test(test_forms_are_taken_only_where_there_is_one),
    cmocka_unit_test(test_the_way_back_is_a_page_of_ours),
    cmocka_unit_test(test_bodies_mean_what_they_say),
    cmocka_unit_test(test_logins_are_throttled_after_failures),
};
TEST_MAIN(tests, start, stop)
