/* Thumbnails of many elevations in one answer: a ZIP with a file for each that is there, and at its end index.json, in
 * which every elevation that was asked for stands, with its file or the reason why it has none. A statement's images
 * are held at a time, and the index. */
#include <stdlib.h>
#include <string.h>

#include "conf/text/json_times.h"
#include "services/store/web/parts/images_read.h"
#include "services/web/api/parts/images.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"
#include "services/archive/zip.h"

struct thumbnails {
    const char *ids;
    int first, total;
    struct zip zip;
    struct buf index;
};

static void on_end(void *arg)
{
    struct thumbnails *t = arg;
    zip_free(&t->zip);
    buf_free(&t->index);
}

/* What is known of it stands in line, an object; file: in the archive, "" = none. */
static void add_index(struct thumbnails *t, const char *line, size_t len, const char *file, const char *type)
{
    buf_str(&t->index, t->index.len == 0 ? "{\"thumbnails\":[\n" : ",\n");
    json_times_add(&t->index, line, len - 1);
    if (*file) buf_printf(&t->index, ", \"file\": \"%s\", \"content_type\": \"%s\"", file, type);
    buf_char(&t->index, '}');
}

static bool add_row(struct thumbnails *t, const PGresult *result, int row, struct buf *out)
{
    const char *bytes = PQgetvalue(result, row, 2), *type = NULL;
    size_t len = (size_t)PQgetlength(result, row, 2);
    bool is_there = !PQgetisnull(result, row, 2), is_good = true;
    char file[40] = "";
    if (is_there) {
        type = image_type(bytes, len);
        snprintf(file, sizeof file, "%.20s.%s", PQgetvalue(result, row, 0), image_ending(type));
        is_good = zip_add(&t->zip, out, file, bytes, len);
    }
    add_index(t, PQgetvalue(result, row, 3), (size_t)PQgetlength(result, row, 3), file,
              type ? type : "application/octet-stream");
    return is_good;
}

static bool add_end(struct thumbnails *t, struct buf *out)
{
    buf_str(&t->index, "\n]}\n");
    return !t->index.failed && zip_add(&t->zip, out, "index.json", t->index.data, t->index.len) &&
           zip_end(&t->zip, out);
}

static void ask(struct req *r);

static void then_images(struct req *r, const PGresult *result)
{
    struct thumbnails *t = r->state;
    struct buf out = {0};
    int rows = PQntuples(result);
    bool is_good = rows > 0, is_last;
    if (!r->is_streaming) reply_stream_begin(r, 200, TYPE_ZIP);
    for (int i = 0; i < rows && is_good; i++) is_good = add_row(t, result, i, &out);
    if (is_good) t->total = (int)strtol(PQgetvalue(result, 0, 4), NULL, 10);
    t->first += rows;
    is_last = t->first >= t->total;
    if (is_good && is_last) is_good = add_end(t, &out);
    r->is_broken = !is_good || out.failed;
    bool is_taken = !r->is_broken && reply_stream_chunk(r, out.data, out.len, is_last ? NULL : ask);
    buf_free(&out);
    if (!is_taken || is_last) reply_stream_end(r);
}

static void ask(struct req *r)
{
    const struct thumbnails *t = r->state;
    if (r->is_gone && r->is_streaming) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {t->ids, req_printf(r, "%d", t->first)};
    req_query(r, &query_thumbnails_batch, 2, values, then_images);
}

void web_thumbnails_batch(struct req *r)
{
    struct thumbnails *t = req_alloc(r, sizeof *t);
    t->ids = req_body_text(r, "elevation_ids");
    r->state = t;
    req_on_end(r, on_end, t);
    reply_header(r, "Content-Disposition", "attachment; filename=\"thumbnails.zip\"");
    streams_admit(r, ask);
}
