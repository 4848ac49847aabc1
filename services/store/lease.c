/* Leases: see lease.h. All times are the database's, so the clocks of the holders do not matter. */
#include "services/store/lease.h"

#include <stdio.h>

#include "conf/clock.h"
#include "services/store/db/db.h"

int lease_acquire(struct db *db, struct lease *lease, const char *name, const char *owner, int64_t ttl_ms,
                  struct err *err)
{
    *lease = (struct lease){.ttl_ms = ttl_ms, .renewed_ms = mono_ms()};
    snprintf(lease->name, sizeof lease->name, "%s", name);
    snprintf(lease->owner, sizeof lease->owner, "%s", owner);
    char ttl[DB_NUMBER_SIZE];
    const char *values[] = {lease->name, lease->owner, db_number(ttl, ttl_ms)};
    PGresult *r = db_query(db, err,
                           "INSERT INTO leases AS l (name, owner, token, acquired_at, expires_at)"
                           " VALUES ($1, $2, 1, clock_timestamp(),"
                           "         clock_timestamp() + $3::bigint * interval '1 ms')"
                           " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = l.token + 1,"
                           "  acquired_at = excluded.acquired_at, expires_at = excluded.expires_at"
                           " WHERE l.expires_at <= clock_timestamp() RETURNING token",
                           3, values);
    if (!r) return -ERR_DB;
    if (PQntuples(r) == 1) lease->token = db_int(r, 0, 0);
    PQclear(r);
    if (lease->token) return 0;
    char holder[LEASE_OWNER_SIZE] = "somebody else";
    lease_holder(db, name, holder, NULL);
    return err_set(err, ERR_CONFLICT, "%s is held by %s", name, holder);
}

int lease_renew(struct db *db, struct lease *lease, struct err *err)
{
    int64_t now_ms = mono_ms();
    if (now_ms - lease->renewed_ms < lease->ttl_ms / 3) return 0;
    char token[DB_NUMBER_SIZE], ttl[DB_NUMBER_SIZE];
    const char *values[] = {lease->name, db_number(token, lease->token), db_number(ttl, lease->ttl_ms)};
    int64_t rows = db_exec(db, err,
                           "UPDATE leases SET expires_at = clock_timestamp() + $3::bigint * interval '1 ms'"
                           " WHERE name = $1 AND token = $2",
                           3, values);
    if (rows < 0) return -ERR_DB;
    if (rows == 0) return err_set(err, ERR_CONFLICT, "the lease %s was lost: this process was too slow", lease->name);
    lease->renewed_ms = now_ms;
    return 0;
}

int lease_check(struct db *db, const struct lease *lease, struct err *err)
{
    char token[DB_NUMBER_SIZE];
    const char *values[] = {lease->name, db_number(token, lease->token)};
    /* The row lock keeps a successor from taking over between this check and the commit. */
    PGresult *r = db_query(db, err, "SELECT FROM leases WHERE name = $1 AND token = $2 FOR SHARE", 2, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    PQclear(r);
    if (rows == 1) return 0;
    return err_set(err, ERR_CONFLICT, "the lease %s was lost: nothing was written", lease->name);
}

void lease_release(struct db *db, struct lease *lease)
{
    if (!lease->token) return;
    char token[DB_NUMBER_SIZE];
    const char *values[] = {lease->name, db_number(token, lease->token)};
    if (db_is_alive(db))
        db_exec(db, NULL, "UPDATE leases SET expires_at = '-infinity', owner = '' WHERE name = $1 AND token = $2", 2,
                values);
    lease->token = 0;
}

int lease_break(struct db *db, const char *name, const char *owner, struct err *err)
{
    const char *values[] = {name, owner};
    int64_t rows =
        db_exec(db, err, "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND owner = $2", 2, values);
    return rows < 0 ? -ERR_DB : rows > 0;
}

int lease_holder(struct db *db, const char *name, char out[LEASE_OWNER_SIZE], struct err *err)
{
    const char *values[] = {name};
    PGresult *r =
        db_query(db, err, "SELECT owner FROM leases WHERE name = $1 AND expires_at > clock_timestamp()", 1, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    if (rows == 1 && out) snprintf(out, LEASE_OWNER_SIZE, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rows;
}
