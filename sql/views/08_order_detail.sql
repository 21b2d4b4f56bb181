-- All that is known of an order, for whoever has to decide about it.
CREATE OR REPLACE VIEW ledger.order_detail AS
SELECT o.order_id, o.type, o.provider, o.state, o.command, o.provider_ref, o.error_code, a.name AS hold_account,
       trim_scale(o.hold_amount) AS hold_amount, o.attempts, o.doubtful, o.polls, o.due_at, o.doubt_since,
       o.expires_at, o.message_id, o.correlation_id, o.app_id, o.created_at, o.updated_at
  FROM ledger.orders o
  LEFT JOIN ledger.account a ON a.id = o.hold_account_id;

-- What was about to be sent, and when it was signed. The signatures stay in the table.
CREATE OR REPLACE VIEW ledger.attempt_line AS
SELECT order_id, number, convert_from(body, 'UTF8') AS body, signed_at, created_at
  FROM ledger.attempt;

-- Withdrawals whose second confirmation was refused.
CREATE OR REPLACE VIEW ledger.refused_confirmation AS
SELECT provider, provider_ref, reason, at
  FROM ledger.refusal;
