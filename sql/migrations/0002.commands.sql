-- Payments that a provider gives no order id for, requests that are signed once, what providers say of their coins,
-- and jobs that run once per period.

-- Coin, amount and address of a payment whose request carries no order id; NULL where the provider takes one.
ALTER TABLE ledger.orders ADD COLUMN payee text;

-- Prevents two equal payments in doubt at the same time: afterwards nobody could tell whose a withdrawal is.
CREATE UNIQUE INDEX orders_one_unbound ON ledger.orders (provider, payee)
    WHERE payee IS NOT NULL AND provider_ref IS NULL AND due_at IS NOT NULL AND doubtful <> '{}';

-- Prevents one withdrawal from ending two orders.
CREATE UNIQUE INDEX orders_bound_once ON ledger.orders (provider, provider_ref)
    WHERE payee IS NOT NULL AND provider_ref IS NOT NULL;

-- Signed once, before it is written down; whoever sends it sends exactly this. NULL: written by an earlier version.
ALTER TABLE ledger.attempt
    ADD COLUMN signed_at timestamptz,
    ADD COLUMN signature text;

-- What a provider says of its coins, as of fetched_at. Advice for refusing early; the provider itself decides.
CREATE TABLE ledger.coin (
    provider text NOT NULL,
    coin text NOT NULL,
    symbol text NOT NULL,
    decimals integer NOT NULL,
    enabled boolean NOT NULL,
    minimum ledger.amount,
    price_usd ledger.amount,
    fetched_at timestamptz NOT NULL,
    CONSTRAINT coin_once PRIMARY KEY (provider, coin)
);

-- Jobs that run once per period, in whichever worker takes them. While one runs, due_at is the end of its lease.
CREATE TABLE ledger.job (
    name text PRIMARY KEY,
    run bigint NOT NULL,
    due_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz, -- of the last run that ended
    seconds numeric,         -- how long it took
    result text              -- what it did, or why it failed
);
