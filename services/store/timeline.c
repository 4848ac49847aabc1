/* See timeline.h. */
#include "services/store/timeline.h"

#include "services/store/db/db.h"

#define SWEPT_AT_ONCE "5000"

const struct query query_flight_take = {
    .name = "flight_take",
    .sql = "INSERT INTO flight_events (source, n, at, host, version, event, child, pid, text, detail)"
           " SELECT source, n, to_timestamp(at_ms / 1000), host, version, event, child, pid, text, detail"
           " FROM json_to_recordset($1::json) AS x (source uuid, n bigint, at_ms double precision, host text,"
           "  version text, event text, child text, pid integer, text text, detail text)"
           " WHERE to_timestamp(at_ms / 1000) > now() - $2::int * interval '1 day' ON CONFLICT DO NOTHING",
};

/* Of the same key at most a minute apart: one episode. */
const struct query query_episodes_note = {
    .name = "episodes_note",
    .sql = "WITH x AS MATERIALIZED (SELECT key, severity, part, cause, now() - began_s * interval '1 second' AS began,"
           "   now() - seen_s * interval '1 second' AS seen FROM json_to_recordset($1::json)"
           "   AS r (key text, severity text, part text, cause text, began_s double precision,"
           "   seen_s double precision)),"
           " same AS (UPDATE problem_episodes e SET seen_at = greatest(e.seen_at, x.seen), cause = x.cause,"
           "   severity = x.severity, began_at = least(e.began_at, x.began), ended_at = NULL FROM x"
           "   WHERE e.id = (SELECT o.id FROM problem_episodes o WHERE o.key = x.key ORDER BY o.id DESC LIMIT 1)"
           "    AND e.seen_at >= x.began - interval '1 minute' RETURNING e.key)"
           " INSERT INTO problem_episodes (key, severity, part, cause, began_at, seen_at)"
           " SELECT key, severity, part, cause, began, seen FROM x WHERE key NOT IN (SELECT key FROM same)"
           " ON CONFLICT DO NOTHING",
};

const struct query query_episodes_end = {
    .name = "episodes_end",
    .sql = "UPDATE problem_episodes SET ended_at = seen_at WHERE ended_at IS NULL"
           " AND seen_at < now() - interval '10 seconds'",
};

int64_t timeline_sweep(struct db *db, int days, struct err *err)
{
    static const char events[] = "DELETE FROM flight_events WHERE (source, n) IN (SELECT source, n FROM flight_events"
                                 " WHERE at < now() - $1::integer * interval '1 day' LIMIT " SWEPT_AT_ONCE ")";
    static const char episodes[] = "DELETE FROM problem_episodes WHERE id IN (SELECT id FROM problem_episodes WHERE"
                                   " ended_at < now() - $1::integer * interval '1 day' LIMIT " SWEPT_AT_ONCE ")";
    char number[DB_NUMBER_SIZE];
    const char *values[] = {db_number(number, days)};
    int64_t count = db_exec_all(db, err, events, 1, values);
    int64_t more = count < 0 ? count : db_exec_all(db, err, episodes, 1, values);
    return more < 0 ? more : count + more;
}
