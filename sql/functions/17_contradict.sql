-- Remember evidence that contradicts how an order ended, and tell of it, once; false when it was known already.
-- The books are not touched.
CREATE OR REPLACE FUNCTION ledger.contradict(
    order_id text, detail text, event_id uuid, sequence integer, routing_key text, body text,
    correlation_id text, traceparent text, now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO contradiction (order_id, detail, at)
    VALUES (contradict.order_id, contradict.detail, now)
    ON CONFLICT ON CONSTRAINT contradiction_once DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO outbox (event_id, order_id, sequence, terminal, routing_key, body, correlation_id, traceparent,
                        app_id, created_at, lease_until)
    SELECT contradict.event_id, o.order_id, contradict.sequence, false, contradict.routing_key, contradict.body,
           contradict.correlation_id, contradict.traceparent, o.app_id, now, now
      FROM orders o
     WHERE o.order_id = contradict.order_id;
    RETURN true;
END $$;
