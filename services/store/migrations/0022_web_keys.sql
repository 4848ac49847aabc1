-- The key that signs client tokens where none is configured (development): made by the web process that comes first,
-- used by all. No statement but that one reads it.
CREATE TABLE IF NOT EXISTS web_keys (
    name text PRIMARY KEY,
    key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON web_keys FROM PUBLIC;
