-- Events carry the app_id of the command that they are about, as they carry its trace context. Nothing is rewritten:
-- a column without a default is added at once, whatever the table holds.
ALTER TABLE ledger.outbox ADD COLUMN app_id text;
