-- Double entry: the lines of a journal come in one statement and sum to zero in each asset. Each names a journal and
-- an account that exist. As both are append-only, what exists now exists for ever: this is all that foreign keys
-- would promise, and they would look both up for each line, and lock the account.
CREATE OR REPLACE FUNCTION ledger.check_zero_sum() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    crooked record;
BEGIN
    -- Looked up line by line, not joined: a plan made while journal was small would read all of it.
    SELECT e.journal_id, e.asset_id IS NOT NULL AND bool_and(e.is_whole) AS is_whole INTO crooked
      FROM (SELECT i.journal_id, i.amount,
                   (SELECT a.asset_id FROM ledger.account a WHERE a.id = i.account_id) AS asset_id,
                   (SELECT j.id FROM ledger.journal j WHERE j.id = i.journal_id) IS NOT NULL AS is_whole
              FROM inserted i) e
     GROUP BY e.journal_id, e.asset_id
    HAVING sum(e.amount) <> 0 OR e.asset_id IS NULL OR NOT bool_and(e.is_whole)
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NOT crooked.is_whole THEN
        RAISE EXCEPTION 'a line of journal % has no account, or no journal', crooked.journal_id
              USING ERRCODE = 'foreign_key_violation';
    END IF;
    RAISE EXCEPTION 'journal % does not sum to zero', crooked.journal_id;
END $$;

CREATE OR REPLACE TRIGGER zero_sum AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_zero_sum();
