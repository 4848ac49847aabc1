-- What may be wrong with a project's rows, counted; for the consistency checks and reports.
CREATE OR REPLACE VIEW project_checks AS
SELECT p.id, p.logikal_id, p.name, p.directory_id, p.last_sync_date, p.last_update_date, k.failures, k.last_error,
       h.phases, h.unsynced_phases, h.empty_phases,
       e.elevations, e.unsynced_elevations, e.misplaced, e.orphaned, e.parts_missing, e.parse_failed
FROM projects p
LEFT JOIN project_cursors k ON k.project_id = p.id
LEFT JOIN LATERAL (
    SELECT count(*) AS phases,
           count(*) FILTER (WHERE x.last_sync_date IS NULL) AS unsynced_phases,
           count(*) FILTER (WHERE NOT EXISTS (SELECT FROM elevations y WHERE y.phase_id = x.id AND y.deleted_at IS NULL))
               AS empty_phases
    FROM phases x WHERE x.project_id = p.id AND x.deleted_at IS NULL) h ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS elevations,
           count(*) FILTER (WHERE y.last_sync_date IS NULL) AS unsynced_elevations,
           count(*) FILTER (WHERE y.project_id IS DISTINCT FROM p.id) AS misplaced,
           count(*) FILTER (WHERE x.deleted_at IS NOT NULL) AS orphaned,
           count(*) FILTER (WHERE y.has_parts_data AND NOT EXISTS (SELECT FROM elevation_parts_lists l
               WHERE l.elevation_id = y.id AND l.content IS NOT NULL)) AS parts_missing,
           count(*) FILTER (WHERE y.parse_status = 'failed') AS parse_failed
    FROM elevations y JOIN phases x ON x.id = y.phase_id
    WHERE x.project_id = p.id AND y.deleted_at IS NULL) e ON true
WHERE p.deleted_at IS NULL;

-- Alerts made by people, and what people said about alerts (also those that are computed: their id names what is wrong).
CREATE TABLE IF NOT EXISTS sync_alerts (
    id text PRIMARY KEY,
    type text NOT NULL,
    severity text NOT NULL,
    message text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    requires_action boolean NOT NULL DEFAULT true,
    recommended_action text,
    source text NOT NULL DEFAULT 'user',
    created_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_by text,
    acknowledged_at timestamptz,
    notes text
);
CREATE INDEX IF NOT EXISTS ix_sync_alerts_created_at ON sync_alerts (created_at DESC);

-- Points in time that people set: since when finished parsing is shown.
CREATE TABLE IF NOT EXISTS web_marks (
    name text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);
