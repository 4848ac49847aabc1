/* See snapshot_read.h. Objects are those that the journal has not told the end of: rows that are not marked as gone,
 * and files that are there. */
#include "services/store/web/feed/snapshot_read.h"

const struct query query_snapshot_head = {
    .name = "snapshot_head",
    .sql =
        "SELECT concat_ws('-', s.epoch, coalesce(c.xid, '0'), coalesce(c.seq, 0), coalesce(cardinality(c.row_ids), 0)),"
        " concat_ws('-', s.epoch, pg_snapshot_xmin(n.now), 0, 0), pg_snapshot_xmin(n.now) = pg_snapshot_xmax(n.now),"
        " n.now FROM changes_state s, (SELECT pg_current_snapshot() AS now) n LEFT JOIN LATERAL (SELECT c.* FROM"
        "  changes c WHERE c.epoch = s.epoch ORDER BY c.xid DESC, c.seq DESC LIMIT 1) c ON true",
};

#define F(column) "'" #column "', r." #column
#define C         ", "

/* key: what pages go by. project: that it belongs to. */
#define PAGE(type, key, row, logikal_id, project, project_logikal_id, fields, from)                                    \
    "SELECT count(*), max(k), string_agg(line, E'\\n' ORDER BY k) FROM (SELECT " key " AS k, json_build_object("       \
    "'type', '" type "', 'id', " row ", 'logikal_id', " logikal_id ", 'project_id', " project                          \
    ", 'project_logikal_id', " project_logikal_id ", 'fields', json_build_object(" fields                              \
    "))::text AS line FROM " from " AND " key " > $1::bigint ORDER BY " key " LIMIT $2::integer) page"

#define OF_ELEVATION " r JOIN elevations e ON e.id = r.elevation_id LEFT JOIN projects p ON p.id = e.project_id WHERE "

const struct snapshot_type snapshot_types[] = {
    {"directory",
     {.name = "snapshot_directories",
      .sql = PAGE("directory", "r.id", "r.id", "r.logikal_id", "NULL::bigint", "NULL::text",
                  F(name) C F(full_path) C F(upstream_path) C F(level) C F(parent_id) C F(exclude_from_sync)
                      C F(api_created_date) C F(api_changed_date) C F(deleted_at),
                  "directories r WHERE r.deleted_at IS NULL")}},
    {"project",
     {.name = "snapshot_projects",
      .sql = PAGE("project", "r.id", "r.id", "r.logikal_id", "r.id", "r.logikal_id",
                  F(name) C F(description) C F(job_number) C F(offer_number) C F(person_in_charge) C F(directory_id)
                      C F(status) C F(is_estimated) C F(api_created_date) C F(api_changed_date) C F(deleted_at),
                  "projects r WHERE r.deleted_at IS NULL")}},
    {"phase",
     {.name = "snapshot_phases",
      .sql = PAGE("phase", "r.id", "r.id", "r.logikal_id", "r.project_id", "p.logikal_id",
                  F(name) C F(description) C F(project_id) C F(status) C F(deleted_at),
                  "phases r LEFT JOIN projects p ON p.id = r.project_id WHERE r.deleted_at IS NULL")}},
    {"elevation",
     {.name = "snapshot_elevations",
      .sql = PAGE("elevation", "r.id", "r.id", "r.logikal_id", "r.project_id", "p.logikal_id",
                  F(name) C F(description) C F(system_description) C F(model_description) C F(user_description) C F(
                      auto_description) C F(system_long_name) C F(parse_error) C F(status) C F(project_id) C F(phase_id)
                      C F(width) C F(height) C F(depth) C F(amount) C F(elevation_type) C F(version_id)
                          C F(api_created_date) C F(api_changed_date) C F(deleted_at) C F(auto_description_short)
                              C F(width_out) C F(width_unit) C F(height_out) C F(height_unit) C F(weight_out)
                                  C F(weight_unit) C F(area_output) C F(area_unit) C F(system_code) C F(system_name)
                                      C F(color_base_long) C F(parts_count) C F(has_parts_data) C F(parse_status),
                  "elevations r LEFT JOIN projects p ON p.id = r.project_id WHERE r.deleted_at IS NULL")}},
    {"thumbnail",
     {.name = "snapshot_thumbnails",
      .sql = PAGE("thumbnail", "r.elevation_id", "r.elevation_id", "e.logikal_id", "e.project_id", "p.logikal_id",
                  F(error) C F(sha256) C F(size_bytes) C F(content_type),
                  "elevation_thumbnails" OF_ELEVATION "r.sha256 IS NOT NULL")}},
    {"parts_list",
     {.name = "snapshot_parts_lists",
      .sql = PAGE("parts_list", "r.elevation_id", "r.elevation_id", "e.logikal_id", "e.project_id", "p.logikal_id",
                  F(error) C F(sha256) C F(size_bytes), "elevation_parts_lists" OF_ELEVATION "r.sha256 IS NOT NULL")}},
    {"glass",
     {.name = "snapshot_glass",
      .sql = PAGE("glass", "r.id", "r.elevation_id", "e.logikal_id", "e.project_id", "p.logikal_id",
                  F(name) C F(glass_id) C F(elevation_id), "elevation_glass" OF_ELEVATION "true")}},
};
const int snapshot_types_count = sizeof snapshot_types / sizeof *snapshot_types;
