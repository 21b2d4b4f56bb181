-- Whose lists of deposits are to be read, and from when: the merchant's (''), and those of up to `most` users with an
-- account, the longest due first. The merchant's never waits behind users. A list that has never been read is read from
-- `since`, as of when that was first asked: however long it waits for its turn, nothing is left out.
CREATE OR REPLACE FUNCTION ledger.take_scans(
    provider text, since timestamptz, now timestamptz, lease_until timestamptz, most integer
) RETURNS TABLE (of text, read_until timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO deposit_scan (provider, of) VALUES (take_scans.provider, '') ON CONFLICT DO NOTHING;

    WITH unread AS MATERIALIZED (
        SELECT d.of
          FROM deposit_scan d
         WHERE d.provider = take_scans.provider AND d.read_until = '-infinity'
           FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE deposit_scan d SET read_until = since
      FROM unread u
     WHERE d.provider = take_scans.provider AND d.of = u.of;

    WITH merchant AS MATERIALIZED (
        SELECT d.of
          FROM deposit_scan d
         WHERE d.provider = take_scans.provider AND d.of = '' AND d.due_at <= now
           FOR NO KEY UPDATE SKIP LOCKED
    ), users AS MATERIALIZED (
        SELECT d.of
          FROM deposit_scan d
         WHERE d.provider = take_scans.provider AND d.of <> '' AND d.due_at <= now
         ORDER BY d.due_at
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE deposit_scan d SET due_at = lease_until
          FROM (SELECT m.of FROM merchant m UNION ALL SELECT u.of FROM users u) due
         WHERE d.provider = take_scans.provider AND d.of = due.of
        RETURNING d.of, d.read_until
    )
    SELECT t.of, coalesce(nullif(t.read_until, '-infinity'), since) FROM taken t ORDER BY t.of;
$$;

-- A list has been read. One that had nothing new is read less and less often: after one minute, two, … an hour.
CREATE OR REPLACE FUNCTION ledger.end_scan(
    provider text, of text, read_until timestamptz, found boolean, now timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    UPDATE deposit_scan d
       SET read_until = greatest(d.read_until, end_scan.read_until),
           quiet = CASE WHEN found THEN 0 ELSE least(d.quiet + 1, 6) END,
           due_at = now + CASE WHEN found OR d.of = '' THEN interval '1 minute'
                               ELSE least(interval '1 minute' * (2 ^ d.quiet), interval '1 hour') END
     WHERE d.provider = end_scan.provider AND d.of = end_scan.of
$$;
