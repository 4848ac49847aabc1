/* docs/monitoring speaks of metrics that exist: every name in the dashboard, in the alert rules and in the documents is
 * a sample of a running system's /metrics. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/system.h"

static struct system sys;

static char *scrape(void)
{
    char url[120];
    const char *headers[] = {"Authorization: Bearer only-for-metrics", NULL};
    snprintf(url, sizeof url, "%s/metrics", sys.url);
    struct http_reply reply = http_request("GET", url, headers, NULL);
    char *text = reply.status == 200 ? strdup(reply.body) : NULL;
    http_reply_free(&reply);
    return text;
}

/* Or a head: of what there is now no case (no problem, no unread parts list). */
static bool has_sample(const char *metrics, const char *name)
{
    size_t len = strlen(name);
    char head[160];
    snprintf(head, sizeof head, "\n# TYPE %s ", name);
    if (strstr(metrics, head)) return true;
    for (const char *at = metrics; (at = strstr(at, name)) != NULL; at += len)
        if ((at == metrics || at[-1] == '\n') && (at[len] == ' ' || at[len] == '{')) return true;
    return false;
}

/* The first name in the file that is no sample (in a buffer that the next call overwrites), or NULL. */
static const char *first_unknown(const char *path, const char *metrics, int *names)
{
    static char name[128];
    char line[8192];
    FILE *in = fopen(path, "r");
    if (!in) fail_msg("%s is not there (tests run in the root of the project)", path);
    const char *unknown = NULL;
    while (!unknown && fgets(line, sizeof line, in))
        for (const char *at = line; !unknown && (at = strstr(at, "logikald_")) != NULL;) {
            size_t len = 0;
            while (islower((unsigned char)at[len]) || isdigit((unsigned char)at[len]) || at[len] == '_') len++;
            snprintf(name, sizeof name, "%.*s", (int)len, at);
            ++*names;
            at += len;
            char count[140]; /* a histogram's own name has no sample */
            snprintf(count, sizeof count, "%s_count", name);
            if (!has_sample(metrics, name) && !has_sample(metrics, count)) unknown = name;
        }
    fclose(in);
    return unknown;
}

static const char *const documents[] = {"docs/monitoring/grafana.json", "docs/monitoring/alerts.yaml", "docs/api.md",
                                        "docs/queue.md", "docs/operating.md"};

static bool all_exist(int *names)
{
    char *metrics = scrape();
    bool is_fine = metrics != NULL;
    *names = 0;
    for (size_t i = 0; is_fine && i < sizeof documents / sizeof *documents; i++)
        is_fine = first_unknown(documents[i], metrics, names) == NULL;
    free(metrics);
    return is_fine;
}

TEST(test_every_metric_that_is_documented_exists)
{
    static const char *const tree[] = {"--preset", "field-case", "--seed", "3", NULL};
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=true", "METRICS_TOKEN=only-for-metrics",
                                     "RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", NULL};
    int names = 0;
    system_servers(&sys, tree);
    system_run(&sys, "", on);
    WAIT_UNTIL(system_health(&sys) == 200 && pg_int(&sys.pg, "SELECT count(*) FROM webhooks") == 0, 60000);
    pg_exec(&sys.pg,
            "INSERT INTO webhooks (url, state, epoch, xid, seq, item) VALUES ('https://erp', 'paused', 1, '1', 0, 0)");

    int64_t deadline = support_deadline(90000); /* some come with the first sync and the first heartbeat */
    while (!all_exist(&names) && !support_late(deadline)) support_pause();

    char *metrics = scrape();
    assert_non_null(metrics);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        const char *unknown = first_unknown(documents[i], metrics, &names);
        if (unknown) fail_msg("%s: there is no metric %s", documents[i], unknown);
    }
    assert_false(has_sample(metrics, "logikald_workers_of_the_month")); /* the check can fail */
    assert_true(names > 40);
    free(metrics);
    system_stop(&sys);
    system_end(&sys);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_metric_that_is_documented_exists)};
TEST_MAIN(tests, NULL, NULL)
