"""Optional columns beside the candles: what was known of funding, marks or headlines when each bar closed.

Nothing after a bar's close is read, and a cell is the same number, bit by bit, in whichever window it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.model.candle import Floats, Times
from holdfast.model.symbol import Symbol
from holdfast.model.window import HEADLINE_COUNT, HEADLINE_TONE, HEADLINE_WEIGHT, Window

# Settlements come every 8, 4 or 1 hours, with milliseconds of jitter.
FUNDING_MAX_AGE_MS = 8 * 3_600_000 + 300_000
# A mark price is compared with a close of the same minute, or not at all.
MARK_MAX_AGE_MS = 60_000


@dataclass(frozen=True, slots=True)
class AsOf:
    """The latest observation not older than `max_age_ms`; NaN without one. `time_ms` (n,) ascending: when known."""

    time_ms: Times
    value: Floats
    max_age_ms: int

    def __post_init__(self) -> None:
        _require_order(self.time_ms, self.value)

    def known_at(self, moment_ms: Times) -> Floats:
        """The value at each moment (any shape)."""
        if len(self.time_ms) == 0:
            return np.full(moment_ms.shape, np.nan)
        latest = np.searchsorted(self.time_ms, moment_ms, side="right") - 1
        age = moment_ms - self.time_ms[latest]
        return np.where((latest >= 0) & (age <= self.max_age_ms), self.value[latest], np.nan)


@dataclass(frozen=True, slots=True)
class Decayed:
    """Events whose weight halves every `half_life_ms` and ends after `horizon_ms`. `time_ms` (n,) ascending."""

    time_ms: Times
    value: Floats
    half_life_ms: int
    horizon_ms: int

    def __post_init__(self) -> None:
        _require_order(self.time_ms, self.value)

    def known_at(self, moment_ms: Times) -> tuple[Floats, Floats, Floats]:
        """For each moment (n,): the sum of value × weight, the sum of weights, the count; all 0 without events.

        weight = 0.5 ** (age / half_life), over the events with 0 <= age < horizon.
        """
        start = np.searchsorted(self.time_ms, moment_ms - self.horizon_ms, side="right")
        counts = np.searchsorted(self.time_ms, moment_ms, side="right") - start
        tone, weight = np.zeros(len(moment_ms)), np.zeros(len(moment_ms))
        some = np.flatnonzero(counts)
        if len(some):
            each = counts[some]
            bounds = np.cumsum(each) - each
            event = np.arange(int(each.sum())) + np.repeat(start[some] - bounds, each)
            age = np.repeat(moment_ms[some], each) - self.time_ms[event]
            weights = np.exp2(age / -self.half_life_ms)
            # Each sum runs over its own events only, in their order, so that neighbours cannot change its last bit.
            tone[some] = np.add.reduceat(weights * self.value[event], bounds)
            weight[some] = np.add.reduceat(weights, bounds)
        return tone, weight, counts.astype(np.float64)


class Inputs:
    """The sources of optional columns for the symbols of one book."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self._row = {symbol: row for row, symbol in enumerate(symbols)}
        self._as_of: dict[str, list[tuple[int, AsOf]]] = {}
        self._headlines: list[tuple[list[int], Decayed]] = []

    def grow(self, symbols: Iterable[Symbol]) -> None:
        """Numbers symbols that the book has more by now, in the book's order."""
        for symbol in symbols:
            self._row.setdefault(symbol, len(self._row))

    def attach(self, name: str, symbol: Symbol, series: AsOf) -> None:
        """Lets `series` fill the column `name` (a name of model.window) of one symbol; KeyError for a stranger."""
        self._as_of.setdefault(name, []).append((self._row[symbol], series))

    def attach_headlines(self, symbols: Iterable[Symbol], events: Decayed) -> None:
        """Lets one stream of headlines fill the three headline columns of all symbols it is about."""
        rows = [self._row[symbol] for symbol in symbols]
        if rows:
            self._headlines.append((rows, events))

    def fill(self, window: Window) -> Window:
        """The same window with a column for every name that has a source; NaN where a symbol or bar has none."""
        present = window.present
        closes = window.open_time_ms + window.timeframe_ms
        columns: dict[str, Floats] = {}
        for name, sources in self._as_of.items():
            column = columns[name] = np.full(window.shape, np.nan)
            for row, series in sources:
                column[row, present[row]] = series.known_at(closes[row, present[row]])
        if self._headlines:
            names = (HEADLINE_TONE, HEADLINE_WEIGHT, HEADLINE_COUNT)
            columns.update({name: np.full(window.shape, np.nan) for name in names})
            for rows, events in self._headlines:
                # Symbols of one asset share most of their moments, so that each is added up once.
                shown = present[rows]
                moments, where = np.unique(closes[rows][shown], return_inverse=True)
                for name, known in zip(names, events.known_at(moments), strict=True):
                    block = np.full(shown.shape, np.nan)
                    block[shown] = known[where]
                    columns[name][rows] = block
        return replace(window, inputs={**window.inputs, **columns})


def _require_order(time_ms: Times, value: Floats) -> None:
    if len(time_ms) != len(value) or (len(time_ms) > 1 and (np.diff(time_ms) < 0).any()):
        raise ValueError("Observations need one value a time, and times in ascending order.")
