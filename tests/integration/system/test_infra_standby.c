/* A standby that follows a primary by streaming, and is promoted under load: while there is no primary, readiness, the
 * log and `check` say that it is a standby; with it everything is back, without a restart. Of several hosts in a URL
 * the primary is found, in whatever order they stand. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/support_internal.h"
#include "tests/support/web.h"

#define IS_STANDBY "it is a standby"

static struct pg_server primary, standby;

static void follow(struct pg_server *to, const struct pg_server *from)
{
    char program[300], data[300], port[16];
    struct process p;
    struct support_user user = servers_user();
    memset(to, 0, sizeof *to);
    support_make_dir(to->dir, sizeof to->dir, "pg-standby");
    if (user.uid && chown(to->dir, user.uid, user.gid) != 0) fail_msg("chown %s", to->dir);
    support_format(program, sizeof program, "%s/pg_basebackup", pg_bin_dir());
    support_format(data, sizeof data, "%s/data", to->dir);
    support_format(port, sizeof port, "%d", from->port);
    char *const argv[] = {program,      (char *)"-h",       (char *)"127.0.0.1", (char *)"-p",   port,
                          (char *)"-U", (char *)"postgres", (char *)"-D",        data,           (char *)"-R",
                          (char *)"-X", (char *)"stream",   (char *)"-c",        (char *)"fast", NULL};
    servers_start(&p, "pg_basebackup", argv, &user, to->dir);
    if (process_wait(&p, 60000) != 0) fail_msg("pg_basebackup: %s", process_log(&p));
    to->port = support_free_port();
    support_format(to->url, sizeof to->url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", to->port);
    pg_restart(to);
}

static void must_check(const char *url, bool works, const char *text)
{
    char database[400], *output = NULL;
    support_format(database, sizeof database, "DATABASE_URL=%s", url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    bool is_well = process_run(argv, (char *const[]){database, NULL}, &output) == 0;
    if (is_well != works || !strstr(output, text)) fail_msg("%s without \"%s\": %s", url, text, output);
    free(output);
}

static bool ready_says(struct web_server *web, int status, const char *text)
{
    struct http_reply reply = web_call(web, "GET", "/api/v1/health/ready", NULL, NULL);
    bool does = reply.status == status && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

static int log_in(struct web_server *web)
{
    return web_status(web, "POST", "/api/v1/admin/login", NULL,
                      "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");
}

static void url_of(char *out, size_t size, int first, int second, const char *more)
{
    support_format(out, size, "postgresql://postgres@127.0.0.1:%d,127.0.0.1:%d/logikald?sslmode=disable%s", first,
                   second, more);
}

TEST(test_primary_is_found_among_hosts)
{
    static const char *const more[] = {"", "&target_session_attrs=read-write", "&target_session_attrs=any"};
    for (int i = 0; i < 3; i++) {
        struct web_server web = {.pg = primary};
        url_of(web.pg.url, sizeof web.pg.url, standby.port, primary.port, more[i]);
        web_run(&web, NULL, true);
        assert_int_equal(log_in(&web), 200);
        if (i < 2) must_check(web.pg.url, true, "migrated"); /* "any" is what libpq understands by it */
        web_stop(&web);
    }
}

TEST(test_standby_is_named_and_promoted_under_load)
{
    struct web_server web = {.pg = primary};
    url_of(web.pg.url, sizeof web.pg.url, primary.port, standby.port, "");
    web_run(&web, (const char *const[]){"LOGIN_MAX_ATTEMPTS=100000", NULL}, true);
    WAIT_UNTIL(pg_int(&primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1, 20000);
    int before = 0, after = 0, other = 0;
    for (; before < 20; before++) assert_int_equal(log_in(&web), 200);
    WAIT_UNTIL(pg_int(&primary, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()") ==
                   1,
               20000);
    int64_t sessions = pg_int(&primary, "SELECT count(*) FROM admin_sessions");
    must_check(standby.url, false, IS_STANDBY);

    pg_kill(&primary);

    int64_t deadline = support_deadline(20000);
    while (!ready_says(&web, 503, IS_STANDBY)) {
        other += log_in(&web) != 503;
        if (support_late(deadline)) fail_msg("readiness does not name it: %s", process_log(&web.process));
    }
    WAIT_UNTIL(process_logged(&web.process, IS_STANDBY), 5000);
    assert_int_equal(other, 0);
    free(pg_value(&standby, "SELECT pg_promote(false)"));
    deadline = support_deadline(30000);
    while (after < 20) {
        int status = log_in(&web);
        after += status == 200;
        other += status != 200 && status != 503;
        if (support_late(deadline)) fail_msg("it does not heal: %s", process_log(&web.process));
    }
    WAIT_UNTIL(ready_says(&web, 200, "ready"), 20000);
    assert_int_equal(other, 0);
    if (sessions >= 0) assert_true(pg_int(&standby, "SELECT count(*) FROM admin_sessions") >= sessions + 20);
    must_check(web.pg.url, true, "migrated");
    web_stop(&web);
}

/* ---- a standby that lacks the last seconds ---- */

static struct pg_server late;

static bool feed_says(struct web_server *web, const char *token, const char *since, long status, const char *text)
{
    char path[200];
    support_format(path, sizeof path, "/api/v1/changes?since=%s", since);
    struct http_reply reply = web_call(web, "GET", path, token, NULL);
    bool does = reply.status == status && strstr(reply.body, text);
    if (!does) print_message("%s: %ld %s\n", path, (long)reply.status, reply.body);
    http_reply_free(&reply);
    return does;
}

static void cursor_behind(struct web_server *web, const char *token, const char *since, char *out, size_t size)
{
    char path[200];
    support_format(path, sizeof path, "/api/v1/changes?since=%s", since);
    struct http_reply reply = web_call(web, "GET", path, token, NULL);
    assert_int_equal(reply.status, 200);
    char *next = web_member(reply.body, "next");
    snprintf(out, size, "%s", next);
    free(next);
    http_reply_free(&reply);
}

static void list_tag(struct web_server *web, char *out, size_t size)
{
    struct http_reply reply = web_call(web, "GET", "/api/v1/directories/cached", web->admin, NULL);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "lost"));
    const char *at = strcasestr(reply.headers, "\netag: ");
    assert_non_null(at);
    snprintf(out, size, "If-None-Match: %.*s", (int)strcspn(at + 7, "\r\n"), at + 7);
    http_reply_free(&reply);
}

