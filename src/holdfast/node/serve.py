"""Serves a node's API and page on one port, in the node's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Iterator

import uvicorn

from holdfast.api.app import create_app
from holdfast.cockpit.mount import mount
from holdfast.model.errors import BadInput
from holdfast.node.node import Close, Node
from holdfast.world.port import listen


class _Server(uvicorn.Server):
    """uvicorn, except that signals are the node's: it stops everything in order, and the server is one part of that."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(node: Node) -> tuple[str, Close]:
    """Opens the port and answers; returns the page's address, and what closes it. BadInput when the port is taken."""
    listening = listen(node.settings.api.host, node.settings.api.port)
    # Nobody signs in, so commands are taken only where no other machine can give them.
    alone = ipaddress.ip_address(listening.getsockname()[0]).is_loopback
    app = create_app(node.view, node.assembly.commands if alone else None)
    mount(app, node.view, node.clock)
    # Pages hold their connections open: they are told to go, and after a second the port is closed all the same.
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        if task.done():
            task.result()
            raise BadInput("The API did not start.", "Its own message stands above.")
        await node.clock.wait_s(0.01)

    async def close() -> None:
        server.should_exit = True
        await task

    host, port = listening.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    return f"http://{shown}:{port}", close
