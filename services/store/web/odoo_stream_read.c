/* Statements for the ERP's large projects, which are read piece by piece: the project, then phase after phase in the
 * order of their ids, each with its first elevations, then the rest of them. Objects come as JSON text; the elevations
 * of a piece as their number, the last id, and JSON split by commas. */
#include "services/store/web/odoo_stream_read.h"
#include "services/store/web/odoo_sql.h"

/* of the elevations of h */
#define PIECE(after, limit)                                                                                            \
    "LATERAL (SELECT count(*) AS n, max(e.id) AS last, coalesce(string_agg(" ODOO_ELEVATION "::text, ',' ORDER BY"     \
    " e.id), '') AS rows FROM (SELECT * FROM elevations x WHERE x.phase_id = h.id AND x.deleted_at IS NULL"            \
    " AND x.id > " after " ORDER BY x.id LIMIT " limit ") e" ODOO_ELEVATION_JOINS ") piece"

#define PROJECT_CREATED_AT ODOO_TIME("p.created_at")

const struct query query_odoo_stream_project = {
    .name = "odoo_stream_project",
    .sql = "SELECT p.id, json_build_object('id', p.logikal_id, 'name', p.name, 'description', p.description,"
           " 'status', p.status), json_build_object('created_at', " PROJECT_CREATED_AT "),"
           " json_build_object('project_name', p.name, 'project_id', p.logikal_id)"
           " FROM projects p WHERE p.deleted_at IS NULL AND p.logikal_id = logikald_guid($1)",
};
#define PHASE_CREATED_AT ODOO_TIME("h.created_at")
#define FIRST_PIECE      PIECE("0", "$3::int")

const struct query query_odoo_stream_phase = {
    .name = "odoo_stream_phase",
    .is_slow = true,
    .sql = "SELECT h.id, json_build_object('id', h.logikal_id, 'name', h.name, 'description', h.description,"
           " 'project_id', p.logikal_id, 'status', h.status), json_build_object('created_at', " PHASE_CREATED_AT "),"
           " json_build_object('id', h.logikal_id, 'name', h.name, 'description', h.description, 'status', h.status),"
           " piece.n, piece.last, piece.rows FROM (SELECT * FROM phases x WHERE x.project_id = $1::int AND x.id"
           " > $2::int AND x.deleted_at IS NULL"
           "  ORDER BY x.id LIMIT 1) h JOIN projects p ON p.id = h.project_id, " FIRST_PIECE,
};
const struct query query_odoo_stream_elevations = {
    .name = "odoo_stream_elevations",
    .is_slow = true,
    .sql = "SELECT piece.n, piece.last, piece.rows FROM phases h, " PIECE("$2::int", "$3::int") " WHERE h.id = $1::int",
};
const struct query query_odoo_stream_place = {
    .name = "odoo_stream_place",
    .sql = "SELECT h.id FROM phases h JOIN projects p ON p.id = h.project_id WHERE p.logikal_id = logikald_guid($1)"
           " AND h.logikal_id = logikald_guid($2) AND p.deleted_at IS NULL AND h.deleted_at IS NULL",
};
