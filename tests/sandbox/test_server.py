"""The sandbox over real HTTP: answers, cut connections, limits, control routes, an orderly end."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from worker.sandbox.server import serve

from .caller import Caller, Clock, signed_headers, transfer_fields
from .coinqpay_caller import CoinQPayCaller, result_of

Session = aiohttp.ClientSession


@asynccontextmanager
async def running(caller: Caller | CoinQPayCaller) -> AsyncIterator[Session]:
    """A server on a free port, and a client of it."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(caller.sandbox, "127.0.0.1", 0, port.set_result))
    try:
        async with Session(f"http://127.0.0.1:{await port}") as session:
            yield session
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


def run(caller: Caller | CoinQPayCaller, story: Callable[[Session], Awaitable[None]]) -> None:
    async def told() -> None:
        async with running(caller) as session, asyncio.timeout(20):
            await story(session)

    asyncio.run(told())


async def transfer(session: Session, caller: Caller, **changes: object) -> tuple[int, bytes]:
    body = json.dumps(transfer_fields(**changes)).encode()
    headers = signed_headers(body, str(int(caller.clock.seconds)))
    path = "/ccpayment/v2/userTransfer?ignored=1"
    async with session.post(path, data=body, headers=headers) as answer:
        return answer.status, await answer.read()


def test_a_transfer_by_http_moves_money_and_logs_the_raw_body(caller: Caller) -> None:
    async def story(session: Session) -> None:
        status, body = await transfer(session, caller, remark="café")
        assert (status, json.loads(body)["code"]) == (200, 10000)
        assert caller.executed() == ["ord-1"]
        [received] = caller.sandbox.log
        assert received.body == json.dumps(transfer_fields(remark="café")).encode()

    run(caller, story)


def test_many_transfers_at_once_are_each_done_once(caller: Caller) -> None:
    async def story(session: Session) -> None:
        calls = [transfer(session, caller, orderId=f"ord-{n % 50}") for n in range(100)]
        answers = [json.loads(body)["code"] for _, body in await asyncio.gather(*calls)]
        assert sorted(answers) == [10000] * 50 + [11011] * 50

    run(caller, story)


@pytest.mark.parametrize(("kind", "more"), [("reset", {}), ("hang", {"seconds": 0})])
def test_a_cut_connection_is_seen_as_one(
    caller: Caller, caplog: pytest.LogCaptureFixture, kind: str, more: dict[str, float]
) -> None:
    caller.sandbox.add_fault(kind, when="after", times=1, **more)  # type: ignore[arg-type]

    async def story(session: Session) -> None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await transfer(session, caller)
        assert caller.executed() == ["ord-1"]
        assert json.loads((await transfer(session, caller))[1])["code"] == 11011

    run(caller, story)
    # A fault on request is no error of the server: nothing is reported.
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_hang_is_still_silent_when_the_server_ends(caller: Caller) -> None:
    caller.sandbox.add_fault("hang", when="after", times=1)

    async def told() -> None:
        async with asyncio.timeout(20), running(caller) as session:
            hung = asyncio.create_task(transfer(session, caller))
            # The second answer proves that the first request, sent before, has no answer yet.
            while not caller.executed():
                await session.get("/sandbox/health")
            assert not hung.done()
            hung.cancel()

    asyncio.run(told())


def test_spoilt_answers_have_their_status_and_type(caller: Caller) -> None:
    caller.sandbox.add_fault("http_502", times=1)

    async def story(session: Session) -> None:
        status, body = await transfer(session, caller)
        assert (status, body[:6]) == (502, b"<html>")

    run(caller, story)


@pytest.mark.parametrize(("size", "status"), [(2**20, 200), (2**20 + 1, 413)])
def test_a_body_may_have_one_mebibyte(caller: Caller, size: int, status: int) -> None:
    async def story(session: Session) -> None:
        async with session.post("/ccpayment/v2/userTransfer", data=io.BytesIO(b"x" * size)) as answer:
            assert answer.status == status

    run(caller, story)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/ccpayment/v2/noSuchRoute", 404),
        ("GET", "/ccpayment/v2/userTransfer", 405),
        ("GET", "/sandbox/health", 200),
        ("GET", "/sandbox/nothing", 404),
    ],
)
def test_routes_that_need_no_signature(caller: Caller, method: str, path: str, status: int) -> None:
    async def story(session: Session) -> None:
        async with session.request(method, path) as answer:
            assert answer.status == status

    run(caller, story)


