"""Live markets as blocks of closed candles, one for every close of a base bar: what `Recording.blocks` is for a replay.

Frames and answers go through one sequencer, so that the walk sees every series in order; the clock, not the stream,
says when a bar is over, and a bar that did not come within the grace is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from holdfast.market.calendar import PLAIN, Calendar
from holdfast.market.refill import Fetch, RefillDesk, told_until_ms
from holdfast.market.sequence import Sequencer, SeriesOrder, Source
from holdfast.market.stream_status import StreamsStatus
from holdfast.market.stream_words import Alarm, StreamPolicy, StreamRules
from holdfast.model.candle import CandleBlock, Times
from holdfast.model.errors import BadInput, Refused, Retryable, Unknown
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.feed.connections import Connections
from holdfast.node.feed.sources import LiveMarket
from holdfast.ports.clock import Clock
from holdfast.telemetry.events import Event
from holdfast.telemetry.log import Log

_GOODBYE_S = 5.0
_POLL_S = 0.5
MOST_BARS_A_BLOCK = 1440  # of one symbol


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bar that did not come `grace_s` after its close is asked for; a block waits for it up to `patience_s` after the
    close, and then goes on without it. A bar that later ones have waited for during `give_up_s` is given up.
    `requests_at_once`: how many requests for candles are under way at most."""

    grace_s: float = 3.0
    patience_s: float = 10.0
    give_up_s: float = 900.0
    requests_at_once: int = 8
    retry_first_s: float = 1.0
    retry_longest_s: float = 60.0
    streams: StreamPolicy = StreamPolicy()

    def __post_init__(self) -> None:
        if not 0 <= self.grace_s <= self.patience_s < self.give_up_s or self.requests_at_once < 1:
            raise BadInput(
                f"grace_s {self.grace_s:g}, patience_s {self.patience_s:g}, give_up_s {self.give_up_s:g} and "
                f"requests_at_once {self.requests_at_once} do not go together.",
                "They rise in this order, and at least one request is under way.",
            )
        if not 0 < self.retry_first_s <= self.retry_longest_s:
            raise BadInput("A failed request is repeated after some time.", "Set 0 < retry_first_s <= retry_longest_s.")


class MarketStatus(msgspec.Struct, frozen=True):
    """One market: its connections and streams (None where candles come by requests alone), and why connections were
    lost or streams refused, counted."""

    venue: str
    market: str
    streams: StreamsStatus | None
    reasons: Mapping[str, int]


class FeedStatus(msgspec.Struct, frozen=True):
    """`until_ms`: the close of the newest block. `late_blocks` went on without a bar of a ready series. `requests` for
    candles were answered, `failed_requests` not; `failing` counts failures in a row by symbol."""

    until_ms: int
    blocks: int
    late_blocks: int
    requests: int
    failed_requests: int
    under_way: int
    failing: Mapping[str, int]
    markets: tuple[MarketStatus, ...]
    series: tuple[SeriesOrder, ...]


