-- A history as the ledger would have written it: orders that have succeeded, each with its journal. In bulk, past the
-- functions and with triggers off; the audit finds nothing in it.
SET session_replication_role = replica;
CREATE TEMP TABLE chosen AS
    SELECT a.id, row_number() OVER (ORDER BY a.id) - 1 AS place, b.version, b.posted
      FROM ledger.account a JOIN ledger.balance b ON b.account_id = a.id
     WHERE a.name LIKE 'user:payer%';
CREATE TEMP TABLE line AS
    SELECT o.number, l.line, c.id AS account_id, CASE WHEN l.line = 1 THEN -0.04 ELSE 0.01 END AS amount
      FROM generate_series(1, current_setting('bench.orders')::integer) AS o (number)
     CROSS JOIN generate_series(1, current_setting('bench.lines')::integer) AS l (line)
      JOIN chosen c ON c.place = (o.number * 7 + l.line) % (SELECT count(*) FROM chosen);
INSERT INTO ledger.orders (order_id, type, provider, fingerprint, command, state, revision, attempts, doubtful,
                           provider_ref, events, created_at, updated_at)
    SELECT 'past-' || n, 'transfer', 'ccpayment', decode(md5(n::text), 'hex'),
           jsonb_build_object('type', 'transfer', 'orderId', 'past-' || n, 'fromUserId', 'payer0001',
                              'toUserId', 'payer0002', 'coinId', current_setting('bench.coin')::integer, 'amount', '0.04'),
           'succeeded', 2, 1, '{}', 'ref-' || n, 1, at, at
      FROM (SELECT n, now() - (current_setting('bench.orders')::integer - n) * interval '1 second' AS at FROM generate_series(1, current_setting('bench.orders')::integer) n) o;
INSERT INTO ledger.attempt (order_id, number, body, created_at, signed_at, signature)
    SELECT order_id, 1, convert_to(command::text, 'UTF8'), created_at, created_at, repeat('f', 64)
      FROM ledger.orders WHERE order_id LIKE 'past-%';
INSERT INTO ledger.evidence (order_id, at, attempt, source, verdict)
    SELECT order_id, created_at, 1, 'answer', 'succeeded' FROM ledger.orders WHERE order_id LIKE 'past-%';
INSERT INTO ledger.outbox (event_id, order_id, sequence, terminal, routing_key, body, created_at, lease_until,
                           published_at)
    SELECT gen_random_uuid(), order_id, 1, true, 'transfer.succeeded', repeat('x', 600), created_at, created_at,
           created_at
      FROM ledger.orders WHERE order_id LIKE 'past-%';
CREATE TEMP TABLE posted AS
    SELECT nextval('ledger.journal_id_seq') AS id, n AS number FROM generate_series(1, current_setting('bench.orders')::integer) n;
INSERT INTO ledger.journal (id, order_id, at) OVERRIDING SYSTEM VALUE
    SELECT p.id, o.order_id, o.created_at FROM posted p JOIN ledger.orders o ON o.order_id = 'past-' || p.number;
INSERT INTO ledger.entry (account_id, version, journal_id, line, amount, purpose, balance_after)
    SELECT l.account_id, c.version + row_number() OVER so_far, p.id, l.line, l.amount, 'transfer',
           c.posted + sum(l.amount) OVER so_far
      FROM line l JOIN chosen c ON c.id = l.account_id JOIN posted p ON p.number = l.number
    WINDOW so_far AS (PARTITION BY l.account_id ORDER BY l.number, l.line);
UPDATE ledger.balance b
   SET posted = b.posted + s.amount, version = b.version + s.lines
  FROM (SELECT account_id, sum(amount) AS amount, count(*) AS lines FROM line GROUP BY account_id) s
 WHERE s.account_id = b.account_id;
SET session_replication_role = origin;
