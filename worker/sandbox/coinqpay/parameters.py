"""The form of CoinQ Pay's parameters: the query of a GET, the JSON body of a POST, and each value."""

import re
from types import MappingProxyType
from urllib.parse import parse_qsl

from worker.sandbox.parameters import decode_object
from worker.sandbox.provider import Parameters

# What a byte after a percent sign must be; the standard library lets others through.
BROKEN_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")

# The form of an address; its checksum is not verified, so that made-up ones can be used.
EVM_ADDRESS = re.compile("0x[0-9A-Fa-f]{40}")
ADDRESSES = MappingProxyType(
    {
        "TRON": re.compile("T[1-9A-HJ-NP-Za-km-z]{33}"),
        "BSC": EVM_ADDRESS,
        "ETH": EVM_ADDRESS,
    }
)


def read_query(query: str) -> Parameters | None:
    """The parameters of a raw query; None when one comes twice or is not percent-encoded UTF-8."""
    if BROKEN_PERCENT.search(query):
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=query != "", errors="strict")
    except ValueError:
        return None
    parameters = dict(pairs)
    return parameters if len(parameters) == len(pairs) else None


def read_object(body: bytes) -> Parameters | None:
    """The JSON object of a body; None when it is anything else, or has a name twice."""
    return decode_object(body, names_once=True)


def is_coin(value: object) -> bool:
    """Text of 1 to 50 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 50


def is_order_id(value: object) -> bool:
    """Text of 1 to 64 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 64


def is_withdrawal_id(value: object) -> bool:
    """Text of 1 to 20 characters."""
    return isinstance(value, str) and 1 <= len(value) <= 20


def is_text(value: object) -> bool:
    """Text, whatever it says."""
    return isinstance(value, str)


def is_currency(value: object) -> bool:
    """One of the two currencies that prices are given in."""
    return value in {"USD", "HKD"} if isinstance(value, str) else False


def is_address_of(chain: str, address: str) -> bool:
    """Whether the chain could have this address."""
    return ADDRESSES[chain].fullmatch(address) is not None
