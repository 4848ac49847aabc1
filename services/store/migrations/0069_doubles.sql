-- Elevations that a run has found listed in another place than the one they are in, and left where they are. When their own
-- place turns out not to list them any more, they have moved.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_doubles (
    run_id bigint NOT NULL,
    logikal_id text NOT NULL,
    project_id integer NOT NULL,
    phase text NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_sync_doubles ON sync_doubles (run_id);
