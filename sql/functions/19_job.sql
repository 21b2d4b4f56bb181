-- Take a job whose period has come, or whose last run was never ended. The number of the run; NULL: it is not due.
CREATE OR REPLACE FUNCTION ledger.take_job(name text, now timestamptz, lease_until timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO job AS j (name, run, due_at, started_at)
    VALUES (name, 1, lease_until, now)
    ON CONFLICT ON CONSTRAINT job_pkey DO UPDATE
       SET run = j.run + 1, due_at = EXCLUDED.due_at, started_at = EXCLUDED.started_at
     WHERE j.due_at <= now
    RETURNING run
$$;

-- Have a run for longer; false when it has ended, or another has begun meanwhile.
CREATE OR REPLACE FUNCTION ledger.keep_job(name text, run bigint, lease_until timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    WITH kept AS (
        UPDATE job j SET due_at = lease_until
         WHERE j.name = keep_job.name AND j.run = keep_job.run
           AND (j.finished_at IS NULL OR j.finished_at <= j.started_at)
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM kept)
$$;

-- Say that a run ended, and when the next is due. Nothing happens when another run has begun meanwhile.
CREATE OR REPLACE FUNCTION ledger.end_job(
    name text, run bigint, now timestamptz, next_at timestamptz, result text
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE job j
       SET due_at = next_at, finished_at = now, seconds = extract(epoch FROM now - j.started_at), result = end_job.result
     WHERE j.name = end_job.name AND j.run = end_job.run
$$;