def test_the_control_routes_are_served(caller: Caller) -> None:
    async def story(session: Session) -> None:
        funds = {"userId": "carol5", "coinId": 1482, "amount": "3"}
        async with session.post("/sandbox/fund", json=funds) as answer:
            assert (answer.status, await answer.json()) == (200, {"balance": "3"})
        async with session.post("/sandbox/faults", json={"kind": "explode"}) as answer:
            assert (answer.status, (await answer.json())["field"]) == (400, "kind")
        async with session.get("/sandbox/books") as answer:
            assert len((await answer.json())["balances"]) == 2

    run(caller, story)


@pytest.mark.parametrize("query", ["order_id=a%2Fb+c", "order_id=a/b%20c", "order_id=%C3%A9", ""])
def test_the_query_arrives_as_it_was_sent(query: str) -> None:
    caller = CoinQPayCaller()

    async def story(session: Session) -> None:
        request = caller.request("GET", "pay_order", query)
        target = request.path + (f"?{query}" if query else "")
        async with session.get(URL(target, encoded=True), headers=dict(request.headers)) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == ((404, 12016) if query else (400, 1003))
        assert [received.query for received in caller.sandbox.log] == [query]

    run(caller, story)


def test_a_slow_answer_comes_whole() -> None:
    caller = CoinQPayCaller()
    caller.sandbox.add_fault("slow", when="after", seconds=0.05)

    async def story(session: Session) -> None:
        request = caller.request("GET", "supported_coins")
        async with session.get(request.path, headers=dict(request.headers)) as answer:
            assert (answer.status, (await answer.json())["success"]) == (200, True)

    run(caller, story)


@asynccontextmanager
async def receiving(answers: list[web.Response]) -> AsyncIterator[tuple[str, asyncio.Queue[tuple[str, bytes]]]]:
    """A receiver of webhooks that gives these answers in turn: its URL, and what arrives."""
    arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def answer(request: web.BaseRequest) -> web.Response:
        arrived.put_nowait((request.path, await request.read()))
        return answers.pop(0)

    server = web.Server(answer)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", arrived
    finally:
        listener.close()
        await server.shutdown(0.1)


def test_webhooks_are_carried_until_they_are_accepted() -> None:
    caller = CoinQPayCaller()
    caller.ask("fund", coin="TRON_USDT", amount="100")
    caller.ask("pace", seconds=0)
    answers = [
        web.Response(status=409),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
        web.Response(text="OK"),
        web.Response(text="OK"),
    ]

    async def story(session: Session) -> None:
        async with receiving(answers) as (url, arrived):
            switches = {"to": url, "retrySeconds": 0}
            async with session.post("/sandbox/webhooks", json=switches) as answer:
                assert answer.status == 200
            created = caller.payout()
            confirm, result = "/webhooks/coinqpay/confirm", "/webhooks/coinqpay/withdrawal"
            seen = [await arrived.get() for _ in range(4)]
            assert [path for path, _ in seen] == [confirm, confirm, confirm, result]
            assert json.loads(seen[0][1])["id"] == result_of(created)["id"]
            assert json.loads(seen[3][1])["status"] == 4

    run(caller, story)


def test_a_receiver_that_is_away_is_tried_again() -> None:
    caller = CoinQPayCaller(Clock(), "http://127.0.0.1:1")
    caller.ask("fund", coin="TRON_USDT", amount="100")
    caller.payout()

    async def story(session: Session) -> None:
        tries = 0
        while not tries:
            async with session.get("/sandbox/webhooks") as answer:
                [delivery] = (await answer.json())["deliveries"]
            tries = delivery["tries"]
        assert (delivery["outcome"], delivery["lastStatus"]) == ("pending", None)

    run(caller, story)
