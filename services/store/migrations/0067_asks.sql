-- What a run does, beside its scope and force, so that a request joins only one that covers it: 'all' types of the tree, one
-- type's name, those that are 'due', the 'directories' alone, a 'project', a 'directory'.
ALTER TABLE sync_runs
    ADD COLUMN IF NOT EXISTS asks text NOT NULL DEFAULT '';
