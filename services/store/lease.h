/* Leases: one holder of a name at a time, across processes and containers, by rows in PostgreSQL.
 *
 * A lease ends by itself when its holder stops renewing it. Each new holder gets a larger token; a write that must not
 * come from a former holder checks the token in its own transaction (lease_check), so that a process that slept
 * through its expiry cannot overwrite its successor's rows. All functions block for a statement. */
#ifndef LOGIKALD_SERVICES_STORE_LEASE_H
#define LOGIKALD_SERVICES_STORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"

struct db;

#define LEASE_NAME_SIZE  320
#define LEASE_OWNER_SIZE 128

struct lease {
    char name[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
    int64_t token;      /* 0 = not held */
    int64_t ttl_ms;     /* from each renewal */
    int64_t renewed_ms; /* mono_ms of the last one */
};

/* Takes the lease for ttl_ms: 0, -ERR_CONFLICT when somebody else holds it (err names the owner), or -ERR_DB. */
int lease_acquire(struct db *db, struct lease *lease, const char *name, const char *owner, int64_t ttl_ms,
                  struct err *err);
/* Prolongs it when a third of its time has passed (cheap to call often): 0, -ERR_CONFLICT when it was lost, -ERR_DB. */
int lease_renew(struct db *db, struct lease *lease, struct err *err);
/* Inside a transaction: 0 while it is ours until the commit, -ERR_CONFLICT when it is not. */
int lease_check(struct db *db, const struct lease *lease, struct err *err);
void lease_release(struct db *db, struct lease *lease); /* does nothing when it is not held */

/* Ends the lease of an owner that is known to be dead: 1 when it was, 0 when it has changed hands, -ERR_DB. */
int lease_break(struct db *db, const char *name, const char *owner, struct err *err);

/* Who holds the name now: 1 and the owner (if out is not NULL), 0 when nobody does, or -ERR_DB. */
int lease_holder(struct db *db, const char *name, char out[LEASE_OWNER_SIZE], struct err *err);

#endif
