/* The table of docs/benchmarks.md. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/proof/proof.h"

#define LARGE 100000 /* elevations that it is reckoned up to */

static void add_head(const struct proof *p, struct buf *out)
{
    char day[20];
    time_t now = time(NULL);
    strftime(day, sizeof day, "%Y-%m-%d", gmtime(&now));
    buf_printf(
        out,
        "Measured on %s on %ld processors that all programs share, load %.1f before and %.1f at the end; PostgreSQL"
        " with its own defaults (fsync, full pages, max_wal_size 1 GB), the upstream without delays.\n\n"
        "| what | %d elevations |\n|---|---|\n",
        day, sysconf(_SC_NPROCESSORS_ONLN), p->machine_load[0], p->machine_load[1], p->elevations);
}

static void add_sync(const struct proof *p, struct buf *out)
{
    double n = p->elevations;
    buf_printf(out, "| everything fetched, stored and read | %.0f s, %.1f files/s, %.1f MB/s |\n", p->sync_s,
               n / p->sync_s, (double)p->file_bytes / 1e6 / p->sync_s);
    buf_printf(out, "| processor seconds: logikald, PostgreSQL, simulator | %.0f, %.0f, %.0f |\n",
               p->after.own_cpu_s - p->before.own_cpu_s, p->after.postgres_cpu_s - p->before.postgres_cpu_s,
               p->after.sim_cpu_s - p->before.sim_cpu_s);
    buf_printf(out, "| different files, their size in all and on average | %" PRId64 ", %.2f GB, %.0f kB |\n", p->files,
               (double)p->file_bytes / 1e9, (double)p->file_bytes / (double)p->files / 1e3);
    buf_printf(out, "| kills of worker, web, beat | %d, %d, %d |\n", p->kills[PROOF_WORKER], p->kills[PROOF_WEB],
               p->kills[PROOF_BEAT]);
}

static void add_memory(const struct proof *p, struct buf *out)
{
    buf_printf(out, "| memory, peak of the sum of PSS | %.1f MB |\n", (double)p->peak_pss_bytes / 1e6);
    if (!p->group.has_limits) {
        buf_str(out, "| control group | none to be had here: limits not enforced |\n");
        return;
    }
    buf_printf(out, "| memory, peak of the control group (with page cache) | %.1f of %.0f MB |\n",
               (double)p->at_end.peak_bytes / 1e6, (double)PROOF_LIMIT_BYTES / 1e6);
    buf_printf(out, "| throttled at one processor; killed for memory | %.1f %% of the periods; %" PRId64 " |\n",
               p->at_end.periods ? 100.0 * (double)p->at_end.throttled_periods / (double)p->at_end.periods : 0.0,
               p->at_end.oom_kills);
}

static void add_disk(const struct proof *p, struct buf *out)
{
    double n = p->elevations, grown = (double)(p->after.database_bytes - p->before.database_bytes);
    buf_printf(out, "| database, an elevation | %.1f kB |\n| write-ahead log, an elevation | %.1f kB |\n",
               grown / n / 1e3, (double)p->wal_bytes / n / 1e3);
    buf_printf(out, "| disk at most: database and log files together | %.2f GB |\n", (double)p->peak_disk_bytes / 1e9);
}

/* The load tells no times beyond its last slot. */
static void add_times(const struct load_count *n, struct buf *out)
{
    double p99 = load_percentile_ms(n, NULL, 99);
    buf_printf(out, "p50 %.1f ms, p99 %s%.1f ms; ", load_percentile_ms(n, NULL, 50),
               p99 >= LOAD_SLOTS / 10.0 ? "at least " : "", p99);
}

static void add_clients(const struct proof *p, struct buf *out)
{
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *n = &p->load.shared->of[i];
        if (!p->load.has[i]) continue;
        buf_printf(out, "| HTTP meanwhile: %s | %" PRId64 " answers, ", load_names[i], n->answered);
        if (i != LOAD_FOLLOWER) /* whose answers are held open until something changes */
            add_times(n, out);
        buf_printf(out, "refused %" PRId64 ", wrong %" PRId64 ", cut by kills %" PRId64 " |\n", n->refused, n->wrong,
                   n->broken);
    }
    buf_printf(out, "| changes that the follower of the feed was told | %zu |\n", p->told);
}

static void add_verdict(const struct proof *p, struct buf *out)
{
    if (p->failures.len == 0)
        buf_str(out, "| in the end | the database is the upstream's, value by value and file by file (SHA-256); the"
                     " follower has all of the journal, in order; nothing failed |\n");
    else
        buf_str(out, "| in the end | **not all holds**, see below |\n");
    double scale = (double)LARGE / p->elevations;
    double cpu = p->after.own_cpu_s - p->before.own_cpu_s + p->after.postgres_cpu_s - p->before.postgres_cpu_s;
    buf_printf(out,
               "\nReckoned up to %d elevations, by their number alone: %.0f GB of database, %.0f GB of write-ahead log"
               " written, %.1f hours at this pace, of which %.1f are processor time of logikald and PostgreSQL.\n",
               LARGE, scale * (double)(p->after.database_bytes - p->before.database_bytes) / 1e9,
               scale * (double)p->wal_bytes / 1e9, scale * p->sync_s / 3600, scale * cpu / 3600);
    if (p->failures.len) buf_printf(out, "\n%s", p->failures.data);
}

char *proof_table(const struct proof *p)
{
    struct buf out = {0};
    add_head(p, &out);
    add_sync(p, &out);
    add_memory(p, &out);
    add_disk(p, &out);
    add_clients(p, &out);
    add_verdict(p, &out);
    return buf_steal(&out);
}
