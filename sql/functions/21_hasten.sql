-- Look soon at orders of which a provider has told something: by our id, by its id, or by payee while in doubt.
-- What it told is not believed; only the time of the next look changes. Orders that somebody is sending are left alone.
CREATE OR REPLACE FUNCTION ledger.hasten(
    provider text, order_id text, provider_ref text, payee text, now timestamptz
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- A pay order that ended unpaid may be paid all the same.
    UPDATE deposit d SET due_at = now
     WHERE d.provider = hasten.provider AND d.order_id = hasten.order_id AND d.state <> 'credited'
       AND coalesce(d.due_at, 'infinity') > now;

    WITH meant AS (
        SELECT o.order_id
          FROM orders o
         WHERE o.provider = hasten.provider
           AND o.order_id IN (
                hasten.order_id,
                (SELECT b.order_id FROM orders b
                  WHERE b.provider = hasten.provider AND b.provider_ref = hasten.provider_ref
                    AND b.payee IS NOT NULL AND b.provider_ref IS NOT NULL),
                (SELECT d.order_id FROM orders d
                  WHERE d.provider = hasten.provider AND d.payee = hasten.payee
                    AND d.payee IS NOT NULL AND d.provider_ref IS NULL AND d.due_at IS NOT NULL
                    AND d.doubtful <> '{}'))
           AND o.state IN ('unknown', 'processing', 'review') AND o.due_at > now
         ORDER BY o.order_id
           FOR NO KEY UPDATE
    ), hastened AS (
        UPDATE orders o SET due_at = now FROM meant WHERE o.order_id = meant.order_id RETURNING 1
    )
    SELECT count(*) FROM hastened
$$;
