-- What each account has: posted, promised to open orders, and left.
CREATE OR REPLACE VIEW ledger.account_balance AS
SELECT a.name AS account, s.provider, s.coin,
       trim_scale(b.posted) AS posted, trim_scale(b.held) AS held, trim_scale(b.posted - b.held) AS available
  FROM ledger.balance b
  JOIN ledger.account a ON a.id = b.account_id
  JOIN ledger.asset s ON s.id = a.asset_id;
