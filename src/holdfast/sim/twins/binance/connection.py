"""One WebSocket connection of the twin: what waits to be sent on it, the faults that bite there, pings and its end.

Which frames it gets is decided in `streams.py` and `socket_api.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType, web

from holdfast.ports.clock import Clock
from holdfast.sim.twins.faults import Fault, Faults
from holdfast.world.clock import SystemClock

_WAITING_MOST = 50_000
_GRACE_S = 0.2
NORMAL = 1000
POLICY = 1008
WITHOUT_A_WORD = 1006


class Connection:
    """`root` is the path's first part on futures (public, market, private), '' otherwise."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        clock: Clock,
        faults: Faults,
        *,
        root: str = "",
    ) -> None:
        self.socket = socket
        self._transport = transport
        self.root = root
        self.combined = False
        self.streams: set[str] = set()
        self.opened_ms = clock.now_ms()
        self.ending = False
        self._unanswered = 0
        self._asked_at: list[float] = []
        self._clock = clock
        self._faults = faults
        self._waiting: asyncio.Queue[tuple[str, str | int]] = asyncio.Queue(_WAITING_MOST)
        self._kept: tuple[str, str] | None = None
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write())

    def send(self, place: str, text: str, *, tells_fill: bool = False) -> None:
        """Puts a stream frame in line, or does to it what an armed fault does there. A reader too slow is cut off."""
        faults = self._faults
        if faults.armed:
            if faults.take(Fault.SILENCE, place) or (tells_fill and faults.take(Fault.LOST_FILL_FRAME, place)):
                return
            if self._kept is None and faults.take(Fault.SWAP_FRAMES, place):
                self._kept = (place, text)
                return
            if faults.take(Fault.DUPLICATE_FRAME, place):
                self._put(place, text)
        self._put(place, text)
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._put(*kept)

    def answer(self, text: str) -> None:
        """Puts the answer to a request in line."""
        self._put("answer", text)

    def _put(self, place: str, text: str) -> None:
        try:
            self._waiting.put_nowait((place, text))
        except asyncio.QueueFull:
            self.cut(WITHOUT_A_WORD)

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while True:
                place, said = await self._waiting.get()
                if self._faults.peek(Fault.HALF_OPEN, place):
                    continue
                if isinstance(said, int):
                    await self.socket.close(code=said)
                    return
                await self.socket.send_str(said)

    async def keep_alive(self, every_s: float, patience_s: float) -> None:
        """Pings, and ends the connection when as many pings as fit into the venue's patience stay unanswered.

        Pings are counted and not seconds, and a last moment is real, so that a twin's clock that jumps cuts off nobody
        who had no time to answer."""
        with suppress(ConnectionError):
            while not self.socket.closed:
                await self._clock.wait_s(every_s)
                if self._faults.peek(Fault.HALF_OPEN):
                    continue
                if self._unanswered * every_s >= patience_s:
                    await SystemClock().wait_s(_GRACE_S)
                    if self._unanswered:
                        self.cut(POLICY)
                        return
                self._unanswered += 1
                await self.socket.ping(str(self._clock.now_ms()).encode())

    async def control(self, message: WSMessage) -> bool:
        """Takes care of pings and pongs; whether the message was one (or is swallowed by a half-open connection)."""
        if self._faults.peek(Fault.HALF_OPEN):
            self._faults.take(Fault.HALF_OPEN)
            return True
        self._unanswered = 0
        if message.type is WSMsgType.PING:
            await self.socket.pong(message.data)
        return message.type in (WSMsgType.PING, WSMsgType.PONG)

    def asks_too_much(self, most_a_second: int) -> bool:
        """Counts a client's message; whether it was one too many within a second."""
        now = self._clock.monotonic_s()
        self._asked_at = [*(at for at in self._asked_at if now - at < 1), now]
        return len(self._asked_at) > most_a_second

    def cut(self, code: int = NORMAL) -> None:
        """Ends the connection: with a close frame behind what waits to be sent, or (1006) by dropping the line."""
        self.ending = True
        if code != WITHOUT_A_WORD and not self._waiting.full():
            self._waiting.put_nowait(("close", code))
        elif self._transport is not None:
            self._transport.abort()

    async def stop(self) -> None:
        """Ends the writer."""
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
