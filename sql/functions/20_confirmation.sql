-- What is known of a withdrawal that the provider asks to confirm: whose it is, and whether it was refused before.
CREATE OR REPLACE FUNCTION ledger.confirmation(provider text, provider_ref text)
RETURNS TABLE (order_id text, state text, refused boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id, o.state,
           EXISTS (SELECT FROM refusal r
                    WHERE r.provider = confirmation.provider AND r.provider_ref = confirmation.provider_ref)
      FROM (SELECT) AS one
      LEFT JOIN orders o ON o.provider = confirmation.provider AND o.provider_ref = confirmation.provider_ref
                        AND o.payee IS NOT NULL AND o.provider_ref IS NOT NULL
$$;

-- The payment without an order id that may have led to a withdrawal of this payee, and is not bound to one.
CREATE OR REPLACE FUNCTION ledger.payment_in_doubt(provider text, payee text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id
      FROM orders o
     WHERE o.provider = payment_in_doubt.provider AND o.payee = payment_in_doubt.payee
       AND o.payee IS NOT NULL AND o.provider_ref IS NULL AND o.due_at IS NOT NULL AND o.doubtful <> '{}'
$$;

-- Refuse to confirm a withdrawal, for ever; true unless it has meanwhile become an order's. The orders of the payee are
-- locked first: a binding that is about to commit is waited for, and one that comes later finds the refusal.
CREATE OR REPLACE FUNCTION ledger.refuse_confirmation(
    provider text, provider_ref text, payee text, reason text, now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM orders o
      WHERE o.provider = refuse_confirmation.provider AND o.payee = refuse_confirmation.payee
        AND o.payee IS NOT NULL AND o.provider_ref IS NULL AND o.due_at IS NOT NULL AND o.doubtful <> '{}'
      ORDER BY o.order_id
        FOR NO KEY UPDATE;

    IF EXISTS (SELECT FROM refusal r
                WHERE r.provider = refuse_confirmation.provider AND r.provider_ref = refuse_confirmation.provider_ref) THEN
        RETURN true; -- whatever was bound since: a copy of the question has been told no
    END IF;
    IF EXISTS (SELECT FROM orders o
                WHERE o.provider = refuse_confirmation.provider AND o.provider_ref = refuse_confirmation.provider_ref
                  AND o.payee IS NOT NULL AND o.provider_ref IS NOT NULL
                  AND o.state IN ('processing', 'succeeded')) THEN
        RETURN false;
    END IF;

    INSERT INTO refusal (provider, provider_ref, reason, at)
    VALUES (refuse_confirmation.provider, refuse_confirmation.provider_ref, reason, now)
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;
