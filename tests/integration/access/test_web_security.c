/* What OWASP's ASVS 4 asks at level 2 and a test can say, by its chapters; docs/security.md has the table. Sessions and
 * tokens, limits and the contract have tests of their own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/web.h"

#define BAIT "hunter2-a-password"

static const char *const settings[] = {"TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=debug", "ADMIN_SESSION_EXPIRE_HOURS=2",
                                       NULL};
WEB_WORLD(settings)

static struct http_reply request(const char *method, const char *path, const char *const headers[], const char *body)
{
    char url[1400];
    snprintf(url, sizeof url, "%s%s", web.url, path);
    return http_request(method, url, headers, body);
}

/* Sends these bytes and returns all that comes until the other side closes. */
static const char *talk(const char *bytes)
{
    static char got[8192];
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
    for (ssize_t k; n < sizeof got - 1 && (k = recv(fd, got + n, sizeof got - 1 - n, 0)) > 0;) n += (size_t)k;
    close(fd);
    got[n] = 0;
    return got;
}

static bool has_header(const struct http_reply *reply, const char *line)
{
    return reply->headers && strcasestr(reply->headers, line);
}

/* --- V2, V3: passwords, sessions --- */

TEST(test_secrets_are_stored_as_hashes_only)
{
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                                       "{\"client_id\":\"hashed\",\"name\":\"n\",\"permissions\":[]}");
    char *secret = web_member(reply.body, "client_secret"), sql[300];
    assert_true(strlen(secret) >= 32);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM clients c WHERE c::text LIKE '%%%s%%'", secret);
    assert_int_equal(pg_int(&web.pg, sql), 0);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM clients c WHERE c.client_id = 'hashed' AND c::text LIKE"
                                     " '%$argon2id$%'"),
                     1);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM admin_sessions s WHERE s::text LIKE '%%%s%%'", web.admin);
    assert_int_equal(pg_int(&web.pg, sql), 0);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM admin_sessions"), 1);
    free(secret);
    http_reply_free(&reply);
}

TEST(test_a_login_never_takes_over_a_session_that_was_brought)
{
    char chosen[65], cookie[128];
    memset(chosen, 'a', 64);
    chosen[64] = 0;
    snprintf(cookie, sizeof cookie, "Cookie: logikald_session=%s", chosen);
    const char *const headers[] = {cookie, "Content-Type: application/json", NULL};

    struct http_reply reply = request("POST", "/admin/api/login", headers,
                                      "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");

    assert_int_equal(reply.status, 200);
    assert_true(has_header(&reply, "Set-Cookie: logikald_session="));
    assert_false(has_header(&reply, chosen));
    assert_true(has_header(&reply, "Max-Age=7200"));
    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/verify", chosen, NULL), 401);
    http_reply_free(&reply);
}

TEST(test_tokens_in_the_address_are_not_looked_at)
{
    static const char *const names[] = {"token", "access_token", "session", "logikald_session", "Authorization"};
    char path[200];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/api/v1/admin/verify?%s=%s", names[i], web.admin);
        assert_int_equal(web_status(&web, "GET", path, NULL, NULL), 401);
    }
    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/login?username=admin&password=" BAIT, NULL, NULL), 405);
}

/* --- V5: what comes in, what goes out --- */

TEST(test_members_that_nobody_asked_for_change_nothing)
{
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                                       "{\"client_id\":\"greedy\",\"name\":\"n\",\"permissions\":[\"projects:read\"],"
                                       "\"id\":1,\"is_admin\":true,\"is_active\":false,\"client_secret\":\"x\","
                                       "\"client_secret_hash\":\"x\",\"token_version\":99}");
    char *secret = web_member(reply.body, "client_secret");
    assert_string_not_equal(secret, "x");
    free(web_member(reply.body, "permissions"));
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM clients WHERE client_id = 'greedy' AND is_active"), 1);
    free(secret);
    http_reply_free(&reply);
}

TEST(test_a_login_leads_to_own_pages_only)
{
    static const char *const rows[] = {
        "https://evil.example", "//evil.example",     "/\\\\evil.example",
        "\\\\\\\\evil.example", "/ui//evil.example",  "/uievil",
        "javascript:alert(1)",  "/ui\\r\\nX-Evil: 1", "http:/ui",
    };
    char body[400];
    const char *const headers[] = {"Content-Type: application/json", "Host: evil.example", NULL};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(body, sizeof body, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\",\"next\":\"%s\"}",
                 rows[i]);
        struct http_reply reply = request("POST", "/ui/login", headers, body);
        if (reply.status != 303 || !has_header(&reply, "Location: /ui\r\n") || has_header(&reply, "evil"))
            fail_msg("%s: %d %s", rows[i], reply.status, reply.headers);
        http_reply_free(&reply);
    }
}

