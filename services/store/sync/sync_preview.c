/* A sync that only looks: see migrations/0142_preview_names.sql. See sync_preview.h. */
#include "services/store/sync/sync_preview.h"

#include "services/store/db/db.h"
#include "services/store/db/db_session.h"

#define SHOWN "500"

int preview_begin(struct db *db, struct err *err)
{
    if (db_session(db)->is_pooled)
        return err_set(
            err, ERR_CONFIG,
            "a dry run needs a session of PostgreSQL for itself, and DATABASE_URL leads through a connection "
            "pooler: give it the server's own address, or session mode");
    int rc = db_script(db, err,
                       "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SELECT logikald_preview(); COMMIT;"
                       " SET default_transaction_read_only = on");
    return rc < 0 ? err_prefix(err, "the dry run cannot begin"), rc : 0;
}

PGresult *preview_changes(struct db *db, struct err *err)
{
    return db_query(
        db, err,
        "WITH n AS (SELECT object_type, operation, sum(cardinality(row_ids)) AS n FROM changes GROUP BY 1, 2),"
        " x AS (SELECT * FROM change_items ORDER BY epoch, xid, seq, item LIMIT " SHOWN ")"
        " SELECT json_build_object("
        "  'totals', (SELECT coalesce(json_object_agg(operation, n), '{}') FROM (SELECT operation, sum(n) AS n FROM n"
        "    GROUP BY 1) t),"
        "  'types', (SELECT coalesce(json_object_agg(object_type, counts), '{}') FROM (SELECT object_type,"
        "    json_object_agg(operation, n) AS counts FROM n GROUP BY 1) t),"
        "  'is_cut', (SELECT coalesce(sum(n), 0) FROM n) > " SHOWN ","
        "  'changes', (SELECT coalesce(json_agg(json_build_object('type', x.object_type, 'operation', x.operation,"
        "    'logikal_id', x.logikal_id, 'name', coalesce(e.name, f.name, j.name, d.name, x.fields -> 'name' ->> 1,"
        "     x.fields -> 'name' ->> 0, x.logikal_id), 'project', p.name, 'fields', (SELECT"
        "     coalesce(json_object_agg(v.key, json_build_object('before', v.value -> 0, 'after', v.value -> 1)), '{}')"
        "     FROM jsonb_each(x.fields) v)) ORDER BY x.epoch, x.xid, x.seq, x.item), '[]') FROM x"
        "   LEFT JOIN elevations e ON x.object_type = 'elevation' AND e.id = x.row_id"
        "   LEFT JOIN phases f ON x.object_type = 'phase' AND f.id = x.row_id"
        "   LEFT JOIN projects j ON x.object_type = 'project' AND j.id = x.row_id"
        "   LEFT JOIN directories d ON x.object_type = 'directory' AND d.id = x.row_id"
        "   LEFT JOIN projects p ON x.object_type <> 'project' AND p.id = x.project_id))",
        0, NULL);
}
