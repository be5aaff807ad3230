"""How a longer bar is made of shorter ones: first open, highest high, lowest low, last close, summed volume.

A bar is made once, when its period is over, from the bars held; never from a running total. So it is the same number,
to the last bit, whether the shorter bars came one by one or a day at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.market.columns import Columns
from holdfast.market.trust import Continuity
from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Times


class Derivation:
    """Makes the bars of `longer` out of those of `shorter`, period by period.

    A period with shorter bars missing in open hours makes no bar and is counted in `incomplete`, except in a sparse
    series, where silence is no loss. A volume is absent if any of its parts is.
    """

    def __init__(self, shorter: Columns, longer: Columns, continuity: Continuity) -> None:
        self.shorter = shorter
        self.longer = longer
        self.incomplete: Times = np.zeros(len(continuity.sparse), dtype=np.int64)
        self._parts = longer.frame.ms // shorter.frame.ms
        self._resolved: Times = np.zeros(len(continuity.sparse), dtype=np.int64)
        self._resolved_by_all = 0
        self._continuity = continuity

    def grow(self, continuity: Continuity) -> None:
        """Adds the symbols that `continuity` has more; their columns have grown already."""
        more = np.zeros(len(continuity.sparse) - len(self.incomplete), dtype=np.int64)
        self.incomplete = np.concatenate((self.incomplete, more))
        self._resolved = np.concatenate((self._resolved, more))
        self._resolved_by_all = 0
        self._continuity = continuity

    def close_periods(self, horizon_ms: Times, newest_horizon_ms: int, added: int) -> int:
        """Makes every bar whose period ends by its symbol's horizon, `added` shorter bars (at most) being new.

        Returns how many bars the busiest row received.
        """
        length = self.longer.frame.ms
        if newest_horizon_ms // length * length <= self._resolved_by_all:
            return 0
        target = np.maximum(horizon_ms // length * length, self._resolved)
        # Unused bars of before lie in one unfinished period, so that this tail holds all that may be used now.
        width = min(added + self._parts, self.shorter.keep + self.shorter.room)
        times = self.shorter.tail(self.shorter.open_time_ms, width, empty=0)
        due = (times >= np.maximum(self._resolved, 1)[:, None]) & (times < target[:, None])
        self._resolved = target
        self._resolved_by_all = int(target.min())
        if not due.any():
            return 0
        symbol = due.nonzero()[0]
        values = self.shorter.tail(self.shorter.values, width, empty=np.nan)[:, due]
        return self._make(symbol, times[due] // length * length, values)

    def _make(self, symbol: NDArray[np.intp], period_ms: Times, values: Floats) -> int:
        changes = (symbol[1:] != symbol[:-1]) | (period_ms[1:] != period_ms[:-1])
        starts = np.flatnonzero(np.concatenate(([True], changes)))
        counts = np.diff(starts, append=len(symbol))
        symbol, period_ms = symbol[starts], period_ms[starts]
        made = np.stack(
            (
                values[OPEN, starts],
                np.maximum.reduceat(values[HIGH], starts),
                np.minimum.reduceat(values[LOW], starts),
                values[CLOSE, starts + counts - 1],
                _nearest_decimal(np.add.reduceat(values[VOLUME], starts)),
            )
        )
        whole = (counts == self._parts) | self._continuity.sparse[symbol]
        if not whole.all():
            short = np.flatnonzero(~whole)
            opened = self._continuity.open_ms(symbol[short], period_ms[short], period_ms[short] + self.longer.frame.ms)
            whole[short] = counts[short] * self.shorter.frame.ms >= opened
            np.add.at(self.incomplete, symbol[~whole], 1)
            symbol, period_ms, made = symbol[whole], period_ms[whole], made[:, whole]
        return self.longer.append(symbol, period_ms, made)


# A sum below each bound is held to so many decimals: 15 significant digits, which a double carries without loss.
_DECIMALS = ((1e6, 8), (1e8, 6), (1e10, 4), (1e12, 2))


def _nearest_decimal(volume: Floats) -> Floats:
    """A sum of decimals is a decimal; what the addition of doubles left beside it is taken away."""
    decimals = np.select([volume < bound for bound, _ in _DECIMALS], [10.0**d for _, d in _DECIMALS], 1.0)
    nearest: Floats = np.rint(volume * decimals) / decimals
    return nearest
