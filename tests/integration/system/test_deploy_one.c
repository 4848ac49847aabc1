/* Option 1, as app.yaml has it: the migration job, then one container with everything in it; first with scheduled sync
 * off, then switched on. */
#include <signal.h>
#include <string.h>

#include "tests/support/deploy.h"

static struct deploy d;

FIXTURE(start)
{
    static const char *const tree[] = {"--preset", "field-case", NULL};
    deploy_start(&d, "app.yaml", tree);
    return 0;
}

FIXTURE(stop)
{
    deploy_stop(&d);
    return 0;
}

TEST(test_migrate_job_runs_to_its_end_and_may_run_again)
{
    for (int i = 0; i < 2; i++) {
        struct instance job;
        deploy_run(&d, "migrate", &job, NULL);
        assert_int_equal(process_wait(&job.process, 60000), 0);
    }
    assert_int_equal(pg_int(&d.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type = 'elevation'"), 1);
}

TEST(test_service_as_in_the_file_serves_without_worker_and_beat)
{
    struct instance app;
    deploy_run(&d, "logikald", &app, NULL);

    WAIT_UNTIL(deploy_health(&d, "logikald", &app, "health_check") == 200, 30000);
    assert_int_equal(deploy_health(&d, "logikald", &app, "liveness_health_check"), 200);
    WAIT_UNTIL(process_logged(&app.process, "Background sync is disabled, skipping worker and beat"), 10000);
    assert_false(process_logged(&app.process, "worker.0"));
    assert_int_equal(pg_int(&d.pg, "SELECT count(*) FROM elevations"), 0);

    deploy_end(&d, "logikald", &app);
}

TEST(test_switched_on_it_syncs_within_a_minute)
{
    struct instance app;
    /* A container's time zone and locale are anybody's guess, and nothing here depends on them. */
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=true", "TZ=Pacific/Auckland", "LC_ALL=tr_TR.UTF-8", NULL};
    deploy_run(&d, "logikald", &app, on);

    WAIT_UNTIL(deploy_health(&d, "logikald", &app, "health_check") == 200, 30000);
    WAIT_UNTIL(pg_int(&d.pg, "SELECT count(*) FROM elevations") == 17, 60000);
    WAIT_UNTIL(pg_int(&d.pg, "SELECT count(*) FROM object_sync_configs WHERE last_sync IS NOT NULL AND object_type IN "
                             "('directory', 'project', 'phase', 'elevation')") == 4,
               30000);
    assert_int_equal(pg_int(&d.pg,
                            "SELECT count(*) FROM object_sync_configs WHERE last_sync IS NOT NULL AND (last_sync "
                            "> now() + interval '5 seconds' OR last_sync < now() - interval '5 minutes')"),
                     0);

    deploy_end(&d, "logikald", &app);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_migrate_job_runs_to_its_end_and_may_run_again),
    cmocka_unit_test(test_service_as_in_the_file_serves_without_worker_and_beat),
    cmocka_unit_test(test_switched_on_it_syncs_within_a_minute),
};
TEST_MAIN(tests, start, stop)
