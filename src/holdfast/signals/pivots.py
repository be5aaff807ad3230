"""Confirmed swing pivots and other sparse events, as they were known at each bar.

A pivot high is a bar whose high is above the highs of the `side` bars before it and not below those of the `side` bars
after it; it is known only when the last of these has closed, and it never moves afterwards (Williams 1995 calls it a
fractal; its form with side 2). Sequences of pivots are read as of the bar where the newest became known, and through a
fixed number of bars, so they too are the same wherever an array begins.

What a sequence means for a price belongs to a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.signals.columns import Ints, Mask, rolling_max, shift

Shape = tuple[int, int]
Values = NDArray[np.float64]


def known_highs(high: Floats, side: int) -> Mask:
    """(symbols, bars): True at the bar where the bar `side` bars earlier became known as a pivot high.

    Reads 2 * `side` + 1 bars. Of equal highs the first is the pivot. Pivot lows are `known_highs(-low, side)`.
    """
    peak, after = shift(high, side), rolling_max(high, side)
    return (peak > shift(after, side + 1)) & (peak >= after)


@dataclass(frozen=True, slots=True)
class Swings:
    """n sequences of alternating pivots, each as it was known at one bar.

    `at` (n,): flat position (row * bars + column) of the bar where the newest pivot became known, ascending.
    `kind` (n,): +1 where the newest pivot is a high, -1 where it is a low.
    `price` (count, n): the pivots' prices, newest first. `column` (count, n): the bars where they are.
    """

    at: Ints
    kind: Values
    price: Values
    column: Ints


def alternating(high: Floats, low: Floats, *, side: int, count: int, limit: int) -> Swings:
    """The newest `count` pivots, highs and lows in turn, as of every bar where a pivot became known.

    Of neighbouring pivots of one kind the most extreme known by then stands for all. A bar that is a pivot high and a
    pivot low at once is left out, for nobody knows which came first. Only sequences are given whose every leg goes the
    right way and that can be told from the newest `limit` bars: the pivot that ends the run before the oldest one, with
    its left side, lies within them.
    """
    bars = high.shape[1]
    tops, bottoms = known_highs(high, side), known_highs(-low, side)
    at = np.flatnonzero(tops ^ bottoms)
    row, known = np.divmod(at, bars)
    column = known - side
    is_high = tops.ravel()[at]
    kind = np.where(is_high, 1.0, -1.0)
    price = np.where(is_high, high[row, column], low[row, column])
    run = _runs(kind, row)
    best = _extremes(run, kind * price)
    newest = np.flatnonzero(np.diff(run, append=-1) != 0)
    back = run - np.arange(count + 1)[:, np.newaxis]
    ends = newest[np.maximum(back, 0)]
    points = best[ends]
    points[0] = best
    oldest = ends[count]
    prices = price[points[:count]]
    sound = (back[count] >= 0) & (row[oldest] == row) & (known - column[oldest] + side + 1 <= limit)
    turns = np.where(np.arange(count - 1) % 2, -1.0, 1.0)[:, np.newaxis]
    sound &= (turns * kind * (prices[:-1] - prices[1:]) > 0).all(axis=0)
    return Swings(at[sound], kind[sound], prices[:, sound], column[points[:count, sound]])


def _runs(kind: Values, row: Ints) -> Ints:
    """Numbers the runs of neighbours of one kind in one row."""
    begins = np.ones(len(kind), dtype=np.int64)
    begins[1:] = (kind[1:] != kind[:-1]) | (row[1:] != row[:-1])
    return np.cumsum(begins) - 1


def _extremes(run: Ints, height: Values) -> Ints:
    """For each event the index of the highest one in its run up to it, by doubling; of equal ones the newest."""
    best = np.arange(len(run))
    longest = int(np.bincount(run).max()) if len(run) else 0
    size = 1
    while size < longest:
        earlier, later = best[:-size], best[size:]
        higher = (run[size:] == run[:-size]) & (height[earlier] > height[later])
        best = np.concatenate([best[:size], np.where(higher, earlier, later)])
        size *= 2
    return best


@dataclass(frozen=True, slots=True)
class Held:
    """n events at ascending flat positions `at`, and which of them is the newest at each of the m bars they cover.

    `bar`, `event` and `age` (m,): the covered bar's flat position, the index of its event, and the event's age in bars.
    """

    shape: Shape
    at: Ints
    bar: Ints
    event: Ints
    age: Ints

    def where(self, mask: Mask) -> Held:
        """Only the covered bars in `mask` (m,)."""
        return Held(self.shape, self.at, self.bar[mask], self.event[mask], self.age[mask])

    def first(self, mask: Mask) -> Values:
        """(n,): the age at which `mask` (m,) first holds under each event, infinite where it never does."""
        hits = np.flatnonzero(mask)
        ages = np.full(len(self.at), np.inf)
        # Of several hits under one event the oldest is written last, and stays.
        ages[self.event[hits][::-1]] = self.age[hits][::-1]
        return ages

    def reach(self, ages: Values) -> Ints:
        """Ascending flat positions of the bars at which the events, (n,), are that old; the infinite ones left out."""
        finite = np.isfinite(ages)
        return self.at[finite] + ages[finite].astype(np.int64)

    def fill(self, values: Values, otherwise: float = np.nan) -> Floats:
        """(symbols, bars): at each covered bar the value (n,) of its event, `otherwise` at the rest."""
        return self.scatter(values[self.event], otherwise)

    def fade(self, strength: Values, bars: int) -> Floats:
        """(symbols, bars): the strength (n,) of the newest event, falling linearly to zero at the age of `bars`."""
        return self.scatter(strength[self.event] * np.maximum(1.0 - self.age / bars, 0.0), 0.0)

    def scatter(self, values: Values, otherwise: float) -> Floats:
        """(symbols, bars): (m,) values put on the covered bars, `otherwise` at the rest."""
        out = np.full(self.shape[0] * self.shape[1], otherwise)
        out[self.bar] = values
        return out.reshape(self.shape)


def hold(at: Ints, shape: Shape, limit: int) -> Held:
    """Each event, given by its ascending flat position, covers `limit` bars from its own on, or up to the next one."""
    bars = shape[1]
    stop = np.append(at[1:], shape[0] * bars)
    length = np.minimum(np.minimum(stop - at, limit), bars - at % bars)
    event = np.repeat(np.arange(len(at)), length)
    begins = np.cumsum(length) - length
    bar = np.arange(len(event)) + np.repeat(at - begins, length)
    return Held(shape, at, bar, event, bar - at[event])


def fading(at: Ints, strength: Values, shape: Shape, bars: int) -> Floats:
    """(symbols, bars): the strength (n,) of the newest event, falling linearly to zero over `bars` bars."""
    return hold(at, shape, bars).fade(strength, bars)
