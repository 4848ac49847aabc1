/* Statements that read the journal of changes, and no further than the oldest transaction that still runs. */
#include "services/store/web/feed/changes_read.h"

#define VISIBLE "(c.epoch < s.epoch OR c.xid < s.xmin)"
#define STATE                                                                                                          \
    "s AS MATERIALIZED (SELECT epoch, identity, sure_xid, pruned_epoch, pruned_xid, pruned_seq,"                       \
    " pg_snapshot_xmin(pg_current_snapshot()) AS xmin, pg_snapshot_xmax(pg_current_snapshot()) AS xmax"                \
    " FROM changes_state)"

/* The end of the newest block that can be seen, and not how far transactions have come: a cursor that only waits stays
 * where it is, and lies within what surely survives a fail-over. */
#define NEWEST                                                                                                         \
    "e AS MATERIALIZED (SELECT s.epoch, coalesce(c.xid, '0') AS xid, coalesce(c.seq, 0) AS seq,"                       \
    " coalesce(cardinality(c.row_ids), 0) AS item FROM s LEFT JOIN LATERAL (SELECT c.* FROM changes c"                 \
    "  WHERE c.epoch = s.epoch AND c.xid < s.xmin ORDER BY c.xid DESC, c.seq DESC LIMIT 1) c ON true)"

/* Of an epoch that has ended: beyond what is surely still there. What a snapshot had seen counts as well. */
#define UNSURE                                                                                                         \
    "EXISTS (SELECT FROM changes_epochs p WHERE p.epoch = $1::integer"                                                 \
    " AND (($2::xid8, $3::bigint, $4::bigint) > (p.sure_xid, 0::bigint, 0::bigint)"                                    \
    "  OR pg_snapshot_xmax($9::text::pg_snapshot) > p.sure_xid))"

/* Blocks from the cursor on that may be seen and that the reader has not from its snapshot, of the types and the object
 * that are asked for. Each that is taken has an item for the reader, but for the first: otherwise a page of blocks
 * without any would be taken for the end. */
#define BEHIND                                                                                                         \
    "(c.epoch, c.xid, c.seq) >= ($1::integer, $2::xid8, $3::bigint) AND " VISIBLE                                      \
    " AND ($9::text IS NULL OR c.epoch <> $1::integer OR NOT pg_visible_in_snapshot(coalesce(c.writer, c.xid), "       \
    "$9::text::pg_snapshot))"                                                                                          \
    " AND ($5::text IS NULL OR c.object_type = ANY (string_to_array($5, ',')))"                                        \
    " AND ($7::bigint IS NULL OR c.row_ids @> ARRAY[$7::bigint])"
/* A block stands under the project where its objects are now; of one item: was it in a wanted project before? */
#define CAME_FROM "(i.fields -> 'project_id' ->> 0)::bigint = ANY (w.ids)"
#define OBJECT    "($7::bigint IS NULL OR i.row_id = $7::bigint)"

/* Of a project whose row is gone: the journal knows. */
#define LAST_ID                                                                                                        \
    "(SELECT d.logikal_ids[1] FROM changes d WHERE d.project_id = i.project_id AND d.object_type = 'project'"          \
    " AND d.operation = 'deleted' ORDER BY d.epoch DESC, d.xid DESC, d.seq DESC LIMIT 1)"

/* Of the cursor of a change: what its reader has already from a snapshot. */
#define HAS                                                                                                            \
    "CASE WHEN $9::text IS NOT NULL AND epoch = $1::integer AND xid < pg_snapshot_xmax($9::text::pg_snapshot)"         \
    " THEN '~' || $9::text ELSE '' END"

/* The whole object, as it is now, where the fields of a change cannot tell all of it: a reader sees it for the first
 * time or again, or a text of it is too long for the journal. NULL when its row is gone. Its columns are those whose
 * changes the journal tells; joined and not called for each row, which costs ten times as much. */
#define IS_CUT       "EXISTS (SELECT FROM jsonb_each(i.fields) f WHERE jsonb_typeof(f.value -> 1) = 'object')"
#define IS_TOLD_MORE "(i.operation IN ('created', 'returned', 'moved') OR (i.operation = 'changed' AND " IS_CUT "))"
#define DIRECTORY_COLUMNS                                                                                              \
    "r.name, changes_text(r.full_path) AS full_path, changes_text(r.upstream_path) AS upstream_path, r.level,"         \
    " r.parent_id, r.exclude_from_sync, r.api_created_date, r.api_changed_date, r.deleted_at"
