-- Events about messages that never became an order. Told once: the id is made from the message.
CREATE OR REPLACE FUNCTION ledger.announce(
    event_id uuid, routing_key text, body text, correlation_id text, traceparent text, app_id text, now timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO outbox (event_id, sequence, terminal, routing_key, body, correlation_id, traceparent, app_id,
                        created_at, lease_until)
    VALUES (event_id, 0, false, routing_key, body, correlation_id, traceparent, app_id, now, now)
    ON CONFLICT ON CONSTRAINT outbox_pkey DO UPDATE SET published_at = NULL, lease_token = NULL, lease_until = now
$$;

-- Publish a stored event again. Whoever is publishing it now loses the lease, so that it cannot mark it as done.
CREATE OR REPLACE FUNCTION ledger.replay(event_id uuid, now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE outbox o
       SET published_at = NULL, lease_token = NULL, lease_until = now
     WHERE o.event_id = replay.event_id
$$;

-- Take events to publish, after those that were parked and may be tried again. By "not published", never by "id above the last": ids commit out of order.
CREATE OR REPLACE FUNCTION ledger.take_outbox(now timestamptz, lease_token uuid, lease_until timestamptz, most integer)
RETURNS TABLE (event_id uuid, routing_key text, body text, correlation_id text, traceparent text, app_id text)
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT ledger.release_parked(now, most);
    WITH waiting AS MATERIALIZED ( -- as in ledger.claim
        SELECT t.event_id
          FROM outbox t
         WHERE t.published_at IS NULL AND t.lease_until <= now
         ORDER BY t.lease_until
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE outbox o
       SET lease_token = take_outbox.lease_token, lease_until = take_outbox.lease_until
      FROM waiting
     WHERE o.event_id = waiting.event_id
    RETURNING o.event_id, o.routing_key, o.body, o.correlation_id, o.traceparent, o.app_id
$$;

-- Mark events as published, after the broker confirmed them. Returns how many were still under this lease.
CREATE OR REPLACE FUNCTION ledger.mark_outbox(event_ids uuid[], lease_token uuid, now timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH mine AS (
        SELECT o.event_id
          FROM outbox o
         WHERE o.event_id = ANY (event_ids) AND o.lease_token = mark_outbox.lease_token
         ORDER BY o.event_id
           FOR NO KEY UPDATE
    ), marked AS (
        UPDATE outbox o SET published_at = now FROM mine WHERE o.event_id = mine.event_id RETURNING o.routing_key
    ), bound AS ( -- where one has arrived, the parked ones of its kind may
        UPDATE unbound_key u
           SET is_bound = true, due_at = now
          FROM (SELECT k.routing_key
                  FROM unbound_key k
                 WHERE NOT k.is_bound AND k.routing_key IN (SELECT m.routing_key FROM marked m)
                 ORDER BY k.routing_key
                   FOR NO KEY UPDATE SKIP LOCKED) AS waiting -- whoever has it locked is trying it
         WHERE u.routing_key = waiting.routing_key
    )
    SELECT count(*) FROM marked
$$;

-- Park events that no queue takes: they cost nothing until one of their kind is taken.
CREATE OR REPLACE FUNCTION ledger.postpone_outbox(event_ids uuid[], lease_token uuid, now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH mine AS (
        SELECT o.event_id
          FROM outbox o
         WHERE o.event_id = ANY (event_ids) AND o.lease_token = postpone_outbox.lease_token
         ORDER BY o.event_id
           FOR NO KEY UPDATE
    ), parked AS (
        UPDATE outbox o SET lease_until = 'infinity' FROM mine WHERE o.event_id = mine.event_id RETURNING o.routing_key
    )
    INSERT INTO unbound_key AS k (routing_key, since, due_at)
    SELECT DISTINCT p.routing_key, now, now + interval '2 seconds' FROM parked p ORDER BY p.routing_key
    ON CONFLICT ON CONSTRAINT unbound_key_pkey -- one that had its queue a moment ago begins anew
    DO UPDATE SET is_bound = false, since = now, due_at = now + interval '2 seconds' WHERE k.is_bound
$$;
