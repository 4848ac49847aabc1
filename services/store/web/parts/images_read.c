/* Images of elevations as they are stored. See images_read.h. */
#include "services/store/web/parts/images_read.h"

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
        "  octet_length(t.content) AS size, CASE WHEN e.id IS NULL THEN 'unknown' WHEN e.deleted_at IS NOT NULL THEN "
        "'vanished' WHEN t.content IS NULL THEN 'none'"
        "  WHEN octet_length(t.content) > " IMAGE_MAX_BYTES " THEN 'too_large' ELSE 'stored' END AS state"
        "  FROM (SELECT * FROM w ORDER BY n OFFSET $2::int LIMIT 100) w LEFT JOIN elevations e ON e.id = w.id"
        "  LEFT JOIN elevation_thumbnails t ON t.elevation_id = w.id),"
        " c AS (SELECT s.*, sum(CASE WHEN s.state = 'stored' THEN s.size ELSE 0 END) OVER (ORDER BY s.n) AS together,"
        "  row_number() OVER (ORDER BY s.n) AS place FROM s)"
        " SELECT c.id::text, c.state::text, CASE WHEN c.state = 'stored' THEN t.content END, jsonb_strip_nulls("
        "jsonb_build_object('elevation_id', c.id, 'name', c.name, 'state', c.state, 'sha256',"
        " c.sha256, 'size', c.size,"
        " 'fetched_at', c.fetched_at, 'error', c.error))::text, c.total::text FROM c LEFT JOIN elevation_thumbnails t"
        " ON t.elevation_id = c.id WHERE c.place = 1 OR c.together <= " IMAGES_STATEMENT_BYTES " ORDER BY c.n",
};

/* A drawing, and a failure, are of one version of the elevation. What may pass by itself is told for half a minute,
 * what the upstream has refused for a quarter of an hour; then it is asked again. */
#define OF_VERSION "(d.version_id, d.changed_date) IS NOT DISTINCT FROM (e.version_id, e.api_changed_date)"

const struct query query_drawing = {
    .name = "drawing",
    .is_binary = true,
    .sql = "SELECT x.id, x.state, CASE WHEN x.state = 'stored' THEN d.content END, coalesce(d.sha256, ''),"
           " coalesce(d.error, ''), x.name FROM (SELECT e.id::text AS id, e.name::text AS name, (CASE"
           "  WHEN d.sha256 IS NOT NULL AND (e.deleted_at IS NOT NULL OR (" OF_VERSION " AND d.error_code IS NULL))"
           "   THEN 'stored'"
           "  WHEN e.deleted_at IS NOT NULL THEN 'gone'"
           "  WHEN drawing_is_coming(e.id, d.asked_at) THEN 'coming'"
           "  WHEN d.error_code IS NOT NULL AND " OF_VERSION " AND d.tried_at > now() - CASE WHEN d.error_code IN"
           "   ('not_found', 'auth', 'limit') THEN interval '15 minutes' ELSE interval '30 seconds' END"
           "   THEN d.error_code ELSE 'wanted' END)::text AS state"
           "  FROM elevations e LEFT JOIN elevation_drawings d ON d.elevation_id = e.id WHERE e.id = $1::int) x"
           " LEFT JOIN elevation_drawings d ON d.elevation_id = x.id::int",
};

const struct query query_drawing_claim = {
    .name = "drawing_claim",
    .sql = "INSERT INTO elevation_drawings AS d (elevation_id, asked_at, asked_by) SELECT e.id, now(), $2"
           " FROM elevations e WHERE e.id = $1::int AND e.deleted_at IS NULL ON CONFLICT (elevation_id) DO UPDATE SET"
           " asked_at = now(), asked_by = excluded.asked_by WHERE NOT drawing_is_coming(d.elevation_id,"
           " d.asked_at) RETURNING true",
};

const struct query query_drawing_unclaim = {
    .name = "drawing_unclaim",
    .sql = "UPDATE elevation_drawings d SET asked_at = NULL, asked_by = NULL, tried_at = now(), error = $3,"
           " error_code = 'unavailable', version_id = e.version_id, changed_date = e.api_changed_date FROM elevations e"
           " WHERE e.id = d.elevation_id AND d.elevation_id = $1::int AND d.asked_by = $2",
};

const struct query query_drawing_release = {
    .name = "drawing_release",
    .sql = "UPDATE elevation_drawings SET asked_at = NULL, asked_by = NULL WHERE elevation_id = $1::int AND asked_by ="
           " $2",
};
