/* An excluded directory that comes back under another path is excluded there, too. See sync_heirs.h. */
#include "services/store/sync/staging/sync_heirs.h"

#include <stdio.h>

#include "conf/text/utf8.h"
#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_stage.h"

/* $1 stage. now() is the time of the transaction, and of the rows that it has made. */
static const char exclude[] =
    "WITH seen AS (SELECT DISTINCT logikald_directory_key(identifier) AS key FROM sync_stage_directories"
    " WHERE stage = $1),"
    " former AS (SELECT o.* FROM directories o WHERE o.exclude_from_sync AND NOT EXISTS (SELECT FROM seen WHERE key ="
    "   o.logikal_id) AND (o.deleted_at IS NULL OR o.deleted_at > now() - interval '1 day')),"
    " pairs AS (SELECT DISTINCT ON (n.id) n.id AS heir, o.id AS former, o.full_path AS was FROM directories n, former o"
    "  WHERE n.created_at = now() AND NOT n.exclude_from_sync AND n.logikal_id IN (SELECT key FROM seen) AND (EXISTS"
    "   (SELECT FROM sync_stage_projects s JOIN projects p ON p.logikal_id = s.id WHERE s.stage = $1"
    "     AND logikald_directory_key(s.directory) = n.logikal_id AND p.directory_id = o.id)"
    "   OR (o.name = n.name AND EXISTS (SELECT FROM directories np, directories op WHERE np.id = n.parent_id"
    "     AND op.id = o.parent_id AND np.created_at = now() AND NOT EXISTS (SELECT FROM seen WHERE key = "
    "op.logikal_id))))"
    "  ORDER BY n.id, o.deleted_at IS NULL DESC, o.id),"
    " moved AS (UPDATE projects p SET directory_id = pairs.heir FROM pairs WHERE p.directory_id = pairs.former"
    "  AND p.deleted_at IS NULL)"
    " UPDATE directories n SET exclude_from_sync = true FROM pairs WHERE n.id = pairs.heir"
    " RETURNING n.full_path, pairs.was, n.id";

/* $1 stage, $2 heirs: what the walk has listed in them and below is forgotten. */
static const char forget[] =
    "WITH RECURSIVE below AS (SELECT id, logikal_id FROM directories WHERE id = ANY ($2::integer[])"
    "  UNION SELECT c.id, c.logikal_id FROM directories c JOIN below b ON c.parent_id = b.id),"
    " listed AS (DELETE FROM sync_stage_listed l WHERE l.stage = $1 AND l.kind = 'p'"
    "  AND logikald_directory_key(l.identifier) IN (SELECT logikal_id FROM below))"
    " DELETE FROM sync_stage_projects s WHERE s.stage = $1"
    "  AND logikald_directory_key(s.directory) IN (SELECT logikal_id FROM below)";

static void tell(const struct stage *stage, const char *path, const char *was)
{
    char text[400];
    snprintf(text, sizeof text, "directory %.*s starts excluded, as %.*s was: include it if it is meant to be synced",
             (int)utf8_cut(path, 120), path, (int)utf8_cut(was, 120), was);
    if (stage->noted) stage->noted(stage->refused_arg, NULL, text);
}

int heirs_exclude(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    struct buf heirs = {0};
    const char *values[] = {db_number(id, stage->id), NULL};
    PGresult *r = db_query(stage->db, err, exclude, 1, values);
    if (!r) return -ERR_DB;
    int rc = 0, n = PQntuples(r);
    db_array_begin(&heirs);
    for (int i = 0; i < n; i++) {
        db_array_add(&heirs, db_text(r, i, 2));
        tell(stage, db_text(r, i, 0) ? db_text(r, i, 0) : "", db_text(r, i, 1) ? db_text(r, i, 1) : "");
    }
    db_array_end(&heirs);
    values[1] = heirs.data;
    if (heirs.failed)
        rc = err_set(err, ERR_NOMEM, "no memory");
    else if (n && db_exec(stage->db, err, forget, 2, values) < 0)
        rc = -ERR_DB;
    PQclear(r);
    buf_free(&heirs);
    return rc;
}
