"""Just enough AMQP 0-9-1 to know that a broker is up and ours."""

import socket
import struct

from devstack.ports import HOST


def lets_in(port: int, user: str, password: str) -> bool:
    """Logs in by AMQP 0-9-1 as far as the server's Tune, which comes only after a right password.

    An open port is not enough: it opens before the user exists, and it could be a stranger's.
    """
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            if read_method(connection) != (10, 10):  # Connection.Start
                return False
            response = f"\0{user}\0{password}".encode()
            start_ok = struct.pack(">HHI", 10, 11, 0) + b"\x05PLAIN"
            start_ok += struct.pack(">I", len(response)) + response + b"\x05en_US"
            connection.sendall(struct.pack(">BHI", 1, 0, len(start_ok)) + start_ok + b"\xce")
            return read_method(connection) == (10, 30)  # Connection.Tune
    except OSError:
        return False


def read_method(connection: socket.socket) -> tuple[int, int]:
    """Reads one frame and returns its class and method; (0, 0) when the server hung up."""
    header = connection.recv(7, socket.MSG_WAITALL)
    if len(header) < 7:
        return 0, 0
    payload = connection.recv(struct.unpack(">BHI", header)[2] + 1, socket.MSG_WAITALL)
    if len(payload) < 4:
        return 0, 0
    class_id, method_id = struct.unpack(">HH", payload[:4])
    return class_id, method_id
