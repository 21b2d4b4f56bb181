-- Settle what was learned about orders: post | release | wait, with the evidence and the event, in one transaction.
--
-- Each item is a decision made on one revision of its order. It is applied whole if the order is still at that
-- revision and not terminal; otherwise nothing of it is. Verdicts:
--   settled   it was applied
--   stale     the order has moved on: the caller reads it and decides again
--   taken     the order is at that revision, and the provider's id belongs to another one sent without an order id
-- A terminal state releases the order's hold. Lines are posted as one journal per order.
CREATE OR REPLACE FUNCTION ledger.settle(
    order_ids text[],
    revisions integer[],
    states text[],
    due_ats timestamptz[],
    provider_refs text[],
    error_codes text[],
    doubtfuls text[],            -- each an integer[] as text
    doubt_sinces timestamptz[],
    absent_ats timestamptz[],
    poll_counts integer[],
    attempt_numbers integer[],   -- the evidence: which attempt it is about
    sources text[],
    verdicts text[],
    provider_codes text[],
    messages text[],
    event_items integer[],       -- events of all items, in order: the item (1-based) …
    event_ids uuid[],            -- … and the event
    event_sequences integer[],
    event_terminals boolean[],
    routing_keys text[],
    event_bodies text[],
    correlation_ids text[],
    line_items integer[],        -- lines of all items, in order: the item (1-based) …
    line_accounts text[],        -- … and the line
    line_coins text[],
    line_amounts numeric[],
    line_purposes text[],
    now timestamptz,
    lease_token uuid,
    lease_until timestamptz
) RETURNS TABLE (item bigint, verdict text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
    -- Per item, what never changes of its order: read before the locks, because it says what to lock.
    order_providers text[];
    hold_account_ids bigint[];
    hold_amounts numeric[];
    traceparents text[];
    app_ids text[];
    sends boolean; -- whether any of them is a payment without an order id

    line_account_ids bigint[];
    taken bigint[] := '{}';
    passed boolean[]; -- per item: whether it is applied
    journal_ids bigint[];
    told integer[] := array_fill(NULL::integer, ARRAY[cardinality(order_ids)]); -- per item: its last event's sequence
BEGIN
    SELECT array_agg(o.provider ORDER BY c.item), array_agg(o.hold_account_id ORDER BY c.item),
           array_agg(o.hold_amount ORDER BY c.item), array_agg(o.traceparent ORDER BY c.item),
           array_agg(o.app_id ORDER BY c.item), bool_or(o.payee IS NOT NULL)
      INTO order_providers, hold_account_ids, hold_amounts, traceparents, app_ids, sends
      FROM unnest(order_ids) WITH ORDINALITY AS c (order_id, item)
      LEFT JOIN orders o ON o.order_id = c.order_id;

    IF cardinality(line_items) > 0 THEN
        line_account_ids := open_accounts(
            ARRAY(SELECT order_providers[l.item] FROM unnest(line_items) WITH ORDINALITY AS l (item, ordinal)
                   ORDER BY l.ordinal),
            line_coins, line_accounts);
    END IF;

    PERFORM FROM balance b
      WHERE b.account_id = ANY (line_account_ids || hold_account_ids)
      ORDER BY b.account_id
        FOR NO KEY UPDATE;

    PERFORM FROM orders o
      WHERE o.order_id = ANY (order_ids)
      ORDER BY o.order_id
        FOR NO KEY UPDATE;

    IF sends THEN
        -- One after the other: else the second of two that bind one id would not see the first, and fail on the index.
        PERFORM pg_advisory_xact_lock(k.key)
          FROM (SELECT DISTINCT hashtextextended(r.provider_ref, 0) AS key
                  FROM unnest(provider_refs) AS r (provider_ref)
                 WHERE r.provider_ref IS NOT NULL
                 ORDER BY 1) k;
        taken := ARRAY(
            SELECT c.item
              FROM unnest(order_ids, provider_refs) WITH ORDINALITY AS c (order_id, provider_ref, item)
              JOIN orders o ON o.order_id = c.order_id AND o.payee IS NOT NULL
             WHERE o.revision = revisions[c.item] -- else it is stale: the order may have got an id of its own
               AND EXISTS (SELECT FROM orders b
                            WHERE b.provider = o.provider AND b.provider_ref = c.provider_ref
                              AND b.payee IS NOT NULL AND b.order_id <> o.order_id));
    END IF;

    -- A statement of its own, after the locks: it sees what others committed while we waited. What an order must be
    -- to pass stands in no condition of the join: the planner might read the index of all that are due, for each
    -- item. Of two decisions for one order in a batch the first passes and makes the second stale.
    passed := ARRAY(
        SELECT f.fits AND row_number() OVER (PARTITION BY f.order_id, f.fits ORDER BY f.item) = 1
          FROM (SELECT c.item, c.order_id, c.item <> ALL (taken)
                       AND coalesce(o.revision = c.revision AND o.due_at IS NOT NULL, false) AS fits
                  FROM unnest(order_ids, revisions) WITH ORDINALITY AS c (order_id, revision, item)
                  LEFT JOIN orders o ON o.order_id = c.order_id) f
         ORDER BY f.item);

    IF cardinality(line_items) > 0 THEN
        -- One for each item, posted or not: so the lines find theirs by the item's number.
        journal_ids := ARRAY(SELECT nextval('journal_id_seq') FROM unnest(order_ids));

        INSERT INTO journal (id, order_id, at) OVERRIDING SYSTEM VALUE
        SELECT journal_ids[i.item], order_ids[i.item], now
          FROM (SELECT DISTINCT l.item FROM unnest(line_items) AS l (item)) i
         WHERE passed[i.item]
         ORDER BY i.item;

        INSERT INTO entry (account_id, version, journal_id, line, amount, purpose, balance_after)
        SELECT l.account_id, b.version + row_number() OVER account_so_far, journal_ids[l.item],
               row_number() OVER (PARTITION BY l.item ORDER BY l.ordinal), l.amount, l.purpose,
               b.posted + sum(l.amount) OVER account_so_far
          FROM unnest(line_items, line_account_ids, line_amounts, line_purposes) WITH ORDINALITY
               AS l (item, account_id, amount, purpose, ordinal)
          JOIN balance b ON b.account_id = l.account_id
         WHERE passed[l.item]
        WINDOW account_so_far AS (PARTITION BY l.account_id ORDER BY l.ordinal);
    END IF;

    UPDATE balance b
       SET posted = b.posted + d.amount, version = b.version + d.lines, held = b.held - d.released
      FROM (SELECT m.account_id, sum(m.amount) AS amount, sum(m.lines) AS lines, sum(m.released) AS released
              FROM (SELECT l.account_id, l.amount, 1 AS lines, 0 AS released
                      FROM unnest(line_items, line_account_ids, line_amounts) AS l (item, account_id, amount)
                     WHERE passed[l.item]
                     UNION ALL
                    SELECT c.hold_account_id, 0, 0, c.hold_amount
                      FROM unnest(hold_account_ids, hold_amounts, due_ats, passed)
                           AS c (hold_account_id, hold_amount, due_at, passed)
                     WHERE c.passed AND c.due_at IS NULL AND c.hold_account_id IS NOT NULL) m
             GROUP BY m.account_id) d
     WHERE b.account_id = d.account_id;

    FOR i IN 1 .. cardinality(event_items) LOOP
        told[event_items[i]] := greatest(told[event_items[i]], event_sequences[i]);
    END LOOP;

    UPDATE orders o
       SET state = c.state, revision = o.revision + 1, due_at = c.due_at,
           provider_ref = coalesce(c.provider_ref, o.provider_ref), error_code = c.error_code,
           doubtful = c.doubtful::integer[], doubt_since = c.doubt_since, absent_at = c.absent_at, polls = c.polls,
           events = greatest(o.events, c.told), updated_at = now
      FROM unnest(order_ids, states, due_ats, provider_refs, error_codes, doubtfuls, doubt_sinces, absent_ats,
                  poll_counts, told, passed)
           AS c (order_id, state, due_at, provider_ref, error_code, doubtful, doubt_since, absent_at, polls, told,
                 passed)
     WHERE o.order_id = c.order_id AND c.passed;

    INSERT INTO evidence (order_id, at, attempt, source, verdict, provider_code, message)
    SELECT c.order_id, now, c.attempt, c.source, c.verdict, c.provider_code, c.message
      FROM unnest(order_ids, attempt_numbers, sources, verdicts, provider_codes, messages, due_ats, passed)
           AS c (order_id, attempt, source, verdict, provider_code, message, due_at, passed)
     WHERE c.passed
           -- Told once: an order that waits for days is looked at every minute, and mostly says the same.
       AND (c.due_at IS NULL OR NOT EXISTS (
            SELECT
              FROM (SELECT * FROM evidence e WHERE e.order_id = c.order_id ORDER BY e.id DESC LIMIT 1) last
             WHERE (last.attempt, last.source, last.verdict) = (c.attempt, c.source, c.verdict)
               AND (last.provider_code, last.message) IS NOT DISTINCT FROM (c.provider_code, c.message)));

    INSERT INTO outbox (event_id, order_id, sequence, terminal, routing_key, body, correlation_id, traceparent,
                        app_id, created_at, lease_token, lease_until)
    SELECT e.event_id, order_ids[e.item], e.sequence, e.terminal, e.routing_key, e.body, e.correlation_id,
           traceparents[e.item], app_ids[e.item], now, lease_token, lease_until
      FROM unnest(event_items, event_ids, event_sequences, event_terminals, routing_keys, event_bodies,
                  correlation_ids)
           AS e (item, event_id, sequence, terminal, routing_key, body, correlation_id)
     WHERE passed[e.item];

    RETURN QUERY
    SELECT c.item, CASE WHEN c.passed THEN 'settled'
                        -- After an earlier one of the batch for its order it is stale, whatever it found taken.
                        WHEN c.item = ANY (taken)
                             AND NOT bool_or(c.passed) OVER (PARTITION BY c.order_id ORDER BY c.item) THEN 'taken'
                        ELSE 'stale' END
      FROM unnest(passed, order_ids) WITH ORDINALITY AS c (passed, order_id, item);
END $$;
