"""A node that follows live markets: public data from the venues, fills on paper. No key is read, no order leaves.

What differs from a recorded market is only where candles come from, and that the past is never decided on: what the
history holds and what is fetched of the time before the start only fills the book.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from holdfast.execution.book import replay
from holdfast.market.inputs import Inputs
from holdfast.market.universe import Choice
from holdfast.model.errors import BadInput, HoldfastError
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.node.compose import Assembly, Ground, build_book
from holdfast.node.feed.live import MOST_BARS_A_BLOCK, FeedStatus, LiveFeed
from holdfast.node.feed.sources import BinanceDialect, LiveMarket
from holdfast.node.feed.universe_watch import UniverseWatch
from holdfast.node.node import Node
from holdfast.node.phases import Phase
from holdfast.node.settings import LiveMarketSettings, PaperMarket
from holdfast.node.view import View
from holdfast.portfolio.ledger import Ledger
from holdfast.signals.panel import LONGEST_MEMORY, find_heads
from holdfast.telemetry.events import Event
from holdfast.venues.binance.endpoints import SPOT_LIVE, USDM_LIVE, SpotEndpoints, UsdmEndpoints, usdm_at
from holdfast.venues.binance.exchange import Doors
from holdfast.venues.binance.spot import BinanceSpot
from holdfast.venues.binance.usdm import BinanceUsdm
from holdfast.venues.listing import list_instrument
from holdfast.world.chance import fraction
from holdfast.world.http import HttpClient
from holdfast.world.rate_budget import BudgetedTransport, RateBudget
from holdfast.world.websocket import WebSocketClient

LATE_MS = 86_400_000


@dataclass(slots=True)
class LiveNode(Node):
    """See Node; `market` is not used. `feed` is there once the venues have answered."""

    feed: LiveFeed = field(init=False)
    _http: HttpClient = field(init=False)
    _watch: UniverseWatch = field(init=False)
    _offset_ms: int = 0
    _walking: bool = False
    _instruments: dict[Symbol, Instrument] = field(default_factory=dict)
    _traded: set[Symbol] = field(default_factory=set)  # by whatever process before this one
    _listed: dict[Symbol, Instrument] = field(default_factory=dict)  # those of them that the venue still has

    def _sources(self) -> list[Phase]:
        return [
            Phase("journal and history", self._open_doors, self._close_doors),
            Phase("venues", self._open_venues, self._close_venues),
        ]

    async def _open_venues(self) -> str:
        live, sockets = self.settings.live, WebSocketClient()
        costs = {wanted.market: self.settings.paper.costs(wanted.market) for wanted in live.markets}
        self._http = HttpClient()
        markets = []
        for wanted in live.markets:
            endpoints = _endpoints(wanted)
            budget = RateBudget((), self.clock)  # the venue tells its limits with its instruments
            doors = Doors(BudgetedTransport(self._http, {endpoints.rest: budget}), sockets, self.clock, self.venue_ms)
            dialect = BinanceDialect(endpoints, live.base)
            markets.append(LiveMarket(_exchange(endpoints, doors, costs[wanted.market]), dialect, sockets))
        try:
            chosen = await self._choose(markets)
        except HoldfastError as error:
            await self._http.close()
            raise BadInput(
                f"The venues did not answer: {error}", "Check the network, and the addresses in [[live.markets]]."
            ) from error
        self.feed = LiveFeed(markets, live.base, clock=self.clock, chance=fraction, log=self.log, settings=live.feed)
        return f"{len(chosen)} symbols of {len(markets)} markets, clock {self._offset_ms:+d} ms"

    def venue_ms(self) -> int:
        """The venue's time, as far as it is known here."""
        return self.clock.now_ms() + self._offset_ms

    async def _choose(self, markets: list[LiveMarket]) -> Mapping[Symbol, Instrument]:
        """Measures the clock against the first venue's, and chooses the universe; what is held stays in it."""
        asked_ms = self.clock.now_ms()
        told_ms = await markets[0].exchange.read_time_ms()
        self._offset_ms = told_ms - (asked_ms + self.clock.now_ms()) // 2
        past = list(self.doors.journal.read())
        ledger = Ledger(self.settings.account)
        ledger.apply_all(past)
        orders = replay(past, self.settings.account)
        self._traded = {order.request.symbol for order in orders.orders.values()}
        involved = {*ledger.open_positions, *(order.request.symbol for order in orders.open_orders())}
        self._watch = UniverseWatch(
            [market.exchange for market in markets],
            self.settings.live.universe,
            clock=self.clock,
            held=lambda: self.assembly.trading.involved() if self._walking else involved,
            on_choice=self._chosen,
            on_failure=self._not_chosen,
        )
        if not await self._watch.refresh() or not self._instruments:
            problems = "; ".join(self._watch.problems.values()) or "no symbol fits the rules of the universe"
            raise BadInput(f"No universe could be chosen: {problems}.", "See [live.universe] in docs/settings.md.")
        return self._instruments

    def _chosen(self, choice: Choice, tradable: Mapping[Symbol, Instrument]) -> None:
        """A market's symbols were chosen: at the start all of them, later those that come and go."""
        new = {
            symbol: tradable[symbol]
            for symbol in sorted(choice.symbols)
            if symbol in tradable and symbol not in self._instruments
        }
        self._instruments.update(new)  # the walk's own table, too
        self._listed.update({symbol: tradable[symbol] for symbol in self._traded & set(tradable)})
        if self._walking:
            self.assembly.measures.problems.pop(f"universe {choice.venue} {choice.market}", None)
            self._follow_more(new, [symbol for symbol in choice.removed if symbol in self._instruments])

    def _not_chosen(self, venue: str, market: str, error: str) -> None:
        """A market keeps the symbols it has; at the start there are none, and that is told otherwise."""
        if self._walking:
            self.log.warning(Event.UNIVERSE_KEPT, venue=venue, market=market, error=error)
            words = f"The universe of {venue} {market} could not be chosen anew: {error}"
            self.assembly.measures.problems[f"universe {venue} {market}"] = words

    def _follow_more(self, new: Mapping[Symbol, Instrument], gone: Sequence[Symbol]) -> None:
        """Only the difference is subscribed: what stays flows on. What goes stays in the book, and is never decided on,
        because none of its bars closes any more; when it comes back, it goes on from its newest bar."""
        parts, base_ms = self.assembly, self.settings.live.base.ms
        if new:
            parts.venue.list_more(new)
            parts.book.grow(new)
            parts.desk.inputs.grow(parts.book.symbols)
            parts.recorder.grow()
        followed = set(self.feed.symbols)
        back = [symbol for symbol in self._watched() if symbol not in followed]
        newest = self.doors.history.read_last_open_times(self.settings.live.base)
        self.feed.change({symbol: max(newest.get(symbol, 0) + base_ms, self._first_ms()) for symbol in back}, gone)
        self.log.info(Event.UNIVERSE_CHANGED, added=len(back), removed=len(gone), symbols=len(self.feed.symbols))

    def _watched(self) -> list[Symbol]:
        return [symbol for choice in self._watch.choices.values() for symbol in choice.symbols]

    def _first_ms(self) -> int:
        """From where on a symbol's past is wanted: a full window of bars, and one more at each end, because the first
        may have begun before and the last is not over."""
        base_ms = self.settings.live.base.ms
        span_ms = (LONGEST_MEMORY + 2) * self.settings.market.timeframe.ms
        return (self.clock.now_ms() - span_ms) // base_ms * base_ms

    async def _close_venues(self) -> None:
        await self.feed.stop()
        await self._http.close()

    async def _fill(self) -> str:
        ground = Ground(self._instruments, self.settings.live.base, self._left())
        self.assembly = Assembly(
            self.settings,
            ground,
            self.doors,
            book=build_book(self.settings, ground, at_once=MOST_BARS_A_BLOCK),
            inputs=Inputs(ground.symbols),
            heads=find_heads(),
        )
        self.view = View(self.assembly, self.startup, self.doors.history, world=self.world, feed=self.feed_status)
        base_ms = ground.base.ms
        now_ms, first_ms = self.clock.now_ms() // base_ms * base_ms, self._first_ms()
        newest = self.doors.history.read_last_open_times(ground.base)
        self.feed.change({symbol: max(newest.get(symbol, 0) + base_ms, first_ms) for symbol in ground.symbols})
        # The book waits from here on for what the feed will fetch, so that no longer bar closes over a hole before it.
        self.assembly.book.wait_for(self.feed.complete_ms(ground.symbols))
        bars = (now_ms - first_ms) // base_ms
        block = self.doors.history.read_block(ground.symbols, ground.base, limit=bars)
        self.assembly.book.warm_up(block, now_ms=now_ms)
        walk = self.assembly.walk
        walk.done_ms = max(walk.done_ms, now_ms)
        walk.market_ms, walk.look_back_ms = walk.done_ms, LATE_MS
        return f"{len(block)} stored candles in the book"

    def _left(self) -> dict[Symbol, Instrument]:
        """What was traded and has left the universe. Of what the venue does not list any more only the currencies are
        needed, and its name tells them."""
        return {
            symbol: self._listed.get(symbol)
            or list_instrument(symbol, 0, 0, maker_fee=Decimal(0), taker_fee=Decimal(0))
            for symbol in sorted(self._traded - set(self._instruments))
        }

    def feed_status(self) -> FeedStatus:
        """How the feed stands: connections, streams, requests, series."""
        return self.feed.status()

    async def _settle(self) -> str:
        self.assembly.begin(self.assembly.walk.done_ms)
        return f"epoch {self.assembly.epoch}, {len(self.assembly.executor.book.open_orders())} open orders"

    async def _walk(self) -> str:
        await self.feed.start()
        self._walking = True
        self._begin_loops()
        watching = asyncio.create_task(self._watch.run())
        watching.add_done_callback(self._watch_ended)
        self._tasks.append(watching)
        return f"{len(self._instruments)} symbols in {self.settings.live.base} bars"

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        """The walk goes on with the symbols it has, but not in silence."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tasks.remove(task)
            self.log.error(Event.LOOP_FAILED, error=error, loop="universe")
            self.assembly.measures.problems["universe"] = f"The universe is no longer chosen anew: {error}"

    async def _follow(self) -> None:
        walk, book = self.assembly.walk, self.assembly.book
        async for until_ms, block in self.feed.blocks(self.stop):
            # What comes so late that no order may follow from it any more only fills the book.
            walk.done_ms = max(walk.done_ms, until_ms - self.settings.limits.intent_ttl_ms)
            book.wait_for(self.feed.complete_ms(book.symbols))
            walk.take(block, until_ms)


def _endpoints(wanted: LiveMarketSettings) -> SpotEndpoints | UsdmEndpoints:
    if wanted.market == "spot":
        return SpotEndpoints(wanted.rest, wanted.streams, wanted.streams) if wanted.rest else SPOT_LIVE
    return usdm_at(wanted.rest, wanted.streams) if wanted.rest else USDM_LIVE


def _exchange(endpoints: SpotEndpoints | UsdmEndpoints, doors: Doors, costs: PaperMarket) -> BinanceSpot | BinanceUsdm:
    """Its instruments carry the fees that are paid on paper: nobody asks for an account's own without a key."""
    if isinstance(endpoints, SpotEndpoints):
        return BinanceSpot(doors, endpoints=endpoints, maker_fee=costs.maker_fee, taker_fee=costs.taker_fee)
    return BinanceUsdm(doors, endpoints=endpoints, maker_fee=costs.maker_fee, taker_fee=costs.taker_fee)
