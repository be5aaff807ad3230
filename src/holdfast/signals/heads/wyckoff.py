"""The wyckoff head: trading ranges, and what price and volume do at their edges.

A trading range is 20 to 48 bars whose older and newer half both reach its top and its bottom. Springs, climaxes and
their mirrors are confirmed by the three bars that follow, and vote only from the third of these on. Every part is
written for the long side and called a second time with the prices upside down. Where volume is missing, the parts that
need it are absent and the vote says so. Sources: Wyckoff, Studies in Tape Reading, 1910; Evans, Wyckoff course, 1931;
Pruden, The Three Skills of Top Trading, 2007.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes
from holdfast.signals.pivots import Values, hold

REASONS = {
    "spring": "price fell below the trading range, came back, and three bars held above that low",
    "upthrust": "price rose above the trading range, came back, and three bars held below that high",
    "quiet_test": "the volume of that excursion, or of the three bars after it, was small",
    "sign_of_strength": "a wide bar on large volume closed above the trading range",
    "sign_of_weakness": "a wide bar on large volume closed below the trading range",
    "selling_climax": "a fall ended in a very wide bar on more than twice the usual volume, and its low held",
    "buying_climax": "a rise ended in a very wide bar on more than twice the usual volume, and its high held",
    "supply_absorbed": "large volume near the bottom of the range did not move price down",
    "demand_absorbed": "large volume near the top of the range did not move price up",
    "markup": "price left the trading range upward and has stayed above it",
    "markdown": "price left the trading range downward and has stayed below it",
    "last_point_of_support": "in markup, price came back to the range's top on small volume and held it",
    "last_point_of_supply": "in markdown, price came back to the range's bottom on small volume and held it",
    "no_volume": "no volume is known: its parts are left out",
}
ABSTENTIONS = {
    "no_event": "no trading range has lately been tested, left or ended by a climax",
    "conflict": "signs of strength and of weakness outweigh each other",
}
# How much a part counts, and its reason on the long and on the short side.
PARTS = {
    "spring": (0.80, "spring", "upthrust"),
    "strength": (0.55, "sign_of_strength", "sign_of_weakness"),
    "climax": (0.50, "selling_climax", "buying_climax"),
    "absorbed": (0.25, "supply_absorbed", "demand_absorbed"),
    "phase": (0.35, "markup", "markdown"),
    "last_point": (0.45, "last_point_of_support", "last_point_of_supply"),
}
HALVES = (10, 16, 24)
USUAL_BARS = 20
CONFIRM_BARS = 3
EVENT_VALID, ABSORBED_VALID, PHASE_VALID, POINT_VALID = 10, 6, 40, 8


class Side(NamedTuple):
    """What the long side sees; for the short side prices are negated, and highs and lows change places.

    `top`, `bottom`: the trading range as of the bar before, NaN where there is none.
    `volume`: as a multiple of the mean of the 20 bars before, NaN where unknown.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    top: Floats
    bottom: Floats
    volume: Floats
    atr: Floats

    def turned(self) -> Side:
        """The same bars upside down."""
        return Side(
            -self.open,
            -self.low,
            -self.high,
            -self.close,
            -self.bottom,
            -self.top,
            self.volume,
            self.atr,
        )


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    atr = c.atr(window.high, window.low, window.close)
    top, bottom = _trading_range(window.high, window.low, atr)
    usual = c.shift(c.rolling_mean(window.volume, USUAL_BARS), 1)
    volume = window.volume / np.where(usual > 0, usual, np.nan)
    side = Side(
        window.open,
        window.high,
        window.low,
        window.close,
        c.shift(top, 1),
        c.shift(bottom, 1),
        volume,
        atr,
    )
    long, long_quiet = _evidence(side)
    short, short_quiet = _evidence(side.turned())
    rise, fall = _weigh(long), _weigh(short)
    score = rise - fall
    strength = np.abs(score)
    voted = strength > 0.1

    for part, (_, up, down) in PARTS.items():
        ballot.reason(up, long[part] > 0)
        ballot.reason(down, short[part] > 0)
    ballot.reason("quiet_test", long_quiet | short_quiet)
    ballot.reason("no_volume", voted & np.isnan(volume))
    ballot.abstain("no_event", (rise == 0) & (fall == 0))
    ballot.abstain("conflict", ~voted)
    return ballot.cast(
        score,
        0.5 + 0.36 * strength,
        0.54 + 0.4 * strength - 0.3 * np.minimum(rise, fall),
        measures={
            "long": rise,
            "short": fall,
            "range_top": top,
            "range_bottom": bottom,
            "relative_volume": volume,
        },
    )


def _weigh(parts: dict[str, Floats]) -> Floats:
    """The weighted sum of the parts, at most 1."""
    return np.minimum(sum(PARTS[part][0] * strength for part, strength in parts.items()), 1.0)


def _trading_range(high: Floats, low: Floats, atr: Floats) -> tuple[Floats, Floats]:
    """Top and bottom of the longest trading range that ends at each bar; NaN where there is none.

    Both halves come within 25 % of the range's width of either edge, and the range is at least 2 ATR wide.
    """
    top, bottom = np.full_like(high, np.nan), np.full_like(high, np.nan)
    for half in HALVES:
        newer_top, newer_bottom = c.rolling_max(high, half), c.rolling_min(low, half)
        older_top, older_bottom = c.shift(newer_top, half), c.shift(newer_bottom, half)
        highest, lowest = np.maximum(newer_top, older_top), np.minimum(newer_bottom, older_bottom)
        width = highest - lowest
        room = 0.25 * width
        sound = (np.abs(newer_top - older_top) <= room) & (np.abs(newer_bottom - older_bottom) <= room)
        sound &= width >= 2.0 * atr
        np.copyto(top, highest, where=sound)
        np.copyto(bottom, lowest, where=sound)
    return top, bottom


