/* What goes wrong inside stays inside: answers have a sentence and the request's id, and the log has the rest under
 * that id. Health tells strangers which part is well, and no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

#define ROLE    "svc_of_the_house"
#define MONITOR "0123456789abcdefghijk-monitor"

static struct web_server web;

FIXTURE(set_up)
{
    web_servers(&web);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    return 0;
}

static const char *const settings[] = {"LOG_LEVEL=warning", "DATABASE_STATEMENT_TIMEOUT_MS=1500",
                                       "METRICS_TOKEN=" MONITOR, NULL};

struct call {
    const char *method, *path, *token, *body; /* token "admin": the administrator's */
};

/* Sends it under an id of its own. The answer may have none of these words, and must name the id where is_named. */
static void must_not_tell(const struct call *c, const char *id, int status, const char *const words[], bool is_named)
{
    char url[1400], bearer[2200], named[100];
    const char *token = c->token && strcmp(c->token, "admin") == 0 ? web.admin : c->token;
    snprintf(url, sizeof url, "%s%s", web.url, c->path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    snprintf(named, sizeof named, "X-Request-ID: %s", id);
    const char *const headers[] = {named, "Content-Type: application/json", token ? bearer : NULL, NULL};
    struct http_reply reply = http_request(c->method, url, headers, c->body);
    if (reply.status != status) fail_msg("%s %s: %d %s", c->method, c->path, reply.status, reply.body);
    for (int i = 0; words[i]; i++)
        if (strcasestr(reply.body, words[i])) fail_msg("%s %s tells %s: %s", c->method, c->path, words[i], reply.body);
    if (is_named && !strstr(reply.body, id)) fail_msg("%s %s does not tell its id: %s", c->method, c->path, reply.body);
    http_reply_free(&reply);
}

static void must_be_logged(const char *id, const char *text)
{
    bool is_there = false;
    char *log = process_log(&web.process);
    for (const char *line = log; line && !is_there; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *one = strndup(line, strcspn(line, "\n"));
        is_there = strstr(one, id) && strstr(one, text);
        free(one);
    }
    if (!is_there) fail_msg("no line with %s and %s in: %s", id, text, log);
    free(log);
}

#define RANDOM_TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

TEST(test_a_database_that_refuses_is_not_described)
{
    char url[300], port[16];
    snprintf(port, sizeof port, "%d", web.pg.port);
    snprintf(url, sizeof url, "DATABASE_URL=postgresql://" ROLE ":hidden@127.0.0.1:%d/postgres", web.pg.port);
    const char *const env[] = {"LOG_LEVEL=warning", "METRICS_TOKEN=" MONITOR, url, NULL};
    const char *const words[] = {ROLE, "127.0.0.1", port, "FATAL", "connection to server", "role \"", "password", NULL};
    static const struct call calls[] = {
        {"POST", "/api/v1/client-auth/login", NULL, "{\"client_id\":\"a\",\"client_secret\":\"b\"}"},
        {"POST", "/api/v1/admin/login", NULL, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}"},
        {"GET", "/api/v1/projects/cached", RANDOM_TOKEN, NULL},
        {"GET", "/api/v1/odoo/stats", RANDOM_TOKEN, NULL},
        {"GET", "/ui/", RANDOM_TOKEN, NULL},
        {"GET", "/ui/events", RANDOM_TOKEN, NULL},
        {"POST", "/api/v1/auth/logout?token=" RANDOM_TOKEN, NULL, NULL},
        {"GET", "/api/v1/projects/?token=" RANDOM_TOKEN, NULL, NULL},
    };
    web_run_unready(&web, env);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char id[32];
        snprintf(id, sizeof id, "refused-%zu", i);
        must_not_tell(&calls[i], id, 503, words, true);
        must_be_logged(id, ROLE);
    }
    must_not_tell(&(struct call){"GET", "/api/v1/health/detailed", NULL, NULL}, "h", 503, words, false);
    must_not_tell(&(struct call){"GET", "/api/v1/health/ready", NULL, NULL}, "h", 503, words, false);
    web_stop(&web);
}

