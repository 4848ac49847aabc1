-- A GUID's key: small letters, hyphens, no brackets; anything else is its own key.
CREATE OR REPLACE FUNCTION logikald_guid(identifier text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN d ~ '^[0-9a-f]{32}$'
             THEN substr(d, 1, 8) || '-' || substr(d, 9, 4) || '-' || substr(d, 13, 4) || '-' || substr(d, 17, 4) || '-' || substr(d, 21)
             ELSE identifier END
      FROM (SELECT lower(translate(identifier, '{}()-', '')) AS d) x $$;

-- upstream_id: the upstream's own spelling, where it differs from the key, for selects.
ALTER TABLE projects ADD COLUMN IF NOT EXISTS upstream_id text;
ALTER TABLE phases ADD COLUMN IF NOT EXISTS upstream_id text;
ALTER TABLE elevations ADD COLUMN IF NOT EXISTS upstream_id text;
ALTER TABLE sync_stage_projects ADD COLUMN IF NOT EXISTS upstream_id text;
ALTER TABLE sync_stage_phases ADD COLUMN IF NOT EXISTS upstream_id text;
ALTER TABLE sync_stage_elevations ADD COLUMN IF NOT EXISTS upstream_id text;

-- Rows that are there in another spelling get the key, unless a row of that key exists: of several the living one, then
-- the oldest. What is left is marked as gone by the next sync, as it would have been before.
UPDATE projects x SET upstream_id = x.logikal_id, logikal_id = g.key
FROM (SELECT DISTINCT ON (logikald_guid(logikal_id)) id, logikald_guid(logikal_id) AS key FROM projects
      WHERE logikal_id <> logikald_guid(logikal_id) ORDER BY logikald_guid(logikal_id), deleted_at IS NOT NULL, id) g
WHERE x.id = g.id AND NOT EXISTS (SELECT FROM projects o WHERE o.logikal_id = g.key);
UPDATE phases x SET upstream_id = x.logikal_id, logikal_id = g.key
FROM (SELECT DISTINCT ON (project_id, logikald_guid(logikal_id)) id, project_id, logikald_guid(logikal_id) AS key FROM phases
      WHERE logikal_id <> logikald_guid(logikal_id)
      ORDER BY project_id, logikald_guid(logikal_id), deleted_at IS NOT NULL, id) g
WHERE x.id = g.id
  AND NOT EXISTS (SELECT FROM phases o WHERE o.logikal_id = g.key AND o.project_id IS NOT DISTINCT FROM g.project_id);
UPDATE elevations x SET upstream_id = x.logikal_id, logikal_id = g.key
FROM (SELECT DISTINCT ON (logikald_guid(logikal_id)) id, logikald_guid(logikal_id) AS key FROM elevations
      WHERE logikal_id <> logikald_guid(logikal_id) ORDER BY logikald_guid(logikal_id), deleted_at IS NOT NULL, id) g
WHERE x.id = g.id AND NOT EXISTS (SELECT FROM elevations o WHERE o.logikal_id = g.key);
