-- When a project's phases and elevations were last listed, by our own clock, for staleness. phases_at and elevations_at are
-- by the upstream's, for comparing with its dates: that one may be hours off.
ALTER TABLE project_cursors
    ADD COLUMN IF NOT EXISTS phases_listed_at timestamptz,
    ADD COLUMN IF NOT EXISTS elevations_listed_at timestamptz;
