/* See timeline_read.h. Each table gives its newest rows of the window by its index; what they have together is sorted.
 */
#include "services/store/web/watch/timeline_read.h"

#include <string.h>

#include "services/store/url_short.h"

#define SINCE "coalesce(nullif($2, '')::timestamptz, '-infinity')"
#define UNTIL "coalesce(nullif($3, '')::timestamptz, 'infinity')"
#define CURSOR_AT                                                                                                      \
    "coalesce('epoch'::timestamptz + nullif(split_part($4, '-', 1),"                                                   \
    " '')::bigint * interval '1 microsecond', 'infinity')"
#define CURSOR_ID "coalesce(substr($4, strpos($4, '-') + 1), '')"
#define COLUMNS   "at, id, kind, what, subject, text, detail, until, severity, actor, host, link, missing"

/* kinds: the condition under which the table has any rows of the kind that is asked for. */
#define PART(kinds, rows)                                                                                              \
    "(SELECT " COLUMNS " FROM (" rows ") r WHERE (" kinds ") AND at >= " SINCE " AND at < " UNTIL                      \
    " AND at <= " CURSOR_AT " AND (at, id COLLATE \"C\") < (" CURSOR_AT ", " CURSOR_ID " COLLATE \"C\")"               \
    " ORDER BY at DESC, id COLLATE \"C\" DESC LIMIT $5::int + 1)"
#define OF(kind) "coalesce($1, '') IN ('', '" kind "')"

/* A deployment is a start of another version than the one before, wherever that ran. missing: events that were not
 * kept, unless they are gone for their age. */
#define PROCESSES                                                                                                      \
    "SELECT f.at, 'p:' || f.source || ':' || lpad(f.n::text, 13, '0') AS id,"                                          \
    " CASE WHEN f.event IN ('memory', 'reading') THEN 'memory' WHEN f.event IN ('start', 'exec') AND f.version IS"     \
    "  DISTINCT FROM (SELECT b.version FROM flight_events b WHERE b.event IN ('start', 'exec') AND b.at < f.at"        \
    "  ORDER BY b.at DESC LIMIT 1) THEN 'deployment' ELSE 'process' END AS kind,"                                      \
    " f.event AS what, CASE f.child WHEN '' THEN 'supervisor' ELSE f.child END AS subject, f.text,"                    \
    " nullif(f.detail, '') AS detail, NULL::timestamptz AS until,"                                                     \
    " CASE WHEN f.event IN ('exit', 'crash-loop', 'hung', 'gave-up', 'died', 'reload-refused') THEN 'wrong'"           \
    "  WHEN f.event IN ('memory', 'asleep', 'held', 'stop') THEN 'look' END AS severity,"                              \
    " NULL::text AS actor, f.host, NULL::text AS link,"                                                                \
    " nullif(f.n - 1 - coalesce((SELECT max(b.n) FROM flight_events b WHERE b.source = f.source AND b.n < f.n),"       \
    "  CASE WHEN f.at > now() - ($6::int - 1) * interval '1 day' THEN 0 ELSE f.n - 1 END), 0) AS missing"              \
    " FROM flight_events f"

#define MIGRATIONS                                                                                                     \
    "SELECT max(m.applied_at) AS at, 'm:' || min(m.name) AS id, 'deployment' AS kind, 'migrate' AS what,"              \
    " 'database' AS subject, CASE count(*) WHEN 1 THEN 'migration ' || min(m.name) || ' was applied' ELSE"             \
    "  count(*) || ' migrations were applied: ' || min(m.name) || ' to ' || max(m.name) END AS text,"                  \
    " NULL AS detail, NULL::timestamptz AS until, NULL AS severity, NULL AS actor, NULL AS host, NULL AS link,"        \
    " NULL::bigint AS missing FROM logikald_migrations m GROUP BY date_trunc('minute', m.applied_at)"

#define SYNCS                                                                                                          \
    "SELECT s.started_at AS at, 's:' || lpad(s.id::text, 13, '0') AS id, 'sync' AS kind, s.state AS what,"             \
    " coalesce((SELECT p.name FROM projects p WHERE s.scope LIKE 'project:%' AND p.logikal_id = substr(s.scope, 9)"    \
    "  LIMIT 1), s.scope) AS subject,"                                                                                 \
    " concat_ws(': ', regexp_replace(coalesce(s.task_name, 'sync'), '^.*\\.', ''), nullif(s.status, '')) AS text,"     \
    " concat_ws(E'\\n', s.trouble, s.result->>'error', s.result->>'message') AS detail, s.finished_at AS until,"       \
    " CASE s.state WHEN 'failed' THEN 'wrong' WHEN 'cancelled' THEN 'look' END AS severity, NULL AS actor,"            \
    " NULL AS host, '/ui/runs/' || s.id AS link, NULL::bigint AS missing FROM sync_runs s"

