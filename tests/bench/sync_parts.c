/* Parts lists of real size: fetched and stored, read, their bytes on disk and in the WAL; beside Python with its
 * fastest settings and psql's \copy of the same bytes; and the sync at a tenth of the field's delays beside the same
 * with small files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "conf/clock.h"
#include "services/parts/parse.h"
#include "services/store/db.h"
#include "services/store/sync/parts_files.h"
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
    double seconds;
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
    sync_all(&w, false);
    s.seconds = seconds_since(started_us);
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

static void bench_pace(int elevations, cJSON *report)
{
    struct synced small = sync_once("tiny", elevations, DELAYS), real = sync_once("real", elevations, DELAYS);
    struct synced bare = sync_once("real", elevations, "--delay-scale=0");
    printf("A first sync of %d elevations, fetched, stored and read, 4 sessions:\n\n", (int)real.elevations);
    puts("| what | s | MB of files | MB/s |\n|---|---:|---:|---:|");
    printf("| a tenth of the field's delays, small files | %.1f | %.0f | |\n", small.seconds, (double)small.raw / 1e6);
    printf("| the same, real size (%.2fx) | %.1f | %.0f | %.1f |\n", real.seconds / small.seconds, real.seconds,
           (double)real.raw / 1e6, (double)real.raw / 1e6 / real.seconds);
    printf("| no delays, real size | %.1f | %.0f | %.1f |\n\n", bare.seconds, (double)bare.raw / 1e6,
           (double)bare.raw / 1e6 / bare.seconds);
    cJSON_AddNumberToObject(report, "real_to_small_files", real.seconds / small.seconds);
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
        NEED(parts_parse_many(db, some, n, true, outcomes, whys, &err));
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

/* tests/bench/parts_peer.py: "read", "pack" (seconds), or "copy" (a file for \copy, of packed or raw bytes). */
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

/* psql's \copy of the files as they are into a table of bytes. */
static double copy_files(struct pg_server *pg)
{
    char sql[400], *output = NULL;
    peer("copy");
    pg_exec(pg, "CREATE TABLE copied (id integer PRIMARY KEY, content bytea)");
    snprintf(sql, sizeof sql, "\\copy copied from '%s/files.copy'", support_dir());
    char *const in[] = {(char *)"psql", (char *)"-qd", pg->url, (char *)"-c", sql, NULL};
    int64_t started_us = mono_us();
    if (process_run(in, NULL, &output) != 0) fail_msg("psql: %s", output);
    free(output);
    return seconds_since(started_us);
}

void bench_store(int elevations, cJSON *report)
{
    struct sync_world w;
    struct err err = {0};
    start_world(&w, "real", elevations, "--delay-scale=0");
    w.extra_env[0] = "SYNC_THUMBNAILS=false";
    sync_all(&w, false);
    struct db *db = db_open(w.pg.url, 60000, "bench", &err);
    int64_t files = pg_int(&w.pg, "SELECT count(*) FROM parts_files"),
            raw = pg_int(&w.pg, "SELECT sum(raw_size) FROM parts_files");
    int64_t stored = pg_int(&w.pg, "SELECT pg_total_relation_size('parts_files')");
    int64_t lines = pg_int(&w.pg, "SELECT pg_total_relation_size('parts_lines')");
    struct reading best = read_all(&w, db, 3);
    write_files(db, support_dir());
    double python = peer("read"), packing = peer("pack"), copied = copy_files(&w.pg);
    int64_t copy_bytes = pg_int(&w.pg, "SELECT pg_total_relation_size('copied')");
    printf("%d real parts lists, %.1f MB:\n\n", (int)files, (double)raw / 1e6);
    puts("| what | per second | bytes on disk, to the file |\n|---|---:|---:|");
    printf("| taken from the database, unpacked, read, lines stored | %.0f | %.3f files + %.3f lines |\n",
           (double)files / best.seconds, (double)stored / (double)raw, (double)lines / (double)raw);
    printf("| the same, a second of a core (%.2f ms here, %.2f ms in PostgreSQL a file) | %.0f | |\n",
           1e3 * best.own_cpu / (double)files, 1e3 * best.postgres_cpu / (double)files,
           (double)files / (best.own_cpu + best.postgres_cpu));
    printf("| Python: sqlite3 of the same tables from files, as JSON, not stored | %.0f | |\n", (double)files / python);
    printf("| Python: SHA-256 and zlib level 1 of the files, not stored | %.0f | |\n", (double)files / packing);
    printf("| psql \\copy of the same bytes | %.0f | %.3f |\n\n", (double)files / copied,
           (double)copy_bytes / (double)raw);
    cJSON_AddNumberToObject(report, "real_files_read_per_second", (double)files / best.seconds);
    cJSON_AddNumberToObject(report, "real_files_read_per_core", (double)files / (best.own_cpu + best.postgres_cpu));
    cJSON_AddNumberToObject(report, "real_files_read_per_own_core", (double)files / best.own_cpu);
    cJSON_AddNumberToObject(report, "python_real_files_read_per_second", (double)files / python);
    cJSON_AddNumberToObject(report, "real_files_bytes_kept", (double)(stored + lines) / (double)raw);
    db_close(db);
    sync_world_stop(&w);
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
    struct db *db = db_open(w.pg.url, 60000, "bench", &err);
    struct reading best = read_all(&w, db, rounds);
    printf("%.3f ms here, %.3f ms in PostgreSQL a file\n", 1e3 * best.own_cpu / elevations,
           1e3 * best.postgres_cpu / elevations);
    db_close(db);
    sync_world_stop(&w);
}

void bench_real(int elevations, cJSON *report)
{
    bench_store(elevations, report);
    bench_wal(elevations, report);
    bench_pace(elevations, report);
}
