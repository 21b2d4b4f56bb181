-- Write down the next attempt of an order before it is sent. False: somebody else went on with the order.
CREATE OR REPLACE FUNCTION ledger.start_attempt(
    order_id text,
    revision integer,
    body bytea,
    now timestamptz,
    lease_until timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    number integer;
BEGIN
    UPDATE orders o
       SET state = 'sending', error_code = NULL, revision = o.revision + 1, attempts = o.attempts + 1,
           doubtful = o.doubtful || (o.attempts + 1), due_at = lease_until, updated_at = now
     WHERE o.order_id = start_attempt.order_id
       AND o.revision = start_attempt.revision
       AND o.state IN ('held', 'sending', 'unknown')
    RETURNING o.attempts INTO number;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    INSERT INTO attempt (order_id, number, body, created_at) VALUES (start_attempt.order_id, number, body, now);
    RETURN true;
END $$;