/* Statements that fail: a column that is gone, a lock that lasts, a row that must not be. */
TEST(test_a_statement_that_fails_is_not_described)
{
    static const char *const words[] = {"relation", "column",    "SELECT", "statement", "constraint",
                                        "Key (",    "secretive", "42703",  "hidden_",   NULL};
    web_run(&web, settings, true);
    web_log_in(&web);
    pg_exec(&web.pg, "ALTER TABLE elevations RENAME COLUMN parse_status TO hidden_status");
    must_not_tell(&(struct call){"GET", "/api/v1/elevations/enrichment/status", "admin", NULL}, "taken-away", 503,
                  words, true);
    must_be_logged("taken-away", "parse_status");
    pg_exec(&web.pg, "ALTER TABLE elevations RENAME COLUMN hidden_status TO parse_status");

    pg_exec(&web.pg, "ALTER TABLE object_sync_configs ADD CONSTRAINT hidden_rule CHECK (priority < 9)");
    must_not_tell(&(struct call){"PUT", "/api/v1/admin/sync-intervals/phase", "admin",
                                 "{\"priority\":10,\"display_name\":\"secretive\"}"},
                  "against-rule", 409, words, true);
    must_be_logged("against-rule", "hidden_rule");

    PGconn *c = pg_connect(&web.pg);
    PQclear(PQexec(c, "BEGIN"));
    PQclear(PQexec(c, "LOCK TABLE elevations"));
    must_not_tell(&(struct call){"GET", "/api/v1/elevations/enrichment/status", "admin", NULL}, "locked-out", 503,
                  words, true);
    must_be_logged("locked-out", "statement timeout");
    PQfinish(c);
}

TEST(test_texts_that_postgresql_cannot_take_are_refused_in_our_words)
{
    static const char *const words[] = {"UTF8", "0xc3", "encoding", "byte sequence", NULL};
    char body[1024] = "{\"client_id\":\"", *at = body + strlen(body);
    for (int i = 0; i < 200; i++) at = stpcpy(at, "ä");
    strcpy(at, "\",\"name\":\"long\"}");

    must_not_tell(&(struct call){"POST", "/api/v1/client-auth/register", "admin", body}, "umlauts", 200, words, false);

    assert_int_equal(pg_int(&web.pg, "SELECT length(client_id) FROM clients WHERE name = 'long'"), 200);
    static const char *const bad[] = {
        "{\"client_id\":\"a\\u0001b\",\"name\":\"n\"}", "{\"client_id\":\"a\\nb\",\"name\":\"n\"}",
        "{\"client_id\":\"\\u007f\",\"name\":\"n\"}", "{\"client_id\":\"metrics\",\"name\":\"n\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(web_status(&web, "POST", "/api/v1/client-auth/register", web.admin, bad[i]), 422);
}

TEST(test_strangers_learn_of_health_whether_it_is_well)
{
    static const char *const words[] = {"version\":\"7", "memory", "load", "pool",  "checked",     "disk",
                                        "response",      "uptime", "used", "error", "environment", NULL};
    char *reader = web_client(&web, "reader", "[\"projects:read\"]"),
         *ops = web_client(&web, "ops", "[\"admin:read\"]");
    const char *const strangers[] = {NULL, RANDOM_TOKEN, "a.b.c", reader}, *const known[] = {web.admin, MONITOR, ops};
    for (size_t i = 0; i < 4; i++)
        must_not_tell(&(struct call){"GET", "/api/v1/health/detailed", strangers[i], NULL}, "s", 200, words, false);
    for (size_t i = 0; i < 3; i++) {
        struct http_reply reply = web_call(&web, "GET", "/api/v1/health/detailed", known[i], NULL);
        assert_int_equal(reply.status, 200);
        assert_non_null(strstr(reply.body, "connection_pool"));
        assert_non_null(strstr(reply.body, "load_average"));
        http_reply_free(&reply);
    }
    assert_int_equal(web_status(&web, "GET", "/api/v1/client-auth/me", MONITOR, NULL), 403);
    free(reader);
    free(ops);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_database_that_refuses_is_not_described),
    cmocka_unit_test(test_a_statement_that_fails_is_not_described),
    cmocka_unit_test(test_texts_that_postgresql_cannot_take_are_refused_in_our_words),
    cmocka_unit_test(test_strangers_learn_of_health_whether_it_is_well),
};
TEST_MAIN(tests, set_up, tear_down)
