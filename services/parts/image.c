/* Opening a SQLite file that is not trusted: see image.h. */
#include "services/parts/image.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define STEPS_BETWEEN_LOOKS 10000         /* virtual machine steps between two looks at the clock */
#define VALUE_BYTES         (1024 * 1024) /* of a value that is computed; more only where the file itself has more */

static size_t limit_bytes = PARTS_BYTES_MAX;

void image_limit(size_t bytes)
{
    limit_bytes = bytes;
}

static const char magic[16] = "SQLite format 3";

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

static int is_late(void *arg)
{
    const struct image *image = arg;
    return mono_ms() > image->deadline_ms;
}

/* No value that is stored is larger than the file, twice that when a UTF-16 text grows on its way to UTF-8. A column
 * may be computed, and cost any memory. */
static int most_of_a_value(size_t file_bytes)
{
    return file_bytes < VALUE_BYTES / 2 ? VALUE_BYTES : (int)(2 * file_bytes);
}

static void restrict_it(struct image *image, size_t file_bytes)
{
    sqlite3 *db = image->db;
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, most_of_a_value(file_bytes));
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 64 * 1024);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 2000);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 50);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 5);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    sqlite3_set_authorizer(db, authorize, NULL);
    sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, is_late, image);
}

/* A file in WAL mode has no WAL here; in memory it is opened as one with a rollback journal. */
static unsigned char *without_wal(const unsigned char *bytes, size_t len)
{
    unsigned char *copy = malloc(len);
    if (!copy) return NULL;
    memcpy(copy, bytes, len);
    image_without_wal((char *)copy, len);
    return copy;
}

void image_without_wal(char *bytes, size_t len)
{
    if (len >= 100 && (bytes[18] == 2 || bytes[19] == 2)) bytes[18] = bytes[19] = 1;
}

/* A connection costs more than reading a small file, so one is kept from file to file. It is used again only after a
 * file with which nothing went wrong: a hostile one gets a connection of its own, and takes it with it. */
static sqlite3 *spare;

/* Are a file's texts UTF-8, as its header says? A connection keeps the encoding of its first file for good, and one of
 * UTF-16 does not even open a second file of its own kind: only those of UTF-8 are kept. */
static bool is_utf8(const unsigned char *header)
{
    return header[56] == 0 && header[57] == 0 && header[58] == 0 && header[59] <= SQLITE_UTF8;
}

static sqlite3 *connection(bool may_be_spare)
{
    sqlite3 *db = may_be_spare ? spare : NULL;
    if (db) {
        spare = NULL;
        sqlite3_set_authorizer(db, NULL, NULL); /* for the next content */
        return db;
    }
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* without an effect after the first; its counters cost a lock each */
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL) ==
        SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

int image_open(struct image *image, const void *bytes, size_t len, struct err *err)
{
    *image = (struct image){.deadline_ms = mono_ms() + PARTS_TIME_MS};
    if (len > limit_bytes)
        return err_set(err, ERR_LIMIT, "the parts list is larger than %zu bytes: PARTS_MAX_BYTES would have to be more",
                       limit_bytes);
    if (len < 100 || memcmp(bytes, magic, sizeof magic) != 0) return err_set(err, ERR_INPUT, "not a SQLite file");
    const unsigned char *b = bytes;
    if ((b[18] == 2 || b[19] == 2) && !(image->copy = without_wal(bytes, len)))
        return err_set(err, ERR_NOMEM, "no memory");
    image->is_utf8 = is_utf8(b);
    image->db = connection(image->is_utf8);
    if (!image->db) {
        image_close(image);
        return err_set(err, ERR_NOMEM, "SQLite does not start");
    }
    unsigned char *content = image->copy ? image->copy : (unsigned char *)(uintptr_t)bytes; /* read-only below */
    if (sqlite3_deserialize(image->db, "main", content, (sqlite3_int64)len, (sqlite3_int64)len,
                            SQLITE_DESERIALIZE_READONLY) != SQLITE_OK) {
        image->has_failed = true;
        image_close(image);
        return err_set(err, ERR_NOMEM, "no memory to open it"); /* the content was not looked at yet */
    }
    restrict_it(image, len);
    return 0;
}

void image_close(struct image *image)
{
    /* The content is let go with the database that it is: the bytes are the caller's. */
    bool is_kept = image->db && image->is_utf8 && !image->has_failed && !spare;
    if (is_kept) {
        sqlite3_set_authorizer(image->db, NULL, NULL);
        sqlite3_progress_handler(image->db, 0, NULL, NULL);
        is_kept = sqlite3_deserialize(image->db, "main", NULL, 0, 0, 0) == SQLITE_OK;
    }
    if (is_kept)
        spare = image->db;
    else
        sqlite3_close(image->db);
    free(image->copy);
    *image = (struct image){0};
}

void image_forget(void)
{
    sqlite3_close(spare);
    spare = NULL;
}

static int failed(struct image *image, struct err *err)
{
    image->has_failed = true;
    int code = sqlite3_errcode(image->db);
    if (code == SQLITE_NOMEM) image->has_no_memory = true;
    if (code == SQLITE_INTERRUPT)
        return err_set(err, ERR_TIMEOUT, "reading it takes longer than %d s", PARTS_TIME_MS / 1000);
    return err_set(err, code == SQLITE_NOMEM ? ERR_NOMEM : ERR_INPUT, "%.300s", sqlite3_errmsg(image->db));
}

bool image_has_table(struct image *image, const char *table)
{
    return image_has_column(image, table, NULL);
}

bool image_has_column(struct image *image, const char *table, const char *column)
{
    int rc = sqlite3_table_column_metadata(image->db, "main", table, column, NULL, NULL, NULL, NULL, NULL);
    if (rc == SQLITE_NOMEM) image->has_no_memory = true;
    return rc == SQLITE_OK;
}

sqlite3_stmt *image_prepare(struct image *image, const char *sql, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(image->db, sql, -1, &statement, NULL) == SQLITE_OK) return statement;
    failed(image, err);
    return NULL;
}

int image_step(struct image *image, sqlite3_stmt *statement, struct err *err)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) return 1;
    return rc == SQLITE_DONE ? 0 : failed(image, err);
}
