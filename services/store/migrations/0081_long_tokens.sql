-- A session's token that does not fit into the replaced system's column: token is then a digest of it.
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS long_token text;
