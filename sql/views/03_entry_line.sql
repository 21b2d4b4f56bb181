-- Every line ever posted, with its place in its journal. balance_after is the account's posted balance after the line.
CREATE OR REPLACE VIEW ledger.numbered_line AS
SELECT e.journal_id, j.order_id, j.at, a.name AS account, s.provider, s.coin,
       trim_scale(e.amount) AS amount, e.purpose, trim_scale(e.balance_after) AS balance_after, e.line
  FROM ledger.entry e
  JOIN ledger.journal j ON j.id = e.journal_id
  JOIN ledger.account a ON a.id = e.account_id
  JOIN ledger.asset s ON s.id = a.asset_id;

-- The same with exactly the columns that the contract names: consumers may read it by position.
CREATE OR REPLACE VIEW ledger.entry_line AS
SELECT journal_id, order_id, at, account, provider, coin, amount, purpose, balance_after
  FROM ledger.numbered_line;
