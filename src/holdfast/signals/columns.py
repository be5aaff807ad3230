"""Column arithmetic over (symbols, bars) arrays, with a finite memory that is the same wherever an array begins.

Every function reads, for the bar at column t, a fixed number of bars up to t and nothing after it. Sums and averages
are trees of additions over exactly those bars (by doubling: a window of 2n is two windows of n), never running totals,
so the value at a bar is the same to the last bit whether it was computed in a window of 200 bars or in a million.
That is what makes the live vote equal to the batch vote (docs/decisions/0001-finite-memory-columns.md).

Only arithmetic lives here; what a number means for a price belongs to a head.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


def shift(x: Floats, bars: int) -> Floats:
    """`x` as it was `bars` bars ago; NaN where the array does not reach back."""
    if bars == 0:
        return x
    out = _beginning_empty(x, bars)
    out[:, bars:] = x[:, :-bars]
    return out


def _beginning_empty(x: Floats, bars: int) -> Floats:
    """An array like `x` with NaN in its first `bars` columns; the caller fills the others."""
    out = np.empty_like(x)
    out[:, :bars] = np.nan
    return out


def shift_mask(mask: Mask, bars: int) -> Mask:
    """`mask` as it was `bars` bars ago; False where the array does not reach back."""
    if bars == 0:
        return mask
    out = np.zeros_like(mask)
    out[:, bars:] = mask[:, :-bars]
    return out


def _paired(x: Floats, bars: int, combine: Callable[..., Floats]) -> Floats:
    out = _beginning_empty(x, bars)
    combine(x[:, bars:], x[:, :-bars], out=out[:, bars:])
    return out


def rolling_sum(x: Floats, bars: int) -> Floats:
    """Sum of the newest `bars` values; NaN where fewer exist."""
    total: Floats | None = None
    block, size, offset = x, 1, 0
    while True:
        if bars & size:
            part = shift(block, offset)
            total = part if total is None else total + part
            offset += size
        if size * 2 > bars:
            break
        block = _paired(block, size, np.add)
        size *= 2
    assert total is not None, "bars is positive"
    return total


def rolling_mean(x: Floats, bars: int) -> Floats:
    """Mean of the newest `bars` values."""
    return rolling_sum(x, bars) / bars


def rolling_std(x: Floats, bars: int) -> Floats:
    """Population standard deviation of the newest `bars` values: zero, not rounding noise, on a flat series."""
    mean = rolling_mean(x, bars)
    square = rolling_mean(x * x, bars)
    variance = square - mean * mean
    # The difference of two nearly equal squares carries rounding of about 1e-16 of the square: below that, it is flat.
    return np.sqrt(np.where(variance > 1e-14 * square, variance, 0.0 * variance))


def _rolling_extreme(x: Floats, bars: int, pick: Callable[..., Floats]) -> Floats:
    block, size = x, 1
    while size * 2 <= bars:
        block = _paired(block, size, pick)
        size *= 2
    return block if size == bars else _paired(block, bars - size, pick)


def rolling_max(x: Floats, bars: int) -> Floats:
    """Largest of the newest `bars` values."""
    return _rolling_extreme(x, bars, np.maximum)


def rolling_min(x: Floats, bars: int) -> Floats:
    """Smallest of the newest `bars` values."""
    return _rolling_extreme(x, bars, np.minimum)


def rolling_any(mask: Mask, bars: int) -> Mask:
    """True where `mask` held in any of the newest `bars` bars (bars beyond the array count as False)."""
    block, size = mask, 1
    while size * 2 <= bars:
        block = block | shift_mask(block, size)
        size *= 2
    return block if size == bars else block | shift_mask(block, bars - size)


def rolling_count(mask: Mask, bars: int) -> Floats:
    """How many of the newest `bars` bars have `mask` (bars beyond the array count as False)."""
    padded = np.concatenate([np.zeros((mask.shape[0], 1)), np.cumsum(mask, axis=1, dtype=np.float64)], axis=1)
    counts = padded[:, 1:].copy()
    counts[:, bars:] -= padded[:, 1:-bars]
    return counts


def ema_terms(alpha: float) -> int:
    """How many bars an exponential average reads: the power of two past which less than 1 % of the weight is left."""
    terms = 1
    while (1.0 - alpha) ** terms > 0.01:
        terms *= 2
    return terms


def ema(x: Floats, alpha: float) -> Floats:
    """Exponentially weighted mean of the newest `ema_terms(alpha)` values, weights (1 - alpha)^age normalised to one.

    The field's EMA of span n has alpha = 2 / (n + 1), Wilder's smoothing of period n has alpha = 1 / n; both reach
    back for ever, this one stops where 1 % of the weight is left.
    """
    terms = ema_terms(alpha)
    keep = 1.0 - alpha
    block, size = x, 1
    while size < terms:
        out = _beginning_empty(block, size)
        np.multiply(block[:, :-size], keep**size, out=out[:, size:])
        out[:, size:] += block[:, size:]
        block, size = out, size * 2
    return block * (alpha / (1.0 - keep**terms))


def span(bars: int) -> float:
    """The alpha of an EMA named by its span."""
    return 2.0 / (bars + 1.0)


def wilder(bars: int) -> float:
    """The alpha of Wilder's smoothing named by its period."""
    return 1.0 / bars


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Wilder's true range: the bar's range, widened to the previous close."""
    before = shift(close, 1)
    return np.maximum(high, before) - np.minimum(low, before)


ATR_BARS = 14
ATR_MEMORY = ema_terms(wilder(ATR_BARS)) + 1


def atr(high: Floats, low: Floats, close: Floats) -> Floats:
    """Average true range over 14 bars, Wilder's smoothing; reads `ATR_MEMORY` bars. Source: Wilder 1978."""
    return ema(true_range(high, low, close), wilder(ATR_BARS))


