"""A private stream that reopens by itself: frames in, fills and reports out, and a word whenever some may be missing.

Here: the loop, its inbox and its patience. How a stream is opened differs between spot and futures, and is handed in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from holdfast.model.errors import HoldfastError, Retryable, Unknown
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import PrivateEvent, StreamNote, StreamState
from holdfast.venues.binance.decode import Odd
from holdfast.venues.binance.errors import RefusedByBinance
from holdfast.venues.binance.events import RawFill, read_private
from holdfast.venues.binance.ledger import Ledger

_MOST_FRAMES = 50_000
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
# The key, its rights or its signature are wrong: opening again changes nothing.
_HOPELESS = frozenset({-1022, -2014, -2015})


class Inbox:
    """The frames of one stream until somebody takes them; see FrameSink."""

    def __init__(self, wake: asyncio.Event) -> None:
        self.ended: str | None = None
        self.overflowed = False
        self._frames: deque[bytes] = deque()
        self._wake = wake

    def frame(self, payload: memoryview) -> None:
        if len(self._frames) >= _MOST_FRAMES:
            self.overflowed = True
        else:
            self._frames.append(bytes(payload))

    def batch_end(self) -> None:
        self._wake.set()

    def closed(self, code: int, reason: str) -> None:
        self.end(f"closed with {code} {reason}".strip())

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._wake.set()

    def take(self) -> list[bytes]:
        frames = list(self._frames)
        self._frames.clear()
        return frames

    async def first(self, timeout_s: float) -> bytes:
        """The first frame of a stream, taken out; Retryable if none comes."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._frames:
                    if self.ended is not None:
                        raise Retryable(f"The private stream {self.ended} before it began.")
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            raise Retryable(f"The private stream said nothing within {timeout_s:g} s.") from None
        return self._frames.popleft()


End = Callable[[], Awaitable[None]]
OpenStream = Callable[[Inbox], Awaitable[End]]


class PrivateFeed:
    """`open_stream(inbox)` lets frames arrive and returns what ends that; its errors are waited out, but for hopeless
    ones."""

    def __init__(self, open_stream: OpenStream, ledger: Ledger, clock: Clock, odd: Odd) -> None:
        self._open_stream = open_stream
        self._ledger = ledger
        self._clock = clock
        self._odd = odd
        self._wake = asyncio.Event()
        self._aside: deque[PrivateEvent] = deque(maxlen=10_000)
        self._closed = False
        self._inbox: Inbox | None = None

    def tell(self, event: PrivateEvent) -> None:
        """Slips in what is known otherwise, such as the fate of protection sent along with an entry."""
        self._aside.append(event)
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        if self._inbox is not None:
            self._inbox.end("was closed")
        self._wake.set()

    async def events(self) -> AsyncIterator[PrivateEvent]:
        """Until closed. Refused for a key that Binance does not accept."""
        wait_s = FIRST_WAIT_S
        while not self._closed:
            inbox = self._inbox = Inbox(self._wake)
            try:
                end = await self._open_stream(inbox)
                try:
                    wait_s = FIRST_WAIT_S
                    yield StreamNote(StreamState.CONNECTED)
                    async for event in self._read(inbox):
                        yield event
                finally:
                    await end()
                lost = inbox.ended or "ended"
            except RefusedByBinance as error:
                if error.code in _HOPELESS:
                    raise
                lost = str(error)
            except (Retryable, Unknown) as error:
                lost = str(error)
            if not self._closed:
                yield StreamNote(StreamState.LOST, lost)
                await self._clock.wait_s(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _read(self, inbox: Inbox) -> AsyncIterator[PrivateEvent]:
        while True:
            self._wake.clear()
            frames = inbox.take()
            while self._aside:
                yield self._aside.popleft()
            for frame in frames:
                for told in read_private(frame, self._odd):
                    if isinstance(told, StreamNote) and told.state is StreamState.LOST:
                        inbox.end(told.reason)
                    elif isinstance(told, RawFill):
                        yield await self._fill(told)
                    else:
                        yield told
            if inbox.overflowed:
                inbox.overflowed = False
                yield StreamNote(StreamState.STALE, f"more than {_MOST_FRAMES} private frames waited")
            if inbox.ended is not None:
                return
            if not frames:
                await self._wake.wait()

    async def _fill(self, raw: RawFill) -> PrivateEvent:
        """A fill that cannot be completed now is not passed over in silence: who polls will find it."""
        try:
            return await self._ledger.fill(raw)
        except HoldfastError as error:
            return StreamNote(StreamState.STALE, f"trade {raw.trade_id} of {raw.name}: {error}")
