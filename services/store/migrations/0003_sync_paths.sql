-- upstream_chain: the identifiers of a directory's ancestors and its own, joined by the unit separator (chr(31)): what a
-- session selects one after the other on its way down.
ALTER TABLE directories
    ADD COLUMN IF NOT EXISTS upstream_chain text;

-- A directory's key: its identifier, or a shortened form that is still unique when it does not fit.
CREATE OR REPLACE FUNCTION logikald_directory_key(identifier text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN length(identifier) <= 255 THEN identifier ELSE left(identifier, 222) || '#' || md5(identifier) END $$;

-- Sideways selects, level by level: one letter each for directory, project, phase, elevation (u unknown, a allowed,
-- r refused).
ALTER TABLE upstream_servers
    ADD COLUMN IF NOT EXISTS levels text NOT NULL DEFAULT 'uuuu';

-- Open sessions of the upstream: whose they are, so that those of a process that died can be logged out by another.
-- holder is the name of a lease.
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS holder text,
    ADD COLUMN IF NOT EXISTS holder_token bigint;


CREATE INDEX IF NOT EXISTS ix_elevations_place ON elevations (project_id, phase_id, id) WHERE deleted_at IS NULL;