TEST(test_quotes_are_data_to_the_database)
{
    char *token = web_client(&web, "o'brien", "[\"projects:read\",\"elevations:read\"]");
    static const char *const rows[] = {
        "/api/v1/projects/cached?search=%27%20OR%201%3D1--",
        "/api/v1/projects/cached?search=%27%3B%20DROP%20TABLE%20projects%3B--",
        "/api/v1/projects/%27%20OR%20%271%27%3D%271",
        "/api/v1/elevations/cached?search=%5C%27%3B%20SELECT%20pg_sleep(10)--",
        "/api/v1/projects/cached?limit=1%3B%20DROP%20TABLE%20projects",
        "/api/v1/projects/cached?search=%25%5F%5C",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = web_status(&web, "GET", rows[i], token, NULL);
        if (status != 200 && status != 404 && status != 422) fail_msg("%s: %d", rows[i], status);
    }
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM clients WHERE client_id = 'o''brien'"), 1);
    assert_true(pg_int(&web.pg, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'projects'") == 1);
    free(token);
}

TEST(test_names_are_text_on_pages)
{
    static const char *const pages[] = {"/ui/browse", "/ui/browse/projects/", "/ui/clients", "/ui/sync-logs"};
    char cookie[128], path[64];
    snprintf(cookie, sizeof cookie, "Cookie: logikald_session=%s", web.admin);
    const char *const headers[] = {cookie, NULL};
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, upstream_path, level, upstream_chain) VALUES"
                     " ('d', '<script>evil(1)</script>', 'd', 0, 'd')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p',"
                     " '\"><img src=x onerror=evil(2)>', id FROM directories WHERE logikal_id = 'd'");
    pg_exec(&web.pg, "INSERT INTO sync_logs (sync_type, status, message) VALUES ('full', 'failed',"
                     " '<script>evil(3)</script>')");
    free(web_client(&web, "<script>evil(4)</script>", "[\"projects:read\"]"));
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        snprintf(path, sizeof path, "%s", pages[i]);
        if (i == 1) {
            size_t len = strlen(path);
            snprintf(path + len, sizeof path - len, "%d", (int)pg_int(&web.pg, "SELECT max(id) FROM projects"));
        }
        struct http_reply reply = request("GET", path, headers, NULL);
        if (reply.status != 200) fail_msg("%s: %d", path, reply.status);
        if (!strstr(reply.body, "evil(")) fail_msg("%s does not show it at all", path);
        if (strstr(reply.body, "<script>evil") || strstr(reply.body, "<img src=x"))
            fail_msg("%s: %s", path, reply.body);
        http_reply_free(&reply);
    }
}

/* --- V7: errors and the log --- */

TEST(test_the_log_has_no_secrets_and_nobody_writes_lines_into_it)
{
    const char *const headers[] = {"Content-Type: application/json", "User-Agent: x\tFORGED", NULL};
    static const char *const bodies[] = {
        "{\"username\":\"admin\",\"password\":\"" BAIT "\"}",
        "{\"username\":\"a\\nFORGED line\",\"password\":\"" BAIT "\"}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct http_reply reply = request("POST", "/api/v1/admin/login", headers, bodies[i]);
        assert_int_equal(reply.status, 401);
        http_reply_free(&reply);
    }
    struct http_reply reply = request("POST", "/api/v1/client-auth/login", headers,
                                      "{\"client_id\":\"nobody\\r\\nFORGED line\",\"client_secret\":\"" BAIT "\"}");
    http_reply_free(&reply);
    web_status(&web, "GET", "/api/v1/projects/cached?password=" BAIT, BAIT, NULL);
    web_status(&web, "GET", "/no/such%0AFORGED/page", NULL, NULL);

    WAIT_UNTIL(process_logged(&web.process, "a login as client"), 10000);
    WAIT_UNTIL(process_logged(&web.process, "a login as administrator failed, from 127.0.0.1"), 5000);
    char *log = process_log(&web.process);
    if (strstr(log, BAIT) || strstr(log, web.admin)) fail_msg("a secret in the log: %s", log);
    if (strstr(log, "\nFORGED") || strstr(log, "\rFORGED")) fail_msg("a forged line in the log: %s", log);
    free(log);
}

