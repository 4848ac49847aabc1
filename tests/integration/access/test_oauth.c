/* Rights without outages: tokens by OAuth 2.0 as its standard has them, and secrets and keys that are replaced while
 * clients are at work, none of whom is refused. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <sodium.h>

#include "tests/support/web.h"
#include "tests/support/web_keyed.h"

#define KEY_A "0a1de3c25f0c4a6e8d7f6a5b4c3d2e1f"
#define KEY_B "1b1de3c25f0c4a6e8d7f6a5b4c3d2e1f"
#define SES_A "2c1de3c25f0c4a6e8d7f6a5b4c3d2e1f"
#define SES_B "3d1de3c25f0c4a6e8d7f6a5b4c3d2e1f"

static struct web_server web;
static char *secret; /* of erp */
static const struct web_keys first_keys = {KEY_A, "", SES_A, ""};

FIXTURE(set_up)
{
    assert_true(sodium_init() >= 0);
    web_keyed_start(&web, &first_keys);
    web_log_in(&web);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                                       "{\"client_id\":\"erp\",\"name\":\"ERP\",\"permissions\":[\"projects:read\","
                                       "\"elevations:read\"]}");
    assert_int_equal(reply.status, 200);
    secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    return 0;
}

FIXTURE(tear_down)
{
    free(secret);
    web_end(&web);
    return 0;
}

/* ---- the protocol ---- */

static void basic_of(const char *id, const char *word, char *out, size_t size)
{
    char pair[900], encoded[1300];
    snprintf(pair, sizeof pair, "%s:%s", id, word);
    sodium_bin2base64(encoded, sizeof encoded, (unsigned char *)pair, strlen(pair), sodium_base64_VARIANT_ORIGINAL);
    snprintf(out, size, "Authorization: Basic %s", encoded);
}

static struct http_reply grant(const char *authorization, const char *type, const char *body)
{
    char url[200];
    const char *headers[3] = {NULL};
    int n = 0;
    snprintf(url, sizeof url, "%s/oauth/token", web.url);
    if (type) headers[n++] = type;
    if (authorization) headers[n++] = authorization;
    return http_request("POST", url, headers, body);
}

#define FORM "Content-Type: application/x-www-form-urlencoded"

static bool may(const char *token, const char *path)
{
    int status = web_status(&web, "GET", path, token, NULL);
    assert_true(status == 200 || status == 403);
    return status == 200;
}

TEST(test_tokens_by_header_and_by_form)
{
    char header[1500], form[300];
    basic_of("erp", secret, header, sizeof header);
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=erp&client_secret=%s", secret);
    for (int way = 0; way < 2; way++) {
        struct http_reply reply =
            way == 0 ? grant(header, FORM, "grant_type=client_credentials") : grant(NULL, FORM, form);
        assert_int_equal(reply.status, 200);
        assert_non_null(strcasestr(reply.headers, "cache-control: no-store"));
        cJSON *json = cJSON_Parse(reply.body);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "token_type")), "Bearer");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "scope")), "projects:read elevations:read");
        assert_int_equal(cJSON_GetObjectItem(json, "expires_in")->valueint, 86400);
        const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(json, "access_token"));
        assert_true(may(token, "/api/v1/projects/cached"));
        assert_true(may(token, "/api/v1/elevations/cached"));
        cJSON_Delete(json);
        http_reply_free(&reply);
    }
}

TEST(test_a_scope_narrows_a_token)
{
    char header[1500];
    basic_of("erp", secret, header, sizeof header);
    struct http_reply reply =
        grant(header, FORM, "grant_type=client_credentials&scope=elevations%3Aread+elevations%3Aread");
    assert_int_equal(reply.status, 200);
    char *token = web_member(reply.body, "access_token"), *scope = web_member(reply.body, "scope");
    assert_string_equal(scope, "elevations:read");

    assert_false(may(token, "/api/v1/projects/cached"));
    assert_true(may(token, "/api/v1/elevations/cached"));
    assert_false(may(token, "/api/v1/changes")); /* needs both */
    http_reply_free(&reply);
    free(token);
    free(scope);
}

