-- Write down what was compared and what of it differs. An open difference that was compared and is not among them is
-- closed. Returns what was not known to differ so, and in this way. Events are told once: their ids are made from what
-- they say and the day.
CREATE OR REPLACE FUNCTION ledger.note_drift(
    provider text,
    compared text[],
    subjects text[],
    whats text[],
    accounts text[],
    coins text[],
    ledger_amounts numeric[],
    provider_amounts numeric[],
    order_ids text[],
    record_ids text[],
    messages text[],
    event_ids uuid[],
    routing_keys text[],
    bodies text[],
    correlation_ids text[],
    now timestamptz
) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- Two runs at once: one after the other.
    PERFORM pg_advisory_xact_lock(hashtextextended('reconcile ' || provider, 0));

    UPDATE difference d
       SET closed_at = now
     WHERE d.provider = note_drift.provider AND d.closed_at IS NULL
       AND d.subject = ANY (compared || subjects)
       AND NOT EXISTS (
            SELECT
              FROM unnest(subjects, whats, accounts, coins, ledger_amounts, provider_amounts, messages)
                   AS f (subject, what, account, coin, ledger_amount, provider_amount, message)
             WHERE f.subject = d.subject
               AND (f.what, f.account, f.coin, f.ledger_amount, f.provider_amount, f.message) IS NOT DISTINCT FROM
                   (d.what, d.account, d.coin, d.ledger_amount::numeric, d.provider_amount::numeric, d.message));

    UPDATE difference d
       SET seen_at = now
     WHERE d.provider = note_drift.provider AND d.closed_at IS NULL AND d.subject = ANY (subjects);

    INSERT INTO outbox (event_id, sequence, terminal, routing_key, body, correlation_id, created_at, lease_until)
    SELECT e.event_id, 0, false, e.routing_key, e.body, e.correlation_id, now, now
      FROM unnest(event_ids, routing_keys, bodies, correlation_ids) AS e (event_id, routing_key, body, correlation_id)
    ON CONFLICT ON CONSTRAINT outbox_pkey DO NOTHING;

    RETURN QUERY
    INSERT INTO difference (provider, subject, what, account, coin, ledger_amount, provider_amount, order_id,
                            record_id, message, opened_at, seen_at)
    SELECT note_drift.provider, f.subject, f.what, f.account, f.coin, f.ledger_amount, f.provider_amount, f.order_id,
           f.record_id, f.message, now, now
      FROM unnest(subjects, whats, accounts, coins, ledger_amounts, provider_amounts, order_ids, record_ids, messages)
           AS f (subject, what, account, coin, ledger_amount, provider_amount, order_id, record_id, message)
    ON CONFLICT (provider, subject) WHERE closed_at IS NULL DO NOTHING
    RETURNING what;
END $$;

-- What still differs of these kinds and was not looked at since, a page after another by subject.
CREATE OR REPLACE FUNCTION ledger.open_drift(
    provider text, whats text[], seen_before timestamptz, after text, most integer
) RETURNS TABLE (subject text, what text, account text, order_id text, record_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT d.subject, d.what, d.account, d.order_id, d.record_id
      FROM difference d
     WHERE d.provider = open_drift.provider AND d.what = ANY (whats) AND d.closed_at IS NULL
       AND d.seen_at < seen_before AND d.subject > after
     ORDER BY d.subject
     LIMIT most
$$;

-- Up to when the provider's records have been compared; NULL: never.
CREATE OR REPLACE FUNCTION ledger.reconciled_until(provider text) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT r.read_until FROM reconciliation r WHERE r.provider = reconciled_until.provider
$$;

CREATE OR REPLACE FUNCTION ledger.end_reconcile(provider text, read_until timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO reconciliation AS r (provider, read_until)
    VALUES (provider, read_until)
    ON CONFLICT (provider) DO UPDATE SET read_until = greatest(r.read_until, EXCLUDED.read_until)
$$;
