"""Opening hours, around both changes of the New York clock."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from holdfast.market.calendar import closed_between, is_open

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


def test_a_year_of_fx_is_closed_for_its_weekends() -> None:
    closed = closed_between("fx", np.array([at("2018-01-01T00:00")]), np.array([at("2019-01-01T00:00")]))
    assert closed[0] // HOUR == 52 * 48


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_crypto_never_closes(market: str) -> None:
    saturday = at("2018-01-06T12:00")
    assert is_open(market, saturday) and not is_open("fx", saturday)
    assert closed_between(market, np.array([0]), np.array([saturday])).tolist() == [0]
