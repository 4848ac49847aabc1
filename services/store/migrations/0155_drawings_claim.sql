-- A drawing that somebody asked for is coming while its task holds the lease of its name, which ends with its process, and
-- for the first minute, in which the task begins; not for ten minutes whatever became of it.
CREATE OR REPLACE FUNCTION drawing_is_coming(elevation integer, asked_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT asked_at IS NOT NULL AND (asked_at > now() - interval '1 minute' OR EXISTS (
        SELECT FROM leases l WHERE l.name = 'drawing:' || elevation AND l.expires_at > now()))
$$;
