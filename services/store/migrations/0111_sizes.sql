-- How large the database is, and how fast it grows: by the samples of two weeks, when they span an hour at least (null =
-- not known yet).
CREATE OR REPLACE FUNCTION logikald_sizes(OUT database_bytes bigint, OUT parts_bytes bigint, OUT parts_raw_bytes bigint,
    OUT parts_files bigint, OUT bytes_per_day double precision) LANGUAGE sql STABLE AS $$
    SELECT pg_database_size(current_database()), f.stored, f.raw, f.n, r.rate
    FROM (SELECT coalesce(sum(stored_size), 0)::bigint AS stored, coalesce(sum(raw_size), 0)::bigint AS raw, count(*) AS n
          FROM parts_files) f,
         (SELECT CASE WHEN max(s.at) - min(s.at) >= interval '1 hour' THEN
                     regr_slope(s.database_bytes, extract(epoch FROM s.at)::double precision) * 86400 END AS rate
          FROM store_sizes s WHERE s.at > now() - interval '14 days') r
$$;

-- A sample, unless there is one of this hour; those of a quarter are kept.
CREATE OR REPLACE FUNCTION logikald_sample_sizes() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM store_sizes WHERE at > now() - interval '1 hour') THEN
        RETURN;
    END IF;
    INSERT INTO store_sizes (at, database_bytes, parts_bytes, parts_raw_bytes, parts_files)
        SELECT now(), s.database_bytes, s.parts_bytes, s.parts_raw_bytes, s.parts_files FROM logikald_sizes() s
        ON CONFLICT DO NOTHING;
    DELETE FROM store_sizes WHERE at < now() - interval '90 days';
END $$;

-- The largest parts list that was taken when this one was refused for its size: with a larger limit it is asked for at
-- once.
ALTER TABLE elevation_parts_lists
    ADD COLUMN IF NOT EXISTS refused_limit bigint;
