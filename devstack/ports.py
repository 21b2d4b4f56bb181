"""Free ports on 127.0.0.1 for servers that must be told theirs before they start."""

import secrets
import socket

HOST = "127.0.0.1"
# Below 32768, where Linux starts to take ports for outgoing connections: one of those could
# otherwise sit on the port in the moment between our look and the server's start.
FIRST, BEYOND = 20000, 32000
# Another run may take the port in that same moment; so a start that fails on its port is tried
# again with another.
ATTEMPTS = 5


def free_port() -> int:
    """A random port that nothing listens on now."""
    for _ in range(1000):
        port = FIRST + secrets.randbelow(BEYOND - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port from {FIRST} to {BEYOND} in 1000 tries")


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
