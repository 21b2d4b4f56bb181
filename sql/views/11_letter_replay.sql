-- Dead letters that were replayed: when, by whom, what, edited or not. No outcome: cut short, maybe published.
CREATE OR REPLACE VIEW ledger.letter_replay AS
SELECT r.id, r.at, r.replayed_by, r.provider, r.routing_key, r.message_id, r.order_id, r.reason,
       r.edited_body IS NOT NULL AS edited, e.outcome, r.dead_body, r.edited_body
  FROM ledger.replayed_letter r
  LEFT JOIN ledger.replayed_letter_end e ON e.id = r.id;
