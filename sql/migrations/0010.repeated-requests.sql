-- Payments to one payee, the ended ones too, by when they last changed: what was signed a moment ago is at the end,
-- however many were made before.
DROP INDEX ledger.orders_payee;
CREATE INDEX orders_payee ON ledger.orders (provider, payee, updated_at) WHERE payee IS NOT NULL;
