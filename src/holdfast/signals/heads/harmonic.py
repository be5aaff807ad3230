"""The harmonic head: five swing pivots X A B C D whose legs stand in the ratios of a known pattern.

A bullish pattern ends in a low D and votes up, a bearish one is its mirror. D is a confirmed pivot, so a vote comes
`side` bars after the turn and is never taken back by a moving pivot. It fades with age and ends at once when a bar
passes beyond X, or, where D already lies beyond X, beyond D by one ATR. Ratios: Gartley 1935; Pesavento 1997; Carney,
Harmonic Trading, 2004 and 2010; Oglesbee (cypher).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals import columns as c
from holdfast.signals.head import Ballot, Head, Votes
from holdfast.signals.pivots import Held, Values, alternating, hold


class Ratio(NamedTuple):
    """A range that a ratio of legs must lie in; a single number where both ends are equal."""

    leg: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A named set of ratios. `rank` (0 to 1) is how far a perfect one is believed."""

    name: str
    rank: float
    ratios: tuple[Ratio, ...]


BC = Ratio("bc_ab", 0.382, 0.886)
PATTERNS = (
    Pattern(
        "gartley",
        1.0,
        (Ratio("ab_xa", 0.618, 0.618), BC, Ratio("cd_bc", 1.13, 1.618), Ratio("ad_xa", 0.786, 0.786)),
    ),
    Pattern(
        "butterfly",
        1.0,
        (Ratio("ab_xa", 0.786, 0.786), BC, Ratio("cd_bc", 1.618, 2.618), Ratio("ad_xa", 1.27, 1.618)),
    ),
    Pattern(
        "bat",
        1.0,
        (Ratio("ab_xa", 0.382, 0.5), BC, Ratio("cd_bc", 1.618, 2.618), Ratio("ad_xa", 0.886, 0.886)),
    ),
    Pattern(
        "crab",
        1.0,
        (Ratio("ab_xa", 0.382, 0.618), BC, Ratio("cd_bc", 2.24, 3.618), Ratio("ad_xa", 1.618, 1.618)),
    ),
    Pattern(
        "deep_crab",
        0.9,
        (Ratio("ab_xa", 0.886, 0.886), BC, Ratio("cd_bc", 2.0, 3.618), Ratio("ad_xa", 1.618, 1.618)),
    ),
    Pattern(
        "shark",
        0.85,
        (Ratio("bc_ab", 1.13, 1.618), Ratio("cd_bc", 1.618, 2.24), Ratio("ad_xa", 0.886, 1.13)),
    ),
    Pattern(
        "cypher",
        0.85,
        (Ratio("ab_xa", 0.382, 0.618), Ratio("xc_xa", 1.272, 1.414), Ratio("cd_xc", 0.786, 0.786)),
    ),
    Pattern("equal_legs", 0.8, (BC, Ratio("cd_ab", 1.0, 1.0), Ratio("cd_bc", 1.13, 2.618))),
)
REASONS = {
    "gartley": "Gartley: B at 61.8 % and D at 78.6 % of XA",
    "butterfly": "butterfly: B at 78.6 % and D at 127 to 161.8 % of XA",
    "bat": "bat: B at 38.2 to 50 % and D at 88.6 % of XA",
    "crab": "crab: B at 38.2 to 61.8 % and D at 161.8 % of XA",
    "deep_crab": "deep crab: B at 88.6 % and D at 161.8 % of XA",
    "shark": "shark: C beyond A by 13 to 61.8 % of AB and D at 88.6 to 113 % of XA",
    "cypher": "cypher: C at 127.2 to 141.4 % of XA and D at 78.6 % of XC",
    "equal_legs": "AB=CD: the two legs are equal, C at 38.2 to 88.6 % of AB",
    "confluence": "two or more patterns end at the same D",
}
ABSTENTIONS = {
    "no_pattern": "no harmonic pattern has completed in the newest bars",
    "pattern_broken": "price has passed beyond the point that the pattern must hold",
}
SIDES = (3, 6)
SEQUENCE_BARS = 180
VALID_BARS = 20
# Carney allows about 5 %; pivots of real candles, whose wicks are noise, need more at a single number.
POINT_TOLERANCE, RANGE_TOLERANCE = 0.08, 0.05
LEAST_LEG_ATR = 1.5


@dataclass(frozen=True, slots=True)
class Found:
    """n completed patterns on one scale of pivots, and the bars that each still speaks for."""

    held: Held
    side: Values  # +1 bullish, -1 bearish
    quality: Values
    matched: dict[str, Values]
    legs: dict[str, Values]
    stop: Values
    alive: Values  # (covered bars,) 1 until the stop is passed


