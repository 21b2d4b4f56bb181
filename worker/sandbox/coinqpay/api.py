"""The simulated provider CoinQ Pay: its routes, each behind the same gate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from worker.sandbox.coinqpay.account import CoinQPayAccount
from worker.sandbox.coinqpay.books import Books
from worker.sandbox.coinqpay.codes import Code, Refusal, refusal, success
from worker.sandbox.coinqpay.controls import controls_of
from worker.sandbox.coinqpay.gate import Gate
from worker.sandbox.coinqpay.merchant import Merchant, Switches
from worker.sandbox.coinqpay.parameters import read_object, read_query
from worker.sandbox.coinqpay.pay_order_road import PayOrderRoad
from worker.sandbox.coinqpay.pay_orders import create_pay_order, get_pay_order
from worker.sandbox.coinqpay.reads import coin_balance, coin_price, supported_coins
from worker.sandbox.coinqpay.withdrawal_road import WithdrawalRoad
from worker.sandbox.coinqpay.withdrawals import asked, payout, withdraw, withdraws
from worker.sandbox.message import Request, Response
from worker.sandbox.provider import Call, Conditions, Control, Parameters
from worker.sandbox.webhooks import Webhooks

PREFIX = "/api/v1/"
NAMESPACE = "coinqpay."

# A withdrawal is final about a second after it is made, which suits a demonstration.
PACE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Route:
    """What runs behind the gate. `name` is what faults and permissions call it."""

    method: str
    path: str
    name: str
    execute: Callable[[Merchant, Parameters, float, Conditions], object]
    moves_money: bool = False


_LISTED = (
    Route("GET", "supported_coins", "supported_coins", supported_coins),
    Route("GET", "coin_price", "coin_price", coin_price),
    Route("GET", "coin_balance", "coin_balance", coin_balance),
    Route("POST", "pay_order", "pay_order", create_pay_order),
    Route("GET", "pay_order", "get_pay_order", get_pay_order),
    Route("POST", "withdraw", "withdraw", withdraw, moves_money=True),
    Route("POST", "payout", "payout", payout, moves_money=True),
    Route("GET", "withdraws", "withdraws", withdraws),
)
ROUTES: Mapping[str, Route] = MappingProxyType({route.name: route for route in _LISTED})


class CoinQPay:
    """One merchant account. What it sends goes into `webhooks`."""

    def __init__(self, account: CoinQPayAccount, webhooks: Webhooks) -> None:
        self.books = Books()
        self._merchant = Merchant(
            account=account,
            switches=Switches(millisecond_pay_orders=account.millisecond_pay_orders),
            books=self.books,
            withdrawals=WithdrawalRoad(self.books, webhooks, PACE_SECONDS),
            pay_orders=PayOrderRoad(self.books, webhooks, PACE_SECONDS),
        )
        self._gate = Gate(account, self._merchant.switches)
        self._controls = controls_of(self._merchant, frozenset(ROUTES))
        self._refused = 0

    @property
    def controls(self) -> Mapping[str, Control]:
        """What the control routes may ask, by the action's name."""
        return self._controls

    @property
    def beginning(self) -> Response:
        """The start of a success, cut where it proves nothing."""
        return Response(200, b'{"success":true,"result":{"id":"18')

    @property
    def routes(self) -> frozenset[str]:
        """The names of all routes."""
        return frozenset(NAMESPACE + name for name in ROUTES)

    def read(self, request: Request) -> Call | None:
        """The call that a request makes, None when no route has its path."""
        path = request.path.removeprefix(PREFIX)
        routes = [route for route in _LISTED if request.path.startswith(PREFIX) and route.path == path]
        if not routes:
            return None
        route = next((each for each in routes if each.method == request.method), routes[0])
        is_query = route.method == "GET"
        parameters = read_query(request.query) if is_query else read_object(request.body)
        order_id = parameters.get("order_id") if parameters else None
        return Call(
            route=NAMESPACE + route.name,
            moves_money=route.moves_money,
            order_id=order_id if isinstance(order_id, str) else None,
            parameters=parameters,
            request=request,
            lists=route.name == "withdraws" and "id" not in (parameters or {}),
        )

    def gate(self, call: Call, at: float) -> Response | None:
        """Method, signature and all that belongs to it, permission, and that parameters can be read."""
        route = _route(call)
        if call.request.method != route.method:
            return self._answer(Refusal(Code.METHOD_NOT_SUPPORTED))
        refused = self._gate.check(call.request, at) or self._gate.permits(route.name, route.method == "POST")
        if refused is None and call.parameters is None:
            refused = Refusal(Code.UNEXPECTED_REQUEST, "query" if route.method == "GET" else "body")
        return None if refused is None else self._answer(refused)

    def execute(self, call: Call, at: float, conditions: Conditions) -> Response:
        """Run a call that passed the gate."""
        assert call.parameters is not None, "the gate let no other request pass"
        self.advance(at)
        return self._answer(_route(call).execute(self._merchant, call.parameters, at, conditions))

    def advance(self, at: float) -> None:
        """Let withdrawals and pay orders go on by the clock."""
        self._merchant.advance(at)

    def record_age(self, call: Call, at: float) -> float | None:
        """Seconds since the pay order or the youngest withdrawal was made that a query is about."""
        parameters, name = call.parameters or {}, _route(call).name
        if name == "get_pay_order":
            order = self.books.pay_order(str(parameters.get("order_id")))
            return None if order is None else at - order.at
        if name == "withdraws":
            return min((at - each.at for each in asked(self._merchant, parameters)), default=None)
        return None

    def error(self, code: int) -> Response:
        """An answer with this code and an id for whoever asks about it."""
        self._refused += 1
        return refusal(code, f"{self._refused:032x}")

    def _answer(self, result: object) -> Response:
        if not isinstance(result, Refusal):
            return success(result)
        self._refused += 1
        return refusal(result.code, f"{self._refused:032x}", result.detail)


def _route(call: Call) -> Route:
    return ROUTES[call.route.removeprefix(NAMESPACE)]
