-- A large bill that cannot be kept is made each time: why, stands in the server's log.
CREATE OR REPLACE FUNCTION bom_keep(of_bill text, of_mark text, body text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM parts_bills WHERE bill = of_bill AND mark <> of_mark AND made_at < now() - interval '10 minutes';
    INSERT INTO parts_bills (bill, mark, document) VALUES (of_bill, of_mark, convert_to(body, 'UTF8'))
        ON CONFLICT DO NOTHING;
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'logikald: a large bill of materials cannot be kept, and is made each time: %', SQLERRM;
    RETURN false;
END
$$;
