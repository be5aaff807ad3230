"""Which candles enter the book: sound rows, newer than what their series holds, and where a series begins anew.

Judges and counts; it stores no candle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.market.columns import Columns, Indices
from holdfast.market.validation import (
    CONFLICT,
    DEFECTS,
    DUPLICATE,
    LATE,
    REDENOMINATED,
    SOUND,
    find_row_defects,
)
from holdfast.model.candle import CLOSE, OPEN, Floats, Times

# A bar that opens five times higher or lower than the last close is another unit of account, not a return.
REDENOMINATION_FACTOR = 5.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Candles sorted by symbol, then time: `symbol` (N,), `open_time_ms` (N,), `values` (5, N)."""

    symbol: Indices
    open_time_ms: Times
    values: Floats

    def __len__(self) -> int:
        return len(self.symbol)

    def where(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(self.symbol[chosen], self.open_time_ms[chosen], self.values[:, chosen])


class Admission:
    """Counts per symbol and defect in `counts` (S, defects), in the order of `DEFECTS`."""

    def __init__(self, store: Columns) -> None:
        self.counts: Times = np.zeros((len(store.end), len(DEFECTS)), dtype=np.int64)
        self._store = store

    def grow(self) -> None:
        """Counts for the symbols that the store has more, too."""
        more = len(self._store.end) - len(self.counts)
        self.counts = np.concatenate((self.counts, np.zeros((more, len(DEFECTS)), dtype=np.int64)))

    def admit(self, symbol: Indices, open_time_ms: Times, values: Floats, *, now_ms: int) -> tuple[Rows, Rows | None]:
        """Splits candles (`values` (N, 5)) into those that enter and those that come again or too late.

        Impossible candles are counted and dropped. The second part is judged by `count_repeats` once the first is in.
        """
        codes = find_row_defects(open_time_ms, values, frame=self._store.frame, now_ms=now_ms)
        if codes is not None:
            bad = codes != SOUND
            np.add.at(self.counts, (symbol[bad], codes[bad]), 1)
        return self._sift(symbol, open_time_ms, values, codes)

    def restarts(self, symbol: Indices, open_time_ms: Times, values: Floats, *, now_ms: int) -> Rows:
        """The candles with which a series would begin anew if these were admitted now; nothing is counted."""
        codes = find_row_defects(open_time_ms, values, frame=self._store.frame, now_ms=now_ms)
        fresh, _ = self._sift(symbol, open_time_ms, values, codes)
        return fresh.where(self._begins_anew(fresh))

    def _sift(
        self, symbol: Indices, open_time_ms: Times, values: Floats, codes: NDArray[np.int8] | None
    ) -> tuple[Rows, Rows | None]:
        if codes is not None:
            sound = codes == SOUND
            symbol, open_time_ms, values = symbol[sound], open_time_ms[sound], values[sound]
        if len(symbol) > 1 and not (symbol[1:] > symbol[:-1]).all():
            # Small integers are sorted by counting, and the order of arrival stays within a symbol.
            narrow = symbol.astype(np.int16) if len(self._store.end) < 2**15 else symbol
            order = np.argsort(narrow, kind="stable")
            symbol, open_time_ms, values = symbol[order], open_time_ms[order], values[order]
        rows = Rows(symbol, open_time_ms, np.ascontiguousarray(values.T))
        fresh = open_time_ms > self._newest_before(rows)
        if fresh.all():
            return rows, None
        return rows.where(fresh), rows.where(~fresh)

    def count_repeats(self, repeats: Rows) -> None:
        """Duplicate: held with the same values. Conflict: held with others, the first stays. Late: not held."""
        for index, symbol in enumerate(repeats.symbol):
            end = self._store.end[symbol]
            times = self._store.open_time_ms[symbol, :end]
            at = int(np.searchsorted(times, repeats.open_time_ms[index]))
            if at == end or times[at] != repeats.open_time_ms[index]:
                code = LATE
            elif np.array_equal(self._store.values[:, symbol, at], repeats.values[:, index], equal_nan=True):
                code = DUPLICATE
            else:
                code = CONFLICT
            self.counts[symbol, code] += 1

    def split_at_restarts(self, rows: Rows, until_ms: int) -> Iterator[tuple[Rows, Indices, int]]:
        """Parts of `rows` in time, each with the symbols that begin anew in its first moment, and where it ends.

        Nearly always one part. A redenominated bar is counted; everything before it leaves the window.
        """
        anew = self._begins_anew(rows)
        if not anew.any():
            yield rows, np.empty(0, dtype=np.intp), until_ms
            return
        np.add.at(self.counts[:, REDENOMINATED], rows.symbol[anew], 1)
        moments = np.unique(rows.open_time_ms[anew])
        yield rows.where(rows.open_time_ms < moments[0]), np.empty(0, dtype=np.intp), int(moments[0])
        for start, end in zip(moments, [*moments[1:], None], strict=True):
            part = rows.open_time_ms >= start
            if end is not None:
                part &= rows.open_time_ms < end
            restarted = rows.symbol[anew & (rows.open_time_ms == start)]
            yield rows.where(part), restarted, until_ms if end is None else int(end)

    def _begins_anew(self, rows: Rows) -> NDArray[np.bool_]:
        before = np.empty(len(rows))
        before[1:] = rows.values[CLOSE, :-1]
        first = np.concatenate(([True], rows.symbol[1:] != rows.symbol[:-1]))[: len(rows)]
        before[first] = self._store.newest_close[rows.symbol[first]]
        opened = rows.values[OPEN]
        anew: NDArray[np.bool_] = opened >= before * REDENOMINATION_FACTOR
        anew |= opened * REDENOMINATION_FACTOR <= before
        return anew

    def _newest_before(self, rows: Rows) -> Times:
        """For each row the newest open time of its symbol, held or earlier among these rows."""
        held = self._store.newest_ms[rows.symbol]
        if len(rows) < 2:
            return held
        # Symbols rise along the rows, so that one running maximum over symbol and time serves them all.
        stride = int(rows.open_time_ms.max()) + 1
        keys = rows.symbol * stride + rows.open_time_ms
        same = rows.symbol[1:] == rows.symbol[:-1]
        earlier = np.maximum.accumulate(keys)[:-1] - rows.symbol[1:] * stride
        held[1:] = np.where(same, np.maximum(held[1:], earlier), held[1:])
        return held
