-- Which database this is: a standby that takes over and a restore to a point in time begin a new timeline, a dump is
-- restored into new tables, perhaps on another server. What was committed last may be gone then, and transaction numbers
-- are used anew: a reader whose cursor lies beyond what is surely still there must be told, and not only until the numbers
-- have caught up. Where a server does not tell one of these, that one is left out.
CREATE OR REPLACE FUNCTION changes_timeline() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN left(pg_walfile_name(pg_current_wal_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END $$;

CREATE OR REPLACE FUNCTION changes_identity() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    system text := '';
BEGIN
    BEGIN
        SELECT system_identifier::text INTO system FROM pg_control_system();
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN concat_ws('/', system, (SELECT oid FROM pg_database WHERE datname = current_database()),
                     'changes'::regclass::oid, changes_timeline());
END $$;

-- identity: of the database whose epoch this is; '' = not known yet. sure_xid: all transactions below had ended when this
-- was committed, so whoever has this row has them all.
ALTER TABLE changes_state ADD COLUMN IF NOT EXISTS identity text NOT NULL DEFAULT '';
ALTER TABLE changes_state ADD COLUMN IF NOT EXISTS sure_xid xid8 NOT NULL DEFAULT '0';
-- Epochs that ended: a cursor of one of them that lies beyond sure_xid may have told what is gone.
CREATE TABLE IF NOT EXISTS changes_epochs (
    epoch integer PRIMARY KEY,
    sure_xid xid8 NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    why text NOT NULL
);
-- Its receiver may have been told what is gone, and is told so before anything else.
ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS has_gap boolean NOT NULL DEFAULT false;

CREATE OR REPLACE FUNCTION changes_is_another(identity text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT identity <> '' AND identity <> changes_identity()
$$;

-- Why, where the database is another one than that of the epoch, which ends then; '' = it is the same. Waits for those who
-- write to the journal. What lies beyond the sure place moves to an epoch between: a cursor that is given out for it from
-- now on is not one of those that were given out before. The numbers follow the timeline: where this end of an epoch is
-- lost itself, its numbers are not used a second time.
CREATE OR REPLACE FUNCTION changes_settle() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    this_is constant text := changes_identity();
    s changes_state;
    next integer;
    why text := '';
BEGIN
    LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO s FROM changes_state FOR UPDATE;
    IF s.identity <> '' AND s.identity <> this_is THEN
        why := CASE WHEN regexp_replace(s.identity, '[^/]*$', '') = regexp_replace(this_is, '[^/]*$', '')
            THEN 'a standby took over, or it was restored to an earlier moment'
            ELSE 'it was restored from a dump, or moved to another server' END;
    ELSIF EXISTS (SELECT FROM changes c WHERE c.epoch = s.epoch AND c.xid >= pg_snapshot_xmax(pg_current_snapshot())) THEN
        why := 'its transaction numbers began anew';
    END IF;
    IF why <> '' THEN
        INSERT INTO changes_epochs (epoch, sure_xid, why) VALUES (s.epoch, s.sure_xid, why);
        next := greatest(s.epoch + 2, 2 * ('x' || lpad(changes_timeline(), 8, '0'))::bit(32)::integer);
        UPDATE changes SET epoch = next - 1 WHERE epoch = s.epoch AND xid >= s.sure_xid;
        UPDATE changes_state SET epoch = next, sure_xid = '0', identity = this_is;
        UPDATE webhooks SET has_gap = true;
    ELSIF s.identity = '' THEN
        UPDATE changes_state SET identity = this_is;
    END IF;
    RETURN why;
END $$;

-- The sure place moves to where it can be, when something lies beyond it; the same answer.
CREATE OR REPLACE FUNCTION changes_mark() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT identity = '' OR changes_is_another(identity) FROM changes_state) THEN
        RETURN changes_settle();
    END IF;
    UPDATE changes_state SET sure_xid = pg_snapshot_xmin(pg_current_snapshot());
    RETURN '';
END $$;

CREATE OR REPLACE FUNCTION logikald_webhooks_due() RETURNS TABLE (id bigint, next_try_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH s AS MATERIALIZED (SELECT epoch, pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
                                   pg_snapshot_xmax(pg_current_snapshot()) AS xmax FROM changes_state),
         newest AS MATERIALIZED (SELECT c.epoch, c.xid, c.seq FROM s, changes c WHERE c.epoch < s.epoch OR c.xid < s.xmin
                                 ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT 1)
    SELECT w.id, w.next_try_at FROM s, webhooks w LEFT JOIN webhook_batches b ON b.webhook_id = w.id
    WHERE w.state = 'active'
      AND (b.id IS NOT NULL OR w.has_gap OR w.epoch > s.epoch OR (w.epoch = s.epoch AND w.xid > s.xmax)
           OR EXISTS (SELECT FROM newest n WHERE (n.epoch, n.xid, n.seq) >= (w.epoch, w.xid, w.seq)))
$$;
