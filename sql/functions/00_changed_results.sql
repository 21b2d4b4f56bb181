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
