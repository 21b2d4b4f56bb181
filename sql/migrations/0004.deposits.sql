-- Deposits at providers: each credited once, or seen and explained.

CREATE TABLE ledger.deposit (
    provider text NOT NULL,
    record_id text NOT NULL,
    kind text NOT NULL, -- user: to a user's own address; app: to the merchant; payOrder: a pay order that was paid
    state text NOT NULL,
    account text NOT NULL,
    coin text NOT NULL,
    amount ledger.amount,
    fee ledger.amount,
    chain text NOT NULL,
    tx_id text,
    output integer,      -- which of the transaction's outputs; NULL: the provider does not say
    address text,
    memo text,
    note text,           -- why it is not credited
    order_id text REFERENCES ledger.orders (order_id), -- the order that it was paid for, or that it ended
    rescans integer NOT NULL DEFAULT 0, -- how often the provider was asked to look again
    seen_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    due_at timestamptz,  -- when it is looked at again; NULL: never
    CONSTRAINT deposit_pkey PRIMARY KEY (provider, record_id),
    CONSTRAINT deposit_kind_is_known CHECK (kind IN ('user', 'app', 'payOrder')),
    CONSTRAINT deposit_state_is_known CHECK (state IN (
        'pending',  -- seen, not final -> credited | risky | failed | repeated
        'risky',    -- flagged: the provider does not credit it, so neither do we -> credited when the flag goes
        'failed',   -- the provider says so -> credited, should it say otherwise later
        'repeated', -- another record of what is credited already: a person must look
        'credited'  -- posted
    ))
);

-- Prevents crediting one payment under two record ids. Where the provider does not say which output it was, two equal
-- amounts to one address in one transaction cannot be told from one that is listed twice: a person decides.
CREATE UNIQUE INDEX deposit_once ON ledger.deposit (
    provider, chain, tx_id, coalesce(output::text, 'amount ' || trim_scale(amount::numeric)), coalesce(address, ''),
    coalesce(memo, '')
) WHERE state = 'credited' AND tx_id IS NOT NULL;

CREATE INDEX deposit_due ON ledger.deposit (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deposit_of_order ON ledger.deposit (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX deposit_of_transaction ON ledger.deposit (provider, tx_id);

-- Which webhooks are still to be looked into.
ALTER TABLE ledger.webhook ADD COLUMN due_at timestamptz DEFAULT '-infinity'; -- NULL: it has been looked into
CREATE INDEX webhook_due ON ledger.webhook (provider, due_at) WHERE due_at IS NOT NULL;

-- Up to when a provider's list of deposits has been read; `of` is a user, or '' for the merchant.
CREATE TABLE ledger.deposit_scan (
    provider text NOT NULL,
    of text NOT NULL,
    read_until timestamptz NOT NULL DEFAULT '-infinity',
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    quiet integer NOT NULL DEFAULT 0, -- readings in a row that had nothing new
    CONSTRAINT deposit_scan_pkey PRIMARY KEY (provider, of)
);
INSERT INTO ledger.deposit_scan (provider, of)
SELECT DISTINCT s.provider, substr(a.name, 6)
  FROM ledger.account a
  JOIN ledger.asset s ON s.id = a.asset_id
 WHERE a.name LIKE 'user:%';
CREATE INDEX deposit_scan_due ON ledger.deposit_scan (provider, due_at);

-- Rescans that wait for a transaction.
CREATE INDEX orders_rescan ON ledger.orders (provider, (command ->> 'txId')) WHERE type = 'rescan' AND due_at IS NOT NULL;

-- All payments to one payee, the ended ones too.
CREATE INDEX orders_payee ON ledger.orders (provider, payee) WHERE payee IS NOT NULL;

-- It tells more than before, and a function's result cannot be changed in place.
DROP FUNCTION IF EXISTS ledger.read_orders(text[]);
