/* Making parts lists: see parts.h. A database of each form is made once and kept; for an elevation its rows are put in
 * within a transaction, the bytes are taken, and the transaction is rolled back: less than a millisecond for a file
 * that takes many times that to make. */
#include "tests/sim/files/parts.h"

#include <ctype.h>
#include <math.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/object.h"
#include "tests/sim/files/parts_schema.h"
#include "tests/sim/world/words.h"

/* In the order of how often: of 20 files so many have each size, of 8 so many each of the other things. */
static const struct {
    int bytes, of_20;
} sizes[] = {{716800, 10}, {1228800, 7}, {1720320, 3}};
static const struct {
    const char *encoding;
    int page_bytes;
    bool is_wal;
    int of_8;
} variants[] = {{"UTF-8", 4096, true, 4},
                {"UTF-8", 4096, false, 1},
                {"UTF-16le", 4096, true, 1},
                {"UTF-8", 1024, true, 1},
                {"UTF-8", 8192, true, 1}};

enum { INSERT_ELEVATION, INSERT_INSERTION, INSERT_GLASS, SCALE_PROFILES, SCALE_ARTICLES, NAME_PROJECT, STATEMENTS };
static const char *const statements[STATEMENTS] = {
    "INSERT INTO Elevations VALUES (?,?,?,?,?,?,?,'mm',?,'mm',?,'kg',?,'m²',?,?,?,?)",
    "INSERT INTO Insertions VALUES (?,?,?,?,?,?)",
    "INSERT INTO Glass VALUES (?,?,?,?,?,NULL,?,?,?,16,?,?,?,0)",
    "UPDATE Profiles SET Length_Output = round(500 + rowid * ?1, 1), Length = round(500 + rowid * ?1, 1)",
    "UPDATE Articles SET Amount = 1 + (rowid * ?1) % 17",
    "UPDATE Projects SET Name = ?, ProjectID = ?",
};

/* A kept database. */
struct form {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    bool is_wal;
};

#define SIZES      (sizeof sizes / sizeof sizes[0])
#define VARIANTS   (sizeof variants / sizeof variants[0])
#define HUGE_BYTES (20 * 1000 * 1000)
static struct form forms[SIZES][VARIANTS], tiny, huge;
static enum parts_size size_made = PARTS_REAL;

bool parts_size_of(const char *name, enum parts_size *size)
{
    static const char *const names[] = {"real", "tiny", "huge"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *size = (enum parts_size)i;
        return true;
    }
    return false;
}

void parts_set_size(enum parts_size size)
{
    size_made = size;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) abort();
}

static int page_count(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &st, NULL) != SQLITE_OK) abort();
    int count = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : 0;
    sqlite3_finalize(st);
    return count;
}

/* Pictures of which half the bytes are noise, until the file has its size: a large one, then one a page. */
static void fill_up(sqlite3 *db, int pages, int page_bytes)
{
    uint64_t state = 99;
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, "INSERT INTO Pictures (Name, Content) VALUES ('Schnitt', ?)", -1, &st, NULL) !=
        SQLITE_OK)
        abort();
    for (int left; (left = pages - page_count(db)) > 0;) {
        int len = left > 4 ? (left - 3) * (page_bytes - 8) : page_bytes / 2;
        unsigned char *bytes = calloc((size_t)len, 1);
        if (!bytes) abort();
        for (int i = 0; i < len; i += 16) {
            uint64_t h = hash_next(&state);
            memcpy(bytes + i, &h, (size_t)(len - i < 8 ? len - i : 8));
        }
        sqlite3_bind_blob(st, 1, bytes, len, free);
        if (sqlite3_step(st) != SQLITE_DONE) abort();
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
}

static void form_make(struct form *f, const char *encoding, int page_bytes, int bytes, bool is_wal)
{
    char sql[100];
    if (sqlite3_open(":memory:", &f->db) != SQLITE_OK) abort();
    snprintf(sql, sizeof sql, "PRAGMA page_size=%d; PRAGMA encoding='%s'; BEGIN", page_bytes, encoding);
    run(f->db, sql);
    if (bytes)
        parts_make_tables(f->db);
    else
        parts_make_few_tables(f->db);
    run(f->db, "COMMIT");
    if (bytes) fill_up(f->db, bytes / page_bytes, page_bytes);
    for (int i = 0; i < STATEMENTS - !bytes; i++) /* the few tables have no project */
        if (sqlite3_prepare_v2(f->db, statements[i], -1, &f->statement[i], NULL) != SQLITE_OK) abort();
    f->is_wal = is_wal;
}

