-- What the upstream's listings leave out, and what is made of it. A listing writes its missing rows here, in the
-- transaction of the rows that it did show; at the end of the run they are judged together: marked as gone when that is
-- believable, else held until the objects return or an administrator decides.

-- A decision that waits for an administrator, or was made: how many living rows of each type would go (with all that lies
-- below what is missing), why that was not believed, since when, by which run.
CREATE TABLE IF NOT EXISTS sync_holds (
    id bigserial PRIMARY KEY,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'refused', 'released')),
    reason text NOT NULL,
    directories bigint NOT NULL DEFAULT 0,
    projects bigint NOT NULL DEFAULT 0,
    phases bigint NOT NULL DEFAULT 0,
    elevations bigint NOT NULL DEFAULT 0,
    run_id bigint,
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(), -- when it was last found to be so
    decided_by text,
    decided_at timestamptz
);
CREATE INDEX IF NOT EXISTS ix_sync_holds_open ON sync_holds (id) WHERE state = 'open';

-- Living rows that the last whole listing of their place did not show. new: seen to be missing once; confirmed: also in a
-- second listing by a fresh session; held, refused: see the hold; going: being marked, never seen outside of that
-- transaction. What is below a missing row is not listed here.
CREATE TABLE IF NOT EXISTS sync_missing (
    object_type text NOT NULL CHECK (object_type IN ('directory', 'project', 'phase', 'elevation')),
    object_id integer NOT NULL,
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'confirmed', 'held', 'refused', 'going')),
    run_id bigint NOT NULL,
    hold_id bigint REFERENCES sync_holds (id) ON DELETE SET NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (object_type, object_id)
);
CREATE INDEX IF NOT EXISTS ix_sync_missing_hold ON sync_missing (hold_id) WHERE hold_id IS NOT NULL;

