-- What providers tell by themselves: withdrawals that were not confirmed, and webhooks that were seen.

-- Ids whose second confirmation was refused. For ever: a copy of the question must never get another answer.
CREATE TABLE ledger.refusal (
    provider text NOT NULL,
    provider_ref text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT refusal_once PRIMARY KEY (provider, provider_ref)
);

-- Signed webhooks that were received, by the SHA-256 of what was signed: prevents acting twice on a replayed one.
CREATE TABLE ledger.webhook (
    provider text NOT NULL,
    digest bytea NOT NULL,
    kind text NOT NULL,
    record_id text,
    received_at timestamptz NOT NULL,
    CONSTRAINT webhook_once PRIMARY KEY (provider, digest)
);
