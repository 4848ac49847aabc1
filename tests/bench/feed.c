/* How long it takes from a commit of the sync to the POST at the receiver, through queue, worker and TCP, and how fast
 * the journal is read. Commit times are PostgreSQL's own (track_commit_timestamp), arrivals the receiver's. Prints a
 * table in Markdown, and JSON to the file named by BENCH_JSON. SYNCS=60 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/system.h"

#define SAMPLES_MAX  20000
#define READ_CHANGES 100000

static struct system sys;
static struct receiver receiver;
static char admin[120];

static struct http_reply call(const char *method, const char *path, const char *body)
{
    char url[400], header[200];
    snprintf(url, sizeof url, "%s%s", sys.url, path);
    snprintf(header, sizeof header, "Authorization: Bearer %s", admin);
    const char *headers[] = {header, body ? "Content-Type: application/json" : NULL, NULL};
    return http_request(method, url, headers, body);
}

static void must(const char *method, const char *path, const char *body)
{
    struct http_reply reply = call(method, path, body);
    if (reply.status != 200) fail_msg("%s %s: %d %s", method, path, reply.status, reply.body);
    http_reply_free(&reply);
}

static void set_up(void)
{
    static const char *const demo[] = {"--preset", "demo", "--delay-scale", "0", NULL};
    static const char *const env[] = {"BACKGROUND_SYNC_ENABLED=true",
                                      "SYNC_INTERVAL_SECONDS=3600",
                                      "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
                                      "LOG_LEVEL=warning",
                                      "RATE_LIMIT_PER_MINUTE=0",
                                      "RATE_LIMIT_PER_HOUR=0",
                                      "SYNC_THUMBNAILS=false",
                                      "SYNC_PARTS_LISTS=false",
                                      NULL};
    system_servers(&sys, demo);
    pg_exec(&sys.pg, "ALTER SYSTEM SET track_commit_timestamp = on");
    pg_kill(&sys.pg);
    pg_restart(&sys.pg);
    receiver_start(&receiver);
    system_run(&sys, "", env);
    WAIT_UNTIL(system_child(&sys, "web") && system_child(&sys, "worker"), 30000);
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM sync_runs WHERE state = 'completed'") > 0, 120000);
    char url[100];
    snprintf(url, sizeof url, "%s/api/v1/admin/login", sys.url);
    const char *headers[] = {"Content-Type: application/json", NULL};
    struct http_reply reply =
        http_request("POST", url, headers, "{\"username\":\"admin\",\"password\":\"test-admin-password\"}");
    cJSON *login = cJSON_Parse(reply.body);
    snprintf(admin, sizeof admin, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(login, "access_token")));
    cJSON_Delete(login);
    http_reply_free(&reply);
}

/* ---- latency ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of each transaction that came by this path: from its commit to the first POST that has of it. */
static int latencies(const char *path, double *out)
{
    PGconn *conn = pg_connect(&sys.pg);
    cJSON *got = receiver_got(&receiver, path), *request, *change;
    int n = 0;
    char last[24] = "";
    cJSON_ArrayForEach(request, got) {
        cJSON *data = cJSON_GetObjectItem(cJSON_GetObjectItem(request, "body"), "data");
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(data, "changes")) {
            const char *values[] = {cJSON_GetStringValue(cJSON_GetObjectItem(change, "cursor"))};
            PGresult *r =
                PQexecParams(conn,
                             "SELECT coalesce(writer, xid), extract(epoch FROM"
                             " pg_xact_commit_timestamp(coalesce(writer, xid)::text::xid)) FROM changes WHERE"
                             " (epoch, xid, seq) = (split_part($1, '-', 1)::integer, split_part($1, '-', 2)::xid8,"
                             " split_part($1, '-', 3)::bigint)",
                             1, NULL, values, NULL, NULL, 0);
            bool is_new = PQntuples(r) == 1 && strcmp(PQgetvalue(r, 0, 0), last) != 0 && n < SAMPLES_MAX;
            if (is_new) {
                snprintf(last, sizeof last, "%s", PQgetvalue(r, 0, 0));
                out[n++] = 1000 * (cJSON_GetObjectItem(request, "t")->valuedouble - strtod(PQgetvalue(r, 0, 1), NULL));
            }
            PQclear(r);
        }
    }
    cJSON_Delete(got);
    PQfinish(conn);
    qsort(out, (size_t)n, sizeof *out, by_size);
    return n;
}

