/* With something missing: no database, a database that goes and comes back, no Redis, Redis that goes, a task without a
 * worker; and the orderly end while requests are under way. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

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

static const char *const small[] = {"--preset", "field-case", NULL};
static const char *const no_workers[] = {"BACKGROUND_SYNC_ENABLED=false", "LOG_LEVEL=error", NULL};
static const char *const quiet[] = {"LOG_LEVEL=error", "DATABASE_STATEMENT_TIMEOUT_MS=120000", NULL};

TEST(test_without_a_database_it_serves_what_needs_none)
{
    web_run(&web, quiet, false);

    struct http_reply login = web_call(&web, "POST", "/api/v1/admin/login", NULL,
                                       "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");

    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/health/live", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL), 503);
    assert_int_equal(web_status(&web, "GET", "/api/v1/health/detailed", NULL, NULL), 503);
    assert_int_equal(web_status(&web, "GET", "/ui/login", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/openapi.json", NULL, NULL), 200);
    assert_int_equal(login.status, 503);
    assert_non_null(strstr(login.body, "DATABASE_URL"));
    http_reply_free(&login);
    web_stop(&web);
}

TEST(test_a_database_that_goes_is_named_and_is_used_again_when_it_is_back)
{
    web_run(&web, quiet, true);
    web_log_in(&web);
    char *client = web_client(&web, "patient", "[\"projects:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", client, NULL), 200);

    pg_kill(&web.pg);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 503, 10000);
    struct http_reply reply = web_call(&web, "GET", "/api/v1/projects/cached", client, NULL);

    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body, "PostgreSQL"));
    assert_non_null(strstr(reply.headers, "Retry-After"));
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    http_reply_free(&reply);

    pg_restart(&web.pg);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/projects/cached", client, NULL) == 200, 20000);
    free(client);
    web_stop(&web);
}

/* ---- the console: what can be done without PostgreSQL ---- */

/* A cookie of an answer, "name=value"; the test fails without it. */
static void cookie_of(const char *headers, const char *name, char *out, size_t size)
{
    char wanted[80];
    snprintf(wanted, sizeof wanted, "Set-Cookie: %s=", name);
    const char *at = strcasestr(headers, wanted);
    if (!at) fail_msg("no cookie %s: %s", name, headers);
    at += strlen("Set-Cookie: ");
    snprintf(out, size, "%.*s", (int)strcspn(at, ";"), at);
}

static struct http_reply with_cookies(const char *method, const char *path, const char *session, const char *console,
                                      const char *csrf)
{
    char url[300], cookies[500], token[120];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", web.port, path);
    snprintf(cookies, sizeof cookies, "Cookie: %s; %s", session, console);
    snprintf(token, sizeof token, "X-CSRF-Token: %s", csrf);
    return http_request(method, url, (const char *const[]){cookies, *csrf ? token : NULL, NULL}, NULL);
}

static int status_with(const char *method, const char *path, const char *session, const char *console, const char *csrf)
{
    struct http_reply reply = with_cookies(method, path, session, console, csrf);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}

static void log_in_as(const char *user, const char *password, char session[200], char console[200])
{
    char body[300];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", user, password);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL, body);
    assert_int_equal(reply.status, 200);
    cookie_of(reply.headers, "logikald_session", session, 200);
    cookie_of(reply.headers, "logikald_console", console, 200);
    http_reply_free(&reply);
}

/* The same cookie with another letter of its signature, another role, a later end, and things that are none. */
static void check_forged(const char *session, const char *console)
{
    char forged[5][200];
    const char *dot = strchr(console, '.'), *value = strchr(console, '=') + 1;
    for (int i = 0; i < 3; i++) snprintf(forged[i], sizeof forged[i], "%s", console);
    forged[0][strlen(console) - 1] = console[strlen(console) - 1] == '0' ? '1' : '0';
    forged[1][dot - console + 1] = 'v';
    forged[2][value - console] = '9';
    snprintf(forged[3], sizeof forged[3], "logikald_console=");
    snprintf(forged[4], sizeof forged[4], "logikald_console=99999999999999999999.a.");
    for (int i = 0; i < 5; i++)
        if (status_with("GET", "/ui/system", session, forged[i], "") != 503) fail_msg("it is let in: %s", forged[i]);
}

