/* The report for support: all parts are in it, no secret is, however it was written where it was found; and it is made
 * whatever is away or hangs. */
#include <event2/http.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/text/buf.h"
#include "conf/settings.h"
#include "tests/support/system.h"

#define SECRETS_MAX 64

static struct system sys;
static char *secrets[SECRETS_MAX];                   /* that must not be found */
static int secret_count, leaked;                     /* leaked: of those that the program prints */
static char leaks[300], archive[300], log_file[300]; /* paths */

static const char *secret(const char *before, int n, const char *after)
{
    char text[200];
    snprintf(text, sizeof text, "%s%02d%s", before, n, after);
    assert_true(secret_count < SECRETS_MAX);
    return secrets[secret_count++] = strdup(text);
}

/* ---- how a secret may be written ---- */

static char *base64_of(const char *before, const char *text)
{
    char plain[3000], out[5000];
    size_t len = (size_t)snprintf(plain, sizeof plain, "%s%s", before, text);
    sodium_bin2base64(out, sizeof out, (const unsigned char *)plain, len, sodium_base64_VARIANT_ORIGINAL);
    return strdup(out);
}

static char *hex_of(const char *text)
{
    char out[5000];
    sodium_bin2hex(out, sizeof out, (const unsigned char *)text, strlen(text));
    return strdup(out);
}

static char *json_of(const char *text)
{
    cJSON *json = cJSON_CreateString(text);
    char *out = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    memmove(out, out + 1, strlen(out));
    out[strlen(out) - 1] = 0;
    return out;
}

/* All writings, the caller's to free; those of base64 without what depends on the neighbours. */
enum { WRITINGS = 7 };
static void writings(const char *text, char *out[WRITINGS])
{
    out[0] = strdup(text);
    out[1] = evhttp_uriencode(text, -1, false);
    out[2] = json_of(text);
    out[3] = hex_of(text);
    out[4] = base64_of("", text);
    out[5] = base64_of("x", text);
    out[6] = base64_of("user", text); /* one byte over a group, as well */
}

static char *core_of(const char *base64)
{
    size_t len = strlen(base64);
    return len > 12 ? strndup(base64 + 4, len - 8) : strdup(base64);
}

/* ---- the world ---- */

/* A file with every secret in every writing, which a program prints. */
static void write_leaks(void)
{
    FILE *file = fopen(leaks, "w");
    assert_non_null(file);
    for (int i = 0; i < secret_count; i++) {
        char *all[WRITINGS];
        writings(secrets[i], all);
        for (int w = 0; w < WRITINGS; w++) {
            fprintf(file, "marker-%d-%d [%s] end\n", i, w, all[w]);
            free(all[w]);
        }
    }
    leaked = secret_count;
    fputs("last-line-of-leaks\n", file);
    fclose(file);
}

static struct http_reply post(const char *path, const char *token, const char *body)
{
    char url[200], bearer[300];
    snprintf(url, sizeof url, "%s%s", sys.url, path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    return http_request("POST", url, (const char *[]){"Content-Type: application/json", bearer, NULL}, body);
}

static bool is_ready(void)
{
    char url[200];
    snprintf(url, sizeof url, "%s/api/v1/health/ready", sys.url);
    struct http_reply reply = http_request("GET", url, NULL, NULL);
    bool is_so = reply.status == 200;
    http_reply_free(&reply);
    return is_so;
}

static void keep_member(const char *path, const char *token, const char *body, const char *member, char *out,
                        size_t size)
{
    struct http_reply reply = post(path, token, body);
    cJSON *json = cJSON_Parse(reply.body ? reply.body : "");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, member));
    if (!text) fail_msg("%s was answered %d %s", path, reply.status, reply.body);
    snprintf(out, size, "%s", text);
    cJSON_Delete(json);
    http_reply_free(&reply);
}

/* Tokens that nothing here knows: they are found by their form, or by the name before them. */
static void leak_tokens(void)
{
    char admin[200], body[400], client_secret[200], token[2000];
    keep_member("/api/v1/admin/login", "", "{\"username\":\"admin\",\"password\":\"test-admin-password\"}",
                "access_token", admin, sizeof admin);
    keep_member("/api/v1/client-auth/register", admin,
                "{\"client_id\":\"leaky\",\"name\":\"leaky\",\"permissions\":[\"projects:read\"]}", "client_secret",
                client_secret, sizeof client_secret);
    snprintf(body, sizeof body, "{\"client_id\":\"leaky\",\"client_secret\":\"%s\"}", client_secret);
    keep_member("/api/v1/client-auth/login", "", body, "access_token", token, sizeof token);
    char sql[6000];
    snprintf(sql, sizeof sql,
             "INSERT INTO alert_log (kind, key, text, channel, error) VALUES ('problem', 'k', 'got %s, Bearer %s',"
             " 'mail', 'client_secret=%s&x')",
             token, admin, client_secret);
    pg_exec(&sys.pg, sql);
    secret_count += 3;
    secrets[secret_count - 1] = strdup(client_secret);
    secrets[secret_count - 2] = strdup(token);
    secrets[secret_count - 3] = strdup(admin);
}

