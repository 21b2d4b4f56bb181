-- Remember a signed webhook; false when it was seen before.
CREATE OR REPLACE FUNCTION ledger.remember_webhook(
    provider text, digest bytea, kind text, record_id text, now timestamptz
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH new AS (
        INSERT INTO webhook (provider, digest, kind, record_id, received_at)
        VALUES (provider, digest, kind, record_id, now)
        ON CONFLICT ON CONSTRAINT webhook_once DO NOTHING
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM new)
$$;

-- Webhooks that are still to be looked into, with a lease.
CREATE OR REPLACE FUNCTION ledger.take_webhooks(provider text, now timestamptz, lease_until timestamptz, most integer)
RETURNS TABLE (digest bytea, kind text, record_id text, received_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH due AS MATERIALIZED (
        SELECT w.digest
          FROM webhook w
         WHERE w.provider = take_webhooks.provider AND w.due_at <= now
         ORDER BY w.due_at
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE webhook w SET due_at = lease_until
      FROM due
     WHERE w.provider = take_webhooks.provider AND w.digest = due.digest
    RETURNING w.digest, w.kind, w.record_id, w.received_at
$$;

-- It has been looked into (NULL), or is to be again then.
CREATE OR REPLACE FUNCTION ledger.end_webhook(provider text, digest bytea, due_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE webhook w
       SET due_at = end_webhook.due_at
     WHERE w.provider = end_webhook.provider AND w.digest = end_webhook.digest
$$;

-- Webhooks are remembered longer than any provider repeats them, not for ever.
CREATE OR REPLACE FUNCTION ledger.forget_webhooks(received_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH gone AS (
        DELETE FROM webhook w WHERE w.received_at < received_before AND w.due_at IS NULL RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
