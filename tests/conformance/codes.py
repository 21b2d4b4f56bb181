"""What the providers' documents say of each error code, once more: the worker's own tables must agree.

Refused: nothing happened, and never will. Deferred: nothing happened, and it may be tried later or after a person
has changed something. Unknown: it may have happened, or an earlier copy has.
"""

from collections.abc import Mapping
from types import MappingProxyType

from worker.providers.protocol import Deferred, Outcome, Refused, Unknown


def _meanings(table: Mapping[type[Outcome], str]) -> Mapping[int, type[Outcome]]:
    """The table by code; `13000-13002` are three codes."""
    meanings: dict[int, type[Outcome]] = {}
    for meaning, codes in table.items():
        for part in codes.split():
            first, _, last = part.partition("-")
            for code in range(int(first), int(last or first) + 1):
                assert code not in meanings, "a code means one thing"
                meanings[code] = meaning
    return MappingProxyType(meanings)


CCPAYMENT = _meanings(
    {
        Refused: (
            "11000 11003 11008 11010 11012 11015-11017 13000-13001 13006 14000 14002-14003 14005-14009 14011-14013"
            " 14015-14017 14019 14023-14026 14029 15002 15004 16001-16003 16006 17000-17005 17007"
        ),
        Deferred: (
            # The same later, with the same order id.
            "11004 11006 11009 11018 13002-13005 14001 14004 15000 15003 16004 17006"
            # A person has to change something: signature, permission, address, account.
            " 11001 11005 11013-11014 12000-12003 14010 14014 14018 14020-14022 15001 16005"
        ),
        # Generic failures, repetitions, and duplicates of an order that an earlier copy has made.
        Unknown: "10001 11002 11007 11011 14027-14028",
    }
)
COINQPAY = _meanings(
    {
        Refused: "12002 12007 12011-12012 12015 12204",
        Deferred: "1004 12008 1002 12000-12001 12003 12005-12006 12010",
        Unknown: "1000 1003 1005 12004 12016-12017",
    }
)
# The status that an error comes with is not documented. One of 500 or more speaks of a fault inside the provider, and
# the sandbox gives it to this one, as the related interface does whose number it is.
WITH_A_FAULT_INSIDE = frozenset({1000})

# Numbers in between that mean nothing.
UNLISTED: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"ccpayment": (10002, 11019, 12004, 14030, 99999), "coinqpay": (1001, 12009, 12013, 12014, 99999)}
)

# What a look-up may be answered with that proves that there is no record.
NOT_FOUND: Mapping[str, int] = MappingProxyType(
    {
        "getUserTransferRecord": 11003,
        "getUserSwapRecord": 11003,
        "coinqpay.get_pay_order": 12016,
        "coinqpay.withdraws": 12004,
    }
)


def documented(provider: str) -> Mapping[int, type[Outcome]]:
    """The codes of this provider."""
    return {"ccpayment": CCPAYMENT, "coinqpay": COINQPAY}[provider]


def meaning(provider: str, code: int) -> type[Outcome]:
    """What must be made of this code as the answer to a request that moves money."""
    is_inside = provider == "coinqpay" and code in WITH_A_FAULT_INSIDE
    return Unknown if is_inside else documented(provider).get(code, Unknown)
