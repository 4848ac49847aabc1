/* The history of tasks in PostgreSQL: written by workers, swept by the cleanup task. See task_history.h. */
#include "services/store/task_history.h"

#include "services/store/db/db.h"

#define SWEPT_AT_ONCE "5000"

/* Of a task's ends that come together the last one is its state; each is a try. */
const struct query query_history_write = {
    .name = "history_write",
    .sql = "WITH e AS MATERIALIZED (SELECT *, to_timestamp(received_us / 1e6) AS received_at,"
           "   to_timestamp(started_us / 1e6) AS started_at, to_timestamp(ended_us / 1e6) AS ended_at"
           "  FROM json_to_recordset($1::json) AS x (id text, name text, queue text, args text, kwargs text,"
           "   arguments text, state text, try integer, delivery integer, worker text, received_us bigint,"
           "   started_us bigint, ended_us bigint, run_ms double precision, error text, result text,"
           "   result_bytes bigint, parent_id text, root_id text, group_id text)),"
           " tries AS (INSERT INTO task_tries (task_id, ended_at, worker, state, try, delivery, received_at,"
           "   started_at, run_ms, error)"
           "  SELECT id, ended_at, worker, state, try, delivery, received_at, started_at, run_ms, error FROM e"
           "  ORDER BY id, ended_at ON CONFLICT DO NOTHING)"
           " INSERT INTO task_history AS h (id, name, queue, args, kwargs, arguments, state, tries, deliveries,"
           "  worker, received_at, started_at, ended_at, run_ms, error, result, result_bytes, parent_id, root_id,"
           "  group_id)"
           " SELECT DISTINCT ON (id) id, name, queue, args, kwargs, arguments, state, try, delivery, worker,"
           "  received_at, started_at, ended_at, run_ms, error, result, result_bytes, parent_id, root_id, group_id"
           "  FROM e ORDER BY id, ended_at DESC"
           " ON CONFLICT (id) DO UPDATE SET name = excluded.name, queue = excluded.queue, args = excluded.args,"
           "  kwargs = excluded.kwargs, arguments = excluded.arguments, state = excluded.state,"
           "  tries = excluded.tries, deliveries = excluded.deliveries, worker = excluded.worker,"
           "  received_at = excluded.received_at, started_at = excluded.started_at, ended_at = excluded.ended_at,"
           "  run_ms = excluded.run_ms, error = excluded.error, result = excluded.result,"
           "  result_bytes = excluded.result_bytes, parent_id = excluded.parent_id, root_id = excluded.root_id,"
           "  group_id = excluded.group_id"
           " WHERE excluded.ended_at >= h.ended_at",
};

const struct query query_history_lost = {
    .name = "history_lost",
    .sql = "INSERT INTO task_history_losses (worker, since, count)"
           " VALUES ($1, to_timestamp($2::bigint / 1e6), $3::bigint)",
};

int64_t task_history_sweep(struct db *db, int days, struct err *err)
{
    static const char tasks[] = "DELETE FROM task_history WHERE id IN (SELECT id FROM task_history WHERE ended_at"
                                " < now() - $1::integer * interval '1 day' ORDER BY ended_at LIMIT " SWEPT_AT_ONCE ")";
    static const char tries[] = "DELETE FROM task_tries WHERE ctid = ANY (ARRAY(SELECT ctid FROM task_tries WHERE"
                                " ended_at < now() - $1::integer * interval '1 day' LIMIT " SWEPT_AT_ONCE "))";
    static const char losses[] = "DELETE FROM task_history_losses WHERE until < now() - $1::integer * interval '1 day'";
    char number[DB_NUMBER_SIZE];
    const char *values[] = {db_number(number, days)};
    int64_t count = db_exec_all(db, err, tasks, 1, values);
    if (count >= 0 && (db_exec_all(db, err, tries, 1, values) < 0 || db_exec_all(db, err, losses, 1, values) < 0))
        return -ERR_DB;
    return count;
}
