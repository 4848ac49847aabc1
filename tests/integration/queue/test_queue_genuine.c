/* A genuine Celery worker and ours, side by side under the same client: tests/celery/compare.py asks both the same and
 * prints its table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"

static struct rig genuine_rig, our_rig;
static struct process genuine, ours, beside;

FIXTURE(set_up)
{
    char url[160];
    rig_open(&genuine_rig, NULL);
    rig_open(&our_rig, NULL);
    snprintf(url, sizeof url, "REDIS_URL=%s", genuine_rig.server.url);
    char *argv[] = {"/usr/bin/python3",
                    "-m",
                    "celery",
                    "--workdir",
                    "tests/celery",
                    "-A",
                    "genuine",
                    "worker",
                    "-c",
                    "2",
                    "-Q",
                    "sync",
                    "-l",
                    "error",
                    NULL};
    char *env[] = {url, "PYTHONDONTWRITEBYTECODE=1", "C_FORCE_ROOT=1", NULL};
    process_start(&genuine, "genuine", argv, env);
    static const char *const more[] = {"WORKER_QUEUES=sync", NULL};
    rig_role(&our_rig, &ours, "ours", "worker", more);
    WAIT_UNTIL(process_logged(&ours, "connected to"), 20000);
    WAIT_UNTIL(rig_int(&genuine_rig, "EXISTS _kombu.binding.sync") == 1, 30000);
    return 0;
}

FIXTURE(tear_down)
{
    process_stop(&ours);
    rig_check(&ours);
    process_stop(&genuine);
    rig_close(&our_rig);
    rig_close(&genuine_rig);
    return 0;
}

/* Runs one of tests/celery, and prints what it says. */
static void run_script(const char *script, const char *first_url, const char *second_url)
{
    struct process asking;
    char *argv[] = {"/usr/bin/python3",
                    "-B",
                    (char *)(uintptr_t)script,
                    (char *)(uintptr_t)first_url,
                    (char *)(uintptr_t)second_url,
                    NULL};
    char *env[] = {NULL};
    process_start(&asking, "asking", argv, env);
    int status = process_wait(&asking, 240000);
    char *said = process_log(&asking), *log = process_log(&ours);
    puts(said);
    if (status != 0) print_error("our worker:\n%s", log);
    free(said);
    free(log);
    assert_int_equal(status, 0);
}

TEST(test_the_same_client_sees_the_same)
{
    run_script("tests/celery/compare.py", genuine_rig.server.url, our_rig.server.url);
    WAIT_UNTIL(rig_int(&our_rig, "HLEN unacked") == 0, 20000); /* a result is told before its message is forgotten */
}

/* Both on one Redis. */
TEST(test_both_work_on_the_same_chords)
{
    static const char *const more[] = {"WORKER_QUEUES=sync", NULL};
    rig_role(&genuine_rig, &beside, "beside", "worker", more);
    WAIT_UNTIL(process_logged(&beside, "connected to"), 20000);
    run_script("tests/celery/mixed.py", genuine_rig.server.url, NULL);
    process_stop(&beside);
    rig_check(&beside);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_same_client_sees_the_same),
    cmocka_unit_test(test_both_work_on_the_same_chords),
};
TEST_MAIN(tests, set_up, tear_down)
