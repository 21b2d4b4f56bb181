-- Let parked events go: of a kind that has got its queue as many as are asked for, of every other whose time has come
-- one, to try. Part of ledger.take_outbox.
CREATE OR REPLACE FUNCTION ledger.release_parked(now timestamptz, most integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kind ledger.unbound_key;
BEGIN
    FOR kind IN
        SELECT * FROM unbound_key k WHERE k.due_at <= now ORDER BY k.routing_key FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        WITH parked AS MATERIALIZED (
            SELECT o.event_id
              FROM outbox o
             WHERE o.routing_key = kind.routing_key AND o.published_at IS NULL AND o.lease_until = 'infinity'
             ORDER BY o.created_at, o.event_id
             LIMIT CASE WHEN kind.is_bound THEN most ELSE 1 END
               FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE outbox o SET lease_until = now FROM parked WHERE o.event_id = parked.event_id;
        IF NOT FOUND THEN
            DELETE FROM unbound_key k WHERE k.routing_key = kind.routing_key;
        ELSIF NOT kind.is_bound THEN
            -- For as long as the kind has waited already; a minute at most, for it is one event, however many wait.
            UPDATE unbound_key k
               SET due_at = now + least(greatest(now - k.since, interval '2 seconds'), interval '1 minute')
             WHERE k.routing_key = kind.routing_key;
        END IF;
    END LOOP;
END $$;
