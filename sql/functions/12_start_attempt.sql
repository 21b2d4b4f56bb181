-- Write down the next attempt of an order before it is sent. Verdicts:
--   started   it may be sent, by the caller alone
--   stale     somebody else went on with the order
--   busy      an equal payment without an order id is in doubt: the order waits, for as long as it has waited already,
--             two seconds to a minute; or one was signed in the same moment: it is signed anew two seconds later
CREATE OR REPLACE FUNCTION ledger.start_attempt(
    order_id text,
    revision integer,
    body bytea,
    signed_at timestamptz,
    signature text,
    now timestamptz,
    lease_until timestamptz,
    payee text DEFAULT NULL -- where it goes now, which may not be where it was to go before; NULL: as before
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    number integer;
    provider text;
    broken text;
BEGIN
    UPDATE orders o
       SET state = 'sending', error_code = NULL, revision = o.revision + 1, attempts = o.attempts + 1,
           doubtful = o.doubtful || (o.attempts + 1), payee = coalesce(start_attempt.payee, o.payee),
           due_at = lease_until, updated_at = now
     WHERE o.order_id = start_attempt.order_id
       AND o.revision = start_attempt.revision
       AND o.state IN ('held', 'sending', 'unknown')
    RETURNING o.attempts, o.provider, o.payee INTO number, provider, start_attempt.payee;
    IF NOT FOUND THEN
        RETURN 'stale';
    END IF;
    IF start_attempt.payee IS NOT NULL THEN
        INSERT INTO request (provider, payee, signature, order_id)
        VALUES (provider, payee, signature, start_attempt.order_id);
    END IF;

    INSERT INTO attempt (order_id, number, body, signed_at, signature, created_at)
    VALUES (start_attempt.order_id, number, body, signed_at, signature, now);
    RETURN 'started';
EXCEPTION WHEN unique_violation THEN -- the attempt is undone with this
    GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
    IF broken = 'request_once' THEN
        UPDATE orders o
           SET due_at = now + interval '2 seconds'
         WHERE o.order_id = start_attempt.order_id AND o.revision = start_attempt.revision;
        RETURN 'busy';
    ELSIF broken <> 'orders_one_unbound' THEN
        RAISE;
    END IF;
    UPDATE orders o
       SET error_code = 'equal_payment_in_doubt',
           due_at = now + least(greatest(now - o.created_at, interval '2 seconds'), interval '1 minute')
     WHERE o.order_id = start_attempt.order_id AND o.revision = start_attempt.revision;
    RETURN 'busy';
END $$;
