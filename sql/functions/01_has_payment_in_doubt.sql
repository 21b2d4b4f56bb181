-- Whether a payment equal to this one is open, may have been made, and is not bound to the provider's id of it.
CREATE OR REPLACE FUNCTION ledger.has_payment_in_doubt(provider text, payee text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT
                     FROM ledger.orders o
                    WHERE o.provider = has_payment_in_doubt.provider
                      AND o.payee = has_payment_in_doubt.payee
                      AND o.payee IS NOT NULL AND o.provider_ref IS NULL AND o.due_at IS NOT NULL
                      AND o.doubtful <> '{}')
$$;
