-- A manual journal of one account against custody. Verdicts: adjusted | duplicate | conflict | insufficient_funds.
CREATE OR REPLACE FUNCTION ledger.adjust(
    order_id text, fingerprint bytea, account text, provider text, coin text, amount numeric, reason text,
    now timestamptz
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ids bigint[] := open_accounts(ARRAY[provider, provider], ARRAY[coin, coin], ARRAY[account, 'custody']);
    journal_id bigint;
    known bytea;
BEGIN
    PERFORM FROM balance b WHERE b.account_id = ANY (ids) ORDER BY b.account_id FOR NO KEY UPDATE;

    SELECT o.fingerprint INTO known FROM orders o WHERE o.order_id = adjust.order_id;
    IF FOUND THEN
        RETURN CASE WHEN known = adjust.fingerprint THEN 'duplicate' ELSE 'conflict' END;
    END IF;
    IF EXISTS (SELECT FROM balance b WHERE b.account_id = ids[1] AND b.posted - b.held + amount < b.floor) THEN
        RETURN 'insufficient_funds';
    END IF;

    INSERT INTO orders (order_id, type, provider, fingerprint, command, state, created_at, updated_at)
    VALUES (adjust.order_id, 'adjust', adjust.provider, adjust.fingerprint,
            jsonb_build_object('account', account, 'coin', coin, 'amount', amount::text, 'reason', reason),
            'succeeded', now, now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN -- another transaction took the orderId, with other accounts, after we looked: judge again
        RAISE EXCEPTION 'the orderId was taken meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;

    INSERT INTO journal (order_id, at, reason) VALUES (adjust.order_id, now, reason) RETURNING id INTO journal_id;
    INSERT INTO entry (account_id, version, journal_id, line, amount, purpose, balance_after)
    SELECT b.account_id, b.version + 1, journal_id, l.line, l.amount, 'adjust', b.posted + l.amount
      FROM (VALUES (ids[1], 1, adjust.amount), (ids[2], 2, -adjust.amount)) AS l (account_id, line, amount)
      JOIN balance b ON b.account_id = l.account_id;
    UPDATE balance b
       SET posted = b.posted + CASE WHEN b.account_id = ids[1] THEN amount ELSE -amount END, version = b.version + 1
     WHERE b.account_id = ANY (ids);
    RETURN 'adjusted';
END $$;
