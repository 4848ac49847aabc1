-- A file's frames are of 65536 bytes of it, those that were stored before of 262144: most of a file is read by nobody, and
-- what stands in a frame comes with it. A piece is of 262144 bytes as before: the frames that hold it, one behind the other.
CREATE OR REPLACE FUNCTION parts_frame(of_sha256 text, n integer) RETURNS TABLE (frame bytea) LANGUAGE sql STABLE AS $$
    SELECT substr(f.content, f.frames[n * k.many + 1] + 1,
                  coalesce(f.frames[(n + 1) * k.many + 1], f.stored_size) - f.frames[n * k.many + 1])
    FROM parts_files f, LATERAL (SELECT CASE WHEN cardinality(f.frames) * 262144::bigint >= f.raw_size + 262144::bigint
        THEN 4 ELSE 1 END AS many) k
    WHERE f.sha256 = of_sha256 AND n >= 0 AND n::bigint * k.many < cardinality(f.frames)
$$;
COMMENT ON COLUMN parts_files.content IS
    'Zstandard frames, one behind the other, each of 65536 bytes of the file (before: 262144), the last one of the rest';
