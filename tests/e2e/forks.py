"""Programs without their start: a process that has imported the worker forks one for each request.

Importing takes more than a second of CPU, and the stories start programs some hundred times. A program that is forked
here has a process, arguments, environment, folder and streams of its own, and ends as the interpreter ends.

This file is a program, run by `Forker`: a request comes with three streams and a fourth, on which the process that
waits for the program writes its id and, in the end, its exit code.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys

REQUEST_BYTES_MAX = 2**20
STREAMS = 3


def serve() -> None:
    """Serve until nobody is there to ask; return in the process that is to be the program."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait for programs are waited for by nobody
    import_worker()
    while True:
        request, streams, _, _ = socket.recv_fds(requests, REQUEST_BYTES_MAX, STREAMS + 1)
        if not request:
            sys.exit()
        if os.fork() == 0:
            break
        for stream in streams:
            os.close(stream)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    become_program(json.loads(request), streams[:STREAMS], streams[STREAMS])


def import_worker() -> None:
    """All that a command may need, once. Nothing runs in it yet that a fork could not take along."""
    for module in ("worker.cli", "typer.rich_utils", "rich.markdown"):  # the latter two when there is help to print
        importlib.import_module(module)

    gc.collect()
    gc.freeze()


def become_program(request: dict[str, object], streams: list[int], told: int) -> None:
    """Fork once more: the child is the program, this process waits for it and tells."""
    program = os.fork()
    if program:
        for stream in streams:
            os.close(stream)
        os.write(told, f"{program}\n".encode())
        _, status = os.waitpid(program, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.argv = ["ledger-worker", *request["arguments"]]  # type: ignore[misc]


if __name__ == "__main__":
    serve()
    from worker.cli import main

    main()
