/* Dumping the truth: see dump.h. A walk down the tree that stops after each piece until the piece is written. */
#include "tests/sim/dump.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/api.h"
#include "tests/sim/world/object.h"
#include "tests/sim/files/parts.h"

#define PIECE_BYTES 65536
#define PIECE_PARTS 40 /* parts lists made in one go: a few milliseconds */

struct dump {
    LIST_ENTRY(dump) link;
    struct sim *sim;
    struct evhttp_request *req;
    struct index_list lists[KIND_COUNT]; /* what is left on each level of the walk */
    size_t at[KIND_COUNT];
    bool with_parts;
    unsigned parts_made;
    struct picture picture;
    struct buf piece;
};

/* Tests ask for the same dump again and again: the sums of the first elevations are kept until one changes. */
#define SUMS_KEPT 1024
static struct kept {
    uint64_t key;
    char *text;
} sums[SUMS_KEPT];

static void dump_free(struct dump *d)
{
    LIST_REMOVE(d, link);
    for (int k = 0; k < KIND_COUNT; k++) free(d->lists[k].items);
    buf_free(&d->piece);
    free(d);
}

void dumps_free(struct sim *sim)
{
    for (int i = 0; i < SUMS_KEPT; i++) free(sums[i].text);
    while (!LIST_EMPTY(&sim->dumps)) {
        struct dump *d = LIST_FIRST(&sim->dumps);
        evhttp_connection_set_closecb(evhttp_request_get_connection(d->req), NULL, NULL);
        dump_free(d);
    }
}

static void add_identifier(const struct world *w, const char *key, enum kind kind, uint32_t index, struct buf *out)
{
    struct buf text = {0};
    buf_str(out, key);
    if (index == NO_INDEX) {
        buf_str(out, "null");
        return;
    }
    world_add_identifier(w, kind, index, &text);
    buf_json_string(out, text.data, text.len);
    buf_free(&text);
}

/* Of everything that an elevation's files are made of. */
static uint64_t sums_key(const struct dump *d, uint32_t elevation)
{
    const struct world *w = d->sim->world;
    struct buf text = {0};
    object_add_json(w, KIND_ELEVATION, elevation, &text);
    buf_printf(&text, "%u %u %u %d %d %d", world_parent(w, KIND_PHASE, world_parent(w, KIND_ELEVATION, elevation)),
               d->picture.width, d->picture.height, d->picture.is_interior, d->picture.with_dimensions,
               d->picture.with_description);
    uint64_t key = 1;
    for (size_t i = 0; i < text.len; i++) key = hash3(key, (unsigned char)text.data[i], i);
    buf_free(&text);
    return key;
}

static void make_sums(struct dump *d, uint32_t elevation)
{
    char sum[65];
    struct buf bytes = {0};
    parts_add_database(d->sim->world, elevation, &bytes);
    buf_printf(&d->piece, ",\"parts_sha256\":\"%s\",\"parts_bytes\":%zu", sha256_hex(bytes.data, bytes.len, sum),
               bytes.len);
    buf_str(&d->piece, ",\"parts\":");
    parts_add_truth(d->sim->world, elevation, &d->piece);
    buf_reset(&bytes);
    picture_add_png(d->sim->world, elevation, &d->picture, &bytes);
    buf_printf(&d->piece, ",\"thumbnail_sha256\":\"%s\"", sha256_hex(bytes.data, bytes.len, sum));
    buf_free(&bytes);
    d->parts_made++;
}

static void add_sums(struct dump *d, uint32_t elevation)
{
    struct kept *kept = elevation < SUMS_KEPT ? &sums[elevation] : NULL;
    uint64_t key = kept ? sums_key(d, elevation) : 0;
    if (kept && kept->text && kept->key == key) {
        buf_str(&d->piece, kept->text);
        return;
    }
    size_t before = d->piece.len;
    make_sums(d, elevation);
    if (!kept) return;
    free(kept->text);
    kept->text = strndup(d->piece.data + before, d->piece.len - before);
    kept->key = key;
}

