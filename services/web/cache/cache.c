/* Answers kept in memory while the versions of their tables stand; one request loads, the others wait for it.
 *
 * A miss makes its request the leader of all that ask for the same key under the same versions: they hang in its list
 * of followers and cost nothing. When the leader keeps its answer, each follower gets that entry. When it does not (an
 * error, its client gone, an answer too large), each loads for itself or streams, since one that fails for the leader
 * may succeed for another, and nobody inherits an error. Who asks under other versions follows
 * nobody, since the leader's answer may be older. That a whole herd asks PostgreSQL at once after a failure is taken:
 * the pool bounds it, and electing the next leader would make the last one of a hundred wait through ninety-nine
 * failures. */
#include "services/web/cache/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sodium.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/hash.h"
#include "conf/version.h"
#include "services/web/http/message/gzip.h"
#include "conf/text/json_times.h"
#include "services/web/http/reply.h"

/* Counted: the table holds one reference, and each answer that is being sent. Without bytes it only remembers that the
 * answer is streamed, and by what. */
struct cache_entry {
    TAILQ_ENTRY(cache_entry) link; /* most recently used first */
    char *key;
    uint64_t hash; /* of the key, so that looking for one compares numbers */
    void (*instead)(struct req *r);
    struct table_versions versions;
    int64_t made_ms;
    char *bytes, *packed;
    size_t len, packed_len;
    char etag[33];
    int references;
    bool is_listed; /* in the table */
};
TAILQ_HEAD(entries, cache_entry);

LIST_HEAD(waits, wait);

/* A request at the cache. The one that loads stands in `loading`, and those who want the same queue behind it. */
struct wait {
    struct req *req;
    const char *key;
    uint64_t hash;
    unsigned tables;
    void (*load)(struct req *r);
    struct table_versions versions;
    LIST_ENTRY(wait) link; /* in loading, or among the followers of one there */
    struct waits followers;
    bool is_listed;
};

struct cache {
    struct web *web;
    struct entries entries;
    struct waits loading;
    struct cache_stats stats;
};

/* ---- entries ---- */

static void entry_release(struct cache_entry *e)
{
    if (--e->references > 0) return;
    free(e->key);
    free(e->bytes);
    free(e->packed);
    free(e);
}

static void entry_drop(struct cache *c, struct cache_entry *e)
{
    TAILQ_REMOVE(&c->entries, e, link);
    e->is_listed = false;
    c->stats.bytes -= e->len + e->packed_len;
    c->stats.entries--;
    entry_release(e);
}

static bool is_current(const struct cache_entry *e, const struct wait *w)
{
    for (int i = 0; i < VERSION_COUNT; i++)
        if ((w->tables >> i & 1) && e->versions.of[i] != w->versions.of[i]) return false;
    return e->instead || mono_ms() - e->made_ms < CACHE_AGE_MS;
}

static struct cache_entry *entry_find(struct cache *c, const struct wait *w)
{
    struct cache_entry *e = TAILQ_FIRST(&c->entries);
    while (e && (e->hash != w->hash || strcmp(e->key, w->key) != 0)) e = TAILQ_NEXT(e, link);
    if (e && !is_current(e, w)) {
        entry_drop(c, e);
        return NULL;
    }
    if (e && e != TAILQ_FIRST(&c->entries)) {
        TAILQ_REMOVE(&c->entries, e, link);
        TAILQ_INSERT_HEAD(&c->entries, e, link);
    }
    return e;
}

static void trim(struct cache *c)
{
    /* dropping takes an entry off the list */
    while ((c->stats.bytes > CACHE_BYTES || c->stats.entries > CACHE_ENTRIES) && !TAILQ_EMPTY(&c->entries))
        entry_drop(c, TAILQ_LAST(&c->entries, entries)); /* NOLINT(clang-analyzer-unix.Malloc) */
}

/* An entry of what w asked for, in the table; NULL without memory. */
static struct cache_entry *entry_add(struct cache *c, const struct wait *w)
{
    struct cache_entry *e = calloc(1, sizeof *e);
    if (!e || !(e->key = strdup(w->key))) {
        free(e);
        return NULL;
    }
    e->hash = w->hash;
    e->versions = w->versions;
    e->made_ms = mono_ms();
    e->references = 1;
    e->is_listed = true;
    TAILQ_INSERT_HEAD(&c->entries, e, link);
    c->stats.entries++;
    return e;
}