TEST(test_who_is_logged_in_reaches_the_processes_without_postgresql)
{
    static const char *const settings[] = {"LOG_LEVEL=error", "VIEWER_USERNAME=looks",
                                           "VIEWER_PASSWORD=looks-only-1234", "ADMIN_SESSION_HOURS=1", NULL};
    char session[200], console[200], other[200], theirs[200], seen[200], views[200], ended[200], over[200];
    web_run(&web, settings, true);
    log_in_as("admin", WEB_ADMIN_PASSWORD, session, console);
    log_in_as("admin", WEB_ADMIN_PASSWORD, other, theirs);
    log_in_as("looks", "looks-only-1234", seen, views);
    log_in_as("admin", WEB_ADMIN_PASSWORD, ended, over);
    struct http_reply page = with_cookies("GET", "/ui/system", ended, over, "");
    const char *csrf = strstr(page.body, "name=\"csrf\" content=\"");
    assert_non_null(csrf);
    char token[80];
    snprintf(token, sizeof token, "%.64s", csrf + strlen("name=\"csrf\" content=\""));
    assert_int_equal(status_with("POST", "/api/v1/admin/logout", ended, over, token), 200);
    assert_int_equal(status_with("GET", "/ui/system", ended, over, ""), 303);
    http_reply_free(&page);

    pg_kill(&web.pg);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 503, 10000);

    page = with_cookies("GET", "/ui/system", session, console, "");
    assert_int_equal(page.status, 200);
    assert_non_null(strstr(page.body, "PostgreSQL is away"));
    snprintf(token, sizeof token, "%.64s",
             strstr(page.body, "name=\"csrf\" content=\"") + strlen("name=\"csrf\" content=\""));
    http_reply_free(&page);
    check_forged(session, console);
    assert_int_equal(status_with("GET", "/ui/system", session, theirs, ""), 503);
    assert_int_equal(status_with("GET", "/ui/system", ended, over, ""), 503); /* logged out, as this process knows */
    assert_int_equal(status_with("GET", "/ui/system", seen, views, ""), 200);
    assert_int_equal(status_with("GET", "/ui/clients", session, console, ""), 503);
    assert_int_equal(status_with("GET", "/api/v1/client-auth/clients", session, console, ""), 503);
    /* Commands need the token of the session; there is no supervisor here that could be told. */
    static const char start[] = "/api/v1/admin/processes/beat/start";
    assert_int_equal(status_with("POST", start, session, console, ""), 403);
    assert_int_equal(status_with("POST", start, seen, views, token), 403);
    page = with_cookies("POST", start, session, console, token);
    assert_int_equal(page.status, 503);
    assert_null(strstr(page.body, "PostgreSQL"));
    http_reply_free(&page);

    pg_restart(&web.pg);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 20000);
    web_stop(&web);
}

static void signal_backends(const char *pids, int sig)
{
    for (const char *p = pids; *p; p += strcspn(p, ","), p += *p == ',') kill((pid_t)strtol(p, NULL, 10), sig);
}

TEST(test_a_database_that_hangs_is_noticed)
{
    web_run(&web, quiet, true);
    char *pids = pg_value(&web.pg, "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE application_name ="
                                   " 'logikald web'");
    assert_true(*pids);

    signal_backends(pids, SIGSTOP);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 503, 20000);
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/ui/login", NULL, NULL), 200);
    signal_backends(pids, SIGCONT);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 20000);

    free(pids);
    web_stop(&web);
}

