/* Two real workers on one Redis, one PostgreSQL and one upstream: a large sync is shared between them, and nothing is
 * lost when the one who helps dies or the one who leads is stopped. */
#include "tests/support/rig.h"
#include "tests/support/sync_truth.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL "tasks.sync_tasks.full_sync_task"
#define HELP "scope LIKE 'help:%'"

static struct sync_world world;
static struct rig rig;
static struct process workers[2];

static void start_worker(int i)
{
    char texts[5][512];
    snprintf(texts[0], sizeof texts[0], "DATABASE_URL=%s", world.pg.url);
    snprintf(texts[1], sizeof texts[1], "LOGIKAL_API_BASE_URL=%s", world.sim.base_url);
    const char *const env[] = {texts[0],
                               texts[1],
                               "LOGIKAL_AUTH_USERNAME=demo",
                               "LOGIKAL_AUTH_PASSWORD=demo",
                               "LOGIKAL_MAX_SESSIONS=2",
                               "LOGIKAL_SIDEWAYS=never",
                               "WORKER_LEASE_SECONDS=2",
                               NULL};
    rig_role(&rig, &workers[i], i ? "worker1" : "worker0", "worker", env);
    WAIT_UNTIL(process_logged(&workers[i], "connected to"), 20000);
}

FIXTURE(begin)
{
    sync_world_clear(&world);
    sim_post(&world.sim, "/sessions/expire", "{}");
    sim_post(&world.sim, "/stats/reset", "{}");
    sim_post(&world.sim, "/delays", "{\"auth\":50,\"project\":60,\"phase\":20,\"list\":20}");
    return 0;
}

static void finish(const char *id)
{
    WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS") || rig_has_state(&rig, id, "FAILURE"), 60000);
    assert_true(rig_has_state(&rig, id, "SUCCESS"));
}

static cJSON *result_of(const char *id)
{
    cJSON *meta = cJSON_Parse(rig_text(&rig, "GET celery-task-meta-%s", id));
    cJSON *result = cJSON_DetachItemFromObject(meta, "result");
    cJSON_Delete(meta);
    return result;
}

/* What the result counts is what there is, whoever synced it. */
static void assert_everything_counted(const cJSON *result)
{
    assert_true(result_true(result, "success"));
    assert_int_equal(result_number(result, "elevations_synced"), pg_int(&world.pg, "SELECT count(*) FROM elevations"));
    assert_int_equal(result_number(result, "phases_synced"), pg_int(&world.pg, "SELECT count(*) FROM phases"));
    assert_int_equal(result_number(result, "thumbnails_synced"),
                     pg_int(&world.pg, "SELECT count(*) FROM elevation_thumbnails"));
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_shares"), 0);
    assert_truth(&world, false);
}