def rsi(close: Floats, bars: int) -> Floats:
    """Relative strength index, 0 to 100; 50 on a flat series. Source: Wilder, New Concepts, 1978."""
    change = close - shift(close, 1)
    gain = ema(np.maximum(change, 0.0), wilder(bars))
    loss = ema(np.maximum(-change, 0.0), wilder(bars))
    moved = gain + loss
    return np.where(moved > 0, 100.0 * gain / np.where(moved > 0, moved, 1.0), 50.0 + 0.0 * moved)


def ratio(part: Floats, whole: Floats, *, otherwise: float) -> Floats:
    """part / whole, and `otherwise` where whole is zero; NaN stays NaN."""
    nonzero = whole != 0
    return np.where(nonzero, part / np.where(nonzero, whole, 1.0), otherwise)


def squash(x: Floats) -> Floats:
    """Maps any number to (-1, 1): x / (1 + |x|). Plain division, so the same bits on every machine."""
    return x / (1.0 + np.abs(x))


def bars_since(mask: Mask, limit: int) -> Floats:
    """How many bars ago `mask` last held (0 = this bar); NaN if not within the newest `limit` bars."""
    columns = np.arange(mask.shape[1], dtype=np.float64)
    last = np.maximum.accumulate(np.where(mask, columns, -np.inf), axis=1)
    age = columns - last
    return np.where(age < limit, age, np.nan)


def latest(values: Floats, mask: Mask, limit: int) -> Floats:
    """The value at the newest bar where `mask` held, looking back over `limit` bars; NaN if there is none."""
    age = bars_since(mask, limit)
    found = ~np.isnan(age)
    columns = np.arange(mask.shape[1])
    where = columns - np.where(found, age, 0.0).astype(np.int64)
    return np.where(found, np.take_along_axis(values, where, axis=1), np.nan)


def standard_score(x: Floats, bars: int) -> Floats:
    """How many standard deviations of its newest `bars` values `x` stands above their mean; 0 on a flat series."""
    mean = rolling_mean(x, bars)
    square = rolling_mean(x * x, bars)
    variance = square - mean * mean
    spread = np.sqrt(np.where(variance > 1e-14 * square, variance, 0.0 * variance))
    return ratio(x - mean, spread, otherwise=0.0)
