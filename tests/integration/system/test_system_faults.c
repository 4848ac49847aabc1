/* The whole system when parts of it go away: the upstream, Redis, PostgreSQL, and each child by kill -9. Whatever
 * happens, it is whole again by itself, and the database equals the upstream in the end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/system.h"

static struct system sys;

FIXTURE(start)
{
    static const char *const tree[] = {"--directories", "2",  "--depth", "1", "--projects",       "3", "--phases", "2",
                                       "--elevations",  "10", "--seed",  "5", "--sideways=allow", NULL};
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=true", "WORKER_LEASE_SECONDS=3",
                                     "BEAT_LOCK_TTL_SECONDS=3", "LOGIKAL_RETRY_BUDGET_SECONDS=2", NULL};
    system_servers(&sys, tree);
    system_run(&sys, "", on);
    return 0;
}

FIXTURE(end)
{
    system_stop(&sys);
    system_end(&sys);
    return 0;
}

static bool is_synced_since(const char *moment)
{
    char sql[256];
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM object_sync_configs WHERE object_type IN ('directory','project','phase','elevation') "
        "AND last_sync > '%.60s'",
        moment);
    return pg_int(&sys.pg, sql) == 4;
}

/* Makes every type due again and remembers the moment. */
static char *make_due(void)
{
    pg_exec(&sys.pg, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day', last_attempt = NULL, "
                     "retry_count = 0, next_retry_at = NULL");
    return pg_value(&sys.pg, "SELECT now()");
}

static void wait_until_synced_anew(void)
{
    char *moment = make_due();
    WAIT_UNTIL(is_synced_since(moment), 90000);
    free(moment);
}

TEST(test_first_sync_completes)
{
    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT to_regclass('object_sync_configs') IS NOT NULL AND true") >= 0, 30000);
    WAIT_UNTIL(is_synced_since("2000-01-01"), 90000);
    assert_int_equal(pg_int(&sys.pg, "SELECT count(*) FROM elevations"), 2 * 3 * 2 * 10);
}

TEST(test_killed_children_are_back_and_the_next_tick_works)
{
    static const char *const roles[] = {"worker", "beat", "web"};
    for (int i = 0; i < 3; i++) {
        int pid = system_child(&sys, roles[i]);
        assert_true(pid > 0);
        kill(pid, SIGKILL);
        WAIT_UNTIL(system_child(&sys, roles[i]) != 0 && system_child(&sys, roles[i]) != pid, 20000);
        wait_until_synced_anew();
    }
    WAIT_UNTIL(system_health(&sys) == 200, 10000);
}

/* The pause after a failure need not be waited for; it may begin only after the log tells of the failure. */
static bool is_synced_without_a_pause(const char *moment)
{
    pg_exec(&sys.pg, "UPDATE object_sync_configs SET next_retry_at = now() WHERE next_retry_at > now()");
    return is_synced_since(moment);
}

TEST(test_upstream_down_then_up)
{
    int64_t rows = pg_int(&sys.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
    sim_post(&sys.sim, "faults", "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"cut\"}]}");
    char *moment = make_due();
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM sync_logs WHERE status = 'failed' AND started_at > '%.60s'",
             moment);

    WAIT_UNTIL(pg_int(&sys.pg, sql) > 0, 90000);
    assert_int_equal(pg_int(&sys.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL"), rows);

    sim_post(&sys.sim, "faults/clear", "{}");
    WAIT_UNTIL(is_synced_without_a_pause(moment), 90000);
    free(moment);
}

TEST(test_redis_down_then_up)
{
    redis_server_kill(&sys.redis);
    WAIT_UNTIL(!process_running(&sys.redis.process), 10000);
    int web = system_child(&sys, "web");
    WAIT_UNTIL(system_health(&sys) != 0, 10000);

    redis_server_restart(&sys.redis);

    wait_until_synced_anew();
    assert_int_equal(system_child(&sys, "web"), web);
}

static int readiness(void)
{
    char url[128];
    snprintf(url, sizeof url, "%s/api/v1/health/ready", sys.url);
    struct http_reply reply = http_get(url);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}

TEST(test_postgres_down_then_up)
{
    pg_kill(&sys.pg);
    WAIT_UNTIL(readiness() == 503, 20000);
    WAIT_UNTIL(system_health(&sys) != 0, 10000);

    pg_restart(&sys.pg);

    wait_until_synced_anew();
    WAIT_UNTIL(readiness() == 200, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_sync_completes),
        cmocka_unit_test(test_killed_children_are_back_and_the_next_tick_works),
        cmocka_unit_test(test_upstream_down_then_up),
        cmocka_unit_test(test_redis_down_then_up),
        cmocka_unit_test(test_postgres_down_then_up),
    };
    return cmocka_run_group_tests_name("system faults", tests, start, end);
}
