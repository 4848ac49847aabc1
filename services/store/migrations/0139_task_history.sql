-- What became of tasks, for longer than Redis keeps results: of each task that did not simply succeed within 2 ms the last
-- state that is known, and of each of its tries one row. Workers write it in batches (services/worker/history.c).
-- Arguments and results are texts: JSON as it came may hold what jsonb refuses.
CREATE TABLE IF NOT EXISTS task_history (
    id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    queue text NOT NULL,
    args text,
    kwargs text,
    arguments text NOT NULL, -- whole; masked; large, packed, unreadable: not kept
    state text NOT NULL, -- success, failure, retry, revoked, expired, dead, lost (its runner died)
    tries integer NOT NULL, -- 1 and the retries that its message told of
    deliveries integer NOT NULL, -- of the last try
    worker text NOT NULL,
    received_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    run_ms double precision,
    error text,
    result text,
    result_bytes bigint, -- of one that is not kept: it is too large
    parent_id text,
    root_id text,
    group_id text
);
CREATE INDEX IF NOT EXISTS ix_task_history_ended ON task_history (ended_at DESC, seq DESC);
CREATE INDEX IF NOT EXISTS ix_task_history_name ON task_history (name, ended_at DESC);
CREATE INDEX IF NOT EXISTS ix_task_history_root ON task_history (root_id);
CREATE INDEX IF NOT EXISTS ix_task_history_parent ON task_history (parent_id);

CREATE TABLE IF NOT EXISTS task_tries (
    task_id text NOT NULL,
    ended_at timestamptz NOT NULL,
    worker text NOT NULL,
    state text NOT NULL,
    try integer NOT NULL,
    delivery integer NOT NULL,
    received_at timestamptz,
    started_at timestamptz,
    run_ms double precision,
    error text,
    PRIMARY KEY (task_id, ended_at, worker)
);
CREATE INDEX IF NOT EXISTS ix_task_tries_ended ON task_tries (ended_at);

-- What could not be written: PostgreSQL was away for longer than a worker keeps rows.
CREATE TABLE IF NOT EXISTS task_history_losses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL DEFAULT now(),
    count bigint NOT NULL
);

-- Which runs a task made.
CREATE INDEX IF NOT EXISTS ix_sync_runs_task ON sync_runs (task_id);
