"""The structure head: higher highs and higher lows, or lower ones, on several scales at once.

A head sees one timeframe, and 200 of its bars hold too few bars of a higher one. So the frames are scales of swing
pivots instead: confirmed alternating pivots of side 2, 4, 8 and 16 (each scale about twice as slow as the one before).
On each scale the newest two highs and two lows say rising, falling or mixed; a close beyond the newest high or low in
the trend's direction is a break of structure, against it a change of character, which counts half until new pivots
confirm it. Scales of at least 75 % (three of four) on one side, none opposed, are aligned: then confidence is high.

Where the close lies in its 50-bar range leans the score: in the lower 45 % (discount) towards LONG, in the upper 45 %
(premium) towards SHORT. So does an order block: the last candle against a displacement that broke
structure, revisited within 40 bars before any close beyond it. Terms: Dow's theory (Hamilton 1922); break of structure,
change of character, premium, discount and order block are the words of the ICT school of the 2010s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.columns import Mask
from holdfast.signals.head import Ballot, Head, Votes
from holdfast.signals.pivots import alternating, hold

REASONS = {
    "scales_rising": "at least three of four scales rise, none falls",
    "scales_falling": "at least three of four scales fall, none rises",
    "mostly_rising": "the weighted scales rise",
    "mostly_falling": "the weighted scales fall",
    "break_of_structure_up": "the close is above the newest swing high of a rising structure",
    "break_of_structure_down": "the close is below the newest swing low of a falling structure",
    "change_of_character_up": "the close is above the newest swing high of a falling structure",
    "change_of_character_down": "the close is below the newest swing low of a rising structure",
    "discount": "the close is in the lower part of its 50-bar range",
    "premium": "the close is in the upper part of its 50-bar range",
    "bullish_order_block": "price came back to the last down candle before a break upward, and held",
    "bearish_order_block": "price came back to the last up candle before a break downward, and held",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Pivots of one `side`, told from `swing_bars` bars, in force for `valid_bars`, counting `weight` of the score.

    `read_back`: how many bars before the one it votes on a vote still asks for this scale's structure.
    """

    side: int
    swing_bars: int
    valid_bars: int
    weight: float
    read_back: int = 0


ALIGNED = 0.75
RANGE_BARS, MIDDLE = 50, 0.05
LOCATION_LEAN, BLOCK_LEAN = 0.08, 0.15
NOTABLE = 0.1
BLOCK_BARS, BLOCK_SEARCH, DISPLACEMENT_BARS, DISPLACEMENT_ATR = 40, 6, 3, 2.0
TOUCH_BARS = 3
BLOCK_READ_BACK = BLOCK_BARS + TOUCH_BARS + 1
SCALES = (
    Scale(2, 50, 20, 0.20),
    Scale(4, 90, 30, 0.25, BLOCK_READ_BACK),
    Scale(8, 130, 40, 0.30),
    Scale(16, 150, 50, 0.25),
)
BLOCK_SCALE = SCALES[1]
MEMORY = max(scale.swing_bars + scale.valid_bars + scale.read_back for scale in SCALES)


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions={})
    high, low, close = window.high, window.low, window.close
    mean, rising, falling = np.zeros(window.shape), np.zeros(window.shape), np.zeros(window.shape)
    bull_block = bear_block = np.zeros(window.shape, dtype=np.bool_)
    signs = {code: np.zeros(window.shape, dtype=np.bool_) for code in BREAKS}
    for scale in SCALES:
        trend, top, floor = _structure(window, scale)
        above, below = close > top, close < floor
        up, down = trend > 0, trend < 0
        for code, where in zip(BREAKS, (above & up, below & down, above & down, below & up), strict=True):
            signs[code] |= where
        # A break decides: with the trend it confirms it, against it or without one it counts half the other way.
        bias = np.where(above, 0.5 + 0.5 * up, np.where(below, -0.5 - 0.5 * down, trend))
        mean += scale.weight * bias
        rising += bias > 0
        falling += bias < 0
        if scale is BLOCK_SCALE:
            atr = c.atr(high, low, close)
            bull_block = _order_block(window.open, low, high, close, atr=atr, broken=above)
            bear_block = _order_block(-window.open, -high, -low, -close, atr=atr, broken=below)
    bottom, width = _range(high, low)
    place = c.ratio(close - bottom, width, otherwise=0.5)
    discount, premium = place < 0.5 - MIDDLE, place > 0.5 + MIDDLE
    location = discount.astype(np.float64) - premium
    blocks = bull_block.astype(np.float64) - bear_block
    score = mean + LOCATION_LEAN * location + BLOCK_LEAN * blocks
    needed = ALIGNED * len(SCALES)
    aligned_up = (rising >= needed) & (falling == 0) & (score > 0)
    aligned_down = (falling >= needed) & (rising == 0) & (score < 0)

    ballot.reason("scales_rising", aligned_up)
    ballot.reason("scales_falling", aligned_down)
    ballot.reason("mostly_rising", mean > NOTABLE)
    ballot.reason("mostly_falling", mean < -NOTABLE)
    for code, where in signs.items():
        ballot.reason(code, where)
    ballot.reason("discount", discount)
    ballot.reason("premium", premium)
    ballot.reason("bullish_order_block", bull_block)
    ballot.reason("bearish_order_block", bear_block)
    strength = np.minimum(np.abs(score), 1.0)
    return ballot.cast(
        np.where(strength >= 0.2, score, 0.0),
        0.5 + 0.3 * strength,
        np.where(aligned_up | aligned_down, 0.50, 0.35) + 0.3 * strength,
        measures={
            "score": score,
            "scales_rising": rising,
            "scales_falling": falling,
            "range_position": place,
            "order_block": blocks,
        },
    )


