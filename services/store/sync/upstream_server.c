/* What is remembered about an upstream server: where it lets a session go sideways, and which sessions are open there,
 * so that those of a process that died are logged out by the next one. See upstream_server.h. */
#include "services/store/sync/upstream_server.h"

#include <stdio.h>
#include <string.h>

#include "services/store/db/db.h"
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

/* A token's key in the table: itself, or when it is too long for the replaced system's column, a digest. */
#define TOKEN_KEY(token) "CASE WHEN length(" token ") <= 255 THEN " token " ELSE 'md5:' || md5(" token ") END"
#define KEY_OF_NEW       TOKEN_KEY("$4::text")

/* In place of a token until there is one. $1 slot, $2 holder, $3 its token */
#define LOGIN "('login:' || md5($2::text) || ':' || $3::text || ':' || $1::text)"

struct login_values {
    char slot[DB_NUMBER_SIZE], token[DB_NUMBER_SIZE];
    const char *values[5];
};

static const char *const *bind(struct login_values *v, int slot, const struct lease *holder, const char *more,
                               const char *last)
{
    v->values[0] = db_number(v->slot, slot);
    v->values[1] = holder->name;
    v->values[2] = db_number(v->token, holder->token);
    v->values[3] = more;
    v->values[4] = last;
    return v->values;
}

int upstream_login_begins(struct db *db, const char *base_url, const char *username, int slot,
                          const struct lease *holder, struct err *err)
{
    struct login_values v;
    return db_exec(db, err,
                   "INSERT INTO sessions (token, username, base_url, expires_at, is_active, holder, holder_token)"
                   " VALUES (" LOGIN ", left($4, 255), left($5, 255), now() + interval '1 day', false, $2,"
                   "  $3::bigint) ON CONFLICT (token) DO NOTHING",
                   5, bind(&v, slot, holder, username, base_url)) < 0
               ? -ERR_DB
               : 0;
}

int upstream_login_failed(struct db *db, int slot, const struct lease *holder, struct err *err)
{
    struct login_values v;
    return db_exec(db, err, "DELETE FROM sessions WHERE token = " LOGIN, 3, bind(&v, slot, holder, NULL, NULL)) < 0
               ? -ERR_DB
               : 0;
}

int upstream_session_opened(struct db *db, int slot, const char *token, const struct lease *holder, struct err *err)
{
    struct login_values v;
    /* A server may give the same token twice: also to somebody else. */
    PGresult *r = db_query(
        db, err,
        "WITH login AS (DELETE FROM sessions WHERE token = " LOGIN " RETURNING *),"
        " noted AS (INSERT INTO sessions AS s (token, long_token, username, base_url, expires_at, is_active, holder,"
        "   holder_token)"
        "  SELECT " KEY_OF_NEW ", CASE WHEN length($4::text) > 255 THEN $4::text END, username, base_url,"
        "   expires_at, true, holder, holder_token FROM login"
        "  ON CONFLICT (token) DO UPDATE SET base_url = excluded.base_url,"
        " expires_at = excluded.expires_at,"
        "   is_active = true, holder = excluded.holder, holder_token = excluded.holder_token"
        "  WHERE (s.holder, s.holder_token) IS NOT DISTINCT FROM"
        " (excluded.holder, excluded.holder_token) OR NOT EXISTS"
        "   (SELECT FROM leases l WHERE l.name = s.holder AND l.token = s.holder_token"
        "    AND l.expires_at > clock_timestamp()) RETURNING 1)"
        " SELECT EXISTS (SELECT FROM login) AND NOT EXISTS (SELECT FROM noted)",
        4, bind(&v, slot, holder, token, NULL));
    int is_shared = r ? db_bool(r, 0, 0) : -ERR_DB;
    PQclear(r);
    return is_shared;
}

int upstream_session_closed(struct db *db, const char *token, struct err *err)
{
    const char *values[] = {token};
    return db_exec(db, err, "DELETE FROM sessions WHERE token = " TOKEN_KEY("$1::text"), 1, values) < 0 ? -ERR_DB : 0;
}

/* Of a holder whose lease is over. $1 the server */
#define LEFT                                                                                                           \
    "SELECT s.id FROM sessions s LEFT JOIN leases l ON l.name = s.holder AND l.token = s.holder_token"                 \
    " AND l.expires_at > clock_timestamp()"                                                                            \
    " WHERE s.base_url = left($1, 255) AND s.holder IS NOT NULL AND l.name IS NULL"

PGresult *upstream_sessions_left(struct db *db, const char *base_url, int limit, struct err *err)
{
    char limit_text[DB_NUMBER_SIZE];
    const char *values[] = {base_url, db_number(limit_text, limit)};
    if (db_exec(db, err, "DELETE FROM sessions WHERE expires_at < now() AND id IN (" LEFT ")", 1, values) < 0)
        return NULL;
    return db_query(db, err,
                    "SELECT coalesce(long_token, token) FROM sessions WHERE is_active AND id IN (" LEFT
                    ") ORDER BY random() LIMIT $2",
                    2, values);
}

int64_t upstream_logins_left(struct db *db, const char *base_url, struct err *err)
{
    const char *values[] = {base_url};
    PGresult *r = db_query(db, err,
                           "WITH gone AS (DELETE FROM sessions WHERE NOT is_active AND id IN (" LEFT
                           "  FOR UPDATE OF s SKIP LOCKED) RETURNING 1),"
                           " counted AS (INSERT INTO sync_counters AS c (object_type, outcome, value)"
                           "  SELECT 'session', 'unknown', count(*) FROM gone HAVING count(*) > 0"
                           "  ON CONFLICT (object_type, outcome) DO UPDATE SET value = c.value + excluded.value)"
                           " SELECT count(*) FROM gone",
                           1, values);
    int64_t count = r ? db_int(r, 0, 0) : -ERR_DB;
    PQclear(r);
    return count;
}
