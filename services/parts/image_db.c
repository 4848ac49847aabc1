/* Connections to files of parts lists, kept from file to file with the schema that they have read and the statements
 * that were prepared by it. See image_db.h. */
#include "services/parts/image_db.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/hash.h"

#define STEPS_BETWEEN_LOOKS 10000         /* virtual machine steps between two looks at the clock */
#define VALUE_BYTES         (1024 * 1024) /* of a value that is computed; more only where the file itself has more */
#define KEPT                4             /* connections, each with another schema */
#define STATEMENTS_MAX      160           /* of one connection: the field's files need a hundred */

struct kept_statement {
    sqlite3_stmt *statement;
    uint64_t hash;
    bool is_out;
};

struct image_db {
    sqlite3 *handle;
    struct image_file *file;
    const int64_t *deadline_ms;
    bool has_schema;    /* which was noted: another file may follow */
    uint32_t last_page; /* that the schema speaks of */
    struct kept_statement statements[STATEMENTS_MAX];
    size_t statement_count;
};

static struct image_db *kept[KEPT]; /* the one that was used last stands first */
static int64_t schemas_read;

int64_t image_db_schemas(void)
{
    return schemas_read;
}

/* ---- a connection ---- */

static int authorize(void *arg, int action, const char *what, const char *detail, const char *database,
                     const char *trigger)
{
    (void)arg, (void)database, (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ: return SQLITE_OK;
    case SQLITE_FUNCTION: return detail && strcmp(detail, "count") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_PRAGMA: return what && strcmp(what, "quick_check") == 0 ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
    }
}

bool image_db_is_late(const struct image_db *d)
{
    return mono_ms() > *d->deadline_ms + image_file_waited_ms(d->file);
}

static int is_late(void *arg)
{
    return image_db_is_late(arg);
}

static void restrict_it(struct image_db *d)
{
    sqlite3 *db = d->handle;
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 64 * 1024);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 2000);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 50);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 5);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    sqlite3_set_authorizer(db, authorize, NULL); /* once: setting it has all statements prepared anew */
    sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, is_late, d);
}

static void db_close_all(struct image_db *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->statement_count; i++) sqlite3_finalize(d->statements[i].statement);
    sqlite3_close(d->handle);
    free(d);
}

static struct image_db *db_new(const struct image_source *source)
{
    struct image_db *d = calloc(1, sizeof *d);
    if (d && (d->handle = image_file_connect(source, &d->file))) {
        restrict_it(d);
        return d;
    }
    free(d);
    return NULL;
}

/* The largest page that the schema speaks of; 0 = it cannot be said. */
static uint32_t last_page(struct image_db *d)
{
    uint32_t last = 1;
    int rc = SQLITE_ERROR;
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(d->handle, "SELECT rootpage FROM sqlite_master", -1, &row, NULL) == SQLITE_OK)
        while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
            sqlite3_int64 page = sqlite3_column_int64(row, 0);
            if (page > last && page <= UINT32_MAX) last = (uint32_t)page;
        }
    sqlite3_finalize(row);
    return rc == SQLITE_DONE ? last : 0;
}

/* Has the schema read, and what it is made of noted. What is wrong with it is told by the statements. */
static void read_schema(struct image_db *d, const struct image_source *source)
{
    schemas_read++;
    image_file_note_begin(d->file);
    bool is_read = sqlite3_table_column_metadata(d->handle, "main", "sqlite_master", NULL, NULL, NULL, NULL, NULL,
                                                 NULL) == SQLITE_OK;
    d->has_schema = image_file_note_end(d->file) && is_read && image_source_pages(source) > 0;
    if (d->has_schema && (d->last_page = last_page(d)) == 0) d->has_schema = false;
}

/* ---- those that are kept ---- */

static struct image_db *take_alike(const struct image_source *source)
{
    uint32_t pages = image_source_pages(source);
    for (size_t i = 0; i < KEPT && kept[i] && pages > 0; i++) {
        struct image_db *d = kept[i];
        if (pages < d->last_page || !image_file_is_alike(d->file, source)) continue;
        memmove(kept + i, kept + i + 1, (KEPT - 1 - i) * sizeof *kept); /* NOLINT(bugprone-sizeof-expression) */
        kept[KEPT - 1] = NULL;
        return d;
    }
    return NULL;
}

static void keep(struct image_db *d)
{
    db_close_all(kept[KEPT - 1]);
    memmove(kept + 1, kept, (KEPT - 1) * sizeof *kept); /* NOLINT(bugprone-sizeof-expression) */
    kept[0] = d;
}

/* No value that is stored is larger than the file, twice that when a UTF-16 text grows on its way to UTF-8. A column
 * may be computed, and cost any memory. */
static int most_of_a_value(size_t file_bytes)
{
    return file_bytes < VALUE_BYTES / 2 ? VALUE_BYTES : (int)(2 * file_bytes);
}

struct image_db *image_db_take(const struct image_source *source, const int64_t *deadline_ms)
{
    struct image_db *d = take_alike(source);
    bool is_new = !d;
    if (is_new && !(d = db_new(source))) return NULL;
    d->deadline_ms = deadline_ms;
    if (!is_new) image_file_set(d->file, source);
    sqlite3_limit(d->handle, SQLITE_LIMIT_LENGTH, most_of_a_value(source->len));
    if (is_new) read_schema(d, source);
    return d;
}

void image_db_give(struct image_db *d, bool is_well)
{
    if (!d) return;
    bool is_kept = is_well && d->has_schema;
    for (size_t i = 0; i < d->statement_count; i++) is_kept = is_kept && !d->statements[i].is_out;
    if (!is_kept) {
        db_close_all(d);
        return;
    }
    sqlite3_db_release_memory(d->handle); /* its pages are another's */
    image_file_set(d->file, NULL);
    keep(d);
}

void image_db_forget(void)
{
    for (size_t i = 0; i < KEPT; i++) {
        db_close_all(kept[i]);
        kept[i] = NULL;
    }
}

sqlite3 *image_db_handle(const struct image_db *d)
{
    return d->handle;
}

const struct err *image_db_error(const struct image_db *d)
{
    return image_file_error(d->file);
}

/* ---- statements ---- */

sqlite3_stmt *image_db_prepare(struct image_db *d, const char *sql)
{
    uint64_t hash = hash_text(sql);
    sqlite3_stmt *statement = NULL;
    for (size_t i = 0; i < d->statement_count; i++) {
        struct kept_statement *k = &d->statements[i];
        if (k->hash != hash || k->is_out || strcmp(sqlite3_sql(k->statement), sql) != 0) continue;
        k->is_out = true;
        return k->statement;
    }
    if (sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) return NULL;
    if (statement && d->statement_count < STATEMENTS_MAX)
        d->statements[d->statement_count++] =
            (struct kept_statement){.statement = statement, .hash = hash, .is_out = true};
    return statement;
}

void image_db_release(struct image_db *d, sqlite3_stmt *statement)
{
    for (size_t i = 0; statement && i < d->statement_count; i++) {
        struct kept_statement *k = &d->statements[i];
        if (k->statement != statement) continue;
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        k->is_out = false;
        return;
    }
    sqlite3_finalize(statement);
}
