"""One URL, several brokers: tried in their order, with one user and one virtual host; by worker and client alike."""

import pytest

from ledger_client import LedgerClient
from ledger_client.connection import each_host as each_host_of_client
from worker.broker.hosts import each_host
from worker.errors import BadSettings
from worker.settings import read_settings

ONE = [("amqp://u:p@a:5673/", ["amqp://u:p@a:5673/?heartbeat=15"]), ("amqps://a", ["amqps://a/?heartbeat=15"])]
SEVERAL = [
    (
        "amqp://u:p@a:5673,b,[::1]:5675/books?heartbeat=5",
        [
            "amqp://u:p@a:5673/books?heartbeat=5",
            "amqp://u:p@b/books?heartbeat=5",
            "amqp://u:p@[::1]:5675/books?heartbeat=5",
        ],
    ),
    ("amqp://u:p,q@a,b/%2F", ["amqp://u:p,q@a/%2F?heartbeat=15", "amqp://u:p,q@b/%2F?heartbeat=15"]),
]


@pytest.mark.parametrize(("url", "hosts"), [*ONE, *SEVERAL])
def test_each_host_has_a_url_of_its_own(url: str, hosts: list[str]) -> None:
    assert [str(host) for host in each_host(url)] == hosts
    assert each_host_of_client(url) == hosts
    assert read_settings({"LEDGER_AMQP_URL": url}).amqp_url is not None


CANNOT_BE = ["a,", ",b", "a,,b", "a:0,b", "a,b:port", "a,b:99999"]


@pytest.mark.parametrize("hosts", CANNOT_BE)
def test_a_list_with_a_host_that_cannot_be_is_refused_without_its_password(hosts: str) -> None:
    with pytest.raises(BadSettings) as refused:
        read_settings({"LEDGER_AMQP_URL": f"amqp://user:hush-hush@{hosts}/"})
    assert str(refused.value).startswith("LEDGER_AMQP_URL: must ")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url", [*(f"amqp://user:hush-hush@{hosts}/" for hosts in CANNOT_BE), "http://a/", "amqp://[::1/", ""]
)
async def test_the_client_refuses_such_a_url_at_once_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^amqp_url: must be") as refused:
        async with LedgerClient.connect(url, service="shop"):
            pass
    assert "hush" not in str(refused.value)


def test_a_url_that_only_the_library_cannot_read_is_refused_by_its_variable() -> None:
    with pytest.raises(BadSettings, match=r"^LEDGER_AMQP_URL: cannot be read as an AMQP URL$"):
        each_host("amqp://[::1/")
