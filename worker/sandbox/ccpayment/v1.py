"""Version 1 of the interface, as far as it is used: the merchant's balances, in a signed answer."""

import json
import uuid
from collections.abc import Mapping

from worker.sandbox.ccpayment.account import Account
from worker.sandbox.ccpayment.codes import Code, code_name
from worker.sandbox.ccpayment.coins import Coin
from worker.sandbox.ccpayment.parameters import given
from worker.sandbox.ccpayment.signature_v1 import expected
from worker.sandbox.exact import plain
from worker.sandbox.message import Response
from worker.sandbox.parameters import first_wrong
from worker.sandbox.provider import Conditions, Parameters

# The one documented error text; its code is the one documented error.
SERVICE_ERROR = 224066
SERVICE_ERROR_TEXT = "service err, please try again"


def assets(account: Account, parameters: Parameters, at: float, _conditions: Conditions) -> Response:
    """The merchant's balances: all coins that it ever had, or the one asked for by its UUID.

    Not documented: what an unknown UUID is answered; assumed is an empty list.
    """
    asked = given(parameters, COIN)
    wrong = first_wrong(asked, {}, COIN)
    if wrong is not None:
        return refusal(Code.INVALID_ARGUMENT, wrong)
    held = {coin_id for user_id, coin_id in account.books.balances() if user_id == account.app_id}
    coin_uuid = asked.get("coin_id")
    listed = [
        _asset(account, coin)
        for coin in account.market.coins.values()
        if (coin.coin_id in held if coin_uuid is None else coin.uuid == coin_uuid)
    ]
    return _signed(account, {"code": int(Code.SUCCESS), "msg": "success", "data": {"list": listed}}, at)


def refusal(code: int, detail: str = "") -> Response:
    """An answer with this code: unsigned, and with no data field, as in the documented sample.

    The table of codes of version 1 could not be obtained. For what the gate and the parameters
    refuse, the numbers of version 2 stand in: a caller has to treat unknown codes alike anyhow.
    """
    name = SERVICE_ERROR_TEXT if code == SERVICE_ERROR else code_name(code)
    return Response(200, _json({"code": int(code), "msg": f"{name}: {detail}" if detail else name}))


def _asset(account: Account, coin: Coin) -> dict[str, object]:
    balance = account.books.balance(account.app_id, coin.coin_id)
    return {
        "coin_id": coin.uuid,
        "crypto": coin.symbol,
        "name": coin.name,
        "value": "" if account.blanks_balances else plain(balance),
        "price": plain(coin.price_usdt),
        "logo": coin.logo_url,
    }


def _signed(account: Account, answer: Mapping[str, object], at: float) -> Response:
    body, timestamp = _json(answer), f"{int(at):010d}"
    sign = expected(account.app_id, account.app_secret, timestamp, body).decode()
    return Response(200, body, headers={"Appid": account.app_id, "Timestamp": timestamp, "Sign": sign})


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _is_uuid(value: object) -> bool:
    """The usual spelling with hyphens, in lower case."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


COIN = {"coin_id": _is_uuid}
