"""The simulated provider CCPayment v2: its routes, each behind the same gate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from worker.sandbox.ccpayment import gate
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.codes import Code, refusal
from worker.sandbox.ccpayment.coins import COINS
from worker.sandbox.ccpayment.parameters import is_amount, is_user_id, read_object
from worker.sandbox.ccpayment.transfers import find, get_user_transfer_record, user_transfer
from worker.sandbox.errors import require
from worker.sandbox.exact import decimals
from worker.sandbox.message import Request, Response
from worker.sandbox.provider import Call, Conditions, Parameters

PREFIX = "/ccpayment/v2/"

METHOD_NOT_ALLOWED = Response(405, b"405 method not allowed", "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Route:
    """What runs behind the gate, and whether it moves money or only reads."""

    execute: Callable[[Books, Parameters, float, Conditions], Response]
    moves_money: bool


ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        "userTransfer": Route(user_transfer, moves_money=True),
        "getUserTransferRecord": Route(get_user_transfer_record, moves_money=False),
    }
)


class CCPayment:
    """One merchant account; the APP ID is also the user id of the merchant itself."""

    def __init__(self, app_id: str, app_secret: str) -> None:
        require(is_user_id(app_id), "app_id", "must be usable as the merchant's user id")
        require(app_secret != "", "app_secret", "must not be empty")
        self.books = Books()
        self._app_id = app_id
        self._app_secret = app_secret

    @property
    def routes(self) -> frozenset[str]:
        """The names of all routes."""
        return frozenset(ROUTES)

    def read(self, request: Request) -> Call | None:
        """The call that a request makes, None when no route has its path."""
        if not request.path.startswith(PREFIX):
            return None
        name = request.path[len(PREFIX) :]
        route = ROUTES.get(name)
        if route is None:
            return None
        parameters = read_object(request.body)
        order_id = parameters.get("orderId") if parameters else None
        known_order_id = order_id if isinstance(order_id, str) else None
        return Call(name, route.moves_money, known_order_id, parameters, request)

    def gate(self, call: Call, at: float) -> Response | None:
        """Method, headers, account, clock, signature, and that the body is a JSON object."""
        if call.request.method != "POST":
            return METHOD_NOT_ALLOWED
        refused = gate.check(call.request, self._app_id, self._app_secret, at)
        if refused is not None:
            return refused
        return refusal(Code.INVALID_ARGUMENT, "body") if call.parameters is None else None

    def execute(self, call: Call, at: float, conditions: Conditions) -> Response:
        """Run a call that passed the gate."""
        assert call.parameters is not None, "the gate let no other body pass"
        return ROUTES[call.route].execute(self.books, call.parameters, at, conditions)

    def record_age(self, call: Call, at: float) -> float | None:
        """Seconds since the transfer was made that a lookup asks for."""
        if ROUTES[call.route].moves_money or call.parameters is None:
            return None
        transfer = find(self.books, call.parameters)
        return None if transfer is None else at - transfer.at

    def error(self, code: int) -> Response:
        """An answer with this code and without data."""
        return refusal(code)

    def fund(self, user_id: str, coin_id: int, amount: str) -> None:
        """Money from outside; raises `InputError` when the account could not hold it."""
        require(is_user_id(user_id), "user_id", "must be 5 to 64 characters, not starting with sys")
        known = ", ".join(str(coin) for coin in COINS)
        require(type(coin_id) is int and coin_id in COINS, "coin_id", f"must be one of {known}")
        require(is_amount(amount), "amount", "must be a decimal text above zero")
        value, precision = Decimal(amount), COINS[coin_id].precision
        require(decimals(value) <= precision, "amount", f"has more than {precision} decimals")
        self.books.fund(user_id, coin_id, value)
