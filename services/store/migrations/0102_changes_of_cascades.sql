-- A thumbnail or parts list that goes with its elevation is told after the elevation's row is gone: what it belonged to is
-- kept here from the moment before until the transaction ends.
CREATE UNLOGGED TABLE IF NOT EXISTS changes_leaving (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    elevation_id bigint NOT NULL,
    logikal_id text,
    project_id bigint,
    PRIMARY KEY (xid, elevation_id)
);

CREATE OR REPLACE FUNCTION changes_elevation_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes_leaving (elevation_id, logikal_id, project_id) VALUES (OLD.id, OLD.logikal_id, OLD.project_id)
    ON CONFLICT DO NOTHING;
    RETURN OLD;
END $$;

CREATE OR REPLACE FUNCTION changes_elevation_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM changes_leaving WHERE xid = pg_current_xact_id() AND elevation_id = OLD.id;
    RETURN NULL;
END $$;

-- What a cascade sets off comes after the triggers of the statement that began it: only the end of the transaction is late
-- enough.
DROP TRIGGER IF EXISTS changes_leaves ON elevations;
CREATE TRIGGER changes_leaves BEFORE DELETE ON elevations FOR EACH ROW EXECUTE FUNCTION changes_elevation_leaves();
DROP TRIGGER IF EXISTS changes_left ON elevations;
CREATE CONSTRAINT TRIGGER changes_left AFTER DELETE ON elevations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION changes_elevation_left();

SELECT changes_watch('elevation_thumbnails', 'thumbnail', ARRAY['error'], ARRAY['sha256', 'size_bytes', 'content_type'],
    ARRAY['sha256', 'size_bytes'], 'elevation_id', 'r.elevation_id',
    'coalesce(e.logikal_id, (SELECT l.logikal_id FROM changes_leaving l WHERE l.xid = pg_current_xact_id() AND l.elevation_id = r.elevation_id))',
    'coalesce(e.project_id, (SELECT l.project_id FROM changes_leaving l WHERE l.xid = pg_current_xact_id() AND l.elevation_id = r.elevation_id))',
    true, 'r.sha256 IS NULL', NULL);
SELECT changes_watch('elevation_parts_lists', 'parts_list', ARRAY['error'], ARRAY['sha256', 'size_bytes'],
    ARRAY['sha256', 'size_bytes'], 'elevation_id', 'r.elevation_id',
    'coalesce(e.logikal_id, (SELECT l.logikal_id FROM changes_leaving l WHERE l.xid = pg_current_xact_id() AND l.elevation_id = r.elevation_id))',
    'coalesce(e.project_id, (SELECT l.project_id FROM changes_leaving l WHERE l.xid = pg_current_xact_id() AND l.elevation_id = r.elevation_id))',
    true, 'r.sha256 IS NULL', NULL);
