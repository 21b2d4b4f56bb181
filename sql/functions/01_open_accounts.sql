-- Accounts come into being on first use. Opened in one order by all, so that two never wait for each other.
-- Returns the id of each given account, in the order given; a NULL name gives a NULL id.
CREATE OR REPLACE FUNCTION ledger.open_accounts(providers text[], coins text[], names text[])
RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    ids := ledger.find_accounts(providers, coins, names);
    IF array_position(ids, NULL) IS NULL
       OR NOT EXISTS (SELECT FROM unnest(ids, names) AS c (id, name) WHERE c.id IS NULL AND c.name IS NOT NULL) THEN
        RETURN ids;
    END IF;

    INSERT INTO ledger.asset (provider, coin)
    SELECT DISTINCT c.provider, c.coin
      FROM unnest(providers, coins, names) AS c (provider, coin, name)
     WHERE c.name IS NOT NULL
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    WITH opened AS (
        INSERT INTO ledger.account (asset_id, name)
        SELECT DISTINCT s.id, c.name
          FROM unnest(providers, coins, names) AS c (provider, coin, name)
          JOIN ledger.asset s USING (provider, coin)
         WHERE c.name IS NOT NULL
         ORDER BY 1, 2
        ON CONFLICT DO NOTHING
        RETURNING id, name
    )
    INSERT INTO ledger.balance (account_id, floor)
    SELECT id, CASE WHEN name = 'custody' THEN NULL ELSE 0 END
      FROM opened;

    -- A user's deposits are looked for from now on.
    INSERT INTO ledger.deposit_scan (provider, of)
    SELECT DISTINCT c.provider, substr(c.name, 6)
      FROM unnest(providers, names) AS c (provider, name)
     WHERE c.name LIKE 'user:%'
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    RETURN ledger.find_accounts(providers, coins, names);
END $$;
