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
    ledger.bound,
    ledger.claim,
    ledger.announce,
    ledger.replay,
    ledger.take_outbox,
    ledger.mark_outbox,
    ledger.postpone_outbox,
    ledger.adjust,
    ledger.contradict,
    ledger.close_violations,
    ledger.store_coins,
    ledger.take_job,
    ledger.keep_job,
    ledger.end_job,
    ledger.confirmation,
    ledger.payment_in_doubt,
    ledger.refuse_confirmation,
    ledger.hasten,
    ledger.remember_webhook,
    ledger.note_deposit,
    ledger.credit_deposit,
    ledger.take_deposits,
    ledger.postpone_deposit,
    ledger.take_webhooks,
    ledger.end_webhook,
    ledger.forget_webhooks,
    ledger.take_scans,
    ledger.end_scan,
    ledger.rescan_for,
    ledger.credited_deposit,
    ledger.hasten_rescans,
    ledger.positions,
    ledger.owned,
    ledger.account_names,
    ledger.open_payments,
    ledger.booked_orders,
    ledger.booked_deposits,
    ledger.ended_orders,
    ledger.count_ended,
    ledger.credited_in,
    ledger.note_drift,
    ledger.open_drift,
    ledger.reconciled_until,
    ledger.end_reconcile,
    ledger.begin_replay,
    ledger.end_replay
TO ledger_worker;

GRANT SELECT ON
    ledger.order_status,
    ledger.account_balance,
    ledger.entry_line,
    ledger.numbered_line,
    ledger.evidence_line,
    ledger.violation,
    ledger.coin_data,
    ledger.job_status,
    ledger.order_detail,
    ledger.attempt_line,
    ledger.refused_confirmation,
    ledger.deposit_line,
    ledger.drift,
    ledger.letter_replay,
    ledger.unbound_event,
    ledger.closed_violation
TO ledger_worker;
