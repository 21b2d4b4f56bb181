-- Evidence against the books that a person has understood: what it was, who says so, and why.
CREATE OR REPLACE VIEW ledger.closed_violation AS
SELECT subject, invariant, detail, closed_by, reason, at
  FROM ledger.closing;
