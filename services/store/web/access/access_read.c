/* Statements that tell who somebody is: clients, admin sessions; and the version counters that keep cached answers
 * true.
 */
#include "services/store/web/access/access_read.h"

/* One text, so that who asks sees by comparing it that nothing has changed: "TIMELINE/EPOCH,NAME=COUNT,NAME=COUNT...",
 * a count for each slot. Counters go on from another place on a standby that lacks what was counted last, or after a
 * restore: the same number is another with another timeline or epoch. */
const struct query query_table_versions = {
    .name = "table_versions",
    .is_quick = true,
    .sql = "SELECT coalesce((SELECT changes_timeline() || '/' || epoch FROM changes_state), '')"
           " || coalesce(string_agg(',' || name || '=' || version, ''), '') FROM table_versions",
};

/* Slots of server processes that have ended, into one; the sums stay. */
const struct query query_versions_gather = {
    .name = "versions_gather",
    .is_slow = true,
    .sql =
        "WITH old AS (SELECT name, slot FROM table_versions WHERE slot >= 0 AND slot NOT IN (SELECT pid % 1024"
        "  FROM pg_stat_activity) FOR UPDATE SKIP LOCKED),"
        " gone AS (DELETE FROM table_versions t USING old WHERE t.name = old.name AND t.slot = old.slot"
        "  RETURNING t.name, t.version)"
        " INSERT INTO table_versions AS t (name, slot, version) SELECT name, -1, sum(version) FROM gone GROUP BY name"
        " ON CONFLICT (name, slot) DO UPDATE SET version = t.version + excluded.version",
};

const struct query query_client_identity = {
    .name = "client_identity",
    .is_quick = true,
    .sql = "SELECT permissions, rate_limit_per_hour, token_version FROM clients WHERE client_id = $1 AND is_active",
};

const struct query query_session_identity = {
    .name = "session_identity",
    .is_quick = true,
    .sql = "SELECT username, to_json(expires_at)#>>'{}', extract(epoch FROM expires_at - now())::bigint, is_viewer,"
           " proof"
           " FROM admin_sessions WHERE id = $1 AND expires_at > now()",
};

const struct query query_session_add = {
    .name = "session_add",
    .sql = "WITH old AS (DELETE FROM admin_sessions WHERE expires_at <= now())"
           " INSERT INTO admin_sessions (id, username, address, expires_at, is_viewer, proof)"
           " VALUES ($1, $2, $3, now() + make_interval(hours => $4::int), $5::boolean, $6)"
           " RETURNING to_json(expires_at)#>>'{}'",
};

/* Makes it, or reads the one that is there; of two at once both get the same. */
const struct query query_web_key = {
    .name = "web_key",
    .sql = "INSERT INTO web_keys AS k (name, key) VALUES ('client tokens', $1)"
           " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING k.key",
};

const struct query query_sessions_there = {
    .name = "sessions_there",
    .sql = "SELECT id, proof FROM admin_sessions WHERE expires_at > now()"
           " AND id IN (SELECT json_array_elements_text($1::json))",
};

const struct query query_session_drop = {
    .name = "session_drop",
    .sql = "DELETE FROM admin_sessions WHERE id = $1",
};
