"""What a node measures about itself, for the API, the page and Prometheus: counts since start, and rates and latencies
over a sliding window. A figure that was never measured is None. Nothing is decided by any of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from holdfast.execution.marks import decode_decision, decode_report
from holdfast.market.book import CandleBook
from holdfast.market.closed import Closed
from holdfast.model.entry import EntryKind, StoredEntry
from holdfast.model.intent import Intent
from holdfast.ports.clock import Clock
from holdfast.signals.consensus import OUTCOME_CODES, SIGNAL
from holdfast.telemetry.metrics import Metrics
from holdfast.telemetry.window import SlidingQuantile, SlidingRate


class Measures:
    """Fed by the walk; read by the node's view. `clock` is the machine's, never the recording's."""

    def __init__(self, clock: Clock, *, window_s: float, deadline_ms: int) -> None:
        self.clock = clock
        self.window_s = window_s
        self.deadline_ms = deadline_ms
        self.metrics = Metrics()
        self.started_ms = clock.now_ms()
        self._started_s = clock.monotonic_s()
        self.candle_rate = SlidingRate(window_s, started_s=self._started_s)
        self.times = {name: SlidingQuantile(window_s) for name in ("heads", "step", "append", "lag")}
        self.candles = 0
        self.bars_closed: Counter[str] = Counter()
        self.defects: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.decisions: Counter[str] = Counter()
        self.order_states: Counter[str] = Counter()
        self.orders = 0
        self.fills = 0
        self.cycles = 0
        self.late = 0
        self.last_cycle_market_ms: int | None = None
        self.problems: dict[str, str] = {}

    @property
    def uptime_s(self) -> float:
        return self.clock.monotonic_s() - self._started_s

    @contextmanager
    def step(self) -> Iterator[None]:
        """Times one step of the walk; one that closed a decision bar and took too long counts as late."""
        cycles = self.cycles
        with self._timed("step", self.metrics.walk_step_seconds.observe) as took:
            yield
        if self.cycles > cycles and took[0] * 1000 > self.deadline_ms * (self.cycles - cycles):
            self.late += 1

    @contextmanager
    def heads(self) -> Iterator[None]:
        """Times all heads over all symbols."""
        with self._timed("heads", self.metrics.heads_seconds.observe):
            yield

    @contextmanager
    def append(self) -> Iterator[None]:
        """Times one durable journal transaction."""
        with self._timed("append", self.metrics.journal_append_seconds.observe):
            yield

    def lagged(self, seconds: float) -> None:
        """The event loop woke up that much later than asked."""
        self.times["lag"].add(seconds, at_s=self.clock.monotonic_s())
        self.metrics.event_loop_lag_seconds.observe(seconds)

    @contextmanager
    def _timed(self, name: str, observe: object) -> Iterator[list[float]]:
        took = [0.0]
        began_s = self.clock.monotonic_s()
        try:
            yield took
        finally:
            now_s = self.clock.monotonic_s()
            took[0] = now_s - began_s
            self.times[name].add(took[0], at_s=now_s)
            assert callable(observe)
            observe(took[0])

    def closed(self, book: CandleBook, closed: Closed) -> None:
        """Counts the bars that one block closed, and the candles of it that were refused or flagged."""
        counts = closed.counts[book.base]
        total = int(counts.sum())
        self.candles += total
        self.candle_rate.add(total, at_s=self.clock.monotonic_s())
        for row in np.flatnonzero(counts):
            place = book.symbols[int(row)]
            self.metrics.candles.labels(place.venue, place.market).inc(int(counts[row]))
        for frame, fresh in closed.counts.items():
            if count := int(fresh.sum()):
                self.bars_closed[frame.value] += count
                self.metrics.bars_closed.labels(frame.value).inc(count)
        for code, count in book.defects().items():
            if count > self.defects[code]:
                self.metrics.candle_defects.labels(code).inc(count - self.defects[code])
                self.defects[code] = count

    def evaluated(self, moment_ms: int, outcomes: NDArray[np.intp]) -> None:
        """Counts one cycle: every symbol whose bar closed at one moment, by outcome. A consensus is counted when the
        gatekeeper has judged it."""
        self.cycles += 1
        self.last_cycle_market_ms = moment_ms
        for code, count in zip(OUTCOME_CODES, outcomes.tolist(), strict=True):
            if count and code != SIGNAL:
                self.outcomes[code] += count
                self.metrics.signals.labels(code).inc(count)

    def judged(self, code: str) -> None:
        """Counts one consensus: as a signal, or under the reason for which it was held back."""
        self.outcomes[code] += 1
        self.metrics.signals.labels(code).inc()

    @property
    def evaluations(self) -> int:
        """Symbols evaluated since the start."""
        return sum(self.outcomes.values())

    def heard(self, stored: StoredEntry) -> None:
        """Counts one new journal entry."""
        entry = stored.entry
        if entry.kind is EntryKind.DECISION:
            decision = decode_decision(entry).decision
            code = "intent" if isinstance(decision, Intent) else decision.code
            self.decisions[code] += 1
            self.orders += code == "intent"
            self.metrics.decisions.labels(code).inc()
        elif entry.kind is EntryKind.ORDER:
            state = decode_report(entry).state.value
            self.order_states[state] += 1
            self.metrics.orders.labels(state).inc()
        elif entry.kind is EntryKind.FILL:
            self.fills += 1
            self.metrics.fills.inc()

    def quantile_ms(self, name: str, share: float) -> float | None:
        """Of 'heads', 'step', 'append' or 'lag', over the window; None when nothing was measured in it."""
        value = self.times[name].quantile(share, at_s=self.clock.monotonic_s())
        return None if value is None else value * 1000
