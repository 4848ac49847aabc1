/* Telling of problems: who tells, what was told, what is silenced. See alerts_sql.h. */
#include "services/store/web/watch/alerts_sql.h"

#define SILENCE_JSON                                                                                                   \
    "json_build_object('id', s.id, 'key', s.key, 'until', s.until, 'reason', s.reason, 'made_by', s.made_by,"          \
    " 'made_at', s.made_at)"

/* A message for each of the channels. */
#define QUEUE(from, kind, key, problem, channels)                                                                      \
    " queued AS (INSERT INTO alert_outbox (channel, kind, key, problem) SELECT channel, " kind ", " key ", " problem   \
    " FROM " from ", json_array_elements_text(" channels "::json) channel)"

#define QUEUE_PROBLEM QUEUE("c", "CASE WHEN c.is_new THEN 'problem' ELSE 'again' END", "$1", "$6::json", "$7")

const struct query query_alert_claim = {
    .name = "alert_claim",
    .sql = "WITH s AS (SELECT 1 FROM alert_silences WHERE key = $1 AND until > now()),"
           " c AS (INSERT INTO alert_states AS a (key, severity, cause, first_at)"
           "  SELECT $1, $2, $3, $4::timestamptz WHERE NOT EXISTS (SELECT FROM s)"
           "  ON CONFLICT (key) DO UPDATE SET told_at = now(), seen_at = now(), cause = excluded.cause,"
           "   severity = excluded.severity WHERE a.told_at <= now() - $5 * interval '1 second'"
           "  RETURNING xmax = 0 AS is_new),"
           " seen AS (UPDATE alert_states SET seen_at = now() WHERE key = $1"
           " AND NOT EXISTS (SELECT FROM c))," QUEUE_PROBLEM
           " SELECT CASE WHEN EXISTS (SELECT FROM s) THEN 'silenced' WHEN NOT EXISTS (SELECT FROM c) THEN"
           "  'told' WHEN (SELECT is_new FROM c) THEN 'problem' ELSE 'again' END",
};

#define QUEUE_OVER QUEUE("gone", "'over'", "$1", "json_build_object('key', $1::text, 'cause', gone.cause)", "$2")

const struct query query_alert_over = {
    .name = "alert_over",
    .sql = "WITH gone AS (DELETE FROM alert_states WHERE key = $1 RETURNING cause)," QUEUE_OVER " SELECT FROM gone",
};

const struct query query_alert_take = {
    .name = "alert_take",
    .sql = "WITH held AS (UPDATE alert_outbox SET held_until = now() + interval '20 seconds'"
           "  WHERE id = ANY ($1::bigint[])),"
           " free AS (SELECT o.id FROM alert_outbox o WHERE o.held_until < now() AND o.id <> ALL ($1::bigint[])"
           "  AND NOT EXISTS (SELECT FROM alert_outbox e WHERE e.key = o.key AND e.channel = o.channel AND e.id < o.id)"
           "  ORDER BY o.id LIMIT 20 FOR UPDATE SKIP LOCKED),"
           " taken AS (UPDATE alert_outbox o SET held_until = now() + interval '20 seconds' FROM free"
           "  WHERE o.id = free.id RETURNING o.*)"
           " SELECT id, channel, kind, problem FROM taken ORDER BY id",
};

/* Each process says which problems it sees, so that one that only another one sees does not end. */
const struct query query_alert_orphans = {
    .name = "alert_orphans",
    .sql = "WITH seen AS (UPDATE alert_states SET seen_at = now()"
           "  WHERE key IN (SELECT json_array_elements_text($1::json)))"
           " SELECT key FROM alert_states WHERE seen_at < now() - interval '2 minutes'"
           "  AND key NOT IN (SELECT json_array_elements_text($1::json)) LIMIT 20",
};

const struct query query_alert_note = {
    .name = "alert_note",
    .sql = "WITH old AS (DELETE FROM alert_log WHERE at < now() - interval '90 days'),"
           " done AS (DELETE FROM alert_outbox WHERE id = $6::bigint)"
           " INSERT INTO alert_log (kind, key, text, channel, error) VALUES ($1, $2, $3, $4, $5)",
};

const struct query query_alerts_open = {
    .name = "alerts_open",
    .sql = "SELECT coalesce(json_agg(json_build_object('key', key, 'told_at', told_at)), '[]') FROM alert_states",
};

const struct query query_alert_log = {
    .name = "alerts",
    .sql = "SELECT coalesce(json_agg(json_build_object('id', a.id, 'at', a.at, 'kind', a.kind, 'key', a.key,"
           " 'text', a.text, 'channel', a.channel, 'error', a.error) ORDER BY a.id DESC), '[]')"
           " FROM (SELECT * FROM alert_log ORDER BY id DESC LIMIT $1::int) a",
};

const struct query query_silences = {
    .name = "silences",
    .sql = "SELECT coalesce(json_agg(" SILENCE_JSON
           " ORDER BY s.until), '[]') FROM alert_silences s WHERE s.until > now()",
};

const struct query query_silence_add = {
    .name = "silence_add",
    .sql = "INSERT INTO alert_silences AS s (key, until, reason, made_by)"
           " VALUES ($1, now() + $2::int * interval '1 minute', $3, $4) RETURNING " SILENCE_JSON,
};

const struct query query_silence_remove = {
    .name = "silence_remove",
    .sql =
        "UPDATE alert_silences s SET until = now() WHERE s.id = $1::bigint AND s.until > now() RETURNING " SILENCE_JSON,
};
