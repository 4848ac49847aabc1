/* Parts lists of real size: fetched and stored, read, their bytes on disk and in the WAL; beside Python with its
 * fastest settings and psql's \copy of the same bytes; and the sync at a tenth of the field's delays beside the same
 * with small files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "conf/clock.h"
#include "services/parts/parse.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_files.h"
#include "tests/bench/sync.h"
#include "tests/bench/sync_cpu.h"
#include "tests/support/sync_truth.h"

#define NEED(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) < 0) fail_msg("%s: %s", #call, err.text);                                                           \
    } while (0)
#define DELAYS "--delay=auth=450,directory=10,project=70,phase=30,elevation=30,list=20,thumbnail=8,parts=200"

static double seconds_since(int64_t started_us)
{
    return (double)(mono_us() - started_us) / 1e6;
}

static void start_world(struct sync_world *w, const char *form, int elevations, const char *delays)
{
    static char parts[32], count[16];
    snprintf(parts, sizeof parts, "--parts=%s", form);
    snprintf(count, sizeof count, "%d", elevations / 40 > 0 ? elevations / 40 : 1);
    const char *const arguments[] = {parts,          "--directories", "1",    "--projects",       "20", "--phases", "2",
                                     "--elevations", count,           delays, "--sideways=allow", NULL};
    sync_world_start(w, arguments);
}

/* ---- the sync, with and without delays ---- */

struct synced {
    double seconds, own_cpu, postgres_cpu, sim_cpu;
    int64_t elevations, raw, stored, database, wal;
};

static struct synced sync_once(const char *form, int elevations, const char *delays)
{
    struct sync_world w;
    struct synced s = {0};
    start_world(&w, form, elevations, delays);
    w.extra_env[0] = "SYNC_THUMBNAILS=false";
    char *lsn = pg_value(&w.pg, "SELECT pg_current_wal_lsn()");
    int64_t before = pg_int(&w.pg, "SELECT pg_database_size(current_database())"), started_us = mono_us();
    double own = cpu_of(RUSAGE_CHILDREN), postgres = cpu_of_tree(w.pg.process.pid),
           sim = cpu_of_tree(w.sim.process.pid);
    sync_all(&w, false);
    s.seconds = seconds_since(started_us);
    s.own_cpu = cpu_of(RUSAGE_CHILDREN) - own;
    s.postgres_cpu = cpu_of_tree(w.pg.process.pid) - postgres;
    s.sim_cpu = cpu_of_tree(w.sim.process.pid) - sim;
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '%s')::bigint", lsn);
    s.wal = pg_int(&w.pg, sql);
    s.elevations = pg_int(&w.pg, "SELECT count(*) FROM elevation_parts_lists WHERE sha256 IS NOT NULL");
    s.raw = pg_int(&w.pg, "SELECT sum(raw_size) FROM parts_files");
    s.stored = pg_int(&w.pg, "SELECT sum(stored_size) FROM parts_files");
    s.database = pg_int(&w.pg, "SELECT pg_database_size(current_database())") - before;
    free(lsn);
    sync_world_stop(&w);
    return s;
}

