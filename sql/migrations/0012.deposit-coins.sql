-- One transaction may pay equal amounts of two coins to one address: those are two payments, and each is credited.
DROP INDEX ledger.deposit_once;

-- Prevents crediting one payment under two record ids. Where the provider does not say which output it was, two equal
-- amounts of a coin to one address in one transaction cannot be told from one that is listed twice: a person decides.
CREATE UNIQUE INDEX deposit_once ON ledger.deposit (
    provider, chain, tx_id, coin, coalesce(output::text, 'amount ' || trim_scale(amount::numeric)),
    coalesce(address, ''), coalesce(memo, '')
) WHERE state = 'credited' AND tx_id IS NOT NULL;

-- Those that were taken for repetitions of another coin's are looked at again, and credited.
UPDATE ledger.deposit d SET due_at = '-infinity'
 WHERE d.state = 'repeated'
   AND NOT EXISTS (SELECT FROM ledger.deposit o
                    WHERE o.provider = d.provider AND o.state = 'credited' AND o.chain = d.chain AND o.tx_id = d.tx_id
                      AND o.coin = d.coin);
