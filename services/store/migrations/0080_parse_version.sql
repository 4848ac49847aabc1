-- Which version of the reader has read an elevation's parts list, or failed to: what an older one has read is read again
-- after an upgrade. 0 = a version from before this column, or never read, or the elevation's name has changed since, by
-- which its row in the list is found.
ALTER TABLE elevations
    ADD COLUMN IF NOT EXISTS parse_version integer NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS ix_elevations_parse_version ON elevations (parse_version, id) WHERE has_parts_data AND deleted_at IS NULL;
