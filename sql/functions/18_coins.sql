-- Replace what is known of a provider's coins by what it says now: one that it no longer lists is gone.
CREATE OR REPLACE FUNCTION ledger.store_coins(
    provider text, coins text[], symbols text[], decimals integer[], enabled boolean[], minimums numeric[],
    prices numeric[], now timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    DELETE FROM coin c WHERE c.provider = store_coins.provider AND c.coin <> ALL (coins);

    INSERT INTO coin (provider, coin, symbol, decimals, enabled, minimum, price_usd, fetched_at)
    SELECT store_coins.provider, n.*, now
      FROM unnest(coins, symbols, decimals, enabled, minimums, prices) AS n
    ON CONFLICT ON CONSTRAINT coin_once DO UPDATE
       SET symbol = EXCLUDED.symbol, decimals = EXCLUDED.decimals, enabled = EXCLUDED.enabled,
           minimum = EXCLUDED.minimum, price_usd = EXCLUDED.price_usd, fetched_at = EXCLUDED.fetched_at
$$;
