-- Admit commands: order, hold and first attempt in one transaction. The commit point of a command.
--
-- The result of a batch equals admitting its items one by one, in the order given. Verdicts:
--   admitted            the order is new, its funds are held, and the caller has the lease until lease_until
--   waiting             the order is new and its funds are held, but nothing may be sent yet: there is no attempt to
--                       send, or an equal payment without an order id is in doubt, or was signed in the same moment;
--                       resume goes on with it
--   duplicate           the orderId is known with the same content; state and events tell how far it is
--   conflict            the orderId is known with other content
--   insufficient_funds  nothing was written, the orderId is still free: the caller rejects it (ledger.reject)
--
-- Locks: balances by id, then orders by order_id; every function keeps to that order, so none deadlock.
CREATE OR REPLACE FUNCTION ledger.admit(
    order_ids text[],
    types text[],
    providers text[],
    fingerprints bytea[],
    commands jsonb[],
    accounts text[],       -- whose funds are held; NULL: none
    coins text[],
    amounts numeric[],
    bodies bytea[],        -- the first attempt; NULL: nothing is to be sent yet, the order waits in held
    signed_ats timestamptz[],
    signatures text[],
    payees text[],         -- of payments without an order id at the provider: at most one in doubt at a time
    expires_ats timestamptz[],
    message_ids text[],
    correlation_ids text[],
    app_ids text[],
    traceparents text[],
    now timestamptz,
    lease_until timestamptz
) RETURNS TABLE (item bigint, verdict text, state text, events integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    account_ids bigint[] := find_accounts(providers, coins, accounts);
    verdicts text[];
BEGIN
    PERFORM FROM balance b
      WHERE b.account_id = ANY (account_ids)
      ORDER BY b.account_id
        FOR NO KEY UPDATE;

    -- A statement of its own, after the locks: it sees what others committed while we waited.
    SELECT array_agg(CASE WHEN o.order_id IS NULL THEN 'admitted'
                          WHEN o.fingerprint = c.fingerprint THEN 'duplicate'
                          ELSE 'conflict' END ORDER BY c.item)
      INTO verdicts
      FROM unnest(order_ids, fingerprints) WITH ORDINALITY AS c (order_id, fingerprint, item)
      LEFT JOIN orders o ON o.order_id = c.order_id;

    IF NOT admit_all_at_once(order_ids, verdicts, account_ids, accounts, amounts) THEN
        verdicts := admit_one_by_one(order_ids, fingerprints, verdicts, account_ids, accounts, amounts);
    END IF;

    IF EXISTS (SELECT FROM unnest(payees) AS payee WHERE payee IS NOT NULL) THEN
        bodies := keep_back(providers, payees, bodies, signatures, verdicts);
    END IF;

    BEGIN
        INSERT INTO orders (
            order_id, type, provider, fingerprint, command, state, hold_account_id, hold_amount, attempts, doubtful,
            payee, due_at, expires_at, message_id, correlation_id, app_id, traceparent, created_at, updated_at)
        SELECT c.order_id, c.type, c.provider, c.fingerprint, c.command,
               CASE WHEN c.body IS NULL THEN 'held' ELSE 'sending' END, c.account_id, c.amount,
               CASE WHEN c.body IS NULL THEN 0 ELSE 1 END,
               CASE WHEN c.body IS NULL THEN '{}' ELSE '{1}'::integer[] END,
               c.payee, CASE WHEN c.body IS NULL THEN now ELSE lease_until END, c.expires_at,
               c.message_id, c.correlation_id, c.app_id, c.traceparent, now, now
          FROM unnest(order_ids, types, providers, fingerprints, commands, account_ids, amounts, bodies, payees,
                      expires_ats, message_ids, correlation_ids, app_ids, traceparents, verdicts)
               AS c (order_id, type, provider, fingerprint, command, account_id, amount, body, payee,
                     expires_at, message_id, correlation_id, app_id, traceparent, verdict)
         WHERE c.verdict = 'admitted'
         -- Payees too are taken in one order by all (orders_one_unbound).
         ORDER BY c.payee, c.order_id;

        INSERT INTO request (provider, payee, signature, order_id)
        SELECT c.provider, c.payee, c.signature, c.order_id
          FROM unnest(order_ids, providers, bodies, signatures, payees, verdicts)
               AS c (order_id, provider, body, signature, payee, verdict)
         WHERE c.verdict = 'admitted' AND c.body IS NOT NULL AND c.payee IS NOT NULL
         ORDER BY c.payee, c.order_id;
    EXCEPTION WHEN unique_violation THEN
        -- Another transaction took one of these orderIds, with funds of other accounts, or sends to one of these
        -- payees, or has sent one of these requests, after we looked.
        -- What was decided for the items behind it may be wrong: the caller runs the batch again.
        RAISE EXCEPTION 'an orderId was taken meanwhile' USING ERRCODE = 'serialization_failure';
    END;

    INSERT INTO attempt (order_id, number, body, signed_at, signature, created_at)
    SELECT c.order_id, 1, c.body, c.signed_at, c.signature, now
      FROM unnest(order_ids, bodies, signed_ats, signatures, verdicts)
           AS c (order_id, body, signed_at, signature, verdict)
     WHERE c.verdict = 'admitted' AND c.body IS NOT NULL;

    UPDATE balance b
       SET held = b.held + h.amount
      FROM (SELECT c.account_id, sum(c.amount) AS amount
              FROM unnest(account_ids, amounts, verdicts) AS c (account_id, amount, verdict)
             WHERE c.verdict = 'admitted' AND c.account_id IS NOT NULL
             GROUP BY c.account_id) h
     WHERE b.account_id = h.account_id;

    RETURN QUERY
    SELECT c.item, CASE WHEN c.verdict = 'admitted' AND c.body IS NULL THEN 'waiting' ELSE c.verdict END,
           o.state, o.events
      FROM unnest(order_ids, verdicts, bodies) WITH ORDINALITY AS c (order_id, verdict, body, item)
      -- Refused for funds, it saw no order; a later item of the batch may have made one since.
      LEFT JOIN orders o ON o.order_id = c.order_id AND c.verdict <> 'insufficient_funds';
END $$;
