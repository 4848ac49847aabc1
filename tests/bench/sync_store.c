/* Rows and parts lists without an upstream: how fast they are stored and read, and how fast the peer is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/parts/parse.h"
#include "services/parts/read.h"
#include "services/store/db/db.h"
#include "services/store/frames.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_project.h"
#include "services/store/sync/staging/sync_stage.h"
#include "tests/bench/sync.h"
#include "tests/support/sync_truth.h"

#define NEED(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) < 0) fail_msg("%s: %s", #call, err.text);                                                           \
    } while (0)

static void make_place(struct pg_server *pg)
{
    pg_exec(pg, "TRUNCATE directories, projects, phases, elevations RESTART IDENTITY CASCADE");
    pg_exec(pg, "INSERT INTO projects (id, logikal_id, name) VALUES (1, 'p', 'p');"
                "INSERT INTO phases (id, logikal_id, name, project_id) VALUES (1, 'f', 'f', 1)");
}

static double store_rows(struct pg_server *pg, struct db *db, int rows)
{
    struct err err = {0};
    struct stage stage;
    struct lease lease;
    struct project_counts counts;
    const double size = 1234.5;
    char id[40], name[60];
    make_place(pg);
    NEED(lease_acquire(db, &lease, "project:p", "bench", 600000, &err));
    NEED(stage_open(&stage, db, &lease, 500, &err));
    int64_t started_us = mono_us();
    const struct stage_phase phase = {.id = "f", .name = "f"};
    NEED(stage_add_phase(&stage, 1, &phase, &err));
    for (int i = 0; i < rows; i++) {
        snprintf(id, sizeof id, "%08x-0000-4000-8000-000000000000", (unsigned)i * 2654435761U);
        snprintf(name, sizeof name, "Pos. %d", i);
        const struct stage_elevation e = {.phase = "f",
                                          .id = id,
                                          .version_id = id,
                                          .name = name,
                                          .description = "an elevation of the bench, with a description",
                                          .type = "Window",
                                          .state = "open",
                                          .created_s = 1700000000,
                                          .changed_s = 1700000000 + i,
                                          .amount = &size,
                                          .width = &size,
                                          .height = &size};
        NEED(stage_add_elevation(&stage, 2, &e, &err));
    }
    NEED(stage_flush(&stage, STAGE_PHASES, &err));
    NEED(stage_flush(&stage, STAGE_ELEVATIONS, &err));
    const struct project_apply apply = {.stage = &stage,
                                        .project_id = 1,
                                        .changed_s = 1700000000,
                                        .phases_listing = 1,
                                        .phases_at_s = 1700000000,
                                        .listings = "{2}",
                                        .elevations_at_s = 1700000000,
                                        .phases_are_whole = true,
                                        .elevations_are_whole = true};
    NEED(project_apply(db, &lease, &apply, &counts, &err));
    double seconds = (double)(mono_us() - started_us) / 1e6;
    if (counts.elevations_written != rows) fail_msg("%ld rows written", (long)counts.elevations_written);
    stage_close(&stage);
    lease_release(db, &lease);
    return seconds;
}

/* The rows that the sync has stored, through psql into the same, empty tables. */
static double copy_rows(struct pg_server *pg)
{
    char sql[400], *output = NULL, path[300];
    snprintf(path, sizeof path, "%s/rows.copy", support_dir());
    snprintf(sql, sizeof sql, "\\copy elevations to '%s'", path);
    char *const out[] = {(char *)"psql", (char *)"-qd", pg->url, (char *)"-c", sql, NULL};
    if (process_run(out, NULL, &output) != 0) fail_msg("psql: %s", output);
    free(output);
    make_place(pg);
    snprintf(sql, sizeof sql, "\\copy elevations from '%s'", path);
    char *const in[] = {(char *)"psql", (char *)"-qd", pg->url, (char *)"-c", sql, NULL};
    int64_t started_us = mono_us();
    if (process_run(in, NULL, &output) != 0) fail_msg("psql: %s", output);
    free(output);
    return (double)(mono_us() - started_us) / 1e6;
}