static void add_line(struct dump *d, enum kind kind, uint32_t index)
{
    const struct world *w = d->sim->world;
    uint32_t parent = world_parent(w, kind, index);
    buf_printf(&d->piece, "{\"type\":\"%s\"", kind_name(kind));
    add_identifier(w, ",\"id\":", kind, index, &d->piece);
    add_identifier(w, ",\"parent\":", kind == KIND_DIRECTORY ? kind : kind - 1, parent, &d->piece);
    if (kind == KIND_ELEVATION)
        add_identifier(w, ",\"project\":", KIND_PROJECT, world_parent(w, KIND_PHASE, parent), &d->piece);
    buf_str(&d->piece, ",\"object\":");
    object_add_json(w, kind, index, &d->piece);
    if (kind == KIND_ELEVATION && d->with_parts) add_sums(d, index);
    buf_str(&d->piece, "}\n");
}

static void add_directories_below(const struct world *w, uint32_t parent, struct index_list *all)
{
    struct index_list children = world_children(w, KIND_DIRECTORY, parent);
    for (size_t i = 0; i < children.count; i++) {
        index_list_add(all, children.items[i]);
        add_directories_below(w, children.items[i], all);
    }
    free(children.items);
}

/* One step of the walk: the next object, and the list of its children. False at the end. */
static bool dump_step(struct dump *d)
{
    int kind = KIND_ELEVATION;
    while (kind >= 0 && d->at[kind] == d->lists[kind].count) kind--;
    if (kind < 0) return false;
    uint32_t index = d->lists[kind].items[d->at[kind]++];
    if (!world_exists(d->sim->world, (enum kind)kind, index)) return true; /* deleted while we walked */
    add_line(d, (enum kind)kind, index);
    if (kind == KIND_ELEVATION) return true;
    free(d->lists[kind + 1].items);
    d->lists[kind + 1] = world_children(d->sim->world, (enum kind)(kind + 1), index);
    d->at[kind + 1] = 0;
    return true;
}

static void dump_continue(struct evhttp_connection *connection, void *arg)
{
    struct dump *d = arg;
    bool has_more = true;
    d->parts_made = 0;
    while (d->piece.len < PIECE_BYTES && d->parts_made < PIECE_PARTS && has_more) has_more = dump_step(d);
    if (d->piece.len == 0) {
        evhttp_connection_set_closecb(connection, NULL, NULL);
        evhttp_send_reply_end(d->req);
        dump_free(d);
        return;
    }
    struct evbuffer *out = evbuffer_new();
    if (!out) abort();
    evbuffer_add(out, d->piece.data, d->piece.len);
    buf_reset(&d->piece);
    evhttp_send_reply_chunk_with_cb(d->req, out, dump_continue, d);
    evbuffer_free(out);
}

static void on_gone(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    dump_free(arg);
}

void dump_send(struct sim *sim, struct evhttp_request *req)
{
    struct evkeyvalq query;
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    struct dump *d = calloc(1, sizeof *d);
    if (!d) abort();
    TAILQ_INIT(&query);
    if (text) evhttp_parse_query_str(text, &query);
    const char *parts = evhttp_find_header(&query, "parts");
    d->with_parts = parts && strcmp(parts, "1") == 0;
    if (!picture_read(&query, &d->picture))
        d->picture = (struct picture){.width = 300, .height = 300, .with_dimensions = true, .with_description = true};
    evhttp_clear_headers(&query);
    d->sim = sim;
    d->req = req;
    LIST_INSERT_HEAD(&sim->dumps, d, link);
    add_directories_below(sim->world, NO_INDEX, &d->lists[KIND_DIRECTORY]);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_gone, d);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/x-ndjson");
    evhttp_send_reply_start(req, 200, NULL);
    dump_continue(evhttp_request_get_connection(req), d);
}
