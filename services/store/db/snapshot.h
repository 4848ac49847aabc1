/* One consistent look at the database, for an event loop: a connection of its own, in a transaction that reads and sees
 * all as it was when it began, however long it lasts. Statements run one after another. PostgreSQL ends a transaction
 * that is left alone for longer than the snapshot may last; who opens one closes it in time. */
#ifndef LOGIKALD_SERVICES_STORE_DB_SNAPSHOT_H
#define LOGIKALD_SERVICES_STORE_DB_SNAPSHOT_H

#include "services/store/db/pool.h"

struct held_snapshot;

/* Connects as the pool does, begins, and runs the first statement (without values); fn is called once, later, as with
 * pool_query. NULL without memory. */
struct held_snapshot *snapshot_open(struct pool *pool, int64_t seconds, const struct query *first, pool_fn fn,
                                    void *arg);
/* Only when nothing is under way. fn is called once, later. */
void snapshot_query(struct held_snapshot *s, const struct query *query, int n, const char *const *values, pool_fn fn,
                    void *arg);
/* What is under way is dropped, its function not called. May be called in fn. NULL is fine. */
void snapshot_close(struct held_snapshot *s);

#endif
