-- Dead letters that a person had replayed. Written before the command is published again, and never changed.

CREATE TABLE ledger.replayed_letter (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    replayed_by text NOT NULL,
    provider text NOT NULL,
    routing_key text NOT NULL,
    message_id text,
    order_id text, -- as the published body says it
    reason text,   -- why it was dead
    dead_body bytea NOT NULL,
    edited_body bytea -- NULL: published as it was
);

-- What became of it. Without a row the replay was cut short: it may have been published, and the letter is still there.
CREATE TABLE ledger.replayed_letter_end (
    id uuid PRIMARY KEY REFERENCES ledger.replayed_letter (id),
    at timestamptz NOT NULL,
    outcome text NOT NULL,
    CONSTRAINT replayed_letter_end_is_known CHECK (outcome IN ('published', 'refused'))
);
