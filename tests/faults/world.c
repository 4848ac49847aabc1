/* The world in which faults are staged: a small company, synced once, whose types are due only when a fault wants them
 * to be. logikald has a role of its own in PostgreSQL, so that it can be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/faults.h"
#include "tests/support/servers/certificates.h"
#include "tests/support/servers/haproxy.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/process/shimmed.h"
#include "tests/support/support_internal.h"

#define TOKEN "a-token-for-the-monitoring-0123456789"

static struct receiver receiver;
static struct shimmed shim;
static struct haproxy proxies[3];
static char certificates[200];

/* All in one file that may be trusted, too. PostgreSQL, which reads its key, may be another user, and keys are its own.
 */
static void make_certificates(void)
{
    static const char here[] = "IP:127.0.0.1,DNS:localhost";
    static const struct {
        const char *name, *names;
        long days;
    } all[] = {{"good", here, 90},
               {"ten-days", here, 10},
               {"two-days", here, 2},
               {"ended", here, -1},
               {"elsewhere", "DNS:elsewhere.example", 90}};
    struct support_user user = servers_user();
    char path[300], *text;
    support_make_dir(certificates, sizeof certificates, "certificates");
    if (chmod(certificates, 0755) != 0) fail_msg("%s", certificates);
    support_format(path, sizeof path, "%s/all.pem", certificates);
    FILE *together = fopen(path, "we");
    assert_non_null(together);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        certificate_make_ending(certificates, all[i].name, all[i].names, all[i].days * 86400 + 600);
        support_format(path, sizeof path, "%s/%s.key", certificates, all[i].name);
        if (chmod(path, 0600) != 0 || (user.uid != 0 && chown(path, user.uid, user.gid) != 0)) fail_msg("%s", path);
        support_format(path, sizeof path, "%s/%s.pem", certificates, all[i].name);
        text = support_read_file(path);
        fputs(text, together);
        free(text);
    }
    assert_int_equal(fclose(together), 0);
}

static void add_place(struct system *s, const char *name, const char *text)
{
    struct system_place *p = s->places;
    while (p->name) p++;
    p->name = name;
    snprintf(p->text, sizeof p->text, "%s", text);
}

/* Logikal by TLS, with a certificate of the name: the address. Without HAProxy there is none. */
static void add_tls(struct system *s, struct haproxy *h, const char *name)
{
    char words[300], url[200];
    snprintf(words, sizeof words, " ssl crt %s/%s.both", certificates, name);
    haproxy_start_with(h, s->sim.port, words);
    snprintf(url, sizeof url, "https://127.0.0.1:%d%s", h->port, strstr(s->sim.base_url, "/MbioeService"));
    add_place(s, name, url);
}

static void name_places(struct system *s, bool is_real_time)
{
    add_place(s, "certificates", certificates);
    add_place(s, "simulator", s->sim.base_url);
    if (!is_real_time || !haproxy_is_installed()) return;
    for (int i = 0; i < 3; i++) add_tls(s, &proxies[i], (const char *[]){"ten-days", "ended", "elsewhere"}[i]);
}

static bool all_synced(struct system *s)
{
    return pg_int(&s->pg,
                  "SELECT count(*) FROM object_sync_configs WHERE object_type IN"
                  " ('directory', 'project', 'phase', 'elevation') AND last_finished_status = 'success'") == 4 &&
           pg_int(&s->pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") == 0;
}

cJSON *world_verdict(struct system *s)
{
    char url[100];
    snprintf(url, sizeof url, "%s/api/v1/verdict", s->url);
    struct http_reply reply = http_request("GET", url, (const char *[]){"Authorization: Bearer " TOKEN, NULL}, NULL);
    cJSON *verdict = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    http_reply_free(&reply);
    return verdict;
}

static bool is_fresh(struct system *s)
{
    cJSON *verdict = world_verdict(s);
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(verdict, "state"));
    bool is_so = state && strcmp(state, "fresh") == 0;
    cJSON_Delete(verdict);
    return is_so;
}

void world_tell(struct system *s)
{
    cJSON *verdict = world_verdict(s);
    char *text = verdict ? cJSON_Print(verdict) : NULL, *log = process_log(&s->logikald);
    size_t len = strlen(log);
    print_message("the verdict: %s\nlast lines of the log:\n%s\n", text ? text : "none",
                  log + (len > 6000 ? len - 6000 : 0));
    free(text);
    free(log);
    cJSON_Delete(verdict);
}

