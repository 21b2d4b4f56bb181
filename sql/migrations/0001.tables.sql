-- The tables of the ledger. Nobody writes them but the functions in sql/functions.

-- Exact money: no NaN, no infinity, at most 38 integer digits and 24 decimals.
-- 24, because providers pad the amounts in their records to 24 decimals.
CREATE DOMAIN ledger.amount AS numeric
    CONSTRAINT amount_is_exact CHECK (abs(VALUE) < 1e38 AND scale(VALUE) <= 24);

-- What amounts add up to: wider, so that no sum of amounts that were accepted can fail to be posted.
CREATE DOMAIN ledger.total AS numeric
    CONSTRAINT total_is_exact CHECK (abs(VALUE) < 1e60 AND scale(VALUE) <= 24);

CREATE TABLE ledger.asset (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    coin text NOT NULL,
    CONSTRAINT asset_once UNIQUE (provider, coin)
);

CREATE TABLE ledger.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id bigint NOT NULL REFERENCES ledger.asset (id),
    name text NOT NULL,
    CONSTRAINT account_once UNIQUE (asset_id, name),
    CONSTRAINT account_name_is_known CHECK (name IN ('merchant', 'custody') OR name LIKE 'user:_%')
);

-- Apart from account, so that the foreign key checks of entry and orders never wait
-- for a hot balance row. Half-filled pages keep its updates in place (HOT).
CREATE TABLE ledger.balance (
    account_id bigint PRIMARY KEY REFERENCES ledger.account (id),
    posted ledger.total NOT NULL DEFAULT 0, -- the sum of the account's entries
    held ledger.total NOT NULL DEFAULT 0,   -- promised to open orders
    floor ledger.amount,                     -- NULL: may go below zero without end (custody)
    version bigint NOT NULL DEFAULT 0,       -- the number of the account's last entry
    CONSTRAINT balance_is_not_overdrawn CHECK (floor IS NULL OR posted - held >= floor),
    CONSTRAINT hold_is_not_negative CHECK (held >= 0)
) WITH (fillfactor = 50);

CREATE TABLE ledger.orders (
    order_id text PRIMARY KEY, -- one order per orderId, for ever: prevents the second execution
    type text NOT NULL,
    provider text NOT NULL,
    fingerprint bytea NOT NULL, -- SHA-256 of the canonical content: tells a repeat from a conflict
    command jsonb NOT NULL,
    state text NOT NULL,
    revision integer NOT NULL DEFAULT 1, -- every change counts it up: a decision made on an old one is refused
    hold_account_id bigint REFERENCES ledger.account (id),
    hold_amount ledger.amount,
    attempts integer NOT NULL DEFAULT 0,
    doubtful integer[] NOT NULL DEFAULT '{}', -- attempts that may still have had an effect
    polls integer NOT NULL DEFAULT 0,         -- looks since it became unknown or processing
    due_at timestamptz,      -- when somebody goes on with it; while one works on it, the end of the lease
    doubt_since timestamptz, -- when it became unknown
    absent_at timestamptz,   -- the first reading that counts towards a proof of absence
    provider_ref text,
    error_code text,
    expires_at timestamptz,
    events integer NOT NULL DEFAULT 0, -- the sequence of its last event
    message_id text,
    correlation_id text,
    app_id text,
    traceparent text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT order_id_is_well_formed CHECK (order_id ~ '^[A-Za-z0-9_-]{3,64}$'),
    CONSTRAINT order_state_is_known CHECK (state IN (
        'held',       -- the intent is durable, funds are held, nothing is in flight -> sending | failed
        'sending',    -- an attempt is durable and may have left -> any but rejected
        'unknown',    -- the fate of an attempt is not known -> held | sending | processing | review | succeeded | failed
        'processing', -- the provider has it under an id -> review | succeeded | failed
        'review',     -- a person must decide; late evidence also ends it -> succeeded | failed
        'succeeded',  -- terminal: posted
        'failed',     -- terminal: hold released
        'rejected'    -- terminal: never accepted, nothing was held
    )),
    CONSTRAINT order_is_due_until_terminal CHECK ((state IN ('succeeded', 'failed', 'rejected')) = (due_at IS NULL)),
    CONSTRAINT order_hold_is_whole CHECK ((hold_account_id IS NULL) = (hold_amount IS NULL) AND hold_amount > 0)
);

CREATE INDEX orders_due ON ledger.orders (due_at) WHERE due_at IS NOT NULL;

-- What was about to be sent, byte for byte, committed before it was sent. Append-only.
CREATE TABLE ledger.attempt (
    order_id text NOT NULL REFERENCES ledger.orders (order_id),
    number integer NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT attempt_once PRIMARY KEY (order_id, number)
);

-- Everything that was learned about an order, and from where. Append-only.
CREATE TABLE ledger.evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL REFERENCES ledger.orders (order_id),
    at timestamptz NOT NULL,
    attempt integer NOT NULL,
    source text NOT NULL,  -- answer: to the attempt itself; record: a look-up; worker: our own rule
    verdict text NOT NULL,
    provider_code text,
    message text
);

CREATE INDEX evidence_of_order ON ledger.evidence (order_id);

CREATE TABLE ledger.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL,
    at timestamptz NOT NULL,
    reason text,
    CONSTRAINT journal_once UNIQUE (order_id) -- prevents posting one order twice
);

-- Append-only. (account, version) is gapless: each entry names the balance it left behind.
CREATE TABLE ledger.entry (
    account_id bigint NOT NULL REFERENCES ledger.account (id),
    version bigint NOT NULL,
    journal_id bigint NOT NULL REFERENCES ledger.journal (id),
    line smallint NOT NULL,
    amount ledger.amount NOT NULL,
    purpose text NOT NULL,
    balance_after ledger.total NOT NULL,
    CONSTRAINT entry_once PRIMARY KEY (account_id, version),
    CONSTRAINT entry_moves_something CHECK (amount <> 0)
);

CREATE INDEX entry_of_journal ON ledger.entry (journal_id);

-- Events, written in the transaction that made them true, published afterwards.
CREATE TABLE ledger.outbox (
    event_id uuid PRIMARY KEY,
    order_id text REFERENCES ledger.orders (order_id), -- NULL: about a message that never became an order
    sequence integer NOT NULL,
    terminal boolean NOT NULL,
    routing_key text NOT NULL,
    body text NOT NULL,
    correlation_id text,
    traceparent text,
    created_at timestamptz NOT NULL,
    lease_token uuid,                 -- who is publishing it
    lease_until timestamptz NOT NULL, -- when others may
    published_at timestamptz
);

-- Prevents a second end of one order.
CREATE UNIQUE INDEX outbox_terminal_once ON ledger.outbox (order_id) WHERE terminal;
CREATE INDEX outbox_unpublished ON ledger.outbox (lease_until) WHERE published_at IS NULL;

-- Late evidence that contradicts how an order ended. Never edits the books; shown by ledger.violation.
CREATE TABLE ledger.contradiction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL REFERENCES ledger.orders (order_id),
    at timestamptz NOT NULL,
    detail text NOT NULL,
    CONSTRAINT contradiction_once UNIQUE (order_id, detail)
);
