-- Every line ever posted. balance_after is the account's posted balance after the line.
CREATE OR REPLACE VIEW ledger.entry_line AS
SELECT e.journal_id, j.order_id, j.at, a.name AS account, s.provider, s.coin,
       trim_scale(e.amount) AS amount, e.purpose, trim_scale(e.balance_after) AS balance_after, e.line
  FROM ledger.entry e
  JOIN ledger.journal j ON j.id = e.journal_id
  JOIN ledger.account a ON a.id = e.account_id
  JOIN ledger.asset s ON s.id = a.asset_id;
