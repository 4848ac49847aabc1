/* Upstream servers: see upstream_server.h. */
#include "services/store/upstream_server.h"

#include <stdio.h>
#include <string.h>

#include "services/store/db.h"
#include "services/store/lease.h"

int upstream_recall(struct db *db, const char *base_url, char levels[UPSTREAM_LEVELS + 1], struct err *err)
{
    const char *values[] = {base_url};
    snprintf(levels, UPSTREAM_LEVELS + 1, "uuuu");
    PGresult *r = db_query(db, err, "SELECT levels FROM upstream_servers WHERE base_url = $1", 1, values);
    if (!r) return -ERR_DB;
    if (PQntuples(r) && strlen(db_text(r, 0, 0)) == UPSTREAM_LEVELS)
        snprintf(levels, UPSTREAM_LEVELS + 1, "%s", db_text(r, 0, 0));
    PQclear(r);
    return 0;
}

int upstream_remember(struct db *db, const char *base_url, const char levels[UPSTREAM_LEVELS + 1], struct err *err)
{
    const char *summary = strchr(levels, 'a') ? "allowed" : strchr(levels, 'r') ? "refused" : "unknown";
    const char *values[] = {base_url, levels, summary};
    return db_exec(db, err,
                   "INSERT INTO upstream_servers (base_url, levels, sideways) VALUES ($1, $2, $3)"
                   " ON CONFLICT (base_url) DO UPDATE SET levels = excluded.levels, sideways = excluded.sideways,"
                   "  learned_at = now()",
                   3, values) < 0
               ? -ERR_DB
               : 0;
}

int upstream_session_opened(struct db *db, const char *base_url, const char *username, const char *token,
                            const struct lease *holder, struct err *err)
{
    char holder_token[DB_NUMBER_SIZE];
    const char *values[] = {token, username, base_url, holder->name, db_number(holder_token, holder->token)};
    return db_exec(db, err,
                   "INSERT INTO sessions (token, username, base_url, expires_at, is_active, holder, holder_token)"
                   " VALUES (left($1, 255), left($2, 255), left($3, 255), now() + interval '1 day', true, $4, $5)"
                   " ON CONFLICT (token) DO NOTHING",
                   5, values) < 0
               ? -ERR_DB
               : 0;
}

int upstream_session_closed(struct db *db, const char *token, struct err *err)
{
    const char *values[] = {token};
    return db_exec(db, err, "DELETE FROM sessions WHERE token = left($1, 255)", 1, values) < 0 ? -ERR_DB : 0;
}

PGresult *upstream_sessions_left(struct db *db, const char *base_url, int limit, struct err *err)
{
    char limit_text[DB_NUMBER_SIZE];
    const char *values[] = {base_url, db_number(limit_text, limit)};
    return db_query(db, err,
                    "DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s LEFT JOIN leases l"
                    "  ON l.name = s.holder AND l.token = s.holder_token AND l.expires_at > clock_timestamp()"
                    "  WHERE s.base_url = left($1, 255) AND s.holder IS NOT NULL AND l.name IS NULL"
                    "  ORDER BY s.id LIMIT $2 FOR UPDATE OF s SKIP LOCKED) RETURNING token",
                    2, values);
}
