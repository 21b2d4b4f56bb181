-- The row of a deposit as it is now known; a credited one stays as it is. Whether it is new, or in another state.
CREATE OR REPLACE FUNCTION ledger.put_deposit(
    provider text, record_id text, kind text, state text, account text, coin text, amount numeric, fee numeric,
    chain text, tx_id text, output integer, address text, memo text, note text, order_id text, due_at timestamptz,
    now timestamptz
) RETURNS boolean
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger.deposit AS d (provider, record_id, kind, state, account, coin, amount, fee, chain, tx_id, output,
                                     address, memo, note, order_id, seen_at, updated_at, due_at)
    VALUES (provider, record_id, kind, state, account, coin, amount, fee, chain, tx_id, output,
            address, memo, note, order_id, now, now, due_at)
    ON CONFLICT ON CONSTRAINT deposit_pkey DO UPDATE
       SET state = EXCLUDED.state, account = EXCLUDED.account, coin = EXCLUDED.coin, amount = EXCLUDED.amount,
           fee = EXCLUDED.fee, chain = EXCLUDED.chain, tx_id = EXCLUDED.tx_id, output = EXCLUDED.output,
           address = EXCLUDED.address, memo = EXCLUDED.memo, note = EXCLUDED.note,
           order_id = coalesce(EXCLUDED.order_id, d.order_id), updated_at = now, due_at = EXCLUDED.due_at
     WHERE d.state NOT IN ('credited', EXCLUDED.state);
    RETURN FOUND;
END $$;

