-- What a worker needs to know to go on with orders.
CREATE OR REPLACE FUNCTION ledger.read_orders(order_ids text[])
RETURNS TABLE (
    order_id text, type text, provider text, command jsonb, state text, revision integer, attempts integer,
    doubtful integer[], polls integer, due_at timestamptz, doubt_since timestamptz, absent_at timestamptz, attempted_at timestamptz,
    provider_ref text, error_code text, expires_at timestamptz, events integer, correlation_id text, traceparent text, app_id text,
    created_at timestamptz, payee text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id, o.type, o.provider, o.command, o.state, o.revision, o.attempts,
           o.doubtful, o.polls, o.due_at, o.doubt_since, o.absent_at,
           (SELECT max(coalesce(a.signed_at, a.created_at)) FROM attempt a WHERE a.order_id = o.order_id AND a.number = ANY (o.doubtful)),
           o.provider_ref, o.error_code, o.expires_at, o.events, o.correlation_id, o.traceparent, o.app_id,
           o.created_at, o.payee
      FROM orders o
     WHERE o.order_id = ANY (order_ids)
     ORDER BY o.order_id
$$;

-- Claim orders that are due: their lease ran out, or their time has come. The claim is a lease until lease_until;
-- whoever had it before finds its decisions refused, for the revision has moved.
CREATE OR REPLACE FUNCTION ledger.claim(
    providers text[], types text[], now timestamptz, lease_until timestamptz, most integer
)
RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- Materialized: as a plain subquery it may be run again for each row, and claim more than `most`.
    WITH due AS MATERIALIZED (
        SELECT d.order_id
          FROM orders d
         WHERE d.due_at <= now AND d.provider = ANY (providers) AND d.type = ANY (types)
         ORDER BY d.due_at
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE orders o
       SET due_at = lease_until, revision = o.revision + 1
      FROM due
     WHERE o.order_id = due.order_id
    RETURNING o.order_id
$$;
