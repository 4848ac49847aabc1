-- What became another in a large project is kept as its bills are, but each pair of times is another difference: of those
-- with the same kin the newest few stay.
ALTER TABLE parts_bills ADD COLUMN IF NOT EXISTS kin text; -- whose it is one of many; null = there is one

-- Keeps one, and drops those that nobody reads any more. NULL, or why it cannot be kept (a full disk, no right to write):
-- then it is only made, each time, and whoever has asked tells it.
CREATE OR REPLACE FUNCTION bom_keep_told(of_bill text, of_mark text, of_kin text, body text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM parts_bills WHERE ctid = ANY (ARRAY(SELECT b.ctid FROM parts_bills b WHERE (b.bill = of_bill OR b.kin = of_kin)
        AND (b.bill, b.mark) <> (of_bill, of_mark) AND ((b.mark <> of_mark AND b.made_at < now() - interval '10 minutes')
            OR (b.kin = of_kin AND b.ctid NOT IN (SELECT n.ctid FROM parts_bills n WHERE n.kin = of_kin
                ORDER BY n.made_at DESC LIMIT 7))) FOR UPDATE SKIP LOCKED));
    INSERT INTO parts_bills (bill, mark, kin, document) VALUES (of_bill, of_mark, of_kin, convert_to(body, 'UTF8'))
        ON CONFLICT DO NOTHING;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;