#define HOLDS                                                                                                          \
    "SELECT h.since AS at, 'h:' || lpad(h.id::text, 13, '0') AS id, 'sync' AS kind, 'hold' AS what,"                   \
    " 'hold ' || h.id AS subject, 'held back (' || h.reason || '): ' || concat_ws(', ',"                               \
    "  nullif(h.directories, 0) || ' directories', nullif(h.projects, 0) || ' projects',"                              \
    "  nullif(h.phases, 0) || ' phases', nullif(h.elevations, 0) || ' elevations')"                                    \
    "  || CASE h.state WHEN 'open' THEN '' ELSE '; ' || h.state || coalesce(' by ' || h.decided_by, '') END AS text,"  \
    " NULL AS detail, h.decided_at AS until, 'look' AS severity, NULL AS actor, NULL AS host, NULL AS link,"           \
    " NULL::bigint AS missing FROM sync_holds h"

#define FAULTS                                                                                                         \
    "SELECT e.began_at AS at, 'f:' || lpad(e.id::text, 13, '0') AS id, 'fault' AS kind,"                               \
    " CASE WHEN e.ended_at IS NULL THEN 'open' ELSE 'over' END AS what, e.part AS subject, e.cause AS text,"           \
    " NULL AS detail, e.ended_at AS until, e.severity, NULL AS actor, NULL AS host, NULL AS link,"                     \
    " NULL::bigint AS missing FROM problem_episodes e"

#define ALARMS                                                                                                         \
    "SELECT a.at, 'a:' || lpad(a.id::text, 13, '0') AS id, 'fault' AS kind, 'alarm' AS what, a.channel AS subject,"    \
    " CASE WHEN a.error IS NULL THEN 'told: ' ELSE 'could not be told: ' END || a.text AS text, a.error AS detail,"    \
    " NULL::timestamptz AS until, CASE WHEN a.error IS NOT NULL THEN 'wrong' END AS severity, NULL AS actor,"          \
    " NULL AS host, NULL AS link, NULL::bigint AS missing FROM alert_log a"

#define DETAIL_SHORT URLS_SHORT("a.detail")
#define ACTIONS                                                                                                        \
    "SELECT a.at, 'u:' || lpad(a.id::text, 13, '0') AS id, 'admin' AS kind,"                                           \
    " CASE WHEN a.status >= 400 THEN 'refused' ELSE 'done' END AS what, a.method || ' ' || a.path AS subject,"         \
    " coalesce(" DETAIL_SHORT ", '') AS text, NULL AS detail, NULL::timestamptz AS until,"                             \
    " CASE WHEN a.status >= 400 THEN 'look' END AS severity, a.actor, NULL AS host, NULL AS link,"                     \
    " NULL::bigint AS missing FROM admin_actions a"

const struct query query_timeline =
    {
        .name = "timeline",
        .sql = "WITH page AS MATERIALIZED (SELECT " COLUMNS " FROM ("
        /* clang-format off */
           PART("kind = coalesce($1, '') OR coalesce($1, '') = '' AND what <> 'reading'", PROCESSES)
           " UNION ALL " PART(OF("deployment"), MIGRATIONS)
           " UNION ALL " PART(OF("sync"), SYNCS)
           " UNION ALL " PART(OF("sync"), HOLDS)
           " UNION ALL " PART(OF("fault"), FAULTS)
           " UNION ALL " PART(OF("fault"), ALARMS)
           " UNION ALL " PART(OF("admin"), ACTIONS)
        /* clang-format on */
        ") u ORDER BY at DESC, id COLLATE \"C\" DESC LIMIT $5::int + 1),"
        " shown AS (SELECT * FROM page ORDER BY at DESC, id COLLATE \"C\" DESC LIMIT $5::int)"
        " SELECT json_build_object('events', (SELECT coalesce(json_agg(json_strip_nulls(row_to_json(s))"
        "   ORDER BY s.at DESC, s.id COLLATE \"C\" DESC), '[]') FROM shown s),"
        "  'next', CASE WHEN (SELECT count(*) FROM page) > $5::int THEN (SELECT"
        "   (extract(epoch FROM s.at) * 1000000)::bigint || '-' || s.id FROM shown s"
        "   ORDER BY s.at, s.id COLLATE \"C\" LIMIT 1) END)",
        .is_slow = true,
};

/* Microseconds, a letter for the table, and the number in it. */
bool timeline_is_cursor(const char *text)
{
    size_t time = strspn(text, "0123456789");
    if (time == 0 || time > 17 || text[time] != '-' || !strchr("pmshfau", text[time + 1]) || text[time + 2] != ':')
        return false;
    const char *id = text + time + 3;
    size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz_-.:");
    return len > 0 && len <= 100 && !id[len];
}