static bool verdict_says(struct web_server *web, const char *text)
{
    struct http_reply reply = web_call(web, "GET", "/api/v1/verdict", web->admin, NULL);
    bool does = reply.status == 200 && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

/* One address that moves: the heir comes up where the dead one was. */
static void take_over(struct pg_server *from, struct pg_server *heir)
{
    pg_kill(from);
    pg_kill(heir);
    heir->port = from->port;
    memcpy(heir->url, from->url, sizeof heir->url);
    pg_restart(heir);
    free(pg_value(heir, "SELECT pg_promote()"));
    WAIT_UNTIL(pg_int(heir, "SELECT pg_is_in_recovery()::int") == 0, 30000);
}

#define MARKED                                                                                                         \
    "SELECT count(*) FROM changes_state s WHERE sure_xid > (SELECT max(xid) FROM changes WHERE logikal_ids = '{d1}')"

/* What the primary had acknowledged and the standby never got is gone, and its numbers are used again, for other
 * things: of transactions, of the counters behind cached answers. */
TEST(test_standby_that_lacks_the_last_seconds_is_told_to_readers)
{
    struct web_server web = {.pg = standby}; /* it is the primary now */
    char sure[100], beyond[100], tag[200];
    follow(&late, &standby);
    support_format(web.pg.url, sizeof web.pg.url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable",
                   standby.port);
    web_run(&web, NULL, true);
    web_log_in(&web);
    char *token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    WAIT_UNTIL(pg_int(&standby, "SELECT changes_is_another(identity)::int FROM changes_state") == 0, 30000);
    pg_exec(&standby, "INSERT INTO directories (logikal_id, name) VALUES ('d1', 'kept')");
    cursor_behind(&web, token, "now", sure, sizeof sure);
    WAIT_UNTIL(pg_int(&late, MARKED) == 1, 30000);
    pg_exec(&late, "ALTER SYSTEM SET primary_conninfo = ''");
    pg_exec(&late, "SELECT pg_reload_conf()");
    WAIT_UNTIL(pg_int(&standby, "SELECT count(*) FROM pg_stat_replication") == 0, 20000);
    pg_exec(&standby, "INSERT INTO directories (logikal_id, name) VALUES ('d2', 'lost')");
    cursor_behind(&web, token, sure, beyond, sizeof beyond);
    assert_string_not_equal(sure, beyond);
    list_tag(&web, tag, sizeof tag);

    take_over(&standby, &late);

    pg_exec(&late, "INSERT INTO directories (logikal_id, name) VALUES ('d3', 'other')");
    for (int i = 0; i < 200; i++) free(pg_value(&late, "SELECT pg_current_xact_id()")); /* its numbers catch up */
    WAIT_UNTIL(ready_says(&web, 200, "ready"), 30000);
    struct http_reply reply = web_ask(&web, "GET", "/api/v1/directories/cached", web.admin, tag);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "other"));
    assert_null(strstr(reply.body, "lost"));
    http_reply_free(&reply);
    assert_true(feed_says(&web, token, beyond, 410, "CURSOR_UNKNOWN"));
    assert_true(feed_says(&web, token, sure, 200, "other"));
    cursor_behind(&web, token, sure, beyond, sizeof beyond); /* whoever reads on is at home in the new one */
    assert_true(feed_says(&web, token, beyond, 200, "[]"));
    WAIT_UNTIL(verdict_says(&web, "PostgreSQL is another one than before"), 30000);
    WAIT_UNTIL(process_logged(&web.process, "PostgreSQL is another one than before"), 5000);
    free(token);
    web_stop(&web);
}

FIXTURE(start)
{
    struct web_server web = {0};
    pg_start(&primary);
    web.pg = primary;
    web_migrate(&web);
    follow(&standby, &primary);
    return 0;
}

FIXTURE(stop)
{
    pg_stop(&standby);
    pg_stop(&late);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_primary_is_found_among_hosts),
    cmocka_unit_test(test_standby_is_named_and_promoted_under_load),
    cmocka_unit_test(test_standby_that_lacks_the_last_seconds_is_told_to_readers),
};
TEST_MAIN(tests, start, stop)
