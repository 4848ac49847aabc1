/* The statements behind webhooks' operations and pages. */
#include "services/store/web/feed/webhooks_read.h"

#include "services/store/url_short.h"

#define FINITE(column) "CASE WHEN isfinite(" column ") THEN " column " END"
/* When the oldest change was made that is not delivered, and can be seen; by types, for projects are told apart later.
 */
#define WAITS_SINCE                                                                                                    \
    "(SELECT c.at FROM changes c, changes_state s WHERE (c.epoch, c.xid, c.seq) >= (w.epoch, w.xid, w.seq)"            \
    " AND ((c.epoch, c.xid, c.seq) > (w.epoch, w.xid, w.seq) OR cardinality(c.row_ids) > w.item)"                      \
    " AND (c.epoch < s.epoch OR c.xid < pg_snapshot_xmin(pg_current_snapshot()))"                                      \
    " AND (w.types = '{}' OR c.object_type = ANY (w.types)) ORDER BY c.epoch, c.xid, c.seq LIMIT 1)"
#define NEXT_TRY_AT    FINITE("w.next_try_at")
#define SECRET_ENDS_AT FINITE("k.ends_at")
#define PENDING                                                                                                        \
    "(SELECT json_build_object('id', b.id, 'changes', b.changes,"                                                      \
    "  'tries', b.tries, 'made_at', b.made_at) FROM webhook_batches b WHERE b.webhook_id = w.id)"
#define SECRETS_OF_W                                                                                                   \
    "(SELECT coalesce(json_agg(json_build_object('created_at', k.created_at, 'ends_at', " SECRET_ENDS_AT ")"           \
    "  ORDER BY k.id DESC), '[]') FROM webhook_secrets k WHERE k.webhook_id = w.id AND k.ends_at > now())"
#define WEBHOOK_JSON                                                                                                   \
    "json_build_object('id', w.id, 'url', w.url, 'format', w.format, 'types', to_json(w.types), 'projects',"           \
    " to_json(w.projects), 'description', w.description, 'client_id', w.client_id, 'state', w.state, 'state_reason',"  \
    " w.state_reason, 'state_at', w.state_at, 'cursor', concat_ws('-', w.epoch, w.xid, w.seq, w.item),"                \
    " 'waiting_since', " WAITS_SINCE ", 'pending', " PENDING ","                                                       \
    " 'failures', w.failures, 'failing_since', w.failing_since, 'next_try_at', CASE WHEN w.failures"                   \
    " > 0 THEN " NEXT_TRY_AT " END, 'last_at', w.last_at, 'last_status', w.last_status, 'last_ms', w.last_ms,"         \
    " 'last_error', w.last_error, 'last_success_at', w.last_success_at, 'delivered', w.delivered,"                     \
    " 'secrets', " SECRETS_OF_W ", 'created_at', w.created_at, 'updated_at', w.updated_at)"
#define TRIES                                                                                                          \
    "(SELECT coalesce(json_agg(json_build_object('at', t.at, 'status', t.status, 'ms', t.ms, 'changes', t.changes,"    \
    " 'error', t.error) ORDER BY t.at), '[]') FROM webhook_tries t WHERE t.webhook_id = w.id)"
#define TEXTS(n) "ARRAY(SELECT json_array_elements_text($" #n "::json))"
#define OWNED(n) "($" #n "::text IS NULL OR w.client_id = $" #n ")"
#define SECRETS  "5"
#define SHOWN(n) "CASE WHEN $" #n " = 'short' THEN jsonb_build_object('url', " URL_SHORT("w.url") ") ELSE '{}' END"

const struct query query_webhook_list = {
    .name = "webhook_list",
    .sql = "SELECT json_build_object('webhooks', coalesce(json_agg(j || jsonb_build_object('tries', " TRIES
           ") || " SHOWN(2) "  ORDER BY w.id), '[]'), 'count', count(*))"
                            " FROM webhooks w, LATERAL (SELECT (" WEBHOOK_JSON ")::jsonb AS j) x WHERE " OWNED(1),
};

const struct query query_webhook_get = {
    .name = "webhook_get",
    .sql = "SELECT (" WEBHOOK_JSON ")::jsonb || jsonb_build_object('tries', " TRIES
           ") || " SHOWN(3) " FROM webhooks w"
                            " WHERE w.id = $1::bigint AND " OWNED(2),
};

#define TYPES_GIVEN    TEXTS(3)
#define PROJECTS_GIVEN TEXTS(4)
/* What a statement writes it does not see: the JSON is made of what it returns. */
const struct query query_webhook_add = {
    .name = "webhook_add",
    .sql = "WITH w AS (INSERT INTO webhooks (url, format, types, projects, description, client_id, epoch, xid, seq,"
           "   item) SELECT $1, $2, " TYPES_GIVEN ", " PROJECTS_GIVEN ", coalesce($5, ''), $7,"
           " p.epoch, p.xid, p.seq, p.item"
           "  FROM logikald_webhook_place($6) p WHERE (SELECT count(*) FROM webhooks) < " WEBHOOKS_MAX " RETURNING *),"
           " k AS (INSERT INTO webhook_secrets (webhook_id, sealed) SELECT id, $8 FROM w RETURNING created_at)"
           " SELECT (" WEBHOOK_JSON ")::jsonb || jsonb_build_object('secrets', jsonb_build_array(jsonb_build_object("
           "  'created_at', k.created_at, 'ends_at', NULL))) FROM w, k",
};

