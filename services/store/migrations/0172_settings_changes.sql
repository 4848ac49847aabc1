-- What was another before when somebody changed a setting of an object type, or left a directory out of the sync: written by
-- triggers, whoever does it; shown beside what administrators did. Kept as long as that.
CREATE TABLE IF NOT EXISTS setting_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL, -- type, directory
    key text NOT NULL, -- the type, or the directory's id
    fields jsonb NOT NULL -- {"name": [before, after]}
);
CREATE INDEX IF NOT EXISTS ix_setting_changes_key ON setting_changes (kind, key, at);

CREATE OR REPLACE FUNCTION setting_changes_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO setting_changes (kind, key, fields)
    SELECT TG_ARGV[0], CASE TG_ARGV[0] WHEN 'type' THEN to_jsonb(NEW) ->> 'object_type' ELSE to_jsonb(NEW) ->> 'id' END,
           jsonb_object_agg(c, jsonb_build_array(to_jsonb(OLD) -> c, to_jsonb(NEW) -> c))
    FROM unnest(TG_ARGV[1:]) AS c WHERE to_jsonb(OLD) -> c IS DISTINCT FROM to_jsonb(NEW) -> c HAVING count(*) > 0;
    DELETE FROM setting_changes WHERE id IN (SELECT id FROM setting_changes WHERE at < now() - interval '180 days' LIMIT 100);
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS note_settings ON object_sync_configs;
CREATE TRIGGER note_settings AFTER UPDATE OF display_name, description, sync_interval_minutes, is_sync_enabled,
    staleness_threshold_minutes, priority, depends_on, cascade_sync, batch_size, max_retry_attempts, retry_delay_minutes
    ON object_sync_configs FOR EACH ROW EXECUTE FUNCTION setting_changes_note('type', 'display_name', 'description',
    'sync_interval_minutes', 'is_sync_enabled', 'staleness_threshold_minutes', 'priority', 'depends_on', 'cascade_sync',
    'batch_size', 'max_retry_attempts', 'retry_delay_minutes');
DROP TRIGGER IF EXISTS note_settings ON directories;
CREATE TRIGGER note_settings AFTER UPDATE OF exclude_from_sync ON directories FOR EACH ROW
    WHEN (OLD.exclude_from_sync IS DISTINCT FROM NEW.exclude_from_sync)
    EXECUTE FUNCTION setting_changes_note('directory', 'exclude_from_sync');
