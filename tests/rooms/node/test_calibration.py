"""How heads are measured on a recording, and that the calibration made of it is what a node then uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holdfast.market.inputs import Inputs
from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.calibration import measure_heads, weights_as_toml
from holdfast.node.settings import read_settings
from holdfast.signals.panel import find_heads
from holdfast.world.recording import Recording

HOUR_MS = 3_600_000
BARS = 1200
HEADS = [head for head in find_heads() if head.name in ("technical", "volume")]


def a_market(seed: int = 3, *, changed_after: int = BARS) -> Recording:
    """Two symbols on a random walk; bars after `changed_after` come from another seed."""
    symbols = (Symbol("binance", "spot", "AAAUSDT"), Symbol("binance", "spot", "BBBUSDT"))
    chance, other = np.random.default_rng(seed), np.random.default_rng(seed + 100)
    steps = chance.normal(0, 0.004, (2, BARS))
    steps[:, changed_after:] = other.normal(0, 0.004, (2, BARS - changed_after))
    close = 100 * np.exp(np.cumsum(steps, axis=1))
    opened = close / np.exp(steps)
    volume = chance.lognormal(3, 1, (2, BARS))
    values = np.stack([opened, np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999, close, volume], -1)
    times = 1_609_459_200_000 + HOUR_MS * np.arange(BARS)
    return Recording(
        symbols=symbols,
        timeframe=Timeframe.H1,
        symbol_index=np.tile(np.arange(2, dtype=np.int32), BARS),
        open_time_ms=np.repeat(times, 2).astype(np.int64),
        values=np.ascontiguousarray(values.transpose(1, 0, 2).reshape(-1, 5)),
    )


def measured(recording: Recording):
    return measure_heads(recording, Timeframe.H1, HEADS, Inputs(recording.symbols), horizon=4)


def test_on_a_random_walk_raw_scores_are_worse_than_a_coin_and_calibrated_ones_are_not() -> None:
    for record in measured(a_market()):
        assert record.points is not None and record.tested_votes > 300
        assert record.brier_raw is not None and record.brier_calibrated is not None
        assert record.brier_raw > 0.25
        assert record.brier_calibrated < record.brier_raw
        assert record.hit_rate_low < record.hit_rate < record.hit_rate_high


def test_what_is_learned_does_not_depend_on_what_it_is_tested_on() -> None:
    split = int(BARS * 0.7)
    for record, other in zip(measured(a_market()), measured(a_market(changed_after=split + 1)), strict=True):
        assert record.points == other.points
        assert record.learned_votes == other.learned_votes
        assert record.hit_rate != other.hit_rate


def test_the_calibration_is_what_a_node_uses(tmp_path: Path) -> None:
    records = measured(a_market())
    file = tmp_path / "calibrated.toml"
    file.write_text(weights_as_toml("mine", {"technical": 0.5, "volume": 0.5}, records))
    weights = read_settings(file).weights
    assert weights.version == "mine" and weights.calibrated
    lowest, highest = records[0].points[0], records[0].points[-1]
    mapped = weights.calibrate("technical", np.array([lowest[0], highest[0]]))
    np.testing.assert_allclose(mapped, [lowest[1], highest[1]], atol=1e-5)


def test_a_recording_that_is_too_short_is_refused() -> None:
    short = a_market()
    few = Recording(short.symbols, short.timeframe, short.symbol_index[:20], short.open_time_ms[:20], short.values[:20])
    with pytest.raises(BadInput, match="12 bars"):
        measured(few)


def test_a_head_with_too_few_votes_says_so() -> None:
    recording = a_market()
    head = next(head for head in find_heads() if head.name == "sentiment")
    (record,) = measure_heads(recording, Timeframe.H1, [head], Inputs(recording.symbols), horizon=4)
    assert record.points is None and "too few" in record.reason and record.hit_rate is None
