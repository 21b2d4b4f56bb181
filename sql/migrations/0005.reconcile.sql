-- What reconciliation found: where a provider's books and ours differ. It never changes either.

-- One row per thing that differs, as long as it differs in one way; another difference is another row.
CREATE TABLE ledger.difference (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    subject text NOT NULL, -- what was compared: an account's coin, or a record
    what text NOT NULL,
    account text,
    coin text,
    ledger_amount ledger.total,
    provider_amount ledger.total,
    order_id text,
    record_id text,
    message text NOT NULL,
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    closed_at timestamptz, -- when a run compared it again and found it equal, or different in another way
    CONSTRAINT difference_kind_is_known CHECK (
        what IN ('balance', 'v1 balance', 'transfer', 'swap', 'withdrawal', 'deposit'))
);

-- Prevents a second row for what is open already.
CREATE UNIQUE INDEX difference_open_once ON ledger.difference (provider, subject) WHERE closed_at IS NULL;

-- Up to when a provider's records have been compared.
CREATE TABLE ledger.reconciliation (
    provider text PRIMARY KEY,
    read_until timestamptz NOT NULL
);

-- What ended in a span of time. Block ranges: both are written in the order of time, and cost next to nothing.
CREATE INDEX evidence_at ON ledger.evidence USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX deposit_updated_at ON ledger.deposit USING brin (updated_at) WITH (pages_per_range = 32, autosummarize = on);
