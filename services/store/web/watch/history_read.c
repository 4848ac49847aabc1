/* The history of tasks, for the API and the pages. See history_read.h. */
#include "services/store/web/watch/history_read.h"

#include <string.h>

#define TASK_JSON                                                                                                      \
    "json_build_object('id', h.id, 'name', h.name, 'queue', h.queue, 'state', h.state, 'args', h.args,"                \
    " 'kwargs', h.kwargs, 'arguments', h.arguments, 'tries', h.tries, 'deliveries', h.deliveries,"                     \
    " 'worker', h.worker, 'received_at', h.received_at, 'started_at', h.started_at, 'ended_at', h.ended_at,"           \
    " 'run_ms', h.run_ms, 'error', h.error, 'result', h.result, 'result_bytes', h.result_bytes,"                       \
    " 'parent_id', h.parent_id, 'root_id', h.root_id, 'group_id', h.group_id,"                                         \
    " 'runs', (SELECT coalesce(json_agg(s.id ORDER BY s.id), '[]') FROM sync_runs s WHERE s.task_id = h.id))"
#define CURSOR "(extract(epoch FROM h.ended_at) * 1000000)::bigint || '-' || h.seq"

const struct query query_history_list = {
    .name = "history_list",
    .sql = "WITH page AS (SELECT * FROM task_history h"
           "  WHERE (coalesce($1, '') = '' OR strpos(lower(h.name), lower($1)) > 0)"
           "  AND (coalesce($2, '') = '' OR h.state = $2) AND (coalesce($3, '') = '' OR h.queue = $3)"
           "  AND (coalesce($4, '') = '' OR h.ended_at >= nullif($4, '')::timestamptz)"
           "  AND (coalesce($5, '') = '' OR h.ended_at < nullif($5, '')::timestamptz)"
           "  AND (coalesce($6, '') = '' OR strpos(lower(concat_ws(' ', h.id, h.name, h.queue, h.args, h.kwargs,"
           "    h.error, h.worker, h.parent_id, h.root_id)), lower($6)) > 0)"
           "  AND (coalesce($7, '') = '' OR (h.ended_at, h.seq) <"
           "    ('epoch'::timestamptz + split_part(nullif($7, ''), '-', 1)::bigint * interval '1 microsecond',"
           "     split_part(nullif($7, ''), '-', 2)::bigint))"
           "  ORDER BY h.ended_at DESC, h.seq DESC LIMIT $8::int + 1)"
           " SELECT json_build_object("
           "  'tasks', (SELECT coalesce(json_agg(" TASK_JSON " ORDER BY h.ended_at DESC, h.seq DESC), '[]')"
           "    FROM (SELECT * FROM page ORDER BY ended_at DESC, seq DESC LIMIT $8::int) h),"
           "  'next', CASE WHEN (SELECT count(*) FROM page) > $8::int THEN (SELECT " CURSOR
           "    FROM (SELECT * FROM page ORDER BY ended_at DESC, seq DESC LIMIT $8::int) h"
           "    ORDER BY h.ended_at, h.seq LIMIT 1) END,"
           "  'lost', (SELECT json_build_object('count', coalesce(sum(count), 0), 'since', min(since),"
           "    'until', max(until)) FROM task_history_losses))",
    .is_slow = true,
};

/* Two numbers. */
bool history_is_cursor(const char *text)
{
    size_t first = strspn(text, "0123456789");
    size_t second = text[first] == '-' ? strspn(text + first + 1, "0123456789") : 0;
    return first > 0 && first <= 17 && second > 0 && second <= 18 && text[first + 1 + second] == '\0';
}

/* The family: what has the same root, its parent and what it sent, in the order in which they ended. */
const struct query query_history_task = {
    .name = "history_task",
    .sql =
        "SELECT json_build_object('task', " TASK_JSON ","
        " 'tries', (SELECT coalesce(json_agg(json_build_object('state', t.state, 'try', t.try, 'delivery', t.delivery,"
        "   'worker', t.worker, 'received_at', t.received_at, 'started_at', t.started_at, 'ended_at', t.ended_at,"
        "   'run_ms', t.run_ms, 'error', t.error) ORDER BY t.ended_at), '[]')"
        "   FROM (SELECT * FROM task_tries WHERE task_id = h.id ORDER BY ended_at DESC LIMIT 200) t),"
        " 'family', (SELECT coalesce(json_agg(json_build_object('id', f.id, 'name', f.name, 'state', f.state,"
        "   'started_at', f.started_at, 'ended_at', f.ended_at, 'run_ms', f.run_ms, 'parent_id', f.parent_id,"
        "   'is_parent', f.id = h.parent_id, 'is_root', f.id = h.root_id, 'is_child', f.parent_id = h.id)"
        "   ORDER BY f.ended_at), '[]') FROM (SELECT * FROM task_history o WHERE o.id <> h.id AND (o.id IN"
        "    (h.parent_id, h.root_id) OR o.root_id IN (h.root_id, h.id) OR o.parent_id = h.id)"
        "    ORDER BY o.ended_at DESC LIMIT 200) f),"
        " 'runs', (SELECT coalesce(json_agg(json_build_object('id', s.id, 'scope', s.scope, 'state', s.state,"
        "   'started_at', s.started_at, 'finished_at', s.finished_at) ORDER BY s.id), '[]')"
        "   FROM sync_runs s WHERE s.task_id = h.id))"
        " FROM task_history h WHERE h.id = $1",
};

const struct query query_history_again = {
    .name = "history_again",
    .sql = "SELECT h.name, h.queue, h.args, h.kwargs, h.arguments, coalesce(h.root_id, h.id) FROM task_history h"
           " WHERE h.id = $1",
};