TEST(test_two_workers_share_a_sync)
{
    rig_send(&rig, "sync", FULL, "shared", "[]");

    finish("shared");

    cJSON *result = result_of("shared");
    assert_everything_counted(result);
    int64_t helped = (int64_t)result_number(result, "projects_helped");
    print_message("%.1f s, %d of %d visits by the helper\n", result_number(result, "duration_seconds"), (int)helped,
                  2 * (int)pg_int(&world.pg, "SELECT count(*) FROM projects"));
    /* rows and files of a project are two visits */
    assert_in_range(helped, 4, 2 * pg_int(&world.pg, "SELECT count(*) FROM projects") - 4);
    assert_int_equal(pg_int(&world.pg, "SELECT sum((result->>'projects_synced')::int) FROM sync_runs WHERE " HELP),
                     helped);
    /* by one process, which is not the one who leads */
    assert_int_equal(pg_int(&world.pg, "SELECT count(DISTINCT split_part(scope, ':', 3)) FROM sync_runs WHERE " HELP),
                     1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM leases WHERE expires_at > now()"), 0);
    assert_nothing_leaked(&world);
    assert_true(sim_number(&world, "peak_sessions") <= 4);
    cJSON_Delete(result);

    /* Who helps with a forced sync takes from rows what lists leave out, as it does itself. */
    sim_post(&world.sim, "/lies", "{\"lies\":[{\"name\":\"sparse\",\"where\":\"elevation\"}]}");
    rig_send(&rig, "sync", FULL, "forced", "[true]");
    finish("forced");
    sim_post(&world.sim, "/lies/clear", "{}");
    result = result_of("forced");
    assert_true(result_number(result, "projects_helped") > 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(width) FROM elevations"), 0);
    cJSON_Delete(result);
}

/* Which of the workers helps now. */
static int helper(void)
{
    int64_t pid = pg_int(&world.pg, "SELECT max(split_part(split_part(scope, ':', 3), '/', 2)::int) FROM sync_runs"
                                    " WHERE state = 'running' AND " HELP);
    return workers[0].pid == pid ? 0 : workers[1].pid == pid ? 1 : -1;
}

static void wait_for_helper(void)
{
    WAIT_UNTIL(pg_int(&world.pg, "SELECT count(*) FROM sync_shares WHERE holder LIKE 'help:%' AND done_at IS NULL") > 0,
               20000);
}

TEST(test_killed_helper_loses_nothing)
{
    rig_send(&rig, "sync", FULL, "killed", "[]");
    wait_for_helper();
    int dead = helper();
    assert_in_range(dead, 0, 1);

    process_signal(&workers[dead], SIGKILL);
    process_wait(&workers[dead], 10000);
    /* Its lease does not end by itself: that its process is dead must be enough. */
    pg_exec(&world.pg, "UPDATE leases SET expires_at = now() + interval '1 hour' WHERE name LIKE 'help:%'"
                       " AND expires_at > now()");
    finish("killed");

    cJSON *result = result_of("killed");
    assert_true(result_true(result, "success"));
    assert_int_equal(result_number(result, "objects_refused"), -1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_shares"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM project_cursors WHERE elevations_date IS NOT NULL"),
                     pg_int(&world.pg, "SELECT count(*) FROM projects"));
    assert_truth(&world, false);
    WAIT_UNTIL(process_logged(&workers[!dead], "a helper of the sync is gone"), 5000);
    cJSON_Delete(result);
    start_worker(dead);
}

TEST(test_cancelled_sync_stops_its_helper)
{
    char script[400], *output = NULL;
    rig_send(&rig, "sync", FULL, "cancelled", "[]");
    wait_for_helper();
    snprintf(script, sizeof script,
             "from celery import Celery; Celery(broker='%s').control.revoke('cancelled', terminate=True)",
             rig.server.url);
    char *const argv[] = {(char *)"/usr/bin/python3", (char *)"-c", script, NULL};

    assert_int_equal(process_run(argv, NULL, &output), 0);

    WAIT_UNTIL(rig_has_state(&rig, "cancelled", "REVOKED"), 20000);
    WAIT_UNTIL(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") == 0, 15000);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_shares"), 0);
    assert_true(pg_int(&world.pg, "SELECT count(*) FROM project_cursors") <
                pg_int(&world.pg, "SELECT count(*) FROM projects"));
    WAIT_UNTIL(sim_number(&world, "open_sessions") == 0, 10000);
    free(output);
}

FIXTURE(start)
{
    sync_world_open(&world, "--directories 2 --projects 20 --phases 1 --elevations 2");
    rig_open(&rig, NULL);
    start_worker(0);
    start_worker(1);
    return 0;
}

FIXTURE(stop)
{
    for (int i = 0; i < 2; i++) {
        process_signal(&workers[i], SIGTERM);
        process_wait(&workers[i], 20000);
        rig_check(&workers[i]);
    }
    rig_close(&rig);
    sync_world_stop(&world);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_two_workers_share_a_sync, begin),
    cmocka_unit_test_setup(test_killed_helper_loses_nothing, begin),
    cmocka_unit_test_setup(test_cancelled_sync_stops_its_helper, begin),
};
TEST_MAIN(tests, start, stop)
