-- What the admin pages keep: who changed what, and memory over time.

CREATE TABLE IF NOT EXISTS admin_actions (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    address text,
    method text NOT NULL,
    path text NOT NULL,
    detail text, -- what was sent, without secrets
    status integer NOT NULL,
    request_id text
);
CREATE INDEX IF NOT EXISTS ix_admin_actions_at ON admin_actions (at);

-- One row a minute, written by whichever web process comes first. children: [{name, bytes}].
CREATE TABLE IF NOT EXISTS admin_samples (
    at timestamptz PRIMARY KEY,
    memory_bytes bigint NOT NULL,
    children jsonb NOT NULL DEFAULT '[]'
);
