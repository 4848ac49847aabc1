/* Clients as strict as an ERP: tokens that run out and are renewed, clients that give up, many at once of whom none
 * sees what is another's, and what the access log tells of them. */
#include <jwt.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

#define JWT_KEY "fedcba9876543210fedcba9876543210" /* as web_run sets it */

static struct web_server web;
static struct sim_server sim;

FIXTURE(set_up)
{
    static const char *const small[] = {"--preset", "field-case", "--delay", "elevation=100,parts=200", NULL};
    web_servers(&web);
    const char *const env[] = {"TRUSTED_PROXIES=127.0.0.1", "JWT_EXPIRE_MINUTES=7", "ADMIN_SESSION_EXPIRE_HOURS=3",
                               "LOG_FORMAT=text", NULL};
    web_run_on(&web, &sim, small, env);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    sim_stop(&sim);
    return 0;
}

/* ---- tokens ---- */

/* One of ours with another end. */
static char *with_end(const char *token, long expires_s)
{
    jwt_t *jwt = NULL;
    assert_int_equal(jwt_decode(&jwt, token, (const unsigned char *)JWT_KEY, (int)strlen(JWT_KEY)), 0);
    jwt_del_grants(jwt, "exp");
    jwt_add_grant_int(jwt, "exp", expires_s);
    char *out = jwt_encode_str(jwt);
    jwt_free(jwt);
    return out;
}

TEST(test_a_token_that_has_run_out_is_renewed)
{
    char body[300];
    struct http_reply made = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                                      "{\"client_id\":\"erp\",\"name\":\"ERP\",\"permissions\":[\"projects:read\"]}");
    char *secret = web_member(made.body, "client_secret");
    snprintf(body, sizeof body, "{\"client_id\":\"erp\",\"client_secret\":\"%s\"}", secret);
    struct http_reply login = web_call(&web, "POST", "/api/v1/client-auth/login", NULL, body);
    char *token = web_member(login.body, "access_token"), *lifetime = web_member(login.body, "expires_in");
    char *fresh = with_end(token, time(NULL) + 60), *old = with_end(token, time(NULL) - 1);

    struct http_reply refused = web_call(&web, "GET", "/api/v1/projects/cached", old, NULL);
    struct http_reply again = web_call(&web, "POST", "/api/v1/client-auth/login", old, body); /* as ERPs do */
    char *renewed = web_member(again.body, "access_token");

    assert_string_equal(lifetime, "420");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", fresh, NULL), 200);
    assert_int_equal(refused.status, 401);
    assert_non_null(strstr(refused.body, "\"detail\""));
    assert_non_null(strcasestr(refused.headers, "WWW-Authenticate: Bearer"));
    assert_int_equal(again.status, 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", renewed, NULL), 200);
    struct http_reply *replies[] = {&made, &login, &refused, &again};
    for (int i = 0; i < 4; i++) http_reply_free(replies[i]);
    char *texts[] = {secret, token, lifetime, fresh, old, renewed};
    for (int i = 0; i < 6; i++) free(texts[i]);
}

/* All of the key counts: others may verify the tokens with it, and two that begin alike are two. */
TEST(test_a_long_key_is_used_whole)
{
    char key[300] = "JWT_SECRET_KEY=", *at = key + strlen(key);
    memset(at, 'k', 199);
    strcpy(at + 199, "1");
    const char *const env[] = {"JWT_EXPIRE_MINUTES=7", key, NULL};
    web_stop(&web);
    web_run(&web, env, true);
    web_log_in(&web);
    char *token = web_client(&web, "long-key", "[\"projects:read\"]");
    jwt_t *jwt = NULL;
    assert_int_equal(jwt_decode(&jwt, token, (const unsigned char *)at, 200), 0);
    jwt_free(jwt);
    at[199] = '2';
    web_stop(&web);
    web_run(&web, env, true);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 401);
    free(token);
}

TEST(test_sessions_end_after_the_hours_that_are_set_and_lie_in_postgresql)
{
    int64_t left = pg_int(&web.pg, "SELECT extract(epoch FROM max(expires_at) - now())::int FROM admin_sessions");
    assert_in_range(left, 3 * 3600 - 600, 3 * 3600);
    char sql[300];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM admin_sessions s WHERE s::text LIKE '%%%s%%'", web.admin);
    assert_int_equal(pg_int(&web.pg, sql), 0); /* not the token itself, which whoever reads a backup could use */
}

/* ---- giving up ---- */

TEST(test_a_client_that_gives_up_leaves_a_sync_that_ends)
{
    char text[400];
    int fd = web_connect(&web);
    int len = snprintf(text, sizeof text,
                       "POST /api/v1/sync/full HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                       "Content-Length: 0\r\n\r\n",
                       web.admin);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") > 0, 30000);
    close(fd);

    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM sync_runs WHERE state = 'completed'") > 0, 60000);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevations"), 17);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", web.admin, NULL), 200);
}

/* ---- many at once ---- */

struct one {
    pthread_t thread;
    char id[32], *token;
    int wrong;
};

static bool names(const char *body, const char *id)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"client_id\":\"%s\"", id);
    char *plain = strdup(body ? body : ""), *to = plain;
    for (const char *p = plain; *p; p++)
        if (*p != ' ') *to++ = *p;
    *to = 0;
    bool is_named = strstr(plain, quoted) != NULL;
    free(plain);
    return is_named;
}

