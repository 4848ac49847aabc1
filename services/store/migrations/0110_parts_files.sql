-- Parts lists by their content: one copy of equal files, compressed by whoever fetches them; which file an elevation had
-- from when to when; and the lines that were read from a file. docs/sync.md and docs/decisions/parts.md tell why.

-- A file. content: Zstandard frames, one behind the other, each of 262144 bytes of the file (the last one of the rest),
-- frames: where in content each of them begins. So a part of the file is had by substr(content, ...) and one frame's
-- memory, and all of content is what the program zstd takes. tables: [{"name", "rows", "kind"}] of all its tables, in
-- their order (rows null = could not be counted, kind null = its rows are in the file alone).
CREATE TABLE IF NOT EXISTS parts_files (
    sha256 text PRIMARY KEY, -- of the file's bytes
    content bytea NOT NULL,
    frames integer[] NOT NULL,
    raw_size integer NOT NULL,
    stored_size integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(), -- when it was last given to an elevation
    reader integer NOT NULL DEFAULT 0, -- which version of the reader made its lines; 0 = none did
    read_at timestamptz,
    tables jsonb,
    problem text -- what of its lines could not be read, or had to be changed
);
ALTER TABLE parts_files ALTER COLUMN content SET STORAGE EXTERNAL; -- compressed already; substr reads what it needs

-- The frame with the file's bytes from 262144 * n on, compressed; no row when there is no such file or frame.
CREATE OR REPLACE FUNCTION parts_frame(of_sha256 text, n integer) RETURNS TABLE (frame bytea) LANGUAGE sql STABLE AS $$
    SELECT substr(f.content, f.frames[n + 1] + 1, coalesce(f.frames[n + 2], f.stored_size) - f.frames[n + 1])
    FROM parts_files f WHERE f.sha256 = of_sha256 AND n >= 0 AND n < cardinality(f.frames)
$$;