static void wait_for_all(void)
{
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM logikald_webhooks_due()") == 0, 60000);
}

static void hook(const char *path)
{
    char body[200];
    snprintf(body, sizeof body, "{\"url\":\"%s%s\"}", receiver.url, path);
    must("POST", "/api/v1/webhooks", body);
}

static double at(const double *sorted, int n, double part)
{
    return n ? sorted[(int)(part * (n - 1))] : -1;
}

static void one_by_one(int syncs)
{
    char path[200], *project = pg_value(&sys.pg, "SELECT logikal_id FROM projects WHERE deleted_at IS NULL AND id IN"
                                                 " (SELECT project_id FROM elevations) LIMIT 1");
    snprintf(path, sizeof path, "/api/v1/sync/force/project/%s", project);
    free(project);
    for (int i = 0; i < syncs; i++) {
        sim_post(&sys.sim, "/change", "{\"type\":\"elevation\",\"count\":300}");
        must("POST", path, NULL);
    }
}

/* ---- reading ---- */

static double read_rate(void)
{
    char sql[200], cursor[200] = "start", path[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO directories (logikal_id, name, exclude_from_sync) SELECT 'bench-' || i, 'name ' ||"
             " i, true FROM generate_series(1, %d) i",
             READ_CHANGES);
    must("DELETE", "/api/v1/webhooks/1", NULL);
    must("DELETE", "/api/v1/webhooks/2", NULL);
    pg_exec(&sys.pg, sql);
    int64_t began = mono_ms(), count = 0;
    for (bool has_more = true; has_more;) {
        snprintf(path, sizeof path, "/api/v1/changes?limit=10000&since=%s", cursor);
        struct http_reply reply = call("GET", path, NULL);
        cJSON *page = cJSON_Parse(reply.body);
        if (reply.status != 200 || !page) fail_msg("%s: %d", path, reply.status);
        count += cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes"));
        has_more = cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"));
        snprintf(cursor, sizeof cursor, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(page, "next")));
        cJSON_Delete(page);
        http_reply_free(&reply);
    }
    return (double)count * 1000 / (double)(mono_ms() - began + 1);
}

int main(void)
{
    static double single[SAMPLES_MAX], whole[SAMPLES_MAX];
    const char *given = getenv("SYNCS"), *json = getenv("BENCH_JSON");
    set_up();
    hook("/ok?single");
    one_by_one(given ? atoi(given) : 60);
    wait_for_all();
    int singles = latencies("/ok?single", single);
    hook("/ok?whole");
    for (int i = 0; i < 10; i++) {
        sim_post(&sys.sim, "/change", "{\"type\":\"elevation\",\"count\":300}");
        must("POST", "/api/v1/sync/full", NULL);
    }
    wait_for_all();
    int wholes = latencies("/ok?whole", whole);
    double rate = read_rate();
    printf("| commit to POST | transactions | p50 ms | p99 ms |\n|---|---|---|---|\n");
    printf("| syncs of one project | %d | %.1f | %.1f |\n", singles, at(single, singles, .5), at(single, singles, .99));
    printf("| full syncs of twelve projects | %d | %.1f | %.1f |\n", wholes, at(whole, wholes, .5),
           at(whole, wholes, .99));
    printf("\nChanges read a second, by pages of 10 000: %.0f\n", rate);
    FILE *f = json ? fopen(json, "we") : NULL;
    if (f) {
        fprintf(f,
                "{\"commit_to_post_p50_ms\": %.2f, \"commit_to_post_p99_ms\": %.2f, \"full_sync_p50_ms\": %.2f,"
                " \"full_sync_p99_ms\": %.2f, \"changes_read_per_s\": %.0f}\n",
                at(single, singles, .5), at(single, singles, .99), at(whole, wholes, .5), at(whole, wholes, .99), rate);
        fclose(f);
    }
    system_stop(&sys);
    process_stop(&receiver.process);
    system_end(&sys);
    return singles > 10 && wholes > 10 ? 0 : 1;
}
