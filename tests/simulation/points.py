"""The points that a run of many seeds must have seen: a fault that never happened proves nothing."""

from tests.simulation.plan import ANSWERS
from tests.simulation.rows import Commit, OrderRow
from tests.simulation.trace import Trace

BOUND_BY = {"answer": "answer", "person": "person", "flow": "list", "confirmation": "confirmation"}
EVIDENCE = (
    ("payments at the provider may be", "several candidates"),
    ("the worker was stopped for too long", "too late, not sent"),
    ("the connection could not be made", "not sent, no connection"),
    ("the provider has it as", "two withdrawals for one order"),
    ("does not list it, long after", "absence proven"),
)

RARE = frozenset(
    {
        "sending -> succeeded",
        # What a list or a question shows is a guess until the order has an id: only answers of the provider do.
        "two withdrawals for one order",
        "withdrawal taken by another order",
    }
)

POINTS = frozenset(
    {
        *ANSWERS,
        "request late",
        "request copied",
        "one copy lags far behind",
        "human pays by hand",
        "status regresses",
        "slow database",
        "worker frozen",
        "worker killed before a call",
        "worker killed after a call",
        "message given to another worker",
        "webhook lost",
        "webhook's answer lost",
        "webhook late",
        "webhook twice",
        "webhook forged",
        "confirmation given",
        "confirmation refused",
        "confirmation not answered",
        "confirmation refused for ever",
        "bound by answer",
        "bound by list",
        "bound by confirmation",
        "bound by person",
        "late binding from review",
        "review ended by late evidence",
        "review ended by a person",
        "a person was contradicted",
        "a person was too early",
        "1004",
        "1005",
        "12007",
        "12008",
        "order waits for an equal one",
        "order is still waiting for an equal one",
        "order repeated",
        "order rejected: expired",
        "order rejected: insufficient_funds",
        "order failed: expired",
        "order failed: failed",
        "order failed: approve_failed",
        "order failed: balance_insufficient",
        "order failed: not_executed",
        "sent again after absence was proven",
        "sent again after a refusal that may pass",
        "decision on an old revision",
        "hastened",
        *(point for _, point in EVIDENCE if point not in RARE),
        *(f"status {status} ends as {end}" for status in (7, 8, 99) for end in (4, 5)),
        *(
            f"{road}"
            for road in (
                "held -> sending",
                "sending -> held",
                "sending -> failed",
                "sending -> processing",
                "sending -> unknown",
                "sending -> review",
                "unknown -> held",
                "unknown -> processing",
                "unknown -> review",
                "unknown -> failed",
                "unknown -> succeeded",
                "processing -> succeeded",
                "processing -> failed",
                "processing -> review",
                "review -> processing",
                "review -> succeeded",
                "review -> failed",
                "held -> failed",
            )
        ),
    }
)

# They may happen, and need not in every run.


def see_commit(commit: Commit, row: OrderRow | None, trace: Trace) -> None:
    """What can be seen of a transaction."""
    function, result = commit.function, commit.result
    if function in ("claim", "take_outbox", "mark_outbox"):
        return
    state = None if row is None else row.state
    trace.say("ledger", function, commit.order_id or commit.provider_ref or "", _short(result), state or "")
    match function, result:
        case "start_attempt", "busy":
            trace.seen("order is still waiting for an equal one")
        case "start_attempt", "started":
            _see_attempt(commit, trace)
        case "refuse_confirmation", True:
            trace.seen("confirmation refused for ever")
        case "hasten", int(count) if count:
            trace.seen("hastened")
        case "admit" | "reject", _:
            _see_admission(str(_short(result)), row, trace)
        case "settle", _:
            _see_settlement(commit, row, trace)


def _see_admission(verdict: str, row: OrderRow | None, trace: Trace) -> None:
    if verdict == "waiting":
        trace.seen("order waits for an equal one")
    elif verdict == "duplicate":
        trace.seen("order repeated")
    elif verdict == "rejected" and row is not None:
        trace.seen(f"order rejected: {row.error_code}")


def _see_settlement(commit: Commit, row: OrderRow | None, trace: Trace) -> None:
    if commit.result == "taken":
        trace.seen("withdrawal taken by another order")
    elif commit.result == "stale":
        trace.seen("decision on an old revision")
    elif row is not None:
        _see_decision(commit, row, trace)


def _see_attempt(commit: Commit, trace: Trace) -> None:
    trace.seen("held -> sending")
    if commit.before is not None and commit.before.attempts:
        was_absent = commit.before.absent_at is not None or commit.before.error_code is None
        trace.seen(
            "sent again after absence was proven" if was_absent else "sent again after a refusal that may pass"
        )


def _see_decision(commit: Commit, row: OrderRow, trace: Trace) -> None:
    before, decision = commit.before, commit.decision
    assert before is not None
    assert decision is not None
    evidence = decision.evidence
    trace.say("", "because", evidence.source, evidence.verdict, evidence.message or "", row.provider_ref or "")
    if before.state != row.state:
        trace.seen(f"{before.state} -> {row.state}")
    if row.state == "failed":
        trace.seen(f"order failed: {row.error_code}")
    if row.provider_ref is not None and before.provider_ref is None:
        trace.seen(f"bound by {BOUND_BY[evidence.source if evidence.source != 'record' else commit.road]}")
        if before.state == "review":
            trace.seen("late binding from review")
    if before.state == "review" and row.due_at is None:
        trace.seen("review ended by a person" if evidence.source == "person" else "review ended by late evidence")
    if evidence.provider_code in ("1004", "1005", "12007", "12008"):
        trace.seen(evidence.provider_code)
    for words, point in EVIDENCE:
        if words in (decision.error.message if decision.error else evidence.message or ""):
            trace.seen(point)


def _short(result: object) -> str:
    return str(getattr(result, "verdict", result))
