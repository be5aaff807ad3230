"""Which candles are impossible. Only single rows are judged here; order and duplicates need the book."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Times
from holdfast.model.timeframe import Timeframe

# Why a candle did not enter; `redenominated` alone counts bars that did, at the head of a restarted series.
DEFECTS = (
    "not_finite",
    "not_positive",
    "high_below_low",
    "negative_volume",
    "off_grid",
    "future",
    "duplicate",
    "conflict",
    "late",
    "redenominated",
)
(
    NOT_FINITE,
    NOT_POSITIVE,
    HIGH_BELOW_LOW,
    NEGATIVE_VOLUME,
    OFF_GRID,
    FUTURE,
    DUPLICATE,
    CONFLICT,
    LATE,
    REDENOMINATED,
) = range(len(DEFECTS))
SOUND = -1


def find_row_defects(open_time_ms: Times, values: Floats, *, frame: Timeframe, now_ms: int) -> NDArray[np.int8] | None:
    """The first defect of each row of `values` (N, 5), SOUND where there is none; None when every row is sound.

    A volume may be absent (NaN), but not infinite or negative.
    """
    low, high, volume = values[:, LOW], values[:, HIGH], values[:, VOLUME]
    # Every comparison with a NaN is false, so that this one pass passes only sound prices.
    sound = (low > 0) & (high < np.inf) & ~(volume < 0) & (volume != np.inf)
    for price in (values[:, OPEN], values[:, CLOSE]):
        sound &= (low <= price) & (price <= high)
    timely = (open_time_ms % frame.ms == 0) & (open_time_ms > 0) & (open_time_ms <= now_ms - frame.ms)
    if (sound & timely).all():
        return None
    prices = values[:, :VOLUME]
    codes = np.full(len(values), SOUND, dtype=np.int8)
    # Written from the weakest to the strongest reason, so that the first of the list above stays.
    codes[open_time_ms > now_ms - frame.ms] = FUTURE
    codes[(open_time_ms % frame.ms != 0) | (open_time_ms <= 0)] = OFF_GRID
    codes[volume < 0] = NEGATIVE_VOLUME
    codes[(prices > high[:, None]).any(axis=1) | (prices < low[:, None]).any(axis=1)] = HIGH_BELOW_LOW
    codes[(prices <= 0).any(axis=1)] = NOT_POSITIVE
    codes[~np.isfinite(prices).all(axis=1) | np.isinf(volume)] = NOT_FINITE
    return codes
