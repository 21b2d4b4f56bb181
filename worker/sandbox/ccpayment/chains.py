"""The chains that the simulated provider knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain; `base_url` shows a transaction where `%s` stands for its id."""

    symbol: str
    full_name: str
    explorer: str
    base_url: str
    confirmations: int
    is_evm: bool = False
    is_utxo: bool = False
    """Several payers can pay one transaction, so a deposit has no single sender."""
    needs_memo: bool = False
    """All depositors share one address, and the memo says whose a deposit is."""


def _evm(symbol: str, full_name: str, explorer: str, confirmations: int) -> Chain:
    base_url = f"{explorer}/tx/%s"
    return Chain(
        symbol=symbol,
        full_name=full_name,
        explorer=explorer,
        base_url=base_url,
        confirmations=confirmations,
        is_evm=True,
    )


_LISTED = (
    _evm("BSC", "Binance Smart Chain", "https://bscscan.com", 15),
    _evm("ETH", "Ethereum", "https://etherscan.io", 12),
    _evm("POLYGON", "Polygon", "https://polygonscan.com", 128),
    # A test network: not documented under which symbol, assumed is its usual name.
    _evm("SEPOLIA", "Sepolia", "https://sepolia.etherscan.io", 12),
    Chain(
        symbol="TRX",
        full_name="TRON",
        explorer="https://tronscan.org",
        base_url="https://tronscan.org/#/transaction/%s",
        confirmations=20,
    ),
    Chain(
        symbol="BTC",
        full_name="Bitcoin",
        explorer="https://blockchair.com/bitcoin",
        base_url="https://blockchair.com/bitcoin/transaction/%s",
        confirmations=2,
        is_utxo=True,
    ),
    Chain(
        symbol="XLM",
        full_name="Stellar",
        explorer="https://stellarchain.io",
        base_url="https://stellarchain.io/transactions/%s",
        confirmations=1,
        needs_memo=True,
    ),
)

CHAINS: Mapping[str, Chain] = MappingProxyType({chain.symbol: chain for chain in _LISTED})
