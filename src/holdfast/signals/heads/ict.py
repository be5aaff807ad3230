"""The ict head: liquidity sweeps, fair value gaps, order blocks, the optimal trade entry, Judas swings, New York hours.

Every part is written for the long side and called a second time with the prices upside down. Levels are confirmed
pivots, so nothing moves afterwards. Terms and hours: M. J. Huddleston, The Inner Circle Trader, public lectures, 2016
and 2022. The sessions need bars shorter than four hours; for longer ones the vote says that they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats, Times
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes
from holdfast.signals.pivots import Held, Values, alternating, fading, hold, known_highs

REASONS = {
    "sweep_of_lows": "price fell below a swing low, closed back above it and moved away",
    "sweep_of_highs": "price rose above a swing high, closed back below it and moved away",
    "bullish_gap": "price came back into a gap that a rise left open, and closed above its lower edge",
    "bearish_gap": "price came back into a gap that a fall left open, and closed below its upper edge",
    "bullish_block": "price came back to the last falling candle before a rise that broke a swing high",
    "bearish_block": "price came back to the last rising candle before a fall that broke a swing low",
    "long_entry_zone": "price has given back 62 to 79 % of the last confirmed rise",
    "short_entry_zone": "price has given back 62 to 79 % of the last confirmed fall",
    "judas_fall": "a session opened with a fall that price has taken back",
    "judas_rise": "a session opened with a rise that price has taken back",
    "discount": "the close is in the lower half of its 60-bar range",
    "premium": "the close is in the upper half of its 60-bar range",
    "silver_bullet": "3 to 4, 10 to 11 or 14 to 15 o'clock in New York",
    "new_york": "8 to 11 o'clock in New York",
    "london": "2 to 5 o'clock in New York",
    "asia": "20 to 24 o'clock in New York",
    "no_sessions": "bars of four hours or more: the hours of the day are left out",
}
ABSTENTIONS = {
    "no_setup": "no sweep, gap, block, entry zone or Judas swing is near",
    "conflict": "the long and the short setups outweigh each other",
}
# How much a part counts, and its reason on the long and on the short side.
PARTS = {
    "sweep": (0.45, "sweep_of_lows", "sweep_of_highs"),
    "gap": (0.30, "bullish_gap", "bearish_gap"),
    "block": (0.30, "bullish_block", "bearish_block"),
    "entry_zone": (0.25, "long_entry_zone", "short_entry_zone"),
    "judas": (0.35, "judas_fall", "judas_rise"),
}
SIDE = 3
LEVEL_BARS, GAP_BARS, BLOCK_BARS, BLOCK_SEARCH, RANGE_BARS = 60, 30, 40, 8, 60
LEG_BARS, LEG_VALID = 100, 25
SWEEP_VALID, RETEST_VALID, JUDAS_VALID = 10, 5, 8
# At one minute a session of three hours is 180 bars; its opening trick belongs to the first hour and a half.
JUDAS_BARS = 90
INTRADAY_BELOW_MS = 4 * 3_600_000
KILL_ZONE_MS = 3 * 3_600_000

# Minutes of the New York day: reason, from, to, weight; a later line overrides an earlier one.
SESSIONS = (
    ("asia", 20 * 60, 24 * 60, 0.5),
    ("london", 2 * 60, 5 * 60, 0.9),
    ("new_york", 8 * 60, 11 * 60, 0.95),
    ("silver_bullet", 3 * 60, 4 * 60, 1.0),
    ("silver_bullet", 10 * 60, 11 * 60, 1.0),
    ("silver_bullet", 14 * 60, 15 * 60, 1.0),
)
QUIET_WEIGHT, UNTIMED_WEIGHT = 0.8, 0.9
SESSION_NAMES = ("asia", "london", "new_york", "silver_bullet")
KILL_ZONES = ("london", "new_york")


def _by_minute() -> tuple[Values, NDArray[np.int8], NDArray[np.int8]]:
    """For each minute of the day its weight, the number of its session and of its kill zone (from 1; 0 is none)."""
    weight, session = np.full(1440, QUIET_WEIGHT), np.zeros(1440, dtype=np.int8)
    zone = np.zeros(1440, dtype=np.int8)
    for name, start, stop, share in SESSIONS:
        weight[start:stop], session[start:stop] = share, 1 + SESSION_NAMES.index(name)
        if name in KILL_ZONES:
            zone[start:stop] = 1 + KILL_ZONES.index(name)
    return weight, session, zone


def _clock_changes() -> Times:
    """UTC times in ms, ascending, at which New York's clocks go forward and back in turn, 1987 to 2100.

    Energy Policy Act of 2005: second Sunday of March to first Sunday of November, at two o'clock local time; before
    2007 (Uniform Time Act as amended in 1986): first Sunday of April to last Sunday of October.
    """
    epoch = date(1970, 1, 1).toordinal()

    def sunday_from(year: int, month: int, day: int) -> int:
        first = date(year, month, day)
        return first.toordinal() + (6 - first.weekday()) % 7 - epoch

    hours = []
    for year in range(1987, 2101):
        late = year >= 2007
        forward = sunday_from(year, 3, 8) if late else sunday_from(year, 4, 1)
        back = sunday_from(year, 11, 1) if late else sunday_from(year, 10, 25)
        hours += [24 * forward + 7, 24 * back + 6]
    return np.array(hours, dtype=np.int64) * 3_600_000


WEIGHT_AT, SESSION_AT, ZONE_AT = _by_minute()
CLOCK_CHANGES = _clock_changes()


def new_york_minutes(time_ms: Times) -> Times:
    """Minutes of New York's wall clock since 1970-01-01, for UTC times in ms from 1987 on."""
    low, high = np.searchsorted(CLOCK_CHANGES, (time_ms.min(), time_ms.max()), side="right")
    # Most windows lie within one season, and need not be looked up bar by bar.
    seasons = low if low == high else np.searchsorted(CLOCK_CHANGES, time_ms, side="right")
    return time_ms // 60_000 + (60 * (seasons & 1) - 300)