-- Remember a deposit that is not money (yet), why, and when to look again. Verdicts:
--   noted     it is new, or in another state
--   known     it was known as that; the time of the next look stays as it is
--   credited  it is money in the books, and stays that
-- That a credited one is failed or risky is shown if the provider was asked after it was credited (`read_at`): before,
-- it only says what has changed since.
CREATE OR REPLACE FUNCTION ledger.note_deposit(
    provider text, record_id text, kind text, state text, account text, coin text, amount numeric, fee numeric,
    chain text, tx_id text, output integer, address text, memo text, note text, order_id text, due_at timestamptz,
    read_at timestamptz, now timestamptz
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    is_news boolean;
BEGIN
    is_news := put_deposit(provider, record_id, kind, state, account, coin, amount, fee, chain, tx_id, output,
                           address, memo, note, order_id, due_at, now);
    IF is_news THEN
        RETURN 'noted';
    END IF;
    PERFORM FROM deposit d
      WHERE d.provider = note_deposit.provider AND d.record_id = note_deposit.record_id AND d.state = 'credited';
    IF NOT FOUND THEN
        RETURN 'known';
    END IF;
    UPDATE deposit d SET note = format('credited, the provider now says %s', note_deposit.state)
     WHERE d.provider = note_deposit.provider AND d.record_id = note_deposit.record_id
       AND note_deposit.state IN ('failed', 'risky') AND d.updated_at < read_at;
    RETURN 'credited';
END $$;

-- Credit a deposit, once: journal, balances and event in one transaction. Verdicts:
--   credited  it is posted now
--   known     it was posted before
--   changed   it was posted before, as another amount than the provider has said since (`read_at`): a person must look
--   repeated  another record of the same payment is posted: nothing is, a person must look
--   moved     the order that it should end has ended, or told something meanwhile: the caller reads it and tries again
-- With an order the event takes the order's next place: whoever else was about to take it finds a new revision.
-- Lines: custody −amount, owner +amount; owner −fee, custody +fee.
CREATE OR REPLACE FUNCTION ledger.credit_deposit(
    provider text, record_id text, kind text, account text, coin text, amount numeric, fee numeric,
    chain text, tx_id text, output integer, address text, memo text,
    order_id text, -- that it ends; NULL: none
    event_id uuid, sequence integer, routing_key text, body text, correlation_id text, traceparent text,
    read_at timestamptz, -- when the provider was asked
    now timestamptz, lease_token uuid, lease_until timestamptz
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ids bigint[] := open_accounts(ARRAY[provider, provider], ARRAY[coin, coin], ARRAY[account, 'custody']);
    name text := format('deposit:%s:%s', provider, record_id);
    known text;
    broken text;
    is_new boolean;
    journal_id bigint;
BEGIN
    PERFORM FROM balance b WHERE b.account_id = ANY (ids) ORDER BY b.account_id FOR NO KEY UPDATE;

    SELECT d.state INTO known
      FROM deposit d
     WHERE d.provider = credit_deposit.provider AND d.record_id = credit_deposit.record_id
       FOR NO KEY UPDATE;
    IF known = 'credited' THEN
        UPDATE deposit d
           SET note = format('credited %s less %s, the provider now says %s less %s', d.amount, d.fee,
                             credit_deposit.amount, credit_deposit.fee)
         WHERE d.provider = credit_deposit.provider AND d.record_id = credit_deposit.record_id
           AND (d.amount, d.fee) IS DISTINCT FROM (credit_deposit.amount, credit_deposit.fee)
           AND d.updated_at < read_at;
        RETURN CASE WHEN FOUND THEN 'changed' ELSE 'known' END;
    END IF;
    -- Of one transaction to one address the same amount of one coin, and one of the two does not say which output it
    -- was: nobody can tell whether it is one payment or two. The coin's custody balance is locked, so no other can come
    -- between.
    IF EXISTS (SELECT FROM deposit d
                WHERE d.provider = credit_deposit.provider AND d.state = 'credited' AND d.tx_id = credit_deposit.tx_id
                  AND d.chain = credit_deposit.chain AND d.coin = credit_deposit.coin
                  AND d.address IS NOT DISTINCT FROM credit_deposit.address
                  AND coalesce(d.memo, '') = coalesce(credit_deposit.memo, '') AND d.amount = credit_deposit.amount
                  AND (d.output IS NULL OR credit_deposit.output IS NULL)) THEN
        RETURN 'repeated';
    END IF;

    PERFORM FROM orders o
      WHERE o.order_id = credit_deposit.order_id AND o.due_at IS NOT NULL AND o.events = credit_deposit.sequence - 1
        FOR NO KEY UPDATE;
    IF credit_deposit.order_id IS NOT NULL AND NOT FOUND THEN
        RETURN 'moved';
    END IF;

    BEGIN
        is_new := put_deposit(provider, record_id, kind, 'credited', account, coin, amount, fee, chain, tx_id, output,
                              address, memo, NULL, credit_deposit.order_id, NULL, now);
    EXCEPTION WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        IF broken <> 'deposit_once' THEN
            RAISE;
        END IF;
        RETURN 'repeated';
    END;
    IF NOT is_new THEN -- another transaction has credited it since we looked
        RETURN 'known';
    END IF;

    INSERT INTO journal (order_id, at) VALUES (name, now) RETURNING id INTO journal_id;
    INSERT INTO entry (account_id, version, journal_id, line, amount, purpose, balance_after)
    SELECT l.account_id, b.version + row_number() OVER so_far, journal_id,
           row_number() OVER (ORDER BY l.line), l.amount, l.purpose, b.posted + sum(l.amount) OVER so_far
      FROM (VALUES (ids[2], 1, -credit_deposit.amount, 'deposit'), (ids[1], 2, credit_deposit.amount, 'deposit'),
                   (ids[1], 3, -credit_deposit.fee, 'provider_fee'), (ids[2], 4, credit_deposit.fee, 'provider_fee'))
           AS l (account_id, line, amount, purpose)
      JOIN balance b ON b.account_id = l.account_id
     WHERE l.amount <> 0
    WINDOW so_far AS (PARTITION BY l.account_id ORDER BY l.line);
    UPDATE balance b
       SET posted = b.posted + CASE WHEN b.account_id = ids[1] THEN amount - fee ELSE fee - amount END,
           version = b.version + CASE WHEN fee = 0 THEN 1 ELSE 2 END
     WHERE b.account_id = ANY (ids);

    UPDATE orders o SET events = o.events + 1, revision = o.revision + 1 WHERE o.order_id = credit_deposit.order_id;
    INSERT INTO outbox (event_id, order_id, sequence, terminal, routing_key, body, correlation_id, traceparent,
                        app_id, created_at, lease_token, lease_until)
    VALUES (event_id, credit_deposit.order_id, sequence, false, routing_key, body, correlation_id, traceparent,
            (SELECT o.app_id FROM orders o WHERE o.order_id = credit_deposit.order_id), now, lease_token, lease_until);
    RETURN 'credited';
END $$;

-- Deposits that are to be looked at again, with a lease.
CREATE OR REPLACE FUNCTION ledger.take_deposits(provider text, now timestamptz, lease_until timestamptz, most integer)
RETURNS SETOF ledger.deposit
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH due AS MATERIALIZED (
        SELECT d.record_id
          FROM deposit d
         WHERE d.provider = take_deposits.provider AND d.due_at <= now
         ORDER BY d.due_at
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE deposit d SET due_at = lease_until
      FROM due
     WHERE d.provider = take_deposits.provider AND d.record_id = due.record_id
    RETURNING d.*
$$;

-- Look at a deposit again then; `rescanned`: the provider was asked to look again.
CREATE OR REPLACE FUNCTION ledger.postpone_deposit(
    provider text, record_id text, rescanned boolean, due_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE deposit d
       SET due_at = postpone_deposit.due_at, rescans = d.rescans + CASE WHEN rescanned THEN 1 ELSE 0 END
     WHERE d.provider = postpone_deposit.provider AND d.record_id = postpone_deposit.record_id
       AND d.state <> 'credited'
$$;
