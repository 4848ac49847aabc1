-- What a reader made of a file, as a hash of it: reading it again with the same outcome writes no lines.
ALTER TABLE parts_files ADD COLUMN IF NOT EXISTS lines_digest text;
DO $$
BEGIN
    EXECUTE 'ALTER TABLE parts_files ALTER COLUMN tables SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported OR invalid_parameter_value THEN
    NULL;
END
$$;