class LiveFeed:
    """Follows any symbols of its markets. `chance` gives a number in [0, 1). Nothing happens before `start`."""

    def __init__(
        self,
        markets: Sequence[LiveMarket],
        base: Timeframe,
        *,
        clock: Clock,
        chance: Callable[[], float],
        log: Log,
        settings: FeedSettings | None = None,
        calendar: Calendar = PLAIN,
    ) -> None:
        settings = settings or FeedSettings()
        self.base = base
        self.until_ms = 0
        self.sequencer = Sequencer(base, give_up_ms=int(settings.give_up_s * 1000), calendar=calendar)
        self._markets = tuple(markets)
        self._clock = clock
        self._log = log
        self._settings = settings
        self._desk = RefillDesk(
            base,
            most_at_once=settings.requests_at_once,
            most_bars=min((market.most_bars for market in markets), default=1),
            first_wait_ms=int(settings.retry_first_s * 1000),
            longest_wait_ms=int(settings.retry_longest_s * 1000),
        )
        self._followed: dict[Symbol, LiveMarket] = {}
        self._connections = {
            market: self._connect(market, settings.streams, calendar, chance)
            for market in self._markets
            if market.dialect is not None
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()
        self._failure: BaseException | None = None
        self._blocks = self._late_blocks = self._requests = self._failed_requests = 0

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(self._followed)

    # ---- what is followed

    def change(self, added: Mapping[Symbol, int], removed: Iterable[Symbol] = (), *, ready: bool = False) -> None:
        """Follows more symbols, each from the open time given (its first missing bar), and leaves others. Everything
        else flows on. `ready`: the book already trusts what was before; else a symbol's past is fetched with the lowest
        urgency. BadInput for a symbol of no market of this feed."""
        homes = {symbol: self._home(symbol) for symbol in added}
        for symbol in removed:
            self.sequencer.leave(symbol)
            self._desk.leave(symbol)
            self._followed.pop(symbol, None)
        for symbol, from_ms in added.items():
            self.sequencer.follow(symbol, from_ms=from_ms, ready=ready)
            self._followed[symbol] = homes[symbol]
        if self._loops:
            self._want()
            self._moved.set()

    def _home(self, symbol: Symbol) -> LiveMarket:
        for market in self._markets:
            if market.has(symbol):
                return market
        raise BadInput(f"{symbol} is of no market that this node follows.", "Set up its venue, or leave it out.")

    def _want(self) -> None:
        for market, connections in self._connections.items():
            connections.want([symbol for symbol, home in self._followed.items() if home is market])

    # ---- life

    async def start(self) -> None:
        """Opens the streams and begins to fill holes."""
        loops = [self._refill(), *(connections.run() for connections in self._connections.values())]
        self._loops = [self._watched(loop) for loop in loops]
        self._want()
        self._log.info(
            Event.FEED_STARTED,
            venue=", ".join(f"{market.exchange.venue} {market.exchange.market}" for market in self._markets),
            symbols=len(self._followed),
            timeframe=str(self.base),
        )

    async def stop(self) -> None:
        """Ends every request and every connection; calling it again does nothing. Blocks end with it."""
        for task in [*self._loops, *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        self._loops = []
        for connections in self._connections.values():
            connections.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GOODBYE_S)
        self._moved.set()

    async def blocks(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, CandleBlock]]:
        """(until, the candles that are in order now), at least once for each close of a base bar, until `stop`. What
        comes late for a close follows under the same `until` as soon as it is there.

        Before a block is walked the book is to be told how far each series is complete: `complete_ms`. Raises what made
        the feed fail.
        """
        base_ms = self.base.ms
        self.until_ms = self._clock.now_ms() // base_ms * base_ms
        while await self._wait_for_bars(self.until_ms, stop):
            while True:
                now_ms = self._clock.now_ms()
                block = self.sequencer.release(until_ms=self.until_ms, now_ms=now_ms, most=MOST_BARS_A_BLOCK)
                self._blocks += 1
                yield self.until_ms, block
                if not len(block) and not await self._wait_for_late(self.until_ms + base_ms, stop):
                    break
            settled_ms = self._clock.now_ms() - int(self._settings.patience_s * 1000)
            # After a pause of the whole machine the closes that were missed make one block.
            self.until_ms = max(self.until_ms + base_ms, settled_ms // base_ms * base_ms)

    def complete_ms(self, symbols: Sequence[Symbol]) -> Times:
        """See Sequencer.complete_ms."""
        return self.sequencer.complete_ms(symbols)

    def status(self) -> FeedStatus:
        """All of it, for people and pages."""
        return FeedStatus(
            until_ms=self.until_ms,
            blocks=self._blocks,
            late_blocks=self._late_blocks,
            requests=self._requests,
            failed_requests=self._failed_requests,
            under_way=len(self._desk.under_way),
            failing={str(symbol): count for symbol, count in self._desk.failing.items()},
            markets=tuple(self._status_of(market) for market in self._markets),
            series=tuple(self.sequencer.status()),
        )

    def _status_of(self, market: LiveMarket) -> MarketStatus:
        connections = self._connections.get(market)
        return MarketStatus(
            venue=market.exchange.venue,
            market=market.exchange.market,
            streams=None if connections is None else connections.status(),
            reasons={} if connections is None else dict(connections.reasons),
        )

    # ---- the close of a bar

    async def _wait_for_bars(self, until_ms: int, stop: asyncio.Event) -> bool:
        """Waits for the bars of a close, as long as they are worth waiting for; False when stopped."""
        patience_ms = int(self._settings.patience_s * 1000)
        await self._wait_until(until_ms, stop, done=lambda: False)
        await self._wait_until(until_ms + patience_ms, stop, done=lambda: not self.sequencer.is_behind(until_ms))
        if self.sequencer.is_behind(until_ms) and not stop.is_set():
            self._late_blocks += 1
        return not stop.is_set()

    async def _wait_for_late(self, next_ms: int, stop: asyncio.Event) -> bool:
        """Waits for bars of closes before this one; False when it has come, or when stopped."""
        await self._wait_until(next_ms, stop, done=lambda: self.sequencer.has_more(self.until_ms))
        return not stop.is_set() and self._clock.now_ms() < next_ms

    async def _wait_until(self, moment_ms: int, stop: asyncio.Event, *, done: Callable[[], bool]) -> None:
        """Until the clock shows the moment, or `done` after something has moved, or the stop, or a failure."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not (stop.is_set() or done()):
                self._raise_failure()
                if (left_ms := moment_ms - self._clock.now_ms()) <= 0:
                    return
                self._moved.clear()
                await self._first_of(stopping, self._moved.wait(), self._clock.wait_s(left_ms / 1000))
        finally:
            stopping.cancel()
        self._raise_failure()

    async def _first_of(self, lasting: asyncio.Future[Any], *others: Coroutine[Any, Any, Any]) -> None:
        passing = [asyncio.ensure_future(other) for other in others]
        try:
            await asyncio.wait((lasting, *passing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()

    # ---- filling holes

    async def _refill(self) -> None:
        base_ms = self.base.ms
        while True:
            now_ms = self._clock.now_ms()
            until_ms = (now_ms - int(self._settings.grace_s * 1000)) // base_ms * base_ms
            holes = self.sequencer.holes(until_ms=until_ms, now_ms=now_ms)
            for fetch in self._desk.next_fetches(holes, now_ms=now_ms):
                self._spawn(self._fetch(fetch))
            await self._clock.wait_s(_POLL_S)

    async def _fetch(self, fetch: Fetch) -> None:
        market = self._followed.get(fetch.symbol)
        asked_ms = self._clock.now_ms()
        if market is None:
            self._desk.answered(fetch)
            return
        try:
            block = await market.exchange.read_candles(
                fetch.symbol, self.base, after_ms=fetch.after_ms, limit=fetch.limit
            )
        except (Retryable, Unknown, Refused):
            self._failed_requests += 1
            self._desk.failed(fetch, now_ms=self._clock.now_ms())
            return
        self._requests += 1
        told_ms = told_until_ms(fetch, block, asked_ms=asked_ms, settle_ms=market.settle_ms)
        self.sequencer.take(block, Source.REST, now_ms=self._clock.now_ms())
        self.sequencer.confirm(fetch.symbol, told_ms)
        if len(block) or told_ms > fetch.after_ms + self.base.ms:
            self._desk.answered(fetch)
        else:
            self._desk.failed(fetch, now_ms=self._clock.now_ms())
        self._moved.set()

    # ---- streams

    def _connect(
        self, market: LiveMarket, policy: StreamPolicy, calendar: Calendar, chance: Callable[[], float]
    ) -> Connections:
        venue, name = market.exchange.venue, market.exchange.market
        if market.dialect is None or market.frames is None:
            raise ValueError(f"The streams of {venue} {name} need a dialect and a transport.")
        return Connections(
            StreamRules(venue, name, market.dialect.limits, policy, calendar),
            market.dialect,
            market.frames,
            clock=self._clock,
            chance=chance,
            spawn=self._spawn,
            on_candles=self._take,
            on_refill=self._ask_now,
            on_alarm=lambda alarm: self._alarm(venue, alarm),
        )

    def _take(self, block: CandleBlock) -> None:
        self.sequencer.take(block, Source.STREAM, now_ms=self._clock.now_ms())
        self._moved.set()

    def _ask_now(self, symbols: Sequence[Symbol]) -> None:
        """A connection is back: what could not be asked for while the network was away need not wait any longer."""
        for symbol in symbols:
            self._desk.leave(symbol)

    def _alarm(self, venue: str, alarm: Alarm) -> None:
        self._log.warning(
            Event.FEED_SILENT,
            venue=venue,
            silent_s=alarm.silent_ms / 1000,
            stream=alarm.stream,
            measure=alarm.level.value,
        )

    # ---- tasks

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(self._watched(work))

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Keeps the first failure for whoever reads the blocks, and wakes it."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._moved.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