TEST(test_refusals_are_those_of_the_standard)
{
    char right[1500], wrong[1500], nobody[1500], form[400], both[400], other[400];
    basic_of("erp", secret, right, sizeof right);
    basic_of("erp", "wrong", wrong, sizeof wrong);
    basic_of("nobody", secret, nobody, sizeof nobody);
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=erp&client_secret=%s&client_id=erp", secret);
    snprintf(both, sizeof both, "grant_type=client_credentials&client_secret=%s", secret);
    snprintf(other, sizeof other, "grant_type=client_credentials&client_id=another");
    const struct {
        const char *authorization, *type, *body;
        int status;
        const char *error;
    } table[] = {
        {right, FORM, "", 400, "invalid_request"},
        {right, FORM, "grant_type=", 400, "invalid_request"},
        {right, FORM, "grant_type=password", 400, "unsupported_grant_type"},
        {right, FORM, "grant_type=CLIENT_CREDENTIALS", 400, "unsupported_grant_type"},
        {right, FORM, "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"},
        {right, FORM, "grant_type=client_credentials&scope=sync:write", 400, "invalid_scope"},
        {right, FORM, "grant_type=client_credentials&scope=projects:read%20everything", 400, "invalid_scope"},
        {right, FORM, "grant_type=client_credentials&scope=%20", 400, "invalid_scope"},
        {right, FORM, "grant_type=client_credentials&scope=%zz", 400, "invalid_request"},
        {right, FORM, "grant_type=client_credentials&x=%00", 400, "invalid_request"},
        {right, "Content-Type: application/json", "{\"grant_type\":\"client_credentials\"}", 400, "invalid_request"},
        {right, FORM, both, 400, "invalid_request"},
        {right, FORM, other, 400, "invalid_request"},
        {NULL, FORM, form, 400, "invalid_request"},
        {NULL, FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {NULL, FORM, "grant_type=client_credentials&client_id=erp", 401, "invalid_client"},
        {"Authorization: Basic ###", FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {"Authorization: Basic ZXJw", FORM, "grant_type=client_credentials", 401, "invalid_client"}, /* no colon */
        {"Authorization: Basic ", FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {wrong, FORM, "grant_type=client_credentials", 401, "invalid_client"},
        {nobody, FORM, "grant_type=client_credentials", 401, "invalid_client"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_reply reply = grant(table[i].authorization, table[i].type, table[i].body);
        if (reply.status != table[i].status) fail_msg("%s: %ld %s", table[i].body, (long)reply.status, reply.body);
        char *error = web_member(reply.body, "error");
        if (strcmp(error, table[i].error) != 0) fail_msg("%s: %s", table[i].body, reply.body);
        assert_true((strcasestr(reply.headers, "www-authenticate: basic") != NULL) == (table[i].status == 401));
        free(error);
        http_reply_free(&reply);
    }
}

TEST(test_names_and_secrets_of_any_text_fit_the_header)
{
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                                       "{\"client_id\":\"a:b c+d%\xc3\xa4\",\"name\":\"odd\"}");
    assert_int_equal(reply.status, 200);
    char *word = web_member(reply.body, "client_secret"), header[1500];
    http_reply_free(&reply);
    basic_of("a%3Ab+c%2Bd%25%C3%A4", word, header, sizeof header);
    reply = grant(header, FORM, "grant_type=client_credentials");
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    free(word);
}

TEST(test_where_it_is_can_be_found_out)
{
    char url[200], end[200];
    snprintf(url, sizeof url, "%s/.well-known/oauth-authorization-server", web.url);
    snprintf(end, sizeof end, "%s/oauth/token", web.url);
    struct http_reply reply = http_get(url);
    assert_int_equal(reply.status, 200);
    char *issuer = web_member(reply.body, "issuer"), *endpoint = web_member(reply.body, "token_endpoint");
    assert_string_equal(issuer, web.url);
    assert_string_equal(endpoint, end);
    assert_non_null(strstr(reply.body, "client_secret_basic"));
    free(issuer);
    free(endpoint);
    http_reply_free(&reply);
    snprintf(url, sizeof url, "%s/openapi.json", web.url);
    reply = http_get(url);
    assert_non_null(strstr(reply.body, "\"tokenUrl\":\"/oauth/token\""));
    assert_non_null(strstr(reply.body, "{\"oauth2\":[\"projects:read\",\"elevations:read\"]}"));
    http_reply_free(&reply);
}

/* ---- two secrets ---- */

static int login_with(const char *word)
{
    char body[300];
    snprintf(body, sizeof body, "{\"client_id\":\"erp\",\"client_secret\":\"%s\"}", word);
    return web_status(&web, "POST", "/api/v1/client-auth/login", NULL, body);
}

static char *rotate(const char *body)
{
    struct http_reply reply =
        web_call(&web, "POST", "/api/v1/admin/clients/erp/rotate-secret", web.admin, body ? body : "");
    if (reply.status != 200) fail_msg("%s", reply.body);
    char *out = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    return out;
}

TEST(test_two_secrets_are_right_until_the_old_one_ends)
{
    char *second = rotate(NULL);
    assert_int_equal(login_with(secret), 200);
    assert_int_equal(login_with(second), 200);
    assert_int_equal(login_with("neither"), 401);

    char *third = rotate("{\"overlap_hours\":1}"); /* the first one is none of the two any more */
    assert_int_equal(login_with(secret), 401);
    assert_int_equal(login_with(second), 200);
    assert_int_equal(login_with(third), 200);

    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/clients/erp/end-old-secret", web.admin, ""), 200);
    assert_int_equal(login_with(second), 401);
    char *fourth = rotate("{\"old_secret_ends_at\":\"2020-01-01T00:00:00Z\"}");
    assert_int_equal(login_with(third), 401);
    assert_int_equal(login_with(fourth), 200);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/clients/nobody/rotate-secret", web.admin, ""), 404);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/clients/erp/rotate-secret", web.admin,
                                "{\"old_secret_ends_at\":\"soon\"}"),
                     422);

    char *fifth = rotate(NULL);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/clients/erp/regenerate-secret", web.admin, "");
    char *sixth = web_member(reply.body, "client_secret");
    assert_int_equal(login_with(fourth), 401); /* a new one at once leaves none of the old */
    assert_int_equal(login_with(fifth), 401);
    assert_int_equal(login_with(sixth), 200);
    http_reply_free(&reply);
    free(second);
    free(third);
    free(fourth);
    free(fifth);
    free(secret);
    secret = sixth;
    pg_exec(&web.pg, "UPDATE clients SET previous_secret_ends_at = now() - interval '1 s'");
}

/* ---- under load ---- */

static atomic_bool is_over;
static atomic_int calls, logins, refused;
static char *_Atomic current; /* the secret that clients have by now */

static void note(const char *what, const struct http_reply *reply)
{
    calls++;
    if (reply->status == 200) return;
    refused++;
    printf("%s: %ld %s\n", what, (long)reply->status, reply->body ? reply->body : "");
}

static char *token_by(int way, const char *word)
{
    char header[1500], body[400];
    struct http_reply reply;
    basic_of("erp", word, header, sizeof header);
    snprintf(body, sizeof body,
             way == 1 ? "grant_type=client_credentials&client_id=erp&client_secret=%s"
                      : "{\"client_id\":\"erp\",\"client_secret\":\"%s\"}",
             word);
    reply = way == 0   ? grant(header, FORM, "grant_type=client_credentials")
            : way == 1 ? grant(NULL, FORM, body)
                       : web_call(&web, "POST", "/api/v1/client-auth/login", NULL, body);
    note("login", &reply);
    logins++;
    char *out = reply.status == 200 ? web_member(reply.body, "access_token") : strdup("");
    http_reply_free(&reply);
    return out;
}

static void *work(void *arg)
{
    int way = (int)(intptr_t)arg;
    while (!atomic_load(&is_over)) {
        char *token = token_by(way, atomic_load(&current));
        for (int i = 0; i < 12 && !atomic_load(&is_over); i++) {
            struct http_reply reply = web_call(&web, "GET", "/api/v1/client-auth/me", token, NULL);
            note("call", &reply);
            http_reply_free(&reply);
        }
        free(token);
    }
    return NULL;
}

/* An administrator's pages: by cookie, with the CSRF token that he got at the beginning. */
static void *administrate(void *arg)
{
    (void)arg;
    char url[200], cookie[200], csrf[200];
    snprintf(url, sizeof url, "%s/admin/api/verify", web.url);
    snprintf(cookie, sizeof cookie, "Cookie: logikald_session=%s", web.admin);
    struct http_reply first = http_request("GET", url, (const char *[]){cookie, NULL}, NULL);
    char *token = web_member(first.body, "csrf_token");
    snprintf(csrf, sizeof csrf, "X-CSRF-Token: %s", token);
    http_reply_free(&first);
    free(token);
    snprintf(url, sizeof url, "%s/api/v1/client-auth/clients/erp", web.url);
    while (!atomic_load(&is_over)) {
        const char *headers[] = {cookie, csrf, "Content-Type: application/json", NULL};
        struct http_reply reply = http_request("PUT", url, headers, "{\"rate_limit_per_hour\":1000000}");
        note("administrator", &reply);
        http_reply_free(&reply);
    }
    return NULL;
}

static void kid_of_new_tokens(char *out, size_t size)
{
    char *token = token_by(2, atomic_load(&current));
    snprintf(out, size, "%.*s", (int)strcspn(token, "."), token); /* the header is the same for the same key */
    free(token);
}

static bool has_kid(const char *other)
{
    char now[300];
    kid_of_new_tokens(now, sizeof now);
    return strcmp(now, other) != 0;
}

TEST(test_secrets_and_keys_are_replaced_and_nobody_is_refused)
{
    pthread_t threads[4];
    char first[300], *second, *third;
    atomic_store(&current, secret);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
    pthread_create(&threads[3], NULL, administrate, NULL);

    second = rotate(NULL); /* the clients get it later */
    WAIT_UNTIL(atomic_load(&logins) > 6, 60000);
    atomic_store(&current, second);
    kid_of_new_tokens(first, sizeof first);

    /* The new keys are accepted first, then used, and the old ones accepted until nobody has any of them. */
    web_keyed_reload(&web, &(struct web_keys){KEY_A, KEY_B, SES_A, SES_B});
    assert_false(has_kid(first));
    web_keyed_reload(&web, &(struct web_keys){KEY_B, KEY_A, SES_B, SES_A});
    assert_true(has_kid(first));
    third = rotate("{\"overlap_hours\":2}");
    atomic_store(&current, third);
    int seen = atomic_load(&logins);
    WAIT_UNTIL(atomic_load(&logins) > seen + 6, 60000);

    atomic_store(&is_over, true);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&refused), 0);
    assert_true(atomic_load(&calls) > 100);
    free(second);
    free(secret);
    secret = third;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tokens_by_header_and_by_form),
    cmocka_unit_test(test_a_scope_narrows_a_token),
    cmocka_unit_test(test_names_and_secrets_of_any_text_fit_the_header),
    cmocka_unit_test(test_where_it_is_can_be_found_out),
    cmocka_unit_test(test_two_secrets_are_right_until_the_old_one_ends),
    cmocka_unit_test(test_secrets_and_keys_are_replaced_and_nobody_is_refused),
    cmocka_unit_test(test_refusals_are_those_of_the_standard),
};
TEST_MAIN(tests, set_up, tear_down)
