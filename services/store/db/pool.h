/* PostgreSQL for an event loop: a few non-blocking connections in pipeline mode, opened when they are needed, shared by
 * all requests. A statement is prepared once per connection and then executed by name, except behind a connection
 * pooler.
 *
 * While PostgreSQL is down, a query fails at once with ERR_DB and the pool reconnects with backoff; nobody has to ask
 * it to. A statement that takes longer than the statement timeout fails with ERR_TIMEOUT. Nothing here blocks: host
 * names are resolved by the loop. */
#ifndef LOGIKALD_SERVICES_STORE_DB_POOL_H
#define LOGIKALD_SERVICES_STORE_DB_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>
#include <libpq-fe.h>

#include "conf/conf.h"
#include "conf/err.h"

/* A statement; static, known by its address. */
struct query {
    const char *name; /* for logs and metrics */
    const char *sql;
    bool is_slow;    /* reports, large lists: no other statement should wait behind it */
    bool is_quick;   /* never waits for a table that others lock: a connection is kept for these */
    bool is_patient; /* nobody waits for it: all such have one connection together, and leave the last one to others */
    bool is_binary;  /* results come in binary form (bytea) */
    bool is_exact;   /* its JSON goes out as it is: it has texts of files, and its own times are written in full */
};

struct pool;
struct pool_call;

/* result belongs to the pool and is gone after the call; either result or err is NULL. err: ERR_DB, ERR_TIMEOUT,
 * ERR_CONFLICT (unique or foreign key violated), ERR_INPUT (a value PostgreSQL cannot take), ERR_LIMIT (too many wait).
 */
typedef void (*pool_fn)(void *arg, const PGresult *result, const struct err *err);

/* Connects in the background at once. NULL with err when the URL is missing or malformed. */
struct pool *pool_new(struct event_base *base, const struct conf *conf, const char *application, struct err *err);
void pool_free(struct pool *pool); /* calls still waiting are dropped, their functions not called; NULL is fine */

/* values[n] are text, NULL = SQL null, and are copied. fn is called exactly once, later, from the loop, unless the call
 * is cancelled first. NULL without memory (fn is not called). */
struct pool_call *pool_query(struct pool *pool, const struct query *query, int n, const char *const *values, pool_fn fn,
                             void *arg);

/* Called on every change between up and down. */
typedef void (*pool_state_fn)(void *arg, bool is_up, const char *why);
void pool_on_state(struct pool *pool, pool_state_fn fn, void *arg);

/* When the server's certificate ends (unix time); 0 = without TLS, or not connected. */
int64_t pool_certificate_ends_s(const struct pool *pool);

struct pool_stats {
    int size, open, busy, waiting;
    int64_t queries, errors, timeouts, reconnects;
    int64_t busy_us; /* time that statements took, summed up */
};
void pool_stats(const struct pool *pool, struct pool_stats *out);

#endif
