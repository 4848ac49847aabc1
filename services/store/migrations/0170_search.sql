-- What the pages' search looks through: a row an object with its texts in one spelling, beside the object and not inside it, so
-- that the wide rows of elevations are neither read for a search nor rewritten for a name. Written by triggers, whoever changes
-- the objects. No extension is needed.

-- Without accents and capitals, a text for each way of writing umlauts: as vowels (kuche, strasse), as vowels with e where that
-- differs (kueche), and with an e behind a vowel taken for an umlaut where that differs (Kueche: kuche). A word is looked for
-- as logikald_sought writes it, in all of them.
-- plpgsql, whose plans are kept: they run for each row of a first sync.
CREATE OR REPLACE FUNCTION logikald_sought(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF octet_length(t) = char_length(t) THEN
        RETURN lower(t);
    END IF;
    -- The letters that stand alone, and the marks that go with others: grave to caron, horn, and those below.
    RETURN replace(replace(replace(lower(translate(normalize(t, NFKD), E'øØłŁđĐıþÞÆŒ'
        '\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030f\u0311\u031b\u0323\u0324\u0325\u0326\u0327\u0328\u032d'
        '\u032e\u0330\u0331', 'oOlLdDitTæœ')), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe');
END $$;
CREATE OR REPLACE FUNCTION logikald_words(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    plain constant text := logikald_sought(t);
    with_e text := plain;
    without_e constant text := replace(replace(replace(plain, 'ae', 'a'), 'oe', 'o'), 'ue', 'u');
BEGIN
    IF octet_length(t) > char_length(t) THEN
        with_e := normalize(t, NFC);
        with_e := logikald_sought(replace(replace(replace(replace(replace(replace(with_e, 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'),
            'Ä', 'Ae'), 'Ö', 'Oe'), 'Ü', 'Ue'));
    END IF;
    RETURN plain || CASE WHEN with_e <> plain THEN ' ' || with_e ELSE '' END
        || CASE WHEN without_e <> plain THEN ' ' || without_e ELSE '' END;
END $$;

-- Words begin with the name, so that they sort as names are sorted.
CREATE TABLE IF NOT EXISTS object_words (
    kind text NOT NULL, -- directory, project, phase, elevation
    id integer NOT NULL,
    words text NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Makes the triggers of a table, and the rows that are there.
CREATE OR REPLACE FUNCTION object_words_watch(of_table text, of_kind text, texts text[]) RETURNS void LANGUAGE plpgsql AS $outer$
DECLARE
    words text;
    differs text;
    head constant text := 'CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql SET jit = off AS $inner$ BEGIN ';
    tail constant text := '; RETURN NULL; END $inner$';
BEGIN
    SELECT 'logikald_words(concat_ws('' '', ' || string_agg(format('left(r.%I, 2000)', c), ', ') || '))',
           string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c), ' OR ') INTO words, differs FROM unnest(texts) AS c;
    EXECUTE format(head, 'object_words_of_insert_' || of_table) || format('INSERT INTO object_words SELECT %L, r.id, %s'
        ' FROM rows_after r ON CONFLICT (kind, id) DO UPDATE SET words = excluded.words', of_kind, words) || tail;
    EXECUTE format(head, 'object_words_of_update_' || of_table) || format('INSERT INTO object_words VALUES (%L, NEW.id, %s)'
        ' ON CONFLICT (kind, id) DO UPDATE SET words = excluded.words', of_kind, replace(words, 'r.', 'NEW.')) || tail;
    EXECUTE format(head, 'object_words_of_delete_' || of_table) || format('DELETE FROM object_words w USING rows_before r'
        ' WHERE w.kind = %L AND w.id = r.id', of_kind) || tail;
    EXECUTE format(head, 'object_words_of_truncate_' || of_table) || format('DELETE FROM object_words WHERE kind = %L', of_kind)
        || tail;
    EXECUTE format('DROP TRIGGER IF EXISTS words_insert ON %1$I; DROP TRIGGER IF EXISTS words_update ON %1$I;'
        ' DROP TRIGGER IF EXISTS words_delete ON %1$I; DROP TRIGGER IF EXISTS words_truncate ON %1$I', of_table);
    EXECUTE format('CREATE TRIGGER words_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS rows_after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', of_table, 'object_words_of_insert_' || of_table);
    EXECUTE format('CREATE TRIGGER words_update AFTER UPDATE OF %s ON %I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(texts) AS c), of_table, differs,
        'object_words_of_update_' || of_table);
    EXECUTE format('CREATE TRIGGER words_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS rows_before'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', of_table, 'object_words_of_delete_' || of_table);
    EXECUTE format('CREATE TRIGGER words_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION %I()',
        of_table, 'object_words_of_truncate_' || of_table);
    EXECUTE format('INSERT INTO object_words SELECT %L, r.id, %s FROM %I r ON CONFLICT (kind, id) DO UPDATE'
        ' SET words = excluded.words', of_kind, words, of_table);
END $outer$;

SELECT object_words_watch('directories', 'directory', ARRAY['name', 'logikal_id']);
SELECT object_words_watch('projects', 'project',
    ARRAY['name', 'job_number', 'offer_number', 'person_in_charge', 'description', 'logikal_id']);
SELECT object_words_watch('phases', 'phase', ARRAY['name', 'description', 'logikal_id']);
SELECT object_words_watch('elevations', 'elevation', ARRAY['name', 'description', 'auto_description_short', 'logikal_id']);
ANALYZE object_words;
