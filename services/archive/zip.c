/* A ZIP archive (PKWARE's APPNOTE, 4.3) made piece by piece: each file stands as it is, since images are compressed
 * already, and only the list of them is held until the end. See zip.h. */
#include "services/archive/zip.h"

#include <string.h>
#include <zlib.h>

#define FILES_MAX   65535
#define BYTES_MAX   UINT32_MAX
#define VERSION     20     /* to read it: 2.0 */
#define UTF8_NAMES  0x0800 /* flag */
#define FIRST_DAY   0x0021 /* 1 January 1980 */
#define LOCAL       0x04034b50
#define CENTRAL     0x02014b50
#define END         0x06054b50
#define LOCAL_BYTES 30
#define ENTRY_BYTES 46
#define END_BYTES   22

static void add_16(struct buf *b, unsigned value)
{
    buf_char(b, (char)(value & 0xff));
    buf_char(b, (char)(value >> 8 & 0xff));
}

static void add_32(struct buf *b, uint64_t value)
{
    add_16(b, (unsigned)(value & 0xffff));
    add_16(b, (unsigned)(value >> 16 & 0xffff));
}

/* What a file's head and its entry in the directory have in common. */
static void add_facts(struct buf *b, size_t name_len, uint32_t crc, size_t len)
{
    add_16(b, VERSION);
    add_16(b, UTF8_NAMES);
    add_16(b, 0); /* stored as it is */
    add_16(b, 0); /* midnight */
    add_16(b, FIRST_DAY);
    add_32(b, crc);
    add_32(b, len);
    add_32(b, len);
    add_16(b, (unsigned)name_len);
    add_16(b, 0); /* nothing extra */
}

bool zip_add(struct zip *z, struct buf *out, const char *name, const void *bytes, size_t len)
{
    size_t name_len = strlen(name);
    uint64_t after = z->at + LOCAL_BYTES + name_len + len;
    uint64_t end = after + z->directory.len + ENTRY_BYTES + name_len + END_BYTES;
    if (z->files == FILES_MAX || name_len > UINT16_MAX || len > BYTES_MAX || end > BYTES_MAX) return false;
    uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), bytes, (uInt)len);
    add_32(out, LOCAL);
    add_facts(out, name_len, crc, len);
    buf_str(out, name);
    buf_add(out, bytes, len);

    add_32(&z->directory, CENTRAL);
    add_16(&z->directory, VERSION);
    add_facts(&z->directory, name_len, crc, len);
    add_16(&z->directory, 0); /* no comment */
    add_16(&z->directory, 0); /* disk */
    add_16(&z->directory, 0);
    add_32(&z->directory, 0); /* attributes */
    add_32(&z->directory, z->at);
    buf_str(&z->directory, name);
    z->at = after;
    z->files++;
    return !out->failed && !z->directory.failed;
}

bool zip_end(struct zip *z, struct buf *out)
{
    buf_add(out, z->directory.data ? z->directory.data : "", z->directory.len);
    add_32(out, END);
    add_16(out, 0); /* disks */
    add_16(out, 0);
    add_16(out, z->files);
    add_16(out, z->files);
    add_32(out, z->directory.len);
    add_32(out, z->at);
    add_16(out, 0); /* no comment */
    return !out->failed && !z->directory.failed;
}

void zip_free(struct zip *z)
{
    buf_free(&z->directory);
}
