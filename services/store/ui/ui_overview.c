/* The dashboard: row counts, the syncs of the last 24 hours, and memory over the same time. The charts come with their
 * geometry (720 by 120 units), so that the page needs no script to draw them. */
#include "services/store/ui/ui_overview.h"
#include "services/store/counted_sql.h"

const struct query ui_query_counts = {
    .name = "ui_counts",
    .sql = "SELECT json_build_object("
           " 'directories', (SELECT count(*) FROM directories WHERE deleted_at IS NULL),"
           " 'excluded', (SELECT count(*) FROM directories WHERE deleted_at IS NULL AND exclude_from_sync),"
           " 'projects', (SELECT count(*) FROM projects WHERE deleted_at IS NULL),"
           " 'phases', (SELECT count(*) FROM phases WHERE deleted_at IS NULL),"
           " 'elevations', (SELECT count(*) FROM elevations WHERE deleted_at IS NULL),"
           " 'unparsed', (SELECT count(*) FROM elevations WHERE " IS_UNREADABLE "))",
    .is_slow = true,
};

/* One bar an hour: its height is the number of syncs (runs in which something was due), the part at its foot those that
 * failed. objects: without what is read of them. */
const struct query ui_query_hours = {
    .name = "ui_hours",
    .sql =
        "WITH h AS (SELECT generate_series(date_trunc('hour', now()) - interval '23 hours', date_trunc('hour', now()),"
        "                                  interval '1 hour') AS at),"
        " c AS (SELECT h.at, count(r.id) AS syncs, count(r.id) FILTER (WHERE r.state = 'failed') AS failed,"
        "       (SELECT coalesce(sum(l.items_processed), 0) FROM sync_logs l WHERE l.started_at >= h.at"
        "         AND l.started_at < h.at + interval '1 hour'"
        "         AND l.sync_type IN ('directory', 'project', 'phase', 'elevation')) AS objects,"
        "       coalesce(round(avg(1000 * extract(epoch FROM r.finished_at - r.started_at))), 0) AS ms"
        "       FROM h LEFT JOIN sync_runs r ON r.started_at >= h.at AND r.started_at < h.at + interval '1 hour'"
        "        AND (r.state <> 'completed' OR r.total > 0 OR r.is_forced) GROUP BY h.at),"
        " m AS (SELECT greatest(max(syncs), 1) AS most FROM c)"
        " SELECT json_build_object('total', (SELECT sum(syncs) FROM c), 'failed', (SELECT sum(failed) FROM c),"
        "  'objects', (SELECT sum(objects) FROM c), 'most', m.most,"
        "  'bars', json_agg(json_build_object('at', c.at, 'until', c.at + interval '1 hour', 'hour', to_char(c.at AT "
        "TIME ZONE 'utc', 'HH24:MI'),"
        "    'syncs', c.syncs, 'failed', c.failed, 'objects', c.objects, 'ms', c.ms,"
        "    'label', CASE WHEN extract(hour FROM c.at AT TIME ZONE 'utc')::int % 3 = 0 THEN to_char(c.at AT TIME ZONE "
        "'utc', 'HH24') ELSE '' END, 'x', 30 * (extract(epoch FROM c.at - date_trunc('hour', now()) + interval '23 "
        "hours') / 3600)::int + 3,"
        "    'height', round(100.0 * c.syncs / m.most), 'y', 110 - round(100.0 * c.syncs / m.most),"
        "    'bad_height', round(100.0 * c.failed / m.most), 'bad_y', 110 - round(100.0 * c.failed / m.most))"
        "    ORDER BY c.at))"
        " FROM c, m GROUP BY m.most",
};

const struct query ui_query_memory = {
    .name = "ui_memory",
    .sql = "WITH s AS (SELECT at, memory_bytes FROM admin_samples WHERE at > now() - interval '24 hours'"
           "           AND memory_bytes > 0),"
           " m AS (SELECT max(memory_bytes) AS most, min(memory_bytes) AS least, count(*) AS n FROM s)"
           " SELECT json_build_object('most', m.most, 'least', m.least,"
           "  'last', (SELECT memory_bytes FROM s ORDER BY at DESC LIMIT 1),"
           "  'points', (SELECT string_agg(round(720 - 720 * extract(epoch FROM now() - s.at) / 86400, 1) || ',' ||"
           "    round(110 - 100.0 * s.memory_bytes / m.most, 1), ' ' ORDER BY s.at) FROM s))"
           " FROM m WHERE m.n > 1",
};

const struct query ui_query_memory_week = {
    .name = "ui_memory_week",
    .sql =
        "WITH s AS (SELECT s.at, c ->> 'name' AS name, (c ->> 'bytes')::bigint AS bytes FROM admin_samples s,"
        "   jsonb_array_elements(s.children) AS c WHERE s.at > now() - interval '7 days'),"
        " b AS (SELECT name, min(at) AS since, max(at) AS until, max(bytes) AS most,"
        "   (array_agg(bytes ORDER BY at DESC))[1] AS last FROM s WHERE bytes > 0 GROUP BY name HAVING count(*) > 1),"
        " k AS (SELECT s.name, floor(168 * extract(epoch FROM s.at - b.since) / extract(epoch FROM b.until - b.since))"
        "    AS step, max(s.bytes) AS bytes FROM s JOIN b ON b.name = s.name WHERE s.bytes > 0 GROUP BY 1, 2)"
        " SELECT coalesce(json_agg(json_build_object('name', b.name, 'last', b.last, 'most', b.most, 'since', b.since,"
        "   'until', b.until, 'points', (SELECT string_agg(round(700 * k.step / 168.0, 1) || ',' ||"
        "    round(100 - 96.0 * k.bytes / b.most, 1), ' ' ORDER BY k.step) FROM k WHERE k.name = b.name))"
        "  ORDER BY b.name), '[]') FROM b",
    .is_slow = true,
};

const struct query ui_query_sample_add = {
    .name = "ui_sample_add",
    .sql = "INSERT INTO admin_samples (at, memory_bytes, children)"
           " VALUES (date_trunc('minute', now()), $1::bigint, $2::jsonb) ON CONFLICT (at) DO NOTHING",
};

const struct query ui_query_samples_trim = {
    .name = "ui_samples_trim",
    .sql = "WITH s AS (DELETE FROM admin_samples WHERE at < now() - interval '7 days'),"
           " a AS (DELETE FROM admin_actions WHERE at < now() - interval '180 days') SELECT 1",
};
