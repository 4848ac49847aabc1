/* Making the tables: see parts_schema.h. */
#include "tests/sim/files/parts_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/sim/world/hash.h"
#include "tests/sim/world/words.h"

/* A table: its columns as SQL; how many rows of them are the same everywhere. What a column is filled with is said by
 * its type and name (see fill). */
struct table {
    const char *name, *columns;
    int rows;
};

#define ELEVATIONS                                                                                                     \
    {                                                                                                                  \
        "Elevations",                                                                                                  \
            "ElevationID TEXT, Name TEXT, Description TEXT, AutoDescription TEXT, AutoDescriptionShort TEXT, Amount "  \
            "INTEGER,"                                                                                                 \
            " Width_Output REAL, Width_Unit TEXT, Height_Output REAL, Height_Unit TEXT, Weight_Output REAL, "          \
            "Weight_Unit "                                                                                             \
            "TEXT, Area_Output REAL, Area_Unit TEXT, SystemCode TEXT, SystemName TEXT, SystemLongName TEXT, "          \
            "ColorBase_Long "                                                                                          \
            "TEXT",                                                                                                    \
            0                                                                                                          \
    }
#define INSERTIONS                                                                                                     \
    {                                                                                                                  \
        "Insertions",                                                                                                  \
            "InsertionID TEXT, ElevationID TEXT, Name TEXT, Type INTEGER, Width_Output REAL, Height_Output REAL", 0    \
    }
#define GLASS                                                                                                          \
    {                                                                                                                  \
        "Glass",                                                                                                       \
            "GlassID TEXT, InsertionID TEXT, Name TEXT, NameShort TEXT, Info1 TEXT, Info2 TEXT, Width_Output REAL, "   \
            "Height_Output REAL, AreaOffer REAL, SpacerGap_Output REAL, Weight_Output REAL, Price REAL, "              \
            "LK_SupplierID "                                                                                           \
            "INTEGER, Origin INTEGER",                                                                                 \
            0                                                                                                          \
    }
#define PROFILES                                                                                                       \
    "ArticleCode TEXT, ArticleCode_Supplier TEXT, Description TEXT, Amount INTEGER, Length REAL, Length_Output REAL, " \
    "Length_Unit TEXT, AngleLeft REAL, AngleRight REAL, Color TEXT, Units REAL, PUSize REAL, Price REAL"
#define ARTICLES                                                                                                       \
    "ArticleCode TEXT, ArticleCode_Supplier TEXT, Description TEXT, Amount REAL, Units REAL, Units_Unit TEXT, PUSize " \
    "REAL, Price REAL, Color TEXT, ColorInfoInternal TEXT, LK_SupplierID INTEGER, IsManual INTEGER"
#define OTHER "ID INTEGER PRIMARY KEY, RefID TEXT, Name TEXT, Description TEXT, Value REAL, Info1 TEXT, Remark TEXT"

static const struct table tables[] = {
    ELEVATIONS,
    INSERTIONS,
    GLASS,
    {"Projects", "ProjectID TEXT, Name TEXT, JobNumber TEXT, OfferNumber TEXT, PersonInCharge TEXT", 1},
    {"Phases", "PhaseID TEXT, ProjectID TEXT, Name TEXT, Description TEXT", 1},
    {"Profiles", PROFILES, 21},
    {"AllProfiles", PROFILES, 21},
    {"Articles", ARTICLES, 32},
    {"AllArticles", ARTICLES, 32},
    {"LabourTimes", "WhatName TEXT, Name TEXT, TotalMinutes REAL", 27},
    {"LabourCosts", "WhatName TEXT, Name TEXT, Price REAL", 21},
    {"CalcDetailItems", "CalcItemNameID INTEGER, Value REAL", 140},
    {"CalcItemNames", "CalcItemNameID INTEGER PRIMARY KEY, Name TEXT", 20},
    {"MountingLines", "Name TEXT, Length_Output REAL, Length_Unit TEXT", 4},
    {"UValue", "Name TEXT, U REAL, U_Unit TEXT, Area REAL, Area_Unit TEXT", 22},
    {"Colors", "ColorID INTEGER PRIMARY KEY, Name TEXT, Color TEXT", 6},
    {"ElevationCE", "Name TEXT, Value TEXT, Remark TEXT", 20},
    {"Suppliers", "SupplierID INTEGER PRIMARY KEY, Name TEXT, Address2 TEXT", 4},
    {"Manufacturers", "ManufacturerID INTEGER PRIMARY KEY, Name TEXT", 3},
    {"REPORTVARIABLES", "subNode TEXT, FieldName TEXT, SValue TEXT", 180},
    {"ReportOfferTexts", "Description TEXT, TotalPrice REAL", 1},
    {"Pictures", "ID INTEGER PRIMARY KEY, Name TEXT, Content BLOB", 0},
    {"Accessories", OTHER, 14},
    {"Address", OTHER, 3},
    {"BarCuts", OTHER, 24},
    {"BarLists", OTHER, 4},
    {"Bars", OTHER, 16},
    {"Blinds", OTHER, 0},
    {"Brackets", OTHER, 8},
    {"BurglarResistance", OTHER, 2},
    {"Cladding", OTHER, 0},
    {"CostGroups", OTHER, 12},
    {"Countries", OTHER, 9},
    {"Currencies", OTHER, 5},
    {"CutLists", OTHER, 26},
    {"Deductions", OTHER, 18},
    {"DoorSwings", OTHER, 2},
    {"Drawings", OTHER, 6},
    {"ElevationTexts", OTHER, 12},
    {"FieldTypes", OTHER, 9},
    {"Fields", OTHER, 8},
    {"FittingItems", OTHER, 31},
    {"Fittings", OTHER, 4},
    {"Gaskets", OTHER, 17},
    {"GlassBars", OTHER, 0},
    {"GlassSpacers", OTHER, 5},
    {"GlassTypes", OTHER, 7},
    {"Handles", OTHER, 3},
    {"Hinges", OTHER, 6},
    {"InfillPanels", OTHER, 0},
    {"Locks", OTHER, 2},
    {"MachiningItems", OTHER, 38},
    {"Machinings", OTHER, 22},
    {"Materials", OTHER, 11},
    {"NotchPositions", OTHER, 15},
    {"OpeningTypes", OTHER, 10},
    {"PanelLayers", OTHER, 0},
    {"Positions", OTHER, 1},
    {"PriceGroups", OTHER, 13},
    {"ProfileCuts", OTHER, 42},
    {"ProfileMachinings", OTHER, 29},
    {"Rebates", OTHER, 4},
    {"Reinforcements", OTHER, 7},
    {"Screws", OTHER, 19},
    {"Sections", OTHER, 3},
    {"Sills", OTHER, 1},
    {"SurfaceTreatments", OTHER, 8},
    {"Systems", OTHER, 5},
    {"Tolerances", OTHER, 6},
    {"Units", OTHER, 14},
    {"VersionInfo", OTHER, 2},
};
#define TABLES (sizeof tables / sizeof tables[0])
_Static_assert(TABLES == 71, "the field's parts lists have 71 tables");

