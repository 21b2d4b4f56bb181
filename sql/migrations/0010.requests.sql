-- Taken first of all: a worker that has read orders, and waits to write one until this is done, would keep the index from
-- being dropped, and one of the two would be given up as a deadlock.
LOCK TABLE ledger.orders IN ACCESS EXCLUSIVE MODE;

-- Each request that was signed for a payment without an order id. Append-only, as the attempts are.
CREATE TABLE ledger.request (
    provider text NOT NULL,
    payee text NOT NULL,
    signature text NOT NULL,
    order_id text NOT NULL REFERENCES ledger.orders (order_id),
    -- Prevents two equal payments from being one request: signed within one unit of the time that is signed, they are
    -- the same bytes.
    CONSTRAINT request_once PRIMARY KEY (provider, payee, signature)
);
INSERT INTO ledger.request (provider, payee, signature, order_id)
SELECT o.provider, o.payee, a.signature, min(a.order_id)
  FROM ledger.attempt a
  JOIN ledger.orders o ON o.order_id = a.order_id
 WHERE o.payee IS NOT NULL AND a.signature IS NOT NULL
 GROUP BY o.provider, o.payee, a.signature;

-- What it was read for, a request now tells.
DROP INDEX ledger.orders_payee;