static void leak_into_database(void)
{
    const char *values[2] = {secrets[0], secrets[1]};
    PGconn *db = pg_connect(&sys.pg);
    static const char *const statements[] = {
        ("INSERT INTO task_history (id, name, queue, args, kwargs, arguments, state, tries, deliveries, worker, error,"
         " ended_at) VALUES ('t', 'n', 'q', $2, '{}', 'whole', 'failure', 1, 1, 'w', 'task-error ' || $1, now())"),
        "INSERT INTO sync_runs (scope, state, status, trouble) VALUES ('s', 'failed', 'run ' || $1, $2)",
        "INSERT INTO flight_events VALUES (gen_random_uuid(), 1, now(), 'h', 'v', 'exit', 'c', 1, 'event ' || $1, $2)"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        PGresult *r = PQexecParams(db, statements[i], 2, NULL, values, NULL, NULL, 0);
        assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
        PQclear(r);
    }
    PQfinish(db);
}

FIXTURE(start)
{
    static char env[SECRETS_MAX][300], config[1000];
    static const char *extra[SECRETS_MAX + 4];
    int n = 0;
    snprintf(leaks, sizeof leaks, "%s/leaks.txt", support_dir());
    snprintf(archive, sizeof archive, "%s/report.zip", support_dir());
    snprintf(log_file, sizeof log_file, "LOG_FILE=%s/log.txt", support_dir());
    system_servers(&sys, (const char *const[]){"--directories", "1", "--projects", "1", NULL});
    snprintf(sys.pg.url, sizeof sys.pg.url, "postgresql://postgres:%s@127.0.0.1:%d/logikald?sslmode=disable",
             secret("pg-pass-", 1, "-abcdef"), sys.pg.port);
    snprintf(sys.redis.url, sizeof sys.redis.url, "redis://default:%s@127.0.0.1:%d/0",
             secret("redis-pass-", 2, "-abcdef"), sys.redis.port);
    for (int i = 0; i < SET_COUNT; i++) {
        bool is_url = i == SET_ALERT_WEBHOOK || i == SET_SMTP_URL || i == SET_HEARTBEAT_URL;
        bool is_taken = i == SET_DATABASE_URL || i == SET_REDIS_URL || i == SET_ADMIN_PASSWORD || i == SET_SECRET_KEY ||
                        i == SET_JWT_SECRET_KEY || i == SET_LOGIKAL_PASSWORD; /* by system_run */
        if (!settings[i].is_secret || is_taken) continue;
        snprintf(env[n], sizeof env[n], "%s=%s", settings[i].env,
                 i == SET_SMTP_URL ? secret("smtp://u:mail-pass-", i, "@127.0.0.1:9")
                 : is_url          ? secret("http://127.0.0.1:9/hook-", i, "-abcdef")
                                   : secret("S3cr/t+", i, "&\"'<\\ü x"));
        extra[n] = env[n];
        n++;
    }
    secrets[secret_count++] = strdup("test-admin-password");
    secrets[secret_count++] = strdup("5f0c1c1be38647b8a7b3d9a5f4a1e6c2");
    secrets[secret_count++] = strdup("9b1de3c25f0c4a6e8d7f6a5b4c3d2e1f");
    extra[n++] = log_file;
    extra[n] = NULL;
    snprintf(config, sizeof config,
             "programs = ( { name = \"leaky\"; command = [\"sh\", \"-c\", \"cat %s; exec sleep 1000\"];"
             " environment = [\"LEAKY_API_TOKEN=%s\", \"LEAKY_URL=amqp://u:%s@h/x\"]; } );",
             leaks, secret("program-token-", 7, ""), secret("program-url-pass-", 8, ""));
    write_leaks();
    system_run(&sys, config, extra);
    WAIT_UNTIL(is_ready(), 60000); /* all migrations are done */
    WAIT_UNTIL(support_file_has(log_file + strlen("LOG_FILE="), "last-line-of-leaks"), 20000);
    leak_tokens();
    leak_into_database();
    return 0;
}

FIXTURE(stop)
{
    system_end(&sys);
    for (int i = 0; i < secret_count; i++) free(secrets[i]);
    return 0;
}

/* The exit status; what it said is the caller's to free. */
static int report(const char *path, const char *timeout, char **said)
{
    char run_dir[300];
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%s", sys.run_dir);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald"),
                    "report",
                    "--output",
                    (char *)(uintptr_t)path,
                    "--timeout",
                    (char *)(uintptr_t)timeout,
                    NULL};
    return process_run(argv, (char *[]){run_dir, NULL}, said);
}

static char *bytes_of(const char *path, size_t *len)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *bytes = malloc(16 << 20);
    *len = fread(bytes, 1, 16 << 20, file);
    fclose(file);
    return bytes;
}