#define PROJECT_COLUMNS                                                                                                \
    "r.name, changes_text(r.description) AS description, changes_text(r.job_number) AS job_number,"                    \
    " changes_text(r.offer_number) AS offer_number, changes_text(r.person_in_charge) AS person_in_charge,"             \
    " r.directory_id, r.status, r.is_estimated, r.api_created_date, r.api_changed_date, r.deleted_at"
#define PHASE_COLUMNS "r.name, changes_text(r.description) AS description, r.project_id, r.status, r.deleted_at"
#define ELEVATION_COLUMNS                                                                                              \
    "r.name, changes_text(r.description) AS description, changes_text(r.system_description) AS system_description,"    \
    " changes_text(r.model_description) AS model_description, changes_text(r.user_description) AS user_description,"   \
    " changes_text(r.auto_description) AS auto_description, r.system_long_name, changes_text(r.parse_error) AS"        \
    " parse_error, r.status, r.project_id, r.phase_id, r.width, r.height, r.depth, r.amount, r.elevation_type,"        \
    " r.version_id, r.api_created_date, r.api_changed_date, r.deleted_at, r.auto_description_short, r.width_out,"      \
    " r.width_unit, r.height_out, r.height_unit, r.weight_out, r.weight_unit, r.area_output, r.area_unit,"             \
    " r.system_code, r.system_name, r.color_base_long, r.parts_count, r.has_parts_data, r.parse_status"
#define PARTS_LIST_COLUMNS "changes_text(r.error) AS error, r.sha256, r.size_bytes"
#define THUMBNAIL_COLUMNS  PARTS_LIST_COLUMNS ", r.content_type"
#define OBJECT_OF(type, columns, row)                                                                                  \
    "SELECT row_to_json(x)::text AS object FROM (SELECT " columns " FROM " row                                         \
    " = i.row_id) x WHERE i.object_type = '" type "' AND " IS_TOLD_MORE
#define DIRECTORY_NOW  OBJECT_OF("directory", DIRECTORY_COLUMNS, "directories r WHERE r.id")
#define PROJECT_NOW    OBJECT_OF("project", PROJECT_COLUMNS, "projects r WHERE r.id")
#define PHASE_NOW      OBJECT_OF("phase", PHASE_COLUMNS, "phases r WHERE r.id")
#define ELEVATION_NOW  OBJECT_OF("elevation", ELEVATION_COLUMNS, "elevations r WHERE r.id")
#define THUMBNAIL_NOW  OBJECT_OF("thumbnail", THUMBNAIL_COLUMNS, "elevation_thumbnails r WHERE r.elevation_id")
#define PARTS_LIST_NOW OBJECT_OF("parts_list", PARTS_LIST_COLUMNS, "elevation_parts_lists r WHERE r.elevation_id")
#define OBJECT_NOW                                                                                                     \
    "(" DIRECTORY_NOW " UNION ALL " PROJECT_NOW " UNION ALL " PHASE_NOW " UNION ALL " ELEVATION_NOW                    \
    " UNION ALL " THUMBNAIL_NOW " UNION ALL " PARTS_LIST_NOW ")"

/* A page ends where its objects take more: what is behind comes with the next one. */
#define PAGE_BYTES "8388608"