BREAKS = (
    "break_of_structure_up",
    "break_of_structure_down",
    "change_of_character_up",
    "change_of_character_down",
)


def _structure(window: Window, scale: Scale) -> tuple[Floats, Floats, Floats]:
    """As known at each bar: +1 rising, -1 falling, 0 mixed or unknown; and the newest swing high and low (or NaN).

    Bars that no vote reads on this scale are skipped.
    """
    skip = min(MEMORY - scale.swing_bars - scale.valid_bars - scale.read_back, window.shape[1] - 1)
    shown = window.tail(window.shape[1] - skip)
    swings = alternating(shown.high, shown.low, side=scale.side, count=4, limit=scale.swing_bars)
    p = swings.price
    first = swings.kind * (p[0] - p[2])  # of the newest pivot's own kind: > 0 further out than the one before
    other = swings.kind * (p[1] - p[3])
    trend = swings.kind * (((first > 0) & (other > 0)).astype(np.float64) - ((first < 0) & (other < 0)))
    is_high = swings.kind > 0
    held = hold(swings.at, shown.shape, scale.valid_bars)
    top, floor = np.where(is_high, p[0], p[1]), np.where(is_high, p[1], p[0])
    return (
        _widen(held.scatter(trend[held.event], 0.0), skip, 0.0),
        _widen(held.scatter(top[held.event], np.nan), skip, np.nan),
        _widen(held.scatter(floor[held.event], np.nan), skip, np.nan),
    )


def _widen(x: Floats, columns: int, value: float) -> Floats:
    """`x` with so many columns of `value` before it."""
    if columns == 0:
        return x
    out = np.full((x.shape[0], x.shape[1] + columns), value)
    out[:, columns:] = x
    return out


def _range(high: Floats, low: Floats) -> tuple[Floats, Floats]:
    """The bottom and the width of the 50-bar range."""
    bottom = c.rolling_min(low, RANGE_BARS)
    return bottom, c.rolling_max(high, RANGE_BARS) - bottom


def _order_block(opened: Floats, low: Floats, high: Floats, close: Floats, *, atr: Floats, broken: Mask) -> Mask:
    """Where price came back, within 3 bars, to a bullish order block that no close has gone below.

    The block is the newest down candle of the 6 bars before a close that broke structure after a rise of at least two
    ATR in 3 bars. Prices negated give the bearish blocks.
    """
    bars = close.shape[1]
    risen = close - c.shift(close, DISPLACEMENT_BARS) >= DISPLACEMENT_ATR * atr
    at = np.flatnonzero(broken & ~c.shift_mask(broken, 1) & risen & (atr > 0))
    at = at[at % bars >= BLOCK_SEARCH]
    against = (close < opened).ravel()
    candle = np.full(len(at), -1)
    for age in range(BLOCK_SEARCH, 0, -1):
        candle = np.where(against[at - age], at - age, candle)
    at, candle = at[candle >= 0], candle[candle >= 0]
    held = hold(at, (close.shape[0], bars), BLOCK_BARS)
    bottom, top = low.ravel()[candle][held.event], high.ravel()[candle][held.event]
    intact = held.age < held.first(close.ravel()[held.bar] < bottom)[held.event]
    touched = np.zeros(close.size, dtype=np.bool_)
    touched[held.bar] = intact & (held.age > 0) & (low.ravel()[held.bar] <= top)
    return c.rolling_any(touched.reshape(close.shape), TOUCH_BARS)


HEAD = Head(
    name="structure",
    version=1,
    summary="Market structure on four scales: trend of swings, breaks, position in the range and order blocks.",
    memory=MEMORY,
    reasons=REASONS,
    vote=_vote,
)
