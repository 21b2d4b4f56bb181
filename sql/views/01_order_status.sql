-- How far each order is.
CREATE OR REPLACE VIEW ledger.order_status AS
SELECT order_id, type, provider, state, provider_ref, attempts, created_at, updated_at, error_code
  FROM ledger.orders;
