-- Close what the provider says against an order or a deposit (`deposit:<provider>:<record id>`), by a person who has
-- understood it: it is no violation any more. Returns what was closed now. What is said later, in other words, is open
-- again. Violations of any other kind are ours, and stay until the books are right.
CREATE OR REPLACE FUNCTION ledger.close_violations(subject text, closed_by text, reason text, now timestamptz)
RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO closing (invariant, detail, subject, closed_by, reason, at)
    SELECT said.invariant, said.detail, close_violations.subject, close_violations.closed_by, close_violations.reason,
           now
      FROM (SELECT 'no evidence contradicts how an order ended' AS invariant,
                   format('%s: %s', c.order_id, c.detail) AS detail
              FROM contradiction c
             WHERE c.order_id = close_violations.subject
             UNION ALL
            SELECT 'a credited deposit stays what the provider says',
                   format('deposit %s:%s: %s', d.provider, d.record_id, d.note)
              FROM deposit d
             WHERE d.state = 'credited' AND d.note IS NOT NULL
               AND d.provider = split_part(close_violations.subject, ':', 2)
               AND d.record_id = substr(close_violations.subject,
                                        length('deposit::' || split_part(close_violations.subject, ':', 2)) + 1)
               AND close_violations.subject LIKE 'deposit:%'
           ) said
     ORDER BY said.detail
    ON CONFLICT DO NOTHING
    RETURNING detail
$$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.closing
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
