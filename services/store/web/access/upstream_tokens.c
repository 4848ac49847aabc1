/* Tokens of clients that log in with Logikal's own credentials, in the table sessions. */
#include "services/store/web/access/upstream_tokens.h"

const struct query query_upstream_token_add = {
    .name = "upstream_token_add",
    .sql = "WITH old AS (DELETE FROM sessions WHERE expires_at < now() - interval '1 day')"
           " INSERT INTO sessions (token, username, base_url, expires_at, is_active) VALUES ($1, $2, $3,"
           " now() + make_interval(mins => $4::int), true) RETURNING to_json(expires_at)#>>'{}'",
};

const struct query query_upstream_token_get = {
    .name = "upstream_token_get",
    .sql = "SELECT username, to_json(expires_at)#>>'{}' FROM sessions WHERE token = $1 AND is_active"
           " AND expires_at > now()",
};

const struct query query_upstream_token_drop = {
    .name = "upstream_token_drop",
    .sql = "UPDATE sessions SET is_active = false, updated_at = now() WHERE token = $1 AND is_active RETURNING"
           " json_build_object('success', true, 'message', 'Logged out')",
};
