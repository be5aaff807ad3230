"""An imagined live venue for the tests of the feed: it speaks Binance's frames, keeps its promises or not, and lives on
a clock that is driven. No test lives here."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from holdfast.market.book import CandleBook
from holdfast.market.stream_words import StreamPolicy
from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.feed.live import FeedSettings, FeedStatus, LiveFeed
from holdfast.node.feed.sources import BinanceDialect, LiveMarket
from holdfast.ports.exchange import Liquidity
from holdfast.ports.transport import FrameSink
from holdfast.telemetry.log import Level, Shape, build_log
from holdfast.venues.binance.endpoints import usdm_at
from holdfast.world.clock import RecordedClock

M1 = Timeframe.M1
MINUTE = M1.ms
START = 27_000_000 * MINUTE  # 2021-05-03 00:00 UTC, a Monday
CLOSE_LAG_MS = 250  # how long after a bar's end the venue tells that it is closed
REST_LAG_MS = 2_500


def names(count: int, prefix: str = "C") -> list[Symbol]:
    return [Symbol("binance", "usdm", f"{prefix}{number:03d}USDT") for number in range(count)]


@dataclass(eq=False)
class Wire:
    """One WebSocket, the venue's side."""

    venue: LiveVenue
    sink: FrameSink
    opened_ms: int
    streams: dict[str, int] = field(default_factory=dict)  # since when each flows
    answers: list[bytes] = field(default_factory=list)
    open: bool = True

    def send(self, text: bytes) -> None:
        asked = json.loads(text)
        self.venue.messages.append(asked)
        for stream in asked["params"]:
            if asked["method"] == "SUBSCRIBE":
                self.streams[stream] = self.venue.clock.now_ms()
            else:
                self.streams.pop(stream, None)
        self.answers.append(json.dumps({"result": None, "id": asked["id"]}).encode())

    async def close(self) -> None:
        self.break_off(1000)

    def break_off(self, code: int) -> None:
        if self.open:
            self.open = False
            self.venue.wires.remove(self)
            self.sink.closed(code, "")

    def tell(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.sink.frame(memoryview(frame))
        self.sink.batch_end()


@dataclass
class LiveVenue:
    """`values[symbol]` (minutes, 5) from START on. `push` tells what is due at the clock's time."""

    clock: RecordedClock
    values: Mapping[Symbol, np.ndarray]
    life_ms: int = 86_400_000
    venue: str = "binance"
    market: str = "usdm"
    wires: list[Wire] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    connects: int = 0
    requests: int = 0
    away: bool = False  # no connection comes about and no request is answered
    silent: bool = False  # every connection is up and carries nothing
    mute: set[Symbol] = field(default_factory=set)
    halted: set[Symbol] = field(default_factory=set)  # has no new bars at all
    late_partial: bool = False  # an unfinished bar is told once more after its end
    broken: Exception | None = None  # what a request raises
    _pushed_ms: int = 0
    _order: list[Symbol] = field(default_factory=list)

    # ---- the transport door

    async def connect(self, url: str, sink: FrameSink, *, timeout_s: float = 10.0) -> Wire:
        await asyncio.sleep(0)
        if self.away:
            raise Retryable(f"No WebSocket to {url} within {timeout_s:g} s.")
        self.connects += 1
        wire = Wire(self, sink, self.clock.now_ms())
        self.wires.append(wire)
        return wire

    # ---- the exchange door, as far as a feed asks

    async def read_candles(self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int) -> CandleBlock:
        asked_ms = self.clock.now_ms()
        await asyncio.sleep(0)
        self.requests += 1
        if self.broken is not None:
            raise self.broken
        if self.away:
            raise Retryable("No answer.")
        closed = 0 if symbol in self.halted else (asked_ms - REST_LAG_MS - START) // MINUTE
        first = max((after_ms - START) // MINUTE + 1, 0)
        numbers = np.arange(first, min(first + limit, closed, len(self.values[symbol])))
        return CandleBlock(
            (symbol,),
            timeframe,
            np.zeros(len(numbers), np.int32),
            START + numbers * MINUTE,
            self.values[symbol][numbers],
        )

    async def read_instruments(self) -> dict[Symbol, Instrument]:
        one = Decimal(1)
        return {
            symbol: Instrument(
                symbol, symbol.name.removesuffix("USDT"), "USDT", one, one, one, one, Decimal(0), Decimal(0), True
            )
            for symbol in self.values
        }

    async def read_liquidity(self) -> list[Liquidity]:
        order = self._order or list(self.values)
        return [Liquidity(symbol, Decimal(10**9 - rank), Decimal(1)) for rank, symbol in enumerate(order)]

    def order_by_volume(self, symbols: Sequence[Symbol]) -> None:
        self._order = list(symbols)

    # ---- what is told

    def push(self) -> None:
        """Everything due since the last push: answers, bars that closed, and the forming bar of each stream."""
        before_ms, now_ms = self._pushed_ms or self.clock.now_ms(), self.clock.now_ms()
        self._pushed_ms = now_ms
        by_stream = {f"{symbol.name.lower()}@kline_1m": symbol for symbol in self.values}
        first = (before_ms - CLOSE_LAG_MS - START) // MINUTE
        last = (now_ms - CLOSE_LAG_MS - START) // MINUTE
        for wire in list(self.wires):
            if now_ms - wire.opened_ms >= self.life_ms:
                wire.break_off(1008)
                continue
            if self.silent:
                continue
            frames, wire.answers = wire.answers, []
            for stream, since_ms in wire.streams.items():
                symbol = by_stream[stream]
                if symbol in self.mute or symbol in self.halted:
                    continue
                for number in range(first, last):
                    if START + (number + 1) * MINUTE + CLOSE_LAG_MS > since_ms:
                        frames.append(self.frame(symbol, number, closed=True))
                frames.append(self.frame(symbol, (now_ms - START) // MINUTE, closed=False))
                if self.late_partial:
                    frames.append(self.frame(symbol, last - 1, closed=False))
            if frames:
                wire.tell(frames)

    def frame(self, symbol: Symbol, number: int, *, closed: bool) -> bytes:
        row = [repr(value) for value in self.values[symbol][min(number, len(self.values[symbol]) - 1)].tolist()]
        opened, high, low, close, volume = row
        if not closed:
            close, volume = low, "0.001"
        open_ms = START + number * MINUTE
        bar = {"t": open_ms, "T": open_ms + MINUTE - 1, "s": symbol.name, "i": "1m", "x": closed}
        bar |= {"o": opened, "h": high, "l": low, "c": close, "v": volume}
        stream = f"{symbol.name.lower()}@kline_1m"
        event = {"e": "kline", "E": self.clock.now_ms(), "s": symbol.name, "k": bar}
        return json.dumps({"stream": stream, "data": event}, separators=(",", ":")).encode()


@dataclass
class Following:
    """A feed over a venue, its clock, and a book that takes what the feed gives."""

    clock: RecordedClock
    venue: LiveVenue
    feed: LiveFeed
    book: CandleBook
    log: io.StringIO
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    blocks: list[tuple[int, int, int]] = field(default_factory=list)  # (until, candles, when it came)
    rows: dict[tuple[Symbol, int], tuple[float, ...]] = field(default_factory=dict)
    order: dict[Symbol, list[int]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    status: FeedStatus = field(init=False)  # as it was at the end

    async def start(self, symbols: Sequence[Symbol], *, from_ms: int = START, ready: bool = True) -> None:
        self.feed.change(dict.fromkeys(symbols, from_ms), ready=ready)
        await self.feed.start()
        self.task = asyncio.create_task(self._walk())
        await self.settle()

    async def _walk(self) -> None:
        async for until_ms, block in self.feed.blocks(self.stop):
            self.blocks.append((until_ms, len(block), self.clock.now_ms()))
            self.book.wait_for(self.feed.complete_ms(self.book.symbols))
            self.book.ingest(block, now_ms=until_ms)
            rows = zip(block.symbol_index.tolist(), block.open_time_ms.tolist(), block.values.tolist(), strict=True)
            for index, open_ms, values in rows:
                symbol = block.symbols[index]
                assert (symbol, open_ms) not in self.rows, "a bar went on twice"
                assert open_ms + MINUTE <= until_ms, "a bar went on before it was over"
                self.rows[symbol, open_ms] = tuple(values)
                self.order.setdefault(symbol, []).append(open_ms)

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    async def play(self, seconds: float, *, step_s: float = 1.0) -> None:
        """That much of the venue's time, in steps."""
        end_ms = self.clock.now_ms() + round(seconds * 1000)
        while self.clock.now_ms() < end_ms:
            self.clock.advance_to(min(self.clock.now_ms() + round(step_s * 1000), end_ms))
            self.venue.push()
            await self.settle()
            if self.task is not None and self.task.done():
                self.task.result()

    async def end(self) -> None:
        self.status = self.feed.status()
        self.stop.set()
        await self.feed.stop()
        assert self.task is not None
        await self.task

    def expect_all(self, symbols: Sequence[Symbol], until_ms: int, *, from_ms: int = START) -> None:
        """Every bar of the venue that closed by then went on, once, in order, and to the last digit."""
        for symbol in symbols:
            expected = list(range(from_ms, until_ms - MINUTE + 1, MINUTE))
            assert self.order.get(symbol, []) == expected, symbol
            told = np.array([self.rows[symbol, open_ms] for open_ms in expected]).reshape(-1, 5)
            first = (from_ms - START) // MINUTE
            np.testing.assert_array_equal(told, self.venue.values[symbol][first : first + len(expected)])


def following(
    symbols: Sequence[Symbol],
    minutes: int,
    *,
    policy: StreamPolicy | None = None,
    streams: bool = True,
    frames: Sequence[Timeframe] = (M1, Timeframe.M5, Timeframe.H1),
    **settings: Any,
) -> Following:
    """A feed that has not started, over a venue with bars for `minutes`."""
    clock = RecordedClock(START)
    random = np.random.default_rng(7)
    values = {}
    for symbol in symbols:
        prices = np.round(100 * np.exp(random.normal(0, 0.02, (minutes, 4))), 2)
        columns = (
            prices[:, 0],
            prices.max(1),
            prices.min(1),
            prices[:, 3],
            np.round(random.exponential(3, minutes), 3),
        )
        values[symbol] = np.column_stack(columns)
    venue = LiveVenue(clock, values)
    text = io.StringIO()
    dialect = BinanceDialect(usdm_at("https://rest", "wss://streams"), M1) if streams else None
    market = LiveMarket(venue, dialect, venue if streams else None)  # type: ignore[arg-type]
    feed = LiveFeed(
        [market],
        M1,
        clock=clock,
        chance=lambda: 0.5,
        log=build_log(text, clock=clock, shape=Shape.JSON, level=Level.INFO),
        settings=FeedSettings(streams=policy or StreamPolicy(), **settings),
    )
    book = CandleBook(symbols, M1, frames, room=64, base_room=1440, min_bars=20)
    return Following(clock, venue, feed, book, text)
