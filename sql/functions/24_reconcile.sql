-- The accounts that open orders may still change at the provider: whom they take from, and whom they give to.
CREATE OR REPLACE FUNCTION ledger.touched(provider text, merchant_user_id text) RETURNS TABLE (account text, coin text)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT CASE WHEN t.account = 'user:' || merchant_user_id THEN 'merchant' ELSE t.account END, t.coin
      FROM ledger.orders o
     CROSS JOIN LATERAL (
        VALUES ('user:' || (o.command ->> 'fromUserId'), o.command ->> 'coinId'),
               ('user:' || (o.command ->> 'toUserId'), o.command ->> 'coinId'),
               ('user:' || (o.command ->> 'userId'), o.command ->> 'coinIdIn'),
               ('user:' || (o.command ->> 'userId'), o.command ->> 'coinIdOut'),
               -- The merchant's own fee of a swap.
               (CASE WHEN o.command ? 'extraFeeRate' THEN 'merchant' END, o.command ->> 'coinIdOut')
           ) AS t (account, coin)
     WHERE o.due_at IS NOT NULL AND o.provider = touched.provider
       AND t.account IS NOT NULL AND t.coin IS NOT NULL
$$;

-- What an account has of each coin of a provider, with the number of its last entry: the same number, the same books.
-- Touched: an open order may change it at any moment.
CREATE OR REPLACE FUNCTION ledger.positions(provider text, account text, merchant_user_id text)
RETURNS TABLE (coin text, posted numeric, version bigint, is_touched boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT coalesce(p.coin, t.coin), coalesce(p.posted, 0), coalesce(p.version, 0), t.coin IS NOT NULL
      FROM (SELECT s.coin, b.posted, b.version
              FROM asset s
              JOIN account a ON a.asset_id = s.id AND a.name = positions.account
              JOIN balance b ON b.account_id = a.id
             WHERE s.provider = positions.provider) p
      FULL JOIN (SELECT o.coin
                   FROM touched(provider, merchant_user_id) o
                  WHERE o.account = positions.account) t ON t.coin = p.coin
$$;

-- What all accounts but custody have together, of each coin.
CREATE OR REPLACE FUNCTION ledger.owned(provider text) RETURNS TABLE (coin text, posted numeric, version numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT s.coin, sum(b.posted), sum(b.version)
      FROM asset s
      JOIN account a ON a.asset_id = s.id AND a.name <> 'custody'
      JOIN balance b ON b.account_id = a.id
     WHERE s.provider = owned.provider
     GROUP BY s.coin
     ORDER BY s.coin
$$;

-- The names of a provider's accounts but custody, a page after another.
CREATE OR REPLACE FUNCTION ledger.account_names(provider text, after text, most integer) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT DISTINCT a.name
      FROM asset s
      JOIN account a ON a.asset_id = s.id
     WHERE s.provider = account_names.provider AND a.name <> 'custody' AND a.name > after
     ORDER BY a.name
     LIMIT most
$$;

-- Open orders at a provider whose balance is one for all accounts, and pay orders that ended unpaid and are still
-- watched. `in_doubt`: it may have been sent, and no id of the provider says so yet.
CREATE OR REPLACE FUNCTION ledger.open_payments(provider text)
RETURNS TABLE (
    order_id text, type text, coin text, amount numeric, provider_ref text, in_doubt boolean, revision integer
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id, o.type, o.command ->> 'coin', (o.command ->> 'amount')::numeric, o.provider_ref,
           o.provider_ref IS NULL AND o.doubtful <> '{}', o.revision
      FROM orders o
     WHERE o.provider = open_payments.provider
       AND o.type IN ('payout', 'withdraw', 'payOrder')
       AND (o.due_at IS NOT NULL
            OR o.order_id IN (SELECT d.order_id
                                FROM deposit d
                               WHERE d.provider = open_payments.provider AND d.due_at IS NOT NULL
                                 AND d.order_id IS NOT NULL AND d.state <> 'credited'))
     ORDER BY o.order_id
$$;

-- Orders as they were booked, by their ids or by the provider's; lines are [account, coin, amount, purpose].
CREATE OR REPLACE FUNCTION ledger.booked_orders(provider text, order_ids text[], provider_refs text[])
RETURNS TABLE (
    order_id text, type text, state text, is_open boolean, provider_ref text, command jsonb, attempts integer,
    created_at timestamptz, lines jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id, o.type, o.state, o.due_at IS NOT NULL, o.provider_ref, o.command, o.attempts, o.created_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(a.name, s.coin, e.amount::text, e.purpose) ORDER BY e.line), '[]')
              FROM journal j
              JOIN entry e ON e.journal_id = j.id
              JOIN account a ON a.id = e.account_id
              JOIN asset s ON s.id = a.asset_id
             WHERE j.order_id = CASE WHEN o.type = 'payOrder' THEN format('deposit:%s:%s', o.provider, o.provider_ref)
                                     ELSE o.order_id END)
      FROM orders o
     WHERE o.order_id IN (SELECT unnest(order_ids)
                           UNION
                          SELECT p.order_id
                            FROM orders p
                           WHERE p.provider = booked_orders.provider AND p.provider_ref = ANY (provider_refs)
                             AND p.payee IS NOT NULL AND p.provider_ref IS NOT NULL)
     ORDER BY o.order_id
$$;

-- Deposits as they were booked. Open: it is watched, and may still become money.
CREATE OR REPLACE FUNCTION ledger.booked_deposits(provider text, record_ids text[])
RETURNS TABLE (record_id text, kind text, state text, is_open boolean, order_id text, lines jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT d.record_id, d.kind, d.state, d.state <> 'credited' AND d.due_at IS NOT NULL, d.order_id,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(a.name, s.coin, e.amount::text, e.purpose) ORDER BY e.line), '[]')
              FROM journal j
              JOIN entry e ON e.journal_id = j.id
              JOIN account a ON a.id = e.account_id
              JOIN asset s ON s.id = a.asset_id
             WHERE j.order_id = format('deposit:%s:%s', d.provider, d.record_id))
      FROM deposit d
     WHERE d.provider = booked_deposits.provider AND d.record_id = ANY (record_ids)
     ORDER BY d.record_id
