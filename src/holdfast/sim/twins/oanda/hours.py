"""The week of the foreign exchange market, which keeps New York's time: it opens on Sunday 17:00 and closes on Friday
17:00, whatever UTC says. Where days begin is here too. Holidays are not: a recording has no candles on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TURN_HOUR = 17
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6


def is_open(moment_ms: int) -> bool:
    """Whether the market trades at that moment."""
    local = datetime.fromtimestamp(moment_ms / 1000, NEW_YORK)
    day = local.weekday()
    if day == _SUNDAY:
        return local.hour >= _TURN_HOUR
    return day != _SATURDAY and not (day == _FRIDAY and local.hour >= _TURN_HOUR)


def day_start_ms(day: date, hour: int, zone: tzinfo) -> int:
    """When the clocks of `zone` show `hour` on that day; the first such moment where they show it twice."""
    local = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
    return (local.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def local_date(moment_ms: int, zone: tzinfo) -> date:
    """The date that the calendars of `zone` show at that moment."""
    return datetime.fromtimestamp(moment_ms / 1000, zone).date()


def end_of_day_ms(moment_ms: int) -> int:
    """When an order that is good for the day ends: the next 17:00 in New York."""
    day = local_date(moment_ms, NEW_YORK)
    end_ms = day_start_ms(day, _TURN_HOUR, NEW_YORK)
    return end_ms if end_ms > moment_ms else day_start_ms(day + timedelta(days=1), _TURN_HOUR, NEW_YORK)
