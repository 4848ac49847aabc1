/* Rows of the stage that PostgreSQL does not take as a group are written one by one, so that the bad one is told by
 * name and stops no other. See sync_singly.h. */
#include "services/store/sync/staging/sync_singly.h"

#include <string.h>

#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_stage.h"

#define VALUES_MAX 6

static int64_t write_id(const struct stage *stage, const struct write *w, const char *id, struct err *err)
{
    const char *values[VALUES_MAX + 1] = {NULL};
    memcpy(values, w->values, (size_t)w->n * sizeof values[0]);
    values[w->n] = id;
    return db_exec(stage->db, err, w->sql, w->n + 1, values);
}

static int64_t write_alone(const struct stage *stage, const struct write *w, const char *id, int64_t *refused,
                           struct err *err)
{
    struct err why = {0};
    if (db_script(stage->db, err, "SAVEPOINT one") < 0) return -ERR_DB;
    int64_t rows = write_id(stage, w, id, &why);
    if (rows >= 0) return db_script(stage->db, err, "RELEASE SAVEPOINT one") < 0 ? -ERR_DB : rows;
    if (!db_was_refused(stage->db)) return err_set(err, why.code, "%s", why.text);
    ++*refused;
    if (stage->refused) stage->refused(stage->refused_arg, w->type, id, why.text);
    return db_script(stage->db, err, "ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one") < 0 ? -ERR_DB : 0;
}

int64_t stage_write(const struct stage *stage, const struct write *w, bool singly, int64_t *refused, struct err *err)
{
    if (!singly) return write_id(stage, w, NULL, err);
    PGresult *ids = db_query(stage->db, err, w->ids_sql, w->ids_n, w->values);
    int64_t written = ids ? 0 : -ERR_DB;
    for (int i = 0; ids && written >= 0 && i < PQntuples(ids); i++) {
        int64_t rows = write_alone(stage, w, db_text(ids, i, 0), refused, err);
        written = rows < 0 ? rows : written + rows;
    }
    PQclear(ids);
    return written;
}
