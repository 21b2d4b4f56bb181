-- Whether this very request was written down for a payment to this payee before. Two equal payments that are signed
-- within one unit of the time that is signed are the same bytes: the provider would take the second for a replay of the
-- first, or answer it with the first one's id.
-- An order is changed when its attempt is written down, after it is signed: older ones are not looked at. A minute is
-- more than clocks may differ by.
CREATE OR REPLACE FUNCTION ledger.is_repeated_request(
    provider text, payee text, signature text, signed_at timestamptz
) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT
                     FROM ledger.orders o
                     JOIN ledger.attempt a ON a.order_id = o.order_id AND a.signature = is_repeated_request.signature
                    WHERE o.provider = is_repeated_request.provider AND o.payee = is_repeated_request.payee
                      AND o.payee IS NOT NULL
                      AND o.updated_at > is_repeated_request.signed_at - interval '1 minute')
$$;