TEST(test_without_redis_a_manual_sync_runs_in_a_child)
{
    struct sim_server sim;
    web_run_on(&web, &sim, small, no_workers);

    struct http_reply held = web_call(&web, "POST", "/api/v1/sync/full", web.admin, NULL);
    struct http_reply loose = web_call(&web, "POST", "/api/v1/sync/force/directories?wait=false", web.admin, NULL);
    char *id = web_member(loose.body, "task_id"), path[200];
    snprintf(path, sizeof path, "/api/v1/scheduler/tasks/%s", id);

    assert_int_equal(held.status, 200);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevations"), 17);
    assert_int_equal(loose.status, 202);
    bool is_done = false;
    for (int64_t deadline = support_deadline(20000); !is_done && !support_late(deadline); support_pause()) {
        struct http_reply task = web_call(&web, "GET", path, web.admin, NULL);
        is_done = task.body && strstr(task.body, "\"SUCCESS\"");
        http_reply_free(&task);
    }
    assert_true(is_done);
    http_reply_free(&held);
    http_reply_free(&loose);
    free(id);
    web_stop(&web);
    sim_stop(&sim);
}

/* What was cached a moment before is not what is answered after the sync. */
TEST(test_a_stale_project_is_synced_before_it_is_answered)
{
    struct sim_server sim;
    web_run_on(&web, &sim, small, no_workers);
    assert_int_equal(web_status(&web, "POST", "/api/v1/sync/full", web.admin, NULL), 200);
    char *project = pg_value(&web.pg, "SELECT logikal_id FROM projects LIMIT 1"), stored[200], synced[200];
    snprintf(stored, sizeof stored, "/api/v1/odoo/projects/%s/complete?auto_sync=false", project);
    snprintf(synced, sizeof synced, "/api/v1/odoo/projects/%s/complete", project);
    pg_exec(&web.pg, "UPDATE projects SET last_sync_date = '2000-01-01';"
                     "UPDATE project_cursors SET confirmed_at = '2000-01-01'");
    sim_post(&sim, "/change", "{\"type\":\"elevation\",\"count\":5,\"seed\":3}");

    struct http_reply before = web_call(&web, "GET", stored, web.admin, NULL);
    struct http_reply after = web_call(&web, "GET", synced, web.admin, NULL);
    struct http_reply again = web_call(&web, "GET", stored, web.admin, NULL);

    assert_int_equal(after.status, 200);
    assert_non_null(strstr(after.headers, "X-Sync: done"));
    assert_string_not_equal(before.body, after.body);
    assert_string_equal(after.body, again.body);
    http_reply_free(&before);
    http_reply_free(&after);
    http_reply_free(&again);
    free(project);
    web_stop(&web);
    sim_stop(&sim);
}

TEST(test_redis_that_is_gone_stops_only_what_looks_into_it)
{
    struct redis_server redis;
    static char url[160];
    redis_server_start(&redis, NULL);
    snprintf(url, sizeof url, "REDIS_URL=%s", redis.url);
    const char *const settings[] = {url, "LOG_LEVEL=error", NULL};
    web_run(&web, settings, true);
    web_log_in(&web);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200, 10000);

    redis_server_kill(&redis);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 503, 10000);

    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/metrics", web.admin, NULL), 200);
    redis_server_restart(&redis);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200, 20000);
    web_stop(&web);
    redis_server_stop(&redis);
}

/* ---- busy connections ---- */

struct asked {
    pthread_t thread;
    char path[100];
    int status;
};

static void *ask(void *arg)
{
    struct asked *a = arg;
    a->status = web_status(&web, "GET", a->path, web.admin, NULL);
    return NULL;
}

