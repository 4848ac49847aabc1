/* A file of a parts list as SQLite reads it: a file system of one file that is in memory, read-only. See
 * image_file.h. */
#include "services/parts/image_file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/unframe.h"

#define NAME        "logikald-parts"
#define NOTED_BYTES (128 * 1024) /* of a schema; those of the field have some 20 kB */
#define NOTED_READS 200

/* Fields of the header (https://www.sqlite.org/fileformat2.html): write and read version, page size, change counter,
 * pages, free pages, and the counter that the number of pages is valid for. */
enum { AT_VERSIONS = 18, AT_PAGE_SIZE = 16, AT_CHANGES = 24, AT_PAGES = 28, AT_SCHEMA = 40, AT_VALID_FOR = 92 };

struct noted {
    size_t offset, len, at; /* at: in the noted bytes */
};

struct image_file {
    sqlite3_file base;
    struct image_source source; /* len 0 = none */
    uint32_t generation;        /* of the source; what is served as the change counter */
    struct err err;
    bool is_noting, is_overfull;
    struct noted noted[NOTED_READS];
    size_t noted_count, noted_len;
    unsigned char *noted_bytes;
};

/* ---- sources ---- */

static uint32_t number_at(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_number(unsigned char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(value >> (24 - 8 * i));
}

int image_source_read(const struct image_source *source, size_t offset, void *out, size_t n, struct err *err)
{
    if (source->frames) return unframer_read(source->frames, offset, out, n, err);
    memcpy(out, (const char *)source->bytes + offset, n);
    return 0;
}

uint32_t image_source_pages(const struct image_source *source)
{
    unsigned char header[IMAGE_HEADER];
    if (image_source_read(source, 0, header, sizeof header, NULL) < 0) return 0;
    size_t page = ((size_t)header[AT_PAGE_SIZE] << 8) + header[AT_PAGE_SIZE + 1];
    if (page == 1) page = 65536; /* which has no room there */
    if (page < 512 || source->len % page != 0) return 0;
    uint32_t told = number_at(header + AT_PAGES);
    bool is_told = told && number_at(header + AT_CHANGES) == number_at(header + AT_VALID_FOR);
    return !is_told || told == source->len / page ? (uint32_t)(source->len / page) : 0;
}

/* The header as it is served: without a log, and changed since the file of before. Whether the two counters agree says
 * whether the number of pages holds, and stays. */
static void dress(const struct image_file *f, unsigned char header[IMAGE_HEADER])
{
    bool is_valid = number_at(header + AT_CHANGES) == number_at(header + AT_VALID_FOR);
    if (header[AT_VERSIONS] == 2 || header[AT_VERSIONS + 1] == 2) header[AT_VERSIONS] = header[AT_VERSIONS + 1] = 1;
    put_number(header + AT_CHANGES, f->generation);
    put_number(header + AT_VALID_FOR, is_valid ? f->generation : ~f->generation);
}

/* n bytes from offset on, all of which are there. */
static int serve(struct image_file *f, size_t offset, unsigned char *out, size_t n)
{
    unsigned char header[IMAGE_HEADER];
    struct err *err = f->err.code == ERR_DB ? NULL : &f->err; /* that one is told, whatever comes after it */
    int rc = image_source_read(&f->source, offset, out, n, err);
    if (rc < 0 || offset >= IMAGE_HEADER) return rc;
    rc = image_source_read(&f->source, 0, header, sizeof header, err);
    if (rc < 0) return rc;
    dress(f, header);
    memcpy(out, header + offset, n < IMAGE_HEADER - offset ? n : IMAGE_HEADER - offset);
    return 0;
}

/* ---- what is written down ---- */

void image_file_note_begin(struct image_file *f)
{
    f->is_noting = true;
    f->is_overfull = false;
    f->noted_count = f->noted_len = 0;
}

bool image_file_note_end(struct image_file *f)
{
    f->is_noting = false;
    return !f->is_overfull && f->noted_count > 0;
}

/* Blanks what differs from file to file and says nothing about a schema. */
static void blank(size_t offset, unsigned char *bytes, size_t n)
{
    for (size_t i = offset; i < offset + n && i < IMAGE_HEADER; i++)
        if ((i >= AT_CHANGES && i < AT_SCHEMA) || i >= AT_VALID_FOR) bytes[i - offset] = 0;
}

static void note(struct image_file *f, size_t offset, const unsigned char *bytes, size_t n)
{
    bool is_full = f->noted_count == NOTED_READS || f->noted_len + n > NOTED_BYTES;
    unsigned char *grown = is_full ? NULL : realloc(f->noted_bytes, f->noted_len + n);
    if (!grown) {
        f->is_overfull = true;
        return;
    }
    f->noted_bytes = grown;
    f->noted[f->noted_count++] = (struct noted){.offset = offset, .len = n, .at = f->noted_len};
    memcpy(grown + f->noted_len, bytes, n);
    blank(offset, grown + f->noted_len, n);
    f->noted_len += n;
}

/* The source is served piece by piece. */
static bool is_same(struct image_file *other, size_t offset, const unsigned char *bytes, size_t len)
{
    unsigned char piece[4096];
    for (size_t n; len > 0; offset += n, bytes += n, len -= n) {
        n = len < sizeof piece ? len : sizeof piece;
        if (offset + n > other->source.len || serve(other, offset, piece, n) < 0) return false;
        blank(offset, piece, n);
        if (memcmp(piece, bytes, n) != 0) return false;
    }
    return true;
}

bool image_file_is_alike(const struct image_file *f, const struct image_source *source)
{
    struct image_file other = {.source = *source};
    for (size_t i = 0; i < f->noted_count; i++)
        if (!is_same(&other, f->noted[i].offset, f->noted_bytes + f->noted[i].at, f->noted[i].len)) return false;
    return f->noted_count > 0;
}

void image_file_set(struct image_file *f, const struct image_source *source)
{
    f->source = source ? *source : (struct image_source){0};
    f->generation++;
    f->err = (struct err){0};
}

int64_t image_file_waited_ms(const struct image_file *f)
{
    return f->source.frames ? unframer_waited_ms(f->source.frames) : 0;
}

static const void *borrow(struct image_file *f, size_t offset, size_t n)
{
    if (!f->source.frames || f->is_noting || offset < IMAGE_HEADER || offset + n > f->source.len) return NULL;
    return unframer_borrow(f->source.frames, offset, n);
}

/* ---- SQLite's side ---- */

static struct image_file *file_of(sqlite3_file *base)
{
    return (struct image_file *)base;
}

static int file_close(sqlite3_file *base)
{
    free(file_of(base)->noted_bytes);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset)
{
    struct image_file *f = file_of(base);
    size_t from = (size_t)offset, want = (size_t)amount;
    size_t n = from >= f->source.len ? 0 : f->source.len - from < want ? f->source.len - from : want;
    if (n > 0 && serve(f, from, out, n) < 0) {
        f->is_overfull = true;
        return f->err.code == ERR_NOMEM ? SQLITE_IOERR_NOMEM : SQLITE_IOERR_READ;
    }
    if (f->is_noting && n == want) note(f, from, out, n);
    if (n == want) return SQLITE_OK;
    f->is_overfull = true;
    memset((char *)out + n, 0, want - n);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)file_of(base)->source.len;
    return SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *bytes, int amount, sqlite3_int64 offset)
{
    (void)base, (void)bytes, (void)amount, (void)offset;
    return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    (void)base, (void)size;
    return SQLITE_READONLY;
}

