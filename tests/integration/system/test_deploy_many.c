/* Option 2, as deploy/app-multi.yaml has it: web, two workers and two beats, each a process tree of its own, on one
 * Redis and one PostgreSQL. Only one beat fires, work spreads, and killing any one of them loses nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/deploy.h"

/* Faster than in production: a test does not wait for minutes. */
static const char *const quick[] = {"SYNC_INTERVAL_SECONDS=1",
                                    "BEAT_LOCK_TTL_SECONDS=2",
                                    "WORKER_LEASE_SECONDS=2",
                                    "DIAGNOSTIC_TASKS=true",
                                    "WORKER_CONCURRENCY=1",
                                    "WORKER_GRACE_SECONDS=5",
                                    NULL};
static struct deploy d;
static struct instance web, worker[2], beat[2];

static bool beat_leads(int i)
{
    return process_logged(&beat[i].process, "leading the schedule");
}

static int count_in(struct instance *i, const char *text)
{
    return process_log_count(&i->process, text);
}

static int ticks(int i)
{
    return count_in(&beat[i], "tick smart-sync-scheduler");
}

FIXTURE(start)
{
    static const char *const tree[] = {"--directories", "2", "--projects", "2", "--elevations", "5", NULL};
    struct instance job;
    deploy_start(&d, "deploy/app-multi.yaml", tree);
    deploy_run(&d, "migrate", &job, NULL);
    if (process_wait(&job.process, 60000) != 0) fail_msg("migrate: %s", process_log(&job.process));
    deploy_run(&d, "web", &web, quick);
    deploy_run(&d, "worker", &worker[0], quick);
    deploy_run(&d, "beat", &beat[0], quick);
    WAIT_UNTIL(beat_leads(0), 20000);
    deploy_run(&d, "beat", &beat[1], quick);
    return 0;
}

FIXTURE(stop)
{
    deploy_end(&d, "web", &web);
    for (int i = 0; i < 2; i++) {
        if (process_running(&worker[i].process)) deploy_end(&d, "worker", &worker[i]);
        if (process_running(&beat[i].process)) deploy_end(&d, "beat", &beat[i]);
    }
    deploy_stop(&d);
    return 0;
}

static void crash(struct instance *i)
{
    process_signal(&i->process, SIGKILL);
    process_wait(&i->process, 10000);
}

TEST(test_tree_is_synced_by_a_worker_of_its_own)
{
    WAIT_UNTIL(deploy_health(&d, "web", &web, "health_check") == 200, 30000);
    WAIT_UNTIL(pg_int(&d.pg, "SELECT count(*) FROM object_sync_configs WHERE last_sync IS NOT NULL AND object_type IN "
                             "('directory', 'project', 'phase', 'elevation')") == 4,
               60000);
    assert_true(pg_int(&d.pg, "SELECT count(*) FROM elevations") > 0);
}

TEST(test_only_one_beat_fires)
{
    int before = ticks(0);

    WAIT_UNTIL(ticks(0) >= before + 3, 10000);

    assert_int_equal(ticks(1), 0);
}

TEST(test_standby_beat_takes_over_when_leader_is_killed)
{
    crash(&beat[0]);

    WAIT_UNTIL(ticks(1) >= 2, 15000);

    deploy_run(&d, "beat", &beat[0], quick); /* the platform replaces it; it waits for its turn */
    int before = ticks(1);
    WAIT_UNTIL(ticks(1) >= before + 2, 10000);
    assert_int_equal(ticks(0), 0);
}

/* Sends tasks from a Python client; the process ends when it has all results. */
static void send(struct process *p, int count, const char *prefix, int delay_ms)
{
    char counts[16], delay[16];
    snprintf(counts, sizeof counts, "%d", count);
    snprintf(delay, sizeof delay, "%d", delay_ms);
    char *const argv[] = {"tests/deploy/send.py", d.redis.url, counts, (char *)prefix, delay, NULL};
    process_start(p, "send", argv, NULL);
}

