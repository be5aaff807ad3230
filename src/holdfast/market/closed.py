"""What one ingest closed: for each timeframe the new bars, and the moments at which they closed, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Times
from holdfast.model.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which bars of one frame closed. `symbols` (n,) indexes the book's symbols, ascending; `columns` (n,)
    are negative, counted from the right of a window taken before the next ingest: `window.close[symbols, columns]`."""

    close_ms: int
    symbols: NDArray[np.intp]
    columns: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Closed:
    """`counts[frame]` (S,): how many bars of each symbol are new; `rejected`: how many candles did not enter.

    `open_times[frame]` (S, n): the open times of the newest n bars, n the largest count, aligned at the right.
    """

    counts: Mapping[Timeframe, Times]
    open_times: Mapping[Timeframe, Times]
    rejected: int

    def most(self, frame: Timeframe) -> int:
        """How many new bars the busiest symbol has: `capacity + most` columns show each of them its past."""
        return int(self.open_times[frame].shape[1])

    def moments(self, frame: Timeframe) -> list[Moment]:
        """The close times of the new bars, ascending, each with its symbols and columns."""
        times = self.open_times[frame]
        width = times.shape[1]
        new = np.arange(width) >= width - self.counts[frame][:, None]
        # Transposed, so that equal times stand next to each other in order of their symbol after a stable sort.
        columns, symbols = new.T.nonzero()
        opened = times[symbols, columns]
        order = np.lexsort((symbols, opened))
        opened, symbols, columns = opened[order], symbols[order], columns[order] - width
        bounds = np.flatnonzero(np.diff(opened)) + 1
        return [
            Moment(int(group[0]) + frame.ms, of, at)
            for group, of, at in zip(
                np.split(opened, bounds), np.split(symbols, bounds), np.split(columns, bounds), strict=True
            )
            if len(group)
        ]
