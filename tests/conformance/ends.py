"""Both ends of the line: the sandbox's own server on a port, and the worker's own providers that call it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.conformance.clock import Clock
from tests.conformance.orders import ALICE, TRON_ADDRESS, Order
from tests.conformance.port import base_urls, served
from worker.providers.ccpayment.provider import CCPayment
from worker.providers.ccpayment.v1 import ApiV1
from worker.providers.coinqpay.provider import CoinQPay
from worker.providers.protocol import Candidates, Finding, Outcome, Prepared, Provider, Trail
from worker.providers.registry import open_providers
from worker.providers.transport import open_transport
from worker.sandbox.sandbox import Sandbox
from worker.sandbox_desk import open_sandbox
from worker.settings import Settings, read_settings

APP_ID = "202601010000000000000000000000001"
APP_SECRET = "0123456789abcdef0123456789abcdef"
SEED = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

SETTINGS: Mapping[str, str] = {
    "LEDGER_CCPAYMENT_APP_ID": APP_ID,
    "LEDGER_CCPAYMENT_APP_SECRET": APP_SECRET,
    "LEDGER_COINQPAY_PRIVATE_KEY": SEED,
    "LEDGER_COINQPAY_WITHDRAW_ADDRESSES": f'{{"TRON_USDT": "{TRON_ADDRESS}"}}',
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order as it was sent, and what the worker makes of the answer."""

    order: Order
    prepared: Prepared
    outcome: Outcome


@dataclass(frozen=True)
class Ends:
    """The two ends, and what a test does with them."""

    sandbox: Sandbox
    clock: Clock
    settings: Settings = field(repr=False)
    providers: Mapping[str, Provider]

    @property
    def ccpayment(self) -> CCPayment:
        """The worker's CCPayment."""
        provider = self.providers["ccpayment"]
        assert isinstance(provider, CCPayment)
        return provider

    @property
    def coinqpay(self) -> CoinQPay:
        """The worker's CoinQ Pay."""
        provider = self.providers["coinqpay"]
        assert isinstance(provider, CoinQPay)
        return provider

    def ask(self, provider: str, action: str, **fields: object) -> Mapping[str, Any]:
        """Use a control of the sandbox."""
        return self.sandbox.ask(self.sandbox.controls[provider][action], fields)

    def heard(self) -> list[str | None]:
        """The routes that the sandbox was asked for, oldest first; None for one that it does not have."""
        return [received.route for received in self.sandbox.log]

    async def attempt(self, order: Order) -> Attempt:
        """Sign the order for now and send it once."""
        provider = self.providers[order.provider]
        return await self.send(order, provider.prepare(order.instruction, self.clock.now()))

    async def send(self, order: Order, prepared: Prepared, seconds_left: float = 60) -> Attempt:
        """Send what was signed."""
        send_by = self.clock.now() + timedelta(seconds=seconds_left)
        outcome = await self.providers[order.provider].execute(order.instruction, prepared, send_by)
        return Attempt(order, prepared, outcome)

    async def look_up(self, attempt: Attempt, provider_ref: str | None = None) -> Finding | Candidates:
        """Ask what became of it, by the provider's own id where that is known."""
        trail = Trail(provider_ref, attempt.prepared.signed_at)
        return await self.providers[attempt.order.provider].look_up(attempt.order.instruction, trail)

    @contextmanager
    def hasty(self, provider: str, seconds: float = 0.3) -> Iterator[None]:
        """Wait for this provider's answers no longer than this."""
        api = self.ccpayment.api if provider == "ccpayment" else self.coinqpay.api
        usual, api._timeout_seconds = api._timeout_seconds, seconds
        try:
            yield
        finally:
            api._timeout_seconds = usual


@asynccontextmanager
async def open_ends(
    worker: Mapping[str, str] | None = None, sandbox: Mapping[str, str] | None = None
) -> AsyncIterator[Ends]:
    """Both ends with the same settings, but for those that one of them is given; the payers have money."""
    clock = Clock()
    simulated = open_sandbox(read_settings({**SETTINGS, **(sandbox or {})}))
    simulated._now = clock.provider_seconds
    simulated.fund(ALICE, 1280, "1000")
    simulated.ask(simulated.controls["coinqpay"]["fund"], {"coin": "TRON_USDT", "amount": "1000"})
    async with served(simulated) as url:
        settings = read_settings({**SETTINGS, **base_urls(url), **(worker or {})})
        async with open_providers(settings, clock) as providers:
            yield Ends(simulated, clock, settings, providers)


@asynccontextmanager
async def open_v1(ends: Ends) -> AsyncIterator[ApiV1]:
    """The reader of CCPayment's version 1, with the worker's settings."""
    settings = ends.settings
    assert settings.ccpayment_app_id is not None
    assert settings.ccpayment_app_secret is not None
    async with open_transport(settings.concurrency) as transport:
        yield ApiV1(
            transport,
            base_url=settings.ccpayment_v1_base_url,
            app_id=settings.ccpayment_app_id,
            app_secret=settings.ccpayment_app_secret.get_secret_value(),
            timeout_seconds=settings.provider_timeout_seconds,
            now=ends.clock.now,
        )
