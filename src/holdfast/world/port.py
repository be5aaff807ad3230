"""Opens a listening port of this machine. Who is served on it, and what, is not known here."""

from __future__ import annotations

import errno
import socket

from holdfast.model.errors import BadInput


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 takes any free one. BadInput when the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        problem = f"Port {port} on {host} cannot be used: {error.strerror}."
        remedy = "Choose an address of this machine with --host, and a port that this user may open."
        if error.errno == errno.EADDRINUSE:
            remedy = "Another program may be using it: choose another with --port."
        raise BadInput(problem, remedy) from error
    return listening
