/* `logikald check`: with everything there it says so, and for each thing that is wrong it says which one and why, shows
 * no secret, and leaves with the exit status that a script can ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/settings.h"
#include "conf/text/buf.h"
#include "tests/support/answers/shown.h"
#include "tests/support/servers/certificates.h"
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

/* ---- all that a test was told, word by word ---- */

static struct buf told;

/* Without what is of this machine: its disk and memory, and who packaged PostgreSQL. */
static void add_told(const char *const changes[], int status, const char *output)
{
    char port[3][16], *copy = strdup(output), *rest = copy, *line;
    struct buf kept = {0};
    snprintf(port[0], sizeof port[0], ":%d", sys.pg.port);
    snprintf(port[1], sizeof port[1], ":%d", sys.redis.port);
    snprintf(port[2], sizeof port[2], ":%d", sys.sim.port);
    const struct shown_words words[] = {{support_dir(), "{dir}"},
                                        {port[0], ":{pg}"},
                                        {port[1], ":{redis}"},
                                        {port[2], ":{sim}"},
                                        {"Operation not permitted", "refused"},
                                        {"Permission denied", "refused"},
                                        {"Couldn't connect", "refused"},
                                        {"Could not connect", "refused"},
                                        {NULL, NULL}};
    buf_printf(&kept, "=== %d", status);
    for (; *changes; changes++) buf_printf(&kept, " %s", *changes);
    buf_char(&kept, '\n');
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *packaged = strstr(line, " (Debian");
        bool is_machine = strncmp(line + strcspn(line, " "), "       disk ", 12) == 0 || strstr(line, " memory  ");
        if (!*line || (is_machine && strncmp(line, "failed", 6) != 0)) continue;
        if (packaged) memmove(packaged, strchr(packaged, ')') + 1, strlen(strchr(packaged, ')') + 1) + 1);
        buf_printf(&kept, "%s\n", line);
    }
    char *plain = shown_plain(kept.data, words);
    buf_str(&told, plain);
    free(plain);
    free(copy);
    buf_free(&kept);
}

static void assert_all_told(const char *name)
{
    struct buf all = told;
    told = (struct buf){0};
    shown_compare(name, all.data);
    buf_free(&all);
}

static void assert_says(const char *const changes[], int wanted, const char *text)
{
    int status;
    char *output = check(NULL, changes, &status);
    add_told(changes, status, output);
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
    SAYS(0, "skipped  files", NOTHING);
    SAYS(0, "directories listed, in", NOTHING);
    SAYS(0, "of 1.0 MB: full", "DATABASE_SIZE_LIMIT=1MB");
    SAYS(0, "of 100 GB", "DATABASE_SIZE_LIMIT=100GB");
    SAYS(0, "scheduled sync is on", "BACKGROUND_SYNC_ENABLED=true");
    int status;
    char *text = check("--json", NULL, &status);
    cJSON *json = cJSON_Parse(text);
    assert_int_equal(status, 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "checks")), 7);
    cJSON_Delete(json);
    free(text);
    assert_all_told("check_well.txt");
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
    SAYS(78, "BEAT_CLEANUP_CRONTAB: crontab", "BEAT_CLEANUP_CRONTAB=every night");
    SAYS(78, "BEAT_HOURLY_CRONTAB: crontab", "BEAT_HOURLY_CRONTAB=61 * * * *");
    SAYS(0, "skipped  redis", "REDIS_URL=");
    SAYS(0, "LOGIKAL_API_BASE_URL is not set", "LOGIKAL_API_BASE_URL=");
    SAYS(69, "LOGIKAL_AUTH_PASSWORD", "LOGIKAL_AUTH_PASSWORD=hunter2-wrong");
    SAYS(69, "failed   logikal", "LOGIKAL_API_BASE_URL=http://127.0.0.1:1");
    SAYS(0, "nobody can log in to the admin pages", "ADMIN_PASSWORD=");
    SAYS(69, "SECRET_KEY has", "ENVIRONMENT=production", "SECRET_KEY=short");
    SAYS(69, "cannot write to /proc/self/none", "LOGIKALD_RUN_DIR=/proc/self/none");
    assert_all_told("check_wrong.txt");
}