static struct form *form_of(const struct world *w, uint32_t elevation)
{
    size_t s = 0, v = 0;
    uint64_t h = hash3(w->shape.seed, 500, elevation);
    if (size_made == PARTS_TINY) {
        if (!tiny.db) form_make(&tiny, "UTF-8", 1024, 0, false);
        return &tiny;
    }
    if (size_made == PARTS_HUGE) {
        if (!huge.db) form_make(&huge, "UTF-8", 4096, HUGE_BYTES, true);
        return &huge;
    }
    for (int n = (int)(h % 20); n >= sizes[s].of_20; s++) n -= sizes[s].of_20;
    for (int n = (int)((h >> 32) % 8); n >= variants[v].of_8; v++) n -= variants[v].of_8;
    struct form *f = &forms[s][v];
    if (!f->db) form_make(f, variants[v].encoding, variants[v].page_bytes, sizes[s].bytes, variants[v].is_wal);
    return f;
}

static void form_free(struct form *f)
{
    for (int i = 0; i < STATEMENTS; i++) sqlite3_finalize(f->statement[i]);
    sqlite3_close(f->db);
    *f = (struct form){0};
}

void parts_forget(void)
{
    for (size_t s = 0; s < SIZES; s++)
        for (size_t v = 0; v < VARIANTS; v++) form_free(&forms[s][v]);
    form_free(&tiny);
    form_free(&huge);
}

/* ---- the rows of one elevation ---- */

