/* What is stored, for looking around: the tree of directories with what lies in the open one, a project with its phases
 * and elevations, an elevation with all that is known of it. */
#include "services/store/ui/ui_browse.h"

/* The directories from the roots down, children in order of name; those on the way to the open one are marked. A
 * directory counts as excluded by its parent when any directory above it is excluded. */
const struct query ui_query_tree = {
    .name = "ui_tree",
    .sql =
        "WITH RECURSIVE up AS (SELECT id, parent_id, 1 AS n FROM directories WHERE id = nullif($1, '')::int"
        "  UNION ALL SELECT d.id, d.parent_id, n + 1 FROM directories d JOIN up ON d.id = up.parent_id WHERE n < 50),"
        " down AS (SELECT d.*, 0 AS depth, false AS under, ARRAY[lower(d.name), d.id::text] AS way FROM directories d"
        "   WHERE d.parent_id IS NULL AND d.deleted_at IS NULL"
        "  UNION ALL SELECT d.*, down.depth + 1, down.under OR down.exclude_from_sync, down.way || "
        "ARRAY[lower(d.name), d.id::text]"
        "   FROM directories d JOIN down ON d.parent_id = down.id WHERE d.deleted_at IS NULL AND down.depth < 30"
        "   AND d.parent_id IN (SELECT id FROM up))"
        " SELECT json_build_object("
        "  'directories', (SELECT coalesce(json_agg(json_build_object('id', t.id, 'name', t.name, 'depth', t.depth,"
        "     'indent', repeat('· ', t.depth), 'excluded', t.exclude_from_sync, 'under', t.under,"
        "     'open', t.id IN (SELECT id FROM up), 'here', t.id = nullif($1, '')::int,"
        "     'projects', (SELECT count(*) FROM projects p WHERE p.directory_id = t.id AND p.deleted_at IS NULL),"
        "     'children', (SELECT count(*) FROM directories x WHERE x.parent_id = t.id AND x.deleted_at IS NULL),"
        "     'synced_at', t.synced_at) ORDER BY t.way), '[]') FROM (SELECT * FROM down ORDER BY way LIMIT 2000) t),"
        "  'more_directories', (SELECT greatest(count(*) - 2000, 0) FROM down),"
        "  'here', (SELECT json_build_object('id', d.id, 'name', d.name, 'path', coalesce(d.full_path, d.name),"
        "     'excluded', d.exclude_from_sync, 'logikal_id', d.logikal_id, 'synced_at', d.synced_at)"
        "     FROM directories d WHERE d.id = nullif($1, '')::int),"
        "  'in_all', (SELECT count(*) FROM projects WHERE directory_id IS NOT DISTINCT FROM nullif($1, '')::int"
        "     AND deleted_at IS NULL), 'projects', (SELECT coalesce(json_agg(json_build_object('id', p.id, 'name', "
        "p.name, 'job', p.job_number,"
        "     'description', p.description, 'last_sync', p.last_sync_date, 'logikal_id', p.logikal_id,"
        "     'failures', c.failures, 'error', c.last_error) ORDER BY lower(p.name), p.id), '[]')"
        "     FROM (SELECT * FROM projects WHERE directory_id IS NOT DISTINCT FROM nullif($1, '')::int"
        "       AND deleted_at IS NULL ORDER BY lower(name), id LIMIT 500) p"
        "     LEFT JOIN project_cursors c ON c.project_id = p.id))",
};

