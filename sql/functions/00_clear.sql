-- Functions are said anew after every migration. One whose parameters have changed would stay beside its successor,
-- and every GRANT by that name fail. Those of triggers have no parameters.
DO $$
DECLARE
    said regprocedure;
BEGIN
    FOR said IN
        SELECT p.oid
          FROM pg_proc p
         WHERE p.pronamespace = 'ledger'::regnamespace AND p.prorettype <> 'trigger'::regtype
    LOOP
        EXECUTE format('DROP FUNCTION %s', said);
    END LOOP;
END $$;
