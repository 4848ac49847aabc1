-- What the operator is told of. A run notes the trouble that it has with Logikal while it tries again; a type keeps how
-- its last attempt ended while the next one runs.
ALTER TABLE sync_runs
    ADD COLUMN IF NOT EXISTS trouble text,
    ADD COLUMN IF NOT EXISTS trouble_since timestamptz;
ALTER TABLE object_sync_configs
    ADD COLUMN IF NOT EXISTS last_finished_status text;
UPDATE object_sync_configs SET last_finished_status = last_status
 WHERE last_finished_status IS NULL AND last_status <> 'running';
