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

-- Take events to publish. By "not published", never by "id above the last": ids commit out of order.
CREATE OR REPLACE FUNCTION ledger.take_outbox(now timestamptz, lease_token uuid, lease_until timestamptz, most integer)
RETURNS TABLE (event_id uuid, routing_key text, body text, correlation_id text, traceparent text, app_id text)
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
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
        UPDATE outbox o SET published_at = now FROM mine WHERE o.event_id = mine.event_id RETURNING 1
    )
    SELECT count(*) FROM marked
$$;

-- Leave events that no queue takes alone for as long as they have waited already, half a minute to ten minutes.
CREATE OR REPLACE FUNCTION ledger.postpone_outbox(event_ids uuid[], lease_token uuid, now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE outbox o
       SET lease_until = now + least(greatest(now - o.created_at, interval '30 seconds'), interval '10 minutes')
     WHERE o.event_id IN (SELECT p.event_id
                            FROM outbox p
                           WHERE p.event_id = ANY (event_ids) AND p.lease_token = postpone_outbox.lease_token
                           ORDER BY p.event_id
                             FOR NO KEY UPDATE)
$$;
