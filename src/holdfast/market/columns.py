"""The closed bars of all symbols in one timeframe, as preallocated columns that slide when they are full.

Only storage lives here: what enters was judged before, and nothing is derived. No Python object is made for a bar.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.market.trust import Continuity
from holdfast.model.candle import Floats, Times
from holdfast.model.timeframe import Timeframe
from holdfast.model.window import Window

Indices = NDArray[np.intp]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_NO_GAP = -(2**30)


class Columns:
    """Each row holds one symbol's bars up to column `end[row]`; what lies left of its first bar is empty (NaN, 0).

    After a slide all rows end at the same column, and they stay level while they receive equally many bars, so that a
    window is a view. At least the newest `keep` bars of a row are held, and `room` more fit before the next slide.
    """

    def __init__(self, frame: Timeframe, continuity: Continuity, *, keep: int, room: int) -> None:
        symbols, width = len(continuity.sparse), keep + room
        self.frame = frame
        self.keep = keep
        self.room = room
        self.values: Floats = np.full((5, symbols, width), np.nan)
        self.open_time_ms: Times = np.zeros((symbols, width), dtype=np.int64)
        self.bar_number = np.zeros((symbols, width), dtype=np.int32)
        self.since_gap = np.zeros((symbols, width), dtype=np.int32)
        self.end: Indices = np.full(symbols, keep, dtype=np.intp)
        self.newest_ms: Times = np.zeros(symbols, dtype=np.int64)
        self.newest_close: Floats = np.full(symbols, np.nan)
        self.bars: Times = np.zeros(symbols, dtype=np.int64)
        self.fresh: Times = np.zeros(symbols, dtype=np.int64)
        self.gaps: Times = np.zeros(symbols, dtype=np.int64)
        self._last_gap: Times = np.full(symbols, _NO_GAP, dtype=np.int64)
        self._continuity = continuity

    def append(self, symbol: Indices, open_time_ms: Times, values: Floats) -> int:
        """Adds bars sorted by symbol, then strictly rising time, each newer than what its row holds.

        `values` is (5, N). Returns how many bars the busiest row received; more than `room` is a ValueError.
        """
        total = len(symbol)
        if total == 0:
            return 0
        starts = np.flatnonzero(np.concatenate(([True], symbol[1:] != symbol[:-1])))
        counts = np.diff(starts, append=total)
        rows, lasts = symbol[starts], starts + counts - 1
        busiest = int(counts.max())
        if busiest > self.room:
            raise ValueError(f"{busiest} {self.frame} bars of one symbol at once, and room for {self.room}.")
        if int((self.end[rows] + counts).max()) > self.keep + self.room:
            self._slide()
        place = np.arange(total) - np.repeat(starts, counts)
        number = self.bars[symbol] + 1 + place
        gap = self._find_gaps(symbol, open_time_ms, starts, first=number == 1)
        last_gap = self._last_gap[symbol]
        if gap.any():
            latest = np.maximum.accumulate(np.where(gap, np.arange(total), -1))
            inside = latest >= np.repeat(starts, counts)
            last_gap[inside] = number[latest[inside]]
            np.add.at(self.gaps, symbol[gap], 1)
        column = self.end[symbol] + place
        self.values[:, symbol, column] = values
        self.open_time_ms[symbol, column] = open_time_ms
        self.bar_number[symbol, column] = number
        self.since_gap[symbol, column] = number - last_gap
        self.end[rows] += counts
        self.bars[rows] += counts
        self.fresh[rows] += counts
        self.newest_ms[rows] = open_time_ms[lasts]
        self.newest_close[rows] = values[3, lasts]
        self._last_gap[rows] = last_gap[lasts]
        return busiest

    def grow(self, continuity: Continuity) -> None:
        """Adds empty rows at the end for the symbols that `continuity` has more."""
        more = len(continuity.sparse) - len(self.end)
        self.values = np.concatenate((self.values, np.full((5, more, self.values.shape[2]), np.nan)), axis=1)
        self.open_time_ms = _longer(self.open_time_ms, more, 0)
        self.bar_number = _longer(self.bar_number, more, 0)
        self.since_gap = _longer(self.since_gap, more, 0)
        # Level with the others, so that a window stays a view.
        self.end = _longer(self.end, more, int(self.end.max(initial=self.keep)))
        self.newest_ms = _longer(self.newest_ms, more, 0)
        self.newest_close = _longer(self.newest_close, more, np.nan)
        self.bars = _longer(self.bars, more, 0)
        self.fresh = _longer(self.fresh, more, 0)
        self.gaps = _longer(self.gaps, more, 0)
        self._last_gap = _longer(self._last_gap, more, _NO_GAP)
        self._continuity = continuity

    def restart(self, rows: Indices) -> None:
        """Empties these rows: their next bar is number 1. Their newest time is kept, so that order still holds."""
        self.values[:, rows] = np.nan
        self.open_time_ms[rows] = 0
        self.bar_number[rows] = 0
        self.since_gap[rows] = 0
        self.bars[rows] = 0
        self.fresh[rows] = 0
        self.newest_close[rows] = np.nan
        self._last_gap[rows] = _NO_GAP

    def window(self, bars: int) -> Window:
        """The newest `bars` bars of every row, aligned at the right. Read-only; valid until the next append."""
        if bars > self.keep + self.room:
            raise ValueError(f"{bars} bars asked of {self.frame} columns that hold {self.keep + self.room}.")
        values = self.tail(self.values, bars, empty=np.nan)
        return Window(
            timeframe_ms=self.frame.ms,
            open_time_ms=self.tail(self.open_time_ms, bars, empty=0),
            open=values[0],
            high=values[1],
            low=values[2],
            close=values[3],
            volume=values[4],
        )

    def tail(self, array: NDArray[_Scalar], bars: int, *, empty: float) -> NDArray[_Scalar]:
        """The newest `bars` entries of every row of one of the arrays above, aligned at the right, read-only."""
        low, high = int(self.end.min()), int(self.end.max())
        if low == high and bars <= high:
            view = array[..., high - bars : high]
        else:
            column = self.end[:, None] - bars + np.arange(bars)
            view = array[..., np.arange(len(self.end))[:, None], np.maximum(column, 0)]
            if bars > low:
                view[..., column < 0] = empty
        view.flags.writeable = False
        return view

    def _find_gaps(
        self, symbol: Indices, open_time_ms: Times, starts: Indices, *, first: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        previous = np.empty_like(open_time_ms)
        previous[1:] = open_time_ms[:-1]
        previous[starts] = self.newest_ms[symbol[starts]]
        # A first bar has no bar before it, and so no gap.
        previous = np.where(first, open_time_ms - self.frame.ms, previous)
        return self._continuity.gaps(symbol, previous, open_time_ms, self.frame.ms)

    def _slide(self) -> None:
        for array, empty in (
            (self.values, np.nan),
            (self.open_time_ms, 0),
            (self.bar_number, 0),
            (self.since_gap, 0),
        ):
            array[..., : self.keep] = self.tail(array, self.keep, empty=empty)
        self.end[:] = self.keep


def _longer(array: NDArray[_Scalar], more: int, filled: float) -> NDArray[_Scalar]:
    """The same with more rows at the end."""
    return np.concatenate((array, np.full((more, *array.shape[1:]), filled, dtype=array.dtype)))
