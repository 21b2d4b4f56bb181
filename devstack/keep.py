"""`up` and `down`: servers under .local/up that outlive the command, and their data outlives them.

The user, the passwords and the node's name stay the same from one `up` to the next; the ports are
new each time, because others may have taken the old ones.
"""

from contextlib import ExitStack
from urllib.parse import urlsplit

from devstack import choose
from devstack.answer import Server, Servers
from devstack.instance import LOCAL, Instance
from devstack.lifetime import kept
from devstack.ports import answers
from devstack.progress import say


def up() -> Servers:
    """Starts what does not run yet. Raises DevstackError as `choose.servers` does."""
    given = choose.given_by_settings()
    wanted = choose.VARIABLES - given.keys()
    if not wanted:
        return choose.announced(choose.together(given, given))
    with kept() as instance, ExitStack() as stack:
        started = remembered(instance)
        if wanted <= started.keys() and all_answer(instance, started):
            say("already up")
        else:
            instance.stop()
            try:
                started = choose.start(instance, stack, wanted, for_tests=False)
            except BaseException:
                instance.stop()
                raise
            remember(instance, started)
    return choose.announced(choose.together(started | given, given))


def down(*, delete: bool) -> str:
    """Stops what `up` started, and says so; with `delete` the data goes too."""
    if not (LOCAL / "up" / "instance.json").exists():
        return "nothing is up"
    with kept() as instance:
        was_up = bool(remembered(instance))
        instance.stop()
        remember(instance, {})
        if delete:
            instance.remove()
    state = "stopped" if was_up else "was not up"
    return f"{state}; its data is deleted" if delete else f"{state}; its data stays in .local/up"


def remember(instance: Instance, started: dict[str, Server]) -> None:
    for variable in choose.VARIABLES:
        instance.values.pop(variable, None)
        instance.values.pop(f"{variable} choice", None)
    for variable, server in started.items():
        instance.values[variable] = server.url
        instance.values[f"{variable} choice"] = server.choice
    instance.write()


def remembered(instance: Instance) -> dict[str, Server]:
    values = instance.values
    known = sorted(choose.VARIABLES & values.keys())
    return {variable: Server(values[variable], values[f"{variable} choice"]) for variable in known}


def all_answer(instance: Instance, started: dict[str, Server]) -> bool:
    ports = [urlsplit(server.url).port for server in started.values()]
    running = all(process.is_running() for process in instance.processes)
    return running and all(port is not None and answers(port) for port in ports)
