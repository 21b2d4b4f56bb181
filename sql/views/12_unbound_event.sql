-- Events that wait for somebody to bind a queue, by routing key. More than 10,000 are not counted.
CREATE OR REPLACE VIEW ledger.unbound_event AS
SELECT k.routing_key, k.since, parked.events, k.due_at AS next_try_at
  FROM ledger.unbound_key k
 CROSS JOIN LATERAL (
    SELECT count(*) AS events
      FROM (SELECT
              FROM ledger.outbox o
             WHERE o.routing_key = k.routing_key AND o.published_at IS NULL AND o.lease_until = 'infinity'
             LIMIT 10000) AS first_ones
 ) AS parked;
