/* Option 1 on the smallest instance: app.yaml's service in a control group of 512 MB and one CPU, through a full sync
 * under HTTP load while its children are killed and its configuration is reloaded. It runs the release programs, whose
 * memory is what is asked about. PROOF_ELEVATIONS=100000 and PROOF_FILES=1 make the full proof (`make proof`). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/process/cgroup.h"
#include "tests/support/deploy.h"
#include "tests/support/http_load.h"

#define LIMIT_BYTES (512LL * 1024 * 1024)

static struct deploy d;
static struct cgroup group;
static char enter[1100];

static int elevations(void)
{
    const char *given = getenv("PROOF_ELEVATIONS");
    return given ? atoi(given) : 4000;
}

FIXTURE(start)
{
    char total[16], projects[16];
    snprintf(total, sizeof total, "%d", elevations());
    snprintf(projects, sizeof projects, "%d", elevations() / 400 + 2); /* in each of 5 directories */
    const char *const tree[] = {"--directories", "5",    "--projects",         projects, "--phases", "2",
                                "--delay",       "none", "--total-elevations", total,    NULL};
    struct instance job;
    deploy_start(&d, "app.yaml", tree);
    deploy_run(&d, "migrate", &job, NULL);
    assert_int_equal(process_wait(&job.process, 60000), 0);
    cgroup_make(&group, LIMIT_BYTES, 100);
    cgroup_enter_text(&group, enter, sizeof enter);
    d.before = enter;
    return 0;
}

FIXTURE(stop)
{
    deploy_stop(&d);
    if (group.has_limits) cgroup_remove(&group);
    return 0;
}

struct seen {
    int64_t peak_pss_bytes; /* as the supervisor measures it: its own and its children's */
    int kills, reloads;
};

/* Looks at the children; kills the next of them when it is time to (kind -1: only look). */
static void look(struct instance *app, struct seen *seen, int kind)
{
    static const char *const roles[] = {"worker", "web", "beat"};
    int64_t pss = deploy_pss(app);
    if (pss > seen->peak_pss_bytes) seen->peak_pss_bytes = pss;
    if (kind >= 0 && deploy_kill(app, roles[kind % 3])) seen->kills++;
}

static bool all_synced(void)
{
    return pg_int(&d.pg, "SELECT count(*) FROM elevations") >= elevations() &&
           pg_int(&d.pg, "SELECT count(*) FROM object_sync_configs WHERE last_sync IS NOT NULL AND object_type IN "
                         "('directory', 'project', 'phase', 'elevation')") == 4;
}

/* Kills one child and reloads in turn, until everything is synced and each kind of child was killed. */
static void disturb(struct instance *app, struct seen *seen, int64_t limit_ms)
{
    int64_t deadline = support_deadline(limit_ms), next = mono_ms() + 1500;
    for (int turn = 0; seen->kills < 3 || seen->reloads < 2 || !all_synced();) {
        if (support_late(deadline)) {
            char *log = process_log(&app->process);
            size_t size = strlen(log);
            print_message("%s\n", size > 6000 ? log + size - 6000 : log);
            free(log);
            fail_msg("only %lld of %d elevations are there",
                     (long long)pg_int(&d.pg, "SELECT count(*) FROM elevations"), elevations());
        }
        usleep(100000);
        bool is_due = mono_ms() >= next;
        look(app, seen, is_due && turn % 2 == 0 ? turn / 2 : -1);
        if (is_due && turn % 2 == 1) {
            process_signal(&app->process, SIGHUP);
            seen->reloads++;
        }
        if (!is_due) continue;
        turn++;
        next = mono_ms() + (turn < 6 ? 1500 : 15000);
    }
}

