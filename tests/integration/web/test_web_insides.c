/* What goes wrong inside stays inside: answers have a sentence and the request's id, and the log has the rest under
 * that id. Health tells strangers which part is well, and no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
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

/* What may be registered works from its login on, and is nobody else's. */
TEST(test_names_of_any_length_are_told_apart)
{
    static const char *const letters[] = {"ä", "€", "😀", "x"};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        char one[1100] = "", other[1100];
        for (int k = 0; k < 254; k++) strcat(one, letters[i]);
        strcpy(other, one);
        strcat(one, "1");
        strcat(other, "2");
        char *reader = web_client(&web, one, "[\"projects:read\"]"), *nobody = web_client(&web, other, "[]");
        for (int round = 0; round < 2; round++) {
            assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", reader, NULL), 200);
            assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", nobody, NULL), 403);
        }
        struct http_reply me = web_call(&web, "GET", "/api/v1/client-auth/me", nobody, NULL);
        char *name = web_member(me.body, "client_id");
        assert_string_equal(name, other);
        free(name);
        http_reply_free(&me);
        free(reader);
        free(nobody);
    }
}

/* What syncs and tasks say of themselves: whole for those who operate, without places for others. */
TEST(test_texts_of_tasks_have_no_places)
{
    static const char *const words[] = {"10.1.2.3", "8443", "erp.intern", "fd00::7", NULL};
#define PLACES "Failed to connect to 10.1.2.3 port 8443, https://erp.intern:8443/x and [fd00::7]:80: refused"
    pg_exec(&web.pg,
            "INSERT INTO sync_runs (task_id, task_name, scope, state, status, result, finished_at) VALUES"
            " ('t-1', 'tasks.sync_tasks.full_sync_task', 'all', 'failed', 'over', '{\"message\": \"" PLACES
            "\", \"errors\": [\"" PLACES "\"], \"results\": [{\"id\": 1, \"error\": \"" PLACES "\"}]}', now());"
            "INSERT INTO sync_logs (sync_type, status, message) VALUES ('full', 'failed', '" PLACES "')");
    char *reader = web_client(&web, "plain-reader", "[\"projects:read\",\"elevations:read\",\"sync:write\"]"),
         *ops = web_client(&web, "plain-ops", "[\"projects:read\",\"elevations:read\",\"sync:write\",\"admin:read\"]"),
         *id = pg_value(&web.pg, "SELECT id FROM sync_runs WHERE task_id = 't-1'"), changes[100];
    snprintf(changes, sizeof changes, "/api/v1/syncs/%s/changes", id);
    const char *const paths[] = {"/api/v1/sync/status", "/api/v1/scheduler/tasks/t-1", changes};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        must_not_tell(&(struct call){"GET", paths[i], reader, NULL}, "p", 200, words, false);
        const char *const known[] = {reader, ops, web.admin};
        for (size_t k = 0; k < 3; k++) {
            struct http_reply reply = web_call(&web, "GET", paths[i], known[k], NULL);
            bool is_told = strstr(reply.body, "10.1.2.3 port 8443, https://erp.intern:8443/x") != NULL;
            if (!strstr(reply.body, "Failed to connect to") || is_told != (k > 0))
                fail_msg("%s, %zu: %s", paths[i], k, reply.body);
            http_reply_free(&reply);
        }
    }
    free(reader);
    free(ops);
    free(id);
}

static bool has_ended(const char *id, char **told)
{
    char path[120];
    snprintf(path, sizeof path, "/api/v1/scheduler/tasks/%s", id);
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    free(*told);
    *told = strdup(reply.body);
    http_reply_free(&reply);
    return strstr(*told, "\"FAILURE\"") != NULL;
}

/* As many as the operation takes, each as long as it may be: they reach the task, which then says what is wrong. */
TEST(test_a_task_is_called_with_all_that_was_sent)
{
    struct buf body = {0};
    char *told = NULL;
    for (int i = 0; i < 1000; i++) {
        buf_printf(&body, "%s\"%04d", i ? "," : "[", i);
        for (int k = 0; k < 251; k++) buf_str(&body, "€");
        buf_char(&body, '"');
    }
    buf_char(&body, ']');
    struct http_reply reply = web_call(&web, "POST", "/api/v1/scheduler/sync/batch", web.admin, body.data);
    assert_int_equal(reply.status, 200);
    char *id = web_member(reply.body, "task_id");
    WAIT_UNTIL(has_ended(id, &told), 30000);
    if (!strstr(told, "LOGIKAL_API_BASE_URL")) fail_msg("%.2000s", told);
    http_reply_free(&reply);
    buf_free(&body);
    free(told);
    free(id);
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
    cmocka_unit_test(test_names_of_any_length_are_told_apart),
    cmocka_unit_test(test_texts_of_tasks_have_no_places),
    cmocka_unit_test(test_a_task_is_called_with_all_that_was_sent),
    cmocka_unit_test(test_strangers_learn_of_health_whether_it_is_well),
};
TEST_MAIN(tests, set_up, tear_down)
