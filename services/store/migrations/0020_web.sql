-- What the HTTP side keeps: admin sessions, and version counters by which cached answers are known to be current.

-- id is the SHA-256 of the token, so that a stolen table opens no session.
CREATE TABLE IF NOT EXISTS admin_sessions (
    id text PRIMARY KEY,
    username text NOT NULL,
    address text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_admin_sessions_expires_at ON admin_sessions (expires_at);

-- Tokens carry it; a new secret or a deactivation raises it, and the old tokens are void.
ALTER TABLE clients ADD COLUMN IF NOT EXISTS token_version integer NOT NULL DEFAULT 1;

-- How often a table was changed: the sum over the slots. Each server process counts in a slot of its own (nearly), so
-- that writers do not wait for each other, and a count becomes visible with the change that it counts.
CREATE TABLE IF NOT EXISTS table_versions (
    name text NOT NULL,
    slot integer NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (name, slot)
) WITH (fillfactor = 50);

CREATE OR REPLACE FUNCTION table_version_raise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO table_versions AS t (name, slot) VALUES (TG_TABLE_NAME, pg_backend_pid() % 1024)
    ON CONFLICT (name, slot) DO UPDATE SET version = t.version + 1;
    RETURN NULL;
END $$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['directories', 'projects', 'phases', 'elevations', 'elevation_glass',
                             'object_sync_configs', 'admin_sessions'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS raise_version ON %I', t);
        EXECUTE format('CREATE TRIGGER raise_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION table_version_raise()', t);
    END LOOP;
END $$;
-- Of a client's row, everything but the time of its last login.
DROP TRIGGER IF EXISTS raise_version ON clients;
CREATE TRIGGER raise_version AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF client_id, client_secret_hash, name,
    permissions, rate_limit_per_hour, is_active, token_version ON clients
    FOR EACH STATEMENT EXECUTE FUNCTION table_version_raise();
