-- What /metrics tells of webhooks, as rows of its one statement: (family, label, second label, value).
CREATE OR REPLACE FUNCTION logikald_webhook_metrics() RETURNS TABLE (family text, label text, label2 text, value numeric)
    LANGUAGE sql STABLE AS $$
    SELECT 'hooks', s.state, '', (SELECT count(*) FROM webhooks w WHERE w.state = s.state)::numeric
    FROM (VALUES ('active'), ('paused'), ('failed'), ('gone')) AS s (state)
    UNION ALL
    SELECT 'hook_lag', w.id::text, '', round(coalesce(extract(epoch FROM now() - (
        SELECT c.at FROM changes c, changes_state s WHERE (c.epoch, c.xid, c.seq) >= (w.epoch, w.xid, w.seq)
          AND ((c.epoch, c.xid, c.seq) > (w.epoch, w.xid, w.seq) OR cardinality(c.row_ids) > w.item)
          AND (w.types = '{}' OR c.object_type = ANY (w.types)) ORDER BY c.epoch, c.xid, c.seq LIMIT 1)), 0)::numeric, 3)
    FROM webhooks w
    UNION ALL SELECT 'hook_failures', w.id::text, '', w.failures FROM webhooks w
    UNION ALL SELECT 'hook_tries', w.id::text, '', w.tries FROM webhooks w
    UNION ALL SELECT 'hook_delivered', w.id::text, '', w.delivered FROM webhooks w
$$;
