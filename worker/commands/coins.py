"""What a provider's own coin data say against a command, before any money is held for it.

The provider decides; this only spares a round trip and a hold. A coin of which nothing is known refuses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from schemas.money import EXACT, show
from worker.providers.protocol import Coin

# Prices move between our reading and the provider's: only what is clearly below a limit is refused here.
PRICE_MARGIN = Decimal("0.9")

# By coin as events name it; None: nothing is known of this provider's coins.
CoinData = Mapping[str, Coin] | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a well-formed command is not accepted. `by_data`: it rests on coin data, which may have changed."""

    code: str
    message: str
    by_data: bool = True


def refuse_unlisted(field: str, coin: str, coins: CoinData) -> Refusal | None:
    """The provider does not list the coin for this merchant."""
    if coins is None or coin in coins:
        return None
    return Refusal("unsupported", f"{field}: {coin} is not among the provider's coins")


def refuse_disabled(field: str, coin: str, coins: CoinData) -> Refusal | None:
    """The provider lists the coin and has closed it."""
    known = _known(coin, coins)
    if known is None or known.enabled:
        return None
    return Refusal("unsupported", f"{field}: the provider has closed {known.symbol}")


def refuse_decimals(field: str, amount: str, coin: str, coins: CoinData) -> Refusal | None:
    """More digits after the point than the coin has; 5.10 has one."""
    known = _known(coin, coins)
    if known is None or len(show(Decimal(amount)).partition(".")[2]) <= known.decimals:
        return None
    return Refusal("amount_precision", f"{field}: {known.symbol} has at most {known.decimals} decimals")


def refuse_minimum(field: str, amount: str, coin: str, coins: CoinData) -> Refusal | None:
    """Less than the provider takes of this coin."""
    known = _known(coin, coins)
    if known is None or known.minimum is None or Decimal(amount) >= known.minimum:
        return None
    return Refusal("amount_too_small", f"{field}: must be at least {show(known.minimum)} {known.symbol}")


def refuse_value(field: str, amount: str, minimum_usd: str, coin: str, coins: CoinData) -> Refusal | None:
    """Clearly worth less than the provider takes, by its own price."""
    known = _known(coin, coins)
    if known is None or known.price_usd is None:
        return None
    if EXACT.multiply(Decimal(amount), known.price_usd) >= EXACT.multiply(Decimal(minimum_usd), PRICE_MARGIN):
        return None
    return Refusal("amount_too_small", f"{field}: must be worth at least {minimum_usd} US dollars")


def _known(coin: str, coins: CoinData) -> Coin | None:
    return None if coins is None else coins.get(coin)
