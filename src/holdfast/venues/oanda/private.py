"""The transaction stream as fills and reports, whole: what happened while nobody listened is read from the log.

Here: the loop, its patience, and the number up to which everything was told. A transaction is told once, in order,
whether it came by the stream or was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from holdfast.model.errors import Retryable, Unknown
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import PrivateEvent, StreamNote, StreamState
from holdfast.venues.oanda import wire
from holdfast.venues.oanda.errors import NOT_FOUND, RefusedByOanda
from holdfast.venues.oanda.fills import LegOf, fills_of
from holdfast.venues.oanda.lines import FIRST_WAIT_S, LONGEST_WAIT_S, Inbox
from holdfast.venues.oanda.log import Log
from holdfast.venues.oanda.tale import Tale
from holdfast.venues.oanda.wire import Order, Transaction

# OANDA advises to give up a transaction stream after this long without a line.
SILENCE_S = 20.0

OpenStream = Callable[[], AbstractAsyncContextManager[Inbox]]


class TransactionFeed:
    """`told` is the number of the last transaction that was told, None before the first connection."""

    def __init__(self, open_stream: OpenStream, log: Log, clock: Clock, leg_of: LegOf, odd: Counter[str]) -> None:
        self.told: int | None = None
        self._open_stream = open_stream
        self._log = log
        self._clock = clock
        self._leg_of = leg_of
        self._odd = odd
        self._tale = Tale(odd)
        self._inbox: Inbox | None = None
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._inbox is not None:
            self._inbox.end("was closed")

    async def events(self) -> AsyncIterator[PrivateEvent]:
        """Until closed. Refused for a token that OANDA does not take."""
        wait_s = FIRST_WAIT_S
        while not self._closed:
            try:
                if self.told is None:
                    self.told = await self._log.read_last()
                async with self._open_stream() as inbox:
                    self._inbox = inbox
                    yield StreamNote(StreamState.CONNECTED)
                    # The stream begins now; between the last word and now there may have been others.
                    async for event in self._catch_up():
                        yield event
                    wait_s = FIRST_WAIT_S
                    async for lines in inbox.batches():
                        for line in lines:
                            async for event in self._hear(line):
                                yield event
                lost = inbox.ended or "ended"
            except (Retryable, Unknown) as error:
                lost = str(error)
            if not self._closed:
                yield StreamNote(StreamState.LOST, lost)
                await self._clock.wait_s(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _hear(self, line: bytes) -> AsyncIterator[PrivateEvent]:
        said = wire.read_line(line)
        behind = int(said.last_transaction_id) if said.type == "HEARTBEAT" else said.number - 1
        if behind > self._told:
            # The stream left something out, or comes in another order: the log has it all.
            async for event in self._catch_up():
                yield event
        if said.type != "HEARTBEAT" and said.number > self._told:
            async for event in self._tell(said):
                yield event

    @property
    def _told(self) -> int:
        return self.told or 0

    async def _catch_up(self) -> AsyncIterator[PrivateEvent]:
        async for said in self._log.read_since(self._told):
            async for event in self._tell(said):
                yield event

    async def _tell(self, said: Transaction) -> AsyncIterator[PrivateEvent]:
        """Fills before the reports they led to. All that has to be asked is asked first, so that a question without an
        answer leaves the transaction untold, to be told after the next connection."""
        await acquaint(self._tale, self._log, said)
        for fill in fills_of(said, self._leg_of, self._odd):
            yield fill
        reports = self._tale.tell(said)
        self.told = max(self._told, said.number)
        for report in reports:
            yield report


async def acquaint(tale: Tale, log: Log, said: Transaction) -> None:
    """Reads what a transaction takes for known. What OANDA no longer has stays unknown."""
    if (order_id := tale.unknown_order(said)) is not None:
        try:
            order = await log.read_order(str(order_id))
        except RefusedByOanda as refusal:
            if refusal.status != NOT_FOUND:
                raise
        else:
            await acquaint_trade(tale, log, order)
            tale.note_order(order)
    await acquaint_trade(tale, log, said)


async def acquaint_trade(tale: Tale, log: Log, said: Transaction | Order) -> None:
    """Reads the trade whose size an order has."""
    if (trade_id := tale.unknown_trade(said)) is not None:
        try:
            tale.note_trade(await log.read_trade(trade_id))
        except RefusedByOanda as refusal:
            if refusal.status != NOT_FOUND:
                raise
