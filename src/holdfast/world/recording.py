"""A recorded market: candles of many symbols in one timeframe, read from Parquet and played in spans of time.

Reads files and sorts them; it judges no candle (the candle book does) and knows no speed (the clock does).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import VOLUME, CandleBlock, Floats, Times
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.world.parquet import LAYOUT, read_columns, to_floats, to_times

_PRICES = ("open", "high", "low", "close")
_MARKETS = ("spot", "usdm", "fx")
_MARKET_OF_VENUE = {"oanda": "fx", "fxcm": "fx", "fx": "fx", "ftx": "usdm", "bittrex": "spot"}
_PRICE_DIGITS_MOST = 10
_SIZE_DIGITS_MOST = 8
_LONG_SILENCE_MS = 86_400_000


@dataclass(frozen=True)
class Recording:
    """N candles ordered by open time, then symbol: `symbol_index` int32 (N,), `open_time_ms` int64 (N,), `values`
    float64 (N, 5) = open, high, low, close, volume (NaN where the venue reports none)."""

    symbols: tuple[Symbol, ...]
    timeframe: Timeframe
    symbol_index: NDArray[np.int32]
    open_time_ms: Times
    values: Floats

    def __len__(self) -> int:
        return len(self.open_time_ms)

    @property
    def first_open_ms(self) -> int:
        return int(self.open_time_ms[0])

    @property
    def last_close_ms(self) -> int:
        return int(self.open_time_ms[-1]) + self.timeframe.ms

    @cached_property
    def price_digits(self) -> tuple[int, ...]:
        """For each symbol, the fewest decimals (up to 10) that write all its prices exactly."""
        return self._digits(self.values[:, :VOLUME], _PRICE_DIGITS_MOST)

    @cached_property
    def size_digits(self) -> tuple[int, ...]:
        """For each symbol, the fewest decimals (up to 8) that write all its volumes exactly; 0 without volumes."""
        return self._digits(self.values[:, VOLUME:], _SIZE_DIGITS_MOST)

    def only(self, names: Sequence[str]) -> Recording:
        """The part of the recording that is about these symbols, by name; BadInput for one that is not in it."""
        known = {symbol.name for symbol in self.symbols}
        for name in names:
            if name not in known:
                raise BadInput(f"{name} is not in the recording.", f"It has {', '.join(sorted(known))}.")
        kept = [number for number, symbol in enumerate(self.symbols) if symbol.name in names]
        numbers = np.full(len(self.symbols), -1, dtype=np.int32)
        numbers[kept] = np.arange(len(kept))
        index = numbers[self.symbol_index]
        rows = index >= 0
        return Recording(
            symbols=tuple(self.symbols[number] for number in kept),
            timeframe=self.timeframe,
            symbol_index=index[rows],
            open_time_ms=self.open_time_ms[rows],
            values=self.values[rows],
        )

    def until(self, moment_ms: int) -> Recording:
        """The candles that close at `moment_ms` or before; BadInput when none does."""
        count = int(np.searchsorted(self.open_time_ms + self.timeframe.ms, moment_ms, side="right"))
        if not count:
            first = datetime.fromtimestamp((self.first_open_ms + self.timeframe.ms) / 1000, UTC)
            raise BadInput(
                "No candle of the recording closes that early.", f"Its first one closes at {first:%Y-%m-%d %H:%M} UTC."
            )
        return Recording(
            self.symbols, self.timeframe, self.symbol_index[:count], self.open_time_ms[:count], self.values[:count]
        )

    def blocks(self, after_ms: int | None, span_ms: int) -> Iterator[tuple[int, CandleBlock]]:
        """Spans of time on a grid of `span_ms`, each as (until, the candles that CLOSE in (from, until]).

        Begins after `after_ms` (None: with the first candle) and ends with the last candle. A span without candles
        yields an empty block, but more than a day (or two spans) of silence is jumped over.
        """
        if span_ms <= 0:
            raise ValueError("A span is longer than nothing.")
        closes = self.open_time_ms + self.timeframe.ms
        start_ms = int(closes[0]) - 1 if after_ms is None else after_ms
        until_ms = start_ms // span_ms * span_ms
        at = int(np.searchsorted(closes, start_ms, side="right"))
        while at < len(closes):
            next_ms = -(-int(closes[at]) // span_ms) * span_ms
            silent = next_ms - until_ms > span_ms + max(_LONG_SILENCE_MS, 2 * span_ms)
            until_ms = next_ms if silent else until_ms + span_ms
            end = int(np.searchsorted(closes, until_ms, side="right"))
            # The recording knows nothing of the time after its last candle: a bar that is not over then stays open.
            yield min(until_ms, self.last_close_ms), self._block(at, end)
            at = end

    def _block(self, start: int, end: int) -> CandleBlock:
        return CandleBlock(
            symbols=self.symbols,
            timeframe=self.timeframe,
            symbol_index=self.symbol_index[start:end],
            open_time_ms=self.open_time_ms[start:end],
            values=self.values[start:end],
        )

    def _digits(self, values: Floats, most: int) -> tuple[int, ...]:
        digits = np.zeros(len(self.symbols), dtype=np.int64)
        symbol = np.repeat(self.symbol_index, values.shape[1])
        left = values.ravel()
        symbol, left = symbol[np.isfinite(left)], left[np.isfinite(left)]
        for count in range(1, most + 1):
            # A quotient of whole numbers is the double nearest to that decimal, so that equality is exact.
            scale = 10.0 ** (count - 1)
            inexact = np.rint(left * scale) / scale != left
            symbol, left = symbol[inexact], left[inexact]
            digits[symbol] = count
        return tuple(digits.tolist())


def read_recording(path: Path, *, venue: str | None = None, market: str | None = None) -> Recording:
    """Reads `<venue>_<market>_…/candles_<timeframe>.parquet`; `venue` and `market` override what the folder says.

    Raises BadInput for a file that is missing, damaged or no recording of candles in one timeframe.
    """
    frame = read_columns(path, ("symbol", "ts", *_PRICES, "volume"), ("timeframe",))
    timeframe = _timeframe(path, frame["timeframe"].unique().to_list() if "timeframe" in frame.columns else [])
    venue, market = place(path, venue, market)
    text = frame["symbol"].cast(str)
    names = text.unique().sort().to_list()
    index = text.replace_strict(names, list(range(len(names)))).to_numpy().astype(np.int32)
    times = to_times(frame)
    values = _nearest_decimals(np.column_stack([to_floats(path, frame, name) for name in (*_PRICES, "volume")]))
    return _ordered(tuple(Symbol(venue, market, name) for name in names), timeframe, index, times, values)


def merge_recordings(recordings: Sequence[Recording]) -> Recording:
    """Several recordings of one timeframe as one; BadInput when the timeframes differ or there is none."""
    if not recordings:
        raise BadInput("There is no recording to play.", "Name at least one file.")
    frames = {recording.timeframe for recording in recordings}
    if len(frames) > 1:
        raise BadInput(
            f"These recordings have different timeframes: {', '.join(sorted(frames))}.",
            "Play recordings of one timeframe together; longer frames are made from it.",
        )
    if len(recordings) == 1:
        return recordings[0]
    symbols = tuple(sorted({symbol for recording in recordings for symbol in recording.symbols}))
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    index = np.concatenate(
        [np.array([numbers[s] for s in part.symbols], dtype=np.int32)[part.symbol_index] for part in recordings]
    )
    times = np.concatenate([part.open_time_ms for part in recordings])
    return _ordered(symbols, frames.pop(), index, times, np.concatenate([part.values for part in recordings]))


def place(path: Path, venue: str | None, market: str | None) -> tuple[str, str]:
    """The venue and market of a recorded file, from arguments or else from the name of its folder or file."""
    folder = path.resolve().parent.name.lower().split("_")
    stated = [word for word in (*folder[1:], path.name.split("_")[0]) if word in _MARKETS]
    found_venue = venue or (folder[0] if len(folder) > 1 else None)
    found_market = market or next(iter(stated), None) or _MARKET_OF_VENUE.get(found_venue or "")
    if found_venue is None or found_market is None:
        raise BadInput(
            f"The folder name '{path.resolve().parent.name}' does not say which venue and market {path.name} is of.",
            "Name the venue and market, or rename the folder like binance_spot_2021.",
        )
    return found_venue, found_market


def _nearest_decimals(values: Floats) -> Floats:
    """Takes away what a source's own arithmetic left in the last bits: 1.2017799999999998 was written for 1.20178.

    Only a value within four units in its last place of a number with eight decimals becomes that number.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.rint(values * 1e8) / 1e8
        noisy = (np.abs(near - values) <= 4 * np.spacing(np.abs(values))) & (np.abs(values) < 2**53 / 1e8)
    return np.where(noisy, near, values)


def _timeframe(path: Path, stated: list[str]) -> Timeframe:
    if len(stated) > 1:
        raise BadInput(
            f"{path} mixes the timeframes {', '.join(sorted(map(str, stated)))}.", "Split it: one timeframe a file."
        )
    if stated:
        return Timeframe.parse(str(stated[0]))
    _, found, name = path.stem.rpartition("candles_")
    if not found:
        raise BadInput(f"{path} has no column timeframe, and its name does not tell it either.", LAYOUT)
    return Timeframe.parse(name)


def _ordered(
    symbols: tuple[Symbol, ...], timeframe: Timeframe, index: NDArray[np.int32], times: Times, values: Floats
) -> Recording:
    order = np.lexsort((index, times))
    return Recording(symbols, timeframe, index[order], times[order], np.ascontiguousarray(values[order]))
