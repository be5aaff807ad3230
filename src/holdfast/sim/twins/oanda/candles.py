"""Candles as v20 cuts them: aligned to minutes, to hours, or to the day that begins at 17:00 in New York, summer and
winter; a period without a price has no candle.

Pure: arrays of finer bars in, rows out. Nothing here knows a request or a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from holdfast.model.candle import CLOSE, HIGH, LOW, OPEN, VOLUME, Floats, Times
from holdfast.sim.twins.oanda.hours import NEW_YORK, day_start_ms, local_date

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
DAYS_OF_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Granularities by their length; the ones above an hour are aligned to the day, W and M to a day of theirs.
LENGTHS_MS = {
    **{f"S{n}": n * _SECOND for n in (5, 10, 15, 30)},
    **{f"M{n}": n * _MINUTE for n in (1, 2, 4, 5, 10, 15, 30)},
    **{f"H{n}": n * _HOUR for n in (1, 2, 3, 4, 6, 8, 12)},
    "D": _DAY,
    "W": 7 * _DAY,
    "M": 28 * _DAY,
}


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where days and weeks begin."""

    hour: int = 17
    zone: tzinfo = NEW_YORK
    weekday: int = DAYS_OF_WEEK.index("Friday")


@dataclass(frozen=True, slots=True)
class Periods:
    """N candles, oldest first: where each period starts and ends (ms), and open, high, low, close, volume."""

    start_ms: Times
    end_ms: Times
    values: Floats

    def __len__(self) -> int:
        return len(self.start_ms)

    def part(self, first: int, last: int) -> Periods:
        return Periods(self.start_ms[first:last], self.end_ms[first:last], self.values[first:last])


def cut(open_ms: Times, values: Floats, granularity: str, alignment: Alignment) -> Periods:
    """Bars (N,), (N, 5) of one symbol, oldest first, none longer than a period, as candles of `granularity`."""
    if not len(open_ms):
        return Periods(open_ms, open_ms, values)
    start_ms, end_ms = _bounds(open_ms, granularity, alignment)
    first = np.flatnonzero(np.concatenate(([True], start_ms[1:] != start_ms[:-1])))
    last = np.append(first[1:], len(start_ms)) - 1
    rows = np.empty((len(first), 5))
    rows[:, OPEN] = values[first, OPEN]
    rows[:, HIGH] = np.maximum.reduceat(values[:, HIGH], first)
    rows[:, LOW] = np.minimum.reduceat(values[:, LOW], first)
    rows[:, CLOSE] = values[last, CLOSE]
    rows[:, VOLUME] = np.add.reduceat(values[:, VOLUME], first)
    return Periods(start_ms[first], end_ms[first], rows)


def period_of(moment_ms: int, granularity: str, alignment: Alignment) -> tuple[int, int]:
    """The start and the end of the period in which a moment lies."""
    start_ms, end_ms = _bounds(np.array([moment_ms], dtype=np.int64), granularity, alignment)
    return int(start_ms[0]), int(end_ms[0])


def smoothed(periods: Periods) -> Periods:
    """Each candle opens where the one before closed; high and low reach that far."""
    values = periods.values.copy()
    values[1:, OPEN] = values[:-1, CLOSE]
    values[:, HIGH] = np.maximum(values[:, HIGH], values[:, OPEN])
    values[:, LOW] = np.minimum(values[:, LOW], values[:, OPEN])
    return Periods(periods.start_ms, periods.end_ms, values)


def read_zone(name: str) -> tzinfo | None:
    """A time zone by its name; None for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def _bounds(open_ms: Times, granularity: str, alignment: Alignment) -> tuple[Times, Times]:
    length_ms = LENGTHS_MS[granularity]
    if length_ms <= _HOUR:
        start_ms = open_ms - open_ms % length_ms
        return start_ms, start_ms + length_ms
    days = _turns(int(open_ms[0]), int(open_ms[-1]), granularity, alignment)
    at = np.searchsorted(days, open_ms, side="right")
    start_ms, end_ms = days[at - 1], days[at]
    if length_ms < _DAY:
        start_ms = start_ms + (open_ms - start_ms) // length_ms * length_ms
        end_ms = np.minimum(start_ms + length_ms, end_ms)
    return start_ms, end_ms


def _turns(first_ms: int, last_ms: int, granularity: str, alignment: Alignment) -> NDArray[np.int64]:
    """Where days (or weeks, or months) turn, from before the first moment until after the last."""
    around = timedelta(days={"W": 8, "M": 33}.get(granularity, 2))
    day, stop = local_date(first_ms, alignment.zone) - around, local_date(last_ms, alignment.zone) + around
    turns = []
    while day <= stop:
        # A month is aligned like a day: it begins on the evening before its first day.
        wanted = granularity not in ("W", "M")
        wanted |= granularity == "W" and day.weekday() == alignment.weekday
        wanted |= granularity == "M" and (day + timedelta(days=int(alignment.hour > 0))).day == 1
        if wanted:
            turns.append(day_start_ms(day, alignment.hour, alignment.zone))
        day += timedelta(days=1)
    return np.array(turns, dtype=np.int64)