static void report(const struct seen *seen, const struct http_load *load, double seconds)
{
    struct cgroup_report r = cgroup_read(&group);
    print_message("| full sync of %d elevations | %.1f s, %.0f/s |\n", elevations(), seconds, elevations() / seconds);
    print_message("| kills, reloads meanwhile | %d, %d |\n", seen->kills, seen->reloads);
    print_message("| memory, peak of the sum of PSS | %.1f MB |\n", (double)seen->peak_pss_bytes / 1e6);
    if (group.has_limits) {
        print_message("| memory, peak of the control group (with page cache) | %.1f of %.0f MB |\n",
                      (double)r.peak_bytes / 1e6, (double)LIMIT_BYTES / 1e6);
        print_message("| throttled | %.1f %% of the periods |\n",
                      r.periods ? 100.0 * (double)r.throttled_periods / (double)r.periods : 0.0);
        print_message("| out-of-memory kills | %lld |\n", (long long)r.oom_kills);
        assert_int_equal(r.oom_kills, 0);
    } else {
        print_message("| control group | none to be had here: limits not enforced |\n");
    }
    print_message("| HTTP meanwhile | %lld answers, %.0f/s, p50 %d ms, p99 %d ms, refused %lld, cut by kills %lld |\n",
                  (long long)load->answered, (double)load->answered / seconds, http_load_percentile_ms(load, 50),
                  http_load_percentile_ms(load, 99), (long long)load->refused, (long long)load->cut);
}

TEST(test_full_sync_under_load_fits_into_512_megabytes)
{
    static const char *const changes[] = {"BACKGROUND_SYNC_ENABLED=true", "RATE_LIMIT_PER_MINUTE=0",
                                          "RATE_LIMIT_PER_HOUR=0", "SYNC_INTERVAL_SECONDS=2", NULL};
    static const char *const without_files[] = {"BACKGROUND_SYNC_ENABLED=true",
                                                "RATE_LIMIT_PER_MINUTE=0",
                                                "RATE_LIMIT_PER_HOUR=0",
                                                "SYNC_INTERVAL_SECONDS=2",
                                                "SYNC_THUMBNAILS=false",
                                                "SYNC_PARTS_LISTS=false",
                                                NULL};
    struct instance app;
    struct http_loader loader = {0};
    struct seen seen = {0};
    char urls[4][128];
    static const char *const paths[] = {"/api/v1/projects/cached", "/api/v1/health",
                                        "/api/v1/elevations/cached?limit=200", "/api/v1/odoo/stats"};
    const char *list[5] = {0};
    int64_t begin = mono_ms();
    deploy_run(&d, "logikald", &app, getenv("PROOF_FILES") ? changes : without_files);
    WAIT_UNTIL(deploy_health(&d, "logikald", &app, "health_check") == 200, 30000);
    for (int i = 0; i < 4; i++) {
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d%s", app.port, paths[i]);
        list[i] = urls[i];
    }
    char *token = deploy_token(&app);
    http_load_start(&loader, list, token, 4);

    disturb(&app, &seen, 60000 + elevations() * 20LL);
    double seconds = (double)(mono_ms() - begin) / 1000;
    http_load_stop(&loader);
    report(&seen, loader.shared, seconds);

    assert_int_equal(pg_int(&d.pg, "SELECT count(*) FROM elevations"), elevations());
    assert_true(seen.peak_pss_bytes < LIMIT_BYTES / 2);
    assert_true(loader.shared->answered > 100);
    assert_int_equal(loader.shared->refused, 0);
    assert_true(loader.shared->cut <= 4LL * seen.kills);
    deploy_end(&d, "logikald", &app);
    http_load_free(&loader);
    free(token);
}

int main(void)
{
    /* Programs of the release, also when this is the variant with sanitizers. */
    char *dir = strdup(getenv("LOGIKALD_BUILD_DIR") ? getenv("LOGIKALD_BUILD_DIR") : "build");
    char *variant = strstr(dir, "build/");
    if (variant) variant[5] = 0;
    setenv("LOGIKALD_BUILD_DIR", dir, 1);
    free(dir);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_full_sync_under_load_fits_into_512_megabytes)};
    return cmocka_run_group_tests(tests, start, stop);
}
