-- Reject commands that are well-formed but cannot be accepted. Uses up the orderId, writes the event.
-- Verdicts as in ledger.admit, with `rejected` for a new order. Items are independent; a repeated orderId in
-- one batch is judged against the first.
CREATE OR REPLACE FUNCTION ledger.reject(
    order_ids text[],
    types text[],
    providers text[],
    fingerprints bytea[],
    commands jsonb[],
    error_codes text[],
    expires_ats timestamptz[],
    message_ids text[],
    correlation_ids text[],
    app_ids text[],
    traceparents text[],
    event_ids uuid[],
    routing_keys text[],
    event_bodies text[],
    event_correlation_ids text[],
    now timestamptz,
    lease_token uuid,
    lease_until timestamptz
) RETURNS TABLE (item bigint, verdict text, state text, events integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    mine bigint[]; -- the items that became orders
BEGIN
    WITH firsts AS (
        SELECT DISTINCT ON (c.order_id) c.*
          FROM unnest(order_ids, types, providers, fingerprints, commands, error_codes, expires_ats,
                      message_ids, correlation_ids, app_ids, traceparents) WITH ORDINALITY
               AS c (order_id, type, provider, fingerprint, command, error_code, expires_at,
                     message_id, correlation_id, app_id, traceparent, item)
         ORDER BY c.order_id, c.item
    ), new AS (
        INSERT INTO orders (order_id, type, provider, fingerprint, command, state, error_code, expires_at, events,
                            message_id, correlation_id, app_id, traceparent, created_at, updated_at)
        SELECT f.order_id, f.type, f.provider, f.fingerprint, f.command, 'rejected', f.error_code, f.expires_at, 1,
               f.message_id, f.correlation_id, f.app_id, f.traceparent, now, now
          FROM firsts f
         ORDER BY f.order_id
        ON CONFLICT DO NOTHING
        RETURNING order_id
    )
    SELECT array_agg(f.item) INTO mine FROM firsts f JOIN new ON new.order_id = f.order_id;

    INSERT INTO outbox (event_id, order_id, sequence, terminal, routing_key, body, correlation_id, traceparent,
                        app_id, created_at, lease_token, lease_until)
    SELECT c.event_id, c.order_id, 1, true, c.routing_key, c.body, c.correlation_id, c.traceparent,
           c.app_id, now, lease_token, lease_until
      FROM unnest(order_ids, event_ids, routing_keys, event_bodies, event_correlation_ids, traceparents,
                  app_ids)
           WITH ORDINALITY AS c (order_id, event_id, routing_key, body, correlation_id, traceparent, app_id, item)
     WHERE c.item = ANY (mine);

    RETURN QUERY
    SELECT c.item,
           CASE WHEN c.item = ANY (mine) THEN 'rejected'
                WHEN o.fingerprint = c.fingerprint THEN 'duplicate'
                ELSE 'conflict' END,
           o.state, o.events
      FROM unnest(order_ids, fingerprints) WITH ORDINALITY AS c (order_id, fingerprint, item)
      JOIN orders o ON o.order_id = c.order_id;
END $$;
