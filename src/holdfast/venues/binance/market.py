"""Combined market frames, decoded as they arrive: closed candles as columns, the newest quotes and mark prices by name.

Made for hundreds of thousands of frames a second on one core. Most kline frames show a bar that is still forming: of
those only the flag is read. A bar is taken only from the frame that says that it is closed (`x`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.model.candle import CandleBlock
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

_NAN = math.nan


class _Flag(msgspec.Struct, gc=False, rename={"closed": "x"}):
    closed: bool


class Event(
    msgspec.Struct,
    gc=False,
    rename={
        "kind": "e",
        "time_ms": "E",
        "name": "s",
        "kline": "k",
        "bid": "b",
        "ask": "a",
        "mark": "p",
        "index": "i",
        "funding_rate": "r",
        "next_funding_ms": "T",
    },
):
    """A quote (`bid`, `ask`) or a mark price (`mark`, `index`, `funding_rate`); what it has not is NaN. Spot quotes
    have neither kind nor time. The fields stand in the order in which they come, which is read fastest."""

    kind: str = "bookTicker"
    time_ms: int = 0
    name: str = ""
    kline: _Flag | None = None
    bid: float = _NAN
    ask: float = _NAN
    mark: float = _NAN
    index: float = _NAN
    funding_rate: float = _NAN
    next_funding_ms: int = 0


class _Frame(msgspec.Struct, gc=False):
    data: Event


class _Bar(
    msgspec.Struct,
    gc=False,
    rename={
        "open_ms": "t",
        "name": "s",
        "interval": "i",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
    },
):
    open_ms: int
    name: str
    interval: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class _BarEvent(msgspec.Struct, gc=False):
    k: _Bar


class _BarFrame(msgspec.Struct, gc=False):
    data: _BarEvent


_frame = msgspec.json.Decoder(_Frame, strict=False).decode
_bar_frame = msgspec.json.Decoder(_BarFrame, strict=False).decode


class MarketFrames:
    """Frames of the given symbols' streams. `frame` takes one; `take_candles` gives what closed since the last call.

    `frames` counts all that came, which tells a silent connection from a quiet one. `quotes` and `marks` hold the
    newest of each symbol's name. `notices` are Binance's words about the connection (answers to subscriptions, errors,
    `serverShutdown`), for who keeps the connection. `odd` counts what is none of these.
    """

    def __init__(self, symbols: Sequence[Symbol], timeframe: Timeframe) -> None:
        self.symbols = tuple(symbols)
        self.timeframe = timeframe
        self.quotes: dict[str, Event] = {}
        self.marks: dict[str, Event] = {}
        self.notices: list[dict[str, Any]] = []
        self.odd: Counter[str] = Counter()
        self.frames = 0
        self.closed = 0
        self.partial = 0
        self._index = {symbol.name: number for number, symbol in enumerate(self.symbols)}
        self._bars: list[_Bar] = []

    def frame(self, payload: memoryview | bytes) -> None:
        """Takes one combined frame; never raises for what a frame holds."""
        self.frames += 1
        try:
            event = _frame(payload).data
            if event.kline is None:
                if event.kind == "bookTicker" and event.bid == event.bid:
                    self.quotes[event.name] = event
                elif event.kind == "markPriceUpdate":
                    self.marks[event.name] = event
                else:
                    self.odd[f"market event {event.kind}"] += 1
            elif event.kline.closed:
                self._bars.append(_bar_frame(payload).data.k)
            else:
                self.partial += 1
        except msgspec.DecodeError:
            self._notice(bytes(payload))

    def take_candles(self) -> CandleBlock | None:
        """The bars that closed since the last call, by open time, then symbol; None if none did."""
        if not self._bars:
            return None
        bars, self._bars = self._bars, []
        rows = [
            (index, bar.open_ms, bar.open, bar.high, bar.low, bar.close, bar.volume)
            for bar in bars
            if (index := self._index.get(bar.name, -1)) >= 0 and bar.interval == self.timeframe
        ]
        if len(rows) < len(bars):
            self.odd["candle that nobody asked for"] += len(bars) - len(rows)
        if not rows:
            return None
        self.closed += len(rows)
        rows.sort(key=_by_time)
        columns = np.array(rows, dtype=np.float64)
        return CandleBlock(
            symbols=self.symbols,
            timeframe=self.timeframe,
            symbol_index=columns[:, 0].astype(np.int32),
            # Milliseconds since 1970 are whole numbers far below 2^53, so a double holds them exactly.
            open_time_ms=columns[:, 1].astype(np.int64),
            values=columns[:, 2:].copy(),
        )

    def _notice(self, payload: bytes) -> None:
        try:
            said = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            self.odd["unreadable market frame"] += 1
            return
        inside = said.get("data", said) if isinstance(said, dict) else said
        if not isinstance(inside, dict):
            self.odd["market frame in an unknown shape"] += 1
        elif "e" in inside and inside["e"] != "serverShutdown":
            self.odd[f"market event {inside['e']}"] += 1
        else:
            self.notices.append(inside)


def _by_time(row: tuple[int, int, float, float, float, float, float]) -> tuple[int, int]:
    return row[1], row[0]
