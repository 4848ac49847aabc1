/* Making parts lists: see parts.h. */
#include "tests/sim/parts.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "tests/sim/object.h"
#include "tests/sim/words.h"

static const char schema[] =
    "PRAGMA page_size=1024; BEGIN;"
    "CREATE TABLE Elevations (ElevationID INTEGER PRIMARY KEY, Name TEXT, AutoDescription TEXT, AutoDescriptionShort "
    "TEXT,"
    " Width_Output REAL, Width_Unit TEXT, Height_Output REAL, Height_Unit TEXT, Weight_Output REAL, Weight_Unit TEXT,"
    " Area_Output REAL, Area_Unit TEXT, SystemCode TEXT, SystemName TEXT, SystemLongName TEXT, ColorBase_Long TEXT);"
    "CREATE TABLE Glass (ID INTEGER PRIMARY KEY, GlassID TEXT, Name TEXT);"
    "CREATE TABLE Profiles (ID INTEGER PRIMARY KEY, ArticleCode TEXT, Length_Output REAL, Amount INTEGER);";

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) abort();
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) abort();
    return st;
}

static void step(sqlite3_stmt *st)
{
    if (sqlite3_step(st) != SQLITE_DONE) abort();
    sqlite3_reset(st);
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

static void insert_elevation(sqlite3 *db, const struct world *w, uint32_t elevation)
{
    uint64_t h = elevation_hash(w, elevation, 2);
    double width = elevation_width_mm(w, elevation), height = elevation_height_mm(w, elevation);
    double area = width * height / 1e6;
    const struct profile_system *system = word_system(h);
    struct buf text = {0};
    elevation_add_description(w, elevation, &text);
    sqlite3_stmt *st = prepare(db, "INSERT INTO Elevations VALUES (1,?,?,?,?,'mm',?,'mm',?,'kg',?,'m²',?,?,?,?)");
    bind_text(st, 1, word(WORDS_ROOM, h >> 8));
    bind_text(st, 2, text.data);
    bind_text(st, 3, word(WORDS_ELEMENT, h >> 16));
    sqlite3_bind_double(st, 4, width);
    sqlite3_bind_double(st, 5, height);
    sqlite3_bind_double(st, 6, (double)(long)(area * (300 + (double)((h >> 24) % 200))) / 10);
    sqlite3_bind_double(st, 7, (double)(long)(area * 1000) / 1000);
    bind_text(st, 8, system->code);
    bind_text(st, 9, system->name);
    bind_text(st, 10, system->long_name);
    bind_text(st, 11, word(WORDS_COLOR, h >> 32));
    step(st);
    sqlite3_finalize(st);
    buf_free(&text);
}

static void insert_glass_and_profiles(sqlite3 *db, const struct world *w, uint32_t elevation)
{
    uint64_t state = elevation_hash(w, elevation, 3);
    unsigned panes = (unsigned)(hash_next(&state) % 6); /* none at all is possible */
    sqlite3_stmt *st = prepare(db, "INSERT INTO Glass (GlassID, Name) VALUES ('G-' || ?, ?)");
    for (unsigned i = 0; i < panes; i++) {
        uint64_t h = hash_next(&state);
        sqlite3_bind_int(st, 1, 1000 + (int)(h % 9000));
        bind_text(st, 2, word(WORDS_GLASS, h >> 32));
        step(st);
    }
    sqlite3_finalize(st);
    st = prepare(db, "INSERT INTO Profiles (ArticleCode, Length_Output, Amount) VALUES ('P-' || ?, ?, ?)");
    for (unsigned i = 0; i < 4; i++) {
        uint64_t h = hash_next(&state);
        sqlite3_bind_int(st, 1, 100 + (int)(h % 900));
        sqlite3_bind_double(st, 2, 400 + (double)((h >> 16) % 3000));
        sqlite3_bind_int(st, 3, 1 + (int)((h >> 40) % 8));
        step(st);
    }
    sqlite3_finalize(st);
}

void parts_add_database(const struct world *w, uint32_t elevation, struct buf *out)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) abort();
    run(db, schema);
    insert_elevation(db, w, elevation);
    insert_glass_and_profiles(db, w, elevation);
    run(db, "COMMIT");
    sqlite3_int64 len = 0;
    unsigned char *bytes = sqlite3_serialize(db, "main", &len, 0);
    if (!bytes) abort();
    buf_add(out, bytes, (size_t)len);
    sqlite3_free(bytes);
    sqlite3_close(db);
}

void base64_add(struct buf *out, const void *bytes, size_t len)
{
    if (!buf_reserve(out, (len + 2) / 3 * 4)) return;
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, bytes, (int)len);
}
