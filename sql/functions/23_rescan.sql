-- The open rescan that waits for this payment: the oldest, of the same transaction, address, and
-- memo and user where it names them.
CREATE OR REPLACE FUNCTION ledger.rescan_for(
    provider text, chain text, tx_id text, address text, memo text, account text
) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.order_id
      FROM orders o
     WHERE o.type = 'rescan' AND o.due_at IS NOT NULL AND o.provider = rescan_for.provider
       AND o.command ->> 'txId' = tx_id AND o.command ->> 'chain' = chain
       AND lower(o.command ->> 'toAddress') = lower(address)
       AND coalesce(o.command ->> 'memo', rescan_for.memo, '') = coalesce(rescan_for.memo, '')
       AND coalesce('user:' || (o.command ->> 'userId'), account) = account
     ORDER BY o.created_at, o.order_id
     LIMIT 1
$$;

-- The credited deposit of a transaction to an address.
CREATE OR REPLACE FUNCTION ledger.credited_deposit(
    provider text, chain text, tx_id text, address text, memo text, account text
) RETURNS SETOF ledger.deposit
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT d.*
      FROM deposit d
     WHERE d.provider = credited_deposit.provider AND d.state = 'credited'
       AND d.tx_id = credited_deposit.tx_id AND d.chain = credited_deposit.chain
       AND lower(d.address) = lower(credited_deposit.address)
       AND (credited_deposit.memo IS NULL OR coalesce(d.memo, '') = credited_deposit.memo)
       AND (credited_deposit.account IS NULL OR d.account = credited_deposit.account)
     ORDER BY d.record_id
     LIMIT 1
$$;

-- Have the open rescans of a transaction looked at soon; NULL: all of them. One that a job is just looking at is looked
-- at by another too: the provider is asked twice, and what the first decides is stale, for the claim of the second has
-- moved the revision.
CREATE OR REPLACE FUNCTION ledger.hasten_rescans(provider text, tx_id text, now timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH meant AS (
        SELECT o.order_id
          FROM orders o
         WHERE o.type = 'rescan' AND o.due_at > now AND o.provider = hasten_rescans.provider
           AND (hasten_rescans.tx_id IS NULL OR o.command ->> 'txId' = hasten_rescans.tx_id)
         ORDER BY o.order_id
           FOR NO KEY UPDATE
    ), hastened AS (
        UPDATE orders o SET due_at = now FROM meant WHERE o.order_id = meant.order_id RETURNING 1
    )
    SELECT count(*) FROM hastened
$$;
