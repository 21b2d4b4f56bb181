-- Where a provider's books and ours differ, or did; closed_at is NULL as long as they do.
CREATE OR REPLACE VIEW ledger.drift AS
SELECT provider, what, account, coin, trim_scale(ledger_amount) AS ledger_amount,
       trim_scale(provider_amount) AS provider_amount, order_id, record_id, message, opened_at AS since, seen_at, closed_at
  FROM ledger.difference;
