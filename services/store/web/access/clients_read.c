/* Statements on the clients of the API. Times are stored without a time zone, in UTC. */
#include "services/store/web/access/clients_read.h"

#define PERMISSIONS "CASE json_typeof(c.permissions) WHEN 'array' THEN c.permissions ELSE '[]' END"
#define CLIENT_JSON                                                                                                    \
    "json_build_object('id', c.id, 'client_id', c.client_id, 'name', c.name, 'description', c.description,"            \
    " 'permissions', " PERMISSIONS ", 'rate_limit_per_hour', c.rate_limit_per_hour, 'is_active', c.is_active,"         \
    " 'created_at', c.created_at, 'updated_at', c.updated_at, 'last_used_at', c.last_used_at)"

/* Not the new secret, while an old one is right as well. */
#define SHOWS_PREVIOUS                                                                                                 \
    "(c.previous_secret_hash IS NOT NULL AND c.previous_secret_ends_at > now() AND c.secret_hint IS DISTINCT FROM $2)"

/* One row, also for an unknown client: the hash that the secret with the hint $2 can be right by; column 5 is log2 of
 * the rounds of the dearest bcrypt hash. */
const struct query query_client_secret = {
    .name = "client_secret",
    .is_quick = true,
    .sql = "SELECT CASE WHEN " SHOWS_PREVIOUS " THEN c.previous_secret_hash ELSE c.client_secret_hash END, c.name,"
           " " PERMISSIONS ", c.rate_limit_per_hour, c.token_version,"
           " (SELECT coalesce(max(substr(h, 5, 2)::int), 0) FROM clients o, unnest(ARRAY[o.client_secret_hash,"
           "  CASE WHEN o.previous_secret_ends_at > now() THEN o.previous_secret_hash END]) h WHERE o.is_active"
           "  AND h ~ '^\\$2[a-y]\\$[0-3][0-9]\\$'), " SHOWS_PREVIOUS
           " FROM (SELECT 1) one LEFT JOIN clients c ON c.client_id = $1 AND c.is_active",
};

const struct query query_client_used = {
    .name = "client_used",
    .sql = "UPDATE clients SET last_used_at = now() AT TIME ZONE 'utc' WHERE client_id = $1",
};

const struct query query_client_rehashed = {
    .name = "client_rehashed",
    .sql = "UPDATE clients SET last_used_at = now() AT TIME ZONE 'utc', client_secret_hash = $2 WHERE client_id = $1",
};

const struct query query_client_me = {
    .name = "client_me",
    .is_quick = true,
    .sql = "SELECT json_build_object('client_id', c.client_id, 'name', c.name, 'permissions', " PERMISSIONS ","
           " 'rate_limit_per_hour', c.rate_limit_per_hour) FROM clients c WHERE c.client_id = $1",
};

const struct query query_client_add = {
    .name = "client_add",
    .sql = "INSERT INTO clients AS c (client_id, client_secret_hash, name, description, permissions,"
           " rate_limit_per_hour, is_active, created_at, updated_at, secret_hint)"
           " VALUES ($1, $2, $3, $4, $5::json, $6::int, true, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc', $7)"
           " ON CONFLICT (client_id) DO NOTHING RETURNING " CLIENT_JSON,
};

const struct query query_client_new_secret = {
    .name = "client_new_secret",
    .sql = "UPDATE clients SET client_secret_hash = $2, token_version = token_version + 1,"
           " secret_hint = $3, previous_secret_hash = NULL, previous_secret_ends_at = NULL,"
           " updated_at = now() AT TIME ZONE 'utc' WHERE client_id = $1 RETURNING client_id",
};

const struct query query_client_rotate = {
    .name = "client_rotate",
    .sql = "UPDATE clients SET previous_secret_hash = client_secret_hash, previous_secret_ends_at = coalesce("
           "$4::timestamptz, now() + make_interval(hours => $5::int)), client_secret_hash = $2, secret_hint = $3,"
           " updated_at = now() AT TIME ZONE 'utc' WHERE client_id = $1 RETURNING"
           " to_json(previous_secret_ends_at)#>>'{}'",
};

const struct query query_client_end_old = {
    .name = "client_end_old",
    .sql = "UPDATE clients SET previous_secret_hash = NULL, previous_secret_ends_at = NULL WHERE client_id = $1"
           " RETURNING json_build_object('message', 'Only the newest secret is right now', 'client_id', client_id)",
};

const struct query query_client_change = {
    .name = "client_change",
    .sql = "UPDATE clients AS c SET name = coalesce($2, c.name), description = coalesce($3, c.description),"
           " permissions = coalesce($4::json, c.permissions),"
           " rate_limit_per_hour = coalesce($5::int, c.rate_limit_per_hour),"
           " is_active = coalesce($6::boolean, c.is_active),"
           " token_version = c.token_version + (NOT coalesce($6::boolean, true))::int,"
           " updated_at = now() AT TIME ZONE 'utc' WHERE c.client_id = $1 RETURNING " CLIENT_JSON,
};

const struct query query_client_list = {
    .name = "client_list",
    .sql = "SELECT json_build_object('clients', coalesce(json_agg(" CLIENT_JSON " ORDER BY c.id), '[]'),"
           " 'count', count(*)) FROM clients c",
};

const struct query query_client_page = {
    .name = "client_page",
    .sql = "SELECT coalesce(json_agg(" CLIENT_JSON " ORDER BY c.id), '[]') FROM (SELECT * FROM clients"
           " WHERE is_active OR NOT $3::boolean ORDER BY id OFFSET $1::int LIMIT $2::int) c",
};

const struct query query_client_get = {
    .name = "client_get",
    .sql = "SELECT " CLIENT_JSON " FROM clients c WHERE c.client_id = $1",
};

const struct query query_client_delete = {
    .name = "client_delete",
    .sql = "DELETE FROM clients WHERE client_id = $1 RETURNING json_build_object('message', 'Client deleted',"
           " 'client_id', client_id, 'success', true)",
};