void bench_rows(int rows, cJSON *report)
{
    struct sync_world w;
    struct err err = {0};
    const char *const arguments[] = {NULL};
    double best = 1e9, copy = 1e9;
    sync_world_start(&w, arguments);
    struct db *db = db_open(w.pg.url, NULL, 600000, "bench", &err);
    if (!db) fail_msg("%s", err.text);
    for (int i = 0; i < 3; i++) {
        double s = store_rows(&w.pg, db, rows), c = copy_rows(&w.pg);
        if (s < best) best = s;
        if (c < copy) copy = c;
    }
    printf("Elevations stored, %d in one project, best of 3 (stage, upsert, tombstones, cursor, commit):\n\n", rows);
    puts("| what | rows/s | to COPY |\n|---|---:|---:|");
    printf("| sync | %.0f | %.2f |\n", rows / best, copy / best);
    printf("| psql \\copy into the same tables | %.0f | 1.00 |\n\n", rows / copy);
    cJSON_AddNumberToObject(report, "rows_per_second", rows / best);
    cJSON_AddNumberToObject(report, "copy_rows_per_second", rows / copy);
    db_close(db);
    sync_world_stop(&w);
}

/* The journal's triggers alone: all others stay. */
static void set_journal(struct pg_server *pg, bool is_on)
{
    static const char *const tables[] = {"directories", "projects", "phases", "elevations"};
    static const char *const triggers[] = {"changes_insert", "changes_update", "changes_delete"};
    char sql[200];
    for (size_t i = 0; i < 12; i++) {
        snprintf(sql, sizeof sql, "ALTER TABLE %s %s TRIGGER %s", tables[i / 3], is_on ? "ENABLE" : "DISABLE",
                 triggers[i % 3]);
        pg_exec(pg, sql);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Turn by turn, so that both meet the same machine; the middle one of each. */
void bench_journal(int rows, cJSON *report)
{
    enum { ROUNDS = 7 };
    struct sync_world w;
    struct err err = {0};
    const char *const arguments[] = {NULL};
    double took[2][ROUNDS];
    sync_world_start(&w, arguments);
    struct db *db = db_open(w.pg.url, NULL, 600000, "bench", &err);
    if (!db) fail_msg("%s", err.text);
    store_rows(&w.pg, db, rows); /* to warm up */
    for (int i = 0; i < 2 * ROUNDS; i++) {
        set_journal(&w.pg, i % 2);
        pg_exec(&w.pg, "TRUNCATE changes");
        pg_exec(&w.pg, "CHECKPOINT");
        took[i % 2][i / 2] = store_rows(&w.pg, db, rows);
        int64_t told = pg_int(&w.pg, "SELECT count(*) FROM change_items WHERE object_type = 'elevation' AND operation ="
                                     " 'created'");
        if (told != (i % 2 ? rows : 0)) fail_msg("%lld changes in the journal", (long long)told);
    }
    int64_t bytes = pg_int(&w.pg, "SELECT pg_total_relation_size('changes')");
    for (int i = 0; i < 2; i++) qsort(took[i], ROUNDS, sizeof *took[i], by_size);
    double without = took[0][ROUNDS / 2], with = took[1][ROUNDS / 2];
    printf("The journal's cost, %d elevations in one project, the middle one of %d turns each:\n\n", rows, ROUNDS);
    puts("| what | rows/s | to without |\n|---|---:|---:|");
    printf("| without journal | %.0f | 1.00 |\n| with journal | %.0f | %.2f |\n\n", rows / without, rows / with,
           without / with);
    printf("The journal takes %.0f bytes an object.\n\n", (double)bytes / rows);
    cJSON_AddNumberToObject(report, "rows_per_second_without_journal", rows / without);
    cJSON_AddNumberToObject(report, "rows_per_second_with_journal", rows / with);
    db_close(db);
    sync_world_stop(&w);
}

static int number_at(const PGresult *r, int row, int column)
{
    const unsigned char *b = (const unsigned char *)PQgetvalue(r, row, column); /* binary */
    return b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* Every stored parts list as a file, for the peer; and read from memory by us. */
static double read_files(PGresult *r, const char *dir)
{
    double seconds = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        char path[400];
        struct buf bytes = {0};
        struct err err = {0};
        NEED(
            frames_unpack(PQgetvalue(r, i, 1), (size_t)PQgetlength(r, i, 1), (size_t)number_at(r, i, 2), &bytes, &err));
        snprintf(path, sizeof path, "%s/%d.db", dir, number_at(r, i, 0));
        FILE *file = fopen(path, "we");
        if (!file) fail_msg("cannot write %s", path);
        fwrite(bytes.data, 1, bytes.len, file);
        fclose(file);
        struct parts_data data;
        int64_t started_us = mono_us();
        NEED(parts_read(bytes.data, bytes.len, NULL, NULL, &data, &err));
        seconds += (double)(mono_us() - started_us) / 1e6;
        parts_data_free(&data);
        buf_free(&bytes);
    }
    return seconds;
}

#define NOT_READ_YET "UPDATE elevations SET parse_status = 'pending'; DELETE FROM elevation_glass"

static double parse_all(struct pg_server *pg, struct db *db)
{
    struct err err = {0};
    pg_exec(pg, NOT_READ_YET);
    PGresult *ids = db_query(db, &err, "SELECT id FROM elevations", 0, NULL);
    int64_t started_us = mono_us(), some[PARSE_MANY];
    enum parse_outcome outcomes[PARSE_MANY];
    struct err whys[PARSE_MANY];
    for (int first = 0, n; first < PQntuples(ids); first += n) {
        for (n = 0; n < PARSE_MANY && first + n < PQntuples(ids); n++) some[n] = db_int(ids, first + n, 0);
        NEED(parts_parse_many(db, some, n, (struct parts_how){.is_forced = true}, outcomes, whys, &err));
    }
    double seconds = (double)(mono_us() - started_us) / 1e6;
    PQclear(ids);
    return seconds;
}

/* How long Python takes for the files; 0 when it lacks psycopg2 to store them with. */
static double peer_seconds(const char *url)
{
    char *output = NULL, *end = NULL;
    char *const peer[] = {(char *)"/usr/bin/python3", (char *)"tests/bench/sync_peer.py",
                          (char *)(uintptr_t)support_dir(), (char *)(uintptr_t)url, NULL};
    int status = process_run(peer, NULL, &output);
    if (status != 0 && !(url && strstr(output, "No module named 'psycopg2'"))) fail_msg("the peer: %s", output);
    double seconds = status == 0 ? strtod(output, &end) : 0;
    free(output);
    return seconds;
}

void bench_parts(int files, cJSON *report)
{
    struct sync_world w;
    struct err err = {0};
    char count[16];
    snprintf(count, sizeof count, "%d", files);
    const char *const arguments[] = {"--directories", "1",   "--projects",       "1", "--phases", "1",
                                     "--elevations",  count, "--sideways=allow", NULL};
    sync_world_start(&w, arguments);
    w.extra_env[0] = "SYNC_THUMBNAILS=false";
    sync_all(&w, false);
    struct db *db = db_open(w.pg.url, NULL, 60000, "bench", &err);
    PGconn *conn = pg_connect(&w.pg);
    PGresult *r =
        PQexecParams(conn,
                     "SELECT v.elevation_id, f.content, f.raw_size FROM parts_versions v JOIN parts_files f USING"
                     " (sha256) WHERE v.valid_to IS NULL",
                     0, NULL, NULL, NULL, NULL, 1);
    double ours = read_files(r, support_dir()), stored = parse_all(&w.pg, db);
    double peers = peer_seconds(NULL);
    pg_exec(&w.pg, NOT_READ_YET);
    double peers_stored = peer_seconds(w.pg.url);
    printf("Parts lists read, %d of them:\n\n", files);
    puts("| what | per second | to Python |\n|---|---:|---:|");
    printf("| read from memory | %.0f | %.1f |\n", files / ours, peers / ours);
    printf("| Python's sqlite3, from files | %.0f | 1.0 |\n", files / peers);
    if (peers_stored > 0) {
        printf("| taken from the database, read, stored | %.0f | %.1f |\n", files / stored, peers_stored / stored);
        printf("| Python's sqlite3 and psycopg2, from files, stored | %.0f | 1.0 |\n\n", files / peers_stored);
        cJSON_AddNumberToObject(report, "python_parts_stored_per_second", files / peers_stored);
    } else {
        printf("| taken from the database, read, stored (no psycopg2 here to compare) | %.0f | |\n\n", files / stored);
    }
    cJSON_AddNumberToObject(report, "parts_read_per_second", files / ours);
    cJSON_AddNumberToObject(report, "parts_parsed_per_second", files / stored);
    cJSON_AddNumberToObject(report, "python_parts_per_second", files / peers);
    PQclear(r);
    PQfinish(conn);
    db_close(db);
    sync_world_stop(&w);
}
