-- Lists that have never been read: from when they are read is written down when they first wait for their turn.
CREATE INDEX deposit_scan_unread ON ledger.deposit_scan (provider) WHERE read_until = '-infinity';