def _vote(window: Window) -> Votes:
    ballot = Ballot(window, reasons=REASONS, abstentions=ABSTENTIONS)
    atr = c.atr(window.high, window.low, window.close)
    found = [_find(window, atr, side) for side in SIDES]
    weights = [f.held.scatter(f.quality[f.held.event] * f.alive * _fade(f.held), 0.0) for f in found]
    coarse = (weights[1] > weights[0]).ravel()
    spoken = [(f.alive > 0) & (coarse[f.held.bar] == scale) for scale, f in enumerate(found)]
    places = [(f.held.bar[mine], f.held.event[mine]) for f, mine in zip(found, spoken, strict=True)]

    def read(values: list[Values]) -> Floats:
        """On each bar the value of the stronger pattern of the two scales; NaN where there is none."""
        out = np.full(coarse.size, np.nan)
        for (bar, event), value in zip(places, values, strict=True):
            out[bar] = value[event]
        return out.reshape(window.shape)

    direction = read([f.side for f in found])
    for code in (pattern.name for pattern in PATTERNS):
        ballot.reason(code, read([f.matched[code] for f in found]) > 0)
    ballot.reason("confluence", read([np.asarray(sum(f.matched.values())) for f in found]) > 1)
    silent = np.isnan(direction)
    covered = [f.held.scatter(f.alive, 1.0) < 1 for f in found]
    ballot.abstain("pattern_broken", silent & (covered[0] | covered[1]))
    ballot.abstain("no_pattern", silent)
    weight = np.maximum(weights[0], weights[1])
    return ballot.cast(
        direction,
        0.5 + 0.28 * weight,
        0.45 + 0.45 * weight,
        measures={
            "quality": read([f.quality for f in found]),
            "stop": read([f.stop for f in found]),
            **{leg: read([f.legs[leg] for f in found]) for leg in ("ab_xa", "bc_ab", "cd_bc", "ad_xa")},
        },
    )


def _fade(held: Held) -> Values:
    """From 1 on the bar where D became known to one half when the pattern ceases to be valid."""
    return 1.0 - 0.5 * held.age / VALID_BARS


def _find(window: Window, atr: Floats, side: int) -> Found:
    """The patterns whose D is the pivot that just became known."""
    swings = alternating(window.high, window.low, side=side, count=5, limit=SEQUENCE_BARS)
    row, known = np.divmod(swings.at, window.shape[1])
    unit = atr[row, known]
    new = (swings.column[0] == known - side) & (np.abs(swings.price[0] - swings.price[1]) >= LEAST_LEG_ATR * unit)
    legs = _ratios(swings.price[:, new])
    grades = {p.name: p.rank * _grade(p, legs) for p in PATTERNS}
    best = np.max(np.stack(list(grades.values())), axis=0)
    some = best > 0
    d, x = swings.price[0, new][some], swings.price[4, new][some]
    direction = -swings.kind[new][some]
    stop = np.where(direction * (d - x) > 0, x, d - direction * unit[new][some])
    held = hold(swings.at[new][some], window.shape, VALID_BARS)
    return Found(
        held,
        direction,
        best[some],
        {name: (grade[some] > 0).astype(np.float64) for name, grade in grades.items()},
        {leg: ratio[some] for leg, ratio in legs.items()},
        stop,
        _alive(window, held, direction, stop),
    )


def _ratios(price: Values) -> dict[str, Values]:
    """The ratios that patterns are told by, each (n,), from the prices (5, n) of D, C, B, A and X."""
    cd, bc, ab, xa = np.abs(np.diff(price, axis=0))
    ad, xc = np.abs(price[0] - price[3]), np.abs(price[1] - price[4])
    return {
        "ab_xa": ab / xa,
        "bc_ab": bc / ab,
        "cd_bc": cd / bc,
        "cd_ab": cd / ab,
        "ad_xa": ad / xa,
        "xc_xa": xc / xa,
        "cd_xc": cd / xc,
    }


def _grade(pattern: Pattern, legs: dict[str, Values]) -> Values:
    """(n,): 1 where every ratio is ideal, falling to 0.5 at the edge of the tolerance; 0 where one is outside."""
    fits, missed = np.ones(len(legs["ab_xa"]), dtype=bool), np.zeros(len(legs["ab_xa"]))
    for leg, least, most in pattern.ratios:
        ratio = legs[leg]
        tolerance = POINT_TOLERANCE if least == most else RANGE_TOLERANCE
        miss = np.maximum(np.maximum(1.0 - ratio / least, ratio / most - 1.0), 0.0) / tolerance
        fits &= miss <= 1.0
        missed += miss
    return np.where(fits, 1.0 - 0.5 * missed / len(pattern.ratios), 0.0)


def _alive(window: Window, held: Held, direction: Values, stop: Values) -> Values:
    """(covered bars,): 1 until the first bar that passes beyond the stop, 0 from that bar on."""
    row, column = np.divmod(held.bar, window.shape[1])
    up = direction[held.event]
    worst = np.where(up > 0, window.low[row, column], window.high[row, column])
    passed = up * (worst - stop[held.event]) < 0
    return np.where(held.age < held.first(passed)[held.event], 1.0, 0.0)


HEAD = Head(
    name="harmonic",
    version=1,
    summary="Harmonic patterns of five confirmed pivots: Gartley, butterfly, bat, crab, shark, cypher and AB=CD.",
    memory=SEQUENCE_BARS + VALID_BARS - 1,
    reasons=REASONS,
    abstentions=ABSTENTIONS,
    vote=_vote,
)
