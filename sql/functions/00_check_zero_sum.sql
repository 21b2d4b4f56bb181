-- Double entry: the lines of a journal come in one statement and sum to zero in each asset.
CREATE OR REPLACE FUNCTION ledger.check_zero_sum() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    crooked bigint;
BEGIN
    SELECT e.journal_id INTO crooked
      FROM inserted e
      JOIN ledger.account a ON a.id = e.account_id
     GROUP BY e.journal_id, a.asset_id
    HAVING sum(e.amount) <> 0
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not sum to zero', crooked;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER zero_sum AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_zero_sum();
