"""Opening hours, around both changes of the New York clock."""

from __future__ import annotations

from datetime import UTC, datetime, time

import numpy as np
import pytest

from holdfast.market.calendar import Calendar, DailyBreak, Maintenance, closed_between, is_open
from holdfast.model.errors import BadInput

HOUR = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("closing", "opening", "hours"),
    [
        ("2018-01-05T22:00", "2018-01-07T22:00", 48),  # winter
        ("2018-03-09T22:00", "2018-03-11T21:00", 47),  # clocks go forward on that Sunday
        ("2018-03-23T21:00", "2018-03-25T21:00", 48),  # summer in New York, winter in London still
        ("2018-07-06T21:00", "2018-07-08T21:00", 48),  # summer
        ("2018-11-02T21:00", "2018-11-04T22:00", 49),  # clocks go back on that Sunday
        ("1999-12-31T22:00", "2000-01-02T22:00", 48),
    ],
)
def test_the_fx_week_runs_from_sunday_to_friday_five_o_clock_in_new_york(
    closing: str, opening: str, hours: int
) -> None:
    closes, opens = at(closing), at(opening)
    assert is_open("fx", closes - 1) and not is_open("fx", closes)
    assert not is_open("fx", opens - 1) and is_open("fx", opens)
    start = np.array([closes - HOUR, closes, closes + HOUR, opens, closes - 60 * HOUR])
    end = np.array([opens + HOUR, opens, opens - HOUR, opens + HOUR, closes - HOUR])
    assert (closed_between("fx", start, end) // HOUR).tolist() == [hours, hours, hours - 2, 0, 0]


def test_a_year_of_fx_is_closed_for_its_weekends_and_two_holidays() -> None:
    closed = closed_between("fx", np.array([at("2018-01-01T00:00")]), np.array([at("2019-01-01T00:00")]))
    new_year, christmas, next_new_year = 22, 24, 2  # hours of each that lie within the year, as UTC counts it
    assert closed[0] // HOUR == 52 * 48 + new_year + christmas + next_new_year


@pytest.mark.parametrize(
    ("closing", "opening", "hours"),
    [
        ("2018-12-24T22:00", "2018-12-25T22:00", 24),  # Christmas on a Tuesday
        ("2018-12-31T22:00", "2019-01-01T22:00", 24),
        ("2017-12-22T22:00", "2017-12-25T22:00", 72),  # on a Monday: the weekend is a day longer
        ("2015-12-24T22:00", "2015-12-27T22:00", 72),  # on a Friday: it begins a day earlier
        ("2016-12-23T22:00", "2016-12-25T22:00", 48),  # on a Sunday, and no other day in its place
        ("2010-12-31T22:00", "2011-01-02T22:00", 48),  # New Year's Day on a Saturday
        ("2024-11-01T21:00", "2024-11-03T22:00", 49),  # the clocks went back, no holiday near
        ("2025-03-07T22:00", "2025-03-09T21:00", 47),  # the clocks went forward
    ],
)
def test_fx_rests_on_christmas_and_new_year_by_new_york_days(closing: str, opening: str, hours: int) -> None:
    closes, opens = at(closing), at(opening)
    assert [is_open("fx", moment) for moment in (closes - 1, closes, opens - 1, opens)] == [True, False, False, True]
    assert closed_between("fx", np.array([closes - HOUR]), np.array([opens + HOUR]))[0] == hours * HOUR


def test_other_public_holidays_do_not_close_fx() -> None:
    assert is_open("fx", at("2018-07-04T15:00")) and is_open("fx", at("2018-11-22T15:00"))


def test_the_calendar_tells_when_a_market_opens_and_closes_next() -> None:
    plain, saturday = Calendar(), at("2018-01-06T12:00")
    assert plain.next_open_ms("fx", saturday) == at("2018-01-07T22:00")
    assert plain.next_close_ms("fx", saturday) == saturday
    assert plain.next_close_ms("fx", at("2018-01-08T12:00")) == at("2018-01-12T22:00")
    assert plain.next_open_ms("spot", saturday) == saturday and plain.next_close_ms("spot", saturday) is None


def test_maintenance_closes_one_market_of_one_venue_and_only_then() -> None:
    begin, end = at("2026-03-08T06:00"), at("2026-03-08T08:00")
    calendar = Calendar(maintenance=(Maintenance("spot", begin, end, venue="binance"),))
    assert calendar.is_open("spot", begin - 1, "binance") and not calendar.is_open("spot", begin, "binance")
    assert calendar.is_open("spot", end, "binance") and calendar.is_open("spot", begin, "kraken")
    assert calendar.is_open("usdm", begin, "binance")
    assert calendar.next_open_ms("spot", begin + HOUR, "binance") == end
    assert calendar.next_close_ms("spot", begin - HOUR, "binance") == begin
    assert calendar.next_close_ms("spot", end, "binance") is None


def test_a_daily_break_keeps_new_york_time_through_both_changes_of_its_clocks() -> None:
    calendar = Calendar(breaks=(DailyBreak("fx", time(16, 59), 6),))
    for closes in ("2018-03-08T21:59", "2018-03-12T20:59", "2018-11-01T20:59", "2018-11-05T21:59"):
        begin = at(closes)
        assert calendar.is_open("fx", begin - 1) and not calendar.is_open("fx", begin)
        assert calendar.next_open_ms("fx", begin) == begin + 6 * 60_000
    friday = at("2018-03-09T21:59")  # the break runs into the weekend: one closure, counted once
    assert calendar.next_open_ms("fx", friday) == at("2018-03-11T21:05")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Maintenance("spot", 10, 10),
        lambda: DailyBreak("fx", time(17), 0),
        lambda: DailyBreak("fx", time(17), 1440),
    ],
)
def test_a_rest_without_a_length_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_crypto_never_closes(market: str) -> None:
    saturday = at("2018-01-06T12:00")
    assert is_open(market, saturday) and not is_open("fx", saturday)
    assert closed_between(market, np.array([0]), np.array([saturday])).tolist() == [0]
