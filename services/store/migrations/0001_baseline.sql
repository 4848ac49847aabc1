-- The tables of the replaced system: same names, columns, types, indexes and constraints. On its existing database nothing
-- but defaults is changed, so it could still run there; on an empty one everything is made.

CREATE TABLE IF NOT EXISTS api_logs (
    id serial CONSTRAINT api_logs_pkey PRIMARY KEY,
    endpoint varchar(255) NOT NULL,
    method varchar(10) NOT NULL,
    status_code integer,
    response_time_ms integer,
    success boolean NOT NULL,
    error_message text,
    request_url varchar(500),
    request_method varchar(10),
    request_payload text,
    response_body text,
    response_summary varchar(500),
    created_at timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_api_logs_id ON api_logs (id);

CREATE TABLE IF NOT EXISTS clients (
    id serial CONSTRAINT clients_pkey PRIMARY KEY,
    client_id varchar(255) NOT NULL,
    client_secret_hash varchar(255) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    permissions json NOT NULL,
    rate_limit_per_hour integer NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    last_used_at timestamp
);
ALTER TABLE clients
    ALTER COLUMN permissions SET DEFAULT '{}',
    ALTER COLUMN rate_limit_per_hour SET DEFAULT 1000,
    ALTER COLUMN is_active SET DEFAULT true,
    ALTER COLUMN created_at SET DEFAULT (now() AT TIME ZONE 'utc'),
    ALTER COLUMN updated_at SET DEFAULT (now() AT TIME ZONE 'utc');
CREATE UNIQUE INDEX IF NOT EXISTS ix_clients_client_id ON clients (client_id);
CREATE INDEX IF NOT EXISTS ix_clients_id ON clients (id);

CREATE TABLE IF NOT EXISTS directories (
    id serial CONSTRAINT directories_pkey PRIMARY KEY,
    logikal_id varchar(255) NOT NULL,
    name varchar(255) NOT NULL,
    full_path varchar(500),
    level integer,
    parent_id integer CONSTRAINT directories_parent_id_fkey REFERENCES directories (id),
    exclude_from_sync boolean NOT NULL,
    synced_at timestamptz,
    last_api_sync timestamptz,
    api_created_date timestamptz,
    api_changed_date timestamptz,
    sync_status varchar(50),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
ALTER TABLE directories
    ALTER COLUMN exclude_from_sync SET DEFAULT false;
CREATE INDEX IF NOT EXISTS ix_directories_id ON directories (id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_directories_logikal_id ON directories (logikal_id);

CREATE TABLE IF NOT EXISTS projects (
    id serial CONSTRAINT projects_pkey PRIMARY KEY,
    logikal_id varchar(255) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    directory_id integer CONSTRAINT projects_directory_id_fkey REFERENCES directories (id),
    status varchar(50),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    last_sync_date timestamptz,
    last_update_date timestamptz
);
CREATE INDEX IF NOT EXISTS ix_projects_id ON projects (id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_projects_logikal_id ON projects (logikal_id);

CREATE TABLE IF NOT EXISTS phases (
    id serial CONSTRAINT phases_pkey PRIMARY KEY,
    logikal_id varchar(255),
    name varchar(255) NOT NULL,
    description text,
    project_id integer CONSTRAINT phases_project_id_fkey REFERENCES projects (id),
    status varchar(50),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    last_sync_date timestamptz,
    last_update_date timestamptz,
    synced_at timestamptz,
    sync_status varchar(50) NOT NULL,
    CONSTRAINT uq_phase_logikal_project UNIQUE (logikal_id, project_id)
);
ALTER TABLE phases
    ALTER COLUMN sync_status SET DEFAULT 'pending';
CREATE INDEX IF NOT EXISTS ix_phases_id ON phases (id);
CREATE INDEX IF NOT EXISTS ix_phases_logikal_id ON phases (logikal_id);

CREATE TABLE IF NOT EXISTS elevations (
    id serial CONSTRAINT elevations_pkey PRIMARY KEY,
    logikal_id varchar(255) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    status varchar(50),
    project_id integer CONSTRAINT elevations_project_id_fkey REFERENCES projects (id),
    phase_id integer CONSTRAINT elevations_phase_id_fkey REFERENCES phases (id),
    thumbnail_url varchar(500),
    thumbnail_data text,
    image_path varchar(500),
    width double precision,
    height double precision,
    depth double precision,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    last_sync_date timestamptz,
    last_update_date timestamptz,
    synced_at timestamptz,
    sync_status varchar(50) NOT NULL,
    parts_data text,
    parts_db_path varchar(500),
    parts_count integer,
    has_parts_data boolean NOT NULL,
    parts_synced_at timestamptz,
    auto_description text,
    auto_description_short varchar(255),
    width_out double precision,
    width_unit varchar(50),
    height_out double precision,
    height_unit varchar(50),
    weight_out double precision,
    weight_unit varchar(50),
    area_output double precision,
    area_unit varchar(50),
    system_code varchar(100),
    system_name varchar(255),
    system_long_name varchar(500),
    color_base_long varchar(255),
    parts_file_hash varchar(64),
    parse_status varchar(50) NOT NULL,
    parse_error text,
    parse_retry_count integer NOT NULL,
    data_parsed_at timestamptz
);
ALTER TABLE elevations
    ALTER COLUMN sync_status SET DEFAULT 'pending',
    ALTER COLUMN has_parts_data SET DEFAULT false,
    ALTER COLUMN parse_status SET DEFAULT 'pending',
    ALTER COLUMN parse_retry_count SET DEFAULT 0;
CREATE INDEX IF NOT EXISTS ix_elevations_id ON elevations (id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_elevations_logikal_id ON elevations (logikal_id);

CREATE TABLE IF NOT EXISTS elevation_glass (
    id serial CONSTRAINT elevation_glass_pkey PRIMARY KEY,
    elevation_id integer NOT NULL CONSTRAINT elevation_glass_elevation_id_fkey REFERENCES elevations (id),
    glass_id varchar(100) NOT NULL,
    name varchar(255),
    created_at timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_elevation_glass_id ON elevation_glass (id);

CREATE TABLE IF NOT EXISTS parsing_error_logs (
    id serial CONSTRAINT parsing_error_logs_pkey PRIMARY KEY,
    elevation_id integer NOT NULL CONSTRAINT parsing_error_logs_elevation_id_fkey REFERENCES elevations (id),
    error_type varchar(100) NOT NULL,
    error_message text NOT NULL,
    error_details json,
    retry_count integer NOT NULL,
    created_at timestamptz DEFAULT now()
);
ALTER TABLE parsing_error_logs
    ALTER COLUMN retry_count SET DEFAULT 0;
CREATE INDEX IF NOT EXISTS ix_parsing_error_logs_id ON parsing_error_logs (id);

CREATE TABLE IF NOT EXISTS object_sync_configs (
    id serial CONSTRAINT object_sync_configs_pkey PRIMARY KEY,
    object_type varchar(50) NOT NULL,
    display_name varchar(100) NOT NULL,
    description text,
    sync_interval_minutes integer NOT NULL,
    is_sync_enabled boolean NOT NULL,
    staleness_threshold_minutes integer NOT NULL,
    priority integer NOT NULL,
    depends_on varchar(200),
    cascade_sync boolean NOT NULL,
    batch_size integer NOT NULL,
    max_retry_attempts integer NOT NULL,
    retry_delay_minutes integer NOT NULL,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    last_sync timestamptz,
    last_attempt timestamptz
);
ALTER TABLE object_sync_configs
    ALTER COLUMN sync_interval_minutes SET DEFAULT 60,
    ALTER COLUMN is_sync_enabled SET DEFAULT true,
    ALTER COLUMN staleness_threshold_minutes SET DEFAULT 120,
    ALTER COLUMN priority SET DEFAULT 1,
    ALTER COLUMN cascade_sync SET DEFAULT true,
    ALTER COLUMN batch_size SET DEFAULT 100,
    ALTER COLUMN max_retry_attempts SET DEFAULT 3,
    ALTER COLUMN retry_delay_minutes SET DEFAULT 5;
CREATE INDEX IF NOT EXISTS ix_object_sync_configs_id ON object_sync_configs (id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_object_sync_configs_object_type ON object_sync_configs (object_type);

CREATE TABLE IF NOT EXISTS sync_config (
    id serial CONSTRAINT sync_config_pkey PRIMARY KEY,
    last_full_sync timestamptz,
    last_incremental_sync timestamptz,
    sync_interval_minutes integer,
    is_sync_enabled boolean,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
ALTER TABLE sync_config
    ALTER COLUMN sync_interval_minutes SET DEFAULT 60,
    ALTER COLUMN is_sync_enabled SET DEFAULT true;
CREATE INDEX IF NOT EXISTS ix_sync_config_id ON sync_config (id);

CREATE TABLE IF NOT EXISTS sync_logs (
    id serial CONSTRAINT sync_logs_pkey PRIMARY KEY,
    sync_type varchar(50) NOT NULL,
    status varchar(50) NOT NULL,
    message text,
    items_processed integer,
    items_successful integer,
    items_failed integer,
    duration_seconds integer,
    error_details text,
    started_at timestamptz DEFAULT now(),
    completed_at timestamptz
);
ALTER TABLE sync_logs
    ALTER COLUMN items_processed SET DEFAULT 0,
    ALTER COLUMN items_successful SET DEFAULT 0,
    ALTER COLUMN items_failed SET DEFAULT 0;
CREATE INDEX IF NOT EXISTS ix_sync_logs_id ON sync_logs (id);

CREATE TABLE IF NOT EXISTS sessions (
    id serial CONSTRAINT sessions_pkey PRIMARY KEY,
    token varchar(255) NOT NULL,
    username varchar(255) NOT NULL,
    base_url varchar(255) NOT NULL,
    expires_at timestamptz NOT NULL,
    is_active boolean,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
ALTER TABLE sessions
    ALTER COLUMN is_active SET DEFAULT true;
CREATE INDEX IF NOT EXISTS ix_sessions_id ON sessions (id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_sessions_token ON sessions (token);

-- A replaced system of an earlier version has the phases without it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conname = 'uq_phase_logikal_project' AND conrelid = 'phases'::regclass) THEN
        ALTER TABLE phases ADD CONSTRAINT uq_phase_logikal_project UNIQUE (logikal_id, project_id);
    END IF;
END $$;

INSERT INTO object_sync_configs (object_type, display_name, description, sync_interval_minutes, is_sync_enabled,
                                 staleness_threshold_minutes, priority, depends_on, cascade_sync, batch_size,
                                 max_retry_attempts, retry_delay_minutes)
VALUES ('directory', 'Directories', 'Directory tree of the Logikal project center', 60, true, 120, 1, NULL, false, 100, 3, 5),
       ('project', 'Projects', 'Projects of the directories', 30, true, 60, 2, 'directory', true, 100, 3, 5),
       ('phase', 'Phases', 'Phases of the projects', 15, true, 30, 3, 'project', false, 100, 3, 5),
       ('elevation', 'Elevations', 'Elevations of the phases, with thumbnails and parts lists', 15, true, 30, 3, 'phase', false, 100, 3, 5)
ON CONFLICT (object_type) DO NOTHING;
