"""The days on which a market does not trade at all, by name, from the `holidays` package: which date a name falls on is
the business of a calendar that others keep. Nothing here knows an hour or a zone.
"""

from __future__ import annotations

from datetime import date
from functools import cache

# Foreign exchange closes on these two alone: on every other holiday some of its centres trade.
FX_HOLIDAYS = ("New Year's Day", "Christmas Day")


@cache
def named_holidays(first_year: int, last_year: int, names: tuple[str, ...] = FX_HOLIDAYS) -> tuple[date, ...]:
    """The dates of these public holidays of the United States, years inclusive, ascending. A holiday on a weekend
    stays there: foreign exchange does not move it to a working day."""
    # Imported when first asked for: it costs tens of milliseconds, and crypto has no holidays.
    from holidays import country_holidays

    wanted = frozenset(names)
    found = country_holidays("US", years=range(first_year, last_year + 1), observed=False, language="en_US")
    return tuple(sorted(day for day, name in found.items() if name in wanted and first_year <= day.year <= last_year))