/* A setting NAME=PATH and what is said of it, without Redis and Logikal. */
static void assert_file(int wanted, const char *text, const char *name, const char *path, const char *more)
{
    char setting[700];
    snprintf(setting, sizeof setting, "%s=%s", name, path);
    assert_says((const char *const[]){setting, "REDIS_URL=", "LOGIKAL_API_BASE_URL=", more, NULL}, wanted, text);
}

static const char *file_of(const char *name, const char *content)
{
    static char paths[8][300];
    static int n;
    char *path = paths[n++ % 8];
    snprintf(path, sizeof paths[0], "%.200s/%s", support_dir(), name);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    fputs(content, out);
    fclose(out);
    return path;
}

TEST(test_each_setting_that_names_a_file_is_looked_at)
{
    int seen = 0;
    migrate();
    for (int i = 0; i < SET_COUNT; i++) {
        const char *name = settings[i].env, *end = name && strlen(name) > 5 ? name + strlen(name) - 5 : "";
        char says[200];
        if (strcmp(end, "_FILE") != 0) continue;
        snprintf(says, sizeof says, "failed   files         %s: /nowhere/at all", name);
        assert_file(69, says, name, "/nowhere/at all", NULL);
        if (seen++ % 3 == 0) assert_file(69, name, name, support_dir(), NULL); /* a directory */
    }
    assert_true(seen >= 8);
    assert_all_told("check_files.txt");
}

TEST(test_what_a_file_holds_is_looked_at)
{
    struct certificates made;
    char cert[340], key[1100], old[300], url[900];
    const char *query = strchr(sys.pg.url, '?');
    migrate();
    certificates_make(&made);
    certificate_make_ending(support_dir(), "ended", "DNS:localhost", -1000);
    snprintf(old, sizeof old, "%.200s/ended.pem", support_dir());
    assert_file(0, "ok       files", "WEBHOOK_CA_FILE", made.ca, NULL);
    assert_file(69, "is empty", "WEBHOOK_CA_FILE", file_of("empty.pem", ""), NULL);
    assert_file(69, "PEM", "WEBHOOK_CA_FILE", file_of("words.pem", "no certificate\n"), NULL);
    assert_file(69, "PEM", "LOGIKAL_CA_FILE",
                file_of("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), NULL);
    assert_file(69, "holds no certificate", "REDIS_CA_FILE", made.server_key, NULL);
    assert_file(69, "is no file", "WEBHOOK_CA_FILE", "/dev/null", NULL);
    assert_file(0, "have ended", "WEBHOOK_CA_FILE", old, NULL);
    snprintf(cert, sizeof cert, "LOGIKAL_CERT_FILE=%s", made.client_cert);
    assert_file(0, "ok       files         2", "LOGIKAL_KEY_FILE", made.client_key, cert);
    assert_file(69, "is not the key of the certificate", "LOGIKAL_KEY_FILE", made.server_key, cert);
    assert_file(69, "cannot be read as a private key", "LOGIKAL_KEY_FILE", made.locked_key, cert);
    assert_file(69, "cannot be read as a private key", "LOGIKAL_CERT_FILE", made.client_cert, NULL);
    assert_file(0, "ok       files", "REDIS_CERT_FILE", made.server, NULL);
    snprintf(key, sizeof key, "%s?ssl_keyfile=%s&ssl_certfile=%s&ssl_password=opens", redis, made.locked_key,
             made.client_cert);
    SAYS(0, "ok       files         2", key);
    snprintf(url, sizeof url, "DATABASE_URL=%s%csslrootcert=/nowhere/root.pem", sys.pg.url, query ? '&' : '?');
    SAYS(69, "failed   files         sslrootcert of DATABASE_URL: /nowhere/root.pem is not there", url);
    assert_file(69, "LOG_FILE: /nowhere/log cannot be written to", "LOG_FILE", "/nowhere/log", NULL);
    assert_file(0, "ok       files", "LOG_FILE", file_of("log", ""), NULL);
    assert_all_told("check_held.txt");
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
    assert_all_told("check_servers.txt");
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
    cmocka_unit_test(test_each_setting_that_names_a_file_is_looked_at),
    cmocka_unit_test(test_what_a_file_holds_is_looked_at),
    cmocka_unit_test(test_servers_that_would_lose_or_refuse_writes),
    cmocka_unit_test(test_usage_and_liveness),
};
TEST_MAIN(tests, start_servers, end_servers)