const struct query ui_query_project = {
    .name = "ui_project",
    .sql =
        "SELECT json_build_object('id', p.id, 'name', p.name, 'logikal_id', p.logikal_id, 'description', p.description,"
        " 'job', p.job_number, 'offer', p.offer_number, 'person', p.person_in_charge, 'status', p.status,"
        " 'last_sync', p.last_sync_date, 'changed', p.api_changed_date, 'is_gone', p.deleted_at IS NOT NULL,"
        " 'directory_id', p.directory_id, 'directory', (SELECT name FROM directories d WHERE d.id = p.directory_id),"
        " 'failures', c.failures, 'error', c.last_error, 'failed_at', c.failed_at,"
        " 'orders', '[{\"path\": \"glass-order\", \"name\": \"Glass order\"}, {\"path\": \"cutting-list\", \"name\": "
        "\"Cutting list\"},"
        " {\"path\": \"stock-list\", \"name\": \"Stock list\"}]'::json, 'unread', (SELECT count(*) FROM parts_states s"
        " WHERE s.project_id = p.id AND (s.state NOT IN ('read', 'none') OR s.behind IS NOT NULL)),"
        " 'elevations_total', (SELECT count(*) FROM elevations e WHERE e.project_id = p.id AND e.deleted_at IS NULL),"
        " 'phases', (SELECT coalesce(json_agg(json_build_object('id', f.id, 'name', f.name, 'last_sync', "
        "f.last_sync_date,"
        "   'elevations', (SELECT json_agg(json_build_object('id', e.id, 'name', e.name, 'amount', e.amount,"
        "     'width', e.width, 'height', e.height, 'system', coalesce(e.system_name, e.system_description),"
        "     'parse_status', e.parse_status, 'has_parts', e.has_parts_data) ORDER BY lower(e.name), e.id)"
        "     FROM (SELECT * FROM elevations WHERE phase_id = f.id AND deleted_at IS NULL ORDER BY lower(name), id"
        "           LIMIT 500) e), 'more', (SELECT greatest(count(*) - 500, 0) FROM elevations WHERE phase_id = f.id"
        "     AND deleted_at IS NULL)) ORDER BY lower(f.name), f.id), '[]')"
        "   FROM phases f WHERE f.project_id = p.id AND f.deleted_at IS NULL))"
        " FROM projects p LEFT JOIN project_cursors c ON c.project_id = p.id WHERE p.id = $1::int",
};

const struct query ui_query_elevation = {
    .name = "ui_elevation",
    .sql =
        "SELECT json_build_object('id', e.id, 'name', e.name, 'logikal_id', e.logikal_id, 'description', e.description,"
        " 'status', e.status, 'width', e.width, 'height', e.height, 'amount', e.amount, 'last_sync', e.last_sync_date,"
        " 'changed', e.api_changed_date, 'is_gone', e.deleted_at IS NOT NULL, 'project_id', e.project_id,"
        " 'project', j.name, 'directory_id', d.id, 'directory', d.name,"
        " 'phase', (SELECT name FROM phases f WHERE f.id = e.phase_id),"
        " 'auto_description', e.auto_description, 'auto_description_short', e.auto_description_short,"
        " 'system_code', e.system_code, 'system_name', e.system_name, 'system_long_name', e.system_long_name,"
        " 'color', e.color_base_long, 'width_out', e.width_out, 'width_unit', e.width_unit, 'height_out', e.height_out,"
        " 'height_unit', e.height_unit, 'weight_out', e.weight_out, 'weight_unit', e.weight_unit,"
        " 'area_out', e.area_output, 'area_unit', e.area_unit, 'parts_count', e.parts_count,"
        " 'parse_status', e.parse_status, 'parse_error', e.parse_error, 'parse_retries', e.parse_retry_count,"
        " 'parsed_at', e.data_parsed_at, 'has_thumbnail', coalesce(t.size_bytes, 0) > 0, 'thumbnail_error', t.error,"
        " 'has_drawing', w.sha256 IS NOT NULL AND (e.deleted_at IS NOT NULL OR (w.error_code IS NULL AND (w.version_id,"
        " w.changed_date) IS NOT DISTINCT FROM (e.version_id, e.api_changed_date))),"
        " 'drawing_at', extract(epoch FROM w.fetched_at)::bigint, 'drawing_error', w.error, 'is_drawing_asked',"
        " drawing_is_coming(e.id, w.asked_at),"
        " 'has_file', EXISTS (SELECT FROM parts_versions v WHERE v.elevation_id = e.id AND v.valid_to IS NULL),"
        " 'parts_bytes', p.size_bytes, 'parts_at', p.fetched_at, 'parts_error', p.error,"
        " 'glass', (SELECT json_agg(json_build_object('glass_id', g.glass_id, 'name', g.name) ORDER BY g.id)"
        "   FROM elevation_glass g WHERE g.elevation_id = e.id),"
        " 'errors', (SELECT json_agg(json_build_object('type', x.error_type, 'message',"
        " x.error_message, 'at', x.created_at)"
        "   ORDER BY x.id DESC) FROM (SELECT * FROM parsing_error_logs WHERE elevation_id = e.id ORDER BY id DESC "
        "LIMIT 10) x))"
        " FROM elevations e LEFT JOIN projects j ON j.id = e.project_id"
        " LEFT JOIN directories d ON d.id = j.directory_id"
        " LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id"
        " LEFT JOIN elevation_drawings w ON w.elevation_id = e.id"
        " LEFT JOIN elevation_parts_lists p ON p.elevation_id = e.id WHERE e.id = $1::int",
};
