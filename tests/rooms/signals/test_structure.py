"""The structure head: what rises on every scale, where it breaks, and which side of the range it is on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from holdfast.model.window import Window
from holdfast.signals.heads import structure
from holdfast.signals.panel import vote_one

HOUR = 3_600_000
BIT = {code: np.uint64(1 << i) for i, code in enumerate(structure.HEAD.reason_codes)}


def window_of(values: np.ndarray) -> Window:
    """(symbols, bars, 4 or 5) values, hourly."""
    times = np.broadcast_to(HOUR * np.arange(values.shape[1]), values.shape[:2]).astype(np.int64)
    o, h, lo, c = (np.ascontiguousarray(values[..., i]) for i in range(4))
    return Window(HOUR, times, o, h, lo, c, np.full(o.shape, np.nan))


def mirrored(values: np.ndarray, around: float) -> np.ndarray:
    return 2 * around - values[..., [0, 2, 1, 3]]


def candles(close: np.ndarray) -> np.ndarray:
    """(1, bars, 4): each bar opens at the close before it."""
    opened = np.concatenate([close[:1], close[:-1]])
    columns = [opened, np.maximum(opened, close) + 0.1, np.minimum(opened, close) - 0.1, close]
    return np.stack(columns, axis=1)[np.newaxis]


def wave(bars: int, period: int) -> np.ndarray:
    """A triangle wave between -1 and 1."""
    phase = np.arange(bars) % period / period
    return 1.0 - 4.0 * np.abs(phase - 0.5)


def staircase(bars: int = 320) -> np.ndarray:
    """A rise with pull-backs of two sizes, so that every scale has its own higher highs and higher lows."""
    return 100 + 0.3 * np.arange(bars) + 2.5 * wave(bars, 10) + 7.0 * wave(bars, 44)


def names(votes, column: int) -> set[str]:
    return {code for code, bit in BIT.items() if votes.reasons[0, column] & bit}


def test_a_rise_on_every_scale_is_a_confident_long_and_its_mirror_a_short() -> None:
    values = candles(staircase())
    votes = vote_one(structure.HEAD, window_of(values), 44)
    turned = vote_one(structure.HEAD, window_of(mirrored(values, 300.0)), 44)
    aligned = votes.reasons[0] & BIT["scales_rising"] != 0
    assert aligned.sum() >= 10
    assert (votes.direction[0, aligned] == 1).all()
    assert ((votes.probability >= 0.6) & (votes.confidence >= 0.7))[0, aligned].mean() > 0.5
    np.testing.assert_array_equal(turned.direction, -votes.direction)
    np.testing.assert_array_equal(turned.reasons[0] & BIT["scales_falling"] != 0, aligned)


def test_scales_that_disagree_are_never_confident() -> None:
    """A slow fall with fast rises inside it: the small scales say up while the large ones say down."""
    values = candles(300 - 0.25 * np.arange(320) + 15.0 * wave(320, 60) + 2.0 * wave(320, 9))
    votes = vote_one(structure.HEAD, window_of(values), 100)
    rising, falling = votes.measures["scales_rising"], votes.measures["scales_falling"]
    mixed = (rising > 0) & (falling > 0)
    assert mixed.sum() >= 10
    assert (votes.confidence[mixed] < 0.7).all()


def test_a_close_below_the_newest_swing_low_of_a_rise_is_a_change_of_character() -> None:
    close = staircase()
    fall = close[-1] - 3.0 * np.arange(1, 9)
    votes = vote_one(structure.HEAD, window_of(candles(np.concatenate([close, fall]))), 9)
    assert "change_of_character_down" not in names(votes, 0)
    assert "change_of_character_down" in names(votes, -1)
    assert votes.measures["score"][0, -1] < votes.measures["score"][0, 0]


def test_a_close_above_the_newest_swing_high_of_a_rise_is_a_break_of_structure() -> None:
    close = staircase()
    rise = close[-1] + 3.0 * np.arange(1, 9)
    votes = vote_one(structure.HEAD, window_of(candles(np.concatenate([close, rise]))), 1)
    assert "break_of_structure_up" in names(votes, -1)
    assert "change_of_character_up" not in names(votes, -1)
    assert votes.direction[0, -1] == 1


def block_and_return(end: float) -> np.ndarray:
    """Waves of 10 bars between 100 and 104, a down candle, a displacement upward, and a return that closes at `end`."""
    waves = 102 + 2 * wave(300, 10)[:-4]
    values = candles(waves)[0]
    start = values[-1, 3]
    block = [start, start + 0.1, start - 0.9, start - 0.8]
    low = block[3]
    rise = [[low + 2.5 * i, low + 2.5 * i + 2.6, low + 2.5 * i - 0.1, low + 2.5 * i + 2.5] for i in range(4)]
    top = rise[-1][3]
    steps = np.linspace(top, start + 0.4, 5)
    back = [[a, a + 0.1, b - 0.1, b] for a, b in pairwise(steps)]
    touch = [steps[-1], steps[-1] + 0.1, min(start - 0.3, end), end]
    return np.concatenate([values, [block, *rise, *back, touch]])[np.newaxis]


def test_a_return_to_the_order_block_that_holds_leans_long_and_one_that_fails_does_not() -> None:
    start = block_and_return(0.0)[0, 295, 3]
    held = vote_one(structure.HEAD, window_of(block_and_return(start + 0.2)), 2)
    assert "bullish_order_block" not in names(held, 0)
    assert "bullish_order_block" in names(held, 1)
    lost = vote_one(structure.HEAD, window_of(block_and_return(start - 1.5)), 1)
    assert "bullish_order_block" not in names(lost, 0)
    turned = vote_one(structure.HEAD, window_of(mirrored(block_and_return(start + 0.2), 102.0)), 1)
    assert "bearish_order_block" in names(turned, 0)


@pytest.fixture(scope="module")
def real(project_data) -> np.ndarray:
    frame = pl.read_parquet(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet").sort("symbol", "ts")
    parts = [frame.filter(pl.col("symbol") == name).head(1500) for name in ("BTCUSDT", "ETHUSDT", "XRPUSDT")]
    return np.stack([part.select("open", "high", "low", "close").to_numpy() for part in parts])


def test_real_candles_upside_down_give_the_opposite_votes(real: np.ndarray) -> None:
    grid = np.round(real / real[:, :1, 3:] * 2**16)  # whole numbers, so that turning them over is exact
    votes = vote_one(structure.HEAD, window_of(grid), 1300)
    turned = vote_one(structure.HEAD, window_of(2.0**21 - grid[..., [0, 2, 1, 3]]), 1300)
    np.testing.assert_array_equal(turned.direction, -votes.direction)
    np.testing.assert_allclose(turned.confidence, votes.confidence, atol=1e-12)


def test_the_place_in_the_range_agrees_with_a_loop_and_leans_the_score(real: np.ndarray) -> None:
    votes = vote_one(structure.HEAD, window_of(real), 1300)
    place = votes.measures["range_position"]
    for t in range(1000, 1500, 37):
        window = real[:, t - 49 : t + 1]
        bottom, top = window[..., 2].min(axis=1), window[..., 1].max(axis=1)
        np.testing.assert_allclose(place[:, t - 200], (real[:, t, 3] - bottom) / (top - bottom), rtol=1e-12)
    np.testing.assert_array_equal((votes.reasons & BIT["discount"]) != 0, place < 0.45)
    np.testing.assert_array_equal((votes.reasons & BIT["premium"]) != 0, place > 0.55)


def test_alignment_needs_three_of_four_scales_and_none_against(real: np.ndarray) -> None:
    votes = vote_one(structure.HEAD, window_of(real), 1300)
    rising, falling = votes.measures["scales_rising"], votes.measures["scales_falling"]
    up = (votes.reasons & BIT["scales_rising"]) != 0
    down = (votes.reasons & BIT["scales_falling"]) != 0
    assert up.any() and down.any()
    assert ((rising >= 3) & (falling == 0))[up].all()
    assert ((falling >= 3) & (rising == 0))[down].all()
    confident = (votes.direction != 0) & (votes.confidence >= 0.7)
    assert (up | down)[confident].all()