static void step(sqlite3_stmt *st)
{
    if (sqlite3_step(st) != SQLITE_DONE) abort();
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

/* An identifier as these files have them. */
static char *braced(unsigned domain, uint64_t index, char out[GUID_SIZE + 2])
{
    char guid[GUID_SIZE];
    guid_make(5, domain, index, guid);
    snprintf(out, GUID_SIZE + 2, "{%s}", guid);
    for (char *p = out; *p; p++) *p = (char)toupper((unsigned char)*p);
    return out;
}

/* What a reader should find. */
struct row {
    struct buf name, description;
    const char *short_description, *color;
    const struct profile_system *system;
    double width, height, weight, area;
    unsigned panes;
};

static void row_of(const struct world *w, uint32_t elevation, struct row *row)
{
    uint64_t h = elevation_hash(w, elevation, 2), panes = elevation_hash(w, elevation, 3);
    elevation_add_name(w, elevation, &row->name);
    elevation_add_description(w, elevation, &row->description);
    row->short_description = word(WORDS_ELEMENT, h >> 16);
    row->color = word(WORDS_COLOR, h >> 32);
    row->system = word_system(h);
    row->width = elevation_width_mm(w, elevation);
    row->height = elevation_height_mm(w, elevation);
    double area = row->width * row->height / 1e6;
    row->weight = trunc(area * (300 + (double)((h >> 24) % 200))) / 10;
    row->area = trunc(area * 1000) / 1000;
    row->panes = (unsigned)(hash_next(&panes) % 6); /* none at all is possible */
}

static void row_free(struct row *row)
{
    buf_free(&row->name);
    buf_free(&row->description);
}

/* A row of another elevation, which must never be taken for this one: its name is near, its values are not. */
static void decoy_of(const struct row *own, unsigned number, struct row *row)
{
    static const struct profile_system strange = {"FREMD-1", "Fremdes System", "Fremdes System einer anderen Position"};
    static const char *const tails[] = {" a", "0", " (Kopie)"};
    buf_printf(&row->name, "%.*s%s", (int)own->name.len, own->name.data ? own->name.data : "", tails[number % 3]);
    buf_printf(&row->description, "Position einer anderen Phase, %u", number);
    row->short_description = "fremd";
    row->color = "RAL 0000 Fremd";
    row->system = &strange;
    row->width = row->height = row->weight = row->area = number + 1;
    row->panes = 1 + number;
}

static void insert_elevation(const struct form *f, const struct row *row, const char *id)
{
    sqlite3_stmt *st = f->statement[INSERT_ELEVATION];
    bind_text(st, 1, id);
    sqlite3_bind_text(st, 2, row->name.data ? row->name.data : "", (int)row->name.len, SQLITE_TRANSIENT);
    bind_text(st, 4, row->description.data);
    bind_text(st, 5, row->short_description);
    sqlite3_bind_int(st, 6, 1 + (int)row->panes);
    sqlite3_bind_double(st, 7, row->width);
    sqlite3_bind_double(st, 8, row->height);
    sqlite3_bind_double(st, 9, row->weight);
    sqlite3_bind_double(st, 10, row->area);
    bind_text(st, 11, row->system->code);
    bind_text(st, 12, row->system->name);
    bind_text(st, 13, row->system->long_name);
    bind_text(st, 14, row->color);
    step(st);
}

static void insert_panes(const struct form *f, const struct row *row, const char *elevation_id, uint64_t state)
{
    char insertion[GUID_SIZE + 2], glass[GUID_SIZE + 2];
    braced(31, state % 1000000, insertion);
    sqlite3_stmt *st = f->statement[INSERT_INSERTION];
    bind_text(st, 1, insertion);
    bind_text(st, 2, elevation_id);
    bind_text(st, 3, "Feld 1");
    sqlite3_bind_int(st, 4, 1);
    sqlite3_bind_double(st, 5, row->width - 80);
    sqlite3_bind_double(st, 6, row->height - 80);
    step(st);
    st = f->statement[INSERT_GLASS];
    for (unsigned i = 0; i < row->panes; i++) {
        uint64_t h = hash_next(&state);
        double width = 300 + (double)(h % 1800), height = 300 + (double)((h >> 16) % 1800);
        bind_text(st, 1, braced(32, h % 1000000, glass));
        bind_text(st, 2, insertion);
        bind_text(st, 3, word(WORDS_GLASS, h >> 32));
        bind_text(st, 4, "G");
        if (h >> 63) bind_text(st, 5, "Kante poliert, Stempel außen");
        sqlite3_bind_double(st, 6, width);
        sqlite3_bind_double(st, 7, height);
        sqlite3_bind_double(st, 8, width * height / 1e6);
        sqlite3_bind_double(st, 9, width * height / 1e6 * 30);
        sqlite3_bind_double(st, 10, 40 + (double)(h % 9000) / 100);
        sqlite3_bind_int(st, 11, 1 + (int)(h >> 40) % 4);
        step(st);
    }
}

static void insert_rows(const struct form *f, const struct world *w, uint32_t elevation)
{
    struct row own = {0};
    char id[GUID_SIZE + 2], guid[GUID_SIZE];
    uint64_t h = hash3(w->shape.seed, 501, elevation), state = elevation_hash(w, elevation, 4);
    unsigned decoys = (unsigned)(h % 4), at = (unsigned)(h >> 32) % (decoys + 1);
    row_of(w, elevation, &own);
    for (unsigned i = 0; i <= decoys; i++) {
        struct row other = {0};
        if (i != at) decoy_of(&own, i, &other);
        const struct row *row = i == at ? &own : &other;
        braced(30, (uint64_t)elevation << 4 | i, id);
        if (i == at && h >> 63) { /* half of them have the identifier that the interface tells, in this spelling */
            snprintf(id, sizeof id, "{%s}", guid_make(w->shape.seed, KIND_ELEVATION, elevation, guid));
            for (char *p = id; *p; p++) *p = (char)toupper((unsigned char)*p);
        }
        insert_elevation(f, row, id);
        insert_panes(f, row, id, hash_next(&state));
        row_free(&other);
    }
    row_free(&own);
}

void parts_add_database(const struct world *w, uint32_t elevation, struct buf *out)
{
    struct form *f = form_of(w, elevation);
    uint64_t h = elevation_hash(w, elevation, 5);
    run(f->db, "BEGIN");
    insert_rows(f, w, elevation);
    sqlite3_bind_double(f->statement[SCALE_PROFILES], 1, (double)(h % 1000) / 10);
    step(f->statement[SCALE_PROFILES]);
    sqlite3_bind_int(f->statement[SCALE_ARTICLES], 1, 1 + (int)(h >> 16) % 13);
    step(f->statement[SCALE_ARTICLES]);
    if (f->statement[NAME_PROJECT]) {
        char guid[GUID_SIZE];
        uint32_t project = world_parent(w, KIND_PHASE, world_parent(w, KIND_ELEVATION, elevation));
        bind_text(f->statement[NAME_PROJECT], 1, word(WORDS_PROJECT, project));
        bind_text(f->statement[NAME_PROJECT], 2, guid_make(w->shape.seed, KIND_PROJECT, project, guid));
        step(f->statement[NAME_PROJECT]);
    }
    sqlite3_int64 len = 0;
    unsigned char *bytes = sqlite3_serialize(f->db, "main", &len, 0);
    if (!bytes) abort();
    if (f->is_wal) bytes[18] = bytes[19] = 2;
    buf_add(out, bytes, (size_t)len);
    sqlite3_free(bytes);
    run(f->db, "ROLLBACK");
}

void parts_add_truth(const struct world *w, uint32_t elevation, struct buf *out)
{
    struct row row = {0};
    row_of(w, elevation, &row);
    buf_str(out, "{\"auto_description\":");
    buf_json_string(out, row.description.data, row.description.len);
    buf_str(out, ",\"system_code\":");
    buf_json_string(out, row.system->code, strlen(row.system->code));
    buf_str(out, ",\"system_name\":");
    buf_json_string(out, row.system->name, strlen(row.system->name));
    buf_printf(out, ",\"width_out\":%.10g,\"height_out\":%.10g,\"weight_out\":%.10g,\"panes\":%u}", row.width,
               row.height, row.weight, row.panes);
    row_free(&row);
}

void base64_add(struct buf *out, const void *bytes, size_t len)
{
    if (!buf_reserve(out, (len + 2) / 3 * 4)) return;
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, bytes, (int)len);
}