-- What an elevation's parts list was, and when: number 1 is the first one known here, valid_to null the present one. It
-- is followed by one with the next number when other bytes come; a number is never given twice. file_row: which row of
-- the file's Elevations is this elevation's (0 = the first; null = not read yet, or nothing tells). parts_count: lines of
-- this elevation that are parts: articles, profiles, panes. amount: the elevation's when the version began.
CREATE TABLE IF NOT EXISTS parts_versions (
    elevation_id integer NOT NULL REFERENCES elevations (id) ON DELETE CASCADE,
    number integer NOT NULL,
    sha256 text NOT NULL REFERENCES parts_files (sha256),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to timestamptz,
    run_id bigint,
    version_id text, -- the upstream's, and its date of the change
    changed_date timestamptz,
    amount double precision,
    parsed_at timestamptz,
    file_row integer,
    parts_count integer,
    PRIMARY KEY (elevation_id, number)
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_parts_versions_present ON parts_versions (elevation_id) WHERE valid_to IS NULL;
CREATE INDEX IF NOT EXISTS ix_parts_versions_sha256 ON parts_versions (sha256);

-- The lines of a file, packed: a row for each kind (article, profile, glass, insertion, labour, calc, uvalue, supplier,
-- elevation), lines as an array of objects with the names of parts_lines_typed, without what is NULL. A row for each line
-- would be 250 a file, five million for 20 000 elevations, and most of the time that reading a file takes.
CREATE TABLE IF NOT EXISTS parts_lines (
    sha256 text NOT NULL REFERENCES parts_files (sha256) ON DELETE CASCADE,
    kind text NOT NULL,
    line_count integer NOT NULL,
    lines jsonb NOT NULL,
    PRIMARY KEY (sha256, kind)
);
DO $$
BEGIN
    EXECUTE 'ALTER TABLE parts_lines ALTER COLUMN lines SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported OR invalid_parameter_value THEN
    NULL;
END
$$;

-- Each line with its columns. line: its number in its table, from 1. of_row: the row of Elevations that it belongs to
-- (null = the file does not bind it to one). What the table does not have is NULL; other: its other columns by their
-- names (a BLOB as {"bytes": its length}). Units are as the file has them.
CREATE OR REPLACE VIEW parts_lines_typed AS
    SELECT l.sha256, l.kind, x.table_name, x.line, x.of_row, x.insertion, x.position, x.code, x.supplier_code, x.name,
           x.short_name, x.description, x.what, x.colour, x.amount, x.units, x.unit, x.pack_size, x.price, x.length,
           x.length_unit, x.width, x.width_unit, x.height, x.height_unit, x.weight, x.weight_unit, x.area, x.area_unit,
           x.angle_left, x.angle_right, x.spacer, x.minutes, x.value, x.u_value, x.u_unit, x.supplier, x.supplier_name,
           x.other
    FROM parts_lines l, jsonb_to_recordset(l.lines) AS x (table_name text, line integer, of_row integer, insertion text,
        "position" text, code text, supplier_code text, name text, short_name text, description text, what text,
        colour text, amount double precision, units double precision, unit text, pack_size double precision,
        price double precision, length double precision, length_unit text, width double precision, width_unit text,
        height double precision, height_unit text, weight double precision, weight_unit text, area double precision,
        area_unit text, angle_left double precision, angle_right double precision, spacer double precision,
        minutes double precision, value double precision, u_value double precision, u_unit text, supplier text,
        supplier_name text, other jsonb);

-- The lines of an elevation's versions: of a file with several elevations only its own and those that are bound to none.
CREATE OR REPLACE VIEW parts_version_lines AS
    SELECT v.elevation_id, v.number, v.valid_from, v.valid_to, v.amount AS elevation_amount, l.*
    FROM parts_versions v JOIN parts_lines_typed l ON l.sha256 = v.sha256
    WHERE l.of_row IS NULL OR l.of_row = v.file_row;

-- Rows from before this still have their file in elevation_parts_lists.content, and a program of the version before may
-- go on to write there while an upgrade is under way: what is there is moved, some rows at a time. From now on a row has
-- a file when it has a sha256.
CREATE INDEX IF NOT EXISTS ix_elevation_parts_lists_unmoved ON elevation_parts_lists (elevation_id) WHERE content IS NOT NULL;

CREATE OR REPLACE VIEW project_checks AS
SELECT p.id, p.logikal_id, p.name, p.directory_id, p.last_sync_date, p.last_update_date, k.failures, k.last_error,
       h.phases, h.unsynced_phases, h.empty_phases,
       e.elevations, e.unsynced_elevations, e.misplaced, e.orphaned, e.parts_missing, e.parse_failed
FROM projects p
LEFT JOIN project_cursors k ON k.project_id = p.id
LEFT JOIN LATERAL (
    SELECT count(*) AS phases,
           count(*) FILTER (WHERE x.last_sync_date IS NULL) AS unsynced_phases,
           count(*) FILTER (WHERE NOT EXISTS (SELECT FROM elevations y WHERE y.phase_id = x.id AND y.deleted_at IS NULL))
               AS empty_phases
    FROM phases x WHERE x.project_id = p.id AND x.deleted_at IS NULL) h ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS elevations,
           count(*) FILTER (WHERE y.last_sync_date IS NULL) AS unsynced_elevations,
           count(*) FILTER (WHERE y.project_id IS DISTINCT FROM p.id) AS misplaced,
           count(*) FILTER (WHERE x.deleted_at IS NOT NULL) AS orphaned,
           count(*) FILTER (WHERE y.has_parts_data AND NOT EXISTS (SELECT FROM elevation_parts_lists l
               WHERE l.elevation_id = y.id AND l.sha256 IS NOT NULL)) AS parts_missing,
           count(*) FILTER (WHERE y.parse_status = 'failed') AS parse_failed
    FROM elevations y JOIN phases x ON x.id = y.phase_id
    WHERE x.project_id = p.id AND y.deleted_at IS NULL) e ON true
WHERE p.deleted_at IS NULL;

-- How large it all was, at most once an hour: the rate at which the database fills.
CREATE TABLE IF NOT EXISTS store_sizes (
    at timestamptz PRIMARY KEY DEFAULT now(),
    database_bytes bigint NOT NULL,
    parts_bytes bigint NOT NULL, -- stored_size of all files
    parts_raw_bytes bigint NOT NULL,
    parts_files bigint NOT NULL
);