const struct query query_changes_page = {
    .name = "changes_page",
    .sql =
        "WITH " STATE ", " NEWEST ", asked AS MATERIALIZED (SELECT logikald_guid(btrim(p)) AS id"
        "   FROM unnest(string_to_array($6, ',')) p),"
        " wanted AS (SELECT coalesce(array_agg(id) FILTER (WHERE id IS NOT NULL), '{}') AS ids FROM ("
        "   SELECT id::bigint FROM projects WHERE logikal_id = ANY (ARRAY(SELECT id FROM asked))"
        "   UNION SELECT id::bigint FROM asked WHERE id ~ '^[0-9]{1,18}$'"
        "   UNION SELECT project_id FROM changes WHERE operation = 'deleted' AND object_type = 'project'"
        "    AND logikal_ids[1] = ANY (ARRAY(SELECT id FROM asked))) p),"
        " blocks AS (SELECT * FROM ((SELECT c.* FROM s, wanted w, changes c WHERE " BEHIND
        "   AND ($6::text IS NULL OR c.project_id = ANY (w.ids)) ORDER BY c.epoch, c.xid, c.seq LIMIT $8::integer + 2)"
        "  UNION ALL (SELECT c.* FROM s, wanted w, changes c WHERE " BEHIND " AND $6::text IS NOT NULL"
        "   AND c.operation IN ('moved', 'vanished') AND c.object_type IN ('phase', 'elevation')"
        "   AND coalesce(c.project_id, 0) <> ALL (w.ids)"
        "   AND EXISTS (SELECT FROM unnest(c.row_ids, c.fields) AS i (row_id, fields) WHERE " CAME_FROM " AND " OBJECT
        ")"
        "   ORDER BY c.epoch, c.xid, c.seq LIMIT $8::integer + 2)) b ORDER BY epoch, xid, seq LIMIT $8::integer + 2),"
        " items AS (SELECT b.epoch, b.xid, b.seq, i.item, b.at, b.object_type, b.operation, b.project_id, i.row_id,"
        "   i.logikal_id, i.fields, b.run_id, b.task_id FROM wanted w, blocks b,"
        "   unnest(b.row_ids, b.logikal_ids, b.fields) WITH ORDINALITY AS i (row_id, logikal_id, fields, item)"
        "  WHERE (b.epoch, b.xid, b.seq, i.item) > ($1::integer, $2::xid8, $3::bigint, $4::bigint)"
        "   AND ($6::text IS NULL OR b.project_id = ANY (w.ids) OR " CAME_FROM ") AND " OBJECT
        "  ORDER BY b.epoch, b.xid, b.seq, i.item LIMIT $8::integer + 1),"
        " whole AS (SELECT i.*, coalesce(p.logikal_id, " LAST_ID ") AS project_logikal_id, o.object FROM (SELECT * FROM"
        "   items ORDER BY epoch, xid, seq, item LIMIT $8::integer) i LEFT JOIN projects p ON p.id = i.project_id"
        "   LEFT JOIN LATERAL " OBJECT_NOW " o ON true),"
        " page AS (SELECT * FROM (SELECT w.*, row_number() OVER way AS place, sum(octet_length(w.object)) OVER way AS"
        "   bytes FROM whole w WINDOW way AS (ORDER BY epoch, xid, seq, item)) w WHERE w.place = 1"
        "   OR coalesce(w.bytes, 0) <= " PAGE_BYTES ")"
        " SELECT (s.pruned_epoch, s.pruned_xid, s.pruned_seq) > ($1::integer, $2::xid8, $3::bigint),"
        "  $1::integer > s.epoch OR ($1::integer = s.epoch AND $2::xid8 > s.xmax) OR " UNSURE ","
        "  (SELECT count(*) FROM page), (SELECT count(*) FROM items) > (SELECT count(*) FROM page),"
        "  CASE WHEN (SELECT count(*) FROM items) > (SELECT count(*) FROM page) THEN (SELECT concat_ws('-', epoch, "
        "xid, seq, item)"
        "    FROM page ORDER BY epoch DESC, xid DESC, seq DESC, item DESC LIMIT 1)"
        "   ELSE (SELECT concat_ws('-', e, x, q, i) FROM (VALUES ($1::integer, $2::xid8, $3::bigint, $4::bigint),"
        "    (e.epoch, e.xid, e.seq, e.item)) AS v (e, x, q, i) ORDER BY e DESC, x DESC, q DESC, i DESC LIMIT 1) END,"
        "  (SELECT string_agg(left(json_build_object('cursor', concat_ws('-', epoch, xid, seq, item) || " HAS
        ", 'time', at, 'type',"
        "    object_type, 'operation', operation, 'id', row_id, 'logikal_id', logikal_id, 'project_id', project_id,"
        "    'project_logikal_id', project_logikal_id, 'fields', (SELECT coalesce(json_object_agg(f.key,"
        "     json_build_object('before', f.value -> 0, 'after', f.value -> 1)), '{}') FROM jsonb_each(fields) f),"
        "    'run_id', run_id, 'task_id', task_id)::text, -1) || coalesce(', \"object\" : ' || object, '') || '}', "
        "E'\\n' ORDER BY epoch, xid, seq, item) FROM page),"
        "  changes_is_another(s.identity), (SELECT count(*) FROM items) = (SELECT count(*) FROM page)"
        "   AND s.xmin >= pg_snapshot_xmax($9::text::pg_snapshot) FROM s, e",
};