static void on_sent(const void *bytes, size_t len, void *arg)
{
    (void)bytes, (void)len;
    entry_release(arg);
}

static void entry_reply(struct cache *c, struct req *r, struct cache_entry *e)
{
    reply_header(r, "Vary", "Accept-Encoding");
    if (r->told) r->told(r, e->bytes, e->len);
    if (reply_unchanged_weak(r, e->etag)) return;
    bool is_packed = e->len >= GZIP_LEAST && reply_accepts_gzip(r);
    if (is_packed && !e->packed) {
        e->packed = gzip_bytes(e->bytes, e->len, &e->packed_len);
        if (e->is_listed) c->stats.bytes += e->packed_len;
    }
    is_packed = is_packed && e->packed;
    if (is_packed) reply_header(r, "Content-Encoding", "gzip");
    e->references++;
    reply_shared(r, 200, TYPE_JSON, is_packed ? e->packed : e->bytes, is_packed ? e->packed_len : e->len, on_sent, e);
}

/* ---- asking ---- */

static void wait_leave(struct wait *w)
{
    if (w->is_listed) LIST_REMOVE(w, link);
    w->is_listed = false;
}

static void wait_enter(struct waits *list, struct wait *w)
{
    LIST_INSERT_HEAD(list, w, link);
    w->is_listed = true;
}

/* Takes w out of loading, and its followers from it: into a list of the caller's, which those who end leave. */
static void stop_leading(struct wait *w, struct waits *followers)
{
    wait_leave(w);
    LIST_INIT(followers);
    for (struct wait *f; (f = LIST_FIRST(&w->followers)) != NULL;) {
        wait_leave(f);
        wait_enter(followers, f);
    }
}

void cache_decline(struct req *r, void (*instead)(struct req *r))
{
    struct cache *c = r->web->cache;
    struct wait *w = r->cache;
    struct waits followers;
    stop_leading(w, &followers);
    struct cache_entry *e = instead ? entry_add(c, w) : NULL;
    if (e) e->instead = instead;
    trim(c);
    for (struct wait *f; (f = LIST_FIRST(&followers)) != NULL;) {
        wait_leave(f);
        (instead ? instead : f->load)(f->req);
    }
}

/* The request ends: without an answer for the others, if it loads. */
static void on_end(void *wait)
{
    struct wait *w = wait;
    struct waits followers;
    stop_leading(w, &followers);
    for (struct wait *f; (f = LIST_FIRST(&followers)) != NULL;) {
        wait_leave(f);
        f->load(f->req);
    }
}

static void lead(struct cache *c, struct wait *w)
{
    c->stats.misses++;
    wait_enter(&c->loading, w);
    w->load(w->req);
}

static void on_versions(void *arg, const struct table_versions *versions, const struct err *err)
{
    struct req *r = arg;
    struct cache *c = r->web->cache;
    struct wait *w = r->cache;
    if (err) {
        reply_statement_err(r, err);
        return;
    }
    w->versions = *versions;
    struct cache_entry *e = entry_find(c, w);
    if (e) {
        c->stats.hits++;
        if (e->instead)
            e->instead(r);
        else
            entry_reply(c, r, e);
        return;
    }
    struct wait *other;
    LIST_FOREACH(other, &c->loading, link) {
        if (other->hash != w->hash || strcmp(other->key, w->key) != 0 ||
            memcmp(&other->versions, versions, sizeof *versions) != 0)
            continue;
        wait_enter(&other->followers, w);
        return;
    }
    lead(c, w);
}

void cache_answer(struct req *r, const char *key, unsigned tables, void (*load)(struct req *r))
{
    struct wait *w = req_alloc(r, sizeof *w);
    *w = (struct wait){.req = r, .key = key, .hash = hash_text(key), .tables = tables, .load = load};
    r->cache = w;
    req_on_end(r, on_end, w);
    if (r->versions)
        on_versions(r, r->versions, NULL);
    else if (r->web->pool)
        versions_get(r->web->versions, on_versions, r);
    else
        reply_unavailable(r, 30, "PostgreSQL is not configured: set DATABASE_URL");
}

