/* proof-real [--elevations N] [--into FILE]: see proof.h. Prints the table, and writes it between its marks in the
 * file. Exit status 0 when everything holds. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/load/journal.h"
#include "tests/proof/proof.h"
#include "tests/support/document.h"

#define BEGIN "<!-- proof of real size: written by `make proof REAL=1 INTO=docs/benchmarks.md` -->\n"
#define END   "<!-- end of the proof of real size -->\n"

#define DISK_BYTES_EACH 700000 /* database and write-ahead log of one elevation, generously */

static void make_world(struct proof *p)
{
    static const char *const settings[] = {"fsync=on", "full_page_writes=on", "max_wal_size=1GB",
                                           "shared_buffers=128MB", NULL};
    char total[16], projects[16];
    struct instance job;
    snprintf(total, sizeof total, "%d", p->elevations);
    snprintf(projects, sizeof projects, "%d", p->elevations / 400 + 2); /* in each of 5 directories */
    const char *const tree[] = {"--directories", "5",    "--projects",         projects, "--phases",     "2",
                                "--delay",       "none", "--total-elevations", total,    "--parts=real", NULL};
    deploy_start(&p->d, "app.yaml", tree);
    pg_stop(&p->d.pg);
    p->d.pg.settings = settings;
    pg_restart(&p->d.pg);
    deploy_run(&p->d, "migrate", &job, NULL);
    if (process_wait(&job.process, 60000) != 0) fail_msg("the migration failed");
    cgroup_make(&p->group, PROOF_LIMIT_BYTES, 100);
    cgroup_enter_text(&p->group, p->enter, sizeof p->enter);
    p->d.before = p->enter;
}

/* The upstream sleeps until the follower of the feed has its first cursor: it is told everything. */
static void start(struct proof *p)
{
    static const char *const changes[] = {"BACKGROUND_SYNC_ENABLED=true", "RATE_LIMIT_PER_MINUTE=0",
                                          "RATE_LIMIT_PER_HOUR=0", "SYNC_INTERVAL_SECONDS=2", NULL};
    static const struct load_plan plan[] = {
        {LOAD_READER, 100}, {LOAD_READER, 150},  {LOAD_BILLS, 100},    {LOAD_BILLS, 150},
        {LOAD_FILES, 500},  {LOAD_PICTURES, 50}, {LOAD_FOLLOWER, 100}, {0, 0}};
    process_signal(&p->d.sim.process, SIGSTOP);
    deploy_run(&p->d, "logikald", &p->app, changes);
    WAIT_UNTIL(deploy_health(&p->d, "logikald", &p->app, "health_check") == 200, 30000);
    p->sys = (struct system){.pg = p->d.pg, .sim = p->d.sim, .redis = p->d.redis, .port = p->app.port};
    snprintf(p->sys.url, sizeof p->sys.url, "http://127.0.0.1:%d", p->app.port);
    p->load.password = DEPLOY_SECRET;
    load_open(&p->load, &p->sys);
    load_start(&p->load, plan);
    WAIT_UNTIL(follower_has_begun(&p->load), 60000);
    p->before = proof_figures(p);
    getloadavg(p->machine_load, 1);
    p->start_ms = mono_ms();
    process_signal(&p->d.sim.process, SIGCONT);
}

/* Kills one of them by turns until everything is there; often at first, so that a small run has its kills, too. */
static void run(struct proof *p)
{
    static const char *const roles[PROOF_ROLES] = {"worker", "web", "beat"};
    int64_t deadline = support_patience(120000 + p->elevations * 200LL), next = mono_ms() + 3000;
    for (int turn = 0; !proof_is_done(p); usleep(200000)) {
        proof_watch(p);
        if (support_late(deadline)) fail_msg("not everything was there in time");
        if (mono_ms() < next) continue;
        if (deploy_kill(&p->app, roles[turn % PROOF_ROLES])) p->kills[turn % PROOF_ROLES]++;
        next = mono_ms() + (++turn < PROOF_ROLES ? 3000 : 15000);
    }
    char sql[120];
    p->sync_s = (double)(mono_ms() - p->start_ms) / 1000;
    p->after = proof_figures(p);
    snprintf(sql, sizeof sql, "SELECT pg_wal_lsn_diff('%s', '%s')::bigint", p->after.wal_at, p->before.wal_at);
    p->wal_bytes = pg_int(&p->d.pg, sql);
    p->at_end = cgroup_read(&p->group);
    getloadavg(&p->machine_load[1], 1);
}

static void stop(struct proof *p)
{
    deploy_stop(&p->d);
    if (p->group.has_limits) cgroup_remove(&p->group);
    buf_free(&p->failures);
}

int main(int argc, char **argv)
{
    static struct proof p = {.elevations = 500};
    const char *into = "";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--elevations") == 0) p.elevations = (int)strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--into") == 0) into = argv[i + 1];
    }
    if (p.elevations < 100) fail_msg("fewer than 100 elevations are over before anything was killed");
    if (proof_free_bytes() < p.elevations * (int64_t)DISK_BYTES_EACH + (4LL << 30))
        fail_msg("%d elevations need %.0f GB below %s (TMPDIR)", p.elevations, p.elevations * DISK_BYTES_EACH / 1e9 + 4,
                 support_dir());
    make_world(&p);
    start(&p);
    run(&p);
    if (!load_stop(&p.load)) proof_fail(&p, "a client of the load ended with an error");
    proof_check(&p);
    char *table = proof_table(&p);
    fputs(table, stdout);
    if (*into) document_put(into, BEGIN, END, table);
    bool is_right = p.failures.len == 0;
    free(table);
    stop(&p);
    return is_right ? 0 : 1;
}
