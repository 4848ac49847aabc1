-- Drawings of elevations, fetched when somebody asks for one. version_id, changed_date: the elevation's when content, or
-- error, was asked for: another one makes it stale. error_code: the word of what went wrong (conf/err.h). asked_at,
-- asked_by: since when somebody is at it, and who (NULL = nobody); after ten minutes without an end another one may.
CREATE TABLE IF NOT EXISTS elevation_drawings (
    elevation_id integer PRIMARY KEY REFERENCES elevations (id) ON DELETE CASCADE,
    content bytea,
    content_type text,
    sha256 text,
    size_bytes integer,
    version_id text,
    changed_date timestamptz,
    error text,
    error_code text,
    tried_at timestamptz,
    fetched_at timestamptz,
    asked_at timestamptz,
    asked_by text
);
ALTER TABLE elevation_drawings ALTER COLUMN content SET STORAGE EXTERNAL; -- images are compressed already
