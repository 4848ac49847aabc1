-- The elevations of a phase are read in the order of their ids, a piece at a time. The index that it replaces has the
-- same first column.
CREATE INDEX IF NOT EXISTS ix_elevations_phase_order ON elevations (phase_id, id);
DROP INDEX IF EXISTS ix_elevations_phase_id;
