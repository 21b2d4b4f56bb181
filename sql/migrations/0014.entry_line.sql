-- A view cannot lose a column by being replaced; migrate makes it anew at once, with its grant.

DROP VIEW IF EXISTS ledger.entry_line;
