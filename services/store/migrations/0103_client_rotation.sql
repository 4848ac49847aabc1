-- While a client's secret is being replaced the old one is right as well, until it ends. The hint is some bits of the new
-- one's hash, which tell the two apart without trying both.
ALTER TABLE clients ADD COLUMN IF NOT EXISTS secret_hint text;
ALTER TABLE clients ADD COLUMN IF NOT EXISTS previous_secret_hash text;
ALTER TABLE clients ADD COLUMN IF NOT EXISTS previous_secret_ends_at timestamptz;
