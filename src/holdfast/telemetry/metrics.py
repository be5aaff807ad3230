"""What a node counts and measures, in Prometheus' terms: one `Metrics` a node, in a registry of its own.

The names here are the metric names an operator sees at /metrics, behind `holdfast_`. A gauge is absent until something
has really been measured. Who counts what, and when, is the business of the node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

_NAMESPACE = "holdfast"
_FAST_S = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)
_SLOW_S = (1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measure:
    """A gauge that is not shown before its first value: absent and 0 are different things."""

    def __init__(self, registry: CollectorRegistry, name: str, help_text: str) -> None:
        self._registry = registry
        self._gauge = Gauge(name, help_text, namespace=_NAMESPACE, registry=None)
        self._shown = False

    def set(self, value: float) -> None:
        self._gauge.set(value)
        if not self._shown:
            self._registry.register(self._gauge)
            self._shown = True


class Metrics:
    """Counters only grow; `…_seconds` are histograms of durations; labels are in the order of the second argument."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        counter, timing = self._counter, self._timing

        self.candles = counter("candles", ("venue", "market"), "Closed candles taken in")
        self.candle_defects = counter("candle_defects", ("code",), "Candles refused or flagged, by defect code")
        self.bars_closed = counter("bars_closed", ("timeframe",), "Bars closed, derived ones included")
        self.signals = counter("signals", ("outcome",), "Evaluations of closed bars, by outcome")
        self.decisions = counter("decisions", ("code",), "Decisions of risk, by code")
        self.orders = counter("orders", ("state",), "Orders that entered a state")
        self.fills = counter("fills", (), "Fills applied to the portfolio")

        self.equity = Gauge(
            "equity", "Worth of the account", ("currency",), namespace=_NAMESPACE, registry=self.registry
        )
        self.history_buffer_rows = Measure(
            self.registry, "history_buffer_rows", "Rows that wait to be stored in the history"
        )

        self.heads_seconds = timing(
            "heads_seconds", _FAST_S, "All heads over the bars of all symbols that one block closed"
        )
        self.walk_step_seconds = timing("walk_step_seconds", _FAST_S, "One step of the walk, from candles to fills")
        self.journal_append_seconds = timing("journal_append_seconds", _SLOW_S, "One durable journal transaction")
        self.event_loop_lag_seconds = timing("event_loop_lag_seconds", _SLOW_S, "How late the event loop woke up")

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, to be served with `content_type`."""
        return generate_latest(_Measured(self.registry))

    def _counter(self, name: str, labels: Sequence[str], help_text: str) -> Counter:
        return Counter(name, help_text, labels, namespace=_NAMESPACE, registry=self.registry)

    def _timing(self, name: str, buckets: Sequence[float], help_text: str) -> Histogram:
        return Histogram(name, help_text, namespace=_NAMESPACE, registry=self.registry, buckets=buckets)


class _Measured(Collector):
    """A registry without the `…_created` samples: the library takes those from the machine's clock, not from ours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
