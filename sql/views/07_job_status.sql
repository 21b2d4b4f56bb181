-- The scheduled jobs: when each last ran, how long, what it did, and when it is due.
CREATE OR REPLACE VIEW ledger.job_status AS
SELECT name, run, started_at, finished_at, seconds, result, due_at
  FROM ledger.job;
