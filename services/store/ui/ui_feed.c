/* See ui_feed.h. What a change is about is called as it is now, or as the change itself says. */
#include "services/store/ui/ui_feed.h"

/* A long text stands in the journal as its hash and size. */
#define VALUE(at)                                                                                                      \
    "CASE jsonb_typeof(f.value -> " #at ") WHEN 'object' THEN 'a text of ' || (f.value -> " #at                        \
    " ->> 'size') || ' bytes (' || left(f.value -> " #at " ->> 'sha256', 12) || '…)' ELSE f.value ->> " #at " END"
#define VALUE_BEFORE VALUE(0)
#define VALUE_AFTER  VALUE(1)
#define OF_ELEVATION "x.object_type IN ('elevation', 'thumbnail', 'parts_list', 'glass')"

const struct query ui_query_journal = {
    .name = "ui_journal",
    .sql =
        "WITH p AS MATERIALIZED (SELECT array_agg(id::bigint) AS ids FROM projects WHERE id::text = $3 OR"
        "  logikal_id = logikald_guid($3)),"
        " blocks AS (SELECT c.* FROM changes c, p WHERE (nullif($1, '') IS NULL OR c.object_type ="
        "   ANY (string_to_array($1, ','))) AND (nullif($2, '') IS NULL OR c.row_ids @> ARRAY[nullif($2, '')::bigint])"
        "  AND (nullif($3, '') IS NULL OR c.project_id = ANY (p.ids))"
        "  AND (nullif($4, '') IS NULL OR (c.epoch, c.xid, c.seq) <= (split_part($4, '-', 1)::integer,"
        "   split_part($4, '-', 2)::xid8, split_part($4, '-', 3)::bigint))"
        "  ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT $5::integer + 1),"
        " x AS (SELECT b.epoch, b.xid, b.seq, i.item, b.at, b.object_type, b.operation, b.project_id,"
        " b.run_id, b.task_id,"
        "   i.row_id, i.logikal_id, i.fields FROM blocks b, unnest(b.row_ids, b.logikal_ids, b.fields) WITH ORDINALITY"
        "   AS i (row_id, logikal_id, fields, item) WHERE (nullif($2, '') IS NULL OR i.row_id = nullif($2, '')::bigint)"
        "   AND (nullif($4, '') IS NULL OR (b.epoch, b.xid, b.seq, i.item) < (split_part($4, '-', 1)::integer,"
        "    split_part($4, '-', 2)::xid8, split_part($4, '-', 3)::bigint, split_part($4, '-', 4)::bigint))"
        "  ORDER BY b.epoch DESC, b.xid DESC, b.seq DESC, i.item DESC LIMIT $5::integer)"
        " SELECT coalesce(json_agg(json_build_object('cursor', concat_ws('-', x.epoch, x.xid, x.seq,"
        " x.item), 'at', x.at,"
        "   'type', replace(x.object_type, '_', ' '), 'operation', x.operation, 'logikal_id', x.logikal_id,"
        "   'name', coalesce(e.name, f.name, j.name, d.name, x.fields -> 'name' ->> 1, x.fields -> 'name' ->> 0,"
        "    x.logikal_id), 'url', CASE WHEN e.id IS NOT NULL THEN '/ui/browse/elevations/' || e.id"
        "    WHEN j.id IS NOT NULL THEN '/ui/browse/projects/' || j.id WHEN d.id IS NOT NULL THEN"
        "    '/ui/browse?directory=' || d.id WHEN f.id IS NOT NULL THEN '/ui/browse/projects/' || f.project_id END,"
        "   'project', h.name, 'task_id', x.task_id, 'run_id', x.run_id, 'fields', (SELECT json_agg(json_build_object("
        "    'name', f.key, 'before', " VALUE_BEFORE ", 'after', " VALUE_AFTER
        ") ORDER BY f.key) FROM jsonb_each(x.fields) f))"
        "  ORDER BY x.epoch DESC, x.xid DESC, x.seq DESC, x.item DESC), '[]') FROM x"
        " LEFT JOIN elevations e ON " OF_ELEVATION " AND e.id = x.row_id"
        " LEFT JOIN phases f ON x.object_type = 'phase' AND f.id = x.row_id"
        " LEFT JOIN projects j ON x.object_type = 'project' AND j.id = x.row_id"
        " LEFT JOIN directories d ON x.object_type = 'directory' AND d.id = x.row_id"
        " LEFT JOIN projects h ON x.object_type <> 'project' AND h.id = x.project_id",
    .is_slow = true,
};
