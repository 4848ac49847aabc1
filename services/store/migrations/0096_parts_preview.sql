-- What the pages show of a parts list: tables and first rows, made by the runner that reads it (services/parts/preview.h).
CREATE TABLE IF NOT EXISTS elevation_parts_previews (
    elevation_id integer PRIMARY KEY REFERENCES elevations (id) ON DELETE CASCADE,
    sha256 text NOT NULL, -- of the content it was made from
    preview json NOT NULL
);
