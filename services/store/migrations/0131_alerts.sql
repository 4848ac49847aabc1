-- What operators were told of outside of the pages. A row of alert_states is a problem that has been told and is not
-- over; whoever inserts, renews or deletes it tells of it, so that of several processes exactly one does.
CREATE TABLE IF NOT EXISTS alert_states (
    key text PRIMARY KEY,
    severity text NOT NULL,
    cause text NOT NULL,
    first_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS alert_log (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL, -- problem, again, over, test
    key text NOT NULL,
    text text NOT NULL,
    channel text NOT NULL,
    error text -- NULL: it was taken
);
CREATE TABLE IF NOT EXISTS alert_silences (
    id bigserial PRIMARY KEY,
    key text NOT NULL,
    until timestamptz NOT NULL,
    reason text NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_alert_silences_key ON alert_silences (key, until);
