"""What is known of the providers' coins."""

from collections.abc import Sequence
from datetime import datetime

from worker.ledger.columns import as_columns
from worker.ledger.session import Session
from worker.providers.protocol import Coin


class CoinData:
    """The coins, replaced as a whole."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def store_coins(self, provider: str, coins: Sequence[Coin]) -> None:
        """Replace what is known of a provider's coins."""
        columns = (
            as_columns(
                (coin.coin, coin.symbol, coin.decimals, coin.enabled, coin.minimum, coin.price_usd) for coin in coins
            )
            or [[]] * 6
        )
        await self._session.fetch_at(
            "SELECT ledger.store_coins($1,$2,$3,$4,$5,$6,$7,$8)", lambda now: (provider, *columns, now)
        )

    async def read_coins(self) -> list[tuple[str, Coin, datetime]]:
        """What is known of all providers' coins: provider, coin, and as of when."""
        return [
            (
                row["provider"],
                Coin(row["coin"], row["symbol"], row["decimals"], row["enabled"], row["minimum"], row["price_usd"]),
                row["fetched_at"],
            )
            for row in await self._session.fetch("SELECT * FROM ledger.coin_data")
        ]
