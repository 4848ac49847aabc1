/* What is measured while it runs, and what must hold in the end. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "conf/clock.h"
#include "tests/bench/sync_cpu.h"
#include "tests/load/journal.h"
#include "tests/proof/proof.h"
#include "tests/support/support_internal.h"
#include "tests/support/sync_truth.h"

#define DISK_LEAST_BYTES (3LL * 1024 * 1024 * 1024)

void proof_fail(struct proof *p, const char *fmt, ...)
{
    char text[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(&p->failures, "- %s\n", text);
}

int64_t proof_free_bytes(void)
{
    struct statvfs disk;
    if (statvfs(support_dir(), &disk) != 0) fail_msg("%s cannot be looked at", support_dir());
    return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

struct proof_figures proof_figures(struct proof *p)
{
    struct proof_figures f = {0};
    char *wal = pg_value(&p->d.pg, "SELECT pg_current_wal_insert_lsn()");
    f.own_cpu_s = cgroup_read(&p->group).cpu_s;
    f.postgres_cpu_s = cpu_of_tree(p->d.pg.process.pid);
    f.sim_cpu_s = cpu_of_tree(p->d.sim.process.pid);
    f.database_bytes = pg_int(&p->d.pg, "SELECT pg_database_size(current_database())");
    snprintf(f.wal_at, sizeof f.wal_at, "%s", wal);
    free(wal);
    return f;
}

static int64_t present(struct proof *p, const char *what)
{
    char sql[300];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
    return pg_int(&p->d.pg, sql);
}

void proof_watch(struct proof *p)
{
    static int64_t next_ms, say_ms;
    int64_t pss = deploy_pss(&p->app);
    if (pss > p->peak_pss_bytes) p->peak_pss_bytes = pss;
    if (mono_ms() < next_ms) return;
    next_ms = mono_ms() + 2000;
    int64_t disk = pg_int(&p->d.pg, "SELECT pg_database_size(current_database()) + (SELECT sum(size) FROM"
                                    " pg_ls_waldir())::bigint");
    if (disk > p->peak_disk_bytes) p->peak_disk_bytes = disk;
    if (proof_free_bytes() < DISK_LEAST_BYTES) fail_msg("the disk of %s is nearly full", support_dir());
    if (!process_running(&p->app.process)) fail_msg("the supervisor has ended");
    if (mono_ms() < say_ms) return;
    say_ms = mono_ms() + 20000;
    fprintf(stderr, "%6.0f s: %lld elevations, %lld files, %lld read; %.1f MB by PSS, %.2f GB of disk\n",
            (double)(mono_ms() - p->start_ms) / 1000, (long long)present(p, "elevations"),
            (long long)present(p, "elevation_parts_lists WHERE sha256 IS NOT NULL"),
            (long long)present(p, "elevations WHERE parse_status = 'success'"), (double)pss / 1e6, (double)disk / 1e9);
}

bool proof_is_done(struct proof *p)
{
    return present(p, "elevations WHERE parse_status = 'success'") >= p->elevations &&
           present(p, "elevation_thumbnails WHERE content IS NOT NULL") >= p->elevations &&
           present(p, "object_sync_configs WHERE last_sync IS NOT NULL AND object_type IN ('directory', 'project',"
                      " 'phase', 'elevation')") == 4;
}

/* ---- in the end ---- */

static void check_clients(struct proof *p)
{
    char *complaints = load_complaints(&p->load);
    int64_t broken = 0;
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *n = &p->load.shared->of[i];
        broken += n->broken;
        if (p->load.has[i] && n->served == 0) proof_fail(p, "%s: nobody was served", load_names[i]);
        if (n->wrong) proof_fail(p, "%s: %lld wrong answers", load_names[i], (long long)n->wrong);
    }
    if (complaints[0]) proof_fail(p, "%.1500s", complaints);
    if (broken > (int64_t)p->kills[PROOF_WEB] * p->load.clients)
        proof_fail(p, "%lld requests had no answer, by %d kills of web", (long long)broken, p->kills[PROOF_WEB]);
    free(complaints);
}

/* A parts list that was not fetched or read yet. */
static bool waits(const char *line)
{
    return strstr(line, "\"status\":503") && strstr(line, "/api/v1/elevations/{elevation_id:int}/");
}

/* A kill is no error of what was killed: anything else that is logged as one is. So is a refusal, but for a web that
 * says that it is not ready yet. */
static void check_log(struct proof *p)
{
    char *log = process_log(&p->app.process);
    int64_t errors = 0, refusals = 0;
    for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        if (strstr(line, "\"status\":5") && !strstr(line, "health/ready") && !waits(line) && refusals++ < 3)
            proof_fail(p, "refused: %.500s", line);
        if (!strstr(line, "\"level\":\"error\"") && !strstr(line, "\"level\":\"critical\"")) continue;
        if (strstr(line, "SIGKILL")) continue;
        if (errors++ < 3) proof_fail(p, "logged: %.500s", line);
    }
    if (errors > 3) proof_fail(p, "%lld errors are logged in all", (long long)errors);
    free(log);
}

static void expect_none(struct proof *p, const char *what)
{
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
    int64_t n = pg_int(&p->d.pg, sql);
    if (n != 0) proof_fail(p, "%lld %s", (long long)n, what);
}

static void check_rows(struct proof *p)
{
    struct sync_world world = {.pg = p->d.pg, .sim = p->d.sim};
    if (present(p, "elevations") != p->elevations)
        proof_fail(p, "%lld elevations are there", (long long)present(p, "elevations"));
    expect_none(p, "elevation_parts_lists WHERE error IS NOT NULL");
    expect_none(p, "parsing_error_logs");
    expect_none(p, "elevations WHERE deleted_at IS NOT NULL OR parse_status <> 'success'");
    char *differences = truth_differences(&world, true);
    if (differences[0]) proof_fail(p, "the database differs from the upstream: %.1500s", differences);
    free(differences);
}

static void check_feed(struct proof *p)
{
    for (int64_t deadline = support_patience(120000); !follower_has_all(&p->load); support_pause())
        if (support_late(deadline)) fail_msg("the follower of the feed does not come to its end");
    char *difference = follower_difference(&p->load, &p->told);
    if (difference[0]) proof_fail(p, "the follower of the feed: %s", difference);
    free(difference);
}

void proof_check(struct proof *p)
{
    check_clients(p);
    check_feed(p);
    p->files = pg_int(&p->d.pg, "SELECT count(*) FROM parts_files");
    p->file_bytes = pg_int(&p->d.pg, "SELECT sum(raw_size)::bigint FROM parts_files");
    deploy_end(&p->d, "logikald", &p->app);
    check_log(p);
    if (p->at_end.oom_kills) proof_fail(p, "%lld processes were killed for memory", (long long)p->at_end.oom_kills);
    for (int i = 0; i < PROOF_ROLES; i++)
        if (p->kills[i] == 0) proof_fail(p, "one of the roles was never killed: it was over too soon");
    check_rows(p);
}