#define NEW_TYPES    TEXTS(5)
#define NEW_PROJECTS TEXTS(6)
#define IS_OWNED     OWNED(2)

const struct query query_webhook_change = {
    .name = "webhook_change",
    .sql =
        "WITH w AS (UPDATE webhooks w SET url = coalesce($3, w.url), format = coalesce($4, w.format),"
        "   types = CASE WHEN $5::text IS NULL THEN w.types ELSE " NEW_TYPES " END,"
        "   projects = CASE WHEN $6::text IS NULL THEN w.projects ELSE " NEW_PROJECTS " END,"
        "   description = coalesce($7, w.description), state = coalesce($8, w.state),"
        "   state_reason = CASE WHEN $8::text IS NULL THEN w.state_reason ELSE '' END,"
        "   state_at = CASE WHEN $8::text IS NULL THEN w.state_at ELSE now() END,"
        "   failures = CASE WHEN $8 = 'active' OR $3::text IS NOT NULL THEN 0 ELSE w.failures END,"
        "   failing_since = CASE WHEN $8 = 'active' OR $3::text IS NOT NULL THEN NULL ELSE w.failing_since END,"
        "   next_try_at = CASE WHEN $8 = 'active' OR $3::text IS NOT NULL THEN '-infinity' ELSE w.next_try_at END,"
        "   updated_at = now() WHERE w.id = $1::bigint AND " IS_OWNED " RETURNING *),"
        " dropped AS (DELETE FROM webhook_batches b USING w WHERE b.webhook_id = w.id"
        "  AND ($4::text IS NOT NULL OR $5::text IS NOT NULL OR $6::text IS NOT NULL)) SELECT " WEBHOOK_JSON " FROM w",
};

/* The lease's row is locked first, as by who delivers. */
const struct query query_webhook_delete = {
    .name = "webhook_delete",
    .sql = "WITH held AS MATERIALIZED (SELECT 1 FROM leases WHERE name = 'webhook:' || $1::bigint FOR UPDATE),"
           " w AS (DELETE FROM webhooks w WHERE w.id = $1::bigint AND (SELECT count(*) FROM held) >= 0 AND " IS_OWNED
           " RETURNING w.id), l AS (DELETE FROM leases l USING w WHERE l.name = 'webhook:' || w.id)"
           " SELECT json_build_object('success', true, 'message', 'Webhook deleted', 'id', w.id) FROM w",
};

const struct query query_webhook_replay = {
    .name = "webhook_replay",
    .sql =
        "WITH w AS (UPDATE webhooks w SET epoch = p.epoch, xid = p.xid, seq = p.seq, item = p.item,"
        "   has_gap = false, next_try_at = '-infinity', updated_at = now() FROM logikald_webhook_place($3) p"
        "  WHERE w.id = $1::bigint AND " IS_OWNED " RETURNING w.*),"
        " dropped AS (DELETE FROM webhook_batches b USING w WHERE b.webhook_id = w.id) SELECT " WEBHOOK_JSON " FROM w",
};

const struct query query_webhook_rotate = {
    .name = "webhook_rotate",
    .sql = "WITH w AS (SELECT w.* FROM webhooks w WHERE w.id = $1::bigint AND " IS_OWNED " FOR UPDATE),"
           " former AS (SELECT k.id, row_number() OVER (ORDER BY k.id DESC) AS age FROM webhook_secrets k, w"
           "  WHERE k.webhook_id = w.id AND k.ends_at > now()),"
           " ending AS (UPDATE webhook_secrets k SET ends_at = CASE WHEN f.age >= " SECRETS " THEN now() ELSE"
           "  least(k.ends_at, now() + $3::integer * interval '1 hour') END FROM former f WHERE k.id = f.id),"
           " k AS (INSERT INTO webhook_secrets (webhook_id, sealed) SELECT id, $4 FROM w RETURNING id)"
           " SELECT json_build_object('id', w.id, 'former_end_at', now() + $3::integer * interval '1 hour') FROM w, k",
};

const struct query query_webhooks_there = {
    .name = "webhooks_there",
    .sql = "SELECT to_regclass('webhook_asks') IS NOT NULL",
};

const struct query query_webhooks_waiting = {
    .name = "webhooks_waiting",
    .is_patient = true,
    .sql =
        "SELECT EXISTS (SELECT FROM logikald_webhooks_due() WHERE next_try_at <= clock_timestamp()),"
        " CASE WHEN isfinite(taken_at) THEN extract(epoch FROM clock_timestamp() - taken_at)::bigint ELSE 1000000 END"
        " FROM webhook_asks",
};
