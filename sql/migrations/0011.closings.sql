-- What a person has said of evidence against the books that is understood. Never changed; the books are not touched.
CREATE TABLE ledger.closing (
    invariant text NOT NULL,
    detail text NOT NULL, -- as the violation had it: other evidence is another violation
    subject text NOT NULL, -- an order, or deposit:<provider>:<record id>
    closed_by text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT closing_pkey PRIMARY KEY (invariant, detail)
);