-- Directories that projects were in which a run has found elsewhere.
CREATE UNLOGGED TABLE IF NOT EXISTS sync_moved (
    run_id bigint NOT NULL,
    directory_id integer NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_sync_moved ON sync_moved (run_id);

-- The living rows that go when these go: they and all that lies below.
CREATE OR REPLACE FUNCTION logikald_below(directory_ids integer[], project_ids integer[], phase_ids integer[],
                                          elevation_ids integer[])
    RETURNS TABLE (object_type text, object_id integer)
    LANGUAGE sql STABLE
AS $$
    WITH RECURSIVE d AS (
        SELECT x.id FROM directories x WHERE x.id = ANY (directory_ids) AND x.deleted_at IS NULL
        UNION SELECT c.id FROM directories c JOIN d ON c.parent_id = d.id WHERE c.deleted_at IS NULL),
    p AS MATERIALIZED (
        SELECT x.id FROM projects x WHERE x.deleted_at IS NULL
         AND (x.id = ANY (project_ids) OR x.directory_id IN (SELECT id FROM d))),
    h AS MATERIALIZED (
        SELECT x.id FROM phases x WHERE x.deleted_at IS NULL
         AND (x.id = ANY (phase_ids) OR x.project_id IN (SELECT id FROM p))),
    e AS (
        SELECT x.id FROM elevations x WHERE x.deleted_at IS NULL
         AND (x.id = ANY (elevation_ids) OR x.project_id IN (SELECT id FROM p) OR x.phase_id IN (SELECT id FROM h)))
    SELECT 'directory', id FROM d UNION ALL SELECT 'project', id FROM p UNION ALL SELECT 'phase', id FROM h
    UNION ALL SELECT 'elevation', id FROM e
$$;

-- Everything that is missing now, in whatever state, with all that lies below: not to be asked for in the upstream.
CREATE OR REPLACE VIEW sync_missing_below AS
    SELECT b.object_type, b.object_id
    FROM (SELECT array_agg(object_id) FILTER (WHERE object_type = 'directory') AS d,
                 array_agg(object_id) FILTER (WHERE object_type = 'project') AS p,
                 array_agg(object_id) FILTER (WHERE object_type = 'phase') AS h,
                 array_agg(object_id) FILTER (WHERE object_type = 'elevation') AS e
          FROM sync_missing HAVING count(*) > 0) m,
    LATERAL logikald_below(m.d, m.p, m.h, m.e) b;

-- Marks what is going, with all that lies below; how many rows of each type. A project that comes back is read anew.
CREATE OR REPLACE FUNCTION logikald_mark_going() RETURNS TABLE (object_type text, marked bigint)
    LANGUAGE sql
AS $$
    WITH below AS MATERIALIZED (
        SELECT b.object_type, b.object_id
        FROM (SELECT array_agg(object_id) FILTER (WHERE object_type = 'directory') AS d,
                     array_agg(object_id) FILTER (WHERE object_type = 'project') AS p,
                     array_agg(object_id) FILTER (WHERE object_type = 'phase') AS h,
                     array_agg(object_id) FILTER (WHERE object_type = 'elevation') AS e
              FROM sync_missing WHERE state = 'going') m,
        LATERAL logikald_below(m.d, m.p, m.h, m.e) b),
    md AS (UPDATE directories SET deleted_at = now(), sync_status = 'deleted', updated_at = now()
           WHERE id IN (SELECT object_id FROM below b WHERE b.object_type = 'directory') RETURNING id),
    mp AS (UPDATE projects SET deleted_at = now(), sync_status = 'deleted', status = 'deleted', updated_at = now()
           WHERE id IN (SELECT object_id FROM below b WHERE b.object_type = 'project') RETURNING id),
    mh AS (UPDATE phases SET deleted_at = now(), sync_status = 'deleted', updated_at = now()
           WHERE id IN (SELECT object_id FROM below b WHERE b.object_type = 'phase') RETURNING id),
    me AS (UPDATE elevations SET deleted_at = now(), sync_status = 'deleted', updated_at = now()
           WHERE id IN (SELECT object_id FROM below b WHERE b.object_type = 'elevation') RETURNING id),
    anew AS (UPDATE project_cursors SET phases_date = NULL, elevations_date = NULL, files_date = NULL
             WHERE project_id IN (SELECT object_id FROM below b WHERE b.object_type = 'project')),
    forgotten AS (DELETE FROM sync_missing s WHERE s.state = 'going'
                  OR (s.object_type, s.object_id) IN (SELECT b.object_type, b.object_id FROM below b))
    SELECT 'directory', count(*) FROM md UNION ALL SELECT 'project', count(*) FROM mp
    UNION ALL SELECT 'phase', count(*) FROM mh UNION ALL SELECT 'elevation', count(*) FROM me
$$;

-- An administrator's word on a hold, 'apply' or 'refuse': no row when there is no such hold; was = its state before
-- (only an open one is decided), and what was marked. Refused rows stay, and are not held again while they stay missing.
CREATE OR REPLACE FUNCTION logikald_hold_decide(hold bigint, decision text, actor text)
    RETURNS TABLE (was text, directories bigint, projects bigint, phases bigint, elevations bigint)
    LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    found_state text;
    d bigint := 0;
    p bigint := 0;
    h bigint := 0;
    e bigint := 0;
BEGIN
    SELECT x.state INTO found_state FROM sync_holds x WHERE x.id = hold FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    IF found_state = 'open' AND decision = 'apply' THEN
        UPDATE sync_missing SET state = 'going' WHERE hold_id = hold AND state = 'held';
        SELECT sum(m.marked) FILTER (WHERE m.object_type = 'directory'),
               sum(m.marked) FILTER (WHERE m.object_type = 'project'),
               sum(m.marked) FILTER (WHERE m.object_type = 'phase'),
               sum(m.marked) FILTER (WHERE m.object_type = 'elevation')
        INTO d, p, h, e FROM logikald_mark_going() m;
        INSERT INTO sync_counters AS c (object_type, outcome, value)
            SELECT t.name, 'vanished', t.n
            FROM (VALUES ('directory', d), ('project', p), ('phase', h), ('elevation', e)) t (name, n) WHERE t.n > 0
            ON CONFLICT (object_type, outcome) DO UPDATE SET value = c.value + excluded.value;
        UPDATE sync_holds SET state = 'applied', decided_by = actor, decided_at = now() WHERE id = hold;
    ELSIF found_state = 'open' AND decision = 'refuse' THEN
        UPDATE sync_missing SET state = 'refused' WHERE hold_id = hold AND state = 'held';
        UPDATE sync_holds SET state = 'refused', decided_by = actor, decided_at = now() WHERE id = hold;
    END IF;
    RETURN QUERY SELECT found_state, d, p, h, e;
END $$;

ALTER TABLE sync_runs DROP CONSTRAINT IF EXISTS sync_runs_state_check;
ALTER TABLE sync_runs ADD CONSTRAINT sync_runs_state_check
    CHECK (state IN ('running', 'completed', 'failed', 'cancelled', 'held'));
