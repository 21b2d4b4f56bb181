-- The accounts that open orders may still change at the provider: whom they take from, and whom they give to.
CREATE OR REPLACE FUNCTION ledger.touched(provider text, merchant_user_id text) RETURNS TABLE (account text, coin text)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT CASE WHEN t.account = 'user:' || merchant_user_id THEN 'merchant' ELSE t.account END, t.coin
      FROM ledger.orders o
     CROSS JOIN LATERAL (
        VALUES ('user:' || (o.command ->> 'fromUserId'), o.command ->> 'coinId'),
               ('user:' || (o.command ->> 'toUserId'), o.command ->> 'coinId'),
               ('user:' || (o.command ->> 'userId'), o.command ->> 'coinIdIn'),
               ('user:' || (o.command ->> 'userId'), o.command ->> 'coinIdOut'),
               -- The merchant's own fee of a swap.
               (CASE WHEN o.command ? 'extraFeeRate' THEN 'merchant' END, o.command ->> 'coinIdOut')
           ) AS t (account, coin)
     WHERE o.due_at IS NOT NULL AND o.provider = touched.provider
       AND t.account IS NOT NULL AND t.coin IS NOT NULL
$$;

-- What accounts have of each coin of a provider, with the number of its last entry: the same number, the same books.
-- Touched: an open order may change it at any moment. Of many accounts at once, because all open orders are read for it.
CREATE OR REPLACE FUNCTION ledger.positions(provider text, accounts text[], merchant_user_id text)
RETURNS TABLE (account text, coin text, posted numeric, version bigint, is_touched boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT coalesce(p.account, t.account), coalesce(p.coin, t.coin), coalesce(p.posted, 0), coalesce(p.version, 0),
           t.coin IS NOT NULL
      FROM (SELECT a.name AS account, s.coin, b.posted, b.version
              FROM asset s
              JOIN account a ON a.asset_id = s.id AND a.name = ANY (accounts)
              JOIN balance b ON b.account_id = a.id
             WHERE s.provider = positions.provider) p
      FULL JOIN (SELECT o.account, o.coin
                   FROM touched(provider, merchant_user_id) o
                  WHERE o.account = ANY (accounts)) t ON t.account = p.account AND t.coin = p.coin
$$;

-- What all accounts but custody have together, of each coin.
CREATE OR REPLACE FUNCTION ledger.owned(provider text) RETURNS TABLE (coin text, posted numeric, version numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT s.coin, sum(b.posted), sum(b.version)
      FROM asset s
      JOIN account a ON a.asset_id = s.id AND a.name <> 'custody'
      JOIN balance b ON b.account_id = a.id
     WHERE s.provider = owned.provider
     GROUP BY s.coin
     ORDER BY s.coin
$$;

-- The names of a provider's accounts but custody, a page after another.
CREATE OR REPLACE FUNCTION ledger.account_names(provider text, after text, most integer) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- Of each coin no more than are asked for: else each page would read all names that come after it.
    SELECT DISTINCT n.name
      FROM asset s
     CROSS JOIN LATERAL (SELECT a.name
                           FROM account a
                          WHERE a.asset_id = s.id AND a.name <> 'custody' AND a.name > after
                          ORDER BY a.name
                          LIMIT most) n
     WHERE s.provider = account_names.provider
     ORDER BY n.name
     LIMIT most
$$;

-- Open orders at a provider whose balance is one for all accounts, and pay orders that ended unpaid and are still
-- watched. `in_doubt`: it may have been sent, and no id of the provider says so yet.
CREATE OR REPLACE FUNCTION ledger.open_payments(provider text)
RETURNS TABLE (
    order_id text, type text, coin text, amount numeric, provider_ref text, in_doubt boolean, revision integer
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    -- Two readings, each by an index of its own: in one, with OR, all orders that there ever were would be read.
    SELECT o.order_id, o.type, o.command ->> 'coin', (o.command ->> 'amount')::numeric, o.provider_ref,
           o.provider_ref IS NULL AND o.doubtful <> '{}', o.revision
      FROM orders o
     WHERE o.provider = open_payments.provider AND o.type IN ('payout', 'withdraw', 'payOrder')
       AND o.due_at IS NOT NULL
     UNION ALL
    SELECT o.order_id, o.type, o.command ->> 'coin', (o.command ->> 'amount')::numeric, o.provider_ref,
           o.provider_ref IS NULL AND o.doubtful <> '{}', o.revision
      FROM orders o
     WHERE o.provider = open_payments.provider AND o.type IN ('payout', 'withdraw', 'payOrder')
       AND o.due_at IS NULL
       AND o.order_id IN (SELECT d.order_id
                            FROM deposit d
                           WHERE d.provider = open_payments.provider AND d.due_at IS NOT NULL
                             AND d.order_id IS NOT NULL AND d.state <> 'credited')
     ORDER BY 1
$$;
