"""Asking CCPayment to look again for a deposit that has not been credited."""

from pydantic import StrictStr

from worker.providers.ccpayment.api import Api
from worker.providers.ccpayment.fields import without_blanks
from worker.providers.ccpayment.wire import Wire
from worker.providers.reading import clean_message


class _Rescan(Wire):
    description: StrictStr


async def rescan(api: Api, *, chain: str, to_address: str, tx_id: str, memo: str | None = None) -> str:
    """Have one transaction looked at again; the provider's words on that, for the payer. Raises ReadFailed.

    It credits nothing: a deposit that is found comes as a record like any other. Asking again does no harm.
    """
    fields = without_blanks(chain=chain, toAddress=to_address, txId=tx_id, memo=memo)
    return clean_message((await api.read_as(_Rescan, "rescanLostTransaction", fields)).description)
