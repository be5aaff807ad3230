"""The record of a bar: what is hashed, what is stored, and that it can be made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from holdfast.model.errors import BadInput
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.model.vote import Direction
from holdfast.model.window import FUNDING_RATE, HEADLINE_COUNT, HEADLINE_TONE, HEADLINE_WEIGHT, Window
from holdfast.signals.audit import build_signal, data_hash, differences, policy_version, replay_signal, window_at
from holdfast.signals.consensus import Gatekeeper, Quorum, count
from holdfast.signals.panel import Panel, find_heads
from holdfast.signals.weights import WeightSet

NAMES = ("BTCUSDT", "ETHUSDT")
SYMBOLS = tuple(Symbol("binance", "spot", name) for name in NAMES)
BARS = 420
COLUMNS = 150
# Low enough that real candles give some signals of either direction within the bars below.
EASY = Quorum(min_agreeing=2, min_probability=0.55, min_confidence=0.55)
PANEL = Panel(find_heads())
POLICY = policy_version(PANEL.heads, WeightSet(), EASY)


@pytest.fixture(scope="module")
def window(project_data: Path) -> Window:
    frame = pl.read_parquet(project_data / "binance_spot_2021_wanderindev" / "candles_1h.parquet").sort("symbol", "ts")
    rows = [frame.filter(pl.col("symbol") == name).head(BARS) for name in NAMES]
    column = {
        name: np.stack([row[name].to_numpy() for row in rows]) for name in ("open", "high", "low", "close", "volume")
    }
    chance = np.random.default_rng(5)
    weight = chance.uniform(1, 9, (2, BARS))
    inputs = {
        HEADLINE_TONE: weight * chance.uniform(-1, 1, (2, BARS)),
        HEADLINE_WEIGHT: weight,
        HEADLINE_COUNT: np.ceil(weight),
        FUNDING_RATE: np.full((2, BARS), np.nan),
    }
    times = np.stack([row["ts"].dt.epoch("ms").to_numpy() for row in rows])
    return Window(Timeframe.H1.ms, times, **column, inputs=inputs)


@pytest.fixture(scope="module")
def signals(window: Window) -> list[Signal]:
    """The record of every one of the newest bars, signal or not."""
    votes = PANEL.vote(window, COLUMNS)
    counted = count(votes, WeightSet(), EASY)
    return [
        build_signal(SYMBOLS[row], Timeframe.H1, window, votes, counted, row=row, column=column, policy=POLICY)
        for row in range(2)
        for column in range(COLUMNS)
    ]


def of(signal: Signal, window: Window, *, bars: int = 200) -> Window:
    """A window of its own for this signal: one row, `bars` bars up to its bar."""
    row = SYMBOLS.index(signal.symbol)
    column = int(np.flatnonzero(window.open_time_ms[row] == signal.bar_open_ms)[0])
    cut = (slice(row, row + 1), slice(column + 1 - bars, column + 1))
    prices = {name: getattr(window, name)[cut] for name in ("open", "high", "low", "close", "volume")}
    inputs = {name: values[cut] for name, values in window.inputs.items()}
    return Window(window.timeframe_ms, window.open_time_ms[cut], **prices, inputs=inputs)


def test_the_bars_below_hold_signals_of_both_directions_and_bars_without(signals: list[Signal]) -> None:
    assert {Direction.LONG, Direction.SHORT} <= {signal.direction for signal in signals}
    assert {"signal"} < {signal.outcome for signal in signals}


def test_every_stored_record_replays_to_itself_after_a_round_trip_through_json(
    signals: list[Signal], window: Window
) -> None:
    for stored in signals[::10] + [signal for signal in signals if signal.outcome == "signal"][:10]:
        read_back = msgspec.json.decode(msgspec.json.encode(stored), type=Signal)
        replayed = replay_signal(read_back, of(stored, window), PANEL, WeightSet(), EASY)
        assert differences(read_back, replayed) == ()
        assert replayed == stored


def test_a_record_holds_all_that_explains_it(signals: list[Signal], window: Window) -> None:
    signal = next(signal for signal in signals if signal.outcome == "signal")
    assert [vote.head for vote in signal.votes] == [head.name for head in PANEL.heads]
    backing = {vote.head for vote in signal.votes if vote.direction == signal.direction}
    assert set(signal.agreeing) <= backing
    assert len(signal.agreeing) >= EASY.min_agreeing
    assert signal.bar_close_ms - signal.bar_open_ms == Timeframe.H1.ms
    assert signal.close == float(of(signal, window).close[0, -1])
    assert signal.atr is not None
    assert 0 < signal.atr < 0.1 * signal.close
    assert len(signal.data_hash) == 64


def test_a_bar_without_consensus_has_no_direction(signals: list[Signal]) -> None:
    for signal in signals:
        assert (signal.direction != Direction.NONE) == (signal.outcome == "signal")


def test_ids_tell_bars_symbols_frames_and_policies_apart(signals: list[Signal], window: Window) -> None:
    assert len({signal.id for signal in signals}) == len(signals)
    one = signals[0]
    other = replay_signal(one, of(one, window), PANEL, WeightSet(version="other"), EASY)
    assert other.id != one.id
    assert replay_signal(one, of(one, window), PANEL, WeightSet(), EASY).id == one.id


def test_a_changed_candle_changes_the_hash_and_is_named(signals: list[Signal], window: Window) -> None:
    stored = signals[-1]
    seen = of(stored, window)
    for name in ("open", "high", "low", "close", "volume"):
        changed = getattr(seen, name).copy()
        changed[0, 3] = np.nextafter(changed[0, 3], np.inf)
        forged = replace(seen, **{name: changed})
        replayed = replay_signal(stored, forged, PANEL, WeightSet(), EASY)
        assert any(line.startswith("data_hash") for line in differences(stored, replayed)), name


def test_a_changed_weight_or_threshold_is_named(signals: list[Signal], window: Window) -> None:
    stored = next(signal for signal in signals if signal.outcome == "signal")
    seen = of(stored, window)
    heavy = WeightSet(heads=WeightSet().heads | {stored.agreeing[0]: 0.9})
    assert "policy" in " ".join(differences(stored, replay_signal(stored, seen, PANEL, heavy, EASY)))
    lines = differences(stored, replay_signal(stored, seen, PANEL, WeightSet(), Quorum(min_agreeing=9)))
    assert any(line.startswith("outcome: stored 'signal', replayed 'no_quorum'") for line in lines)


def test_a_changed_vote_and_a_missing_head_are_named(signals: list[Signal], window: Window) -> None:
    stored = signals[0]
    replayed = replay_signal(stored, of(stored, window), Panel(PANEL.heads[1:]), WeightSet(), EASY)
    gone = PANEL.heads[0].name
    assert any(line.startswith(f"vote of {gone}:") and "no such head" in line for line in differences(stored, replayed))
    tampered = msgspec.structs.replace(
        stored, votes=(msgspec.structs.replace(stored.votes[0], confidence=0.123), *stored.votes[1:])
    )
    (line,) = differences(tampered, stored)
    assert line.startswith(f"vote of {gone}:")
    assert "0.123" in line


def test_a_consensus_that_was_held_back_replays_as_held_back(signals: list[Signal], window: Window) -> None:
    first = next(signal for signal in signals if signal.outcome == "signal")
    gate = Gatekeeper(EASY).after(first.symbol, first.direction, first.bar_close_ms)
    held_back = gate.judge(first.symbol, first.direction, first.bar_close_ms)
    stored = msgspec.structs.replace(first, outcome=held_back)
    assert held_back == "cooling_down"
    assert replay_signal(stored, of(first, window), PANEL, WeightSet(), EASY) == stored
    forged = msgspec.structs.replace(next(s for s in signals if s.outcome == "no_quorum"), outcome="duplicate")
    replayed = replay_signal(forged, of(forged, window), PANEL, WeightSet(), EASY)
    assert replayed.outcome == "no_quorum"


def test_the_hash_covers_two_hundred_bars_of_one_symbol_and_nothing_else(window: Window) -> None:
    column = BARS - 1
    known = data_hash(window, 1, column)
    assert data_hash(window_at(window, 1, column), 0, 199) == known
    touched = window.close.copy()
    touched[0, :] *= 2
    touched[1, : BARS - 200] *= 2
    assert data_hash(replace(window, close=touched), 1, column) == known
    touched[1, BARS - 200] *= 2
    assert data_hash(replace(window, close=touched), 1, column) != known


def test_an_input_counts_in_the_hash_only_where_it_has_a_number(window: Window) -> None:
    without = {name: values for name, values in window.inputs.items() if name != FUNDING_RATE}
    known = data_hash(window, 0, BARS - 1)
    assert data_hash(replace(window, inputs=without), 0, BARS - 1) == known
    one = window.inputs[FUNDING_RATE].copy()
    one[0, -7] = 1e-4
    assert data_hash(replace(window, inputs={**without, FUNDING_RATE: one}), 0, BARS - 1) != known


def test_bars_that_a_row_does_not_have_are_not_hashed(window: Window) -> None:
    short = window.tail(90)
    padded = {}
    for name in ("open", "high", "low", "close", "volume"):
        padded[name] = np.concatenate([np.full((2, 30), np.nan), getattr(short, name)], axis=1)
    times = np.concatenate([np.zeros((2, 30), dtype=np.int64), short.open_time_ms], axis=1)
    inputs = {name: np.concatenate([np.full((2, 30), np.nan), values], axis=1) for name, values in short.inputs.items()}
    longer = Window(window.timeframe_ms, times, **padded, inputs=inputs)
    assert data_hash(longer, 0, 119) == data_hash(short, 0, 89)


def test_the_policy_names_versions_weights_and_thresholds() -> None:
    heads = PANEL.heads
    known = policy_version(heads, WeightSet(), Quorum())
    assert known.startswith("default-1:")
    assert policy_version(tuple(reversed(heads)), WeightSet(), Quorum()) == known
    raised = (replace(heads[0], version=heads[0].version + 1), *heads[1:])
    others = {
        policy_version(raised, WeightSet(), Quorum()),
        policy_version(heads[1:], WeightSet(), Quorum()),
        policy_version(heads, WeightSet(heads=WeightSet().heads | {"ict": 0.2}), Quorum()),
        policy_version(heads, WeightSet(calibration={"ict": ((0.5, 0.5), (0.9, 0.6))}), Quorum()),
        policy_version(heads, WeightSet(), Quorum(cool_down_ms=1)),
    }
    assert len(others | {known}) == 6


def test_a_bar_that_is_not_in_the_candles_is_bad_input(signals: list[Signal], window: Window) -> None:
    stored = signals[0]
    elsewhere = msgspec.structs.replace(stored, bar_open_ms=stored.bar_open_ms + 1)
    with pytest.raises(BadInput, match="no bar of binance:spot:BTCUSDT"):
        replay_signal(elsewhere, of(stored, window), PANEL, WeightSet(), EASY)
