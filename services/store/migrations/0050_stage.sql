-- Where the upstream's objects wait until a whole can be applied: ordinary tables, so that each statement of a run may
-- reach PostgreSQL by another session (a connection pooler in transaction mode does that). A row carries the number of
-- its stage, which no other run has. Unlogged: after a crash of the server all of them are empty, sync_stages too, so that
-- a run whose rows are gone finds its own entry gone and applies nothing.
CREATE SEQUENCE IF NOT EXISTS sync_stage_ids; -- logged: a number never comes back
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stages (
    id bigint PRIMARY KEY,
    holder text NOT NULL,         -- the name of the lease that its run is under
    holder_token bigint NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_directories (
    stage bigint NOT NULL,
    listing bigint NOT NULL,
    identifier text,
    name text,
    chain text,
    parent text,
    level integer
);
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_projects (
    stage bigint NOT NULL,
    listing bigint NOT NULL,
    directory text,
    id text,
    name text,
    job_number text,
    offer_number text,
    person_in_charge text,
    created bigint,
    changed bigint,
    is_deleted boolean,
    is_estimated boolean
);
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_phases (
    stage bigint NOT NULL,
    listing bigint NOT NULL,
    id text,
    name text,
    description text
);
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_elevations (
    stage bigint NOT NULL,
    listing bigint NOT NULL,
    phase text,
    id text,
    version_id text,
    name text,
    description text,
    type text,
    state text,
    automatic_description text,
    system_description text,
    model_description text,
    user_description text,
    created bigint,
    changed bigint,
    amount double precision,
    width double precision,
    height double precision,
    is_recycled boolean
);
CREATE INDEX IF NOT EXISTS ix_sync_stage_directories ON sync_stage_directories (stage, listing);
CREATE INDEX IF NOT EXISTS ix_sync_stage_projects ON sync_stage_projects (stage, listing);
CREATE INDEX IF NOT EXISTS ix_sync_stage_phases ON sync_stage_phases (stage, listing);
CREATE INDEX IF NOT EXISTS ix_sync_stage_elevations ON sync_stage_elevations (stage, listing);

-- The directories whose children ('d') or projects ('p') were listed completely; identifier NULL = the root.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_listed (
    stage bigint NOT NULL,
    kind text NOT NULL,
    identifier text
);
CREATE INDEX IF NOT EXISTS ix_sync_stage_listed ON sync_stage_listed (stage, kind, identifier);

-- The projects that the run visits, in order.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_stage_plan (
    stage bigint NOT NULL,
    seq bigint NOT NULL,
    project_id integer,
    guid text,
    chain text,
    changed bigint,
    needs_phases boolean,
    needs_elevations boolean,
    PRIMARY KEY (stage, seq)
);
