/* API clients as the page shows them, and the log of what administrators did. */
#include "services/store/ui/ui_actions.h"

#include "services/store/url_short.h"

#define CLIENTS_SHOWN "500"

const struct query ui_query_clients = {
    .name = "ui_clients",
    .sql =
        "SELECT coalesce(json_agg(json_build_object('client_id', c.client_id, 'name', c.name, 'description',"
        " c.description, 'rate_limit_per_hour', c.rate_limit_per_hour, 'is_active', c.is_active,"
        " 'permissions', (SELECT coalesce(string_agg(p, ' '), '') FROM jsonb_array_elements_text("
        "   CASE jsonb_typeof(c.permissions::jsonb) WHEN 'array' THEN c.permissions::jsonb ELSE '[]' END) AS p),"
        " 'created_at', c.created_at AT TIME ZONE 'utc', 'last_used_at', c.last_used_at AT TIME ZONE 'utc')"
        " ORDER BY c.is_active DESC, c.name), '[]') FROM (SELECT * FROM clients ORDER BY id DESC LIMIT " CLIENTS_SHOWN
        ") c",
};

const struct query ui_query_clients_more = {
    .name = "ui_clients_more",
    .sql = "SELECT greatest(count(*) - " CLIENTS_SHOWN ", 0) FROM clients",
};

const struct query ui_query_action_add = {
    .name = "ui_action_add",
    .sql = "INSERT INTO admin_actions (actor, address, method, path, status, request_id, detail)"
           " VALUES (left($1, 255), $2, $3, left($4, 1000), $5::int, $6, left(" URLS_SHORT("$7") ", 1000))",
};

/* What it was done to is called by its name, and what was another before stands with it: the change of the same setting
 * that came with the request. */
#define OF_TYPE      "substring(a.path FROM '^/api/v1/admin/sync-intervals/([^/]+)')"
#define OF_DIRECTORY "substring(a.path FROM '^/api/v1/directories/([0-9]{1,9})/exclude$')"
#define OF_PROJECT   "substring(a.path FROM '^/api/v1/(?:scheduler/sync|sync/force)/project/([^/]+)$')"

#define DETAIL_SHORT URLS_SHORT("a.detail")
#define WORDS_SHORT  URLS_SHORT("detail")

const struct query ui_query_actions = {
    .name = "ui_actions",
    .sql = "SELECT coalesce(json_agg(json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'address', a.address,"
           " 'method', a.method, 'path', a.path, 'detail', " DETAIL_SHORT ", 'status', a.status, 'is_refused', a.status"
           " >= 400, 'of', coalesce((SELECT display_name FROM object_sync_configs c WHERE c.object_type = " OF_TYPE "),"
           "  (SELECT name FROM directories d WHERE d.id = " OF_DIRECTORY "::integer),"
           "  (SELECT name FROM projects p WHERE p.logikal_id = " OF_PROJECT ")),"
           " 'fields', (SELECT json_agg(json_build_object('name', replace(f.key, '_', ' '), 'before', f.value ->> 0,"
           " 'after',   f.value ->> 1) ORDER BY f.key) FROM (SELECT fields FROM setting_changes s WHERE s.kind ="
           "    CASE WHEN " OF_TYPE " IS NULL THEN 'directory' ELSE 'type' END AND s.key"
           " = coalesce(" OF_TYPE ", " OF_DIRECTORY ") AND s.at BETWEEN a.at - interval '5 s' AND a.at + interval '1 s'"
           " AND a.status < 400 ORDER BY s.at DESC LIMIT 1) s,"
           "   jsonb_each(s.fields) f)) ORDER BY a.id DESC), '[]') FROM (SELECT * FROM admin_actions"
           " WHERE (coalesce($1, '') = '' OR id < $1::bigint) AND (coalesce($3, '') = '' OR strpos(lower(concat_ws(' ',"
           " actor, path, " WORDS_SHORT ")), lower($3)) > 0) ORDER BY id DESC LIMIT $2::int) a",
};
