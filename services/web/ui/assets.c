/* Static files, embedded at build time: every file under services/web/ui/assets but the templates (html/) is served at
 * /assets/HASH/PATH for ever (the hash is of its content; templates write {{asset PATH}}), and at /assets/PATH with an
 * ETag. A file whose name ends with .gz is sent as what it holds, compressed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "conf/embedded.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define PLAIN_MAX (16u << 20)

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".woff2", "font/woff2"},
                 {".json", TYPE_JSON},
                 {".txt", TYPE_TEXT}};
    char plain[256];
    snprintf(plain, sizeof plain, "%s", name);
    if (ends_with(plain, ".gz")) plain[strlen(plain) - 3] = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (ends_with(plain, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}

/* For the rare client that takes no gzip. */
static void reply_unpacked(struct req *r, const char *type, const struct embedded *packed)
{
    z_stream z = {.next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len};
    const unsigned char *tail = packed->data + packed->len - 4;
    size_t size = tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    unsigned char *plain = size < PLAIN_MAX ? malloc(size + 1) : NULL;
    z.next_out = plain;
    z.avail_out = (uInt)size + 1;
    if (plain && inflateInit2(&z, 15 + 16) == Z_OK) {
        inflate(&z, Z_FINISH);
        inflateEnd(&z);
        reply_bytes(r, 200, type, plain, z.total_out);
    } else {
        reply_detail(r, 500, "No memory");
    }
    free(plain);
}

void web_asset(struct req *r)
{
    const char *name = req_param(r, 0), *hash = name;
    bool is_hashed = strspn(name, "0123456789abcdef") == 16 && name[16] == '/';
    if (is_hashed) name += 17;
    const struct embedded *found = strncmp(name, "html/", 5) == 0 ? NULL : embedded_find(embedded_assets, name);
    if (!found) {
        reply_detail(r, 404, "Not Found");
        return;
    }
    if (is_hashed && strncmp(hash, found->hash, 16) == 0)
        reply_header(r, "Cache-Control", "public, max-age=31536000, immutable");
    else
        reply_header(r, "Cache-Control", "no-cache");
    if (reply_unchanged(r, found->hash)) return;
    if (!ends_with(name, ".gz")) {
        reply_bytes(r, 200, type_of(name), found->data, found->len);
        return;
    }
    reply_header(r, "Vary", "Accept-Encoding");
    if (!reply_accepts_gzip(r)) {
        reply_unpacked(r, type_of(name), found);
        return;
    }
    reply_header(r, "Content-Encoding", "gzip");
    reply_shared(r, 200, type_of(name), found->data, found->len, NULL, NULL);
}
