"""A venue of ccxt behind the exchange door. Best effort: what ccxt's common words do not say cannot be promised here.

No order carries protection unless the venue takes both in one request; there is no private stream, so that fills and
reports are polled; a lost order is looked for among open and closed ones, and its absence proves nothing.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import BadInput, Refused, Retryable, Unknown
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import Leg, OrderReport, OrderRequest, OrderType
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import Capabilities, Liquidity, PrivateEvent, Stamp, StreamNote, StreamState
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.long_tail import reading
from holdfast.venues.long_tail.errors import STUMBLES, NotFound, error_of
from holdfast.venues.long_tail.reading import Json, exact

POLL_S = 5.0
# Bars may be written late, so one counts as closed only when it has been over for a while.
CANDLE_LAG_MS = 5_000
_REMEMBERED = 20_000
_MOST_PAGES = 100
T = TypeVar("T")


class Doors(msgspec.Struct, frozen=True):
    """What the adapter needs beside ccxt's client, which brings its own sockets. `time_ms`: the venue's time, as far as
    it is known here; `leg_of`: what an order that was placed before this process is for."""

    clock: Clock
    time_ms: Callable[[], int]
    leg_of: Callable[[str], Leg | None] = lambda _: None


class CcxtExchange:
    """See Exchange. `client` is a client of ccxt.async_support, `failure` the root of its errors (`opening.py`); `odd`
    counts what the venue said and ccxt or we did not know."""

    def __init__(self, client: Any, failure: type[Exception], market: str, doors: Doors) -> None:
        self.odd: Counter[str] = Counter()
        self._client = client
        self._failures = (failure, *STUMBLES)
        self._market = market
        self._doors = doors
        self._listed: Mapping[Symbol, Json] = {}
        self._legs: OrderedDict[str, Leg] = OrderedDict()
        # Our id → the venue's, and back.
        self._venue_ids: OrderedDict[str, str] = OrderedDict()
        self._client_ids: OrderedDict[str, str] = OrderedDict()
        self._closed = False
        reading.kind_of(market)

    @property
    def venue(self) -> str:
        return str(self._client.id)

    @property
    def market(self) -> str:
        return self._market

    @property
    def guarantee_tier(self) -> GuaranteeTier:
        return GuaranteeTier.BEST_EFFORT

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            dead_man_timer=False,
            attached_protection=self._can("createOrderWithTakeProfitAndStopLoss"),
            private_stream=False,
            max_symbols_per_stream=0,
        )

    # ---- public

    async def read_time_ms(self) -> int:
        """See Exchange; Refused by a venue that does not tell its time."""
        if not self._can("fetchTime"):
            raise Refused(f"{self.venue} does not tell its time.")
        return int(await self._read(self._client.fetch_time))

    async def read_instruments(self) -> Mapping[Symbol, Instrument]:
        """See Exchange. A symbol without fixed steps is left out, and counted."""
        markets = await self._read(self._client.load_markets, True)
        self._listed = reading.listed_symbols(markets, venue=self.venue, market=self._market)
        mode = int(self._client.precisionMode)
        made = {one: reading.instrument_of(one, listed, precision_mode=mode) for one, listed in self._listed.items()}
        self.odd["symbols without fixed steps"] += sum(instrument is None for instrument in made.values())
        return {symbol: instrument for symbol, instrument in made.items() if instrument is not None}

    async def read_liquidity(self) -> Sequence[Liquidity]:
        """See Exchange. A symbol whose volume the venue does not tell is left out."""
        self._demand("fetchTickers", "its volumes")
        names = {listed["symbol"]: symbol for symbol, listed in (await self._symbols()).items()}
        tickers = await self._read(self._client.fetch_tickers)
        found = []
        for name, ticker in tickers.items():
            volume, last = exact(ticker.get("quoteVolume")), exact(ticker.get("last"))
            if name in names and volume is not None and last is not None:
                found.append(Liquidity(names[name], volume, last))
        return found

    async def read_candles(self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int) -> CandleBlock:
        """See Exchange. A bar that ended within the last seconds counts as forming: ask again for it."""
        self._demand("fetchOHLCV", "candles")
        name = (await self._of(symbol))["symbol"]
        closed_by_ms = self._doors.time_ms() - CANDLE_LAG_MS
        since = max(after_ms + 1, 0)
        rows = await self._read(self._client.fetch_ohlcv, name, timeframe.value, since, limit)
        block = reading.candles_of(rows, symbol, timeframe, after_ms=after_ms, closed_by_ms=closed_by_ms)
        return block.part(0, min(limit, len(block)))

    # ---- account

    async def place(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. One request, never repeated. Protection goes with it where the venue can do that, without ids
        of ours; elsewhere an order with protection is refused, because an unprotected one was not asked for."""
        self._private()
        listed = await self._of(request.symbol)
        params = self._params(request)
        amount = reading.amount_of(request.size, listed)
        price = reading.price_of(request.price) if request.price is not None else None
        kind = "limit" if request.type is OrderType.LIMIT else "market"
        resting = price if request.type is OrderType.LIMIT else None
        if self._doors.time_ms() > stamp.time_ms + stamp.valid_ms:
            raise Retryable("The request is older than its stamp allows, and was not sent.")
        for one in (request, *request.protection):
            _remember(self._legs, one.client_order_id, one.leg)
        order = await self._write(
            self._client.create_order, listed["symbol"], kind, request.side.value, amount, resting, params
        )
        return self._report(order, listed, request, stamp.time_ms)

    async def cancel(self, request: OrderRequest, stamp: Stamp) -> OrderReport:
        """See Exchange. Of an order that is over, its last word."""
        self._private()
        listed = await self._of(request.symbol)
        venue_id = self._venue_ids.get(request.client_order_id)
        if venue_id is None:
            found = await self.query(request)
            if found is None:
                raise NotFound(f"{self.venue} shows no order {request.client_order_id}.")
            venue_id = found.venue_order_id
        gone: NotFound | None = None
        try:
            await self._write(self._client.cancel_order, venue_id, listed["symbol"])
        except NotFound as refusal:
            gone = refusal
        report = await self.query(request)
        if report is not None and (report.state.final or gone is None):
            return report
        raise gone or Unknown(f"{self.venue} took the cancel of {request.client_order_id}, and shows no outcome.")

    async def query(self, request: OrderRequest) -> OrderReport | None:
        """See Exchange. By the venue's id where it is known, else by looking through open and closed orders."""
        self._private()
        listed = await self._of(request.symbol)
        venue_id = self._venue_ids.get(request.client_order_id)
        if venue_id is not None and self._can("fetchOrder"):
            try:
                order = await self._read(self._client.fetch_order, venue_id, listed["symbol"])
            except NotFound:
                return None
            return self._report(order, listed, request, request.placed_at_ms)
        for ability, name in (
            ("fetchOpenOrders", "fetch_open_orders"),
            ("fetchClosedOrders", "fetch_closed_orders"),
            ("fetchCanceledOrders", "fetch_canceled_orders"),
            ("fetchOrders", "fetch_orders"),
        ):
            if not self._can(ability):
                continue
            ask = getattr(self._client, name)
            for order in await self._read(ask, listed["symbol"]):
                if order.get("clientOrderId") == request.client_order_id:
                    return self._report(order, listed, request, request.placed_at_ms)
        return None

    async def read_open_orders(self) -> Sequence[OrderReport]:
        """See Exchange."""
        self._private()
        self._demand("fetchOpenOrders", "open orders")
        names = {listed["symbol"]: listed for listed in (await self._symbols()).values()}
        orders = await self._read(self._client.fetch_open_orders)
        return [
            self._report(order, names[order["symbol"]], None, 0) for order in orders if order.get("symbol") in names
        ]

    async def read_fills(self, symbol: Symbol, *, since: str) -> tuple[Sequence[Fill], str]:
        """See Exchange. The cursor is the time of the newest trade that was seen, and the ids of all of that time."""
        self._private()
        self._demand("fetchMyTrades", "an account's trades")
        listed = await self._of(symbol)
        moment, seen = _read_cursor(since)
        fills: list[Fill] = []
        for _ in range(_MOST_PAGES):
            trades = await self._read(self._client.fetch_my_trades, listed["symbol"], moment)
            fresh = [trade for trade in trades if _is_new(trade, moment, seen)]
            for trade in sorted(fresh, key=lambda one: int(one["timestamp"])):
                fills.append(await self._fill(trade, symbol, listed))
                if moment is None or int(trade["timestamp"]) > moment:
                    moment, seen = int(trade["timestamp"]), set()
                seen.add(reading.trade_id_of(trade))
            if not fresh:
                break
        return fills, "" if moment is None else f"{moment}:{','.join(sorted(seen))}"

    async def read_positions(self) -> Mapping[Symbol, Decimal]:
        """See Exchange. On spot nothing: there a position is a balance."""
        self._private()
        if self._market == "spot":
            return {}
        self._demand("fetchPositions", "positions")
        symbols = {listed["symbol"]: (symbol, listed) for symbol, listed in (await self._symbols()).items()}
        sizes: dict[Symbol, Decimal] = {}
        for one in await self._read(self._client.fetch_positions):
            if one.get("symbol") in symbols and (contracts := exact(one.get("contracts"))):
                symbol, listed = symbols[one["symbol"]]
                size = abs(contracts) * reading.contract_size(listed)
                sizes[symbol] = sizes.get(symbol, Decimal(0)) + (-size if one.get("side") == "short" else size)
        return {symbol: size for symbol, size in sizes.items() if size}

    async def read_balances(self) -> Mapping[str, Decimal]:
        """See Exchange: what is free and what is locked in orders, together."""
        self._private()
        balance = await self._read(self._client.fetch_balance)
        totals = {currency: exact(total) for currency, total in (balance.get("total") or {}).items()}
        return {currency: total for currency, total in totals.items() if total}

    async def private_events(self) -> AsyncIterator[PrivateEvent]:
        """See Exchange. There is no private stream: every few seconds it says that polling is due."""
        self._private()
        while not self._closed:
            yield StreamNote(StreamState.STALE, f"{self.venue} has no private stream here")
            await self._doors.clock.wait_s(POLL_S)

    async def arm_dead_man(self, symbol: Symbol, timeout_ms: int) -> None:
        """See Exchange."""
        raise Refused(f"{self.venue} has no timer here that cancels orders by itself.")

    async def close(self) -> None:
        """Closes ccxt's sockets too, which are its own."""
        self._closed = True
        await self._client.close()

    # ---- steps

    def _can(self, ability: str) -> bool:
        """ccxt says True, False, None, or 'emulated' for what it puts together from other answers."""
        return bool(self._client.has.get(ability))

    def _demand(self, ability: str, what: str) -> None:
        if not self._can(ability):
            raise Refused(f"{self.venue} does not tell {what}.")

    def _private(self) -> None:
        if not self._client.apiKey:
            name = self.venue.upper()
            raise BadInput(
                f"This needs a key of {self.venue}, and none was given.",
                f"Set HOLDFAST_{name}_KEY and HOLDFAST_{name}_SECRET.",
            )

    async def _symbols(self) -> Mapping[Symbol, Json]:
        if not self._listed:
            await self.read_instruments()
        return self._listed

    async def _of(self, symbol: Symbol) -> Json:
        if (listed := (await self._symbols()).get(symbol)) is None:
            raise Refused(f"{self.venue} does not list {symbol}.")
        return listed

    def _params(self, request: OrderRequest) -> dict[str, Any]:
        params: dict[str, Any] = {"clientOrderId": request.client_order_id}
        if request.reduce_only and self._market != "spot":
            params["reduceOnly"] = True
        if request.type is OrderType.STOP:
            self._demand_trigger()
            params["triggerPrice"] = reading.price_of(_trigger(request))
        if request.protection and not self._can("createOrderWithTakeProfitAndStopLoss"):
            raise Refused(f"At {self.venue} an order cannot carry its protection.")
        for leg in request.protection:
            params["stopLoss" if leg.leg is Leg.STOP else "takeProfit"] = {
                "triggerPrice": reading.price_of(_trigger(leg))
            }
        return params

    def _demand_trigger(self) -> None:
        if not (self._can("createTriggerOrder") or self._can("createStopOrder")):
            raise Refused(f"{self.venue} has no stop orders here.")

    def _report(self, order: Json, listed: Json, asked: OrderRequest | None, time_ms: int) -> OrderReport:
        unit = reading.contract_size(listed)
        report = reading.report_of(order, unit, asked=asked, time_ms=time_ms, odd=self.odd)
        if report.client_order_id and report.venue_order_id:
            _remember(self._venue_ids, report.client_order_id, report.venue_order_id)
            _remember(self._client_ids, report.venue_order_id, report.client_order_id)
        return report

    async def _fill(self, trade: Json, symbol: Symbol, listed: Json) -> Fill:
        venue_id = str(trade.get("order") or "")
        if venue_id not in self._client_ids and venue_id and self._can("fetchOrder"):
            try:
                order = await self._read(self._client.fetch_order, venue_id, listed["symbol"])
                self._report(order, listed, None, 0)
            except NotFound:
                self.odd["trade of an order that is no longer told"] += 1
        client_id = self._client_ids.get(venue_id, f"{self.venue}-{venue_id}")
        leg = self._legs.get(client_id) or self._doors.leg_of(client_id)
        return reading.fill_of(trade, symbol, listed, client_id=client_id, leg=leg, odd=self.odd)

    async def _read(self, ask: Callable[..., Awaitable[T]], *given: object) -> T:
        try:
            return await ask(*given)
        except self._failures as error:
            raise error_of(error, writing=False) from error

    async def _write(self, ask: Callable[..., Awaitable[T]], *given: object) -> T:
        try:
            return await ask(*given)
        except self._failures as error:
            raise error_of(error, writing=True) from error


def _trigger(request: OrderRequest) -> Decimal:
    if request.price is None:
        raise Refused(f"A {request.type} order needs a price.")
    return request.price


def _is_new(trade: Json, moment: int | None, seen: set[str]) -> bool:
    if moment is None:
        return True
    time_ms = int(trade["timestamp"])
    return time_ms > moment or (time_ms == moment and reading.trade_id_of(trade) not in seen)


def _read_cursor(text: str) -> tuple[int | None, set[str]]:
    if not text:
        return None, set()
    moment, _, ids = text.partition(":")
    return int(moment), set(ids.split(",")) - {""}


def _remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
