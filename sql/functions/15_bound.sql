-- Which of these ids of the provider belong to orders that were sent without an order id.
CREATE OR REPLACE FUNCTION ledger.bound(provider text, provider_refs text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    SELECT o.provider_ref
      FROM orders o
     WHERE o.provider = bound.provider AND o.provider_ref = ANY (provider_refs)
       AND o.payee IS NOT NULL AND o.provider_ref IS NOT NULL
$$;
