/* A SQLite file in memory that a stranger wrote. See image.h. */
#include "services/parts/image.h"

#include <string.h>

#include "conf/clock.h"
#include "services/parts/image_db.h"
#include "services/store/unframe.h"

static size_t limit_bytes = PARTS_BYTES_MAX;

void image_limit(size_t bytes)
{
    limit_bytes = bytes;
}

static const char magic[16] = "SQLite format 3";

static int open_source(struct image *image, const struct image_source *source, struct err *err)
{
    char header[sizeof magic];
    *image = (struct image){.deadline_ms = mono_ms() + PARTS_TIME_MS};
    if (source->len > limit_bytes)
        return err_set(err, ERR_LIMIT, "the parts list is larger than %zu bytes: PARTS_MAX_BYTES would have to be more",
                       limit_bytes);
    if (source->len < IMAGE_HEADER) return err_set(err, ERR_INPUT, "not a SQLite file");
    int rc = image_source_read(source, 0, header, sizeof header, err);
    if (rc < 0) return rc;
    if (memcmp(header, magic, sizeof magic) != 0) return err_set(err, ERR_INPUT, "not a SQLite file");
    image->db = image_db_take(source, &image->deadline_ms);
    return image->db ? 0 : err_set(err, ERR_NOMEM, "SQLite does not start");
}

int image_open(struct image *image, const void *bytes, size_t len, struct err *err)
{
    const struct image_source source = {.bytes = bytes, .len = len};
    return open_source(image, &source, err);
}

int image_open_frames(struct image *image, struct unframer *frames, struct err *err)
{
    const struct image_source source = {.len = unframer_size(frames), .frames = frames};
    return open_source(image, &source, err);
}

void image_close(struct image *image)
{
    image_db_give(image->db, !image->has_failed && !image->has_no_memory);
    *image = (struct image){0};
}

void image_forget(void)
{
    image_db_forget();
}

static int failed(struct image *image, struct err *err)
{
    sqlite3 *db = image_db_handle(image->db);
    const struct err *unread = image_db_error(image->db);
    int code = sqlite3_errcode(db);
    image->has_failed = true;
    if (code == SQLITE_NOMEM || (unread && unread->code == ERR_NOMEM)) image->has_no_memory = true;
    if (unread && unread->code == ERR_DB) image->is_cut_off = true;
    if (unread) return err_set(err, unread->code, "%s", unread->text);
    if (code == SQLITE_INTERRUPT)
        return err_set(err, ERR_TIMEOUT, "reading it takes longer than %d s", PARTS_TIME_MS / 1000);
    return err_set(err, code == SQLITE_NOMEM ? ERR_NOMEM : ERR_INPUT, "%.300s", sqlite3_errmsg(db));
}

const char *image_cut_off(const struct image *image)
{
    const struct err *unread = image_db_error(image->db);
    return unread ? unread->text : "";
}

bool image_is_late(const struct image *image)
{
    return image_db_is_late(image->db);
}

bool image_has_table(struct image *image, const char *table)
{
    return image_has_column(image, table, NULL);
}

bool image_has_column(struct image *image, const char *table, const char *column)
{
    int rc =
        sqlite3_table_column_metadata(image_db_handle(image->db), "main", table, column, NULL, NULL, NULL, NULL, NULL);
    if (rc == SQLITE_NOMEM) image->has_no_memory = true;
    return rc == SQLITE_OK;
}

sqlite3_stmt *image_prepare(struct image *image, const char *sql, struct err *err)
{
    sqlite3_stmt *statement = image_db_prepare(image->db, sql);
    if (!statement) failed(image, err);
    return statement;
}

void image_release(struct image *image, sqlite3_stmt *statement)
{
    if (image->db) image_db_release(image->db, statement);
}

bool image_is_memory_short(const struct image *image)
{
    return sqlite3_errcode(image_db_handle(image->db)) == SQLITE_NOMEM;
}

int image_step(struct image *image, sqlite3_stmt *statement, struct err *err)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) return 1;
    return rc == SQLITE_DONE ? 0 : failed(image, err);
}
