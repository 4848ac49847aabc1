/* Answers of GET kept in memory, and used as long as the version counters of their tables stand (and at most
 * CACHE_AGE_MS, because some say how old things are). A miss is loaded once, however many ask at the same time. Bounded
 * in bytes and number; the least recently used go first. Answers carry an ETag of their bytes; the compressed form is
 * kept too. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_CACHE_H
#define LOGIKALD_SERVICES_WEB_CACHE_CACHE_H

#include "services/web/cache/versions.h"
#include "services/web/http/req.h"

#define CACHE_AGE_MS    20000
#define CACHE_BYTES     (12u << 20)
#define CACHE_ENTRIES   512
#define CACHE_ENTRY_MAX (4u << 20) /* larger answers are not kept */

/* Tables, as bits. */
#define TABLE(name)  (1u << VERSION_##name)
#define TABLES_TREE  (TABLE(DIRECTORIES) | TABLE(PROJECTS) | TABLE(PHASES) | TABLE(ELEVATIONS))
#define TABLES_PARTS (TABLES_TREE | TABLE(GLASS))

struct cache *cache_new(struct web *web); /* NULL without memory */
void cache_free(struct cache *c);         /* no request may be waiting any more */

/* Answers r from the cache under its key, or calls load(r), which ends with cache_keep, or answers by itself (an error,
 * a stream): whoever waited for the same then loads for itself. */
void cache_answer(struct req *r, const char *key, unsigned tables, void (*load)(struct req *r));
/* From load: this is the answer. bytes (malloc'ed) are taken. */
void cache_keep(struct req *r, char *bytes, size_t len);

/* From load: the answer is too large to be kept. Those who wait, and those who ask while the counters stand, are given
 * to `instead` at once. */
void cache_decline(struct req *r, void (*instead)(struct req *r));

/* For a stream, before it begins: its ETag is made from the version counters. True: the client has it already, and was
 * answered 304. age_ms: how long it may be taken for current though nothing changed; 0 = for ever. */
bool cache_unchanged(struct req *r, int64_t age_ms);

/* The usual case: one statement that answers the JSON document. Its values make the key; they must live as long as the
 * request. No row: 404 with not_found. */
void cache_json(struct req *r, const struct query *q, int n, const char *const *values, unsigned tables,
                const char *not_found);
/* The same; a statement that answers NULL says that the document is too large to be built: large streams it. */
void cache_json_or(struct req *r, const struct query *q, int n, const char *const *values, unsigned tables,
                   const char *not_found, void (*large)(struct req *r));

struct cache_stats {
    int64_t hits, misses;
    size_t bytes, entries;
};
void cache_stats(const struct cache *c, struct cache_stats *out);

#endif
