"""The rules head: candle and chart patterns at support or resistance, confirmed by volume.

Candle patterns are TA-Lib's, 50 of its 61 (`candle_patterns` says which and why). One counts only where it stands on a
level: the pattern's low (high, for a bearish one) within half an ATR of one of the four newest swing pivots or of the
end of the 50-bar range.

Chart patterns are read from alternating confirmed pivots (side 4) and vote when a close crosses their line: head and
shoulders and double top or bottom (neckline), triangles and wedges, rectangles and channels (trend lines), and flags
(the pole's end). Tolerances are in ATR. Source of the shapes: Edwards and Magee, Technical Analysis of Stock Trends,
1948; Bulkowski, Encyclopedia of Chart Patterns, 2005. Volume of at least 1.5 times the mean of the 20 bars before
confirms fully, 1.2 times partly, less (or unknown) leaves a pattern too weak to pass the gates by itself.

A candle pattern lasts 5 bars and a chart pattern 8, fading linearly, and ends early when a close undoes it: beyond the
pattern's own extreme, or half an ATR back through the line that was broken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.candle_patterns import FAMILIES, LOOKBACK, Found, find_patterns
from holdfast.signals.columns import Ints
from holdfast.signals.head import Ballot, Head, Votes
from holdfast.signals.pivots import Held, Swings, alternating, hold

FAMILY_REASONS = {
    "engulfing": "an engulfing or three-outside candle pattern at a level",
    "harami": "a harami or three-inside candle pattern at a level",
    "star": "a morning, evening or other star candle pattern at a level",
    "pin_bar": "a hammer, shooting star or other pin bar at a level",
    "piercing": "a piercing, dark-cloud or counterattack candle pattern at a level",
    "soldiers_crows": "three soldiers, crows or a stalled advance at a level",
    "three_methods": "a continuation candle pattern (three methods, tasuki, separating lines) at a level",
    "marubozu": "a marubozu or kicking candle pattern at a level",
    "hikkake": "a confirmed hikkake at a level",
    "low_high": "a matching-low, sandwich, breakaway or other bottom pattern at a level",
    "neck": "an in-neck, on-neck or thrusting candle pattern at a level",
}
CHART_REASONS = {
    "head_and_shoulders": "the close crossed the neckline of a head and shoulders",
    "double": "the close crossed the neckline of a double top or bottom",
    "flag": "the close passed the end of the pole after a flag",
    "triangle": "the close left a triangle or wedge of confirmed pivots",
    "channel": "the close left a rectangle or channel of confirmed pivots",
}
REASONS = {
    **FAMILY_REASONS,
    **CHART_REASONS,
    "volume_confirmed": "volume of at least 1.5 times its 20-bar mean",
    "volume_partly": "volume of 1.2 to 1.5 times its 20-bar mean",
    "volume_weak": "volume below 1.2 times its 20-bar mean, or unknown",
}
BITS = {code: np.uint64(1 << i) for i, code in enumerate(REASONS)}
CHARTS = tuple(CHART_REASONS)
CHART_WEIGHTS = np.array([0.90, 0.85, 0.75, 0.75, 0.65, 0.0])  # in the order of CHARTS, then none
CHART_BITS = np.array([*(BITS[code] for code in CHARTS), 0], dtype=np.uint64)
SIDE, SWING_BARS, RANGE_BARS = 4, 120, 50
LEVEL_BARS = 32  # how long the newest pivot's pattern and level stay in force
CANDLE_BARS, CHART_BARS = 5, 8
AT_LEVEL = 0.5  # ATR
UNCONFIRMED, PARTLY, CONFIRMED = 0.65, 0.85, 1.0
MEMORY = SWING_BARS + LEVEL_BARS + CHART_BARS
Bits = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Events:
    """Patterns of one direction: flat positions, strength 0 to 1, reason bits, and the price that undoes each."""

    at: Ints
    strength: Floats
    reasons: Bits
    undone: Floats


@dataclass(frozen=True, slots=True)
class Series:
    """One window seen from one side: as it is for the bulls, all prices negated for the bears."""

    high: Floats
    low: Floats
    close: Floats
    atr: Floats
    volume: Floats
    swings: Swings
    held: Held

    def negated(self) -> Series:
        """The same bars upside down."""
        s = self.swings
        return Series(
            -self.low,
            -self.high,
            -self.close,
            self.atr,
            self.volume,
            Swings(s.at, -s.kind, -s.price, s.column),
            self.held,
        )


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions={})
    high, low, close = window.high, window.low, window.close
    swings = alternating(high, low, side=SIDE, count=5, limit=SWING_BARS)
    usual = c.shift(c.rolling_mean(window.volume, 20), 1)
    volume = c.ratio(window.volume, usual, otherwise=0.0)
    atr = c.atr(high, low, close)
    held = hold(swings.at, window.shape, LEVEL_BARS)
    bulls = Series(high, low, close, atr, volume, swings, held)

    rising, falling = _candle_patterns(window)
    bull_candle, bull_chart, bull_why = _strengths(bulls, rising)
    bear_candle, bear_chart, bear_why = _strengths(bulls.negated(), falling)
    bull = 1.0 - (1.0 - bull_candle) * (1.0 - bull_chart)
    bear = 1.0 - (1.0 - bear_candle) * (1.0 - bear_chart)
    score = bull - bear
    strength = np.abs(score)
    votes = ballot.cast(
        np.where(strength >= 0.1, score, 0.0),
        0.5 + 0.35 * strength,
        0.5 + 0.4 * strength - 0.2 * np.minimum(bull, bear),
        measures={
            "score": score,
            "candles": bull_candle - bear_candle,
            "charts": bull_chart - bear_chart,
            "relative_volume": volume,
        },
    )
    return replace(votes, reasons=np.where(score > 0, bull_why, bear_why))


def _candle_patterns(window: Window) -> tuple[Found, Found]:
    """The candle patterns of the bars that a vote may still read; the earlier ones have faded before the first vote."""
    bars = window.shape[1]
    skip = min(MEMORY - CANDLE_BARS - LOOKBACK + 1, bars - 1)
    shown = bars - skip
    rising, falling = find_patterns(window.tail(shown))
    return tuple(  # type: ignore[return-value]
        replace(found, at=found.at // shown * bars + found.at % shown + skip) for found in (rising, falling)
    )


def _strengths(series: Series, candles: Found) -> tuple[Floats, Floats, Bits]:
    """What the patterns of one direction are worth at each bar: candles, charts (0 to 1), and the reasons."""
    why = np.zeros(series.close.shape, dtype=np.uint64)
    candle = _linger(series.close, _at_level(series, candles), CANDLE_BARS, why)
    chart = _linger(series.close, _breaks(series, _upper_lines(series)), CHART_BARS, why)
    return candle, chart, why


def _confirmed(series: Series, at: Ints) -> tuple[Floats, Bits]:
    """How far volume confirms the bars at `at`, and the reason bit that says so."""
    volume = series.volume.ravel()[at]
    full, partly = volume >= 1.5, volume >= 1.2
    factor = np.where(full, CONFIRMED, np.where(partly, PARTLY, UNCONFIRMED))
    weak = np.where(partly, BITS["volume_partly"], BITS["volume_weak"])
    return factor, np.where(full, BITS["volume_confirmed"], weak)


def _at_level(series: Series, found: Found) -> Events:
    """The candle patterns whose low stands on a swing pivot or on the floor of the 50-bar range."""
    low, atr = series.low.ravel(), series.atr.ravel()
    at = found.at
    bottom = np.minimum(np.minimum(low[at], low[at - 1]), low[at - 2])
    reach = AT_LEVEL * atr[at]
    swing = np.full(low.size, -1)
    swing[series.held.bar] = series.held.event
    levels = np.pad(series.swings.price[:4], ((0, 0), (0, 1)), constant_values=np.nan)[:, swing[at]]
    near = (np.abs(levels - bottom) <= reach).any(axis=0)
    near |= bottom <= c.rolling_min(series.low, RANGE_BARS).ravel()[at] + reach
    near &= reach > 0
    at = at[near]
    factor, bit = _confirmed(series, at)
    return Events(at, found.weight[near] * factor, found.families[near] | bit, bottom[near])


@dataclass(frozen=True, slots=True)
class Lines:
    """For each swing sequence the line whose upward crossing counts: its price where the newest pivot became known
    (NaN: none), its rise per bar, how much the pattern counts, and its reason bit."""

    price: Floats
    slope: Floats
    weight: Floats
    bit: Bits


def _upper_lines(series: Series) -> Lines:
    """The chart pattern of each swing sequence, by the first that fits: head and shoulders, double bottom, flag,
    triangle, channel."""
    swings = series.swings
    p, column = swings.price, swings.column
    atr = series.atr.ravel()[swings.at]
    low_is_newest = swings.kind < 0
    height = p[1] - p[2]
    back = p[1] - p[0]
    shoulders = low_is_newest & (p[2] < np.minimum(p[0], p[4]) - 0.5 * atr) & (np.abs(p[0] - p[4]) <= 1.5 * atr)
    shoulders &= (np.abs(p[1] - p[3]) <= 1.5 * atr) & (height >= 2.0 * atr)
    double = low_is_newest & (np.abs(p[0] - p[2]) <= 0.75 * atr) & (p[1] - np.maximum(p[0], p[2]) >= 2.0 * atr)
    double &= p[3] > p[1]
    flag = low_is_newest & (height >= 5.0 * atr) & (column[1] - column[2] <= 20)
    flag &= (back >= 0.15 * height) & (back <= 0.5 * height)

    # The newest two highs and lows, whichever of them came last.
    high = np.where(low_is_newest, p[1:4:2], p[0:3:2])
    low = np.where(low_is_newest, p[0:3:2], p[1:4:2])
    high_column = np.where(low_is_newest, column[1:4:2], column[0:3:2])
    low_column = np.where(low_is_newest, column[0:3:2], column[1:4:2])
    known = swings.at % series.close.shape[1]
    top = (high[0] - high[1]) / (high_column[0] - high_column[1])
    floor = (low[0] - low[1]) / (low_column[0] - low_column[1])
    upper = high[0] + top * (known - high_column[0])
    lower = low[0] + floor * (known - low_column[0])
    width = upper - lower
    narrowing = (floor - top) * (known - np.minimum(high_column[1], low_column[1]))
    wide = width >= atr
    triangle = wide & (narrowing >= 0.5 * width) & (high[0] - high[1] <= 0.5 * atr)
    channel = wide & (width >= 2.0 * atr) & (np.abs(narrowing) <= 0.4 * width)

    neck = np.maximum(p[1], p[3])
    shape = np.full(len(atr), len(CHARTS))
    for i, fits in reversed(tuple(enumerate((shoulders, double, flag, triangle, channel)))):
        shape[fits] = i
    sloped = shape >= CHARTS.index("triangle")
    price = np.where(sloped, upper, np.where(shape == CHARTS.index("head_and_shoulders"), neck, p[1]))
    price[shape == len(CHARTS)] = np.nan
    return Lines(price, np.where(sloped, top, 0.0), CHART_WEIGHTS[shape], CHART_BITS[shape])


def _breaks(series: Series, lines: Lines) -> Events:
    """The bars whose close is the first above a line."""
    close, held = series.close.ravel(), series.held
    slope = lines.slope[held.event]
    level = lines.price[held.event] + slope * held.age
    crossed = np.flatnonzero((close[held.bar] > level) & (close[held.bar - 1] <= level - slope))
    at, event = held.bar[crossed], held.event[crossed]
    factor, bit = _confirmed(series, at)
    undone = level[crossed] - 0.5 * series.atr.ravel()[at]
    return Events(at, lines.weight[event] * factor, lines.bit[event] | bit, undone)


def _linger(close: Floats, events: Events, bars: int, why: Bits) -> Floats:
    """(symbols, bars): the strongest event of the newest `bars` bars, each fading linearly until it is undone.

    The reasons of all that still count are added to `why`.
    """
    length = close.shape[1]
    closes, reasons = close.ravel(), why.reshape(-1)
    strongest = np.zeros(close.size)
    room = length - events.at % length
    alive = np.arange(len(events.at))
    for age in range(bars):
        alive = alive[room[alive] > age]
        alive = alive[closes[events.at[alive] + age] >= events.undone[alive]]
        at = events.at[alive] + age
        strongest[at] = np.maximum(strongest[at], events.strength[alive] * (1.0 - age / bars))
        reasons[at] |= events.reasons[alive]
    return strongest.reshape(close.shape)


HEAD = Head(
    name="rules",
    version=1,
    summary="Candle and chart patterns at support and resistance, confirmed by volume.",
    memory=MEMORY,
    reasons=REASONS,
    vote=_vote,
)
assert tuple(FAMILY_REASONS) == FAMILIES, "a family's reason bit is its place in FAMILIES"
