"""Deposit addresses: the same for the same owner and chain, for ever, and made of nothing but them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from worker.sandbox.ccpayment.chains import Chain

# Documented for each of the two address routes.
ADDRESSES_PER_FAMILY = 1000

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
HEX = "0123456789abcdef"


class Family(StrEnum):
    """Whose address it is; the same name in two families is two owners."""

    USER = "user"
    REFERENCE = "reference"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to pay, and the memo that goes with it on chains that need one, else empty."""

    address: str
    memo: str


class Addresses:
    """The addresses that were asked for; only their number matters, for it is limited."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._given: set[tuple[Family, str, str]] = set()

    def give(self, family: Family, owner: str, chain: Chain) -> Address | None:
        """The owner's address, None when it would be one too many."""
        entry = (family, owner, _group(chain))
        used = sum(1 for other, _, _ in self._given if other is family)
        if entry not in self._given and used >= ADDRESSES_PER_FAMILY:
            return None
        self._given.add(entry)
        return self.of(family, owner, chain)

    def of(self, family: Family, owner: str, chain: Chain) -> Address:
        """The owner's address, asked for or not. All EVM chains share one, as real ones do."""
        if chain.needs_memo:
            memo = int.from_bytes(self._digest(family, owner, _group(chain))[:5], "big")
            return Address(_spell(chain, self._digest("everybody", _group(chain))), str(memo))
        return Address(_spell(chain, self._digest(family, owner, _group(chain))), "")

    def _digest(self, *names: str) -> bytes:
        return hashlib.sha512("/".join([self._app_id, *names]).encode("utf-8", "surrogatepass")).digest()


def sender(chain: Chain, tx_id: str) -> str | None:
    """Who paid a transaction; None where a transaction has no single payer."""
    digest = hashlib.sha512(tx_id.encode("utf-8", "surrogatepass")).digest()
    return None if chain.is_utxo else _spell(chain, digest)


def _group(chain: Chain) -> str:
    return "EVM" if chain.is_evm else chain.symbol


def _spell(chain: Chain, digest: bytes) -> str:
    """An address that looks like one of its chain; no checksum, as no chain will ever see it."""
    return SPELLINGS[_group(chain)](digest)


def _spelling(prefix: str, alphabet: str, length: int) -> Callable[[bytes], str]:
    def spell(digest: bytes) -> str:
        return prefix + "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])

    return spell


SPELLINGS = {
    "EVM": _spelling("0x", HEX, 40),
    "TRX": _spelling("T", BASE58, 33),
    "BTC": _spelling("bc1q", BECH32, 38),
    "XLM": _spelling("G", BASE32, 55),
}
