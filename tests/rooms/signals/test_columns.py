"""Column arithmetic: a finite memory to the last bit, the textbook's numbers, and nothing read ahead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.signals import columns as c

Bars = tuple[np.ndarray, np.ndarray, np.ndarray]  # high, low, close


def up(bars: Bars) -> np.ndarray:
    return bars[2] > c.shift(bars[2], 1)


# name: how many bars the function reads, and the function of (high, low, close)
READS: dict[str, tuple[int, Callable[[Bars], np.ndarray]]] = {
    "shift": (8, lambda b: c.shift(b[2], 7)),
    "shift_mask": (9, lambda b: c.shift_mask(up(b), 7)),
    "rolling_sum_1": (1, lambda b: c.rolling_sum(b[2], 1)),
    "rolling_sum_20": (20, lambda b: c.rolling_sum(b[2], 20)),
    "rolling_sum_31": (31, lambda b: c.rolling_sum(b[2], 31)),
    "rolling_mean": (14, lambda b: c.rolling_mean(b[2], 14)),
    "rolling_std": (20, lambda b: c.rolling_std(b[2], 20)),
    "standard_score": (20, lambda b: c.standard_score(b[2], 20)),
    "rolling_max": (13, lambda b: c.rolling_max(b[0], 13)),
    "rolling_min": (50, lambda b: c.rolling_min(b[1], 50)),
    "rolling_any": (12, lambda b: c.rolling_any(up(b), 11)),
    "rolling_count": (12, lambda b: c.rolling_count(up(b), 11)),
    "ema": (c.ema_terms(c.span(12)), lambda b: c.ema(b[2], c.span(12))),
    "true_range": (2, lambda b: c.true_range(*b)),
    "atr": (c.ATR_MEMORY, lambda b: c.atr(*b)),
    "rsi": (c.ema_terms(c.wilder(14)) + 1, lambda b: c.rsi(b[2], 14)),
    "bars_since": (16, lambda b: c.bars_since(up(b), 15)),
    "latest": (16, lambda b: c.latest(b[0], up(b), 15)),
    "ratio": (2, lambda b: c.ratio(b[2] - c.shift(b[2], 1), b[0] - b[1], otherwise=0.0)),
    "squash": (1, lambda b: c.squash(b[2] - 100.0)),
}


def walk(seed: int, rows: int, bars: int, *, price: float = 100.0, step: float = 0.01) -> Bars:
    chance = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(chance.normal(0, step, (rows, bars)), axis=1))
    reach = 1 + np.abs(chance.normal(0, step, (2, rows, bars)))
    return close * reach[0], close / reach[1], close


def cut(bars: Bars, part: slice) -> Bars:
    return bars[0][:, part], bars[1][:, part], bars[2][:, part]


@pytest.mark.parametrize("name", READS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 3),
    start=st.integers(1, 150),
    extra=st.integers(0, 40),
    price=st.sampled_from([1e-8, 0.3, 100.0, 6.5e4, 1.5e9]),
)
def test_a_value_is_the_same_to_the_last_bit_wherever_the_array_begins(
    name: str, seed: int, rows: int, start: int, extra: int, price: float
) -> None:
    reads, function = READS[name]
    bars = walk(seed, rows, start + reads + extra, price=price)
    whole = function(bars)[:, start + reads - 1 :]
    late = function(cut(bars, slice(start, None)))[:, reads - 1 :]
    np.testing.assert_array_equal(whole, late)


@pytest.mark.parametrize("name", READS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), stop=st.integers(1, 180))
def test_nothing_after_a_bar_is_read(name: str, seed: int, stop: int) -> None:
    function = READS[name][1]
    bars = walk(seed, 2, 180)
    np.testing.assert_array_equal(function(bars)[:, :stop], function(cut(bars, slice(0, stop))))


@pytest.mark.parametrize("name", sorted(set(READS) - {"bars_since", "latest", "squash", "ratio"}))
def test_rows_do_not_influence_each_other(name: str) -> None:
    function = READS[name][1]
    bars = walk(5, 3, 120)
    alone = np.concatenate([function((bars[0][i : i + 1], bars[1][i : i + 1], bars[2][i : i + 1])) for i in range(3)])
    np.testing.assert_array_equal(function(bars), alone)


@given(seed=st.integers(0, 2**32), bars=st.integers(1, 70), length=st.integers(70, 120))
@settings(max_examples=30, deadline=None)
def test_rolling_functions_agree_with_a_loop_over_each_window(seed: int, bars: int, length: int) -> None:
    high, low, close = walk(seed, 2, length)
    rose = up((high, low, close))
    for t in range(length):
        window = slice(max(0, t - bars + 1), t + 1)
        assert (c.rolling_any(rose, bars)[:, t] == rose[:, window].any(axis=1)).all()
        if bars < length:
            assert (c.rolling_count(rose, bars)[:, t] == rose[:, window].sum(axis=1)).all()
    for t in (bars - 2, bars - 1, length - 1):
        window = slice(t - bars + 1, t + 1)
        if t < bars - 1:
            if t >= 0:
                assert np.isnan(c.rolling_sum(close, bars)[:, t]).all()
                assert np.isnan(c.rolling_max(close, bars)[:, t]).all()
            continue
        np.testing.assert_allclose(c.rolling_sum(close, bars)[:, t], close[:, window].sum(axis=1), rtol=1e-13)
        np.testing.assert_allclose(c.rolling_mean(close, bars)[:, t], close[:, window].mean(axis=1), rtol=1e-13)
        np.testing.assert_allclose(c.rolling_std(close, bars)[:, t], close[:, window].std(axis=1), atol=1e-5)
        np.testing.assert_array_equal(c.rolling_max(high, bars)[:, t], high[:, window].max(axis=1))
        np.testing.assert_array_equal(c.rolling_min(low, bars)[:, t], low[:, window].min(axis=1))


@given(seed=st.integers(0, 2**32), limit=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_bars_since_and_latest_agree_with_a_search_backwards(seed: int, limit: int) -> None:
    chance = np.random.default_rng(seed)
    mask, values = chance.random((2, 50)) < 0.15, chance.normal(size=(2, 50))
    ages, found = c.bars_since(mask, limit), c.latest(values, mask, limit)
    for row in range(2):
        for t in range(50):
            hits = [age for age in range(min(limit, t + 1)) if mask[row, t - age]]
            if hits:
                assert ages[row, t] == hits[0]
                assert found[row, t] == values[row, t - hits[0]]
            else:
                assert np.isnan(ages[row, t])
                assert np.isnan(found[row, t])


def test_a_flat_series_has_no_deviation_and_an_even_rsi() -> None:
    flat = np.full((1, 120), 0.1)
    assert (c.rolling_std(flat, 20)[:, 19:] == 0).all()
    assert (c.standard_score(flat, 20)[:, 19:] == 0).all()
    assert (c.rsi(flat, 14)[:, c.ema_terms(c.wilder(14)) :] == 50).all()
    assert (c.atr(flat, flat, flat)[:, c.ATR_MEMORY :] == 0).all()


def test_an_average_weighs_its_values_to_one_and_its_newest_by_alpha() -> None:
    alpha = c.span(9)
    terms = c.ema_terms(alpha)
    ones = np.ones((1, terms))
    pulse = np.zeros((1, terms))
    pulse[0, -1] = 1.0
    assert c.ema(ones, alpha)[0, -1] == pytest.approx(1.0, abs=1e-14)
    assert c.ema(pulse, alpha)[0, -1] == pytest.approx(alpha, rel=0.011)
    assert (1 - alpha) ** terms <= 0.01 < (1 - alpha) ** (terms // 2)


@pytest.fixture(scope="module")
def real(project_data) -> Bars:
    frame = pl.read_parquet(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet")
    one = frame.filter(pl.col("symbol") == "BTCUSDT").sort("ts").head(1500)
    return tuple(one[name].to_numpy()[np.newaxis] for name in ("high", "low", "close"))  # type: ignore[return-value]


def test_exact_windows_equal_talib_on_real_candles(real: Bars) -> None:
    high, low, close = real
    for ours, theirs in (
        (c.rolling_mean(close, 20), talib.SMA(close[0], 20)),
        (c.rolling_max(high, 20), talib.MAX(high[0], 20)),
        (c.rolling_min(low, 20), talib.MIN(low[0], 20)),
        (c.true_range(high, low, close), talib.TRANGE(high[0], low[0], close[0])),
    ):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-10)
    np.testing.assert_allclose(c.rolling_std(close, 20)[0], talib.STDDEV(close[0], 20), rtol=1e-6)


def test_exponential_averages_equal_talib_but_for_the_weight_cut_off(real: Bars) -> None:
    """At most 1 % of the weight is left out, so the difference is at most 1 % of how far the values range."""
    high, low, close = real
    for bars in (12, 26, 50):
        ours, theirs = c.ema(close, c.span(bars))[0, 500:], talib.EMA(close[0], bars)[500:]
        reach = c.rolling_max(close, 400)[0, 500:] - c.rolling_min(close, 400)[0, 500:]
        assert (np.abs(ours - theirs) <= 0.01 * reach).all()
    ours, theirs = c.atr(high, low, close)[0, 500:], talib.ATR(high[0], low[0], close[0], 14)[500:]
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    ours, theirs = c.rsi(close, 14)[0, 500:], talib.RSI(close[0], 14)[500:]
    assert np.abs(ours - theirs).max() < 1.0
    assert np.abs(ours - theirs).mean() < 0.2
