"""The merchant's account at the simulated CoinQ Pay: what a real one would have set in the admin site."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nacl.signing import SigningKey

from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.parameters import is_address_of
from worker.sandbox.coinqpay.recipe import Recipe
from worker.sandbox.errors import require


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinQPayAccount:
    """One merchant. Raises `InputError` naming the field that makes no sense.

    `public_key` is the raw 32 bytes, `withdraw_addresses` the bound address by coin.
    """

    public_key: bytes
    recipe: Recipe = field(default_factory=Recipe)
    withdraw_addresses: Mapping[str, str] = field(default_factory=dict)
    millisecond_pay_orders: bool = True
    """The documented sample of a queried pay order gives expiry and creation in milliseconds,
    against its own table; everything else is in seconds."""

    def __post_init__(self) -> None:
        require(len(self.public_key) == 32, "public_key", "must be 32 bytes")
        for coin, address in self.withdraw_addresses.items():
            # Coins that are not simulated may be there too: they are refused before their address matters.
            possible = coin not in COINS or is_address_of(COINS[coin].chain, address)
            require(possible, "withdraw_addresses", f"has for {coin} what is no address of its chain")


def public_key_of(seed: bytes) -> bytes:
    """The Ed25519 public key of a raw 32-byte private key."""
    return bytes(SigningKey(seed).verify_key)
