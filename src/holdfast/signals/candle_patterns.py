"""TA-Lib's candle patterns over (symbols, bars), made independent of where an array begins.

TA-Lib keeps running float sums of the last 5 to 10 bodies and shadows, so rounding at one bar would stay in every
later one. Here prices reach it as whole numbers up to 2^49: each is cut to 28 significant bits (4 parts in 10^9, finer
than any venue's tick) and multiplied by a power of two that brings its row's median close to about 2^38, so that every
sum is exact and forgets. So no number of decimals is assumed, no price is too large, and rows of very different price
share one call. A price below a 2,000th of the median of its block of 16,384 bars is cut coarser and one above 2,000
times it is capped; no other bar notices.

All 61 functions of TA-Lib were measured to have a finite memory. 50 are used; left out are those without a direction
(doji, long-legged doji, rickshaw man, high wave, spinning top, short line), those that only say that a bar was large
and closed at its end (long line, closing marubozu, belt-hold: the marubozu is kept), kicking by length (the same bars
as kicking), and three-line strike, whose measured effect is opposite to its textbook reading (Bulkowski, Encyclopedia
of Candlestick Charts, 2008). Which pattern matters where belongs to a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import talib
from numpy.typing import NDArray

from holdfast.model.candle import Floats
from holdfast.model.window import Window
from holdfast.signals.columns import Ints

LOOKBACK = 15  # bars the longest pattern reads, its own included
_BLOCK = 16_384
_MEDIAN_BITS = 38
_LARGEST = 2.0**49  # ten of these, the most that TA-Lib adds up, are still exact below 2^53
_SPLIT = 2.0**25 + 1.0  # Veltkamp's constant for 28 of 53 bits


@dataclass(frozen=True, slots=True)
class Pattern:
    """One candle pattern: its TA-Lib function, its family, how much it counts (0 to 1), and how its output is read.

    `sign` 0 takes the sign of the output, else it is the direction itself. `least`: smallest output that counts.
    """

    function: str
    family: str
    weight: float
    sign: int = 0
    least: int = 1


def _family(family: str, weights: str) -> tuple[Pattern, ...]:
    pairs = (pair.split("=") for pair in weights.split())
    return tuple(Pattern(f"CDL{name}", family, float(weight)) for name, weight in pairs)


PATTERNS = (
    *_family("engulfing", "ENGULFING=.60 3OUTSIDE=.75"),
    *_family("harami", "HARAMI=.40 HARAMICROSS=.45 3INSIDE=.70 HOMINGPIGEON=.50"),
    *_family("star", "MORNINGSTAR=.75 EVENINGSTAR=.75 MORNINGDOJISTAR=.80 EVENINGDOJISTAR=.80"),
    *_family("star", "ABANDONEDBABY=.80 TRISTAR=.60 DOJISTAR=.45"),
    *_family("pin_bar", "HAMMER=.60 INVERTEDHAMMER=.50 SHOOTINGSTAR=.60 HANGINGMAN=.45 TAKURI=.60"),
    Pattern("CDLDRAGONFLYDOJI", "pin_bar", 0.45, sign=1),
    Pattern("CDLGRAVESTONEDOJI", "pin_bar", 0.45, sign=-1),
    *_family("piercing", "PIERCING=.65 DARKCLOUDCOVER=.65 COUNTERATTACK=.50"),
    *_family("soldiers_crows", "3WHITESOLDIERS=.75 3BLACKCROWS=.75 IDENTICAL3CROWS=.75 2CROWS=.60"),
    *_family("soldiers_crows", "UPSIDEGAP2CROWS=.60 ADVANCEBLOCK=.50 STALLEDPATTERN=.50"),
    *_family("three_methods", "RISEFALL3METHODS=.70 MATHOLD=.70 XSIDEGAP3METHODS=.50 TASUKIGAP=.50"),
    *_family("three_methods", "GAPSIDESIDEWHITE=.50 SEPARATINGLINES=.50"),
    *_family("marubozu", "MARUBOZU=.50 KICKING=.70"),
    Pattern("CDLHIKKAKE", "hikkake", 0.60, least=200),  # 100 is the trap set, 200 its confirmation
    Pattern("CDLHIKKAKEMOD", "hikkake", 0.65, least=200),
    *_family("low_high", "MATCHINGLOW=.45 STICKSANDWICH=.55 UNIQUE3RIVER=.55 LADDERBOTTOM=.60 BREAKAWAY=.60"),
    *_family("low_high", "3STARSINSOUTH=.60 CONCEALBABYSWALL=.60"),
    *_family("neck", "INNECK=.45 ONNECK=.45 THRUSTING=.45"),
)
FAMILIES = tuple(dict.fromkeys(pattern.family for pattern in PATTERNS))


@dataclass(frozen=True, slots=True)
class Found:
    """Where patterns completed: (n,) ascending flat positions (row * bars + column), and of each position the combined
    weight of one direction's patterns, 1 - Π(1 - weight), and a bit for each family."""

    at: Ints
    weight: Floats
    families: NDArray[np.uint64]


