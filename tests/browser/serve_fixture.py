"""A process of its own that serves the API and the cockpit over a fixture view, as a node would: prints its port first.

Its standard input moves the view: `advance`, `empty`, `full`, `degraded`, one word a line; each is answered by a line.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time

import uvicorn
from fixture_view import FixtureView

from holdfast.api.app import create_app
from holdfast.cockpit.mount import mount


class MachineClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def wait_s(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _move(view: FixtureView, word: str) -> None:
    if word == "advance":
        view.advance()
    else:
        view.bars = 0 if word == "empty" else 260
        view.status = {"empty": "starting", "full": "ready", "degraded": "degraded"}[word]


async def _serve(view: FixtureView) -> None:
    app = create_app(view)
    mount(app, view, MachineClock())
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        print(door.getsockname()[1], flush=True)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            _move(view, word)
            print(word, flush=True)
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(_serve(FixtureView(260)))
