"""When two spellings of an address are one address."""

import re

# Hexadecimal addresses carry a checksum in their case, bech32 ones are written all upper or all lower; the case of
# every other kind (base58: Bitcoin, TRON) is part of the address.
_CASELESS = re.compile(r"0[xX][0-9a-fA-F]{40,64}|(?:bc|tb|ltc|bnb|cosmos|addr)1[0-9a-z]{6,110}")


def normal_address(address: str) -> str:
    """One spelling for all spellings of an address."""
    lower = address.lower()
    is_mixed = address not in (lower, address.upper())
    if lower.startswith("0x"):
        return lower if _CASELESS.fullmatch(address) else address
    return lower if not is_mixed and _CASELESS.fullmatch(lower) else address
