"""OANDA's market as our values: instruments with their steps, closed candles, quotes. Pure: bytes in, values out.

Every bar ends when its length is over, counted in UTC from midnight: OANDA is asked for that, since its own day begins
at 17:00 in New York. Its `volume` counts prices, not units traded, so a candle's volume is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np

from holdfast.model.candle import CandleBlock
from holdfast.model.instrument import Instrument
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.venues.oanda.fills import MARKET, VENUE
from holdfast.venues.oanda.wire import oanda_name, reader, time_ms

MOST_CANDLES = 5_000
GRANULARITIES = {
    Timeframe.M1: "M1",
    Timeframe.M5: "M5",
    Timeframe.M15: "M15",
    Timeframe.M30: "M30",
    Timeframe.H1: "H1",
    Timeframe.H4: "H4",
    Timeframe.H8: "H8",
    Timeframe.D1: "D",
}
_KNOWN_TYPES = frozenset({"CURRENCY", "CFD", "METAL"})
_ZERO = Decimal(0)


class _Financing(msgspec.Struct, frozen=True, rename=oanda_name):
    long_rate: Decimal
    short_rate: Decimal


class _Commission(msgspec.Struct, frozen=True, rename=oanda_name):
    commission: Decimal = _ZERO


class _Listed(msgspec.Struct, frozen=True, rename=oanda_name):
    name: str
    type: str
    display_precision: int
    trade_units_precision: int
    minimum_trade_size: Decimal
    maximum_order_units: Decimal = _ZERO
    maximum_position_size: Decimal = _ZERO
    margin_rate: Decimal | None = None
    financing: _Financing | None = None
    commission: _Commission | None = None


class _Instruments(msgspec.Struct, frozen=True):
    instruments: list[_Listed]


class SymbolRules(msgspec.Struct, frozen=True):
    """What OANDA demands of orders and positions beyond an Instrument. A bound of None is not there.

    `long_rate` and `short_rate`: what holding costs (below zero) or earns a year, as a fraction; None where OANDA does
    not say. `margin_rate`: the part of a position's value that is blocked.
    """

    symbol: Symbol
    max_order_size: Decimal | None
    max_position_size: Decimal | None
    margin_rate: Decimal | None
    long_rate: Decimal | None
    short_rate: Decimal | None


class Ohlc(msgspec.Struct, frozen=True):
    """Prices of one bar, as the doubles nearest to OANDA's decimals."""

    o: float
    h: float
    l: float
    c: float


class Bar(msgspec.Struct, frozen=True):
    time: str
    complete: bool
    mid: Ohlc | None = None
    bid: Ohlc | None = None
    ask: Ohlc | None = None


class Bars(msgspec.Struct, frozen=True):
    candles: list[Bar]


class _Level(msgspec.Struct, frozen=True):
    price: Decimal


class Price(msgspec.Struct, frozen=True):
    """A line of the pricing stream, or one price of an answer. A heartbeat has a type and a time only."""

    time: str
    type: str = "PRICE"
    instrument: str = ""
    bids: list[_Level] = []
    asks: list[_Level] = []
    tradeable: bool | None = None
    status: str = ""


class Prices(msgspec.Struct, frozen=True):
    prices: list[Price]
    time: str = ""


class Quote(msgspec.Struct, frozen=True):
    """The best bid and ask at a moment: a sample, at most four a second, which no final bar is made of.

    `bid` and `ask` are None where nobody offers. `tradeable` is False while the market is closed.
    """

    symbol: Symbol
    time_ms: int
    bid: Decimal | None
    ask: Decimal | None
    tradeable: bool


_read_instruments: Callable[[bytes], _Instruments] = reader(_Instruments)
read_prices: Callable[[bytes], Prices] = reader(Prices)
read_price: Callable[[bytes], Price] = reader(Price)
# Prices are texts on the wire; candles want them as doubles.
read_bars: Callable[[bytes], Bars] = reader(Bars, strict=False)


def read_instruments(
    body: bytes, *, fee: Decimal, odd: Counter[str]
) -> tuple[dict[Symbol, Instrument], dict[Symbol, SymbolRules]]:
    """What the account may trade, and the further rules. A type that we do not know is left out, and counted."""
    instruments, rules = {}, {}
    for listed in _read_instruments(body).instruments:
        base, separator, quote = listed.name.rpartition("_")
        if listed.type not in _KNOWN_TYPES or not separator:
            odd[f"instrument type {listed.type}"] += 1
            continue
        if listed.commission is not None and listed.commission.commission:
            odd["instrument with a commission of its own"] += 1
        symbol = Symbol(VENUE, MARKET, listed.name)
        instruments[symbol] = Instrument(
            symbol=symbol,
            base=base,
            quote=quote,
            price_tick=Decimal(1).scaleb(-listed.display_precision),
            size_step=Decimal(1).scaleb(-listed.trade_units_precision),
            min_size=listed.minimum_trade_size,
            min_notional=_ZERO,
            maker_fee=fee,
            taker_fee=fee,
            can_short=True,
        )
        financing = listed.financing
        rules[symbol] = SymbolRules(
            symbol=symbol,
            max_order_size=listed.maximum_order_units or None,
            max_position_size=listed.maximum_position_size or None,
            margin_rate=listed.margin_rate,
            long_rate=financing.long_rate if financing is not None else None,
            short_rate=financing.short_rate if financing is not None else None,
        )
    return instruments, rules


def closed_block(
    bars: Bars, side: str, symbol: Symbol, timeframe: Timeframe, *, after_ms: int, limit: int
) -> CandleBlock:
    """The complete bars that open after `after_ms`, at most `limit`. `side`: mid, bid or ask."""
    rows = [
        (time_ms(bar.time), prices)
        for bar in bars.candles
        if bar.complete and (prices := getattr(bar, side)) is not None
    ]
    rows = sorted((row for row in rows if row[0] > after_ms), key=lambda row: row[0])[:limit]
    values = [(prices.o, prices.h, prices.l, prices.c, np.nan) for _, prices in rows]
    return CandleBlock(
        symbols=(symbol,),
        timeframe=timeframe,
        symbol_index=np.zeros(len(rows), dtype=np.int32),
        open_time_ms=np.array([open_ms for open_ms, _ in rows], dtype=np.int64),
        values=np.array(values, dtype=np.float64).reshape(-1, 5),
    )


def quote_of(price: Price) -> Quote:
    """Older servers say `status` only."""
    open_now = price.tradeable if price.tradeable is not None else price.status == "tradeable"
    return Quote(
        symbol=Symbol(VENUE, MARKET, price.instrument),
        time_ms=time_ms(price.time),
        bid=max((level.price for level in price.bids), default=None),
        ask=min((level.price for level in price.asks), default=None),
        tradeable=open_now,
    )
