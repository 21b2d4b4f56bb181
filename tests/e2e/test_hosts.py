"""URLs with several hosts: whoever does not answer is passed over, by the worker and by its clients."""

from ledger_client import LedgerClient, Transfer
from tests.e2e.stage import Stage


def behind_nobody(url: str) -> str:
    """The URL with a host before its own at which nobody listens: port 9, discard."""
    credentials, _, host = url.rpartition("@")
    return f"{credentials}@127.0.0.1:9,{host}"


async def test_a_first_host_that_is_not_there_is_passed_over_by_worker_client_and_desk(desk: Stage) -> None:
    amqp_url = behind_nobody(desk.amqp_url)
    passing = desk.having(LEDGER_AMQP_URL=amqp_url, LEDGER_DATABASE_URL=behind_nobody(desk.database_url))
    async with passing.worker() as worker, LedgerClient.connect(amqp_url, service="hosts") as client:
        command = Transfer(order_id="ord-1", from_user_id="alice1", to_user_id="bob123", coin_id=1280, amount="1")
        event = await client.execute(command, timeout=20)
        assert event.error_code == "insufficient_funds"
        assert worker.said("away") == []
    reason = ("--reason", "opening balance")
    account = ("--account", "merchant", "--provider", "ccpayment", "--coin", "1280")
    assert (await passing.run("adjust", "--order-id", "open-1", *account, "--amount", "1", *reason)).code == 0
