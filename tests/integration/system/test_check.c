/* `logikald check`: with everything there it says so, and for each thing that is wrong it says which one and why, shows
 * no secret, and leaves with the exit status that a script can ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/system.h"

static struct system sys;
static char database[300], redis[200], upstream[200];

static int start_servers(void **state)
{
    static const char *const tree[] = {"--directories", "3", "--projects", "1", "--total-elevations", "1", NULL};
    (void)state;
    system_servers(&sys, tree);
    snprintf(database, sizeof database, "DATABASE_URL=%s", sys.pg.url);
    snprintf(redis, sizeof redis, "REDIS_URL=%s", sys.redis.url);
    snprintf(upstream, sizeof upstream, "LOGIKAL_API_BASE_URL=%s", sys.sim.base_url);
    return 0;
}

FIXTURE(end_servers)
{
    system_end(&sys);
    return 0;
}

/* What it says with these words, in a system where all is well but for the entries of `changes`; to be freed. */
static char *check(const char *word, const char *const changes[], int *status)
{
    char run_dir[300], *output = NULL;
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.250s/check", support_dir());
    char *env[24] = {database,
                     redis,
                     upstream,
                     run_dir,
                     "LOGIKAL_AUTH_USERNAME=demo",
                     "LOGIKAL_AUTH_PASSWORD=demo",
                     "ADMIN_PASSWORD=hunter2-of-the-admin",
                     "SECRET_KEY=hunter2-5f0c1c1be38647b8a7b3d9a5f4a1e6c2",
                     "JWT_SECRET_KEY=hunter2-9b1de3c25f0c4a6e8d7f6a5b4c3d2e1f"};
    for (int n = 9; changes && *changes; changes++) env[n++] = (char *)(uintptr_t)*changes;
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "check", (char *)(uintptr_t)word, NULL};
    *status = process_run(argv, env, &output);
    if (strstr(output, "hunter2")) fail_msg("a secret: %s", output);
    return output;
}

static void assert_says(const char *const changes[], int wanted, const char *text)
{
    int status;
    char *output = check(NULL, changes, &status);
    if (status != wanted || !strstr(output, text))
        fail_msg("wanted \"%s\" and %d, got %d:\n%s", text, wanted, status, output);
    free(output);
}

/* The changes are NAME=value, as many as there are. */
#define SAYS(wanted, text, ...) assert_says((const char *const[]){__VA_ARGS__, NULL}, wanted, text)
#define NOTHING                 NULL

static void migrate(void)
{
    char *output = NULL;
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "migrate", NULL};
    if (process_run(argv, (char *[]){database, NULL}, &output) != 0) fail_msg("%s", output);
    free(output);
}

TEST(test_a_fresh_database_is_a_warning_and_a_migrated_one_is_well)
{
    SAYS(0, "migrations are pending", NOTHING);

    migrate();

    SAYS(0, "migrated, connected in", NOTHING);
    SAYS(0, "directories listed, in", NOTHING);
    SAYS(0, "of 1.0 MB: full", "DATABASE_SIZE_LIMIT=1MB");
    SAYS(0, "of 100 GB", "DATABASE_SIZE_LIMIT=100GB");
    SAYS(0, "scheduled sync is on", "BACKGROUND_SYNC_ENABLED=true");
    int status;
    char *text = check("--json", NULL, &status);
    cJSON *json = cJSON_Parse(text);
    assert_int_equal(status, 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "checks")), 6);
    cJSON_Delete(json);
    free(text);
}

TEST(test_what_is_wrong_is_named)
{
    char elsewhere[340];
    migrate();
    SAYS(69, "DATABASE_URL is not set", "DATABASE_URL=");
    SAYS(69, "PostgreSQL is unreachable", "DATABASE_URL=postgresql://u:hunter2@127.0.0.1:1/d");
    const char *query = strchr(database, '?');
    snprintf(elsewhere, sizeof elsewhere, "%.*s-not-there%s",
             (int)(query ? query - database : (ptrdiff_t)strlen(database)), database, query ? query : "");
    SAYS(69, "does not exist", elsewhere);
    SAYS(69, "redis://127.0.0.1:1", "REDIS_URL=redis://u:hunter2@127.0.0.1:1/0");
    SAYS(69, "Redis URL: the port", "REDIS_URL=redis://u:hunter2@127.0.0.1:0/0");
    SAYS(69, "Redis is not configured", "REDIS_URL=", "BACKGROUND_SYNC_ENABLED=true");
    SAYS(69, "BEAT_CLEANUP_CRONTAB: crontab", "BEAT_CLEANUP_CRONTAB=every night");
    SAYS(69, "BEAT_HOURLY_CRONTAB: crontab", "BEAT_HOURLY_CRONTAB=61 * * * *");
    SAYS(0, "skipped  redis", "REDIS_URL=");
    SAYS(0, "LOGIKAL_API_BASE_URL is not set", "LOGIKAL_API_BASE_URL=");
    SAYS(69, "LOGIKAL_AUTH_PASSWORD", "LOGIKAL_AUTH_PASSWORD=hunter2-wrong");
    SAYS(69, "failed   logikal", "LOGIKAL_API_BASE_URL=http://127.0.0.1:1");
    SAYS(0, "nobody can log in to the admin pages", "ADMIN_PASSWORD=");
    SAYS(69, "SECRET_KEY has", "ENVIRONMENT=production", "SECRET_KEY=short");
    SAYS(69, "cannot write to /proc/self/none", "LOGIKALD_RUN_DIR=/proc/self/none");
}

TEST(test_servers_that_would_lose_or_refuse_writes)
{
    char other[340];
    migrate();
    free(redis_cli(&sys.redis, "config set maxmemory 100mb"));
    free(redis_cli(&sys.redis, "config set maxmemory-policy allkeys-lru"));
    SAYS(0, "may throw queued tasks away", NOTHING);
    free(redis_cli(&sys.redis, "config set maxmemory-policy noeviction"));
    free(redis_cli(&sys.redis, "replicaof 127.0.0.1 1"));
    SAYS(69, "read-only replica", NOTHING);
    free(redis_cli(&sys.redis, "replicaof no one"));
    SAYS(0, "eviction noeviction", NOTHING);

    pg_exec(&sys.pg, "CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    const char *at = strchr(sys.pg.url, '@');
    snprintf(other, sizeof other, "DATABASE_URL=postgresql://reader%.290s", at ? at : "");
    if (at) SAYS(69, "lacks a right: GRANT", other);
}

TEST(test_usage_and_liveness)
{
    int status;
    char port[32];
    free(check("--nonsense", NULL, &status));
    assert_int_equal(status, 64);
    static const char *const off[] = {"BACKGROUND_SYNC_ENABLED=false", NULL};
    system_run(&sys, "", off);
    snprintf(port, sizeof port, "PORT=%d", sys.port);
    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    free(check("--live", (const char *const[]){port, NULL}, &status));
    assert_int_equal(status, 0);
    system_stop(&sys);
    free(check("--live", (const char *const[]){port, NULL}, &status));
    assert_int_equal(status, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_fresh_database_is_a_warning_and_a_migrated_one_is_well),
    cmocka_unit_test(test_what_is_wrong_is_named),
    cmocka_unit_test(test_servers_that_would_lose_or_refuse_writes),
    cmocka_unit_test(test_usage_and_liveness),
};
TEST_MAIN(tests, start_servers, end_servers)
