"""When a market is open. Crypto never closes; FX keeps the New York week.

Only opening hours live here, as arithmetic on milliseconds since 1970 UTC; nothing reads a clock.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from holdfast.model.candle import Times

FX_MARKET = "fx"

_NEW_YORK = ZoneInfo("America/New_York")
_FIVE_PM = time(17)
_FRIDAY_TO_SUNDAY = timedelta(days=2)
_DECADE_MS = 3652 * 86_400_000


def is_open(market: str, moment_ms: int) -> bool:
    """Whether `market` (spot, usdm, fx) trades at this moment. The FX week: Sunday 17:00 to Friday 17:00 New York."""
    return bool(closed_between(market, np.array([moment_ms]), np.array([moment_ms + 1]))[0] == 0)


def closed_between(market: str, start_ms: Times, end_ms: Times) -> Times:
    """How many milliseconds of [start, end) the market is closed, element by element; start <= end."""
    if market != FX_MARKET or len(start_ms) == 0:
        return np.zeros(len(start_ms), dtype=np.int64)
    closings, openings, closed_before = _weekends(int(start_ms.min()) // _DECADE_MS, int(end_ms.max()) // _DECADE_MS)

    def closed_until(moment_ms: Times) -> Times:
        week = np.searchsorted(closings, moment_ms, side="right") - 1
        return closed_before[week] + np.minimum(moment_ms, openings[week]) - closings[week]

    return closed_until(end_ms) - closed_until(start_ms)


@cache
def _weekends(first_decade: int, last_decade: int) -> tuple[Times, Times, Times]:
    """Closings, openings and the closed time before each, with a week to spare on both sides of those decades."""
    friday = date(1970, 1, 2) + timedelta(weeks=first_decade * _DECADE_MS // (7 * 86_400_000) - 1)
    weeks = (last_decade + 1 - first_decade) * _DECADE_MS // (7 * 86_400_000) + 4
    fridays = [friday + timedelta(weeks=week) for week in range(weeks)]
    closings = np.array([_new_york_ms(day) for day in fridays], dtype=np.int64)
    openings = np.array([_new_york_ms(day + _FRIDAY_TO_SUNDAY) for day in fridays], dtype=np.int64)
    closed_before = np.concatenate(([0], np.cumsum(openings - closings)[:-1]))
    return closings, openings, closed_before


def _new_york_ms(day: date) -> int:
    return int(datetime.combine(day, _FIVE_PM, _NEW_YORK).timestamp()) * 1000
