-- What providers say of their coins, and since when.
CREATE OR REPLACE VIEW ledger.coin_data AS
SELECT provider, coin, symbol, decimals, enabled, trim_scale(minimum) AS minimum, trim_scale(price_usd) AS price_usd,
       fetched_at
  FROM ledger.coin;
