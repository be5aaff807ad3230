"""The two streams: prices and transactions, one JSON object a line, kept alive by heartbeats. With the faults that bite
on a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web

from holdfast.ports.clock import Clock
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.sim.twins.oanda.execution import Execution
from holdfast.sim.twins.oanda.prices import price_json
from holdfast.sim.twins.oanda.wire import Json, Moment, encode

HEARTBEAT_MS = 5_000
WINDOW_S = 0.25  # at most one price an instrument in each: four a second


class Line:
    """One open stream. `place` names it to the faults. Writing to a client that has gone raises ConnectionError."""

    def __init__(self, response: web.StreamResponse, faults: Faults, place: str, *, unix: bool) -> None:
        self.response = response
        self.place = place
        self._faults = faults
        self._unix = unix
        self._kept: bytes | None = None

    async def send(self, body: Json) -> None:
        """Writes one line, as far as no fault eats it."""
        if self._mute():
            return
        text = encode(body, unix=self._unix) + b"\n"
        if body["type"] == "HEARTBEAT":
            await self.response.write(text)
            return
        if body["type"] == "ORDER_FILL" and self._faults.take(Fault.LOST_FILL_FRAME, self.place):
            return
        if self._kept is None and self._faults.take(Fault.SWAP_FRAMES, self.place):
            self._kept = text
            return
        text += text if self._faults.take(Fault.DUPLICATE_FRAME, self.place) else b""
        text, self._kept = text + (self._kept or b""), None
        await self.response.write(text)

    def cut(self) -> bool:
        """Whether the connection is to be closed now."""
        return self._faults.take(Fault.CUT_STREAMS, self.place) is not None

    def _mute(self) -> bool:
        return any(self._faults.peek(fault, self.place) for fault in (Fault.SILENCE, Fault.HALF_OPEN))


class Prices:
    """Sends the latest price of each instrument once in a window, if it is another one than before."""

    def __init__(
        self, execution: Execution, names: Sequence[str], now_ms: Callable[[], int], play: Callable[[], None]
    ) -> None:
        self._execution = execution
        self._names = names
        self._now_ms = now_ms
        self._play = play
        self._told: dict[str, tuple[object, ...]] = {}

    def note_present(self) -> None:
        """Takes the prices of now as told: for a stream that wants no snapshot."""
        for name in self._names:
            self._told[name] = self._seen(name)

    async def run(self, line: Line, clock: Clock) -> None:
        due_ms = self._now_ms()
        while not line.cut():
            self._play()
            for name in self._names:
                seen = self._seen(name)
                if seen[0] is not None and self._told.get(name) != seen:
                    self._told[name] = seen
                    account = self._execution.account
                    await line.send(price_json(account.tradables[name], account.book(name), tradeable=bool(seen[2])))
            if self._now_ms() >= due_ms:
                due_ms = self._now_ms() + HEARTBEAT_MS
                await line.send({"type": "HEARTBEAT", "time": Moment(self._now_ms())})
            await clock.wait_s(WINDOW_S)

    def _seen(self, name: str) -> tuple[object, ...]:
        book = self._execution.account.book(name)
        return book.bid, book.time_ms, self._execution.tradeable(name, self._now_ms())


class Transactions:
    """Sends every transaction as it is written."""

    def __init__(self, execution: Execution, now_ms: Callable[[], int]) -> None:
        self._log = execution.account.log
        self._now_ms = now_ms
        self._queue: asyncio.Queue[Json | None] = asyncio.Queue()

    async def run(self, line: Line, clock: Clock) -> None:
        listener = self._queue.put_nowait
        self._log.listeners.append(listener)
        ticker = asyncio.create_task(self._tick(clock))
        try:
            while not line.cut():
                if (news := await self._queue.get()) is not None:
                    await line.send(news)
        finally:
            ticker.cancel()
            self._log.listeners.remove(listener)

    async def _tick(self, clock: Clock) -> None:
        """Heartbeats, and between them a None, at which the stream looks whether it is to be cut."""
        due_ms = self._now_ms()
        while True:
            beat: Json | None = None
            if self._now_ms() >= due_ms:
                due_ms = self._now_ms() + HEARTBEAT_MS
                last = str(self._log.last_id)
                beat = {"type": "HEARTBEAT", "lastTransactionID": last, "time": Moment(self._now_ms())}
            self._queue.put_nowait(beat)
            await clock.wait_s(WINDOW_S)
