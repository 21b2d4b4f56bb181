-- A replay is about to be published; and what became of it. Both may run twice: the first counts.
CREATE OR REPLACE FUNCTION ledger.begin_replay(
    id uuid, replayed_by text, provider text, routing_key text, message_id text, order_id text, reason text,
    dead_body bytea, edited_body bytea, now timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO replayed_letter (id, at, replayed_by, provider, routing_key, message_id, order_id, reason, dead_body,
                                 edited_body)
    VALUES (begin_replay.id, now, begin_replay.replayed_by, begin_replay.provider, begin_replay.routing_key,
            begin_replay.message_id, begin_replay.order_id, begin_replay.reason, begin_replay.dead_body,
            begin_replay.edited_body)
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION ledger.end_replay(id uuid, outcome text, now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
    INSERT INTO replayed_letter_end (id, at, outcome) VALUES (end_replay.id, now, end_replay.outcome)
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.replayed_letter
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.replayed_letter_end
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
