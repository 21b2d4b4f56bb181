"""The sandbox as the command opens it: with the worker's own credentials, recipe and addresses."""

import asyncio

import pytest

from worker import sandbox_desk
from worker.errors import BadInput, BadSettings
from worker.settings import read_settings

from .coinqpay_caller import PUBLIC, SEED, TRON_ADDRESS, CoinQPayCaller, code_of

RECIPE = "LEDGER_COINQPAY_SIGNATURE_"


def test_the_well_known_key_is_that_of_the_tests() -> None:
    assert SEED.hex() == sandbox_desk.SANDBOX_COINQPAY_PRIVATE_KEY
    sandbox = sandbox_desk.open_sandbox(read_settings({}))
    assert set(sandbox.controls) == {"ccpayment", "coinqpay"}
    assert sandbox.webhooks.to is None


def test_the_account_is_the_settings() -> None:
    addresses = f'{{"TRON_USDT": "{TRON_ADDRESS}", "DOGE": "D1"}}'
    settings = read_settings(
        {
            "LEDGER_COINQPAY_PRIVATE_KEY": SEED.hex(),
            "LEDGER_COINQPAY_WITHDRAW_ADDRESSES": addresses,
            RECIPE + "PREHASH": "none",
            RECIPE + "TIME_UNIT": "s",
            RECIPE + "KEY_HEADER": "X-Key",
        }
    )
    account = sandbox_desk._coinqpay_account(settings)
    assert (account.public_key, account.withdraw_addresses["TRON_USDT"]) == (PUBLIC, TRON_ADDRESS)
    recipe = account.recipe
    assert (recipe.prehash, recipe.time_unit, recipe.key_header) == ("none", "s", "X-Key")
    caller = CoinQPayCaller(account=account)
    assert code_of(caller.get("supported_coins")) == 12000


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (RECIPE + "TEMPLATE", "{secret}"),
        ("LEDGER_COINQPAY_WITHDRAW_ADDRESSES", '{"ETH": "here"}'),
        ("LEDGER_CCPAYMENT_APP_ID", "sys-app"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(variable: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"^{variable}: "):
        sandbox_desk.open_sandbox(read_settings({variable: value}))


def test_the_receiver_of_webhooks_is_a_url() -> None:
    serving = sandbox_desk.serve_sandbox(read_settings({}), "127.0.0.1", 0, [], "worker:8080")
    with pytest.raises(BadInput, match="--webhooks-to"):
        asyncio.run(serving)
