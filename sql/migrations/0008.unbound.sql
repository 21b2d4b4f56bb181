-- Kinds of events that no queue is bound for. What nobody takes is parked, lease_until 'infinity', and costs nothing
-- until somebody does; only one event of each kind is tried again now and then.
CREATE TABLE ledger.unbound_key (
    routing_key text PRIMARY KEY,
    since timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    is_bound boolean NOT NULL DEFAULT false -- one has arrived: the others are let go
);

CREATE INDEX outbox_parked ON ledger.outbox (routing_key, created_at, event_id)
    WHERE published_at IS NULL AND lease_until = 'infinity';
