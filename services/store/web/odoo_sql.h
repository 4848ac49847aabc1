/* How the ERP sees an elevation: e is its row, h its phase. Ids are Logikal's, times are "YYYY-MM-DD HH:MM:SS" in UTC.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ODOO_SQL_H
#define LOGIKALD_SERVICES_STORE_WEB_ODOO_SQL_H

#define ODOO_TIME(x) "to_char(" x " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"

/* How much of what a parts list can tell is there, in percent. */
#define ODOO_QUALITY                                                                                                   \
    "round((100.0 * ((e.auto_description IS NOT NULL)::int + (e.width_out IS NOT NULL)::int"                           \
    " + (e.height_out IS NOT NULL)::int + (e.weight_out IS NOT NULL)::int + (e.area_output IS NOT NULL)::int"          \
    " + (e.system_code IS NOT NULL)::int + (e.system_name IS NOT NULL)::int + (e.color_base_long IS NOT NULL)::int"    \
    " + e.has_parts_data::int + (g.list IS NOT NULL)::int) / 10)::numeric, 1)"

#define ODOO_CREATED_AT      ODOO_TIME("e.created_at")
#define ODOO_PARTS_SYNCED_AT ODOO_TIME("e.parts_synced_at")
#define ODOO_LAST_SYNC       ODOO_TIME("e.last_sync_date")
#define ODOO_LAST_UPDATE     ODOO_TIME("e.last_update_date")
#define ODOO_ELEVATION                                                                                                 \
    "json_build_object('id', e.logikal_id, 'name', e.name, 'description', e.description, 'phase_id', h.logikal_id,"    \
    " 'thumbnail_url', CASE WHEN t.has THEN '/api/v1/elevations/' || e.id || '/thumbnail' ELSE e.thumbnail_url END,"   \
    " 'width', e.width, 'height', e.height, 'depth', e.depth, 'created_at', " ODOO_CREATED_AT ","                      \
    " 'auto_description', e.auto_description, 'auto_description_short', e.auto_description_short,"                     \
    " 'width_out', e.width_out, 'width_unit', e.width_unit, 'height_out', e.height_out, 'height_unit',"                \
    " e.height_unit, 'weight_out', e.weight_out, 'weight_unit', e.weight_unit, 'area_output', e.area_output,"          \
    " 'area_unit', e.area_unit, 'system_code', e.system_code, 'system_name', e.system_name,"                           \
    " 'system_long_name', e.system_long_name, 'color_base_long', e.color_base_long, 'parts_count', e.parts_count,"     \
    " 'has_parts_data', e.has_parts_data, 'parts_synced_at', " ODOO_PARTS_SYNCED_AT ","                                \
    " 'parse_status', e.parse_status, 'data_quality_score', " ODOO_QUALITY ","                                         \
    " 'glass_specifications', coalesce(g.list, '[]'), 'last_sync_date', " ODOO_LAST_SYNC ","                           \
    " 'last_update_date', " ODOO_LAST_UPDATE ")"

/* What ODOO_ELEVATION needs besides e and h. */
#define ODOO_ELEVATION_JOINS                                                                                           \
    " LEFT JOIN LATERAL (SELECT json_agg(json_build_object('glass_id', x.glass_id, 'name', x.name) ORDER BY x.id) AS"  \
    " list FROM elevation_glass x WHERE x.elevation_id = e.id) g ON true"                                              \
    " LEFT JOIN LATERAL (SELECT x.content IS NOT NULL AS has FROM elevation_thumbnails x WHERE x.elevation_id = e.id)" \
    " t ON true"

#endif