bool cache_unchanged(struct req *r, int64_t age_ms)
{
    const struct wait *w = r->cache;
    crypto_generichash_state state;
    unsigned char hash[16];
    char etag[33];
    int64_t facts[VERSION_COUNT + 1] = {0};
    for (int i = 0; i < VERSION_COUNT; i++)
        if (w->tables >> i & 1) facts[i] = w->versions.of[i];
    if (age_ms) facts[VERSION_COUNT] = wall_ms() / age_ms;
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)version_text, strlen(version_text));
    crypto_generichash_update(&state, (const unsigned char *)w->key, strlen(w->key) + 1);
    crypto_generichash_update(&state, (const unsigned char *)facts, sizeof facts);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(etag, sizeof etag, hash, sizeof hash);
    reply_header(r, "Vary", "Accept-Encoding");
    return reply_unchanged_weak(r, etag);
}

void cache_keep(struct req *r, char *bytes, size_t len)
{
    struct cache *c = r->web->cache;
    struct wait *w = r->cache;
    unsigned char hash[16];
    struct cache_entry *e = bytes ? entry_add(c, w) : NULL;
    if (!e) {
        free(bytes);
        reply_detail(r, 500, "No memory");
        return;
    }
    crypto_generichash(hash, sizeof hash, (const unsigned char *)bytes, len, NULL, 0);
    sodium_bin2hex(e->etag, sizeof e->etag, hash, sizeof hash);
    e->bytes = bytes;
    e->len = len;
    c->stats.bytes += len;
    struct waits followers;
    stop_leading(w, &followers);
    e->references++; /* answering may drop it: the end of a request whose client is gone trims the table */
    entry_reply(c, r, e);
    for (struct wait *f; (f = LIST_FIRST(&followers)) != NULL;) {
        wait_leave(f);
        entry_reply(c, f->req, e);
    }
    if (e->is_listed && e->len > CACHE_ENTRY_MAX) entry_drop(c, e);
    entry_release(e);
    trim(c);
}

/* ---- one statement ---- */

struct cached_document {
    const struct query *query;
    int n;
    const char *const *values;
    const char *not_found;
    void (*large)(struct req *r);
};

static void then_document(struct req *r, const PGresult *result)
{
    struct cached_document *d = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "%s", d->not_found ? d->not_found : "Not found");
        return;
    }
    if (d->large && PQgetisnull(result, 0, 0)) {
        cache_decline(r, d->large);
        d->large(r);
        return;
    }
    struct buf out = {0};
    buf_reserve(&out, (size_t)PQgetlength(result, 0, 0) + 1);
    json_times_add(&out, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
    size_t len = out.len;
    cache_keep(r, buf_steal(&out), len);
}

static void load_document(struct req *r)
{
    struct cached_document *d = r->state;
    req_query(r, d->query, d->n, d->values, then_document);
}

void cache_json_or(struct req *r, const struct query *q, int n, const char *const *values, unsigned tables,
                   const char *not_found, void (*large)(struct req *r))
{
    struct cached_document *d = req_alloc(r, sizeof *d);
    const char **kept = req_alloc(r, (size_t)n * sizeof *kept + 1);
    struct buf key = {0};
    buf_str(&key, q->name);
    for (int i = 0; i < n; i++) {
        kept[i] = values[i];
        buf_printf(&key, "\x1f%s", values[i] ? values[i] : "\x1e");
    }
    *d = (struct cached_document){q, n, kept, not_found, large};
    r->state = d;
    cache_answer(r, req_strdup(r, key.data ? key.data : ""), tables, load_document);
    buf_free(&key);
}

void cache_json(struct req *r, const struct query *q, int n, const char *const *values, unsigned tables,
                const char *not_found)
{
    cache_json_or(r, q, n, values, tables, not_found, NULL);
}

/* ---- life ---- */

struct cache *cache_new(struct web *web)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->web = web;
    TAILQ_INIT(&c->entries);
    LIST_INIT(&c->loading);
    return c;
}

void cache_free(struct cache *c)
{
    if (!c) return;
    while (!TAILQ_EMPTY(&c->entries))
        entry_drop(c, TAILQ_FIRST(&c->entries)); /* NOLINT(clang-analyzer-unix.Malloc): it takes it off the list */
    free(c);
}

void cache_stats(const struct cache *c, struct cache_stats *out)
{
    *out = c->stats;
}