static void make_table(sqlite3 *db, const struct table *table)
{
    char sql[700];
    snprintf(sql, sizeof sql, "CREATE TABLE %s (%s)", table->name, table->columns);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) abort();
}

static void bind_text(sqlite3_stmt *st, int at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void bind_text(sqlite3_stmt *st, int at, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

/* A value for a column, by what its name says; every seventh or so is NULL where a value is not what counts. */
static void fill(sqlite3_stmt *st, int at, const char *name, const char *type, uint64_t h)
{
    char guid[GUID_SIZE];
    bool is_text = strcmp(type, "TEXT") == 0, is_id = strstr(name, "ID") != NULL;
    if (h % 7 == 0 && !is_id && strncmp(name, "Amount", 6) != 0 && strncmp(name, "ArticleCode", 11) != 0) return;
    if (strcmp(name, "LK_SupplierID") == 0)
        sqlite3_bind_int64(st, at, 1 + (int64_t)(h % 4));
    else if (strcmp(name, "CalcItemNameID") == 0)
        sqlite3_bind_int64(st, at, 1 + (int64_t)(h % 20));
    else if (is_id && is_text)
        bind_text(st, at, "{%s}", guid_make(77, 20, h, guid));
    else if (strcmp(name, "ArticleCode") == 0 || strcmp(name, "ArticleCode_Supplier") == 0)
        bind_text(st, at, "%c%06u", (char)('A' + h % 26), (unsigned)(h >> 8) % 1000000);
    else if (strstr(name, "_Unit"))
        bind_text(st, at, "%s", strstr(name, "Area") ? "m²" : strcmp(name, "U_Unit") == 0 ? "W/m²K" : "mm");
    else if (strncmp(name, "Color", 5) == 0 && is_text)
        bind_text(st, at, "%s", word(WORDS_COLOR, h));
    else if (strcmp(name, "Amount") == 0 || strcmp(name, "Units") == 0)
        sqlite3_bind_int64(st, at, 1 + (int64_t)(h % 12));
    else if (is_text)
        bind_text(st, at, "%s %s für %s, Größe %u", word(WORDS_ELEMENT, h), word(WORDS_COLOR, h >> 8),
                  word(WORDS_ROOM, h >> 16), (unsigned)(h >> 32) % 1000);
    else if (strcmp(type, "INTEGER") == 0)
        sqlite3_bind_int64(st, at, (int64_t)(h % 3));
    else
        sqlite3_bind_double(st, at, (double)(h % 400000) / 100);
}

static void fill_table(sqlite3 *db, const struct table *table, uint64_t *state)
{
    struct buf sql = {0};
    char columns[32][40], types[32][40];
    int count = 0;
    for (const char *p = table->columns; *p && count < 32; count++) {
        if (sscanf(p, " %39s %39[A-Z]", columns[count], types[count]) != 2) abort();
        p += strcspn(p, ",");
        p += *p == ',';
    }
    buf_printf(&sql, "INSERT INTO %s VALUES (?", table->name);
    for (int i = 1; i < count; i++) buf_str(&sql, ",?");
    buf_char(&sql, ')');
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql.data, -1, &st, NULL) != SQLITE_OK) abort();
    for (int row = 0; row < table->rows; row++) {
        bool has_key = strstr(table->columns, "PRIMARY KEY") != NULL;
        for (int i = 0; i < count; i++) fill(st, i + 1, columns[i], types[i], hash_next(state));
        if (has_key) sqlite3_bind_int(st, 1, row + 1);
        if (sqlite3_step(st) != SQLITE_DONE) abort();
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
    }
    sqlite3_finalize(st);
    buf_free(&sql);
}

void parts_make_tables(sqlite3 *db)
{
    uint64_t state = 4711;
    for (size_t i = 0; i < TABLES; i++) {
        make_table(db, &tables[i]);
        fill_table(db, &tables[i], &state);
    }
}

void parts_make_few_tables(sqlite3 *db)
{
    static const struct table few[] = {
        ELEVATIONS, INSERTIONS, GLASS, {"Profiles", PROFILES, 4}, {"Articles", ARTICLES, 2}};
    uint64_t state = 4712;
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        make_table(db, &few[i]);
        fill_table(db, &few[i], &state);
    }
}
