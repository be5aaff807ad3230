"""The volume head: whose volume it is, and what it says when there is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import talib

from holdfast.model.window import TAKER_BUY_VOLUME, Window
from holdfast.signals import columns as c
from holdfast.signals.heads import volume as v
from holdfast.signals.panel import Panel, vote_one

HOUR = 3_600_000


def window_of(values: np.ndarray, bought: np.ndarray | None = None) -> Window:
    """(symbols, bars, 5) values, hourly."""
    times = np.broadcast_to(HOUR * np.arange(values.shape[1]), values.shape[:2]).astype(np.int64)
    parts = (np.ascontiguousarray(part) for part in np.moveaxis(values, 2, 0))
    return Window(HOUR, times, *parts, {} if bought is None else {TAKER_BUY_VOLUME: bought})


def trend(direction: int, *, bars: int = 150, heavy_with_trend: bool = True) -> np.ndarray:
    """Three bars with the trend, two smaller ones against it; volume heavy on the one kind and light on the other."""
    with_trend = np.arange(bars) % 5 < 3
    change = direction * np.where(with_trend, 1.0, -0.7)
    close = 300.0 + np.cumsum(change)
    opened = close - change
    heavy = with_trend if heavy_with_trend else ~with_trend
    amount = np.where(heavy, 300.0, 60.0)
    return np.stack([opened, np.maximum(opened, close) + 0.1, np.minimum(opened, close) - 0.1, close, amount], axis=1)[
        np.newaxis
    ]


@pytest.fixture(scope="module")
def real(project_data) -> Window:
    frame = pl.read_parquet(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet").sort("symbol", "ts")
    names = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    parts = [frame.filter(pl.col("symbol") == name).head(1500) for name in names]
    return window_of(np.stack([p.select("open", "high", "low", "close", "volume").to_numpy() for p in parts]))


def test_a_rise_on_heavy_volume_is_a_long_and_its_mirror_a_short() -> None:
    bull = Panel([v.HEAD]).vote(window_of(trend(1)), 1).read(0, 0)[0]
    bear = Panel([v.HEAD]).vote(window_of(trend(-1)), 1).read(0, 0)[0]
    assert bull.direction == 1
    assert {"obv_rising", "accumulation", "force_up", "above_vwap"} <= set(bull.reasons)
    assert bear.direction == -1
    assert {"obv_falling", "distribution", "force_down", "below_vwap"} <= set(bear.reasons)
    assert bull.probability == pytest.approx(bear.probability, abs=0.02)
    assert bull.probability is not None and bull.probability >= 0.6
    assert bull.confidence is not None and bull.confidence >= 0.7


def test_a_rise_on_light_volume_is_not_a_strong_long() -> None:
    vote = Panel([v.HEAD]).vote(window_of(trend(1, heavy_with_trend=False)), 1).read(0, 0)[0]
    assert "obv_falling" in vote.reasons
    assert vote.direction != 1 or (vote.confidence is not None and vote.confidence < 0.7)


def test_a_surge_counts_for_four_bars() -> None:
    bit = np.uint64(1 << v.HEAD.reason_codes.index("surge_up"))
    for age in range(6):
        values = trend(1)
        before = values[0, -2 - age, 3]
        values[0, -1 - age] = [before, before + 3.1, before - 0.1, before + 3, 2000.0]
        votes = vote_one(v.HEAD, window_of(values), age + 1)
        assert bool(votes.reasons[0, -1] & bit) == (age < v.SURGE_BARS), age
        assert votes.measures["relative_volume"][0, 0] > v.SURGE_TIMES


def test_missing_or_zero_volume_abstains_and_says_so(real: Window) -> None:
    code = 1 + v.HEAD.abstention_codes.index("no_volume")
    for nothing in (np.nan, 0.0):
        empty = Window(HOUR, real.open_time_ms, real.open, real.high, real.low, real.close, 0 * real.volume + nothing)
        votes = vote_one(v.HEAD, empty, 100)
        assert (votes.direction == 0).all()
        assert (votes.abstained == code).all()
    one_hole = real.volume.copy()
    one_hole[:, 1000] = np.nan
    holed = Window(HOUR, real.open_time_ms, real.open, real.high, real.low, real.close, one_hole)
    votes, whole = vote_one(v.HEAD, holed, 1500), vote_one(v.HEAD, real, 1500)
    assert (votes.abstained[:, 1000 : 1000 + v.VWAP_BARS] == code).all()
    after = slice(1000 + v.VWAP_BARS, None)
    np.testing.assert_array_equal(votes.probability[:, after], whole.probability[:, after])


def test_without_taker_volume_that_part_is_absent_and_said_so(real: Window) -> None:
    votes = vote_one(v.HEAD, real, 500)
    bit = np.uint64(1 << v.HEAD.reason_codes.index("no_taker_volume"))
    assert (votes.reasons & bit != 0).all()
    assert np.isnan(votes.measures["taker_delta"]).all()
    bought = np.full(real.shape, np.nan)
    bought[0] = 0.9 * real.volume[0]
    mixed = Window(HOUR, *(getattr(real, n) for n in NAMES), {TAKER_BUY_VOLUME: bought})
    some = vote_one(v.HEAD, mixed, 500)
    np.testing.assert_array_equal(some.probability[1:], votes.probability[1:])
    takers = np.uint64(1 << v.HEAD.reason_codes.index("takers_buy"))
    assert (some.reasons[0] & takers != 0).all()
    assert not (some.reasons[0] & bit).any()
    np.testing.assert_allclose(some.measures["taker_delta"][0], 0.8, rtol=1e-9)
    assert (some.measures["score"][0] > votes.measures["score"][0]).mean() > 0.95


NAMES = ("open_time_ms", "open", "high", "low", "close", "volume")


def test_a_bearish_divergence_lowers_a_long_and_raises_a_short(real: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    leaned = vote_one(v.HEAD, real, 1500)
    monkeypatch.setattr(v, "DIVERGENCE_LEAN", 0.0)
    plain = vote_one(v.HEAD, real, 1500)
    for code, sign in (("bearish_divergence", -1), ("bullish_divergence", 1)):
        bit = np.uint64(1 << v.HEAD.reason_codes.index(code))
        where = (leaned.reasons & bit != 0) & (leaned.direction != 0)
        assert where.sum() >= 10
        moved = leaned.measures["score"] - plain.measures["score"]
        assert (np.sign(moved[where]) == sign).all()
        against = where & (leaned.direction == -sign)
        along = where & (leaned.direction == sign) & (plain.direction == sign)
        assert (leaned.probability < plain.probability)[against].all()
        assert (leaned.probability > plain.probability)[along].all()
    risen = (leaned.reasons & np.uint64(1 << v.HEAD.reason_codes.index("bearish_divergence"))) != 0
    assert (real.close - c.shift(real.close, 20) > 0)[risen].all()
    assert (leaned.measures["chaikin_money_flow"] < 0)[risen].all()


def test_votes_have_no_scale(real: Window) -> None:
    larger = Window(
        HOUR, real.open_time_ms, *(1024.0 * getattr(real, n) for n in ("open", "high", "low", "close")), real.volume * 8
    )
    np.testing.assert_array_equal(vote_one(v.HEAD, real, 1500).direction, vote_one(v.HEAD, larger, 1500).direction)


def test_indicators_equal_talib_on_real_candles(real: Window) -> None:
    high, low, close, volume = (getattr(real, n)[0] for n in ("high", "low", "close", "volume"))
    typical = (real.high + real.low + real.close) / 3.0
    ours = v.money_flow_index(typical, typical * real.volume, 14)[0]
    np.testing.assert_allclose(ours[14:], talib.MFI(high, low, close, volume, 14)[14:], rtol=1e-9)
    measures = vote_one(v.HEAD, real, 1500).measures
    obv = talib.OBV(close, volume)
    traded = talib.SUM(volume, 20)
    np.testing.assert_allclose(measures["obv_change"][0, 100:], ((obv[20:] - obv[:-20]) / traded[20:])[80:], atol=1e-9)
    place = np.where(high > low, ((close - low) - (high - close)) / np.where(high > low, high - low, 1), 0.0)
    flow = talib.SUM(place * volume, 20) / traded
    np.testing.assert_allclose(measures["chaikin_money_flow"][0, 100:], flow[100:], atol=1e-9)
    oscillator = v.chaikin_oscillator((place * volume)[np.newaxis])[0, 300:]
    theirs = talib.ADOSC(high, low, close, volume, 3, 10)[300:]
    # 1 % of the slow average's weight is left out, on a line that has travelled at most a few hundred mean volumes.
    assert np.corrcoef(oscillator, theirs)[0, 1] > 0.999
    assert np.abs(oscillator - theirs).max() < 0.05 * np.abs(theirs).max()
