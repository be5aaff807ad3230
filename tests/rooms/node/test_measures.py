"""What a node measures about itself is what it did: counts agree with the journal, times with a clock."""

from __future__ import annotations

import io
import json
from collections import Counter

import numpy as np
import pytest
from walking import World, late_bars, long_blocks, made_up, quiet, set_up, walk

from holdfast.execution.marks import decode_decision, decode_fill, decode_report
from holdfast.model.entry import EntryKind
from holdfast.model.intent import Intent
from holdfast.node.measures import Measures
from holdfast.signals.consensus import OUTCOME_CODES
from holdfast.telemetry.events import Event

HOURLY = set_up(quorum={"cool_down_ms": 7_200_000, "deduplicate_ms": 14_400_000})


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now_ms(self) -> int:
        return int(self.at_s * 1000)

    def monotonic_s(self) -> float:
        return self.at_s

    async def wait_s(self, seconds: float) -> None:
        self.at_s += seconds


def exposed(measures: Measures) -> dict[str, float]:
    """{name with labels: value} of what Prometheus would read."""
    lines = measures.metrics.render().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_counts_agree_with_the_journal_and_the_history() -> None:
    recording = made_up()
    world = World()
    assembly = world.start(recording, HOURLY)
    walk(assembly, long_blocks(recording, HOURLY))
    measures, entries = assembly.measures, [stored.entry for stored in world.entries()]
    decided = [decode_decision(entry).decision for entry in entries if entry.kind is EntryKind.DECISION]
    codes = Counter("intent" if isinstance(one, Intent) else one.code for one in decided)
    states = Counter(decode_report(entry).state.value for entry in entries if entry.kind is EntryKind.ORDER)
    kinds = world.kinds()
    assert measures.decisions == codes and len(codes) >= 2
    assert measures.order_states == states and measures.orders == codes["intent"]
    assert measures.fills == kinds[EntryKind.FILL] > 10
    assert measures.cycles == kinds[EntryKind.EQUITY]
    assert measures.outcomes["signal"] == len(world.kept()[1]) == len(decided)
    assert measures.outcomes["cooling_down"] > 0 and measures.outcomes["duplicate"] > 0
    assert measures.evaluations == measures.candles == len(recording)
    assert measures.last_cycle_market_ms == recording.last_close_ms
    candles = world.kept()[0]
    closed = Counter({frame.value: 0 for _, frame in candles})
    for (_, frame), rows in candles.items():
        closed[frame.value] += len(rows)
    assert measures.bars_closed == closed and len(closed) == 3


def test_prometheus_reads_the_same_counts() -> None:
    recording = made_up()
    assembly = World().start(recording, HOURLY)
    walk(assembly, long_blocks(recording, HOURLY))
    measures, told = assembly.measures, exposed(assembly.measures)
    for code, count in measures.outcomes.items():
        assert told.get(f'holdfast_signals_total{{outcome="{code}"}}', 0) == count
    for code, count in measures.decisions.items():
        assert told[f'holdfast_decisions_total{{code="{code}"}}'] == count
    for state, count in measures.order_states.items():
        assert told[f'holdfast_orders_total{{state="{state}"}}'] == count
    for frame, count in measures.bars_closed.items():
        assert told[f'holdfast_bars_closed_total{{timeframe="{frame}"}}'] == count
    assert told["holdfast_fills_total"] == measures.fills
    assert told['holdfast_candles_total{market="usdm",venue="binance"}'] == measures.candles
    steps = told["holdfast_walk_step_seconds_count"]
    assert steps == len(list(long_blocks(recording, HOURLY)))
    assert told["holdfast_heads_seconds_count"] == steps
    assert 0 < told["holdfast_heads_seconds_sum"] < told["holdfast_walk_step_seconds_sum"]
    assert told["holdfast_journal_append_seconds_count"] > len(measures.decisions)


def test_what_was_never_measured_is_absent() -> None:
    measures = Measures(HandClock(), window_s=60, deadline_ms=1000)
    for name in ("heads", "step", "append", "lag"):
        assert measures.quantile_ms(name, 0.5) is None
    assert measures.last_cycle_market_ms is None and measures.evaluations == 0
    assert measures.candle_rate.rate(at_s=100.0) is None


