"""The control routes: fund accounts, ask for faults, read the books. JSON in, JSON out, no I/O.

They are for tests and demonstrations, unsigned, and nothing a real provider would have.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from worker.sandbox.ccpayment.transfers import record_of
from worker.sandbox.errors import InputError, require
from worker.sandbox.exact import plain
from worker.sandbox.faults import Fault
from worker.sandbox.message import Response
from worker.sandbox.sandbox import Sandbox

Answer = TypeVar("Answer")

PREFIX = "/sandbox/"

# JSON speaks camelCase, Python does not; every other name is the same in both.
PYTHON_NAMES = MappingProxyType(
    {"userId": "user_id", "coinId": "coin_id", "orderId": "order_id", "lateSeconds": "late_seconds"}
)
JSON_NAMES = MappingProxyType({python: name for name, python in PYTHON_NAMES.items()})

FUND_FIELDS = ("userId", "coinId", "amount")
FAULT_FIELDS = (
    "kind",
    "when",
    "route",
    "orderId",
    "times",
    "probability",
    "seconds",
    "lateSeconds",
    "code",
)


def control(sandbox: Sandbox, method: str, path: str, body: bytes) -> Response:
    """Answer one control request; wrong input is a 400 that names the field and the rule."""
    action = ACTIONS.get((method, path.removeprefix(PREFIX)))
    if action is None:
        return _json(404, {"error": f"no such control: {method} {path}"})
    try:
        return _json(200, action(sandbox, body))
    except InputError as wrong:
        answer = {"error": str(wrong), "field": wrong.field, "rule": wrong.rule}
        return _json(400, answer)


def _health(_sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    return {"status": "ok"}


def _fund(sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    fields = _fields(body, allowed=FUND_FIELDS, required=FUND_FIELDS)
    _ask(sandbox.fund, fields)
    balance = sandbox.books.balance(fields["user_id"], fields["coin_id"])
    return {"balance": plain(balance)}


def _add_fault(sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    fields = _fields(body, allowed=FAULT_FIELDS, required=("kind",))
    return {"id": _ask(sandbox.add_fault, fields)}


def _clear_faults(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    return {"cleared": sandbox.clear_faults()}


def _list_faults(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    return {"faults": [_fault_view(fault) for fault in sandbox.faults()]}


def _fault_view(fault: Fault) -> Mapping[str, object]:
    values = {name: getattr(fault.rule, PYTHON_NAMES.get(name, name)) for name in FAULT_FIELDS}
    asked = {name: value for name, value in values.items() if value is not None}
    return {"id": fault.fault_id, "fired": fault.fired, **asked}


def _books(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    sandbox.advance()
    balances = [
        {"userId": user_id, "coinId": coin_id, "amount": plain(amount)}
        for (user_id, coin_id), amount in sorted(sandbox.books.balances().items())
    ]
    transfers = [record_of(transfer) for transfer in sandbox.books.transfers()]
    return {"balances": balances, "transfers": transfers}


def _fields(body: bytes, allowed: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a control body under their Python names; their values are checked later."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError("body", "must be a JSON object")
    for name in value:
        require(name in allowed, name, "is unknown; known are " + ", ".join(allowed))
    for name in required:
        require(name in value, name, "is required")
    return {PYTHON_NAMES.get(name, name): field for name, field in value.items()}


def _ask(step: Callable[..., Answer], fields: Mapping[str, Any]) -> Answer:
    """Take a step of the sandbox; a field that it refuses gets back the name it came with."""
    try:
        return step(**fields)
    except InputError as wrong:
        raise InputError(JSON_NAMES.get(wrong.field, wrong.field), wrong.rule) from wrong


def _json(status: int, value: Mapping[str, object]) -> Response:
    return Response(status, json.dumps(value).encode())


ACTIONS: Mapping[tuple[str, str], Callable[[Sandbox, bytes], Mapping[str, object]]] = MappingProxyType(
    {
        ("GET", "health"): _health,
        ("GET", "books"): _books,
        ("POST", "fund"): _fund,
        ("POST", "faults"): _add_fault,
        ("GET", "faults"): _list_faults,
        ("DELETE", "faults"): _clear_faults,
    }
)