void world_start(struct system *s, bool is_real_time)
{
    static const char *const tree[] = {"--directories", "1", "--depth",      "1", "--projects", "2",
                                       "--phases",      "1", "--elevations", "6", NULL};
    /* What is waited for for long otherwise. */
    static const char *const quick[] = {"WATCHDOG_SECONDS=60", "CRASH_LOOP_COUNT=3", "RESTART_STABLE_SECONDS=2",
                                        "ALERT_AFTER_SECONDS=0", NULL};
    static const char *const real[] = {"WATCHDOG_SECONDS=15",
                                       "CRASH_LOOP_COUNT=5",
                                       "RESTART_STABLE_SECONDS=20",
                                       "RESTART_BACKOFF_BASE_MS=250",
                                       "RESTART_BACKOFF_CAP_MS=30000",
                                       "ALERT_AFTER_SECONDS=0",
                                       NULL};
    char database[200], hook[120], beat[120], redis[60], ca[260], logikal_ca[260], port[12], pem[260], key[260];
    const char *const tls[] = {"--tls-port", port, "--tls-cert-file", pem, "--tls-key-file", key, "--tls-auth-clients",
                               "no",         NULL};
    const char *env[40] = {"METRICS_TOKEN=" TOKEN,
                           "BACKGROUND_SYNC_ENABLED=true",
                           "DIAGNOSTIC_TASKS=true",
                           "WORKER_LEASE_SECONDS=3",
                           "BEAT_LOCK_TTL_SECONDS=3",
                           "TASK_MAX_DELIVERIES=1",
                           "LOGIKAL_RETRY_BUDGET_SECONDS=1",
                           "LOGIKAL_CALL_TIMEOUT_MS=1500",
                           "CHANGES_LAG_SECONDS=2",
                           "WEBHOOK_TICK_SECONDS=0",
                           "BEAT_HEALTH_INTERVAL_SECONDS=0",
                           "BEAT_HOURLY_CRONTAB=0 0 29 2 *",
                           "RATE_LIMIT_PER_MINUTE=0",
                           "RATE_LIMIT_PER_HOUR=0",
                           "HEARTBEAT_SECONDS=5",
                           database,
                           hook,
                           beat,
                           redis,
                           ca,
                           logikal_ca,
                           "SYNC_VANISH_MAX_ROWS=1",
                           shim.preload,
                           shim.file,
                           shim.sanitizer};
    int n = 25;
    for (const char *const *e = is_real_time ? real : quick; *e; e++) env[n++] = *e;
    make_certificates();
    snprintf(port, sizeof port, "%d", support_free_port());
    snprintf(pem, sizeof pem, "%s/good.pem", certificates);
    snprintf(key, sizeof key, "%s/good.key", certificates);
    snprintf(redis, sizeof redis, "REDIS_URL=rediss://127.0.0.1:%s/0", port);
    snprintf(ca, sizeof ca, "REDIS_CA_FILE=%s/all.pem", certificates);
    snprintf(logikal_ca, sizeof logikal_ca, "LOGIKAL_CA_FILE=%s/all.pem", certificates);
    shimmed_open(&shim);
    system_servers_with(s, tree, tls);
    s->shim = shim.shim;
    name_places(s, is_real_time);
    receiver_start(&receiver);
    s->receiver = &receiver;
    pg_exec(&s->pg, "CREATE ROLE app LOGIN; ALTER DATABASE logikald OWNER TO app");
    snprintf(database, sizeof database, "DATABASE_URL=postgresql://app@127.0.0.1:%d/logikald", s->pg.port);
    snprintf(hook, sizeof hook, "ALERT_WEBHOOK_URL=%s/alerts", receiver.url);
    snprintf(beat, sizeof beat, "HEARTBEAT_URL=%s/beat", receiver.url);
    system_run(s, "", env);
    WAIT_UNTIL(system_child(s, "worker") > 0 && system_child(s, "beat") > 0, 60000);
    WAIT_UNTIL(all_synced(s), 60000);
    pg_exec(&s->pg, "UPDATE object_sync_configs SET sync_interval_minutes = 600, staleness_threshold_minutes = 900,"
                    " last_sync = now()");
    WAIT_UNTIL(is_fresh(s), 30000);
}

void world_end(struct system *s)
{
    system_stop(s);
    receiver_kill(&receiver);
    system_end(s);
}
