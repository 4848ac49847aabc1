/* Taking over the files that an earlier version stored beside their elevations: packed, and put among the files by
 * their content. See move.h. */
#include "services/parts/move.h"

#include <stdbool.h>

#include "conf/clock.h"
#include "services/store/db/db.h"
#include "services/store/frames.h"
#include "services/store/sync/parts/parts_files.h"

#define AT_ONCE 256 /* ids; files are taken one by one */

static int move_one(struct db *db, int64_t elevation_id, struct err *err)
{
    struct packed packed = {0};
    PGresult *r = parts_unmoved_content(db, elevation_id, err);
    if (!r) return -ERR_DB;
    int rc = 0;
    if (PQntuples(r)) {
        rc = frames_pack(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), &packed, err);
        if (rc == 0) rc = parts_move(db, elevation_id, &packed, err);
    }
    packed_free(&packed);
    PQclear(r);
    return rc;
}

int parts_move_these(struct db *db, const int64_t *ids, int n, struct err *err)
{
    struct buf list = {0};
    char number[DB_NUMBER_SIZE];
    db_array_begin(&list);
    for (int i = 0; i < n; i++)
        if (ids[i] > 0) db_array_add(&list, db_number(number, ids[i]));
    db_array_end(&list);
    PGresult *r = list.failed ? NULL : parts_unmoved_ids(db, 0, list.data, n, err);
    if (list.failed) err_set(err, ERR_NOMEM, "no memory");
    int rc = r ? 0 : err_result(err);
    for (int i = 0; r && i < PQntuples(r) && rc == 0; i++) rc = move_one(db, db_int(r, i, 0), err);
    PQclear(r);
    buf_free(&list);
    return rc;
}

int64_t parts_move_all(struct task_ctx *ctx, struct db *db, int64_t ms, struct err *err)
{
    int64_t deadline_ms = mono_ms() + ms, after = 0, moved = 0;
    int rc = 0, rows;
    bool goes_on = true;
    do {
        PGresult *r = parts_unmoved_ids(db, after, NULL, AT_ONCE, err);
        if (!r) return -ERR_DB;
        rows = PQntuples(r);
        for (int i = 0; i < rows && rc == 0 && goes_on; i++) {
            after = db_int(r, i, 0);
            rc = move_one(db, after, err);
            moved += rc == 0;
            goes_on = !ctx->ops->is_cancelled(ctx->self) && (!ms || mono_ms() < deadline_ms);
        }
        PQclear(r);
    } while (rc == 0 && goes_on && rows == AT_ONCE);
    return rc < 0 ? rc : moved;
}
