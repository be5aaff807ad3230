"""Doubles ⇄ exact decimals as integers: how a price of 37000.1 is stored as 370001 tenths and comes back as itself.

Arithmetic only: no files, no candles. "The decimal of a double" is the shortest one that gives the double back, as
`repr` prints it: what the venue wrote, up to 15 significant digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import Floats

Stored = int | bytes  # bytes are the decimal text of an integer beyond 64 bits; SQLite would round it as a number

INT64_MAX = 2**63 - 1
_EXACT_DOUBLE = 2**53  # every integer up to here is a double
_MOST_PLACES = 22  # the last power of ten that is a double
_SURE_UNITS = 1e15  # below, at most one decimal of so many places rounds to a given double
_POWERS = 10 ** np.arange(19, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Decimals:
    """N decimals, each `units` × 10^-`places` with the fewest places. `long` holds the units, by index, of those with
    more than 15 significant digits (their `units` are 0)."""

    units: NDArray[np.int64]
    places: NDArray[np.int64]
    long: dict[int, int]


def decimals_of(values: Floats) -> Decimals:
    """The shortest decimals of finite doubles (N,).

    If |units| < 10^15 and units / 10^places is the double again (division of two exact doubles rounds correctly),
    then no other decimal of as many places is nearer, so it is the shortest. What finds no such form goes by `repr`.
    """
    units = np.zeros(len(values), dtype=np.int64)
    places = np.zeros(len(values), dtype=np.int64)
    open_at = np.arange(len(values))
    long: list[NDArray[np.intp]] = []
    for count in range(_MOST_PLACES + 1):
        scaled = np.rint(values[open_at] * 10.0**count)
        small = np.abs(scaled) < _SURE_UNITS
        found = small & (scaled / 10.0**count == values[open_at])
        units[open_at[found]] = scaled[found].astype(np.int64)
        places[open_at[found]] = count
        long.append(open_at[~small])
        open_at = open_at[small & ~found]
        if not len(open_at):
            break
    long.append(open_at)
    by_text = {}
    for index in np.concatenate(long).tolist():
        by_text[index], places[index] = _by_text(float(values[index]))
    return Decimals(units, places, by_text)


def _by_text(value: float) -> tuple[int, int]:
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int), value
    units = int("".join(map(str, digits))) * (-1 if sign else 1)
    return (units, -exponent) if exponent < 0 else (units * 10**exponent, 0)


def to_stored(decimals: Decimals, places: NDArray[np.int64]) -> list[Stored]:
    """Each decimal as an integer of 10^-`places` (N,), none of which may be fewer than the decimal needs."""
    shift = places - decimals.places
    factor = _POWERS[np.minimum(shift, len(_POWERS) - 1)]
    fits = (np.abs(decimals.units) <= INT64_MAX // factor) & (shift < len(_POWERS)) | (decimals.units == 0)
    column: list[Stored] = (decimals.units * np.where(fits, factor, 0)).tolist()
    for index in np.flatnonzero(~fits).tolist():
        column[index] = as_stored(int(decimals.units[index]) * 10 ** int(shift[index]))
    for index, units in decimals.long.items():
        column[index] = as_stored(units * 10 ** int(shift[index]))
    return column


def as_stored(units: int) -> Stored:
    """The integer itself when it fits into 64 bits, else its decimal text as bytes."""
    return units if -INT64_MAX <= units <= INT64_MAX else str(units).encode()


def rescaled(stored: Stored | None, more_places: int) -> Stored | None:
    """The same value in units that are 10^`more_places` times smaller."""
    return None if stored is None else as_stored(int(stored) * 10**more_places)


def to_decimal(stored: Stored, places: int) -> Decimal:
    """The exact value, in its shortest plain form: 37000.1, and 100 rather than 1E+2."""
    units = int(stored)
    while places and units % 10 == 0:
        units //= 10
        places -= 1
    return Decimal(f"{units}E-{places}")


def to_doubles(column: Sequence[Stored | None], places: int) -> Floats:
    """The doubles (N,) that `decimals_of` was given; NaN for None."""
    if places <= _MOST_PLACES and set(map(type, column)) <= {int}:
        units = np.array(column, dtype=np.int64)
        if np.abs(units).max(initial=0) <= _EXACT_DOUBLE:
            return units / 10.0**places
    power = 10**places  # dividing Python's integers rounds correctly, however long they are
    return np.array([np.nan if stored is None else int(stored) / power for stored in column], dtype=np.float64)