/* xSync, xLock and xUnlock: nobody else has the file. */
static int file_nothing(sqlite3_file *base, int what)
{
    (void)base, (void)what;
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *is_reserved)
{
    (void)base;
    *is_reserved = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *arg)
{
    (void)base, (void)what, (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_zero(sqlite3_file *base)
{
    (void)base;
    return 0;
}

/* A page where it stands, instead of a copy. The first one, and what goes over the end of a frame, is read. */
static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int amount, void **page)
{
    *page = (void *)(uintptr_t)borrow(file_of(base), (size_t)offset, (size_t)amount);
    return SQLITE_OK;
}

static int file_unfetch(sqlite3_file *base, sqlite3_int64 offset, void *page)
{
    (void)base, (void)offset, (void)page;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 3,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_nothing,
                                           .xFileSize = file_size,
                                           .xLock = file_nothing,
                                           .xUnlock = file_nothing,
                                           .xCheckReservedLock = file_is_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_zero,
                                           .xDeviceCharacteristics = file_zero,
                                           .xFetch = file_fetch,
                                           .xUnfetch = file_unfetch};

/* What the connection that is being opened has behind it: it asks for the header at once, and reads pages of a wrong
 * size without it. */
static const struct image_source *opening;

static int system_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_out)
{
    (void)vfs, (void)name;
    memset(base, 0, sizeof(struct image_file));
    if (!(flags & SQLITE_OPEN_MAIN_DB)) return SQLITE_CANTOPEN; /* no journals, nothing temporary */
    base->pMethods = &methods;
    image_file_set(file_of(base), opening);
    if (flags_out) *flags_out = flags;
    return SQLITE_OK;
}

static int system_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    (void)vfs, (void)name, (void)is_synced;
    return SQLITE_OK;
}

/* There is nothing else. */
static int system_access(sqlite3_vfs *vfs, const char *name, int flags, int *is_there)
{
    (void)vfs, (void)name, (void)flags;
    *is_there = 0;
    return SQLITE_OK;
}

static int system_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

static int system_random(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    memset(out, 0, (size_t)size);
    return size;
}

static int system_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs, (void)us;
    return 0;
}

static int system_time(sqlite3_vfs *vfs, double *days)
{
    (void)vfs;
    *days = 2440587.5; /* 1970-01-01: no function of a date is to be had */
    return SQLITE_OK;
}

static sqlite3_vfs file_system = {.iVersion = 1,
                                  .szOsFile = sizeof(struct image_file),
                                  .mxPathname = 64,
                                  .zName = NAME,
                                  .xOpen = system_open,
                                  .xDelete = system_delete,
                                  .xAccess = system_access,
                                  .xFullPathname = system_full_name,
                                  .xRandomness = system_random,
                                  .xSleep = system_sleep,
                                  .xCurrentTime = system_time};

sqlite3 *image_file_connect(const struct image_source *source, struct image_file **file)
{
    sqlite3 *db = NULL;
    sqlite3_file *base = NULL;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* without an effect after the first; its counters cost a lock each */
    opening = source;
    if (sqlite3_vfs_register(&file_system, 0) == SQLITE_OK &&
        sqlite3_open_v2("parts", &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NAME) == SQLITE_OK &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &base) == SQLITE_OK && base &&
        sqlite3_exec(db, "PRAGMA mmap_size=100000000", NULL, NULL, NULL) == SQLITE_OK) {
        opening = NULL;
        *file = file_of(base);
        return db;
    }
    sqlite3_close(db);
    return NULL;
}

const struct err *image_file_error(const struct image_file *f)
{
    return f->err.code ? &f->err : NULL;
}