Level = tuple[Held, Values]


class Prices(NamedTuple):
    """The prices as the long side sees them; for the short side they are negated, and high and low change places."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    bottom: Floats  # the lowest low of the newest RANGE_BARS bars


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    atr = c.atr(window.high, window.low, window.close)
    top, bottom = c.rolling_max(window.high, RANGE_BARS), c.rolling_min(window.low, RANGE_BARS)
    # One block of memory each, so that reading flat positions copies nothing.
    opened, high, low, close = (np.ascontiguousarray(x) for x in (window.open, window.high, window.low, window.close))
    prices = Prices(opened, high, low, close, bottom)
    turned = Prices(-opened, -low, -high, -close, -top)
    peaks, troughs = _levels(prices.high), _levels(turned.high)
    minutes = new_york_minutes(window.open_time_ms) if window.timeframe_ms < INTRADAY_BELOW_MS else None
    openings = None if minutes is None else _openings(minutes, window.timeframe_ms)
    zones = _entry_zones(prices, atr)
    long = _evidence(prices, atr, peaks, troughs, openings) | {"entry_zone": np.maximum(zones, 0.0)}
    short = _evidence(turned, atr, troughs, peaks, openings) | {"entry_zone": np.maximum(-zones, 0.0)}
    rise, fall = _weigh(long), _weigh(short)
    score = rise - fall
    strength = np.abs(score)
    place = 2.0 * c.ratio(window.close - bottom, top - bottom, otherwise=0.5) - 1.0
    voted = strength > 0.1

    for part, (_, up, down) in PARTS.items():
        if part in long:
            ballot.reason(up, long[part] > 0)
            ballot.reason(down, short[part] > 0)
    ballot.reason("discount", voted & (place < 0))
    ballot.reason("premium", voted & (place > 0))
    session = _sessions(ballot, minutes, voted)
    ballot.abstain("no_setup", (rise == 0) & (fall == 0))
    ballot.abstain("conflict", ~voted)
    # Buying low and selling high within the range counts for a setup, the opposite against it.
    value = np.clip(-np.sign(score) * place, -0.5, 0.5)
    return ballot.cast(
        score,
        0.52 + 0.32 * strength + 0.08 * value,
        (0.64 + 0.4 * strength + 0.08 * value - 0.3 * np.minimum(rise, fall)) * session,
        measures={"long": rise, "short": fall, "range_position": 0.5 + 0.5 * place, "atr": atr},
    )


def _weigh(parts: Mapping[str, Floats]) -> Floats:
    """The weighted sum of the parts, at most 1."""
    return np.minimum(sum(PARTS[part][0] * strength for part, strength in parts.items()), 1.0)


def _sessions(ballot: Ballot, minutes: Times | None, voted: c.Mask) -> Floats | float:
    """The weight of each bar's hour, and its reason."""
    if minutes is None:
        ballot.reason("no_sessions", voted)
        return UNTIMED_WEIGHT
    minute = minutes % 1440
    session = np.where(voted, SESSION_AT[minute], np.int8(0))
    for number, name in enumerate(SESSION_NAMES):
        ballot.reason(name, session == number + 1)
    return WEIGHT_AT[minute]


