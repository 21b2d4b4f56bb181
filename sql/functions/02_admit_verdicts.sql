-- How a batch is decided; ledger.admit holds the locks.

-- True when all new items of the batch can be admitted together: no orderId occurs twice in it, and no account
-- is asked for more than it has.
CREATE OR REPLACE FUNCTION ledger.admit_all_at_once(
    order_ids text[], verdicts text[], account_ids bigint[], accounts text[], amounts numeric[]
) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$ -- not SQL: that is planned anew in each transaction
BEGIN
    RETURN (SELECT count(DISTINCT order_id) = count(*) FROM unnest(order_ids) AS order_id)
       AND NOT EXISTS (
            SELECT
              FROM (SELECT c.account_id, sum(c.amount) AS amount
                      FROM unnest(account_ids, accounts, amounts, verdicts)
                           AS c (account_id, account, amount, verdict)
                     WHERE c.verdict = 'admitted' AND c.account IS NOT NULL
                     GROUP BY c.account_id) asked
              LEFT JOIN ledger.balance b ON b.account_id = asked.account_id
             WHERE b.account_id IS NULL -- an account that was never used has nothing
                OR b.posted - b.held - asked.amount < b.floor);
END $$;

-- The fold for the batches in which somebody is refused, or an orderId occurs twice: each item sees what the
-- items before it left.
CREATE OR REPLACE FUNCTION ledger.admit_one_by_one(
    order_ids text[], fingerprints bytea[], verdicts text[], account_ids bigint[], accounts text[], amounts numeric[]
) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    admitted_ids text[] := array_fill(NULL::text, ARRAY[cardinality(order_ids)]);
    fund_ids bigint[];
    funds numeric[]; -- what is left to each of fund_ids; NULL: no floor
    earlier integer;
    fund integer;
BEGIN
    SELECT array_agg(b.account_id), array_agg(b.posted - b.held - b.floor)
      INTO fund_ids, funds
      FROM ledger.balance b
     WHERE b.account_id = ANY (account_ids);

    FOR i IN 1 .. cardinality(order_ids) LOOP
        CONTINUE WHEN verdicts[i] <> 'admitted';

        earlier := array_position(admitted_ids, order_ids[i]);
        IF earlier IS NOT NULL THEN
            verdicts[i] := CASE WHEN fingerprints[earlier] = fingerprints[i] THEN 'duplicate' ELSE 'conflict' END;
            CONTINUE;
        END IF;

        IF accounts[i] IS NOT NULL THEN
            fund := array_position(fund_ids, account_ids[i]);
            IF fund IS NULL OR funds[fund] < amounts[i] THEN
                verdicts[i] := 'insufficient_funds';
                CONTINUE;
            END IF;
            funds[fund] := funds[fund] - amounts[i];
        END IF;
        admitted_ids[i] := order_ids[i];
    END LOOP;
    RETURN verdicts;
END $$;

-- The bodies that may be sent now. A payment without an order id waits, without an attempt, while an equal one of
-- the same provider is open, in doubt, and not bound to an id, and while the same request was sent for one; in a batch
-- the first goes.
CREATE OR REPLACE FUNCTION ledger.keep_back(
    providers text[], payees text[], bodies bytea[], signatures text[], verdicts text[]
) RETURNS bytea[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(CASE WHEN c.payee IS NULL OR c.is_free AND c.turn = 1 THEN c.body END ORDER BY c.item)
      FROM (SELECT f.*, row_number() OVER (PARTITION BY f.provider, f.payee, f.verdict, f.is_free
                                               ORDER BY f.item) AS turn
              FROM (SELECT i.*, i.payee IS NOT NULL AND i.body IS NOT NULL
                           AND NOT ledger.has_payment_in_doubt(i.provider, i.payee)
                           AND NOT EXISTS (SELECT FROM ledger.request r
                                            WHERE r.provider = i.provider AND r.payee = i.payee
                                              AND r.signature = i.signature) AS is_free
                      FROM unnest(providers, payees, bodies, signatures, verdicts) WITH ORDINALITY
                           AS i (provider, payee, body, signature, verdict, item)) f) c
$$;
