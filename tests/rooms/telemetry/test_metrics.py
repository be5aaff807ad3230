"""The metrics: what a node counted is what Prometheus reads, and what was never measured is not there."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.telemetry.metrics import Metrics


def _samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Parsed by the library's own reader, as a Prometheus server would."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_counts_appear_under_their_names_and_labels() -> None:
    metrics = Metrics()
    metrics.candles.labels(venue="binance", market="spot").inc(42)
    metrics.candle_defects.labels(code="high_below_low").inc()
    metrics.bars_closed.labels(timeframe="1h").inc(3)
    metrics.signals.labels(outcome="signal").inc()
    metrics.decisions.labels(code="intent").inc()
    metrics.orders.labels(state="filled").inc(2)
    metrics.fills.inc()
    metrics.equity.labels(currency="USDT").set(10_000.5)
    seen = _samples(metrics)
    assert seen["holdfast_candles_total", (("market", "spot"), ("venue", "binance"))] == 42
    assert seen["holdfast_candle_defects_total", (("code", "high_below_low"),)] == 1
    assert seen["holdfast_bars_closed_total", (("timeframe", "1h"),)] == 3
    assert seen["holdfast_signals_total", (("outcome", "signal"),)] == 1
    assert seen["holdfast_decisions_total", (("code", "intent"),)] == 1
    assert seen["holdfast_orders_total", (("state", "filled"),)] == 2
    assert seen["holdfast_fills_total", ()] == 1
    assert seen["holdfast_equity", (("currency", "USDT"),)] == 10_000.5


def test_a_gauge_nobody_has_set_is_absent_and_not_zero() -> None:
    metrics = Metrics()
    before = {name for name, _ in _samples(metrics)}
    assert "holdfast_history_buffer_rows" not in before and "holdfast_equity" not in before
    metrics.history_buffer_rows.set(0)
    metrics.history_buffer_rows.set(7)
    assert _samples(metrics)["holdfast_history_buffer_rows", ()] == 7


@pytest.mark.parametrize(
    "name", ["heads_seconds", "walk_step_seconds", "journal_append_seconds", "event_loop_lag_seconds"]
)
def test_durations_are_counted_in_buckets_that_grow(name: str) -> None:
    metrics = Metrics()
    getattr(metrics, name).observe(0.04)
    seen = _samples(metrics)
    assert seen[f"holdfast_{name}_count", ()] == 1
    assert seen[f"holdfast_{name}_sum", ()] == 0.04
    assert seen[f"holdfast_{name}_bucket", (("le", "0.05"),)] == 1
    assert seen[f"holdfast_{name}_bucket", (("le", "0.025"),)] == 0


def test_two_nodes_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.fills.inc()
    assert _samples(first)["holdfast_fills_total", ()] == 1
    assert _samples(second)["holdfast_fills_total", ()] == 0


def test_nothing_rendered_depends_on_when_the_process_started() -> None:
    assert Metrics().render() == Metrics().render()
    assert b"_created" not in Metrics().render()
