"""The control routes: fund accounts, ask for faults, read the books. JSON in, JSON out, no I/O.

They are for tests and demonstrations, unsigned, and nothing a real provider would have. What
belongs to one provider stands under its name: `/sandbox/<provider>/<action>`, by POST with a JSON
object or, for an action without fields, by GET. `GET /sandbox/` tells them all.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from worker.sandbox.ccpayment.transfers import record_of
from worker.sandbox.control_fields import PYTHON_NAMES, fields_of, object_of, take
from worker.sandbox.errors import InputError
from worker.sandbox.exact import plain
from worker.sandbox.faults import Fault
from worker.sandbox.message import Response
from worker.sandbox.provider import Control
from worker.sandbox.sandbox import Received, Sandbox
from worker.sandbox.webhook_controls import set_webhooks, show_webhooks

Action = Callable[[Sandbox, bytes], Mapping[str, object]]

PREFIX = "/sandbox/"

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
    "keep",
)


def control(sandbox: Sandbox, method: str, path: str, body: bytes) -> Response:
    """Answer one control request; wrong input is a 400 that names the field and the rule."""
    action = ACTIONS.get((method, path.removeprefix(PREFIX))) or _of_provider(sandbox, method, path)
    if action is None:
        return _json(404, {"error": f"no such control: {method} {path}"})
    try:
        return _json(200, action(sandbox, body))
    except InputError as wrong:
        answer = {"error": str(wrong), "field": wrong.field, "rule": wrong.rule}
        return _json(400, answer)


def listing(sandbox: Sandbox) -> Mapping[str, str]:
    """Every control with one line that says what it does and takes."""
    general = {f"{method} {PREFIX}{name}": _first_line(action) for (method, name), action in ACTIONS.items()}
    owned = {
        f"POST {PREFIX}{provider}/{name}": _first_line(function)
        for provider, controls in sandbox.controls.items()
        for name, function in controls.items()
    }
    return general | owned


def _of_provider(sandbox: Sandbox, method: str, path: str) -> Action | None:
    provider, _, name = path.removeprefix(PREFIX).partition("/")
    function = sandbox.controls.get(provider, {}).get(name)
    return None if function is None or method not in {"GET", "POST"} else partial(_ask_provider, function)


def _ask_provider(function: Control, sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    return sandbox.ask(function, object_of(body) if body else {})


def _first_line(function: Callable[..., object]) -> str:
    # What a partial says of itself is the same for every one.
    told = function.func if isinstance(function, partial) else function
    return (told.__doc__ or "").partition("\n")[0]


def _list_controls(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """This list."""
    return {"controls": listing(sandbox)}


def _health(_sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """Whether the sandbox answers."""
    return {"status": "ok"}


def _fund(sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    """{userId, coinId, amount}: money of a CCPayment user from outside."""
    fields = fields_of(body, allowed=FUND_FIELDS, required=FUND_FIELDS)
    take(sandbox.fund, fields)
    balance = sandbox.books.balance(fields["user_id"], fields["coin_id"])
    return {"balance": plain(balance)}


def _add_fault(sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    """{kind, when?, route?, orderId?, times?, probability?, seconds?, lateSeconds?, code?, keep?}: a fault."""
    fields = fields_of(body, allowed=FAULT_FIELDS, required=("kind",))
    return {"id": take(sandbox.add_fault, fields)}


def _clear_faults(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """No more faults."""
    return {"cleared": sandbox.clear_faults()}


def _list_faults(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """The faults in force, with how often each fired."""
    return {"faults": [_fault_view(fault) for fault in sandbox.faults()]}


def _fault_view(fault: Fault) -> Mapping[str, object]:
    values = {name: getattr(fault.rule, PYTHON_NAMES.get(name, name)) for name in FAULT_FIELDS}
    asked = {name: value for name, value in values.items() if value is not None}
    return {"id": fault.fault_id, "fired": fault.fired, **asked}


def _set_webhooks(sandbox: Sandbox, body: bytes) -> Mapping[str, object]:
    """{to?, kind?, on?, delaySeconds?, retrySeconds?, duplicate?}: where and how webhooks go."""
    set_webhooks(sandbox.webhooks, object_of(body))
    return show_webhooks(sandbox.webhooks)


def _show_webhooks(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """Every webhook with what became of it."""
    sandbox.advance()
    return show_webhooks(sandbox.webhooks)


def _resend_webhooks(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """Try the failed webhooks once more, as a merchant can by hand."""
    return {"resent": sandbox.resend_webhooks()}


def _requests(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """The last requests, oldest first: route, order id and trace context."""
    return {"requests": [_request_view(received) for received in sandbox.log]}


def _request_view(received: Received) -> Mapping[str, object]:
    # Never all the headers: signatures and keys are nobody's affair.
    return {
        "at": received.at,
        "route": received.route,
        "orderId": received.order_id,
        "traceparent": received.headers.get("traceparent"),
    }


def _books(sandbox: Sandbox, _body: bytes) -> Mapping[str, object]:
    """CCPayment's balances and executed transfers."""
    sandbox.advance()
    balances = [
        {"userId": user_id, "coinId": coin_id, "amount": plain(amount)}
        for (user_id, coin_id), amount in sorted(sandbox.books.balances().items())
    ]
    transfers = [record_of(transfer) for transfer in sandbox.books.transfers()]
    return {"balances": balances, "transfers": transfers}


def _json(status: int, value: Mapping[str, object]) -> Response:
    return Response(status, json.dumps(value).encode())


ACTIONS: Mapping[tuple[str, str], Action] = MappingProxyType(
    {
        ("GET", ""): _list_controls,
        ("GET", "health"): _health,
        ("GET", "books"): _books,
        ("GET", "requests"): _requests,
        ("POST", "fund"): _fund,
        ("POST", "faults"): _add_fault,
        ("GET", "faults"): _list_faults,
        ("DELETE", "faults"): _clear_faults,
        ("GET", "webhooks"): _show_webhooks,
        ("POST", "webhooks"): _set_webhooks,
        ("POST", "webhooks/resend"): _resend_webhooks,
    }
)
