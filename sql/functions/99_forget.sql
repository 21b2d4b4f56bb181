-- Functions are said anew after every migration. One whose parameters have changed stays beside its successor, and
-- every GRANT by that name would fail: whatever was not said in this transaction goes. The others are replaced in
-- place, never dropped, because workers are calling them.
DO $$
DECLARE
    unsaid regprocedure;
BEGIN
    FOR unsaid IN
        SELECT p.oid
          FROM pg_proc p
         WHERE p.pronamespace = 'ledger'::regnamespace AND p.xmin <> pg_current_xact_id()::xid
    LOOP
        EXECUTE format('DROP FUNCTION %s', unsaid);
    END LOOP;
END $$;
