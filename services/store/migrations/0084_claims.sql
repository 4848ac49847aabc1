-- Elevations that a listing shows in a project while they are in another one: as they were staged, until the run knows
-- whether the other project still has them. Nothing here outlives its run.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_claims (
    run_id bigint NOT NULL,
    project_id integer NOT NULL,
    LIKE sync_stage_elevations
);
CREATE INDEX IF NOT EXISTS ix_sync_claims ON sync_claims (run_id, id);
-- What was there for this before held identifiers alone, and of no run that is over.
DROP TABLE IF EXISTS sync_doubles;
