"""The rules head: textbook shapes vote with their reason, their mirrors the other way, and old bars are forgotten."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from talib import abstract

from holdfast.model.window import Window
from holdfast.signals import candle_patterns as cp
from holdfast.signals.heads import rules
from holdfast.signals.panel import vote_one

HOUR = 3_600_000
WAVES = [100.0, 104.0] * 11
SHAPES = {
    "double": [104, 90, 97, 90.2, 101],
    "head_and_shoulders": [104, 95, 99, 90, 99.3, 95.2, 104],
    "flag": [104, 100, 96, 112, 107, 116],
    "triangle": [104, 95, 110, 98, 107, 102, 112],
    "channel": [104, 95, 103, 98, 106, 101, 113],
}


def window_of(values: np.ndarray) -> Window:
    """(symbols, bars, 5) values, hourly."""
    times = np.broadcast_to(HOUR * np.arange(values.shape[1]), values.shape[:2]).astype(np.int64)
    return Window(HOUR, times, *(np.ascontiguousarray(part) for part in np.moveaxis(values, 2, 0)))


def path(turns: list[float], leg: int = 8) -> np.ndarray:
    """Closes that go straight from turn to turn."""
    legs = [np.linspace(a, b, leg, endpoint=False) for a, b in pairwise(turns)]
    return np.concatenate([*legs, [turns[-1]]])


def candles(close: np.ndarray, *, last_volume: float = 2.0) -> np.ndarray:
    """(1, bars, 5): each bar opens at the close before it; the last 8 bars trade `last_volume` times the usual."""
    opened = np.concatenate([close[:1], close[:-1]])
    volume = np.full(len(close), 100.0)
    volume[-8:] *= last_volume
    columns = [opened, np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2, close, volume]
    return np.stack(columns, axis=1)[np.newaxis]


def mirrored(values: np.ndarray, around: float = 100.0) -> np.ndarray:
    turned = values.copy()
    turned[..., :4] = 2 * around - values[..., [0, 2, 1, 3]]
    return turned


def reasons(values: np.ndarray, back: int = 0) -> tuple[int, set[str], float, float]:
    """Direction, reasons, probability and confidence `back` bars before the newest."""
    votes = vote_one(rules.HEAD, window_of(values), back + 1)
    bits = int(votes.reasons[0, 0])
    names = {code for i, code in enumerate(rules.HEAD.reason_codes) if bits >> i & 1}
    return int(votes.direction[0, 0]), names, float(votes.probability[0, 0]), float(votes.confidence[0, 0])


def bar_of_break(shape: str) -> int:
    """How many bars before the newest the shape's line is crossed."""
    code = np.uint64(rules.BITS[shape])
    votes = vote_one(rules.HEAD, window_of(candles(path(WAVES[:-1] + SHAPES[shape]))), 8)
    return 7 - int(np.flatnonzero(votes.reasons[0] & code)[-8:][0])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_chart_pattern_votes_when_its_line_is_crossed_and_not_before(shape: str) -> None:
    values = candles(path(WAVES[:-1] + SHAPES[shape]))
    back = bar_of_break(shape)
    direction, names, probability, confidence = reasons(values, back)
    assert direction == 1
    assert {shape, "volume_confirmed"} <= names
    assert probability >= 0.60
    assert confidence >= 0.70
    assert shape not in reasons(values, back + 1)[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mirror_of_a_chart_pattern_is_a_short(shape: str) -> None:
    values = candles(path(WAVES[:-1] + SHAPES[shape]))
    back = bar_of_break(shape)
    direction, names, probability, _ = reasons(mirrored(values), back)
    assert direction == -1
    assert shape in names
    assert probability >= 0.60


@pytest.mark.parametrize("shape", SHAPES)
def test_without_volume_the_same_break_stays_below_the_gate(shape: str) -> None:
    values = candles(path(WAVES[:-1] + SHAPES[shape]), last_volume=1.0)
    unknown = values.copy()
    unknown[..., 4] = np.nan
    for quiet in (values, unknown):
        direction, names, _, confidence = reasons(quiet, bar_of_break(shape))
        assert direction == 1
        assert shape in names
        assert "volume_weak" in names
        strong = reasons(candles(path(WAVES[:-1] + SHAPES[shape])), bar_of_break(shape))[3]
        assert confidence < strong
    assert reasons(candles(path(WAVES[:-1] + SHAPES["triangle"]), last_volume=1.0), bar_of_break("triangle"))[3] < 0.7


def test_a_break_that_is_taken_back_no_longer_counts() -> None:
    close = path(WAVES[:-1] + SHAPES["triangle"])
    back = bar_of_break("triangle")
    close[len(close) - back :] = 104.1  # half an ATR below the upper line, still above the lower one
    assert "triangle" in reasons(candles(close), back)[1]
    direction, names, _, _ = reasons(candles(close), back - 1)
    assert direction == 0
    assert "triangle" not in names


def then_engulfing(turns: list[float], leg: int) -> np.ndarray:
    """The path, a small down bar, then a bar that engulfs it on 2.5 times the volume."""
    end = turns[-1]
    small = [end, end + 0.2, end - 0.7, end - 0.5, 100.0]
    large = [end - 0.6, end + 2.1, end - 0.7, end + 2.0, 250.0]
    return np.concatenate([candles(path(turns, leg), last_volume=1.0), [[small, large]]], axis=1)


def test_a_candle_pattern_counts_on_the_floor_of_the_range_and_fades() -> None:
    on_the_floor = then_engulfing([100.0, 104.0] * 12 + [95.0], 8)
    direction, names, probability, confidence = reasons(on_the_floor)
    assert direction == 1
    assert {"engulfing", "volume_confirmed"} <= names
    assert probability >= 0.60
    assert confidence >= 0.70
    rest = np.array([[[97.0, 97.2, 96.9, 97.0, 90.0]] * rules.CANDLE_BARS])
    later = np.concatenate([on_the_floor, rest], axis=1)
    assert reasons(later, rules.CANDLE_BARS - 1)[2] < probability
    assert "engulfing" not in reasons(later)[1]
    assert reasons(mirrored(on_the_floor))[0] == -1


def test_the_same_candle_pattern_away_from_any_level_does_not_count() -> None:
    assert "engulfing" not in reasons(then_engulfing([95.0, 115.0] * 6 + [105.0], 16))[1]
    assert "engulfing" in reasons(then_engulfing([95.0, 115.0] * 6 + [95.0], 16))[1]


@pytest.fixture(scope="module")
def real(project_data) -> np.ndarray:
    frame = pl.read_parquet(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet").sort("symbol", "ts")
    names = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    parts = [frame.filter(pl.col("symbol") == name).head(1200) for name in names]
    return np.stack([p.select("open", "high", "low", "close", "volume").to_numpy() for p in parts])


def dense(found: cp.Found, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    weight, families = np.zeros(shape), np.zeros(shape, dtype=np.uint64)
    weight.reshape(-1)[found.at] = found.weight
    families.reshape(-1)[found.at] = found.families
    return weight, families


@settings(max_examples=25, deadline=None)
@given(
    start=st.integers(1, 1000),
    bars=st.integers(40, 199),
    scales=st.lists(st.sampled_from([1e-8, 1e-3, 1.0, 7e4, 3e9]), min_size=3, max_size=3),
)
def test_candle_patterns_are_the_same_wherever_a_row_begins_and_whatever_lies_beside_it(
    real: np.ndarray, start: int, bars: int, scales: list[float]
) -> None:
    """Prices of very different size share one TA-Lib call: nothing of one row may stay in the sums of the next."""
    values = real.copy()
    values[..., :4] *= np.array(scales)[:, np.newaxis, np.newaxis]
    whole = window_of(values)
    part = window_of(values[::-1, start : start + bars])
    keep = slice(cp.LOOKBACK - 1, None)
    for long, short in zip(cp.find_patterns(whole), cp.find_patterns(part), strict=True):
        for a, b in zip(dense(long, whole.shape), dense(short, part.shape), strict=True):
            np.testing.assert_array_equal(a[::-1, start : start + bars][:, keep], b[:, keep])


def test_candle_patterns_over_several_blocks_equal_those_of_one(
    real: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = window_of(real)
    one = cp.find_patterns(window)
    monkeypatch.setattr(cp, "_BLOCK", 100)
    for a, b in zip(one, cp.find_patterns(window), strict=True):
        for ours, theirs in zip(dense(a, window.shape), dense(b, window.shape), strict=True):
            np.testing.assert_array_equal(ours[:, cp.LOOKBACK - 1 :], theirs[:, cp.LOOKBACK - 1 :])


def test_candle_patterns_are_those_that_talib_finds_on_the_prices_themselves(real: np.ndarray) -> None:
    """TA-Lib's own rounding decides a few exact ties otherwise: at most one bar in a thousand."""
    found = [dense(part, real.shape[:2])[1] for part in cp.find_patterns(window_of(real))]
    differ = 0
    for family_index, family in enumerate(cp.FAMILIES):
        for row in range(len(real)):
            rising, falling = np.zeros(real.shape[1], dtype=bool), np.zeros(real.shape[1], dtype=bool)
            for pattern in (p for p in cp.PATTERNS if p.family == family):
                prices = [np.ascontiguousarray(real[row, :, i]) for i in range(4)]
                output = getattr(talib, pattern.function)(*prices)
                hit = np.abs(output) >= pattern.least
                sign = np.full(len(output), pattern.sign) if pattern.sign else np.sign(output)
                rising |= hit & (sign > 0)
                falling |= hit & (sign < 0)
            for ours, theirs in ((found[0], rising), (found[1], falling)):
                bit = ours[row, 15:] >> np.uint64(family_index) & np.uint64(1)
                differ += int((bit.astype(bool) != theirs[15:]).sum())
    assert differ <= real.shape[0] * real.shape[1] // 1000


def test_an_absurd_price_spoils_no_later_bar(real: np.ndarray) -> None:
    """A bar a thousand million times too large, or not finite, is forgotten once no pattern reads it."""
    broken = real.copy()
    clean = cp.find_patterns(window_of(real))
    for nonsense in (1e12, 1e300, np.inf, np.nan):
        broken[0, 300, :4] = nonsense
        for a, b in zip(clean, cp.find_patterns(window_of(broken)), strict=True):
            ours, theirs = dense(a, real.shape[:2])[1], dense(b, real.shape[:2])[1]
            np.testing.assert_array_equal(ours[1:], theirs[1:])
            np.testing.assert_array_equal(ours[0, :300], theirs[0, :300])
            np.testing.assert_array_equal(ours[0, 300 + cp.LOOKBACK :], theirs[0, 300 + cp.LOOKBACK :])


def test_every_pattern_has_a_function_a_reason_and_a_sound_weight() -> None:
    assert set(cp.FAMILIES) == set(rules.FAMILY_REASONS)
    assert len({pattern.function for pattern in cp.PATTERNS}) == len(cp.PATTERNS) == 50
    for pattern in cp.PATTERNS:
        assert pattern.function in talib.get_function_groups()["Pattern Recognition"]
        assert 0 < pattern.weight < 1
        assert abstract.Function(pattern.function).lookback < cp.LOOKBACK
