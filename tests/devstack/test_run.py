"""What `run` starts is right, and all of it is gone afterwards, however it ends."""

import ipaddress
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.process import moment_of_birth

from .clone import GIVEN_BROKER, Clone, is_running, wait_for

TALK_TO_BOTH = """
import asyncio, os
import aio_pika, asyncpg

async def main():
    database = await asyncpg.connect(os.environ["LEDGER_DATABASE_URL"])
    print(await database.fetchval("SELECT current_database()"))
    await database.close()
    try:
        await asyncpg.connect(os.environ["LEDGER_DATABASE_URL"], password="wrong")
    except asyncpg.InvalidPasswordError:
        print("refused")
    broker = await aio_pika.connect(os.environ["LEDGER_AMQP_URL"])
    channel = await broker.channel()
    queue = await channel.declare_queue("q", durable=True, arguments={"x-queue-type": "quorum"})
    print(queue.name, flush=True)
    input()
    await broker.close()

asyncio.run(main())
"""


def test_both_servers_answer_this_machine_only_and_ask_for_a_password(clone: Clone) -> None:
    child = clone.start("run", "--", sys.executable, "-c", TALK_TO_BOTH)
    assert child.stdin is not None
    assert child.stdout is not None
    said = [child.stdout.readline().strip() for _ in range(3)]
    servers = clone.recorded_pids()
    addresses = {address for pid in servers for address in listening(pid)}
    processes = {member for pid in servers for member in family_of(pid)}

    _, noted = child.communicate("go\n", timeout=30)

    assert child.returncode == 0, noted
    assert said == ["ledger", "refused", "q"]
    assert addresses <= {"127.0.0.1", "::1"}
    assert len(servers) == 3, "epmd, RabbitMQ, PostgreSQL"
    assert processes >= set(servers)
    wait_for(lambda: not any(is_running(pid) for pid in processes))
    assert clone.instances() == []


def listening(pid: int) -> set[str]:
    """The addresses that a process takes connections on."""
    opened = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in opened:
                # Groups of four bytes, each the other way round (proc(5)).
                packed = bytes.fromhex(fields[1].split(":")[0])
                groups = [packed[i : i + 4][::-1] for i in range(0, len(packed), 4)]
                found.add(str(ipaddress.ip_address(b"".join(groups))))
    return found


def family_of(pid: int) -> set[int]:
    """The process and all its descendants, which Erlang and PostgreSQL start."""
    members = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            members |= family_of(int(child))
    return members


def test_the_exit_code_of_the_command_is_handed_on_and_nothing_stays(clone: Clone) -> None:
    child = clone.run_waiting(**GIVEN_BROKER)
    servers = clone.recorded_pids()
    assert servers

    child.send_signal(signal.SIGTERM)  # Passed on to the command, which dies of it.
    child.wait(20)

    assert child.returncode == 128 + signal.SIGTERM
    assert not any(is_running(pid) for pid in servers)
    assert clone.instances() == []


def test_a_failing_command_fails_the_run(clone: Clone) -> None:
    code, _, _ = clone.call("run", "--", "sh", "-c", "exit 7", **GIVEN_BROKER)

    assert code == 7
    assert clone.instances() == []


def test_a_command_that_is_not_there_is_127(clone: Clone) -> None:
    code, _, noted = clone.call("run", "--", "no-such-command", **GIVEN_BROKER)

    assert code == 127
    assert "no-such-command" in noted
    assert clone.instances() == []


def test_ctrl_c_ends_the_command_first_and_the_servers_after(clone: Clone) -> None:
    child = clone.run_waiting(**GIVEN_BROKER)
    servers = clone.recorded_pids()

    os.killpg(child.pid, signal.SIGINT)  # As a terminal does: to the whole group.
    child.wait(20)

    assert child.returncode in {1, 130}, "Python's own end by KeyboardInterrupt"
    assert not any(is_running(pid) for pid in servers)
    assert clone.instances() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_servers_start_leaves_nothing(clone: Clone, number: signal.Signals) -> None:
    child = clone.start("run", "--", "true", **GIVEN_BROKER)
    wait_for(lambda: bool(clone.instances()) and written(clone) and bool(clone.recorded_pids()))
    servers = clone.recorded_pids()

    child.send_signal(number)
    child.wait(20)

    assert child.returncode == 128 + number
    assert not any(is_running(pid) for pid in servers)
    assert clone.instances() == []


def written(clone: Clone) -> bool:
    return all((one / "instance.json").exists() for one in clone.instances())


def test_what_a_killed_run_leaves_is_cleared_away_by_the_next(clone: Clone) -> None:
    killed = clone.run_waiting(**GIVEN_BROKER)
    servers = clone.recorded_pids()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait(20)
    assert any(is_running(pid) for pid in servers)

    code, _, noted = clone.call("run", "--", "true", **GIVEN_BROKER)

    assert code == 0
    assert "interrupted run" in noted
    assert not any(is_running(pid) for pid in servers)
    assert clone.instances() == []


def test_clearing_away_stops_exactly_what_was_written_down(clone: Clone) -> None:
    with subprocess.Popen(["sleep", "60"]) as ours, subprocess.Popen(["sleep", "60"]) as stranger:
        began = moment_of_birth(ours.pid)
        entries = [
            {"name": "ours", "pid": ours.pid, "began": began},
            # The pid of a process that died, in use again by somebody else's.
            {"name": "dead", "pid": stranger.pid, "began": f"{began} earlier"},
        ]
        leave_behind(clone.folder / ".local" / "run-dead", entries)

        clone.call("run", "--", "true", **GIVEN_BROKER)

        assert ours.wait(20) == -signal.SIGKILL
        assert stranger.poll() is None
        stranger.kill()


def leave_behind(folder: Path, entries: list[dict[str, object]]) -> None:
    folder.mkdir(parents=True)
    processes = [one | {"gentle": signal.SIGTERM, "abrupt": signal.SIGKILL} for one in entries]
    empty: dict[str, object] = {"elsewhere": [], "values": {}, "at_stop": [], "at_removal": []}
    (folder / "instance.json").write_text(json.dumps({"processes": processes, **empty}))


def test_two_runs_at_once_do_not_touch_each_other(clone: Clone) -> None:
    first = clone.run_waiting(**GIVEN_BROKER)
    of_first = set(clone.recorded_pids())
    second = clone.run_waiting(**GIVEN_BROKER)
    of_second = set(clone.recorded_pids()) - of_first

    first.terminate()
    first.wait(20)

    assert not any(is_running(pid) for pid in of_first)
    assert any(is_running(pid) for pid in of_second)
    second.terminate()
    second.wait(20)
    assert clone.instances() == []
