-- What was learned about each order, and from where.
CREATE OR REPLACE VIEW ledger.evidence_line AS
SELECT order_id, at, attempt, source, verdict, provider_code, message
  FROM ledger.evidence;