static void pace_row(const char *what, const struct synced *s)
{
    double n = (double)s->elevations;
    printf("| %s | %.1f | %.0f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", what, s->seconds, (double)s->raw / 1e6,
           s->own_cpu, s->postgres_cpu, s->sim_cpu, 1e3 * s->own_cpu / n, 1e3 * s->postgres_cpu / n);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Small files and real ones in turns, since others may want the machine; each pair is a ratio. */
void bench_pace(int elevations, int rounds, cJSON *report)
{
    enum { MOST = 9 };
    double ratios[MOST], own_ms = 0, postgres_ms = 0;
    if (rounds < 1 || rounds > MOST) rounds = rounds < 1 ? 1 : MOST;
    printf("A first sync of %d elevations, fetched, stored and read, 4 sessions; processor seconds of the task, "
           "PostgreSQL and "
           "the simulator:\n\n",
           elevations / 40 * 40);
    puts("| what | s | MB of files | task | PostgreSQL | simulator | task, ms each | PostgreSQL, ms each |");
    puts("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (int i = 0; i < rounds; i++) {
        struct synced small = sync_once("tiny", elevations, DELAYS), real = sync_once("real", elevations, DELAYS);
        ratios[i] = real.seconds / small.seconds;
        pace_row("a tenth of the field's delays, small files", &small);
        pace_row("the same, real size", &real);
        own_ms = 1e3 * real.own_cpu / (double)real.elevations;
        postgres_ms = 1e3 * real.postgres_cpu / (double)real.elevations;
    }
    qsort(ratios, (size_t)rounds, sizeof *ratios, by_size);
    struct synced bare = sync_once("real", elevations, "--delay-scale=0");
    pace_row("no delays, real size", &bare);
    printf("\nReal size to small files: %.2fx (the median of %d; %.2f to %.2f). Without delays %.1f MB/s.\n\n",
           ratios[rounds / 2], rounds, ratios[0], ratios[rounds - 1], (double)bare.raw / 1e6 / bare.seconds);
    cJSON_AddNumberToObject(report, "real_sync_cpu_ms", own_ms);
    cJSON_AddNumberToObject(report, "real_sync_postgres_ms", postgres_ms);
    cJSON_AddNumberToObject(report, "real_to_small_files", ratios[rounds / 2]);
    cJSON_AddNumberToObject(report, "real_files_mb_per_second", (double)bare.raw / 1e6 / bare.seconds);
}

/* ---- what is stored, and read ---- */

struct reading {
    double seconds, own_cpu, postgres_cpu; /* of all files */
};

static void read_ids(struct db *db, const PGresult *ids)
{
    struct err err = {0};
    int64_t some[PARSE_MANY];
    enum parse_outcome outcomes[PARSE_MANY];
    struct err whys[PARSE_MANY];
    for (int first = 0, n; first < PQntuples(ids); first += n) {
        for (n = 0; n < PARSE_MANY && first + n < PQntuples(ids); n++) some[n] = db_int(ids, first + n, 0);
        NEED(parts_parse_many(db, some, n, (struct parts_how){.is_forced = true}, outcomes, whys, &err));
        for (int i = 0; i < n; i++)
            if (outcomes[i] != PARSE_SUCCESS) fail_msg("%s", whys[i].text);
    }
}

/* Reads all of them again, some rounds; what the quickest round took. */
static struct reading read_all(struct sync_world *w, struct db *db, int rounds)
{
    struct err err = {0};
    struct reading best = {0};
    PGresult *ids = db_query(db, &err, "SELECT id FROM elevations", 0, NULL);
    for (int i = 0; i < rounds; i++) {
        double own = cpu_of(RUSAGE_SELF), postgres = cpu_of_tree(w->pg.process.pid);
        int64_t started_us = mono_us();
        read_ids(db, ids);
        struct reading now = {seconds_since(started_us), cpu_of(RUSAGE_SELF) - own,
                              cpu_of_tree(w->pg.process.pid) - postgres};
        if (i == 0 || now.own_cpu + now.postgres_cpu < best.own_cpu + best.postgres_cpu) best = now;
    }
    PQclear(ids);
    return best;
}

static void write_files(struct db *db, const char *dir)
{
    struct err err = {0};
    PGresult *r = db_query(db, &err, "SELECT sha256 FROM parts_files", 0, NULL);
    for (int i = 0; i < PQntuples(r); i++) {
        char path[400];
        struct buf file = {0};
        NEED(parts_file_load(db, db_text(r, i, 0), &file, &err));
        snprintf(path, sizeof path, "%s/%d.db", dir, i);
        FILE *out = fopen(path, "we");
        if (!out || fwrite(file.data, 1, file.len, out) != file.len) fail_msg("cannot write %s", path);
        fclose(out);
        buf_free(&file);
    }
    PQclear(r);
}

/* tests/bench/parts_peer.py: "read", "pack" (seconds of processor), or "copy" (a file for \copy, of packed or raw
 * bytes). */
static double peer(const char *what)
{
    char *output = NULL;
    char *const argv[] = {(char *)"/usr/bin/python3", (char *)"tests/bench/parts_peer.py", (char *)(uintptr_t)what,
                          (char *)(uintptr_t)support_dir(), NULL};
    if (process_run(argv, NULL, &output) != 0) fail_msg("the peer: %s", output);
    double seconds = strtod(output, NULL);
    free(output);
    return seconds;
}

/* psql's \copy of the files as they are into a table of bytes: seconds of processor. */
static double copy_files(struct pg_server *pg)
{
    char sql[400], *output = NULL;
    peer("copy");
    pg_exec(pg, "CREATE TABLE copied (id integer PRIMARY KEY, content bytea)");
    snprintf(sql, sizeof sql, "\\copy copied from '%s/files.copy'", support_dir());
    char *const in[] = {(char *)"psql", (char *)"-qd", pg->url, (char *)"-c", sql, NULL};
    double psql = cpu_of(RUSAGE_CHILDREN), postgres = cpu_of_tree(pg->process.pid);
    if (process_run(in, NULL, &output) != 0) fail_msg("psql: %s", output);
    free(output);
    return cpu_of(RUSAGE_CHILDREN) - psql + cpu_of_tree(pg->process.pid) - postgres;
}

/* One bill of materials of everything: seconds of processor. */
static double bill_of_all(struct sync_world *w, struct db *db)
{
    struct err err = {0};
    double before = cpu_of_tree(w->pg.process.pid);
    PGresult *r =
        db_query(db, &err,
                 "SELECT bom_document(array_agg(elevation_id), array_agg(number), array_agg(amount)) FROM parts_states"
                 " WHERE state = 'read'",
                 0, NULL);
    if (!r) fail_msg("%s", err.text);
    PQclear(r);
    return cpu_of_tree(w->pg.process.pid) - before;
}

/* Of all files: bytes, and seconds of processor. */
struct kept {
    double files, raw, stored, lines, copied_bytes;
    struct reading read;
    double bill, python, packing, copied;
};

static struct kept measure_kept(int elevations)
{
    struct sync_world w;
    struct err err = {0};
    struct kept k;
    start_world(&w, "real", elevations, "--delay-scale=0");
    w.extra_env[0] = "SYNC_THUMBNAILS=false";
    sync_all(&w, false);
    struct db *db = db_open(w.pg.url, NULL, 60000, "bench", &err);
    k.files = (double)pg_int(&w.pg, "SELECT count(*) FROM parts_files");
    k.raw = (double)pg_int(&w.pg, "SELECT sum(raw_size) FROM parts_files");
    k.stored = (double)pg_int(&w.pg, "SELECT pg_total_relation_size('parts_files')");
    k.lines = (double)pg_int(&w.pg, "SELECT pg_total_relation_size('parts_lines')");
    k.read = read_all(&w, db, 3);
    k.bill = bill_of_all(&w, db);
    write_files(db, support_dir());
    k.python = peer("read");
    k.packing = peer("pack");
    k.copied = copy_files(&w.pg);
    k.copied_bytes = (double)pg_int(&w.pg, "SELECT pg_total_relation_size('copied')");
    db_close(db);
    sync_world_stop(&w);
    return k;
}

static void tell_kept(const struct kept *k)
{
    double n = k->files;
    printf("%.0f real parts lists, %.1f MB; %.0f a second by the clock:\n\n", n, k->raw / 1e6, n / k->read.seconds);
    puts("| what | per second of a core | bytes on disk, to the file |\n|---|---:|---:|");
    printf("| taken from the database, unpacked, read again (%.2f ms here, %.2f ms in PostgreSQL a file) | %.0f | %.3f "
           "files + %.3f lines |\n",
           1e3 * k->read.own_cpu / n, 1e3 * k->read.postgres_cpu / n, n / (k->read.own_cpu + k->read.postgres_cpu),
           k->stored / k->raw, k->lines / k->raw);
    printf("| one bill of materials of all of them, elevations | %.0f | |\n", n / k->bill);
    printf("| Python: sqlite3 of the same tables from files, as JSON, not stored | %.0f | |\n", n / k->python);
    printf("| Python: SHA-256 and zlib level 1 of the files, not stored | %.0f | |\n", n / k->packing);
    printf("| psql \\copy of the same bytes | %.0f | %.3f |\n\n", n / k->copied, k->copied_bytes / k->raw);
}

void bench_kept(int elevations, cJSON *report)
{
    struct kept k = measure_kept(elevations);
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"real_files_read_per_second", k.files / k.read.seconds},
        {"real_files_read_per_core", k.files / (k.read.own_cpu + k.read.postgres_cpu)},
        {"real_files_read_per_own_core", k.files / k.read.own_cpu},
        {"real_files_bytes_kept", (k.stored + k.lines) / k.raw},
        {"bill_elevations_per_core", k.files / k.bill},
        {"python_real_files_read_per_core", k.files / k.python},
        {"python_real_files_packed_per_core", k.files / k.packing},
        {"copy_real_files_per_core", k.files / k.copied},
        {"copy_bytes_kept", k.copied_bytes / k.raw},
    };
    tell_kept(&k);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        cJSON_AddNumberToObject(report, figures[i].name, figures[i].value);
}

