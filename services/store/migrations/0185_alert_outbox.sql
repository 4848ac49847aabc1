-- What is to be told of problems and has not been taken yet: written with the state that says so (alert_states), removed when the
-- channel has taken it or was given up. Who sends a row holds it for a while and renews that; when it has passed he is gone,
-- and another process sends it. Of a problem the next is sent when the one before is through, so that "over" comes last.
CREATE TABLE IF NOT EXISTS alert_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL, -- webhook, mail
    kind text NOT NULL, -- problem, again, over
    key text NOT NULL,
    problem json NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now(),
    held_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX IF NOT EXISTS ix_alert_outbox_key ON alert_outbox (key, channel, id);
