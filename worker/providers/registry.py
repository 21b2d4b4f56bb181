"""Every provider there is, opened when its credentials are set. A new provider is a folder and a line here."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from worker.clock import Clock
from worker.errors import BadSettings
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.http import open_client
from worker.providers.protocol import Provider
from worker.settings import Settings

CCPAYMENT = "ccpayment"


def configured(settings: Settings) -> tuple[str, ...]:
    """The names of the providers that have credentials. Raises BadSettings for half of them."""
    if (settings.ccpayment_app_id is None) != (settings.ccpayment_app_secret is None):
        raise BadSettings("LEDGER_CCPAYMENT_APP_ID and LEDGER_CCPAYMENT_APP_SECRET: set both or neither")
    return () if settings.ccpayment_app_id is None else (CCPAYMENT,)


@asynccontextmanager
async def open_providers(settings: Settings, clock: Clock) -> AsyncIterator[Mapping[str, Provider]]:
    """The configured providers, with their connections. Raises BadSettings when there is none."""
    async with AsyncExitStack() as stack:
        names = configured(settings)
        if not names:
            raise BadSettings("LEDGER_CCPAYMENT_APP_ID: is required, for no other provider is configured")
        providers: dict[str, Provider] = {}
        if CCPAYMENT in names:
            assert settings.ccpayment_app_id is not None
            assert settings.ccpayment_app_secret is not None
            providers[CCPAYMENT] = CCPayment(
                await stack.enter_async_context(open_client(settings.concurrency)),
                base_url=settings.ccpayment_base_url,
                app_id=settings.ccpayment_app_id,
                app_secret=settings.ccpayment_app_secret.get_secret_value(),
                timeout_seconds=settings.provider_timeout_seconds,
                now=clock.now,
            )
        yield providers