static double send_and_wait(int count, const char *prefix, int delay_ms)
{
    struct process p;
    send(&p, count, prefix, delay_ms);
    int status = process_wait(&p, 90000);
    char *output = process_log(&p), *last = strstr(output, "sent\n");
    if (status != 0 || !last) fail_msg("%s", output);
    double seconds = last ? strtod(last + 5, NULL) : 0;
    free(output);
    return seconds;
}

TEST(test_second_worker_takes_its_share)
{
    double alone_s = send_and_wait(24, "alone", 150);

    deploy_run(&d, "worker", &worker[1], quick);
    WAIT_UNTIL(process_logged(&worker[1].process, "connected to"), 30000);
    double together_s = send_and_wait(24, "together", 150);

    print_message("24 tasks of 150 ms: one worker %.2f s, two workers %.2f s\n", alone_s, together_s);
    assert_true(together_s < 0.75 * alone_s);
}

static bool effects_are(const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char command[64];
        snprintf(command, sizeof command, "get %s:%d", prefix, i);
        char *value = redis_cli(&d.redis, command);
        bool is_done = strtol(value, NULL, 10) >= 1;
        free(value);
        if (!is_done) return false;
    }
    return true;
}

TEST(test_killed_worker_loses_no_task)
{
    struct process sender;
    send(&sender, 16, "survivor", 300);
    WAIT_UNTIL(process_logged(&sender, "sent"), 20000);
    char *first;
    WAIT_UNTIL((first = redis_cli(&d.redis, "exists survivor:0 survivor:1"), *first != '0' || (free(first), false)),
               20000);
    free(first);

    crash(&worker[0]);

    assert_int_equal(process_wait(&sender, 90000), 0); /* every result came */
    assert_true(effects_are("survivor", 16));
}

static struct http_reply get(const char *token, int64_t elevation, const char *what)
{
    char url[160], authorization[2200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v1/elevations/%lld/%s", web.port, (long long)elevation, what);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
    const char *const headers[] = {authorization, NULL};
    return http_request("GET", url, headers, NULL);
}

/* Thumbnails and what was read of the parts lists, which a worker's container fetched and PostgreSQL keeps. */
static void assert_every_file_is_served(void)
{
    WAIT_UNTIL(pg_int(&d.pg, "SELECT count(*) FROM elevations WHERE parse_status = 'success'") > 0 &&
                   pg_int(&d.pg, "SELECT count(*) FROM elevation_thumbnails") > 0,
               60000);
    char *token = deploy_token(&web);
    int64_t pictured = pg_int(&d.pg, "SELECT min(elevation_id) FROM elevation_thumbnails");
    int64_t read = pg_int(&d.pg, "SELECT min(id) FROM elevations WHERE parse_status = 'success'");
    struct http_reply image = get(token, pictured, "thumbnail"), parts = get(token, read, "enrichment");
    assert_int_equal(image.status, 200);
    assert_memory_equal(image.body + 1, "PNG", 3);
    assert_int_equal(parts.status, 200);
    cJSON *json = cJSON_Parse(parts.body);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "has_enriched_data")));
    cJSON_Delete(json);
    http_reply_free(&image);
    http_reply_free(&parts);
    free(token);
}

TEST(test_killed_web_serves_again_what_others_stored)
{
    crash(&web);

    deploy_run(&d, "web", &web, quick);

    WAIT_UNTIL(deploy_health(&d, "web", &web, "health_check") == 200, 30000);
    assert_every_file_is_served();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tree_is_synced_by_a_worker_of_its_own),
    cmocka_unit_test(test_only_one_beat_fires),
    cmocka_unit_test(test_standby_beat_takes_over_when_leader_is_killed),
    cmocka_unit_test(test_second_worker_takes_its_share),
    cmocka_unit_test(test_killed_worker_loses_no_task),
    cmocka_unit_test(test_killed_web_serves_again_what_others_stored),
};
TEST_MAIN(tests, start, stop)
