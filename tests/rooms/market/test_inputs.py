"""Optional columns: what was known when a bar closed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.market.inputs import AsOf, Decayed, Inputs
from holdfast.model.candle import Times
from holdfast.model.symbol import Symbol
from holdfast.model.window import FUNDING_RATE, HEADLINE_COUNT, HEADLINE_TONE, HEADLINE_WEIGHT, Window

HOUR = 3_600_000
BITCOIN, TETHERED, ETHER = (Symbol("binance", "usdm", name) for name in ("BTCUSDT", "BTCUSDC", "ETHUSDT"))


def window_of(opened: Times) -> Window:
    prices = np.where(opened > 0, 1.0, np.nan)
    return Window(HOUR, opened, prices, prices, prices, prices, prices)


def hours(*numbers: float) -> Times:
    return np.array([int(number * HOUR) for number in numbers], dtype=np.int64)


def test_a_rate_is_seen_from_the_bar_that_closes_with_it_until_it_is_too_old() -> None:
    inputs = Inputs([BITCOIN, ETHER])
    inputs.attach(FUNDING_RATE, BITCOIN, AsOf(hours(12, 14), np.array([0.1, 0.2]), 2 * HOUR))
    opened = np.stack((np.array([0, *hours(10, 11, 12, 13, 14, 15, 16)]),) * 2)
    column = inputs.fill(window_of(opened)).inputs[FUNDING_RATE]
    np.testing.assert_array_equal(column[0], [np.nan, np.nan, 0.1, 0.1, 0.2, 0.2, 0.2, np.nan])
    assert np.isnan(column[1]).all()


def test_a_settlement_ten_milliseconds_after_the_close_is_not_seen_by_that_bar() -> None:
    series = AsOf(hours(12) + 10, np.array([0.1]), HOUR)
    assert np.isnan(series.known_at(hours(12))).all() and series.known_at(hours(12) + 10)[0] == 0.1


def test_headlines_halve_in_weight_and_end_at_their_horizon() -> None:
    events = Decayed(hours(10, 12), np.array([1.0, -0.5]), half_life_ms=2 * HOUR, horizon_ms=4 * HOUR)
    tone, weight, count = events.known_at(hours(9, 10, 12, 14, 16))
    assert tone.tolist() == [0.0, 1.0, 0.0, -0.25, 0.0]
    assert weight.tolist() == [0.0, 1.0, 1.5, 0.5, 0.0]
    assert count.tolist() == [0, 1, 2, 1, 0]


def test_a_stream_of_headlines_reaches_every_symbol_of_its_asset_and_no_other() -> None:
    inputs = Inputs([BITCOIN, ETHER, TETHERED])
    events = Decayed(hours(10), np.array([0.5]), half_life_ms=HOUR, horizon_ms=HOUR * 24)
    inputs.attach_headlines([BITCOIN, TETHERED], events)
    opened = np.array([hours(9, 10), hours(9, 10), [0, 10 * HOUR]])
    columns = inputs.fill(window_of(opened)).inputs
    np.testing.assert_array_equal(columns[HEADLINE_TONE], [[0.5, 0.25], [np.nan, np.nan], [np.nan, 0.25]])
    np.testing.assert_array_equal(columns[HEADLINE_WEIGHT][0], [1.0, 0.5])
    np.testing.assert_array_equal(columns[HEADLINE_COUNT][2], [np.nan, 1.0])


def test_a_window_without_sources_has_no_columns_and_an_asset_without_headlines_has_zeros() -> None:
    opened = hours(9, 10)[None, :]
    assert Inputs([BITCOIN]).fill(window_of(opened)).inputs == {}
    inputs = Inputs([BITCOIN])
    inputs.attach_headlines([BITCOIN], Decayed(hours(), np.array([]), half_life_ms=1, horizon_ms=1))
    assert inputs.fill(window_of(opened)).inputs[HEADLINE_COUNT].tolist() == [[0.0, 0.0]]


def test_observations_out_of_order_and_strangers_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        AsOf(hours(2, 1), np.array([1.0, 2.0]), HOUR)
    with pytest.raises(ValueError, match="one value a time"):
        Decayed(hours(1, 2), np.array([1.0]), half_life_ms=1, horizon_ms=1)
    with pytest.raises(KeyError):
        Inputs([BITCOIN]).attach(FUNDING_RATE, ETHER, AsOf(hours(1), np.array([1.0]), HOUR))