const struct query query_changes_unknown = {
    .name = "changes_unknown",
    .sql = "SELECT string_agg(a.asked, ', ') FROM unnest(string_to_array($1, ',')) WITH ORDINALITY AS p (text, n),"
           " LATERAL (SELECT btrim(p.text) AS asked, logikald_guid(btrim(p.text)) AS id,"
           "  CASE WHEN btrim(p.text) ~ '^[0-9]{1,18}$' THEN btrim(p.text)::bigint END AS row_id) a"
           " WHERE a.asked <> '' AND NOT EXISTS (SELECT FROM projects WHERE logikal_id = a.id OR id = a.row_id)"
           "  AND NOT EXISTS (SELECT FROM changes WHERE project_id = a.row_id)"
           "  AND NOT EXISTS (SELECT FROM changes WHERE operation = 'deleted' AND object_type = 'project'"
           "   AND logikal_ids[1] = a.id)",
};

const struct query query_changes_head = {
    .name = "changes_head",
    .sql = "WITH " STATE ", " NEWEST " SELECT concat_ws('-', e.epoch, e.xid, e.seq, e.item),"
           " changes_is_another(s.identity) FROM e, s",
};

const struct query query_changes_settle = {
    .name = "changes_settle",
    .is_slow = true,
    .sql = "SELECT changes_settle()",
};

const struct query query_changes_mark = {
    .name = "changes_mark",
    .is_slow = true,
    .sql = "SELECT changes_mark()",
};

const struct query query_changes_newest = {
    .name = "changes_newest",
    .sql = "WITH " STATE " SELECT coalesce((SELECT concat_ws('-', c.epoch, c.xid, c.seq) FROM s, changes c"
           " WHERE " VISIBLE " ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT 1), '')",
};

/* Of other roles' sessions PostgreSQL shows only that they are there. */
const struct query query_changes_lag = {
    .name = "changes_lag",
    .is_patient = true,
    .sql = "WITH " STATE ", held AS (SELECT greatest(extract(epoch FROM clock_timestamp() - c.at), 0)::bigint AS age"
           "  FROM s, changes c WHERE c.epoch = s.epoch AND c.xid >= s.xmin ORDER BY c.epoch, c.xid, c.seq LIMIT 1)"
           " SELECT coalesce((SELECT age FROM held), 0), CASE WHEN (SELECT age FROM held) >= 1 THEN coalesce("
           "  (SELECT format('process %s of %s (%s, %s, since %s)', a.pid, a.usename, coalesce(nullif("
           "    a.application_name, ''), 'no name'), a.state, to_char(a.xact_start AT TIME ZONE 'UTC',"
           "    'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) FROM s, pg_stat_activity a WHERE a.backend_xid IS NOT NULL"
           "    AND a.backend_xid::text::bigint = s.xmin::text::bigint & 4294967295 LIMIT 1),"
           "  (SELECT format('the prepared transaction %s of %s', x.gid, x.owner) FROM s, pg_prepared_xacts x"
           "    WHERE x.transaction::text::bigint = s.xmin::text::bigint & 4294967295 LIMIT 1),"
           "  'a transaction of another role') ELSE '' END,"
           " s.identity = '' OR changes_is_another(s.identity)"
           "  OR EXISTS (SELECT FROM changes c WHERE c.epoch = s.epoch AND c.xid >= s.sure_xid AND c.xid < s.xmin),"
           " (SELECT count(*) FROM changes_epochs), coalesce((SELECT to_char(max(ended_at) AT TIME ZONE 'UTC',"
           "  'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM changes_epochs WHERE ended_at > now() - interval '1 hour'), '')"
           " FROM s",
};
