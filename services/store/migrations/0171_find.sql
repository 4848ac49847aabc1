-- Objects of all kinds in one table, found by words, kind, state and directory, sorted, some of them. A function, so that the
-- statement is planned for what is asked, and compiled by nobody (jit) for the fraction of a second that it takes. What is compared lies in object_words;
-- the ways to directories, projects and phases, which are few, are put together before; what is shown is looked up only for
-- the rows that are shown.
--
-- words: in any order; each stands in the object's texts or in those of what it lies in, one of them in its own.
-- state: '', failing, waiting (a parts list that is still to be read), old, excluded, gone, all (also what is gone).
-- sort: '', name, changed, read; - before it for the other way round.
-- There is always a row: without a hit its kind is null. total: that match; gone: that match, and are gone.
CREATE OR REPLACE FUNCTION logikald_find(words text, of_kind text, state text, directory integer, sort text, most integer,
                                         skipped bigint)
    RETURNS TABLE (n bigint, total bigint, gone bigint, kind text, id integer, way integer[], is_excluded boolean,
                   changed timestamptz, read_at timestamptz)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET work_mem = '16MB' AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY WITH RECURSIVE
sought AS (
    SELECT array_agg('%' || replace(replace(replace(logikald_sought(s), '\', '\\'), '%', '\%'), '_', '\_') || '%') AS words
    FROM regexp_split_to_table($1, '[\s{}"]+') AS s WHERE s <> ''),
allowed AS (SELECT object_type AS kind, now() - make_interval(mins => staleness_threshold_minutes) AS since FROM object_sync_configs),
tree AS (
    SELECT d.id, ARRAY[d.id] AS way, w.words, d.exclude_from_sync AS is_excluded
    FROM directories d JOIN object_words w ON w.kind = 'directory' AND w.id = d.id WHERE d.parent_id IS NULL
    UNION ALL
    SELECT d.id, t.way || d.id, t.words || ' ' || w.words, t.is_excluded OR d.exclude_from_sync
    FROM directories d JOIN tree t ON d.parent_id = t.id JOIN object_words w ON w.kind = 'directory' AND w.id = d.id
    WHERE d.id <> ALL (t.way)),
jobs AS MATERIALIZED (
    SELECT p.id, p.deleted_at, p.api_changed_date, coalesce(c.confirmed_at, p.last_sync_date) AS read_at, t.way, t.is_excluded,
           w.words AS own, concat_ws(' ', w.words, t.words) AS words, coalesce(c.failures > 0, false) AS is_failing
    FROM projects p JOIN object_words w ON w.kind = 'project' AND w.id = p.id LEFT JOIN tree t ON t.id = p.directory_id
    LEFT JOIN project_cursors c ON c.project_id = p.id),
sections AS MATERIALIZED (
    SELECT f.id, f.deleted_at, j.read_at, j.way, j.is_excluded, w.words AS own, concat_ws(' ', w.words, j.words) AS words
    FROM phases f JOIN object_words w ON w.kind = 'phase' AND w.id = f.id LEFT JOIN jobs j ON j.id = f.project_id),
-- Elevations whose parts list is not what it should be; few, and asked for only by name.
lists AS (
    SELECT s.elevation_id, s.state IN ('failed', 'refused') OR s.behind IS NOT NULL AS is_failing FROM parts_states s
    WHERE $3 IN ('failing', 'waiting') AND (s.state NOT IN ('read', 'none') OR s.behind IS NOT NULL)),
hits AS MATERIALIZED (
    SELECT 1 AS rank, 'directory'::text AS kind, d.id, left(w.words, 60) AS name, d.api_changed_date AS changed,
           d.synced_at AS read_at, d.deleted_at IS NOT NULL AS is_gone, t.way, t.is_excluded
    FROM directories d JOIN tree t ON t.id = d.id JOIN object_words w ON w.kind = 'directory' AND w.id = d.id
    WHERE $2 IN ('', 'directory') AND ($4 IS NULL OR $4 = ANY (t.way))
      AND ((SELECT words FROM sought) IS NULL OR w.words LIKE ANY ((SELECT words FROM sought)::text[]))
      AND ((SELECT words FROM sought) IS NULL OR t.words LIKE ALL ((SELECT words FROM sought)::text[]))
      AND CASE $3 WHEN 'failing' THEN false WHEN 'waiting' THEN false WHEN 'excluded' THEN t.is_excluded
          WHEN 'old' THEN coalesce(d.synced_at < (SELECT since FROM allowed a WHERE a.kind = 'directory'), d.synced_at IS NULL)
          ELSE true END
    UNION ALL
    SELECT 2, 'project', j.id, left(j.own, 60), j.api_changed_date, j.read_at, j.deleted_at IS NOT NULL, j.way, j.is_excluded
    FROM jobs j
    WHERE $2 IN ('', 'project') AND ($4 IS NULL OR $4 = ANY (j.way))
      AND ((SELECT words FROM sought) IS NULL OR j.own LIKE ANY ((SELECT words FROM sought)::text[]))
      AND ((SELECT words FROM sought) IS NULL OR j.words LIKE ALL ((SELECT words FROM sought)::text[]))
      AND CASE $3 WHEN 'failing' THEN j.is_failing WHEN 'waiting' THEN false WHEN 'excluded' THEN coalesce(j.is_excluded, false)
          WHEN 'old' THEN coalesce(j.read_at < (SELECT since FROM allowed a WHERE a.kind = 'project'), j.read_at IS NULL)
          ELSE true END
    UNION ALL
    SELECT 3, 'phase', f.id, left(f.own, 60), NULL, f.read_at, f.deleted_at IS NOT NULL, f.way, f.is_excluded
    FROM sections f
    WHERE $2 IN ('', 'phase') AND ($4 IS NULL OR $4 = ANY (f.way))
      AND ((SELECT words FROM sought) IS NULL OR f.own LIKE ANY ((SELECT words FROM sought)::text[]))
      AND ((SELECT words FROM sought) IS NULL OR f.words LIKE ALL ((SELECT words FROM sought)::text[]))
      AND CASE $3 WHEN 'failing' THEN false WHEN 'waiting' THEN false WHEN 'excluded' THEN coalesce(f.is_excluded, false)
          WHEN 'old' THEN coalesce(f.read_at < (SELECT since FROM allowed a WHERE a.kind = 'phase'), f.read_at IS NULL)
          ELSE true END
    UNION ALL
    SELECT 4, 'elevation', e.id, left(w.words, 60), e.api_changed_date, f.read_at, e.deleted_at IS NOT NULL, f.way, f.is_excluded
    FROM object_words w JOIN elevations e ON e.id = w.id LEFT JOIN sections f ON f.id = e.phase_id
    LEFT JOIN lists l ON l.elevation_id = e.id
    WHERE $2 IN ('', 'elevation') AND w.kind = 'elevation' AND ($4 IS NULL OR $4 = ANY (f.way))
      AND ((SELECT words FROM sought) IS NULL OR w.words LIKE ANY ((SELECT words FROM sought)::text[]))
      AND ((SELECT words FROM sought) IS NULL OR concat_ws(' ', w.words, f.words) LIKE ALL ((SELECT words FROM sought)::text[]))
      AND CASE $3 WHEN 'failing' THEN coalesce(l.is_failing, false) WHEN 'waiting' THEN NOT coalesce(l.is_failing, true)
          WHEN 'excluded' THEN coalesce(f.is_excluded, false)
          WHEN 'old' THEN coalesce(f.read_at < (SELECT since FROM allowed a WHERE a.kind = 'elevation'), f.read_at IS NULL)
          ELSE true END),
counts AS (
    SELECT count(*) FILTER (WHERE $3 = 'all' OR is_gone = ($3 = 'gone')) AS total, count(*) FILTER (WHERE is_gone) AS gone
    FROM hits),
shown AS (
    SELECT h.* FROM hits h WHERE $3 = 'all' OR h.is_gone = ($3 = 'gone')
    ORDER BY CASE WHEN $5 = '' THEN h.rank END,
             CASE WHEN $5 IN ('', 'name') THEN h.name END, CASE WHEN $5 = '-name' THEN h.name END DESC,
             CASE WHEN $5 = 'changed' THEN h.changed END, CASE WHEN $5 = '-changed' THEN h.changed END DESC NULLS LAST,
             CASE WHEN $5 = 'read' THEN h.read_at END NULLS FIRST, CASE WHEN $5 = '-read' THEN h.read_at END DESC NULLS LAST,
             h.rank, h.name, h.id
    LIMIT $6 OFFSET $7)
SELECT s.n + $7, c.total, c.gone, s.kind, s.id, s.way, coalesce(s.is_excluded, false), s.changed, s.read_at
FROM counts c LEFT JOIN (SELECT row_number() OVER () AS n, x.* FROM shown x) s ON true;
END $$;
