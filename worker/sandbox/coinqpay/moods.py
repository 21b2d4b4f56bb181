"""The moods of the simulated CoinQ Pay: how fast it is, what it refuses, what the documents leave open.

Each control takes camelCase JSON fields and the unix time, and raises `InputError` by the field's name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from worker.sandbox.coinqpay.inputs import coin_of, read, seconds_of, status_of
from worker.sandbox.coinqpay.merchant import Merchant
from worker.sandbox.errors import require

Answer = Mapping[str, object]


def pace(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{seconds}: how long each status of a withdrawal or of a payment lasts."""
    read(fields, required=("seconds",))
    seconds = seconds_of(fields, "seconds")
    merchant.withdrawals.pace_seconds = merchant.pay_orders.pace_seconds = seconds
    return {"seconds": seconds}


def hold(merchant: Merchant, fields: Mapping[str, Any], at: float) -> Answer:
    """{status}: no withdrawal goes on from it. {}: all go on."""
    read(fields, optional=("status",))
    status = None if fields.get("status") is None else status_of(fields, "status")
    merchant.withdrawals.hold(status, at)
    return {"status": status}


def coin(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{coin, available}: 12008 for its payments and withdrawals while it is not."""
    read(fields, required=("coin", "available"), flags=("available",))
    _switch(merchant.switches.unavailable_coins, coin_of(fields).name, not fields["available"])
    return {"unavailable": sorted(merchant.switches.unavailable_coins)}


def permissions(merchant: Merchant, routes: frozenset[str], fields: Mapping[str, Any], _at: float) -> Answer:
    """{route, allowed}: 12003 while it is not. {allowed}: 12005 for the whole key."""
    read(fields, required=("allowed",), optional=("route",), flags=("allowed",))
    switches = merchant.switches
    if "route" in fields:
        known = isinstance(fields["route"], str) and fields["route"] in routes
        require(known, "route", "must be one of " + ", ".join(sorted(routes)))
        _switch(switches.denied_routes, fields["route"], not fields["allowed"])
    else:
        switches.key_allowed = fields["allowed"]
    return {"key": switches.key_allowed, "denied": sorted(switches.denied_routes)}


def freeze(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{frozen}: 12010 for every POST."""
    read(fields, required=("frozen",), flags=("frozen",))
    merchant.switches.frozen = fields["frozen"]
    return {"frozen": merchant.switches.frozen}


def ip(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{allowed}: 12006 for every request while it is not."""
    read(fields, required=("allowed",), flags=("allowed",))
    merchant.switches.ip_allowed = fields["allowed"]
    return {"allowed": merchant.switches.ip_allowed}


def answers(merchant: Merchant, fields: Mapping[str, Any], _at: float) -> Answer:
    """{millisecondPayOrders?, unknownWithdrawalIsError?, oldestFirst?}: what the documents leave open."""
    read(fields, optional=tuple(ANSWERS), flags=tuple(ANSWERS))
    for name, attribute in ANSWERS.items():
        if name in fields:
            setattr(merchant.switches, attribute, fields[name])
    return {name: getattr(merchant.switches, attribute) for name, attribute in ANSWERS.items()}


def _switch(members: set[str], name: str, is_member: bool) -> None:
    if is_member:
        members.add(name)
    else:
        members.discard(name)


ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "millisecondPayOrders": "millisecond_pay_orders",
        "unknownWithdrawalIsError": "unknown_withdrawal_is_error",
        "oldestFirst": "oldest_first",
    }
)