TEST(test_errors_tell_nothing_of_the_inside)
{
    static const struct {
        const char *method, *path, *body;
    } rows[] = {
        {"GET", "/no/such/page", NULL},
        {"GET", "/api/v1/projects/cached?limit=x", NULL},
        {"POST", "/api/v1/client-auth/login", "{"},
        {"POST", "/api/v1/client-auth/login", "[]"},
        {"DELETE", "/health", NULL},
        {"GET", "/api/v1/admin/verify", NULL},
    };
    static const char *const inside[] = {"/tmp/", ".c:", "SELECT ", "postgres", "services/", "0x", "logikald/"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply reply = web_call(&web, rows[i].method, rows[i].path, NULL, rows[i].body);
        assert_true(reply.status >= 400 && reply.status < 500);
        assert_true(has_header(&reply, "Content-Type: application/json"));
        for (size_t k = 0; k < sizeof inside / sizeof *inside; k++)
            if (strstr(reply.body, inside[k])) fail_msg("%s: %s", rows[i].path, reply.body);
        http_reply_free(&reply);
    }
}

/* --- V8, V14: headers --- */

TEST(test_every_kind_of_answer_has_its_headers)
{
    static const struct {
        const char *path;
        bool is_page, is_public;
    } rows[] = {
        {"/ui/login", true, false},
        {"/docs", true, false},
        {"/health", false, false},
        {"/no/such/page", false, false},
        {"/api/v1/admin/verify", false, false},
        {"/openapi.json", false, true},
    };
    const char *const https[] = {"X-Forwarded-Proto: https", NULL};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply reply = request("GET", rows[i].path, https, NULL);
        bool fits = has_header(&reply, "X-Content-Type-Options: nosniff") &&
                    has_header(&reply, "Strict-Transport-Security: max-age=") &&
                    has_header(&reply, rows[i].is_public ? "Cache-Control: no-cache" : "Cache-Control: no-") &&
                    has_header(&reply, rows[i].is_page ? "charset=utf-8" : "Content-Type: application/json");
        if (rows[i].is_page)
            fits = fits && has_header(&reply, "X-Frame-Options: DENY") && has_header(&reply, "Referrer-Policy: ") &&
                   has_header(&reply, "frame-ancestors 'none'") && has_header(&reply, "default-src 'none'") &&
                   !has_header(&reply, "unsafe-eval");
        if (!fits || has_header(&reply, "\nServer:") || has_header(&reply, "X-Powered-By"))
            fail_msg("%s: %s", rows[i].path, reply.headers);
        http_reply_free(&reply);
    }
}

TEST(test_scripts_of_pages_are_files)
{
    struct http_reply reply = request("GET", "/ui/login", NULL, NULL);
    const char *csp = strcasestr(reply.headers, "Content-Security-Policy:");
    assert_non_null(csp);
    const char *script = strstr(csp, "script-src ");
    assert_true(script && strncmp(script, "script-src 'self';", 18) == 0);
    http_reply_free(&reply);
}

/* --- V12, V13: files, methods, types --- */

TEST(test_files_outside_are_out_of_reach)
{
    static const char *const rows[] = {
        "GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /static/%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /static/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /static/....//....//etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /static//etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /static/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = talk(rows[i]);
        if (strncmp(got, "HTTP/1.1 4", 10) != 0 || strstr(got, "root:")) fail_msg("%s: %s", rows[i], got);
    }
}

TEST(test_no_request_hides_in_another_ones_body)
{
#define POST     "POST /api/v1/client-auth/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
#define SMUGGLED "GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
    static const char *const rows[] = {
        POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
        POST "Content-Length: 2\r\nContent-Length: 35\r\n\r\n{}" SMUGGLED,
        POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED,
        POST "Content-Length: +2\r\n\r\n{}" SMUGGLED,
        POST "Content-Length: 2, 2\r\n\r\n{}" SMUGGLED,
        POST "Content-Length : 2\r\n\r\n{}" SMUGGLED,
        POST "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED,
        POST "Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED,
        POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
        "GET /health HTTP/1.1\r\n\r\n" SMUGGLED,
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" SMUGGLED,
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = talk(rows[i]);
        if (strncmp(got, "HTTP/1.1 400 ", 13) != 0 || strstr(got, "HTTP/1.1 200")) fail_msg("%s\n-> %s", rows[i], got);
    }
    const char *got = talk("GET /health HTTP/1.0\r\n\r\n");
    if (!strstr(got, " 200 OK")) fail_msg("%s", got);
}

