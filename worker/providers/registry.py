"""Every provider there is, opened when its credentials are set. A new provider is a folder and a line here."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx

from worker.clock import Clock
from worker.errors import BadSettings
from worker.providers.ccpayment.api import Api as CCPaymentApi
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.v1 import ApiV1
from worker.providers.coinqpay.api import Api as CoinQPayApi
from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.provider import CoinQPay, Patience
from worker.providers.coinqpay.recipe import Recipe
from worker.providers.health import Health
from worker.providers.line import Line
from worker.providers.pace import Pace
from worker.providers.protocol import Provider
from worker.providers.transport import open_transport
from worker.settings import Settings

CCPAYMENT = "ccpayment"
COINQPAY = "coinqpay"


def configured(settings: Settings) -> tuple[str, ...]:
    """The names of the providers that have credentials. Raises BadSettings for half of them."""
    if (settings.ccpayment_app_id is None) != (settings.ccpayment_app_secret is None):
        raise BadSettings("LEDGER_CCPAYMENT_APP_ID and LEDGER_CCPAYMENT_APP_SECRET: set both or neither")
    has_credentials = {
        CCPAYMENT: settings.ccpayment_app_id is not None,
        COINQPAY: settings.coinqpay_private_key is not None,
    }
    return tuple(name for name, has in has_credentials.items() if has)


def make_lines(settings: Settings, clock: Clock, *, watched: bool) -> dict[str, Line]:
    """A line to each configured provider. Watched: somebody probes one that is down, so that it is not asked else."""
    paces = {
        CCPAYMENT: settings.ccpayment_requests_per_second,
        COINQPAY: settings.coinqpay_requests_per_second,
    }
    return {name: Line(clock, Pace(paces[name]), Health(clock) if watched else None) for name in configured(settings)}


@asynccontextmanager
async def open_providers(
    settings: Settings, clock: Clock, lines: Mapping[str, Line] | None = None
) -> AsyncIterator[Mapping[str, Provider]]:
    """The configured providers, with their connections. Raises BadSettings when there is none.

    Without lines they are of one's own, and not watched: a person who asks is told what the provider says.
    """
    names = configured(settings)
    if not names:
        raise BadSettings(
            "LEDGER_CCPAYMENT_APP_ID or LEDGER_COINQPAY_PRIVATE_KEY: one is required, no provider is configured"
        )
    lines = lines or make_lines(settings, clock, watched=False)
    async with AsyncExitStack() as stack:
        transports = {name: await stack.enter_async_context(open_transport(settings.concurrency)) for name in names}
        yield {name: _OPENERS[name](settings, clock, transports[name], lines[name]) for name in names}


def open_ccpayment(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport, line: Line | None = None
) -> CCPayment:
    """CCPayment with this merchant's credentials."""
    assert settings.ccpayment_app_id is not None
    assert settings.ccpayment_app_secret is not None
    api = CCPaymentApi(
        transport,
        base_url=settings.ccpayment_base_url,
        app_id=settings.ccpayment_app_id,
        app_secret=settings.ccpayment_app_secret.get_secret_value(),
        timeout_seconds=settings.provider_timeout_seconds,
        now=clock.now,
        line=line,
    )
    return CCPayment(api, settings.ccpayment_app_id, clock.now, _open_version_1(settings, clock, transport))


def _open_version_1(settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport) -> ApiV1 | None:
    """CCPayment's version 1; None when only version 2 was led elsewhere.

    Whoever leads one of them to a simulator and forgets the other must not call the real provider.
    """
    assert settings.ccpayment_app_id is not None
    assert settings.ccpayment_app_secret is not None
    is_led = {"ccpayment_base_url", "ccpayment_v1_base_url"} & settings.model_fields_set
    if is_led == {"ccpayment_base_url"}:
        return None
    return ApiV1(
        transport,
        base_url=settings.ccpayment_v1_base_url,
        app_id=settings.ccpayment_app_id,
        app_secret=settings.ccpayment_app_secret.get_secret_value(),
        timeout_seconds=settings.provider_timeout_seconds,
        now=clock.now,
    )


def open_coinqpay(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport, line: Line | None = None
) -> CoinQPay:
    """CoinQ Pay with this merchant's key. Raises BadSettings for a signing recipe that cannot be."""
    assert settings.coinqpay_private_key is not None
    if settings.coinqpay_resend and not settings.coinqpay_second_confirmation:
        # Nothing would then stop a first copy that comes late from being paid beside the second.
        raise BadSettings("LEDGER_COINQPAY_RESEND: needs LEDGER_COINQPAY_SECOND_CONFIRMATION")
    recipe = read_recipe(settings)
    api = CoinQPayApi(
        transport,
        base_url=settings.coinqpay_base_url,
        signer=Signer(settings.coinqpay_private_key.get_secret_value(), recipe),
        recipe=recipe,
        timeout_seconds=settings.provider_timeout_seconds,
        now=clock.now,
        line=line,
    )
    patience = Patience(
        validity=timedelta(seconds=settings.coinqpay_signature_validity_seconds),
        skew=timedelta(seconds=settings.coinqpay_clock_skew_seconds),
        list_lag=timedelta(seconds=settings.coinqpay_list_lag_seconds),
    )
    return CoinQPay(api, settings.coinqpay_withdraw_addresses, patience, clock.now)


def read_recipe(settings: Settings) -> Recipe:
    """CoinQ Pay's signing recipe. Raises BadSettings naming the variable."""
    try:
        return Recipe(
            key_header=settings.coinqpay_signature_key_header,
            time_header=settings.coinqpay_signature_time_header,
            signature_header=settings.coinqpay_signature_header,
            template=settings.coinqpay_signature_template,
            prehash=settings.coinqpay_signature_prehash,
            time_unit=settings.coinqpay_signature_time_unit,
            encoding=settings.coinqpay_signature_encoding,
        )
    except ValueError as error:
        field, _, rule = str(error).partition(": ")
        field = "header" if field == "signature_header" else field
        raise BadSettings(f"LEDGER_COINQPAY_SIGNATURE_{field.upper()}: {rule}") from None


_OPENERS: Mapping[str, Callable[[Settings, Clock, httpx.AsyncBaseTransport, Line], Provider]] = {
    CCPAYMENT: open_ccpayment,
    COINQPAY: open_coinqpay,
}
