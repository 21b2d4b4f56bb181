-- Remember evidence that contradicts how an order ended. The books are not touched.
CREATE OR REPLACE FUNCTION ledger.contradict(order_id text, detail text, now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO contradiction (order_id, detail, at)
    VALUES (order_id, detail, now)
    ON CONFLICT ON CONSTRAINT contradiction_once DO NOTHING
$$;