static void *ask_for_myself(void *arg)
{
    struct one *one = arg;
    bool reads_elevations = one->id[strlen(one->id) - 1] % 2 == 0;
    for (int i = 0; i < 40; i++) {
        struct http_reply me = web_call(&web, "GET", "/api/v1/client-auth/me", one->token, NULL);
        struct http_reply list = web_call(&web, "GET", "/api/v1/odoo/projects", one->token, NULL);
        int elevations = web_status(&web, "GET", "/api/v1/elevations/cached", one->token, NULL);
        one->wrong += me.status != 200 || !names(me.body, one->id);
        one->wrong += list.status != 200 || !names(list.body, one->id);
        one->wrong += elevations != (reads_elevations ? 200 : 403);
        http_reply_free(&me);
        http_reply_free(&list);
    }
    return NULL;
}

TEST(test_of_many_clients_at_once_each_gets_its_own)
{
    static struct one all[6];
    for (int i = 0; i < 6; i++) {
        snprintf(all[i].id, sizeof all[i].id, "many-%d", i);
        all[i].token =
            web_client(&web, all[i].id, i % 2 ? "[\"projects:read\"]" : "[\"projects:read\",\"elevations:read\"]");
    }
    for (int i = 0; i < 6; i++) pthread_create(&all[i].thread, NULL, ask_for_myself, &all[i]);
    for (int i = 0; i < 6; i++) pthread_join(all[i].thread, NULL);
    for (int i = 0; i < 6; i++) {
        if (all[i].wrong) fail_msg("%s got %d wrong answers", all[i].id, all[i].wrong);
        free(all[i].token);
    }
}

/* A proxy sends requests of several clients over one connection. */
TEST(test_a_connection_belongs_to_nobody)
{
    char text[8000], got[16384];
    char *a = web_client(&web, "first-on-it", "[\"projects:read\"]"), *b = web_client(&web, "second-on-it", "[]");
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "GET /api/v1/client-auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
                                  "GET /api/v1/client-auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
                                  "GET /api/v1/client-auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                  a, b),
           n = 0;
    int fd = web_connect(&web);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
    for (ssize_t k; n < sizeof got - 1 && (k = read(fd, got + n, sizeof got - 1 - n)) > 0;) n += (size_t)k;
    got[n] = 0;
    close(fd);

    const char *first = strstr(got, "first-on-it"), *second = strstr(got, "second-on-it");
    const char *third = strstr(got, "HTTP/1.1 401 ");
    if (!first || !second || !third || first > second || second > third) fail_msg("%s", got);
    assert_null(strstr(third, "-on-it"));
    free(a);
    free(b);
}

/* ---- headers and log ---- */

TEST(test_answers_carry_what_browsers_must_know)
{
    struct http_reply json = web_call(&web, "GET", "/api/v1/projects/cached", web.admin, NULL);
    struct http_reply page = web_call(&web, "GET", "/ui/login", NULL, NULL);

    assert_non_null(strstr(json.headers, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(page.headers, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(page.headers, "X-Frame-Options: DENY"));
    assert_non_null(strstr(page.headers, "Content-Security-Policy: "));
    assert_null(strstr(page.headers, "unsafe-inline"));
    assert_non_null(strstr(page.headers, "Referrer-Policy: same-origin"));
    http_reply_free(&json);
    http_reply_free(&page);
}

TEST(test_the_cookie_is_secure_behind_https_only)
{
    char url[200];
    snprintf(url, sizeof url, "%s/api/v1/admin/login", web.url);
    const char *const https[] = {"Content-Type: application/json", "X-Forwarded-Proto: https", NULL};
    const char *body = "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}";
    struct http_reply behind = http_request("POST", url, https, body);
    struct http_reply plain = web_call(&web, "POST", "/api/v1/admin/login", NULL, body);

    assert_non_null(strstr(behind.headers, "; Secure"));
    assert_non_null(strstr(plain.headers, "HttpOnly"));
    assert_null(strstr(plain.headers, "Secure")); /* or a browser would not send it back over http */
    http_reply_free(&behind);
    http_reply_free(&plain);
}

TEST(test_the_access_log_names_the_client_in_plain_text)
{
    char url[200], bearer[2200];
    char *token = web_client(&web, "logged", "[\"projects:read\"]");
    snprintf(url, sizeof url, "%s/api/v1/projects/cached", web.url);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    const char *headers[] = {bearer, "X-Request-ID: from-the-erp", NULL};

    struct http_reply reply = http_request("GET", url, headers, NULL);

    assert_non_null(strstr(reply.headers, "X-Request-ID: from-the-erp"));
    WAIT_UNTIL(process_logged(&web.process, "request_id=from-the-erp"), 10000);
    char *log = process_log(&web.process), *line = strstr(log, "request_id=from-the-erp");
    line[strcspn(line, "\n")] = 0;
    static const char *const fields[] = {
        "method=GET",       "route=/api/v1/projects/cached", "status=200", "bytes=", "duration_ms=", "client_id=logged",
        "address=127.0.0.1"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strstr(line, fields[i])) fail_msg("no %s in: %s", fields[i], line);
    assert_null(strstr(line, token));
    free(log);
    free(token);
    http_reply_free(&reply);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sessions_end_after_the_hours_that_are_set_and_lie_in_postgresql),
    cmocka_unit_test(test_a_token_that_has_run_out_is_renewed),
    cmocka_unit_test(test_a_client_that_gives_up_leaves_a_sync_that_ends),
    cmocka_unit_test(test_of_many_clients_at_once_each_gets_its_own),
    cmocka_unit_test(test_a_connection_belongs_to_nobody),
    cmocka_unit_test(test_answers_carry_what_browsers_must_know),
    cmocka_unit_test(test_the_cookie_is_secure_behind_https_only),
    cmocka_unit_test(test_the_access_log_names_the_client_in_plain_text),
    cmocka_unit_test(test_a_long_key_is_used_whole), /* the last: without the simulator */
};
TEST_MAIN(tests, set_up, tear_down)