TEST(test_methods_that_show_or_tunnel_are_refused)
{
    static const char *const methods[] = {"TRACE", "TRACK", "CONNECT", "PROPFIND", "DEBUG"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct http_reply reply = request(methods[i], "/health", NULL, NULL);
        if (reply.status < 400) fail_msg("%s: %d", methods[i], reply.status);
        http_reply_free(&reply);
    }
}

TEST(test_packed_bodies_are_refused_by_name)
{
    static const struct {
        const char *coding;
        int status;
    } rows[] = {{"gzip", 415},
                {"br", 415},
                {"gzip, identity", 415},
                {"identity", 200},
                {"IDENTITY", 200},
                {"utf-8", 200},
                {"application/json", 200},
                {"identity,GZip", 415},
                {", br", 415},
                {"none", 200},
                {"gzip2", 200}};
    char bearer[160], coding[64], body[100];
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", web.admin);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(coding, sizeof coding, "Content-Encoding: %s", rows[i].coding);
        snprintf(body, sizeof body, "{\"client_id\":\"packed-%zu\",\"name\":\"n\"}", i);
        const char *const headers[] = {bearer, "Content-Type: application/json", coding, NULL};
        struct http_reply reply = request("POST", "/api/v1/client-auth/register", headers, body);
        if (reply.status != rows[i].status || (reply.status == 415 && !strstr(reply.body, "Content-Encoding")))
            fail_msg("%s: %d %s", coding, reply.status, reply.body);
        http_reply_free(&reply);
    }
}

TEST(test_bodies_of_another_type_are_not_taken)
{
    char bearer[160];
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", web.admin);
    static const char *const types[] = {"Content-Type: text/plain", "Content-Type: application/xml",
                                        "Content-Type: multipart/form-data; boundary=x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *const headers[] = {bearer, types[i], NULL};
        struct http_reply reply =
            request("POST", "/api/v1/client-auth/register", headers, "{\"client_id\":\"typed\",\"name\":\"n\"}");
        if (reply.status != 415) fail_msg("%s: %d", types[i], reply.status);
        http_reply_free(&reply);
    }
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM clients WHERE client_id = 'typed'"), 0);
    static const char *const taken[] = {"Content-Type: application/json; charset=utf-8",
                                        "Content-Type: application/vnd.api+json", "Content-Type:"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        const char *const headers[] = {bearer, taken[i], NULL};
        char body[100];
        snprintf(body, sizeof body, "{\"client_id\":\"typed-%zu\",\"name\":\"n\"}", i);
        struct http_reply reply = request("POST", "/api/v1/client-auth/register", headers, body);
        if (reply.status != 200) fail_msg("%s: %d", taken[i], reply.status);
        http_reply_free(&reply);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_secrets_are_stored_as_hashes_only),
    cmocka_unit_test(test_a_login_never_takes_over_a_session_that_was_brought),
    cmocka_unit_test(test_tokens_in_the_address_are_not_looked_at),
    cmocka_unit_test(test_members_that_nobody_asked_for_change_nothing),
    cmocka_unit_test(test_a_login_leads_to_own_pages_only),
    cmocka_unit_test(test_quotes_are_data_to_the_database),
    cmocka_unit_test(test_names_are_text_on_pages),
    cmocka_unit_test(test_the_log_has_no_secrets_and_nobody_writes_lines_into_it),
    cmocka_unit_test(test_errors_tell_nothing_of_the_inside),
    cmocka_unit_test(test_every_kind_of_answer_has_its_headers),
    cmocka_unit_test(test_scripts_of_pages_are_files),
    cmocka_unit_test(test_files_outside_are_out_of_reach),
    cmocka_unit_test(test_no_request_hides_in_another_ones_body),
    cmocka_unit_test(test_methods_that_show_or_tunnel_are_refused),
    cmocka_unit_test(test_packed_bodies_are_refused_by_name),
    cmocka_unit_test(test_bodies_of_another_type_are_not_taken),
};
TEST_MAIN(tests, start, stop)
