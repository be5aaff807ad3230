"""OANDA v20 behind the exchange door: one account's instruments, candles, orders, fills and streams.

Orders are built in `orders.py`; what their transactions mean is in `tale.py` and `fills.py`; the numbered log, by which
an order's absence can be proved, is read in `log.py`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from urllib.parse import quote

import msgspec

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Refused, Retryable, Unknown
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import Leg, OrderReport, OrderRequest
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import Capabilities, Liquidity, PrivateEvent, Stamp, StreamNote
from holdfast.ports.lines import LineTransport
from holdfast.ports.transport import HttpTransport, Priority
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.oanda import wire
from holdfast.venues.oanda.endpoints import PRACTICE, RATE_LIMITS, OandaEndpoints
from holdfast.venues.oanda.errors import NOT_FOUND, RefusedByOanda
from holdfast.venues.oanda.fills import MARKET, VENUE, fills_of
from holdfast.venues.oanda.lines import Inbox, listening
from holdfast.venues.oanda.log import BEGINNING, Log
from holdfast.venues.oanda.market import (
    GRANULARITIES,
    MOST_CANDLES,
    Bars,
    Quote,
    SymbolRules,
    closed_block,
    read_bars,
    read_instruments,
    read_prices,
)
from holdfast.venues.oanda.orders import order_body
from holdfast.venues.oanda.pricing import SILENCE_S as PRICING_SILENCE_S
from holdfast.venues.oanda.pricing import PriceFeed
from holdfast.venues.oanda.private import SILENCE_S, TransactionFeed, acquaint, acquaint_trade
from holdfast.venues.oanda.session import Credentials, Session, written
from holdfast.venues.oanda.tale import Tale
from holdfast.venues.oanda.wire import Order, Transaction

_REMEMBERED = 20_000
# How long before an order's own time the log is searched for it: clocks differ.
_SEARCH_BACK_MS = 300_000
# OANDA names no limit of instruments for a pricing stream; the address has one.
_INSTRUMENTS_PER_STREAM = 200


class Doors(msgspec.Struct, frozen=True):
    """What the adapter reaches the world through. `time_ms`: OANDA's time, as far as it is known here; `leg_of`: what
    an order that was placed before this process is for."""

    http: HttpTransport
    lines: LineTransport
    clock: Clock
    time_ms: Callable[[], int]
    leg_of: Callable[[str], Leg | None] = lambda _: None


class OandaExchange:
    """See Exchange. `odd` counts what OANDA said and we did not know; `rules` are the rules beyond an Instrument, of
    the last reading. `fee` is a commission as a fraction of the traded value; most accounts pay by the spread alone."""

    def __init__(
        self,
        doors: Doors,
        credentials: Credentials | None = None,
        *,
        endpoints: OandaEndpoints = PRACTICE,
        fee: Decimal = Decimal(0),
    ) -> None:
        self.odd: Counter[str] = Counter()
        self.rules: Mapping[Symbol, SymbolRules] = {}
        self._doors = doors
        self._fee = fee
        self._session = Session(doors.http, endpoints.rest, credentials)
        self._streams = Session(doors.http, endpoints.streams, credentials)
        self._log = Log(self._session, self.odd)
        self._legs: OrderedDict[str, Leg] = OrderedDict()
        self._feed = TransactionFeed(self._open_transactions, self._log, doors.clock, self._leg_of, self.odd)
        self._price_feeds: list[PriceFeed] = []
        doors.http.learn_limits(endpoints.rest, RATE_LIMITS)

    @property
    def venue(self) -> str:
        return VENUE

    @property
    def market(self) -> str:
        return MARKET

    @property
    def guarantee_tier(self) -> GuaranteeTier:
        """OANDA takes a request however old it is; what came of it stands in a log without gaps."""
        return GuaranteeTier.LOG_PROVABLE

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            dead_man_timer=False,
            attached_protection=True,
            private_stream=True,
            max_symbols_per_stream=_INSTRUMENTS_PER_STREAM,
        )

    # ---- the market, which OANDA shows to account holders only

    async def read_time_ms(self) -> int:
        """See Exchange. OANDA tells its time along with prices, so a price is asked for."""
        symbol = next(iter(self.rules or await self.read_instruments()), None)
        if symbol is None:
            raise Refused("This OANDA account may trade nothing, so that OANDA tells it no time.")
        body = await self._session.read(f"{self._session.account_path}/pricing", (("instruments", symbol.name),))
        return wire.time_ms(read_prices(body).time)

    async def read_instruments(self) -> Mapping[Symbol, Instrument]:
        """See Exchange: what this account may trade, open now or not."""
        body = await self._session.read(f"{self._session.account_path}/instruments")
        instruments, self.rules = read_instruments(body, fee=self._fee, odd=self.odd)
        return instruments

    async def read_liquidity(self) -> Sequence[Liquidity]:
        """See Exchange."""
        raise Refused("OANDA tells no traded volume, so its symbols are chosen by name.")

    async def read_candles(self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int) -> CandleBlock:
        """See Exchange: mid prices. A period without a price has no bar."""
        bars = await self._read_bars(symbol, timeframe, "M", after_ms=after_ms, limit=limit)
        return closed_block(bars, "mid", symbol, timeframe, after_ms=after_ms, limit=limit)

    async def read_bid_ask_candles(
        self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int
    ) -> tuple[CandleBlock, CandleBlock]:
        """The same bars in bid and in ask prices, whose distance is the spread."""
        bars = await self._read_bars(symbol, timeframe, "BA", after_ms=after_ms, limit=limit)
        bid, ask = (
            closed_block(bars, side, symbol, timeframe, after_ms=after_ms, limit=limit) for side in ("bid", "ask")
        )
        return bid, ask

    def quotes(self, symbols: Sequence[Symbol]) -> AsyncIterator[Quote | StreamNote]:
        """Quotes of these symbols over one stream, until `close`; see PriceFeed."""
        names = ",".join(symbol.name for symbol in symbols)
        feed = PriceFeed(lambda: self._open_prices(names), self._doors.clock, self.odd)
        self._price_feeds.append(feed)
        return feed.quotes()

    # ---- account

    async def place(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. OANDA knows no time limit for a request, so one that is past its stamp is not sent: Retryable.
        Refused with the reason 'duplicate_client_id' if the first order of this id, or its trade, is alive."""
        self._note(request)
        body = order_body(request)
        self._fresh(stamp)
        answer = await self._session.write(
            "POST", f"{self._session.account_path}/orders", body, priority=_entering(request)
        )
        return self._outcome(request, answer)

    async def replace(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """Puts another price or size in the place of a resting order of the same client id, in one step."""
        self._note(request)
        body = order_body(request)
        self._fresh(stamp)
        path = f"{self._session.account_path}/orders/{_named(request)}"
        return self._outcome(request, await self._session.write("PUT", path, body, priority=Priority.CLOSE))

    async def cancel(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. Of an order that is over, its last word; Refused for one that is not at OANDA."""
        path = f"{self._session.account_path}/orders/{_named(request)}/cancel"
        try:
            answer = await self._session.write("PUT", path, None, priority=Priority.CLOSE)
        except RefusedByOanda as refusal:
            if refusal.status != NOT_FOUND:
                raise
            report = await self.query(request)
            if report is None or not report.state.final:
                raise
            return report
        return self._outcome(request, answer)

    async def query(self, request: OrderRequest) -> OrderReport | None:
        """See Exchange. An order that is over may no longer be found by its id: then the log is searched from shortly
        before its time, which is proof once the log has gone on beyond the time in which a request can arrive."""
        try:
            order = await self._log.read_order(_named(request))
        except RefusedByOanda as refusal:
            if refusal.status != NOT_FOUND:
                raise
        else:
            if (report := await self._fate(order)) is not None:
                return report
        return await self._search(request)

    async def read_open_orders(self) -> Sequence[OrderReport]:
        """See Exchange. Stops and targets that an order at work will make are among them, as HELD."""
        body = await self._session.read(f"{self._session.account_path}/pendingOrders")
        orders = wire.read_orders(body).orders
        tale = Tale(self.odd)
        if any(order.trade_id for order in orders):
            trades = await self._session.read(f"{self._session.account_path}/openTrades")
            for trade in wire.read_trades(trades).trades:
                tale.note_trade(trade)
        reports: list[OrderReport] = []
        for order in orders:
            reports += [tale.note_order(order), *tale.held(int(order.id))]
        return reports

    async def read_fills(self, symbol: Symbol, *, since: str) -> tuple[Sequence[Fill], str]:
        """See Exchange. The cursor is the number of the last transaction that was read."""
        fills: list[Fill] = []
        number = int(since) if since else BEGINNING
        async for said in self._log.read_since(number):
            number = said.number
            fills += [fill for fill in fills_of(said, self._leg_of, self.odd) if fill.symbol == symbol]
        return fills, str(number)

    async def read_positions(self) -> Mapping[Symbol, Decimal]:
        """See Exchange; both sides together, were there two."""
        body = await self._session.read(f"{self._session.account_path}/openPositions")
        positions = {
            Symbol(VENUE, MARKET, one.instrument): one.long.units + one.short.units
            for one in wire.read_positions(body).positions
        }
        return {symbol: size for symbol, size in positions.items() if size}

    async def read_balances(self) -> Mapping[str, Decimal]:
        """See Exchange: the balance in the account's one currency, without what open positions are worth."""
        body = await self._session.read(f"{self._session.account_path}/summary")
        account = wire.read_account(body).account
        return {account.currency: account.balance}

    async def read_hedge_mode(self) -> bool:
        """Whether the account may be long and short of one symbol at once, which must be off before real orders."""
        body = await self._session.read(f"{self._session.account_path}/summary")
        return wire.read_account(body).account.hedging_enabled

    def private_events(self) -> AsyncIterator[PrivateEvent]:
        """See Exchange. For one reader. What happened while the stream was lost is told after it is back."""
        return self._feed.events()

    async def arm_dead_man(self, symbol: Symbol, timeout_ms: int) -> None:
        """See Exchange."""
        raise Refused("OANDA has no timer that cancels orders by itself.")

    async def close(self) -> None:
        """Ends the streams. The transports are their owner's to close."""
        self._feed.close()
        for feed in self._price_feeds:
            feed.close()

    # ---- steps

    async def _read_bars(self, symbol: Symbol, timeframe: Timeframe, price: str, *, after_ms: int, limit: int) -> Bars:
        """One bar more than asked for, since the first may be the one at `after_ms`, and it may all be forming."""
        if after_ms >= self._doors.time_ms():
            return Bars([])
        params = (
            ("price", price),
            ("granularity", GRANULARITIES[timeframe]),
            ("from", wire.time_text(max(after_ms, 0))),
            ("count", min(limit + 1, MOST_CANDLES)),
            ("dailyAlignment", 0),
            ("alignmentTimezone", "UTC"),
        )
        path = f"/v3/instruments/{symbol.name}/candles"
        return read_bars(await self._session.read(path, params, priority=Priority.BACKFILL))

    def _open_transactions(self) -> AbstractAsyncContextManager[Inbox]:
        request = self._streams.request("GET", f"{self._streams.account_path}/transactions/stream")
        return listening(self._doors.lines, self._doors.clock, request, silence_s=SILENCE_S)

    def _open_prices(self, names: str) -> AbstractAsyncContextManager[Inbox]:
        path = f"{self._streams.account_path}/pricing/stream"
        request = self._streams.request("GET", path, (("instruments", names),))
        return listening(self._doors.lines, self._doors.clock, request, silence_s=PRICING_SILENCE_S)

    def _fresh(self, stamp: Stamp) -> None:
        if self._doors.time_ms() > stamp.time_ms + stamp.valid_ms:
            raise Retryable("The request is older than its stamp allows, and was not sent.")

    def _outcome(self, request: OrderRequest, answer: bytes) -> OrderReport:
        """The last word on the order in what OANDA answered."""
        placed = written(wire.read_placed, answer)
        tale, found = Tale(self.odd), None
        for said in placed.transactions:
            if said.type == "ORDER_CANCEL" and tale.unknown_order(said) is not None:
                # Of an order placed before: what it was is known from the request.
                tale.note_order(_as_placed(request, said))
            _raise_if_duplicate(said)
            for report in tale.tell(said):
                found = report if report.client_order_id == request.client_order_id else found
        if found is None:
            raise Unknown(f"OANDA answered without saying what became of {request.client_order_id}.")
        return found

    async def _fate(self, order: Order) -> OrderReport | None:
        """What became of an order that OANDA found; None if it is not the one that counts."""
        tale = Tale(self.odd)
        await acquaint_trade(tale, self._log, order)
        report = tale.note_order(order)
        end = int(order.filling_transaction_id) or int(order.cancelling_transaction_id)
        if order.state == "PENDING":
            return report
        if not end:
            return None
        reports = tale.tell(await self._log.read_transaction(end))
        return next((one for one in reports if one.client_order_id == report.client_order_id), None)

    async def _search(self, request: OrderRequest) -> OrderReport | None:
        tale, found = Tale(self.odd), None
        async for said in self._log.read_from(request.placed_at_ms - _SEARCH_BACK_MS):
            await acquaint(tale, self._log, said)
            for report in tale.tell(said):
                found = report if report.client_order_id == request.client_order_id else found
        return found

    def _note(self, request: OrderRequest) -> None:
        for one in (request, *request.protection):
            self._legs[one.client_order_id] = one.leg
            if len(self._legs) > _REMEMBERED:
                self._legs.popitem(last=False)

    def _leg_of(self, client_id: str) -> Leg | None:
        return self._legs.get(client_id) or self._doors.leg_of(client_id)


def _named(request: OrderRequest) -> str:
    return "@" + quote(request.client_order_id, safe="")


def _entering(request: OrderRequest) -> Priority:
    return Priority.ENTRY if request.leg is Leg.ENTRY else Priority.CLOSE


def _raise_if_duplicate(said: Transaction) -> None:
    refusal = RefusedByOanda(said.reason, "", 201)
    if said.type == "ORDER_CANCEL" and refusal.duplicate:
        raise refusal


def _as_placed(request: OrderRequest, said: Transaction) -> Order:
    return Order(
        id=said.order_id,
        type=request.type.name,
        state="PENDING",
        units=request.size,
        client_extensions=wire.Extensions(request.client_order_id),
    )
