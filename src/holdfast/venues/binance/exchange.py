"""What Binance spot and futures answer alike: the market, orders by id, fills since, the private stream's frame.

`spot.py` and `usdm.py` add what differs. Signing is in `session.py`, reading in `decode.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from holdfast.model.candle import CandleBlock
from holdfast.model.errors import Retryable
from holdfast.model.fill import Fill
from holdfast.model.instrument import Instrument
from holdfast.model.order import Leg, OrderReport, OrderRequest
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.clock import Clock
from holdfast.ports.exchange import Liquidity, PrivateEvent
from holdfast.ports.transport import FrameTransport, HttpTransport, Priority
from holdfast.ports.venue import GuaranteeTier
from holdfast.venues.binance import decode, filters
from holdfast.venues.binance.errors import NO_SUCH_ORDER, UNKNOWN_ORDER_SENT, RefusedByBinance
from holdfast.venues.binance.ledger import MINUTE_MS, Ledger
from holdfast.venues.binance.private import End, Inbox, PrivateFeed
from holdfast.venues.binance.session import Credentials, Params, Session

NO_SUCH_SYMBOL = -1121
# Binance's klines lag the clock by up to two seconds, so a bar counts as closed only when it has been over for longer.
CANDLE_LAG_MS = 2_500
_MOST_TRADES = 1_000
_MOST_PAGES = 100


class Paths(msgspec.Struct, frozen=True):
    """Addresses and weights that differ by market only."""

    root: str
    trades: str
    info_weight: int
    ticker_weight: int
    order_weight: int
    trades_weight: int
    most_candles: int


class Doors(msgspec.Struct, frozen=True):
    """What an adapter reaches the world through. `time_ms`: Binance's time, as far as it is known here; `leg_of`: what
    an order that was placed before this process is for."""

    http: HttpTransport
    frames: FrameTransport
    clock: Clock
    time_ms: Callable[[], int]
    leg_of: Callable[[str], Leg | None] = lambda _: None


class BinanceExchange(ABC):
    """One market for one account, or for none. `odd` counts what Binance said and we did not know; `rules` are the
    filters beyond an Instrument, of the last reading."""

    market: ClassVar[str]
    paths: ClassVar[Paths]

    def __init__(
        self, rest: str, doors: Doors, credentials: Credentials | None, *, maker_fee: Decimal, taker_fee: Decimal
    ) -> None:
        self.odd: Counter[str] = Counter()
        self.rules: Mapping[Symbol, filters.SymbolRules] = {}
        self._doors = doors
        self._session = Session(doors.http, rest, credentials, doors.time_ms)
        self._fees = maker_fee, taker_fee
        self._assets: Mapping[str, tuple[str, str]] = {}
        self._ledger = Ledger(
            self.market,
            leg_of=doors.leg_of,
            read_order=self._read_order,
            read_assets=self._read_assets,
            read_price=self._read_opening,
            odd=self.odd,
        )
        self._feed = PrivateFeed(self._open_private, self._ledger, doors.clock, self.odd)

    @property
    def venue(self) -> str:
        return filters.VENUE

    @property
    def guarantee_tier(self) -> GuaranteeTier:
        """Binance refuses what is older than its recvWindow, so absence is proved by time."""
        return GuaranteeTier.TIME_BOUNDED

    # ---- public

    async def read_time_ms(self) -> int:
        """See Exchange."""
        body = await self._session.public(f"{self.paths.root}/time", priority=Priority.RECONCILE)
        return decode.read_time(body).server_time

    async def read_instruments(self) -> Mapping[Symbol, Instrument]:
        """See Exchange. The venue's own rate limits take the place of the assumed ones."""
        path = f"{self.paths.root}/exchangeInfo"
        info = filters.read_exchange_info(await self._session.public(path, weight=self.paths.info_weight))
        maker_fee, taker_fee = self._fees
        instruments, self.rules = filters.instruments_of(
            info, market=self.market, maker_fee=maker_fee, taker_fee=taker_fee, odd=self.odd
        )
        self._assets = {one.symbol: (one.base_asset, one.quote_asset) for one in info.symbols}
        self._session.transport.learn_limits(self._session.origin, filters.rate_limits(info, self.odd))
        return instruments

    async def read_liquidity(self) -> Sequence[Liquidity]:
        """See Exchange."""
        body = await self._session.public(f"{self.paths.root}/ticker/24hr", weight=self.paths.ticker_weight)
        return decode.read_liquidity(body, self.market, self.venue)

    async def read_candles(self, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int) -> CandleBlock:
        """See Exchange. A bar that ended within the last seconds counts as forming: ask again for it."""
        limit = min(limit, self.paths.most_candles)
        closed_by_ms = self._doors.time_ms() - CANDLE_LAG_MS
        body = await self._klines(symbol.name, timeframe, after_ms=after_ms, limit=limit)
        block, forming = decode.read_candles(body, symbol, timeframe, after_ms=after_ms, closed_by_ms=closed_by_ms)
        self.odd["forming candle left out"] += forming
        return block

    # ---- account

    async def query(self, request: OrderRequest) -> OrderReport | None:
        """See Exchange."""
        return await self._ask(request.symbol.name, request.client_order_id)

    async def read_fills(self, symbol: Symbol, *, since: str) -> tuple[Sequence[Fill], str]:
        """See Exchange. The cursor is the number of the newest trade that was seen."""
        name, fills, cursor = symbol.name, list[Fill](), since
        for _ in range(_MOST_PAGES):
            first = int(cursor) + 1 if cursor else 0
            params: Params = (("symbol", name), ("fromId", first), ("limit", _MOST_TRADES))
            body = await self._session.signed("GET", self.paths.trades, params, weight=self.paths.trades_weight)
            trades = sorted(decode.read_trades(body), key=lambda trade: trade.id)
            fills += [await self._ledger.fill_of_trade(name, trade) for trade in trades if trade.id >= first]
            if trades:
                cursor = str(max(trades[-1].id, int(cursor or 0)))
            if len(trades) < _MOST_TRADES:
                break
        return fills, cursor

    def private_events(self) -> AsyncIterator[PrivateEvent]:
        """See Exchange. For one reader."""
        return self._feed.events()

    async def close(self) -> None:
        """Ends the private stream. The transport is its owner's to close."""
        self._feed.close()

    # ---- what differs

    @abstractmethod
    async def _open_private(self, inbox: Inbox) -> End:
        """Lets private frames arrive in the inbox; what it returns ends that."""

    # ---- shared steps

    async def _ask(self, name: str, client_id: str) -> OrderReport | None:
        params: Params = (("symbol", name), ("origClientOrderId", client_id))
        try:
            body = await self._session.signed("GET", f"{self.paths.root}/order", params, weight=self.paths.order_weight)
        except RefusedByBinance as refusal:
            raise_unless_absent(refusal)
            return None
        order = decode.read_order(body)
        self._ledger.note_order(order)
        return decode.report_of_order(order, self.odd)

    async def _read_order(self, name: str, order_id: int) -> decode.Order:
        params: Params = (("symbol", name), ("orderId", order_id))
        body = await self._session.signed("GET", f"{self.paths.root}/order", params, weight=self.paths.order_weight)
        return decode.read_order(body)

    async def _read_assets(self, name: str) -> tuple[str, str]:
        if name not in self._assets:
            await self.read_instruments()
        if name not in self._assets:
            raise Retryable(f"Binance's exchangeInfo does not list {name}.")
        return self._assets[name]

    async def _read_opening(self, asset: str, quote: str, minute_ms: int) -> Decimal | None:
        """The price at which a minute opened, None where there is no such market."""
        symbol = Symbol(self.venue, self.market, asset + quote)
        try:
            body = await self._klines(symbol.name, Timeframe.M1, after_ms=minute_ms - 1, limit=1)
        except RefusedByBinance as refusal:
            if refusal.code == NO_SUCH_SYMBOL:
                return None
            raise
        block, _ = decode.read_candles(
            body, symbol, Timeframe.M1, after_ms=minute_ms - 1, closed_by_ms=minute_ms + 2 * MINUTE_MS
        )
        if not len(block) or int(block.open_time_ms[0]) != minute_ms:
            raise Retryable(f"{symbol.name} has no bar of this minute yet.")
        return Decimal(repr(float(block.values[0, 0])))

    async def _klines(self, name: str, timeframe: Timeframe, *, after_ms: int, limit: int) -> bytes:
        params: Params = (
            ("symbol", name),
            ("interval", timeframe.value),
            ("startTime", max(after_ms + 1, 0)),
            ("limit", limit),
        )
        return await self._session.public(f"{self.paths.root}/klines", params, weight=self._klines_weight(limit))

    @abstractmethod
    def _klines_weight(self, limit: int) -> int: ...


def raise_unless_absent(refusal: RefusedByBinance) -> None:
    """Every refusal but 'no such order' goes on."""
    if refusal.code not in (NO_SUCH_ORDER, UNKNOWN_ORDER_SENT):
        raise refusal


def entering(request: OrderRequest) -> Priority:
    """What an order's request may push aside: everything that lessens risk goes first."""
    return Priority.ENTRY if request.leg is Leg.ENTRY else Priority.CLOSE
