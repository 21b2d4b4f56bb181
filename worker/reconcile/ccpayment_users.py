"""CCPayment's users as the ledger knows them: whose lists and balances are read."""

from collections.abc import AsyncIterator

from worker.ledger import ReconcileLedger
from worker.providers.ccpayment.api import ReadFailed
from worker.providers.ccpayment.errors import NOT_FOUND, UNKNOWN_USER

PAGE = 500
MERCHANT = "merchant"
# What is answered about somebody, or a coin, that the provider does not know.
INVALID_COIN = 13000
UNKNOWN = frozenset({NOT_FOUND, UNKNOWN_USER, INVALID_COIN})


async def account_names(provider: str, books: ReconcileLedger) -> AsyncIterator[str]:
    """The merchant first, then every user of the ledger, by name."""
    yield MERCHANT
    after = ""
    while names := await books.account_names(provider, after, PAGE):
        for name in names:
            if name != MERCHANT:
                yield name
        after = names[-1]


def user_id_of(account: str, merchant_user_id: str) -> str:
    """By what id the provider knows the account."""
    return merchant_user_id if account == MERCHANT else account.removeprefix("user:")


def is_unknown(error: ReadFailed) -> bool:
    """The provider has nothing of what was asked for, which is an answer."""
    return error.code in UNKNOWN
