-- Files that failed are asked for again with a growing delay, and what was there before stays until a good one comes.
-- tries: failures in a row for this version (failed_version, failed_date: the elevation's when it was asked for); retry_at:
-- not before that time, unless the elevation moves or somebody forces it; tried_at: when it was last asked for.
ALTER TABLE elevation_thumbnails
    ADD COLUMN IF NOT EXISTS tries integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS retry_at timestamptz,
    ADD COLUMN IF NOT EXISTS failed_version text,
    ADD COLUMN IF NOT EXISTS failed_date timestamptz,
    ADD COLUMN IF NOT EXISTS tried_at timestamptz;
ALTER TABLE elevation_parts_lists
    ADD COLUMN IF NOT EXISTS tries integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS retry_at timestamptz,
    ADD COLUMN IF NOT EXISTS failed_version text,
    ADD COLUMN IF NOT EXISTS failed_date timestamptz,
    ADD COLUMN IF NOT EXISTS tried_at timestamptz;

-- A minute, two, four ... a day at most; the first free failures wait for nothing but the next sync.
CREATE OR REPLACE FUNCTION logikald_file_delay(tries integer, free integer) RETURNS interval
    LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN tries <= free THEN interval '0'
             ELSE least(interval '1 day', interval '1 minute' * (2 ^ least(tries - free - 1, 11))) END $$;