$$;

-- Orders that ended in a span of time after having been sent, a page after another: each end leaves its evidence.
CREATE OR REPLACE FUNCTION ledger.ended_orders(
    provider text, types text[], since timestamptz, until timestamptz, after text, most integer
) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH looked AS MATERIALIZED (
        SELECT DISTINCT e.order_id FROM evidence e WHERE e.at >= since AND e.at < until AND e.order_id > after
    )
    SELECT o.order_id
      FROM looked l
      JOIN orders o ON o.order_id = l.order_id
     WHERE o.provider = ended_orders.provider AND o.type = ANY (types) AND o.state IN ('succeeded', 'failed')
       AND o.attempts > 0 AND o.updated_at >= since AND o.updated_at < until
     ORDER BY o.order_id
     LIMIT most
$$;

-- How many those are, and deposits.
CREATE OR REPLACE FUNCTION ledger.count_ended(provider text, since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT (SELECT count(*) FROM evidence e WHERE e.at >= since AND e.at < until)
         + (SELECT count(*)
              FROM deposit d
             WHERE d.provider = count_ended.provider AND d.updated_at >= since AND d.updated_at < until)
$$;

-- Deposits that were credited in a span of time, a page after another.
CREATE OR REPLACE FUNCTION ledger.credited_in(
    provider text, since timestamptz, until timestamptz, after text, most integer
) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH touched AS MATERIALIZED (
        SELECT d.record_id, d.provider, d.state FROM deposit d WHERE d.updated_at >= since AND d.updated_at < until
    )
    SELECT t.record_id
      FROM touched t
     WHERE t.provider = credited_in.provider AND t.state = 'credited' AND t.record_id > after
     ORDER BY t.record_id
     LIMIT most
$$;

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
