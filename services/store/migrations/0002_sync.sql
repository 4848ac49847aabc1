-- What the sync keeps beside the replaced system's columns. Everything is additive: new columns are nullable or have a
-- default, so that the replaced system's statements stay valid.

-- deleted_at: the object was not there any more at that time (NULL = there). Rows are never deleted for it.
-- upstream_path: a directory's identifier in full; logikal_id is the same, or a shortened form when it is too long.
ALTER TABLE directories
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
    ADD COLUMN IF NOT EXISTS upstream_path text;
ALTER TABLE projects
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
    ADD COLUMN IF NOT EXISTS api_created_date timestamptz,
    ADD COLUMN IF NOT EXISTS api_changed_date timestamptz,
    ADD COLUMN IF NOT EXISTS job_number text,
    ADD COLUMN IF NOT EXISTS offer_number text,
    ADD COLUMN IF NOT EXISTS person_in_charge text,
    ADD COLUMN IF NOT EXISTS is_estimated boolean,
    ADD COLUMN IF NOT EXISTS synced_at timestamptz,
    ADD COLUMN IF NOT EXISTS sync_status varchar(50) DEFAULT 'pending';
ALTER TABLE phases
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz;
ALTER TABLE elevations
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
    ADD COLUMN IF NOT EXISTS version_id text,
    ADD COLUMN IF NOT EXISTS api_created_date timestamptz,
    ADD COLUMN IF NOT EXISTS api_changed_date timestamptz,
    ADD COLUMN IF NOT EXISTS amount double precision,
    ADD COLUMN IF NOT EXISTS elevation_type text,
    ADD COLUMN IF NOT EXISTS system_description text,
    ADD COLUMN IF NOT EXISTS model_description text,
    ADD COLUMN IF NOT EXISTS user_description text,
    ADD COLUMN IF NOT EXISTS parse_started_at timestamptz;

CREATE INDEX IF NOT EXISTS ix_directories_parent_id ON directories (parent_id);
CREATE INDEX IF NOT EXISTS ix_projects_directory_id ON projects (directory_id);
CREATE INDEX IF NOT EXISTS ix_phases_project_id ON phases (project_id);
CREATE INDEX IF NOT EXISTS ix_elevations_phase_id ON elevations (phase_id);
CREATE INDEX IF NOT EXISTS ix_elevations_project_id ON elevations (project_id);
CREATE INDEX IF NOT EXISTS ix_elevations_unparsed ON elevations (parse_status) WHERE parse_status <> 'success';
CREATE INDEX IF NOT EXISTS ix_elevation_glass_elevation_id ON elevation_glass (elevation_id);
CREATE INDEX IF NOT EXISTS ix_parsing_error_logs_elevation_id ON parsing_error_logs (elevation_id);
CREATE INDEX IF NOT EXISTS ix_sync_logs_started_at ON sync_logs (started_at DESC);

