"""The pricing stream as quotes: what the market shows now, and whether it is open.

It is a sample of quotes (at most four a second, the last of each quarter), so what is built from it is provisional;
candles are the truth. A closed market sends heartbeats only, which is no fault; silence is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from holdfast.model.errors import Retryable, Unknown
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import StreamNote, StreamState
from holdfast.venues.oanda.lines import FIRST_WAIT_S, LONGEST_WAIT_S, Inbox
from holdfast.venues.oanda.market import Quote, quote_of, read_price
from holdfast.venues.oanda.wire import Unreadable

# OANDA advises to connect again after this long without a line.
SILENCE_S = 10.0

OpenStream = Callable[[], AbstractAsyncContextManager[Inbox]]


class PriceFeed:
    """Quotes over a stream that reopens by itself and says so."""

    def __init__(self, open_stream: OpenStream, clock: Clock, odd: Counter[str]) -> None:
        self._open_stream = open_stream
        self._clock = clock
        self._odd = odd
        self._inbox: Inbox | None = None
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._inbox is not None:
            self._inbox.end("was closed")

    async def quotes(self) -> AsyncIterator[Quote | StreamNote]:
        """Until closed. Refused for a token or an instrument that OANDA does not take. After CONNECTED comes the
        present price of each instrument, so that nothing is left of a lost connection but the time it took."""
        wait_s = FIRST_WAIT_S
        while not self._closed:
            try:
                async with self._open_stream() as inbox:
                    self._inbox = inbox
                    yield StreamNote(StreamState.CONNECTED)
                    async for lines in inbox.batches():
                        wait_s = FIRST_WAIT_S
                        for quote in self._read(lines):
                            yield quote
                lost = inbox.ended or "ended"
            except (Retryable, Unknown) as error:
                lost = str(error)
            if not self._closed:
                yield StreamNote(StreamState.LOST, lost)
                await self._clock.wait_s(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _read(self, lines: list[bytes]) -> list[Quote]:
        quotes = []
        for line in lines:
            try:
                price = read_price(line)
                if price.type == "PRICE":
                    quotes.append(quote_of(price))
                elif price.type != "HEARTBEAT":
                    self._odd[f"pricing line {price.type}"] += 1
            except Unreadable:
                self._odd["unreadable pricing line"] += 1
        return quotes
