-- A webhook that has been told all of the newest block is at its end, and waits: it is not due.
CREATE OR REPLACE FUNCTION logikald_webhooks_due() RETURNS TABLE (id bigint, next_try_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH s AS MATERIALIZED (SELECT epoch, pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
                                   pg_snapshot_xmax(pg_current_snapshot()) AS xmax FROM changes_state),
         newest AS MATERIALIZED (SELECT c.epoch, c.xid, c.seq, cardinality(c.row_ids)::bigint AS item FROM s, changes c
                                 WHERE c.epoch < s.epoch OR c.xid < s.xmin
                                 ORDER BY c.epoch DESC, c.xid DESC, c.seq DESC LIMIT 1)
    SELECT w.id, w.next_try_at FROM s, webhooks w LEFT JOIN webhook_batches b ON b.webhook_id = w.id
    WHERE w.state = 'active'
      AND (b.id IS NOT NULL OR w.has_gap OR w.epoch > s.epoch OR (w.epoch = s.epoch AND w.xid > s.xmax)
           OR EXISTS (SELECT FROM newest n WHERE (n.epoch, n.xid, n.seq, n.item) > (w.epoch, w.xid, w.seq, w.item)))
$$;