def find_patterns(window: Window) -> tuple[Found, Found]:
    """The bullish and the bearish patterns; a row's first `LOOKBACK` - 1 bars are not to be relied on."""
    parts: list[tuple[Ints, Ints, NDArray[np.int32]]] = []
    for positions, prices in _blocks(window):
        for number, pattern in enumerate(PATTERNS):
            found: NDArray[np.int32] = getattr(talib, pattern.function)(*prices)
            hit = np.flatnonzero(found != 0)  # as truth values it is searched six times as fast
            parts.append((positions[hit], np.full(len(hit), number), found[hit]))
    at, kind, output = (np.concatenate(part) for part in zip(*parts, strict=True))
    counts = (at >= 0) & (np.abs(output) >= _LEAST[kind])
    at, kind, output = at[counts], kind[counts], output[counts]
    direction = np.where(_SIGN[kind] == 0, np.sign(output), _SIGN[kind])
    rising = direction > 0
    return _found(at[rising], kind[rising]), _found(at[~rising], kind[~rising])


def _found(at: Ints, kind: Ints) -> Found:
    order = np.argsort(at, kind="stable")
    at, kind = at[order], kind[order]
    places, first = np.unique(at, return_index=True)
    if not len(places):
        return Found(places, np.empty(0), np.empty(0, dtype=np.uint64))
    # One multiplication after another in the order of PATTERNS, so that the same bits come out everywhere.
    misses = np.multiply.reduceat(_MISS[kind], first)
    return Found(places, 1.0 - misses, np.bitwise_or.reduceat(_FAMILY_BIT[kind], first))


_MISS = np.array([1.0 - pattern.weight for pattern in PATTERNS])
_SIGN = np.array([pattern.sign for pattern in PATTERNS])
_LEAST = np.array([pattern.least for pattern in PATTERNS])
_FAMILY_BIT = np.array([1 << FAMILIES.index(pattern.family) for pattern in PATTERNS], dtype=np.uint64)


def _blocks(window: Window) -> Iterator[tuple[Ints, tuple[Floats, Floats, Floats, Floats]]]:
    """Blocks of columns, each with the bars its patterns read before it: flat positions (-1: only there to be read),
    and whole-number open, high, low and close, rows one after another."""
    rows, bars = window.shape
    starts = np.arange(rows)[:, np.newaxis] * bars
    for first in range(0, bars, _BLOCK):
        begin, end = max(0, first - LOOKBACK + 1), min(first + _BLOCK, bars)
        columns = np.arange(begin, end)
        positions = np.where(columns >= first, starts + columns, -1)
        cut = slice(begin, end)
        scale = np.ldexp(1.0, _MEDIAN_BITS - np.frexp(_median(window.close[:, cut]))[1])
        prices = (getattr(window, name)[:, cut] for name in ("open", "high", "low", "close"))
        o, h, l, c = (_whole(price, scale).ravel() for price in prices)
        yield positions.ravel(), (o, h, l, c)


def _median(close: Floats) -> Floats:
    """(rows, 1): the (upper) median of each row's bars; NaN for a row without any."""
    middle = np.count_nonzero(~np.isnan(close), axis=1, keepdims=True) // 2
    return np.take_along_axis(np.sort(close, axis=1), middle, axis=1)  # NaNs sort last


def _whole(price: Floats, scale: Floats) -> Floats:
    """Prices cut to 28 bits, times `scale` (a power of two), rounded to whole numbers; 0 where there is no bar."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide = price * _SPLIT
        cut = wide - (wide - price)
        whole = np.clip(np.rint(cut * scale), -_LARGEST, _LARGEST)
    return np.where(np.isnan(whole), 0.0, whole)