TEST(test_a_quick_statement_does_not_wait_for_slow_ones)
{
    static struct asked slow[12];
    enum { N = sizeof slow / sizeof *slow };
    web_run(&web, quiet, true);
    web_log_in(&web);
    PGconn *pg = pg_connect(&web.pg);
    PQclear(PQexec(pg, "BEGIN"));
    PQclear(PQexec(pg, "LOCK TABLE elevations IN ACCESS EXCLUSIVE MODE"));
    for (int i = 0; i < N; i++) {
        snprintf(slow[i].path, sizeof slow[i].path, "/api/v1/elevations/cached?phase_id=%d", i + 1);
        pthread_create(&slow[i].thread, NULL, ask, &slow[i]);
    }
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") >= 1, 10000);

    int quick = web_status(&web, "GET", "/api/v1/projects/cached", web.admin, NULL);

    PQclear(PQexec(pg, "ROLLBACK"));
    PQfinish(pg);
    for (int i = 0; i < N; i++) pthread_join(slow[i].thread, NULL);
    assert_int_equal(quick, 200);
    for (int i = 0; i < N; i++) assert_int_equal(slow[i].status, 200);
    web_stop(&web);
}

TEST(test_one_connection_is_enough)
{
    static char url[400];
    pg_exec(&web.pg, "CREATE ROLE poor LOGIN CONNECTION LIMIT 1");
    pg_exec(&web.pg, "GRANT ALL ON ALL TABLES IN SCHEMA public TO poor");
    snprintf(url, sizeof url, "DATABASE_URL=postgresql://poor@127.0.0.1:%d/logikald?sslmode=disable", web.pg.port);
    const char *const settings[] = {url, "LOG_LEVEL=error", NULL};
    web_run(&web, settings, true);
    web_log_in(&web);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(web_status(&web, "GET", "/api/v1/elevations/cached", web.admin, NULL), 200);
        assert_int_equal(web_status(&web, "GET", "/api/v1/odoo/stats", web.admin, NULL), 200);
        pg_exec(&web.pg, "UPDATE elevations SET name = name");
    }
    web_stop(&web);
    pg_exec(&web.pg, "DROP OWNED BY poor");
    pg_exec(&web.pg, "DROP ROLE poor");
}

/* ---- the end ---- */

static volatile int slow_status;

static void *ask_slowly(void *arg)
{
    (void)arg;
    slow_status = web_status(&web, "GET", "/api/v1/projects/cached", web.admin, NULL);
    return NULL;
}

TEST(test_a_request_under_way_is_answered_before_the_end)
{
    pthread_t thread;
    web_run(&web, quiet, true);
    web_log_in(&web);
    PGconn *pg = pg_connect(&web.pg);
    PQclear(PQexec(pg, "BEGIN"));
    PQclear(PQexec(pg, "LOCK TABLE projects IN ACCESS EXCLUSIVE MODE"));
    pthread_create(&thread, NULL, ask_slowly, NULL);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 1, 10000);

    process_signal(&web.process, SIGTERM);
    WAIT_UNTIL(process_logged(&web.process, "") && process_running(&web.process), 1000);
    PQclear(PQexec(pg, "ROLLBACK"));
    PQfinish(pg);
    pthread_join(thread, NULL);

    assert_int_equal(slow_status, 200);
    assert_int_equal(process_wait(&web.process, 20000), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_without_a_database_it_serves_what_needs_none),
    cmocka_unit_test(test_a_database_that_goes_is_named_and_is_used_again_when_it_is_back),
    cmocka_unit_test(test_who_is_logged_in_reaches_the_processes_without_postgresql),
    cmocka_unit_test(test_a_database_that_hangs_is_noticed),
    cmocka_unit_test(test_without_redis_a_manual_sync_runs_in_a_child),
    cmocka_unit_test(test_a_stale_project_is_synced_before_it_is_answered),
    cmocka_unit_test(test_redis_that_is_gone_stops_only_what_looks_into_it),
    cmocka_unit_test(test_a_quick_statement_does_not_wait_for_slow_ones),
    cmocka_unit_test(test_one_connection_is_enough),
    cmocka_unit_test(test_a_request_under_way_is_answered_before_the_end),
};
TEST_MAIN(tests, set_up, tear_down)
