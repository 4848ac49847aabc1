/* See images_read.h. */
#include "services/store/web/images_read.h"

const struct query query_elevation_image = {
    .name = "elevation_image",
    .sql = "SELECT t.content, coalesce(t.content_type, 'image/png')::text, coalesce(t.sha256, '')::text"
           " FROM elevations e LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id"
           " WHERE e.logikal_id = logikald_guid($1) OR e.id::text = $1"
           " ORDER BY t.content IS NULL, e.logikal_id = logikald_guid($1) DESC LIMIT 1",
    .is_binary = true,
};

/* Sizes first: octet_length reads none of the bytes. */
const struct query query_thumbnails_batch = {
    .name = "thumbnails_batch",
    .is_slow = true,
    .is_binary = true,
    .sql =
        "WITH w AS MATERIALIZED (SELECT value::int AS id, min(ordinality) AS n, count(*) OVER () AS total"
        "  FROM json_array_elements_text($1::json) WITH ORDINALITY GROUP BY 1 ORDER BY 2),"
        " s AS MATERIALIZED (SELECT w.id, w.n, w.total, e.name, t.sha256, t.fetched_at, t.error,"
        "  octet_length(t.content) AS size, CASE WHEN e.id IS NULL THEN 'unknown' WHEN t.content IS NULL THEN 'none'"
        "  WHEN octet_length(t.content) > " IMAGE_MAX_BYTES " THEN 'too_large' ELSE 'stored' END AS state"
        "  FROM (SELECT * FROM w ORDER BY n OFFSET $2::int LIMIT 100) w LEFT JOIN elevations e ON e.id = w.id"
        "  LEFT JOIN elevation_thumbnails t ON t.elevation_id = w.id),"
        " c AS (SELECT s.*, sum(CASE WHEN s.state = 'stored' THEN s.size ELSE 0 END) OVER (ORDER BY s.n) AS together,"
        "  row_number() OVER (ORDER BY s.n) AS place FROM s)"
        " SELECT c.id::text, c.state::text, CASE WHEN c.state = 'stored' THEN t.content END, jsonb_strip_nulls("
        "jsonb_build_object('elevation_id', c.id, 'name', c.name, 'state', c.state, 'sha256', c.sha256, 'size', "
        "c.size,"
        " 'fetched_at', c.fetched_at, 'error', c.error))::text, c.total::text FROM c LEFT JOIN elevation_thumbnails t"
        " ON t.elevation_id = c.id WHERE c.place = 1 OR c.together <= " IMAGES_STATEMENT_BYTES " ORDER BY c.n",
};
