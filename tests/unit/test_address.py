"""When two spellings of an address are one address, and when they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.address import normal_address

HEXADECIMAL = "0xb9a78Dd2bc989cff715e1d8d95bb3474b61aEb9C"
BECH32 = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"

ONE = {
    "a checksum in the case": (HEXADECIMAL, HEXADECIMAL.lower()),
    "two checksums": (HEXADECIMAL, HEXADECIMAL.swapcase().replace("0X", "0x")),
    "the prefix in capitals": (HEXADECIMAL, "0X" + HEXADECIMAL[2:].upper()),
    "64 digits": ("0x" + "aB" * 32, "0x" + "Ab" * 32),
    "bech32 in capitals": (BECH32, BECH32.upper()),
    "litecoin in capitals": ("ltc1" + "q" * 38, "LTC1" + "Q" * 38),
}
TWO = {
    "base58 of TRON": ("TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1", "tdd1dywkar37thmrjazntxcjs7tgwujcd1"),
    "base58 of Bitcoin": ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1a1zp1ep5qgefi2dmptftl5slmv7divfna"),
    "base58 all in capitals": ("TDDA" * 8, "tdda" * 8),
    "hexadecimal that is too short": ("0xAB", "0xab"),
    "hexadecimal with another letter": ("0x" + "g" * 40, "0x" + "G" * 40),
    "bech32 of mixed case": ("bc1q" + "aB" * 10, ("bc1q" + "aB" * 10).lower()),
    "another digit": (HEXADECIMAL, HEXADECIMAL[:-1] + "d"),
}


@pytest.mark.parametrize(("one", "another"), ONE.values(), ids=ONE.keys())
def test_spellings_of_one_address_are_one(one: str, another: str) -> None:
    assert one != another
    assert normal_address(one) == normal_address(another)


@pytest.mark.parametrize(("one", "another"), TWO.values(), ids=TWO.keys())
def test_addresses_that_may_be_two_are_not_one(one: str, another: str) -> None:
    assert normal_address(one) != normal_address(another)


@given(st.text("0123456789abcdefABCDEFxXbctTq!~ ", max_size=80))
def test_the_normal_spelling_is_normal_and_says_the_same(address: str) -> None:
    normal = normal_address(address)
    assert normal_address(normal) == normal
    assert normal.lower() == address.lower()