def _evidence(prices: Prices, atr: Floats, highs: Level, lows: Level, openings: Held | None) -> dict[str, Floats]:
    """The strength (0 to 1) of each setup for the long side; the Judas swing only where the hours are known."""
    lowest = c.rolling_min(prices.low, 3)
    found = {
        "sweep": _sweep(prices, atr, lows, lowest),
        "gap": _gap(prices, atr),
        "block": _block(prices, atr, highs, lowest),
    }
    if openings is not None:
        found["judas"] = _judas(prices, atr, openings)
    return found


def _levels(extreme: Floats) -> Level:
    """The newest confirmed pivot high of `extreme` on the bars after it, and each pivot's price (n,)."""
    held = hold(np.flatnonzero(known_highs(extreme, SIDE)), _shape(extreme), LEVEL_BARS)
    return held, extreme.ravel()[held.at - SIDE]


def _sweep(prices: Prices, atr: Floats, lows: Level, lowest: Floats) -> Floats:
    """A swing low is taken for the first time and the close is back above it within three bars, displaced upward."""
    held, turned_level = lows
    level = -turned_level[held.event]
    taken = held.first(prices.low.ravel()[held.bar] < level)
    since = held.age - taken[held.event]
    near = (since >= 0) & (since <= 2)
    held, level = held.where(near), level[near]
    close = prices.close.ravel()[held.bar]
    lift = close - lowest.ravel()[held.bar]
    back = held.first((close > level) & (lift >= 0.75 * atr.ravel()[held.bar]))
    at = held.reach(back)
    # At the bottom of the range more stops rest than under a minor low within it.
    deep = lowest.ravel()[at] <= prices.bottom.ravel()[at]
    away = (prices.close.ravel()[at] - lowest.ravel()[at]) / atr.ravel()[at]
    strength = np.where(deep, 1.0, 0.7) * np.minimum(0.6 + 0.25 * away, 1.0)
    return fading(at, strength, held.shape, SWEEP_VALID)


def _gap(prices: Prices, atr: Floats) -> Floats:
    """Three candles, the middle one a strong rise, whose first high and third low do not meet; then the retest."""
    edge = c.shift(prices.high, 2)
    body = c.shift(prices.close - prices.open, 1)
    at = np.flatnonzero((prices.low - edge > 0.25 * atr) & (body > 0.75 * atr))
    return _retest(prices, hold(at, _shape(atr), GAP_BARS), edge.ravel()[at], prices.low.ravel()[at])


def _block(prices: Prices, atr: Floats, highs: Level, lowest: Floats) -> Floats:
    """The body and lower wick of the last falling candle before a strong rise broke a swing high; then the retest."""
    held, level = highs
    at = held.reach(held.first(prices.close.ravel()[held.bar] > level[held.event]))
    at = at[(prices.close.ravel()[at] - lowest.ravel()[at]) > 1.5 * atr.ravel()[at]]
    falling = np.flatnonzero(prices.close < prices.open)
    if falling.size == 0:
        return np.zeros_like(atr)
    candle = falling[np.maximum(np.searchsorted(falling, at) - 1, 0)]
    back = at - candle
    found = (back > 0) & (back <= np.minimum(BLOCK_SEARCH, at % atr.shape[1]))
    zone, candle = hold(at[found], _shape(atr), BLOCK_BARS), candle[found]
    return _retest(prices, zone, prices.low.ravel()[candle], prices.open.ravel()[candle])