static void bench_wal(int elevations, cJSON *report)
{
    struct synced s = sync_once("real", elevations, "--delay-scale=0");
    double n = (double)s.elevations;
    printf("Of each elevation's %.0f kB: database %.0f kB, WAL %.0f kB; %.0f elevations a GB; %.1f elevations a "
           "second.\n\n",
           (double)s.raw / n / 1e3, (double)s.database / n / 1e3, (double)s.wal / n / 1e3,
           1e9 / ((double)s.database / n), n / s.seconds);
    cJSON_AddNumberToObject(report, "real_elevations_per_gb", 1e9 / ((double)s.database / n));
}

/* Only reading, many rounds of it: for a profiler. */
void bench_read(int elevations, int rounds)
{
    struct sync_world w;
    struct err err = {0};
    start_world(&w, "real", elevations, "--delay-scale=0");
    w.extra_env[0] = "SYNC_THUMBNAILS=false";
    sync_all(&w, false);
    struct db *db = db_open(w.pg.url, NULL, 60000, "bench", &err);
    struct reading best = read_all(&w, db, rounds);
    printf("%.3f ms here, %.3f ms in PostgreSQL a file\n", 1e3 * best.own_cpu / elevations,
           1e3 * best.postgres_cpu / elevations);
    db_close(db);
    sync_world_stop(&w);
}

void bench_real(int elevations, cJSON *report)
{
    bench_kept(elevations, report);
    bench_wal(elevations, report);
    bench_pace(elevations, 1, report);
}