def test_times_are_the_clock_s_and_leave_the_window() -> None:
    clock = HandClock()
    measures = Measures(clock, window_s=60, deadline_ms=1000)
    for took_s in (0.010, 0.020, 0.400):
        with measures.append():
            clock.at_s += took_s
    assert measures.quantile_ms("append", 0.5) == pytest.approx(20, rel=0.011)
    assert measures.quantile_ms("append", 0.99) == pytest.approx(400, rel=0.011)
    measures.lagged(0.5)
    assert measures.quantile_ms("lag", 0.99) == pytest.approx(500, rel=0.011)
    clock.at_s += 120
    assert measures.quantile_ms("append", 0.5) is None
    assert measures.uptime_s == pytest.approx(120.43)


def test_a_step_is_late_when_its_cycles_took_longer_than_the_deadline_allows() -> None:
    clock = HandClock()
    measures = Measures(clock, window_s=60, deadline_ms=1000)
    none = np.zeros(len(OUTCOME_CODES), dtype=np.intp)
    for cycles, took_s, late in ((1, 0.9, 0), (1, 1.1, 1), (3, 2.9, 1), (3, 3.1, 2), (0, 99.0, 2)):
        with measures.step():
            clock.at_s += took_s
            for _ in range(cycles):
                measures.evaluated(1, none)
        assert measures.late == late


def test_a_restart_counts_only_what_it_did_itself() -> None:
    recording = made_up(bars=226)
    world = World()
    first = world.start(recording, HOURLY)
    blocks = list(late_bars(recording, HOURLY))
    walk(first, iter(blocks[:-6]))
    second = world.start(recording, HOURLY)
    assert second.measures.candles == second.measures.fills == second.measures.cycles == 0
    walk(second, iter(blocks[-6:]))
    assert (first.measures.cycles, second.measures.cycles) == (220, 6)
    assert first.measures.candles + second.measures.candles == len(recording)
    assert first.measures.fills + second.measures.fills == world.kinds()[EntryKind.FILL]


def test_the_newest_bar_is_shown_as_it_was_decided() -> None:
    """A signal is not said to be cooling down because of itself."""
    recording = made_up()
    world = World()
    assembly = world.start(recording, HOURLY)
    shown = set()
    for end_ms, block in late_bars(recording, HOURLY):
        assembly.walk.take(block, end_ms)
        if end_ms > recording.first_open_ms + 210 * recording.timeframe.ms:
            for symbol in recording.symbols:
                newest = assembly.desk.newest(symbol, HOURLY.market.timeframe)
                assert newest is not None
                shown.add(newest.outcome)
                if newest.outcome == "signal":
                    assert world.history.read_signal(newest.id) == newest
    assert {"signal", "cooling_down", "duplicate"} <= shown


def test_the_log_tells_every_signal_decision_order_and_fill() -> None:
    recording, told = made_up(), io.StringIO()
    world = World()
    walk(world.start(recording, HOURLY, log=quiet(told)), long_blocks(recording, HOURLY))
    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    events, kinds = Counter(line["event"] for line in lines), world.kinds()
    assert events[Event.SIGNAL] == len(world.kept()[1])
    assert events[Event.INTENT] + events[Event.REFUSAL] == kinds[EntryKind.DECISION]
    assert events[Event.INTENT] and events[Event.REFUSAL]
    assert events[Event.ORDER] == kinds[EntryKind.ORDER] and events[Event.FILL] == kinds[EntryKind.FILL]
    assert events[Event.SETTINGS_CHANGED] == kinds[EntryKind.SETTINGS] == 1
    filled = [line for line in lines if line["event"] == Event.FILL]
    fills = [decode_fill(one.entry) for one in world.entries() if one.entry.kind is EntryKind.FILL]
    assert [(line["trade_id"], line["price"]) for line in filled] == [(one.trade_id, str(one.price)) for one in fills]
