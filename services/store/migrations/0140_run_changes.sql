-- What a run of the sync has changed is looked up in the journal.
CREATE INDEX IF NOT EXISTS ix_changes_run ON changes (run_id, epoch, xid, seq) WHERE run_id IS NOT NULL;