-- Files of an elevation, with the upstream version that they belong to. A row without content says that the upstream
-- has none for that version (or refuses it for good: see error), so that it is not asked again.
CREATE TABLE IF NOT EXISTS elevation_thumbnails (
    elevation_id integer PRIMARY KEY REFERENCES elevations (id) ON DELETE CASCADE,
    content bytea,
    content_type text,
    sha256 text,
    size_bytes integer,
    version_id text,
    changed_date timestamptz,
    error text,
    fetched_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS elevation_parts_lists (
    elevation_id integer PRIMARY KEY REFERENCES elevations (id) ON DELETE CASCADE,
    content bytea, -- the SQLite file
    sha256 text,
    size_bytes integer,
    version_id text,
    changed_date timestamptz,
    error text,
    fetched_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE elevation_thumbnails ALTER COLUMN content SET STORAGE EXTERNAL; -- images are compressed already

-- Where the sync of a project stands; written in the transaction of the rows it speaks of.
-- phases_date, elevations_date, files_date: the project's changedDate as of the stored phases, elevations, and thumbnails
-- and parts lists (NULL = never complete). phases_at, elevations_at: when the upstream was last asked for them, by the
-- upstream's clock; a changedDate as recent as that is not trusted. confirmed_at: when the project was last seen to be
-- as stored (listed anew, or its changedDate had not moved).
CREATE TABLE IF NOT EXISTS project_cursors (
    project_id integer PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    phases_date timestamptz,
    phases_at timestamptz,
    elevations_date timestamptz,
    elevations_at timestamptz,
    files_date timestamptz,
    confirmed_at timestamptz,
    failed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    last_error text
);

-- One holder at a time, across containers. token grows with each new holder (fencing); a row stays after its release.
CREATE TABLE IF NOT EXISTS leases (
    name text PRIMARY KEY,
    owner text NOT NULL,
    token bigint NOT NULL DEFAULT 1,
    acquired_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- Runs of the sync: what is going on, for progress, and for a request that joins a running one and wants its result.
CREATE TABLE IF NOT EXISTS sync_runs (
    id bigserial PRIMARY KEY,
    scope text NOT NULL, -- the lease it runs under: 'upstream', 'project:GUID' ...
    task_id text,
    task_name text,
    is_forced boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'failed', 'cancelled')),
    current bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    status text,
    result jsonb,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX IF NOT EXISTS ix_sync_runs_started_at ON sync_runs (started_at DESC);
CREATE INDEX IF NOT EXISTS ix_sync_runs_running ON sync_runs (scope) WHERE state = 'running';

-- More of a log row: which task and object, and the finer counts. sync_type is 'directory', 'project', 'phase',
-- 'elevation', 'parts_list', 'thumbnail', 'full', 'scheduled', 'project_forced' ...
ALTER TABLE sync_logs
    ADD COLUMN IF NOT EXISTS task_id text,
    ADD COLUMN IF NOT EXISTS project_id integer,
    ADD COLUMN IF NOT EXISTS items_skipped integer DEFAULT 0,
    ADD COLUMN IF NOT EXISTS duration_ms bigint;

-- Learnt about an upstream server. sideways: may a sibling be selected without a new session?
CREATE TABLE IF NOT EXISTS upstream_servers (
    base_url text PRIMARY KEY,
    sideways text NOT NULL DEFAULT 'unknown' CHECK (sideways IN ('unknown', 'allowed', 'refused')),
    learned_at timestamptz NOT NULL DEFAULT now()
);

-- Counters and histograms for /metrics, per object type; they only grow. outcome: 'synced', 'skipped', 'failed',
-- 'vanished'. A histogram bucket counts the syncs that took at most le_s seconds.
CREATE TABLE IF NOT EXISTS sync_counters (
    object_type text NOT NULL,
    outcome text NOT NULL,
    value bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (object_type, outcome)
);
CREATE TABLE IF NOT EXISTS sync_durations (
    object_type text PRIMARY KEY,
    le_s double precision[] NOT NULL DEFAULT '{0.1,0.5,1,5,15,60,300,1800}',
    buckets bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0}',
    count bigint NOT NULL DEFAULT 0,
    sum_s double precision NOT NULL DEFAULT 0
);

-- How the last attempt of a type went, and when a failed one may be tried again.
ALTER TABLE object_sync_configs
    ADD COLUMN IF NOT EXISTS last_status text, -- 'success', 'partial', 'failed'
    ADD COLUMN IF NOT EXISTS last_error text,
    ADD COLUMN IF NOT EXISTS last_duration_ms bigint,
    ADD COLUMN IF NOT EXISTS last_count bigint,
    ADD COLUMN IF NOT EXISTS retry_count integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS next_retry_at timestamptz;

INSERT INTO object_sync_configs (object_type, display_name, description, sync_interval_minutes, is_sync_enabled,
                                 staleness_threshold_minutes, priority, depends_on, cascade_sync, batch_size,
                                 max_retry_attempts, retry_delay_minutes)
VALUES ('sqlite_parser', 'Parts list parser', 'Reads new parts lists into the elevations', 15, true, 60, 4, 'elevation', true, 100, 3, 5),
       ('elevation_glass', 'Glass', 'Completes the glass of elevations whose parts list was read in part', 60, true, 120, 5, 'sqlite_parser', false, 100, 3, 5),
       ('parsing_errors', 'Parsing errors', 'Tries parts lists again that could not be read', 60, true, 240, 6, 'sqlite_parser', false, 50, 3, 15)
ON CONFLICT (object_type) DO NOTHING;
