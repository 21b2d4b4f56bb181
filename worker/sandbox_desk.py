"""The simulated providers as an operator starts them: with the credentials and recipe that the worker will use."""

import time
from collections.abc import Sequence

import typer

from worker.errors import BadInput, BadSettings, WorkerError
from worker.sandbox.coinqpay.account import CoinQPayAccount, public_key_of
from worker.sandbox.coinqpay.recipe import Recipe
from worker.sandbox.control import listing
from worker.sandbox.errors import InputError
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.server import serve
from worker.sandbox.webhook_controls import is_base_url
from worker.settings import Settings

# Credentials of a simulated merchant. They open nothing anywhere.
SANDBOX_APP_ID = "sandbox-merchant"
SANDBOX_APP_SECRET = "sandbox-secret"  # noqa: S105
SANDBOX_COINQPAY_PRIVATE_KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"


async def serve_sandbox(
    settings: Settings, host: str, port: int, fund: Sequence[str], webhooks_to: str | None = None
) -> None:
    """Serve the simulated providers until interrupted; their webhooks go to that base URL."""
    if not is_base_url(webhooks_to):
        raise BadInput("--webhooks-to: must be a http or https URL")
    simulated = open_sandbox(settings, webhooks_to)
    for gift in fund:
        user_id, coin_id, amount = _read_gift(gift)
        try:
            simulated.fund(user_id, coin_id, amount)
        except InputError as error:
            raise BadInput(f"--fund: {error}") from None

    def started(bound: int) -> None:
        controls = [f"  {control}  {meaning}" for control, meaning in listing(simulated).items()]
        # At once, so that whoever reads only the first line may close the pipe after it.
        typer.echo(
            "\n".join(
                [
                    f"sandbox: http://{host}:{bound} (APP ID {_app_id(settings)})",
                    f"CoinQ Pay public key: {_coinqpay_public_key(settings).hex()}",
                    "controls:",
                    *controls,
                ]
            )
        )

    try:
        await serve(simulated, host, port, started)
    except OSError as error:
        raise WorkerError(f"cannot listen on {host}:{port} ({error.strerror})") from None


def open_sandbox(settings: Settings, webhooks_to: str | None = None) -> Sandbox:
    """The simulated providers, with the credentials that the worker will use. Raises BadSettings."""
    secret = settings.ccpayment_app_secret
    try:
        return Sandbox(
            _app_id(settings),
            SANDBOX_APP_SECRET if secret is None else secret.get_secret_value(),
            time.time,
            coinqpay=_coinqpay_account(settings),
            webhooks_to=webhooks_to,
        )
    except InputError as error:
        raise BadSettings(f"LEDGER_CCPAYMENT_APP_ID: {error.rule}") from None


def _coinqpay_account(settings: Settings) -> CoinQPayAccount:
    """The account whose key and recipe the worker signs with. Raises BadSettings."""
    try:
        recipe = Recipe(
            key_header=settings.coinqpay_signature_key_header,
            time_header=settings.coinqpay_signature_time_header,
            signature_header=settings.coinqpay_signature_header,
            template=settings.coinqpay_signature_template,
            prehash=settings.coinqpay_signature_prehash,
            time_unit=settings.coinqpay_signature_time_unit,
            encoding=settings.coinqpay_signature_encoding,
        )
    except InputError as error:
        name = "HEADER" if error.field == "signature_header" else error.field.upper()
        raise BadSettings(f"LEDGER_COINQPAY_SIGNATURE_{name}: {error.rule}") from None
    try:
        return CoinQPayAccount(
            public_key=_coinqpay_public_key(settings),
            recipe=recipe,
            withdraw_addresses=settings.coinqpay_withdraw_addresses,
        )
    except InputError as error:
        raise BadSettings(f"LEDGER_COINQPAY_WITHDRAW_ADDRESSES: {error.rule}") from None


def _coinqpay_public_key(settings: Settings) -> bytes:
    key = settings.coinqpay_private_key
    seed = SANDBOX_COINQPAY_PRIVATE_KEY if key is None else key.get_secret_value()
    return public_key_of(bytes.fromhex(seed))


def _read_gift(gift: str) -> tuple[str, int, str]:
    parts = gift.rsplit("/", 2)
    if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit():
        raise BadInput("--fund: must be userId/coinId/amount")
    return parts[0], int(parts[1]), parts[2]


def _app_id(settings: Settings) -> str:
    return settings.ccpayment_app_id or SANDBOX_APP_ID
