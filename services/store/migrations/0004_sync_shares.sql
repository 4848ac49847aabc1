-- The projects of a running sync that are still to be visited: whoever takes part takes rows from here. holder and
-- holder_token name the lease of the one who has a row in work; counts and errors are what a helper found in it, until
-- the one who leads adds them up. Nothing here outlives its run.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_shares (
    run_id bigint NOT NULL,
    seq bigint NOT NULL,
    project_id integer NOT NULL,
    guid text NOT NULL,
    chain text NOT NULL,
    changed bigint,
    needs_phases boolean NOT NULL,
    needs_elevations boolean NOT NULL,
    with_files boolean NOT NULL,
    holder text,
    holder_token bigint,
    done_at timestamptz,
    counts bigint[],
    errors text,
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX IF NOT EXISTS ix_sync_shares_free ON sync_shares (run_id, seq) WHERE holder IS NULL;
