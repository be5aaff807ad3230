"""The charts as options: what is drawn where, before any browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fixture_view import BTC_SPOT, HOUR_MS, START_MS, FixtureView, walk

from holdfast.api import examples
from holdfast.api.views import EquityPointView, FillView
from holdfast.cockpit import candles
from holdfast.cockpit.equity import curve_options, thinned
from holdfast.model.symbol import Symbol

BARS = walk(BTC_SPOT, 10)


def _fill(at_ms: int, **changes: Any) -> FillView:
    return examples.FILL.model_copy(update={"time_ms": at_ms, **changes})


def _chart(fills: list[FillView] | None = None, held: bool = False) -> dict[str, Any]:
    position = FixtureView(10).positions()[0] if held else None
    return candles.options(BARS, frame_ms=HOUR_MS, fills=fills or [], position=position)


def _series(chart: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [series for series in chart["series"] if series["name"] == name]
    return found


def test_a_bar_is_drawn_as_open_close_low_high() -> None:
    first = BARS[0]
    drawn = _series(_chart(), "price")["data"][0]
    assert drawn == [float(first.open), float(first.close), float(first.low), float(first.high)]


def test_a_fill_stands_at_the_bar_it_fell_into_buys_below_and_sells_above() -> None:
    chart = _chart(
        [
            _fill(START_MS + 3 * HOUR_MS, leg="entry", side="buy"),
            _fill(START_MS + 5 * HOUR_MS - 1, leg="stop", side="sell"),
        ]
    )
    (entry,), (out,) = _series(chart, "entries")["data"], _series(chart, "exits")["data"]
    assert entry["value"] == [3, float(BARS[3].low)] and entry["symbol"] == "triangle"
    assert out["value"] == [4, float(BARS[4].high)] and out["symbol"] == "diamond"
    assert "▲ buy 0.020 at 50,349.37" in entry["words"] and out["name"] == "stop"


def test_fills_before_the_first_and_after_the_last_bar_are_left_out() -> None:
    chart = _chart([_fill(START_MS - 1), _fill(START_MS + 10 * HOUR_MS)])
    assert not _series(chart, "entries")["data"] and not _series(chart, "exits")["data"]


def test_the_lines_of_a_position_are_drawn_and_lie_inside_the_axis() -> None:
    chart = _chart(held=True)
    lines = _series(chart, "price")["markLine"]["data"]
    assert [line["label"]["formatter"].split()[0] for line in lines] == ["entry", "stop", "target"]
    axis = chart["yAxis"][0]
    assert all(axis["min"] < line["yAxis"] < axis["max"] for line in lines)


def test_a_position_without_stop_and_target_shows_only_its_entry() -> None:
    assert len(candles.position_lines(FixtureView(10).positions()[1])) == 1
    assert candles.position_lines(None) == []


def test_a_symbol_without_volume_has_no_volume_and_its_times_under_the_price() -> None:
    bars = walk(Symbol("oanda", "fx", "EUR_USD"), 5)
    chart = candles.options(bars, frame_ms=HOUR_MS, fills=[], position=None)
    assert _series(chart, "volume")["data"] == [None] * 5
    assert [axis["axisLabel"]["show"] for axis in chart["xAxis"]] == [True, False]


def test_the_options_are_plain_json() -> None:
    curve = FixtureView(50).performance()[0].equity_curve
    for options in (_chart([_fill(START_MS)], held=True), curve_options(curve, "10000")):
        assert json.dumps(options, allow_nan=False)


@pytest.mark.parametrize("count", [0, 1, 399, 400, 401, 5_000])
def test_a_thinned_curve_keeps_its_lowest_its_highest_and_its_last_point(count: int) -> None:
    curve = [_point(i, 1_000 + (i * 7_919) % 977) for i in range(count)]
    kept = thinned(curve, 400)
    assert len(kept) <= 410 and [point.time_ms for point in kept] == sorted({point.time_ms for point in kept})
    if curve:
        worth = [float(point.equity) for point in curve]
        assert {min(worth), max(worth)} <= {float(point.equity) for point in kept} and kept[-1] == curve[-1]


def test_the_fall_from_the_peak_is_drawn_in_per_cent() -> None:
    options = curve_options([_point(0, 100), _point(1, 95, peak=100)], "100")
    assert [value for _, value in options["series"][1]["data"]] == [0.0, -5.0]


def _point(i: int, equity: int, peak: int | None = None) -> EquityPointView:
    return examples.POINT.model_copy(
        update={"time_ms": START_MS + i, "equity": str(equity), "peak": str(peak or equity)}
    )