def _retest(prices: Prices, held: Held, bottom: Values, top: Values) -> Floats:
    """A later bar dips into the zone and closes above its bottom, before any bar has closed below it."""
    lost = held.first(prices.close.ravel()[held.bar] < bottom[held.event])
    visits = held.where((prices.low.ravel()[held.bar] <= top[held.event]) & (held.age > 0))
    visits = visits.where(visits.age < lost[visits.event])
    # Each further visit finds less of what rested there.
    first = visits.first(visits.age > 0)[visits.event] == visits.age
    return fading(visits.bar, np.where(first, 1.0, 0.6), held.shape, RETEST_VALID)


def _entry_zones(prices: Prices, atr: Floats) -> Floats:
    """In [-1, 1]: + where 62 to 79 % of the last confirmed rise is given back, - of the last fall; most at 70.5 %."""
    swings = alternating(prices.high, prices.low, side=SIDE + 2, count=2, limit=LEG_BARS)
    tip, base = swings.price
    large = np.abs(tip - base) >= 3.0 * atr.ravel()[swings.at]
    tip, base, kind = tip[large], base[large], swings.kind[large]
    held = hold(swings.at[large], _shape(atr), LEG_VALID)
    event = held.event
    given = (tip[event] - prices.close.ravel()[held.bar]) / (tip - base)[event]
    worst = np.where(kind[event] > 0, prices.low.ravel()[held.bar], prices.high.ravel()[held.bar])
    lost = held.first(kind[event] * (worst - base[event]) < 0)
    inside = (given >= 0.62) & (given <= 0.79) & (held.age < lost[event])
    strength = 1.0 - np.abs(given - 0.705) / 0.17
    return held.scatter(np.where(inside, kind[event] * strength, 0.0), 0.0)


def _openings(minutes: Times, timeframe_ms: int) -> Held:
    """The first bar of each kill zone, holding the other bars of the same one."""
    zone = ZONE_AT[minutes % 1440]
    begins = np.zeros(zone.shape, dtype=bool)
    # The same zone after half a day or more is another day's.
    begins[:, 1:] = (zone[:, 1:] != zone[:, :-1]) | (minutes[:, 1:] - minutes[:, :-1] >= 720)
    bars = min(JUDAS_BARS, -(-KILL_ZONE_MS // timeframe_ms))
    held = hold(np.flatnonzero(begins & (zone > 0)), (zone.shape[0], zone.shape[1]), bars)
    return held.where(zone.ravel()[held.bar] == zone.ravel()[held.at][held.event])


def _judas(prices: Prices, atr: Floats, openings: Held) -> Floats:
    """A kill zone opens, price falls at least 0.75 ATR below that opening price, then first closes back above it."""
    bar, event = openings.bar, openings.event
    opening = prices.open.ravel()[openings.at][event]
    fell = openings.first(prices.low.ravel()[bar] < opening - 0.75 * atr.ravel()[bar])
    back = (openings.age >= fell[event]) & (prices.close.ravel()[bar] > opening)
    at = openings.reach(openings.first(back))
    return fading(at, np.ones(len(at)), openings.shape, JUDAS_VALID)


def _shape(x: Floats) -> tuple[int, int]:
    return x.shape[0], x.shape[1]


HEAD = Head(
    name="ict",
    version=1,
    summary="Liquidity sweeps, fair value gaps, order blocks, entry zones and New York's hours.",
    # The longest reach is the Judas swing's: its session's bars, the ATR of the oldest, and its vote's time.
    memory=JUDAS_BARS + c.ATR_MEMORY + JUDAS_VALID,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    vote=_vote,
)
