-- What happened to processes, as supervisors have recorded it (ipc/flight.h): moved here from their run directories.
-- source and n name an event for ever, so that moving it twice changes nothing; a number that is missing is an event
-- that was not kept.
CREATE TABLE IF NOT EXISTS flight_events (
    source uuid NOT NULL,
    n bigint NOT NULL,
    at timestamptz NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    event text NOT NULL, -- start, exec, ready, exit, crash-loop, reload, memory, reading ... (docs/operating.md)
    child text NOT NULL, -- '': of the supervisor itself
    pid integer NOT NULL,
    text text NOT NULL,
    detail text NOT NULL, -- last lines, changed settings
    PRIMARY KEY (source, n)
);
CREATE INDEX IF NOT EXISTS ix_flight_events_at ON flight_events (at DESC);
CREATE INDEX IF NOT EXISTS ix_flight_events_begun ON flight_events (at DESC) WHERE event IN ('start', 'exec');

-- What was wrong, from when to when: problems of the verdict that lasted. Each web process renews those that it sees; what
-- nobody sees any more has ended when it was last seen.
CREATE TABLE IF NOT EXISTS problem_episodes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    severity text NOT NULL,
    part text NOT NULL,
    cause text NOT NULL,
    began_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_problem_episodes_open ON problem_episodes (key) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS ix_problem_episodes_key ON problem_episodes (key, id DESC);
CREATE INDEX IF NOT EXISTS ix_problem_episodes_began ON problem_episodes (began_at DESC);
CREATE INDEX IF NOT EXISTS ix_alert_log_at ON alert_log (at DESC);
