-- Every promise of the ledger, as a query for the rows that break it. Empty, or somebody must look.
CREATE OR REPLACE VIEW ledger.violation AS

SELECT 'journal sums to zero' AS invariant,
       format('journal %s (%s) sums to %s', e.journal_id, a.asset_id, sum(e.amount)) AS detail
  FROM ledger.entry e
  JOIN ledger.account a ON a.id = e.account_id
 GROUP BY e.journal_id, a.asset_id
HAVING sum(e.amount) <> 0

UNION ALL
SELECT 'journal has lines', format('journal %s of %s has none', j.id, j.order_id)
  FROM ledger.journal j
 WHERE NOT EXISTS (SELECT FROM ledger.entry e WHERE e.journal_id = j.id)

UNION ALL
SELECT 'balance is the sum of its entries',
       format('%s %s/%s: posted %s version %s, entries %s count %s last %s', a.name, s.provider, s.coin, b.posted,
              b.version, e.amount, e.lines, e.version)
  FROM ledger.balance b
  JOIN ledger.account a ON a.id = b.account_id
  JOIN ledger.asset s ON s.id = a.asset_id
  LEFT JOIN (SELECT account_id, sum(amount) AS amount, count(*) AS lines, max(version) AS version
               FROM ledger.entry
              GROUP BY account_id) e ON e.account_id = b.account_id
 WHERE b.posted <> coalesce(e.amount, 0)
    OR b.version <> coalesce(e.lines, 0)
    OR b.version <> coalesce(e.version, 0)

UNION ALL
SELECT 'entries are a chain',
       format('account %s version %s: balance_after %s is not what was before plus %s',
              c.account_id, c.version, c.balance_after, c.amount)
  FROM (SELECT account_id, version, amount, balance_after,
               lag(balance_after, 1, 0::numeric) OVER (PARTITION BY account_id ORDER BY version) AS balance_before
          FROM ledger.entry) c
 WHERE c.balance_before + c.amount <> c.balance_after

UNION ALL
SELECT 'account has a balance', format('account %s (%s) has none', a.id, a.name)
  FROM ledger.account a
 WHERE NOT EXISTS (SELECT FROM ledger.balance b WHERE b.account_id = a.id)

UNION ALL
SELECT 'nobody but custody is overdrawn', format('account %s (%s): posted %s held %s', a.id, a.name, b.posted, b.held)
  FROM ledger.balance b
  JOIN ledger.account a ON a.id = b.account_id
 WHERE a.name <> 'custody' AND (b.floor IS DISTINCT FROM 0 OR b.posted - b.held < 0)

UNION ALL
SELECT 'held is the sum of the open orders'' holds',
       format('account %s (%s): held %s, open orders %s', a.id, a.name, b.held, coalesce(h.amount, 0))
  FROM ledger.balance b
  JOIN ledger.account a ON a.id = b.account_id
  LEFT JOIN (SELECT hold_account_id, sum(hold_amount) AS amount
               FROM ledger.orders
              WHERE due_at IS NOT NULL
              GROUP BY hold_account_id) h ON h.hold_account_id = b.account_id
 WHERE b.held <> coalesce(h.amount, 0)

UNION ALL
SELECT 'an order ends with exactly one terminal event',
       format('%s is %s and has %s', o.order_id, o.state, CASE WHEN t.order_id IS NULL THEN 'none' ELSE 'one' END)
  FROM ledger.orders o
  LEFT JOIN ledger.outbox t ON t.order_id = o.order_id AND t.terminal
 WHERE o.type <> 'adjust' AND (o.due_at IS NULL) <> (t.order_id IS NOT NULL)

UNION ALL
SELECT 'what succeeded is posted, and nothing else',
       format('%s is %s and has %s journal', o.order_id, o.state, CASE WHEN j.id IS NULL THEN 'no' ELSE 'a' END)
  FROM ledger.orders o
  LEFT JOIN ledger.journal j
         ON j.order_id = CASE WHEN o.type IN ('payOrder', 'rescan') THEN format('deposit:%s:%s', o.provider, o.provider_ref)
                              ELSE o.order_id END
 WHERE (o.state = 'succeeded') <> (j.id IS NOT NULL)
       -- Their deposits are posted by themselves, before they end, or when they have failed long ago.
   AND (o.state = 'succeeded' OR o.type NOT IN ('payOrder', 'rescan'))

UNION ALL
SELECT 'a journal belongs to an order or a deposit', format('journal %s: %s', j.id, j.order_id)
  FROM ledger.journal j
 WHERE NOT EXISTS (SELECT FROM ledger.orders o WHERE o.order_id = j.order_id)
   AND NOT EXISTS (SELECT FROM ledger.deposit d
                    WHERE d.state = 'credited' AND format('deposit:%s:%s', d.provider, d.record_id) = j.order_id)

UNION ALL
SELECT 'a credited deposit stays what the provider says', format('deposit %s:%s: %s', d.provider, d.record_id, d.note)
  FROM ledger.deposit d
 WHERE d.state = 'credited' AND d.note IS NOT NULL
       -- Until a person has understood it (ledger.close_violations).
   AND NOT EXISTS (SELECT FROM ledger.closing x
                    WHERE x.invariant = 'a credited deposit stays what the provider says'
                      AND x.detail = format('deposit %s:%s: %s', d.provider, d.record_id, d.note))

UNION ALL
SELECT 'a credited deposit is posted', format('deposit %s:%s has no journal', d.provider, d.record_id)
  FROM ledger.deposit d
 WHERE d.state = 'credited'
   AND NOT EXISTS (SELECT FROM ledger.journal j
                    WHERE j.order_id = format('deposit:%s:%s', d.provider, d.record_id))

UNION ALL
SELECT 'every attempt was written down',
       format('%s counts %s attempts, %s are written', o.order_id, o.attempts, count(a.number))
  FROM ledger.orders o
  LEFT JOIN ledger.attempt a ON a.order_id = o.order_id
 GROUP BY o.order_id, o.attempts
HAVING count(a.number) <> o.attempts

UNION ALL
SELECT 'no evidence contradicts how an order ended', format('%s: %s', c.order_id, c.detail)
  FROM ledger.contradiction c
 WHERE NOT EXISTS (SELECT FROM ledger.closing x
                    WHERE x.invariant = 'no evidence contradicts how an order ended'
                      AND x.detail = format('%s: %s', c.order_id, c.detail));
