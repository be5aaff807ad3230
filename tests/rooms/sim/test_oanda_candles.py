"""When the OANDA twin's market is open, and how it cuts candles: New York's days in summer and in winter."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oanda_market import MINUTE_MS, Bars, flat, ms, recording_of

from holdfast.model.timeframe import Timeframe
from holdfast.sim.twins.market import MarketSource, Tape
from holdfast.sim.twins.oanda.candles import LENGTHS_MS, Alignment, cut, period_of
from holdfast.sim.twins.oanda.history import candles_json, read_query
from holdfast.sim.twins.oanda.hours import end_of_day_ms, is_open
from holdfast.sim.twins.oanda.instruments import list_tradables
from holdfast.sim.twins.oanda.wire import Moment, Refusal, encode, read_moment
from holdfast.world.recording import read_recording

HOUR_MS = 60 * MINUTE_MS
EUR_USD = list_tradables({"EUR_USD": 5}, "USD")["EUR_USD"]


def tape_of(bars: Bars, timeframe: Timeframe = Timeframe.M1) -> Tape:
    recording = recording_of({"EUR_USD": bars}, timeframe)
    return MarketSource(recording, recording.first_open_ms).tapes["EUR_USD"]


def candles(tape: Tape, now: str | int, **query: str) -> list[dict[str, Any]]:
    now_ms = ms(now) if isinstance(now, str) else now
    found = candles_json(tape, EUR_USD, read_query(query, now_ms), now_ms)["candles"]
    return [row | {"time": utc(row["time"].ms)} for row in found]


def utc(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2018-03-09 21:59", True),  # Friday, New York still keeps winter time: 16:59 there
        ("2018-03-09 22:00", False),
        ("2018-03-10 12:00", False),
        ("2018-03-11 20:59", False),  # Sunday, the clocks went forward in the night
        ("2018-03-11 21:00", True),
        ("2018-03-16 20:59", True),
        ("2018-03-16 21:00", False),
        ("2018-11-02 20:59", True),
        ("2018-11-02 21:00", False),
        ("2018-11-04 21:59", False),  # Sunday, the clocks went back
        ("2018-11-04 22:00", True),
        ("2018-11-07 03:00", True),
    ],
)
def test_the_week_keeps_new_yorks_time_around_both_changes(moment: str, open_: bool) -> None:
    assert is_open(ms(moment)) is open_


def test_the_day_ends_at_five_in_new_york() -> None:
    assert utc(end_of_day_ms(ms("2018-03-10 21:59"))) == "2018-03-10 22:00:00"
    assert utc(end_of_day_ms(ms("2018-03-10 22:00"))) == "2018-03-11 21:00:00"
    assert utc(end_of_day_ms(ms("2018-03-11 21:00"))) == "2018-03-12 21:00:00"


@pytest.mark.parametrize(
    ("granularity", "moment", "start", "end"),
    [
        ("S10", "2018-03-07 12:34:56", "2018-03-07 12:34:50", "2018-03-07 12:35:00"),
        ("M4", "2018-03-07 12:34:56", "2018-03-07 12:32:00", "2018-03-07 12:36:00"),
        ("H1", "2018-03-07 12:34", "2018-03-07 12:00:00", "2018-03-07 13:00:00"),
        ("H4", "2018-03-07 12:34", "2018-03-07 10:00:00", "2018-03-07 14:00:00"),
        ("H4", "2018-07-04 12:34", "2018-07-04 09:00:00", "2018-07-04 13:00:00"),
        ("D", "2018-03-07 12:34", "2018-03-06 22:00:00", "2018-03-07 22:00:00"),
        ("D", "2018-03-11 12:00", "2018-03-10 22:00:00", "2018-03-11 21:00:00"),  # a day of 23 hours
        ("D", "2018-11-04 12:00", "2018-11-03 21:00:00", "2018-11-04 22:00:00"),  # a day of 25 hours
        ("H12", "2018-11-04 21:30", "2018-11-04 21:00:00", "2018-11-04 22:00:00"),  # its last hour
        ("W", "2018-03-07 12:34", "2018-03-02 22:00:00", "2018-03-09 22:00:00"),
        ("M", "2018-03-07 12:34", "2018-02-28 22:00:00", "2018-03-31 21:00:00"),
    ],
)
def test_periods_are_aligned_as_the_venue_aligns_them(granularity: str, moment: str, start: str, end: str) -> None:
    found = period_of(ms(moment), granularity, Alignment())
    assert tuple(map(utc, found)) == (start, end)


def test_periods_can_be_aligned_elsewhere() -> None:
    query = read_query(
        {"granularity": "W", "dailyAlignment": "0", "alignmentTimezone": "Europe/Berlin", "weeklyAlignment": "Monday"},
        ms("2018-07-05 00:00"),
    )
    assert tuple(map(utc, period_of(ms("2018-07-04 12:00"), "W", query.alignment))) == (
        "2018-07-01 22:00:00",
        "2018-07-08 22:00:00",
    )


@pytest.mark.parametrize("granularity", [name for name, length in LENGTHS_MS.items() if length >= HOUR_MS])
def test_every_recorded_hour_is_in_exactly_one_period(granularity: str, project_data: Path) -> None:
    recording = read_recording(project_data / "oanda_fx_2018_skyline" / "candles_1h.parquet")
    found = cut(recording.open_time_ms, recording.values, granularity, Alignment())
    assert (found.start_ms[1:] >= found.end_ms[:-1]).all()
    assert (found.end_ms > found.start_ms).all()
    at = np.searchsorted(found.start_ms, recording.open_time_ms, side="right") - 1
    assert (recording.open_time_ms < found.end_ms[at]).all()
    assert found.values[:, 4].sum() == pytest.approx(recording.values[:, 4].sum())
    assert found.values[:, 1].max() == recording.values[:, 1].max()
    assert len(set(at.tolist())) == len(found)


def test_a_period_without_a_price_has_no_candle() -> None:
    start = ms("2018-03-07 12:00")
    tape = tape_of([*flat(start, [1.1, 1.2]), *flat(start + 10 * MINUTE_MS, [1.3])])
    found = candles(tape, "2018-03-07 12:11", granularity="M1")
    assert [row["time"][11:16] for row in found] == ["12:00", "12:01", "12:10"]
    assert all(row["complete"] for row in found)


def test_the_forming_candle_is_there_and_not_complete() -> None:
    start = ms("2018-03-07 12:00")
    tape = tape_of([(start, 1.1, 1.4, 1.0, 1.3, 60.0)])
    assert candles(tape, start - 1, granularity="M1") == []
    half = candles(tape, start + 30_000, granularity="M1")
    assert half == [
        {
            "complete": False,
            "volume": 30,
            "time": "2018-03-07 12:00:00",
            "mid": {"o": "1.10000", "h": "1.20000", "l": "1.00000", "c": "1.20000"},
        }
    ]
    whole = candles(tape, start + MINUTE_MS, granularity="M1")
    assert (whole[0]["complete"], whole[0]["mid"]) == (
        True,
        {"o": "1.10000", "h": "1.40000", "l": "1.00000", "c": "1.30000"},
    )


def test_finer_candles_than_the_recordings_lie_on_the_path_of_its_prices() -> None:
    start = ms("2018-03-07 12:00")
    tape = tape_of([(start, 1.1, 1.4, 1.0, 1.3, 60.0)])
    found = candles(tape, start + MINUTE_MS)
    assert [row["time"][-2:] for row in found] == [f"{second:02d}" for second in range(0, 60, 5)]
    assert max(row["mid"]["h"] for row in found) == "1.40000"
    assert min(row["mid"]["l"] for row in found) == "1.00000"
    assert (found[0]["mid"]["o"], found[-1]["mid"]["c"]) == ("1.10000", "1.30000")
    assert all(earlier["mid"]["c"] == later["mid"]["o"] for earlier, later in pairwise(found))


def test_count_from_and_to_choose_candles() -> None:
    start = ms("2018-03-07 12:00")
    tape, now = tape_of(flat(start, [1.0 + number / 100 for number in range(10)])), "2018-03-07 12:10"
    assert [row["mid"]["o"] for row in candles(tape, now, granularity="M1", count="2")] == ["1.08000", "1.09000"]
    since = {"granularity": "M1", "from": "2018-03-07T12:03:00Z"}
    assert [row["time"][14:16] for row in candles(tape, now, **since, count="2")] == ["03", "04"]
    assert [row["time"][14:16] for row in candles(tape, now, **since, count="2", includeFirst="false")] == ["04", "05"]
    until = {"to": "2018-03-07T12:06:00.000000000Z"}
    assert [row["time"][14:16] for row in candles(tape, now, **since, **until)] == ["03", "04", "05"]
    assert [row["time"][14:16] for row in candles(tape, now, granularity="M1", count="2", **until)] == ["04", "05"]
    wide = candles(tape, now, granularity="M5", **{"from": "1520424180", "to": "1520424420"})
    assert [(row["time"][14:16], row["mid"]["c"]) for row in wide] == [("00", "1.04000"), ("05", "1.09000")]


def test_a_smoothed_candle_opens_where_the_one_before_closed() -> None:
    start = ms("2018-03-07 12:00")
    tape = tape_of(flat(start, [1.1, 1.2, 1.3]))
    found = candles(tape, "2018-03-07 12:03", granularity="M1", smooth="true", **{"from": "2018-03-07T12:01:00Z"})
    assert [(row["mid"]["o"], row["mid"]["l"], row["mid"]["c"]) for row in found] == [
        ("1.10000", "1.10000", "1.20000"),
        ("1.20000", "1.20000", "1.30000"),
    ]


def test_bid_and_ask_lie_on_both_sides_of_the_middle() -> None:
    start = ms("2018-03-07 12:00")
    (row,) = candles(tape_of(flat(start, [1.2])), "2018-03-07 12:01", granularity="M1", price="BAM")
    bid, middle, ask = (Decimal(row[side]["c"]) for side in ("bid", "mid", "ask"))
    assert middle - bid == ask - middle > 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"granularity": "M7"}, "Invalid value specified for 'granularity'"),
        ({"price": "MX"}, "Invalid value specified for 'price'"),
        ({"count": "5001"}, "Maximum value for 'count' exceeded"),
        ({"count": "0"}, "Invalid value specified for 'count'"),
        ({"from": "yesterday"}, "Invalid value specified for 'from'"),
        ({"to": "2030-01-01T00:00:00Z"}, "Invalid value specified for 'to'. Time is in the future"),
        ({"from": "2018-01-01T00:00:00Z", "to": "2018-03-01T00:00:00Z"}, "Maximum value for 'count' exceeded"),
        ({"from": "2018-01-02T00:00:00Z", "to": "2018-01-01T00:00:00Z"}, "Invalid value specified for 'to'"),
        ({"alignmentTimezone": "Mars/Olympus"}, "Invalid value specified for 'alignmentTimezone'"),
        ({"weeklyAlignment": "Someday"}, "Invalid value specified for 'weeklyAlignment'"),
        ({"dailyAlignment": "24"}, "Invalid value specified for 'dailyAlignment'"),
        ({"smooth": "perhaps"}, "Invalid value specified for 'smooth'"),
    ],
)
def test_a_wrong_query_is_refused_in_the_venues_words(query: dict[str, str], message: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_query(query, ms("2018-03-07 12:00"))
    assert (refusal.value.status, refusal.value.body) == (400, {"errorMessage": message})


def test_moments_are_read_and_written_in_both_formats() -> None:
    moment = Moment(ms("2016-10-17 19:35") + 123)
    assert moment.text(unix=False) == "2016-10-17T19:35:00.123000000Z"
    assert moment.text(unix=True) == "1476732900.123000000"
    for text in (moment.text(unix=True), moment.text(unix=False), "2016-10-17T21:35:00.123+02:00"):
        assert read_moment(text, "from") == moment.ms
    assert (
        encode({"a": [moment], "b": None, "c": Decimal("1E+2")}, unix=True)
        == b'{"a":["1476732900.123000000"],"c":"100"}'
    )
