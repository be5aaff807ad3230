"""What was recorded beside candles: funding rates, mark prices and headlines, each with the time it was known.

Reads files only; how an observation becomes a column beside a candle is the market's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats, Times
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.world.parquet import LAYOUT, read_columns, to_floats, to_times
from holdfast.world.recording import place


@dataclass(frozen=True, slots=True)
class Observations:
    """N values ordered by symbol, then time: `symbol_index` int32 (N,) points into `symbols`, `time_ms` int64 (N,)
    is when each was known, `value` float64 (N,)."""

    symbols: tuple[Symbol, ...]
    symbol_index: NDArray[np.int32]
    time_ms: Times
    value: Floats

    def of(self, symbol: Symbol) -> tuple[Times, Floats]:
        """The times (ascending) and values of one symbol; empty for one that is not here."""
        number = self.symbols.index(symbol) if symbol in self.symbols else -1
        start, end = np.searchsorted(self.symbol_index, (number, number + 1))
        return self.time_ms[start:end], self.value[start:end]


@dataclass(frozen=True, slots=True)
class RecordedHeadlines:
    """Headlines by the time of their publication: `time_ms` int64 (N,) ascending, one title each."""

    time_ms: Times
    titles: tuple[str, ...]


def read_funding(path: Path, *, venue: str | None = None, market: str | None = None) -> Observations:
    """Settled funding rates (a fraction per interval), known at their settlement. Raises BadInput."""
    return _read(path, "funding_rate", venue, market)


def read_marks(path: Path, *, venue: str | None = None, market: str | None = None) -> Observations:
    """Mark prices in quote currency: the price at which each recorded mark bar opens, known at that time.

    Later prices of the bar are not used, because the record does not say when in the bar they were. Raises BadInput.
    """
    return _read(path, "open", venue, market)


def read_headlines(path: Path) -> RecordedHeadlines:
    """Headlines with a title; a naive time is taken as UTC. Raises BadInput."""
    import polars as pl

    frame = read_columns(path, ("ts", "title"))
    if frame.schema["title"] != pl.String:
        raise BadInput(f"Column title of {path} is {frame.schema['title']}, not text.", LAYOUT)
    frame = frame.drop_nulls("title").sort("ts", maintain_order=True)
    return RecordedHeadlines(to_times(frame), tuple(frame["title"].to_list()))


def _read(path: Path, column: str, venue: str | None, market: str | None) -> Observations:
    import polars as pl

    frame = read_columns(path, ("symbol", "ts", column))
    venue, market = place(path, venue, market)
    frame = frame.with_columns(pl.col("symbol").cast(pl.String)).sort("symbol", "ts", maintain_order=True)
    values = to_floats(path, frame, column)
    names = frame["symbol"].unique().sort().to_list()
    index = np.searchsorted(np.array(names), frame["symbol"].to_numpy()).astype(np.int32)
    known = np.isfinite(values)
    return Observations(
        tuple(Symbol(venue, market, name) for name in names), index[known], to_times(frame)[known], values[known]
    )
