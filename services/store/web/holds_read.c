/* Holds of the sync: see holds_read.h. The decision itself is a function of the database, which the command uses too.
 */
#include "services/store/web/holds_read.h"

/* Those of a state, the newest first, with some of what is missing. */
#define HOLDS                                                                                                          \
    "SELECT coalesce(json_agg(json_build_object('id', h.id, 'state', h.state, 'reason', h.reason,"                     \
    "  'directories', h.directories, 'projects', h.projects, 'phases', h.phases, 'elevations', h.elevations,"          \
    "  'since', h.since, 'seen_at', h.seen_at, 'run_id', h.run_id, 'decided_by', h.decided_by,"                        \
    "  'decided_at', h.decided_at, 'missing', h.missing) ORDER BY h.id DESC), '[]')"                                   \
    " FROM (SELECT x.*, (SELECT coalesce(json_agg(json_build_object('type', m.object_type, 'name', m.name)), '[]')"    \
    "   FROM (SELECT s.object_type, coalesce(d.full_path, p.name, f.name || ' (' || fp.name || ')',"                   \
    "      e.name || ' (' || ep.name || ')') AS name FROM sync_missing s"                                              \
    "     LEFT JOIN directories d ON s.object_type = 'directory' AND d.id = s.object_id"                               \
    "     LEFT JOIN projects p ON s.object_type = 'project' AND p.id = s.object_id"                                    \
    "     LEFT JOIN phases f ON s.object_type = 'phase' AND f.id = s.object_id"                                        \
    "     LEFT JOIN projects fp ON fp.id = f.project_id"                                                               \
    "     LEFT JOIN elevations e ON s.object_type = 'elevation' AND e.id = s.object_id"                                \
    "     LEFT JOIN projects ep ON ep.id = e.project_id"                                                               \
    "     WHERE s.hold_id = x.id ORDER BY strpos('dirproelepha', left(s.object_type, 3)), s.object_id LIMIT 20) m"     \
    "   ) AS missing FROM sync_holds x WHERE nullif($1, '') IS NULL OR x.state = $1"                                   \
    "  ORDER BY x.id DESC LIMIT $2::integer) h"

const struct query query_holds = {
    .name = "holds",
    .sql = HOLDS,
};

const struct query query_holds_watched = {
    .name = "holds_watched",
    .sql = HOLDS,
    .is_patient = true,
};

const struct query query_hold_decide = {
    .name = "hold_decide",
    .sql = "SELECT was, directories, projects, phases, elevations FROM logikald_hold_decide($1::bigint, $2, $3)",
    .is_slow = true,
};

const struct query query_holds_now = {
    .name = "holds_now",
    .is_patient = true,
    .sql = "SELECT count(*), coalesce(min(id), 0), coalesce((array_agg(reason ORDER BY id))[1], ''),"
           " coalesce(to_char(min(since) AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), ''),"
           " coalesce(sum(directories), 0), coalesce(sum(projects), 0), coalesce(sum(phases), 0),"
           " coalesce(sum(elevations), 0) FROM sync_holds WHERE state = 'open'",
};
