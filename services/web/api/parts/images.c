/* Images of elevations: how they are sent, and the thumbnail of one. */
#include "services/web/api/parts/images.h"

#include <string.h>

#include "services/store/web/parts/images_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

static const struct {
    const char *type, *ending, *start;
    size_t len;
} known[] = {{"image/png", "png", "\x89PNG\r\n\x1a\n", 8},
             {"image/jpeg", "jpg", "\xff\xd8\xff", 3},
             {"image/gif", "gif", "GIF87a", 6},
             {"image/gif", "gif", "GIF89a", 6},
             {"image/bmp", "bmp", "BM", 2}};

const char *image_type(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (len >= known[i].len && memcmp(bytes, known[i].start, known[i].len) == 0) return known[i].type;
    return NULL;
}

const char *image_ending(const char *type)
{
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i].type) == 0) return known[i].ending;
    return "bin";
}

void image_reply(struct req *r, const char *etag, const char *bytes, size_t len)
{
    const char *type = image_type(bytes, len);
    reply_header(r, "Cache-Control", "private, max-age=300");
    reply_header(r, "Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'");
    if (!type) reply_header(r, "Content-Disposition", "attachment; filename=\"image.bin\"");
    if (*etag && reply_unchanged(r, etag)) return;
    reply_bytes(r, 200, type ? type : "application/octet-stream", bytes, len);
}

static void then_image(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 404, "%s not found", PQntuples(result) == 0 ? "Elevation" : (const char *)r->state);
    else
        image_reply(r, PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
}

void web_elevation_image(struct req *r)
{
    r->state = (void *)"Image";
    req_query(r, &query_elevation_image, 1, (const char *[]){req_param(r, 0)}, then_image);
}

void web_elevation_thumbnail(struct req *r)
{
    r->state = (void *)"Thumbnail";
    req_query(r, &query_elevation_image, 1, (const char *[]){req_param(r, 0)}, then_image);
}
