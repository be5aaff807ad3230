"""When a market is open. Crypto never closes; FX keeps the New York week and two holidays; any may pause for upkeep.

Only opening hours live here, as arithmetic on milliseconds since 1970 UTC; nothing reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from zoneinfo import ZoneInfo

import numpy as np

from holdfast.market.holidays import named_holidays
from holdfast.model.candle import Times
from holdfast.model.errors import BadInput

FX_MARKET = "fx"

_NEW_YORK = ZoneInfo("America/New_York")
_FIVE_PM = time(17)
_DAY = timedelta(days=1)
_DECADE_MS = 3652 * 86_400_000
_NEVER_MS = 2**60

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A market is closed in [start_ms, end_ms). `market` alone means that market on every venue."""

    market: str
    start_ms: int
    end_ms: int
    venue: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            raise BadInput(
                f"The maintenance of {self.market} ends before it begins.", "Give start_ms and a later end_ms."
            )


@dataclass(frozen=True, slots=True)
class DailyBreak:
    """Every day a market rests for `minutes` from `at` (New York time), as OANDA does about 17:00."""

    market: str
    at: time
    minutes: int
    venue: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.minutes < 1440 or self.at.tzinfo is not None:
            raise BadInput(
                f"The daily break of {self.market} lasts {self.minutes} minutes.",
                "Set 1 to 1439 minutes, from a time of day without a zone.",
            )


@dataclass(frozen=True)
class Calendar:
    """The opening hours of every market, and what the owner knows beside them."""

    maintenance: tuple[Maintenance, ...] = ()
    breaks: tuple[DailyBreak, ...] = ()

    def is_open(self, market: str, moment_ms: int, venue: str = "") -> bool:
        """Whether `market` (spot, usdm, fx) trades at this moment. The FX week: Sunday 17:00 to Friday 17:00 New York;
        Christmas Day and New Year's Day are closed from 17:00 the day before to 17:00."""
        moment = np.array([moment_ms])
        return bool(self.closed_between(market, moment, moment + 1, venue)[0] == 0)

    def closed_between(self, market: str, start_ms: Times, end_ms: Times, venue: str = "") -> Times:
        """How many milliseconds of [start, end) the market is closed, element by element; start <= end."""
        if len(start_ms) == 0 or not self._closes(market, venue):
            return np.zeros(len(start_ms), dtype=np.int64)
        closings, openings, closed_before = self._closures(market, venue, *_decades(start_ms.min(), end_ms.max()))

        def closed_until(moment_ms: Times) -> Times:
            last = np.searchsorted(closings, moment_ms, side="right") - 1
            return closed_before[last] + np.minimum(moment_ms, openings[last]) - closings[last]

        return closed_until(end_ms) - closed_until(start_ms)

    def next_open_ms(self, market: str, moment_ms: int, venue: str = "") -> int:
        """The first moment from this one on at which the market trades: this one itself when it is open."""
        if not self._closes(market, venue):
            return moment_ms
        closings, openings, _ = self._closures(market, venue, *_decades(moment_ms, moment_ms))
        last = int(np.searchsorted(closings, moment_ms, side="right")) - 1
        return max(moment_ms, int(openings[last]))

    def next_close_ms(self, market: str, moment_ms: int, venue: str = "") -> int | None:
        """The first moment from this one on at which the market is closed; None for one that is not known to close."""
        if not self.is_open(market, moment_ms, venue):
            return moment_ms
        if not self._closes(market, venue):
            return None
        closings, _, _ = self._closures(market, venue, *_decades(moment_ms, moment_ms))
        following = int(closings[int(np.searchsorted(closings, moment_ms, side="right"))])
        return following if following < _NEVER_MS else None

    def _closes(self, market: str, venue: str) -> bool:
        rests: tuple[Maintenance | DailyBreak, ...] = (*self.maintenance, *self.breaks)
        return market == FX_MARKET or any(_concerns(rest, market, venue) for rest in rests)

    def _closures(self, market: str, venue: str, first_decade: int, last_decade: int) -> tuple[Times, Times, Times]:
        key = (market, venue, first_decade, last_decade)
        if key not in self._worked_out:
            days = list(_days(first_decade, last_decade))
            rests = [(rest.start_ms, rest.end_ms) for rest in self.maintenance if _concerns(rest, market, venue)]
            for daily in self.breaks:
                if _concerns(daily, market, venue):
                    begins = (_new_york_ms(day, daily.at) for day in days)
                    rests += [(begin_ms, begin_ms + daily.minutes * 60_000) for begin_ms in begins]
            if market == FX_MARKET:
                rests += _fx_closures(first_decade, last_decade)
            self._worked_out[key] = _merged(rests)
        return self._worked_out[key]

    @cached_property
    def _worked_out(self) -> dict[tuple[str, str, int, int], tuple[Times, Times, Times]]:
        return {}


def _concerns(rest: Maintenance | DailyBreak, market: str, venue: str) -> bool:
    return rest.market == market and rest.venue in ("", venue)


PLAIN = Calendar()
is_open = PLAIN.is_open
closed_between = PLAIN.closed_between


def _decades(first_ms: int, last_ms: int) -> tuple[int, int]:
    return int(first_ms) // _DECADE_MS, int(last_ms) // _DECADE_MS


def _days(first_decade: int, last_decade: int) -> Iterator[date]:
    """Every day of these decades, with more than a week to spare on both sides."""
    first = date(1970, 1, 1) + timedelta(days=first_decade * 3652 - 9)
    return (first + timedelta(days=number) for number in range((last_decade + 1 - first_decade) * 3652 + 18))


@cache
def _fx_closures(first_decade: int, last_decade: int) -> tuple[Interval, ...]:
    days = list(_days(first_decade, last_decade))
    holidays = named_holidays(days[0].year, days[-1].year)
    weekends = ((day, day + 2 * _DAY) for day in days if day.weekday() == 4)
    spans = (*weekends, *((day - _DAY, day) for day in holidays))
    return tuple((_new_york_ms(begin, _FIVE_PM), _new_york_ms(end, _FIVE_PM)) for begin, end in spans)


def _merged(intervals: Iterable[Interval]) -> tuple[Times, Times, Times]:
    """Closings, openings, and the closed time before each, ascending and apart; one empty interval stands far before
    and one far after them, so that every moment has a closing before it and one after it."""
    merged: list[list[int]] = [[-_NEVER_MS, -_NEVER_MS]]
    for begin, end in sorted(intervals):
        if begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    merged.append([_NEVER_MS, _NEVER_MS])
    closings, openings = np.array(merged, dtype=np.int64).T
    return closings, openings, np.concatenate(([0], np.cumsum(openings - closings)[:-1]))


def _new_york_ms(day: date, at: time) -> int:
    """When New York's clocks show that time on that day; the first such moment where they show it twice."""
    return (datetime.combine(day, at, _NEW_YORK) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
