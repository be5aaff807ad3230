"""A small client of our own for the Binance twin, written from the venue's documents: signs, asks, listens."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import numpy as np
from yarl import URL

from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.sim.twins.binance import BinanceTwin, TwinAccount
from holdfast.world.clock import RecordedClock
from holdfast.world.recording import Recording

START_MS = 1_700_006_400_000  # a full hour
MINUTE_MS = 60_000


def recording(market: str, *, names: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"), minutes: int = 1500) -> Recording:
    """A made-up market in minutes: prices climb by 1 a bar from 1000, with extremes 5 away."""
    symbols = tuple(Symbol("binance", market, name) for name in names)
    count = len(names)
    bar = np.repeat(np.arange(minutes), count)
    price = 1000.0 + bar
    values = np.column_stack([price, price + 5, price - 5, price + 1, np.full(len(bar), 600.25)])
    times = START_MS + bar * MINUTE_MS
    index = np.tile(np.arange(count, dtype=np.int32), minutes)
    return Recording(symbols, Timeframe.M1, index, times.astype(np.int64), values)


def run(work: Coroutine[Any, Any, None], seconds: float = 20) -> None:
    asyncio.run(asyncio.wait_for(work, seconds))


@dataclass
class Client:
    """Asks the twin as one account, on the twin's own clock."""

    twin: BinanceTwin
    session: aiohttp.ClientSession
    key: str = "twin-key"
    secret: str = "twin-secret"

    @property
    def clock(self) -> RecordedClock:
        clock = self.twin.clock
        assert isinstance(clock, RecordedClock)
        return clock

    async def ask(self, method: str, path: str, signed: bool = True, **given: Any) -> tuple[int, Any, Any]:
        """(status, body, headers)."""
        given = {name: value for name, value in given.items() if value is not None}
        if signed:
            given.setdefault("timestamp", self.clock.now_ms())
        query = urlencode(given)
        if signed:
            query += "&signature=" + hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self.key}
        # As it was signed: the client's library must not write the address anew.
        url = URL(f"{self.twin.url}{path}?{query}", encoded=True)
        async with self.session.request(method, url, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def get(self, path: str, **given: Any) -> Any:
        """The body of an answer that must be 200."""
        status, body, _ = await self.ask("GET", path, **given)
        assert status == 200, body
        return body

    async def place(self, path: str = "/api/v3/order", **given: Any) -> Any:
        asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"} | given
        if asked["type"] == "LIMIT":
            asked.setdefault("timeInForce", "GTC")
        status, body, _ = await self.ask("POST", path, **asked)
        assert status == 200, body
        return body

    async def refused(self, method: str, path: str, **given: Any) -> tuple[int, int, str]:
        """(HTTP status, code, words) of an answer that must be a refusal."""
        status, body, _ = await self.ask(method, path, **given)
        assert status != 200, body
        return status, body["code"], body["msg"]

    async def listen(self, path: str) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(f"{self.twin.socket_url}{path}", autoping=False)

    async def pass_time(self, ms: int) -> None:
        """Moves the clock on, and lets the twin catch up."""
        self.clock.advance_to(self.clock.now_ms() + ms)
        self.twin.refresh()
        await asyncio.sleep(0)


@asynccontextmanager
async def playing(
    *, minutes: int = 1500, accounts: tuple[TwinAccount, ...] = (TwinAccount(),), **more: Any
) -> AsyncIterator[Client]:
    """A twin in the middle of its recording, on a clock that only the test drives."""
    clock = RecordedClock(START_MS + minutes // 2 * MINUTE_MS)
    recordings = [recording("spot", minutes=minutes), recording("usdm", minutes=minutes)]
    twin = BinanceTwin(recordings, clock, accounts=accounts, **({"update_ms": None} | more))
    await twin.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(twin, session)
    finally:
        await twin.stop()


async def hear(socket: aiohttp.ClientWebSocketResponse, count: int = 1) -> list[Any]:
    """The next text frames, decoded."""
    frames: list[Any] = []
    while len(frames) < count:
        message = await asyncio.wait_for(socket.receive(), 5)
        if message.type is aiohttp.WSMsgType.TEXT:
            frames.append(json.loads(message.data))
        else:
            assert message.type is aiohttp.WSMsgType.PING, f"{message.type} instead of a frame"
            await socket.pong(message.data)
    return frames


async def nothing_comes(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether nothing is heard for a moment of real time."""
    try:
        await asyncio.wait_for(socket.receive(), 0.1)
    except TimeoutError:
        return True
    return False
