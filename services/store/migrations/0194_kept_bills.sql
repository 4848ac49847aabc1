-- Large bills of materials as they were made, by what they are made of: making one of 2 000 elevations takes seconds, and
-- it is read piece by piece. bill: what it is of; mark: of the parts lists that it is made of. Nothing is lost with them.
CREATE UNLOGGED TABLE IF NOT EXISTS parts_bills (
    bill text NOT NULL,
    mark text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    document bytea NOT NULL, -- JSON
    PRIMARY KEY (bill, mark)
);
DO $$
BEGIN
    EXECUTE 'ALTER TABLE parts_bills ALTER COLUMN document SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported OR invalid_parameter_value THEN
    NULL;
END
$$;

-- Keeps one, and drops those of the same from before that nobody reads any more; false when it cannot be kept (a full
-- disk, no right to write): then it is only made.
CREATE OR REPLACE FUNCTION bom_keep(of_bill text, of_mark text, body text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM parts_bills WHERE bill = of_bill AND mark <> of_mark AND made_at < now() - interval '10 minutes';
    INSERT INTO parts_bills (bill, mark, document) VALUES (of_bill, of_mark, convert_to(body, 'UTF8'))
        ON CONFLICT DO NOTHING;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;
