"""The connections of one market: carries out what `market.streams` commands, and tells it what happened.

Sockets are opened through the transport door only. What a frame holds is the dialect's business, what becomes of a
candle the feed's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from holdfast.market.stream_status import StreamsStatus, describe
from holdfast.market.stream_words import (
    Alarm,
    Answered,
    Close,
    Command,
    Connect,
    Connected,
    Disconnected,
    Event,
    Refill,
    Seen,
    ShutdownAnnounced,
    StreamRules,
    Streams,
    Subscribe,
    Tick,
    Unsubscribe,
    Want,
)
from holdfast.market.streams import step
from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.symbol import Symbol
from holdfast.node.feed.sources import Dialect
from holdfast.ports.clock import Clock
from holdfast.ports.transport import FrameStream, FrameTransport

TICK_S = 1.0
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Connections:
    """Follows the streams of any number of symbols. `chance` gives a number in [0, 1); `spawn` runs a coroutine beside
    and raises its failure where the feed's failures are raised. `on_alarm` hears of every silent stream, `on_refill` of
    symbols whose bars may have been missed."""

    def __init__(
        self,
        rules: StreamRules,
        dialect: Dialect,
        frames: FrameTransport,
        *,
        clock: Clock,
        chance: Callable[[], float],
        spawn: Spawn,
        on_candles: Callable[[CandleBlock], None],
        on_refill: Callable[[Sequence[Symbol]], None],
        on_alarm: Callable[[Alarm], None],
    ) -> None:
        self.rules = rules
        self.dialect = dialect
        self.state = Streams()
        self.reasons: dict[str, int] = {}  # why connections were lost or streams refused, counted
        self._frames = frames
        self._clock = clock
        self._chance = chance
        self._spawn = spawn
        self._on_candles = on_candles
        self._on_refill = on_refill
        self._on_alarm = on_alarm
        self._sinks: dict[int, _Sink] = {}

    def want(self, symbols: Sequence[Symbol]) -> None:
        """Follows these symbols from now on; of the streams that were followed only the difference changes."""
        self.take_candles()
        self.tell(Want(self.dialect.follow(symbols)))

    async def run(self) -> None:
        """Lets time pass, until cancelled."""
        while True:
            await self._clock.wait_s(TICK_S)
            for number, sink in list(self._sinks.items()):
                connection = self.state.connections.get(number)  # what was seen on one may have closed another
                if connection is not None and (seen := sink.take_seen(connection.legs)):
                    self.tell(Seen(number, tuple(sorted(seen))))
            self.tell(Tick())

    def close(self) -> None:
        """Drops every stream, and begins to say goodbye on every connection."""
        self.tell(Want({}))

    def status(self) -> StreamsStatus:
        return describe(self.state)

    # ---- what happens

    def tell(self, event: Event) -> None:
        """Takes the step that an event asks for, and does what follows."""
        self.state, commands = step(self.state, event, self.rules, now_ms=self._clock.now_ms(), chance=self._chance())
        for command in commands:
            self._obey(command)

    def heard(self, number: int) -> None:
        """A batch of frames has been read."""
        self.take_candles()
        for word in self.dialect.take_heard():
            if not word.accepted or word.request is None:
                self._count(word.reason)
            if word.request is None:
                self.tell(ShutdownAnnounced(number))
            else:
                self.tell(Answered(number, word.request, word.accepted))

    def lost(self, number: int, reason: str) -> None:
        if self._sinks.pop(number, None) is not None:
            self._count(reason)
            self.tell(Disconnected(number))

    def take_candles(self) -> None:
        if (block := self.dialect.take_candles()) is not None:
            self._on_candles(block)

    # ---- what is done

    def _obey(self, command: Command) -> None:
        if isinstance(command, Connect):
            self._sinks[command.number] = _Sink(self, command.number)
            self._spawn(self._connect(command.number, command.group))
        elif isinstance(command, Subscribe):
            self._send(command.number, self.dialect.subscribe(command.streams, command.request))
        elif isinstance(command, Unsubscribe):
            self._send(command.number, self.dialect.unsubscribe(command.streams, command.request))
        elif isinstance(command, Close):
            sink = self._sinks.pop(command.number, None)
            if sink is not None and sink.stream is not None:
                self._spawn(sink.stream.close())
        elif isinstance(command, Refill):
            found = (self.dialect.symbol_of(stream) for stream in command.streams)
            self._on_refill(sorted({symbol for symbol in found if symbol is not None}))
        else:
            self._on_alarm(command)

    async def _connect(self, number: int, group: str) -> None:
        sink = self._sinks.get(number)
        if sink is None:
            return
        try:
            stream = await self._frames.connect(self.dialect.url(group), sink)
        except Retryable as error:
            self.lost(number, str(error))
            return
        if self._sinks.get(number) is sink:
            sink.stream = stream
            self.tell(Connected(number))
        else:
            # It was given up, or broke, while it was opened.
            await stream.close()

    def _send(self, number: int, text: bytes) -> None:
        sink = self._sinks.get(number)
        if sink is not None and sink.stream is not None:
            sink.stream.send(text)

    def _count(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class _Sink:
    """Receives the frames of one connection. Which stream a frame came on is looked at only until each has been seen
    once since the last tick, so that a flood of frames is not slowed by it."""

    def __init__(self, owner: Connections, number: int) -> None:
        self.stream: FrameStream | None = None
        self._owner = owner
        self._number = number
        self._read = owner.dialect.frame
        self._stream_of = owner.dialect.stream_of
        self._awaited: set[str] = set()
        self._expected: frozenset[str] = frozenset()

    def frame(self, payload: memoryview) -> None:
        self._read(payload)
        if self._awaited:
            self._awaited.discard(self._stream_of(payload))

    def batch_end(self) -> None:
        self._owner.heard(self._number)

    def closed(self, code: int, reason: str) -> None:
        self._owner.lost(self._number, f"closed with {code}{': ' if reason else ''}{reason}")

    def take_seen(self, expected: Iterable[str]) -> frozenset[str]:
        """Those of the streams asked about last time that were seen since; and asks about these next."""
        seen = self._expected - self._awaited
        self._expected = frozenset(expected)
        self._awaited = set(self._expected)
        return seen
