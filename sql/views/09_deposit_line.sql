-- Every deposit that a provider has told of: credited, or why not.
CREATE OR REPLACE VIEW ledger.deposit_line AS
SELECT provider, record_id, kind, state, account, coin, trim_scale(amount) AS amount, trim_scale(fee) AS fee, chain, tx_id,
       output, address, memo, note, order_id, rescans, seen_at, updated_at, due_at
  FROM ledger.deposit;
