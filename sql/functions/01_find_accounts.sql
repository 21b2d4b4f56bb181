-- The id of each given account, in the order given; NULL where there is none. In plpgsql, which keeps the plan: a
-- function in SQL is planned anew in each transaction.
CREATE OR REPLACE FUNCTION ledger.find_accounts(providers text[], coins text[], names text[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT a.id
          FROM unnest(providers, coins, names) WITH ORDINALITY AS c (provider, coin, name, item)
          LEFT JOIN ledger.asset s ON s.provider = c.provider AND s.coin = c.coin
          LEFT JOIN ledger.account a ON a.asset_id = s.id AND a.name = c.name
         ORDER BY c.item);
END $$;