/* Parts stand in the archive as they are. */
static bool holds(const char *bytes, size_t len, const char *text)
{
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

TEST(test_all_parts_are_in_it_and_no_secret_however_it_was_written)
{
    char *said = NULL;
    struct stat st;
    size_t len;
    int status = report(archive, "30", &said);
    if (status != 0) fail_msg("%d: %s", status, said);
    if (!strstr(said, archive)) fail_msg("does not tell where: %s", said);
    free(said);
    assert_int_equal(stat(archive, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *bytes = bytes_of(archive, &len);

    static const char *const there[] = {"contents.txt",
                                        "database.url",
                                        "\"supervisor_id\"",
                                        "logikald_up",
                                        "configuration",
                                        "==> ",
                                        "last-line-of-leaks",
                                        "0160_timeline.sql",
                                        "object_sync_configs",
                                        "task-error ***",
                                        "run ***",
                                        "event ***",
                                        "\"event\":\"start\"",
                                        "Linux",
                                        "MemTotal",
                                        "client_secret=***&x",
                                        "\"problems\"",
                                        "got ***, Bearer ***",
                                        "marker-0-0 [***] end",
                                        "marker-3-1 [***] end"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!holds(bytes, len, there[i])) fail_msg("\"%s\" is not in it", there[i]);
    for (int i = 0; i < secret_count; i++) {
        char *all[WRITINGS];
        writings(secrets[i], all);
        for (int w = 0; w < WRITINGS; w++) {
            char marker[40];
            snprintf(marker, sizeof marker, "marker-%d-%d [", i, w);
            assert_true(i >= leaked || holds(bytes, len, marker));
            char *core = w >= 4 ? core_of(all[w]) : strdup(all[w]);
            if (holds(bytes, len, core)) fail_msg("secret %d (%s) is in it, written as %s", i, secrets[i], core);
            free(core);
            free(all[w]);
        }
    }
    free(bytes);
}

TEST(test_what_is_there_already_is_never_written_over_nor_a_link_followed)
{
    char target[300], link[300], *said = NULL;
    snprintf(target, sizeof target, "%s/precious", support_dir());
    snprintf(link, sizeof link, "%s/link.zip", support_dir());
    assert_int_equal(symlink(target, link), 0);

    assert_int_equal(report(link, "5", &said), 1);

    assert_non_null(strstr(said, link));
    free(said);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(report("/proc/no/such", "5", &said), 1);
    free(said);
}

/* Everything beside the supervisor's own process hangs. */
TEST(test_it_is_made_while_all_others_hang)
{
    char path[300], *said = NULL;
    size_t len;
    int web = system_child(&sys, "web");
    snprintf(path, sizeof path, "%s/hung.zip", support_dir());
    process_signal(&sys.pg.process, SIGSTOP);
    process_signal(&sys.redis.process, SIGSTOP);
    kill(web, SIGSTOP);

    int status = report(path, "2", &said);

    process_signal(&sys.pg.process, SIGCONT);
    process_signal(&sys.redis.process, SIGCONT);
    kill(web, SIGCONT);
    if (status != 0) fail_msg("%d: %s", status, said);
    static const char *const named[] = {"verdict.json: did not end within 2 s", "queues.json: did not end within 2 s",
                                        "database.txt: did not end within 2 s", "check.txt: did not end within 2 s"};
    for (int i = 0; i < 4; i++)
        if (!strstr(said, named[i])) fail_msg("\"%s\" is not said: %s", named[i], said);
    free(said);
    char *bytes = bytes_of(path, &len);
    assert_true(holds(bytes, len, "NOT WHOLE: did not end within 2 s"));
    assert_true(holds(bytes, len, "ok       configuration")); /* what was checked before */
    assert_true(holds(bytes, len, "\"event\":\"start\""));
    assert_true(holds(bytes, len, "last-line-of-leaks"));
    free(bytes);
}

TEST(test_it_is_made_of_what_a_killed_container_has_left)
{
    char path[300], *said = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s/dead.zip", support_dir());
    process_signal(&sys.logikald, SIGKILL);
    process_wait(&sys.logikald, 20000);

    int status = report(path, "10", &said);

    if (status != 0) fail_msg("%d: %s", status, said);
    free(said);
    char *bytes = bytes_of(path, &len);
    assert_true(holds(bytes, len, "\"event\":\"start\""));
    assert_true(holds(bytes, len, "\"supervisor_id\""));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_parts_are_in_it_and_no_secret_however_it_was_written),
        cmocka_unit_test(test_what_is_there_already_is_never_written_over_nor_a_link_followed),
        cmocka_unit_test(test_it_is_made_while_all_others_hang),
        cmocka_unit_test(test_it_is_made_of_what_a_killed_container_has_left),
    };
    if (sodium_init() < 0) return 1;
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, start, stop);
}
