/* Statements that read the journal of changes, and no further than the oldest transaction that still runs. */
#include "services/store/web/changes_read.h"

#define VISIBLE "(c.epoch < s.epoch OR c.xid < s.xmin)"
#define STATE                                                                                                          \
    "s AS MATERIALIZED (SELECT epoch, pruned_epoch, pruned_xid, pruned_seq,"                                           \
    " pg_snapshot_xmin(pg_current_snapshot()) AS xmin, pg_snapshot_xmax(pg_current_snapshot()) AS xmax"                \
    " FROM changes_state)"

const struct query query_changes_page = {
    .name = "changes_page",
    .sql =
        "WITH " STATE ", wanted AS (SELECT array_agg(id) AS ids FROM projects WHERE logikal_id = $6 OR id::text = $6),"
        " blocks AS (SELECT c.* FROM s, wanted w, changes c WHERE (c.epoch, c.xid, c.seq) >= ($1::integer, $2::xid8,"
        "   $3::bigint) AND " VISIBLE " AND ($5::text IS NULL OR c.object_type = ANY (string_to_array($5, ',')))"
        "   AND ($6::text IS NULL OR c.project_id = ANY (w.ids))"
        "   AND ($7::bigint IS NULL OR c.row_ids @> ARRAY[$7::bigint])"
        "  ORDER BY c.epoch, c.xid, c.seq LIMIT $8::integer + 2),"
        " items AS (SELECT b.epoch, b.xid, b.seq, i.item, b.at, b.object_type, b.operation, b.project_id, i.row_id,"
        "   i.logikal_id, i.fields, b.run_id, b.task_id FROM blocks b, unnest(b.row_ids, b.logikal_ids, b.fields)"
        "   WITH ORDINALITY AS i (row_id, logikal_id, fields, item)"
        "  WHERE (b.epoch, b.xid, b.seq, i.item) > ($1::integer, $2::xid8, $3::bigint, $4::bigint)"
        "   AND ($7::bigint IS NULL OR i.row_id = $7::bigint)"
        "  ORDER BY b.epoch, b.xid, b.seq, i.item LIMIT $8::integer + 1),"
        " page AS (SELECT i.*, p.logikal_id AS project_logikal_id FROM (SELECT * FROM items ORDER BY epoch, xid, seq, "
        "item"
        "   LIMIT $8::integer) i LEFT JOIN projects p ON p.id = i.project_id)"
        " SELECT (s.pruned_epoch, s.pruned_xid, s.pruned_seq) > ($1::integer, $2::xid8, $3::bigint),"
        "  $1::integer > s.epoch OR ($1::integer = s.epoch AND $2::xid8 > s.xmax),"
        "  (SELECT count(*) FROM page), (SELECT count(*) FROM items) > $8::integer,"
        "  CASE WHEN (SELECT count(*) FROM items) > $8::integer THEN (SELECT concat_ws('-', epoch, xid, seq, item)"
        "    FROM page ORDER BY epoch DESC, xid DESC, seq DESC, item DESC LIMIT 1)"
        "   ELSE (SELECT concat_ws('-', e, x, q, i) FROM (VALUES ($1::integer, $2::xid8, $3::bigint, $4::bigint),"
        "    (s.epoch, s.xmin, 0, 0)) AS v (e, x, q, i) ORDER BY e DESC, x DESC, q DESC, i DESC LIMIT 1) END,"
        "  (SELECT string_agg(json_build_object('cursor', concat_ws('-', epoch, xid, seq, item), 'time', at, 'type',"
        "    object_type, 'operation', operation, 'id', row_id, 'logikal_id', logikal_id, 'project_id', project_id,"
        "    'project_logikal_id', project_logikal_id, 'fields', (SELECT coalesce(json_object_agg(f.key,"
        "     json_build_object('before', f.value -> 0, 'after', f.value -> 1)), '{}') FROM jsonb_each(fields) f),"
        "    'run_id', run_id, 'task_id', task_id)::text, E'\\n' ORDER BY epoch, xid, seq, item) FROM page) FROM s",
};

const struct query query_changes_head = {
    .name = "changes_head",
    .sql = "SELECT concat_ws('-', epoch, pg_snapshot_xmin(pg_current_snapshot()), 0, 0) FROM changes_state",
};

const struct query query_changes_newest = {
    .name = "changes_newest",
    .sql = "WITH " STATE " SELECT coalesce((SELECT concat_ws('-', c.epoch, c.xid, c.seq) FROM s, changes c"
           " WHERE " VISIBLE " ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT 1), '')",
};
