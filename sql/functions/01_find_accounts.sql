-- The id of each given account, in the order given; NULL where there is none.
CREATE OR REPLACE FUNCTION ledger.find_accounts(providers text[], coins text[], names text[])
RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.id ORDER BY c.item)
      FROM unnest(providers, coins, names) WITH ORDINALITY AS c (provider, coin, name, item)
      LEFT JOIN ledger.asset s ON s.provider = c.provider AND s.coin = c.coin
      LEFT JOIN ledger.account a ON a.asset_id = s.id AND a.name = c.name
$$;
