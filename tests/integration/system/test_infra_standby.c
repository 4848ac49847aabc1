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
    assert_true(process_logged(&web.process, IS_STANDBY));
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
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_primary_is_found_among_hosts),
    cmocka_unit_test(test_standby_is_named_and_promoted_under_load),
};
TEST_MAIN(tests, start, stop)
