-- A function whose result has gained a column cannot be replaced. It is dropped here, in the transaction that says it
-- anew, so that no worker ever finds it missing.
DO $$
DECLARE
    changed regprocedure;
BEGIN
    FOR changed IN
        SELECT p.oid
          FROM pg_proc p
         WHERE p.pronamespace = 'ledger'::regnamespace
           AND (p.proname = 'take_outbox' AND NOT 'app_id' = ANY (p.proargnames)
                OR p.proname = 'read_orders' AND NOT 'payee' = ANY (p.proargnames))
    LOOP
        EXECUTE format('DROP FUNCTION %s', changed);
    END LOOP;
END $$;

-- Nor can a view that has lost a column. The old one goes on under the name that has all its columns now, for views of
-- others may stand on it; the new one is made in this transaction too, so that no reader ever finds it missing.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = to_regclass('ledger.entry_line') AND a.attname = 'line' AND NOT a.attisdropped) THEN
        ALTER VIEW ledger.entry_line RENAME TO numbered_line;
    END IF;
END $$;
