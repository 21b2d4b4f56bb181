"""The simulated provider CCPayment, versions 2 and 1: its routes, each behind the same gate."""

from collections.abc import Mapping
from decimal import Decimal

from worker.sandbox.ccpayment import gate, v1
from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.codes import Code, refusal
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.controls import controls_of
from worker.sandbox.ccpayment.notices import Webhooks
from worker.sandbox.ccpayment.parameters import is_user_id, read_object
from worker.sandbox.ccpayment.routes import NAMES_BY_PATH, ROUTES
from worker.sandbox.errors import require
from worker.sandbox.exact import decimals
from worker.sandbox.message import Request, Response
from worker.sandbox.parameters import is_amount
from worker.sandbox.provider import Call, Conditions, Control

METHOD_NOT_ALLOWED = Response(405, b"405 method not allowed", "text/plain; charset=utf-8")

# Codes of version 2 have five digits, those of version 1 six.
LARGEST_V2_CODE = 99999


class CCPayment:
    """One merchant account; the APP ID is also the user id of the merchant itself.

    Without `webhooks` there are none. What happens by itself, such as a deposit that is
    confirmed, happens on the next call or control, or on `advance`.
    """

    def __init__(self, app_id: str, app_secret: str, webhooks: Webhooks | None = None) -> None:
        require(is_user_id(app_id), "app_id", "must be usable as the merchant's user id")
        require(app_secret != "", "app_secret", "must not be empty")
        self._account = Account(app_id, app_secret, webhooks)
        self.controls: Mapping[str, Control] = controls_of(self._account)

    @property
    def books(self) -> Books:
        """Balances and records, for oracles."""
        return self._account.books

    @property
    def beginning(self) -> Response:
        """It begins like a success and proves nothing."""
        return Response(200, b'{"code":10000,"msg":"succ')

    @property
    def routes(self) -> frozenset[str]:
        """The names of all routes."""
        return frozenset(ROUTES)

    def read(self, request: Request) -> Call | None:
        """The call that a request makes, None when no route has its path."""
        name = NAMES_BY_PATH.get(request.path)
        if name is None:
            return None
        route = ROUTES[name]
        parameters = read_object(request.body)
        order_id = parameters.get("orderId") if parameters else None
        known_order_id = order_id if isinstance(order_id, str) else None
        return Call(name, route.moves_money, known_order_id, parameters, request, route.lists)

    def gate(self, call: Call, at: float) -> Response | None:
        """Method, headers, account, clock, signature, and that the body is a JSON object."""
        if call.request.method != "POST":
            return METHOD_NOT_ALLOWED
        version, account = ROUTES[call.route].version, self._account
        refused = gate.check(call.request, account.app_id, account.app_secret, at, version.matches)
        if refused is not None:
            return version.refuse(*refused)
        return version.refuse(Code.INVALID_ARGUMENT, "body") if call.parameters is None else None

    def execute(self, call: Call, at: float, conditions: Conditions) -> Response:
        """Run a call that passed the gate."""
        assert call.parameters is not None, "the gate let no other body pass"
        self.advance(at)
        return ROUTES[call.route].execute(self._account, call.parameters, at, conditions)

    def advance(self, at: float) -> None:
        """Settle the swaps and deposits that are due."""
        self._account.agenda.advance(at)

    def record_age(self, call: Call, at: float) -> float | None:
        """Seconds since the youngest record was made that a lookup asks for."""
        asked_for = ROUTES[call.route].asked_for
        if asked_for is None or call.parameters is None:
            return None
        self.advance(at)
        return min((at - record.at for record in asked_for(self._account, call.parameters, at)), default=None)

    def error(self, code: int) -> Response:
        """An answer with this code and without data."""
        return refusal(code) if code <= LARGEST_V2_CODE else v1.refusal(code)

    def fund(self, user_id: str, coin_id: int, amount: str) -> None:
        """Money from outside; raises `InputError` when the account could not hold it."""
        require(is_user_id(user_id), "user_id", "must be 5 to 64 characters, not starting with sys")
        known = ", ".join(str(coin) for coin in COINS)
        require(type(coin_id) is int and coin_id in COINS, "coin_id", f"must be one of {known}")
        require(is_amount(amount), "amount", "must be a decimal text above zero")
        value, precision = Decimal(amount), COINS[coin_id].precision
        require(decimals(value) <= precision, "amount", f"has more than {precision} decimals")
        self.books.fund(user_id, coin_id, value)
