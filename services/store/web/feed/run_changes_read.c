/* See run_changes_read.h. An object is called as it is now, or as the change itself says. */
#include "services/store/web/feed/run_changes_read.h"

#define COUNT(operation) "coalesce(sum(n) FILTER (WHERE operation = '" operation "'), 0)"
#define CREATED          COUNT("created")
#define CHANGED          COUNT("changed")
#define MOVED            COUNT("moved")
#define VANISHED         COUNT("vanished")
#define RETURNED         COUNT("returned")
#define DELETED          COUNT("deleted")
#define COUNTS                                                                                                         \
    "'created', " CREATED ", 'changed', " CHANGED ", 'moved', " MOVED ", 'vanished', " VANISHED ","                    \
    " 'returned', " RETURNED ", 'deleted', " DELETED
#define OF_ELEVATION "x.object_type IN ('elevation', 'thumbnail', 'parts_list', 'glass')"

/* Whole: the journal reaches back to the run's begin. */
const struct query query_run_changes = {
    .name = "run_changes",
    .sql =
        "WITH r AS (SELECT * FROM sync_runs WHERE id = $1::bigint),"
        " n AS MATERIALIZED (SELECT object_type, operation, sum(cardinality(row_ids)) AS n FROM changes"
        "  WHERE run_id = $1::bigint GROUP BY 1, 2),"
        " x AS (SELECT c.epoch, c.xid, c.seq, i.item, c.at, c.object_type, c.operation, c.project_id, i.row_id,"
        "   i.logikal_id, i.fields FROM changes c, unnest(c.row_ids, c.logikal_ids, c.fields) WITH ORDINALITY"
        "   AS i (row_id, logikal_id, fields, item) WHERE c.run_id = $1::bigint"
        "   AND (coalesce($2, '') = '' OR c.object_type = $2) AND (coalesce($3, '') = '' OR c.operation = $3)"
        "   AND (coalesce($4, '') = '' OR (c.epoch, c.xid, c.seq, i.item) >"
        "    (split_part(nullif($4, ''), '-', 1)::integer, split_part(nullif($4, ''), '-', 2)::xid8,"
        "     split_part(nullif($4, ''), '-', 3)::bigint, split_part(nullif($4, ''), '-', 4)::bigint))"
        "  ORDER BY c.epoch, c.xid, c.seq, i.item LIMIT $5::integer + 1),"
        " page AS (SELECT * FROM x ORDER BY epoch, xid, seq, item LIMIT $5::integer)"
        " SELECT json_build_object('run', json_build_object('id', r.id, 'task_id', r.task_id, 'task', r.task_name,"
        "   'scope', r.scope, 'state', r.state, 'is_forced', r.is_forced, 'started_at', r.started_at,"
        "   'finished_at', r.finished_at, 'message', r.result ->> 'message'),"
        "  'is_whole', NOT (s.pruned_epoch > 0 AND r.started_at < coalesce((SELECT c.at FROM changes c"
        "    ORDER BY c.epoch, c.xid, c.seq LIMIT 1), now())),"
        "  'totals', (SELECT json_build_object(" COUNTS ") FROM n),"
        "  'types', (SELECT coalesce(json_agg(t.o ORDER BY t.o ->> 'type'), '[]') FROM (SELECT json_build_object("
        "    'type', object_type, " COUNTS ") AS o FROM n GROUP BY object_type) t),"
        "  'error_count', coalesce((r.result ->> 'error_count')::bigint, 0),"
        "  'errors', coalesce(r.result -> 'errors', '[]'),"
        "  'changes', (SELECT coalesce(json_agg(json_build_object('time', x.at, 'type', x.object_type,"
        "    'operation', x.operation, 'id', x.row_id, 'logikal_id', x.logikal_id, 'name', coalesce(e.name, f.name,"
        "     j.name, d.name, x.fields -> 'name' ->> 1, x.fields -> 'name' ->> 0, x.logikal_id),"
        "    'project_id', x.project_id, 'project', h.name, 'link', CASE"
        "     WHEN e.id IS NOT NULL THEN '/ui/browse/elevations/' || e.id"
        "     WHEN j.id IS NOT NULL THEN '/ui/browse/projects/' || j.id"
        "     WHEN d.id IS NOT NULL THEN '/ui/browse?directory=' || d.id"
        "     WHEN f.id IS NOT NULL THEN '/ui/browse/projects/' || f.project_id END,"
        "    'fields', (SELECT coalesce(json_object_agg(v.key, json_build_object('before', v.value -> 0, 'after',"
        "      v.value -> 1)), '{}') FROM jsonb_each(x.fields) v)) ORDER BY x.epoch, x.xid, x.seq, x.item), '[]')"
        "   FROM page x LEFT JOIN elevations e ON " OF_ELEVATION " AND e.id = x.row_id"
        "   LEFT JOIN phases f ON x.object_type = 'phase' AND f.id = x.row_id"
        "   LEFT JOIN projects j ON x.object_type = 'project' AND j.id = x.row_id"
        "   LEFT JOIN directories d ON x.object_type = 'directory' AND d.id = x.row_id"
        "   LEFT JOIN projects h ON x.object_type <> 'project' AND h.id = x.project_id),"
        "  'next', CASE WHEN (SELECT count(*) FROM x) > $5::integer THEN (SELECT concat_ws('-', epoch, xid, seq, item)"
        "    FROM page ORDER BY epoch DESC, xid DESC, seq DESC, item DESC LIMIT 1) END) FROM r, changes_state s",
    .is_slow = true,
};