def _evidence(side: Side) -> tuple[dict[str, Floats], c.Mask]:
    """The strength (0 to 1) of each part for the long side, and where its spring was quiet."""
    spring, quiet = _spring(side)
    phase, last_point = _phase(side)
    found = {
        "spring": spring,
        "strength": _strength(side),
        "climax": _climax(side),
        "absorbed": _absorbed(side),
        "phase": phase,
        "last_point": last_point,
    }
    return found, quiet


def _kept(side: Side, at: c.Ints, strength: Values, *, stop: Values, bars: int) -> Floats:
    """Events (n,) that fade over `bars` bars and end at the first close below their stop."""
    held = hold(at, (side.close.shape[0], side.close.shape[1]), bars)
    lost = held.first(side.close.ravel()[held.bar] < stop[held.event])
    return held.where(held.age < lost[held.event]).fade(strength, bars)


def _confirmed(side: Side, where: c.Mask) -> c.Ints:
    """Flat positions of the bars three bars after `where` whose lows since have all held above the low there."""
    low = c.shift(side.low, CONFIRM_BARS)
    return np.flatnonzero(c.shift_mask(where, CONFIRM_BARS) & (c.rolling_min(side.low, CONFIRM_BARS) > low))


def _spring(side: Side) -> tuple[Floats, c.Mask]:
    """A shallow excursion below the range that closes back in or at its edge; best on small volume, or tested on it."""
    depth = side.bottom - side.low
    where = (depth > 0) & (depth <= 1.5 * side.atr) & (side.close > side.bottom - 0.25 * side.atr)
    at = _confirmed(side, where)
    at = at[side.close.ravel()[at] > side.bottom.ravel()[at - CONFIRM_BARS]]
    excursion = side.volume.ravel()[at - CONFIRM_BARS]
    after = c.rolling_mean(side.volume, CONFIRM_BARS).ravel()[at]
    quiet = (excursion < 0.8) | (after < 0.8)
    stop = side.low.ravel()[at - CONFIRM_BARS]
    strength = np.where(quiet, 1.0, 0.45)
    spring = _kept(side, at, strength, stop=stop, bars=EVENT_VALID)
    newest = hold(at, (spring.shape[0], spring.shape[1]), EVENT_VALID).fill(quiet.astype(np.float64), 0.0)
    return spring, (spring > 0) & (newest > 0)


def _strength(side: Side) -> Floats:
    """The close leaves the range upward on a wide bar that ends near its high, on large volume."""
    spread = side.high - side.low
    at = np.flatnonzero(
        (side.close > side.top)
        & (spread > 1.5 * side.atr)
        & (side.high - side.close < spread / 3.0)
        & (side.volume > 1.5)
    )
    middle = 0.5 * (side.top + side.bottom).ravel()[at]
    return _kept(side, at, np.ones(len(at)), stop=middle, bars=EVENT_VALID)


def _climax(side: Side) -> Floats:
    """A 40-bar low in a very wide bar on more than twice the usual volume, closing off its low, and then held."""
    spread = side.high - side.low
    where = (spread > 1.8 * side.atr) & (side.volume > 2.0) & (side.close - side.low > 0.3 * spread)
    where &= side.low <= c.rolling_min(side.low, 40)
    at = _confirmed(side, where)
    before = at - CONFIRM_BARS
    middle = 0.5 * (side.high.ravel()[before] + side.low.ravel()[before])
    risen = side.close.ravel()[at] > middle
    at, before = at[risen], before[risen]
    return _kept(side, at, np.ones(len(at)), stop=side.low.ravel()[before], bars=EVENT_VALID)


def _absorbed(side: Side) -> Floats:
    """Effort without result: large volume in the range's lower third, a narrow bar, a close in its upper half."""
    spread = side.high - side.low
    near = (side.close < side.bottom + (side.top - side.bottom) / 3.0) & (side.low > side.bottom)
    small = (spread < 0.8 * side.atr) & (side.close - side.low >= 0.5 * spread)
    at = np.flatnonzero(near & small & (side.volume > 1.5))
    return _kept(side, at, np.ones(len(at)), stop=side.bottom.ravel()[at], bars=ABSORBED_VALID)


def _phase(side: Side) -> tuple[Floats, Floats]:
    """Markup: from the third close in a row above the range that was left; and the quiet returns to its top."""
    shape = (side.close.shape[0], side.close.shape[1])
    at = np.flatnonzero(side.close > side.top)
    top, bottom = side.top.ravel()[at], side.bottom.ravel()[at]
    held = hold(at, shape, PHASE_VALID)
    lost = held.first(side.close.ravel()[held.bar] < top[held.event])
    markup = held.where((held.age >= CONFIRM_BARS) & (held.age < lost[held.event]))
    phase = markup.fade(np.ones(len(at)), PHASE_VALID)
    edge = top[markup.event] + 0.2 * (top - bottom)[markup.event]
    quiet = side.volume.ravel()[markup.bar] < 0.8
    back = (side.low.ravel()[markup.bar] <= edge) & quiet & (side.close >= side.open).ravel()[markup.bar]
    points = markup.where(back)
    last_point = _kept(side, points.bar, np.ones(len(points.bar)), stop=top[points.event], bars=POINT_VALID)
    return phase, last_point


HEAD = Head(
    name="wyckoff",
    version=1,
    summary="Trading ranges: springs, upthrusts, signs of strength and weakness, climaxes, absorption, phases.",
    # The longest reach: a return on the last bars of a phase, back to the ATR of the bar that left the range.
    memory=POINT_VALID + PHASE_VALID + c.ATR_MEMORY,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    vote=_vote,
)
