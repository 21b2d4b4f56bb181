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
