-- The worker may execute functions and read views, nothing more. Roles belong to the whole server, so another
-- database's migration may make it at the same moment.
DO $$
BEGIN
    CREATE ROLE ledger_worker NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

GRANT USAGE ON SCHEMA ledger TO ledger_worker;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC, ledger_worker;
REVOKE ALL ON ALL TABLES IN SCHEMA ledger FROM PUBLIC, ledger_worker;

GRANT EXECUTE ON FUNCTION
    ledger.admit,
    ledger.reject,
    ledger.start_attempt,
    ledger.settle,
    ledger.read_orders,
    ledger.claim,
    ledger.announce,
    ledger.replay,
    ledger.take_outbox,
    ledger.mark_outbox,
    ledger.postpone_outbox,
    ledger.adjust,
    ledger.contradict
TO ledger_worker;

GRANT SELECT ON
    ledger.order_status,
    ledger.account_balance,
    ledger.entry_line,
    ledger.evidence_line,
    ledger.violation
TO ledger_worker;
