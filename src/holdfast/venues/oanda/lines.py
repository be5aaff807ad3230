"""OANDA's streams: lines of JSON that never end, heartbeats among them, and the silence that means that they did.

Here: the box where lines wait, and the guard that ends a stream which is open and says nothing. What lines mean is
known in `private.py` and `pricing.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from holdfast.ports.clock import Clock
from holdfast.ports.lines import LineTransport
from holdfast.ports.transport import HttpAnswer, HttpRequest
from holdfast.venues.oanda.errors import error_of

_MOST_LINES = 50_000
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


class Inbox:
    """The lines of one stream until somebody takes them; see FrameSink. `ended` says why no more will come."""

    def __init__(self, clock: Clock) -> None:
        self.ended: str | None = None
        self._clock = clock
        self._heard_s = clock.monotonic_s()
        self._lines: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def frame(self, payload: memoryview) -> None:
        self._heard_s = self._clock.monotonic_s()
        if len(self._lines) >= _MOST_LINES:
            self.end(f"had more than {_MOST_LINES} lines waiting")
        else:
            self._lines.append(bytes(payload))

    def batch_end(self) -> None:
        self._wake.set()

    def closed(self, code: int, reason: str) -> None:
        self.end(f"closed with {code} {reason}".strip())

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._wake.set()

    async def batches(self) -> AsyncIterator[list[bytes]]:
        """What came, until the stream ends."""
        while True:
            self._wake.clear()
            lines = list(self._lines)
            self._lines.clear()
            if lines:
                yield lines
            elif self.ended is not None:
                return
            else:
                await self._wake.wait()

    async def guard(self, silence_s: float) -> None:
        """Ends the stream once nothing was heard for so long: heartbeats come every five seconds."""
        while self.ended is None:
            quiet_s = self._clock.monotonic_s() - self._heard_s
            if quiet_s >= silence_s:
                self.end(f"was silent for {silence_s:g} s")
            else:
                await self._clock.wait_s(silence_s - quiet_s)


@asynccontextmanager
async def listening(
    transport: LineTransport, clock: Clock, request: HttpRequest, *, silence_s: float
) -> AsyncIterator[Inbox]:
    """An open stream. Refused for a token or an instrument that OANDA does not take, Retryable for what may pass."""
    inbox = Inbox(clock)
    stream = await transport.open(request, inbox)
    if isinstance(stream, HttpAnswer):
        raise error_of(stream, writing=False)
    guard = asyncio.get_running_loop().create_task(inbox.guard(silence_s))
    try:
        yield inbox
    finally:
        guard.cancel()
        with suppress(asyncio.CancelledError):
            await guard
        await stream.close()
