/* API clients as the page shows them, and the log of what administrators did. */
#include "services/store/ui/ui_actions.h"

const struct query ui_query_clients = {
    .name = "ui_clients",
    .sql = "SELECT coalesce(json_agg(json_build_object('client_id', c.client_id, 'name', c.name, 'description',"
           " c.description, 'rate_limit_per_hour', c.rate_limit_per_hour, 'is_active', c.is_active,"
           " 'permissions', (SELECT coalesce(string_agg(p, ' '), '') FROM jsonb_array_elements_text("
           "   CASE jsonb_typeof(c.permissions::jsonb) WHEN 'array' THEN c.permissions::jsonb ELSE '[]' END) AS p),"
           " 'created_at', c.created_at AT TIME ZONE 'utc', 'last_used_at', c.last_used_at AT TIME ZONE 'utc')"
           " ORDER BY c.is_active DESC, c.name), '[]') FROM (SELECT * FROM clients ORDER BY id DESC LIMIT 500) c",
};

const struct query ui_query_action_add = {
    .name = "ui_action_add",
    .sql = "INSERT INTO admin_actions (actor, address, method, path, status, request_id, detail)"
           " VALUES (left($1, 255), $2, $3, left($4, 1000), $5::int, $6, left($7, 1000))",
};

const struct query ui_query_actions = {
    .name = "ui_actions",
    .sql = "SELECT coalesce(json_agg(json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'address', a.address,"
           " 'method', a.method, 'path', a.path, 'detail', a.detail, 'status', a.status, 'is_refused', a.status >= "
           "400) ORDER BY a.id DESC),"
           " '[]') FROM (SELECT * FROM admin_actions WHERE (coalesce($1, '') = '' OR id < $1::bigint)"
           " ORDER BY id DESC LIMIT $2::int) a",
};
