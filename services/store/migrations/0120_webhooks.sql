-- Webhooks: who is told of changes by POST, how far it has been told, and what is on its way to it. docs/feed.md.
CREATE TABLE IF NOT EXISTS webhooks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url text NOT NULL,
    format text NOT NULL DEFAULT 'standard', -- standard, odoo, slack
    types text[] NOT NULL DEFAULT '{}', -- of objects; none = all
    projects text[] NOT NULL DEFAULT '{}', -- Logikal identifiers or rows; none = all
    description text NOT NULL DEFAULT '',
    client_id text, -- who made it, and whose rights it has; NULL = an administrator
    -- active; paused by somebody; failed for too long; gone: it answered 410
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'failed', 'gone')),
    state_reason text NOT NULL DEFAULT '',
    state_at timestamptz NOT NULL DEFAULT now(),
    -- the last change that was delivered; what a batch on its way holds comes behind it
    epoch integer NOT NULL,
    xid xid8 NOT NULL,
    seq bigint NOT NULL,
    item bigint NOT NULL,
    next_try_at timestamptz NOT NULL DEFAULT '-infinity',
    failing_since timestamptz,
    failures integer NOT NULL DEFAULT 0, -- in a row
    tries bigint NOT NULL DEFAULT 0,
    last_at timestamptz,
    last_status integer, -- NULL: there was no answer
    last_ms integer,
    last_error text NOT NULL DEFAULT '',
    last_success_at timestamptz,
    delivered bigint NOT NULL DEFAULT 0, -- changes
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The first is the newest. Each that has not ended signs.
CREATE TABLE IF NOT EXISTS webhook_secrets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    sealed text NOT NULL, -- as services/store/seal.h has it
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE INDEX IF NOT EXISTS ix_webhook_secrets ON webhook_secrets (webhook_id);

-- What an endpoint has not confirmed yet, as it is sent: until then the same bytes under the same id, however often.
CREATE TABLE IF NOT EXISTS webhook_batches (
    webhook_id bigint PRIMARY KEY REFERENCES webhooks ON DELETE CASCADE,
    id text NOT NULL,
    body text NOT NULL,
    changes integer NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now(),
    -- the place that is reached when it is delivered
    epoch integer NOT NULL,
    xid xid8 NOT NULL,
    seq bigint NOT NULL,
    item bigint NOT NULL
);

-- The last tries of each endpoint, in a ring.
CREATE TABLE IF NOT EXISTS webhook_tries (
    webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    slot smallint NOT NULL,
    at timestamptz NOT NULL,
    batch_id text NOT NULL,
    status integer,
    ms integer NOT NULL,
    changes integer NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (webhook_id, slot)
);

-- One row: has a deliverer been asked for that has not begun yet? Then nobody needs to ask for another.
CREATE TABLE IF NOT EXISTS webhook_asks (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    asked_at timestamptz NOT NULL DEFAULT '-infinity',
    taken_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO webhook_asks DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Endpoints for which there is something to do, now or when their next try is due: a batch on its way, changes behind the
-- place that can be seen, or a place that the journal does not have.
CREATE OR REPLACE FUNCTION logikald_webhooks_due() RETURNS TABLE (id bigint, next_try_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH s AS MATERIALIZED (SELECT epoch, pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
                                   pg_snapshot_xmax(pg_current_snapshot()) AS xmax FROM changes_state),
         newest AS MATERIALIZED (SELECT c.epoch, c.xid, c.seq FROM s, changes c WHERE c.epoch < s.epoch OR c.xid < s.xmin
                                 ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT 1)
    SELECT w.id, w.next_try_at FROM s, webhooks w LEFT JOIN webhook_batches b ON b.webhook_id = w.id
    WHERE w.state = 'active'
      AND (b.id IS NOT NULL OR w.epoch > s.epoch OR (w.epoch = s.epoch AND w.xid > s.xmax)
           OR EXISTS (SELECT FROM newest n WHERE (n.epoch, n.xid, n.seq) >= (w.epoch, w.xid, w.seq)))
$$;

-- Where a reader begins who asks for: now, start (what is kept), a cursor, or what came since a time.
CREATE OR REPLACE FUNCTION logikald_webhook_place(since text)
    RETURNS TABLE (epoch integer, xid xid8, seq bigint, item bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF since = 'start' THEN
        RETURN QUERY SELECT s.pruned_epoch, s.pruned_xid, s.pruned_seq, 999999::bigint FROM changes_state s;
    ELSIF since ~ '^[0-9]{1,9}-[0-9]{1,18}-[0-9]{1,18}-[0-9]{1,18}$' THEN
        RETURN QUERY SELECT split_part(since, '-', 1)::integer, split_part(since, '-', 2)::xid8,
                            split_part(since, '-', 3)::bigint, split_part(since, '-', 4)::bigint;
    ELSIF since <> 'now' THEN
        RETURN QUERY SELECT c.epoch, c.xid, c.seq, 0::bigint FROM changes c WHERE c.at >= since::timestamptz
                     ORDER BY c.epoch, c.xid, c.seq LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT s.epoch, pg_snapshot_xmin(pg_current_snapshot()), 0::bigint, 0::bigint FROM changes_state s;
    END IF;
END $$;
