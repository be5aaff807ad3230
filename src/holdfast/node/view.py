"""What a node answers when it is asked (the API's `NodeView`): every number read from the part that knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import psutil

from holdfast import __version__
from holdfast.api.views import (
    DecisionView,
    FillView,
    HeadView,
    HealthView,
    MetricsView,
    OrderView,
    PairView,
    PerformanceView,
    PhaseView,
    PositionView,
    SchedulerView,
    SignalView,
    SymbolView,
    VoteView,
)
from holdfast.market.stream_words import ConnectionPhase
from holdfast.market.trust import Trust
from holdfast.model.candle import Candle
from holdfast.model.signal import Signal
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.node.activity import plain
from holdfast.node.compose import Assembly
from holdfast.node.feed.live import FeedStatus
from holdfast.node.phases import Startup
from holdfast.ports.history import History
from holdfast.signals.head import COMMON_ABSTENTIONS
from holdfast.signals.weights import WeightSet

ReadFeed = Callable[[], FeedStatus]


class View:
    """One running node, read only. `rests` says that nothing more will come, in words, or '' while it does."""

    def __init__(
        self, assembly: Assembly, startup: Startup, history: History, *, world: str, feed: ReadFeed | None = None
    ) -> None:
        self._node = assembly
        self._startup = startup
        self._history = history
        self._world = world
        self._feed = feed
        self._process = psutil.Process()
        self.rests = ""

    # ---- the node

    def health(self) -> HealthView:
        measures = self._node.measures
        problems = [*measures.problems.values(), *self._cut_off()]
        if self._startup.stopping:
            status = "stopping"
        elif not self._startup.ready:
            status = "starting"
        else:
            status = "degraded" if problems else "ready"
        return HealthView(
            status=status,
            version=__version__,
            world=self._world,
            started_at_ms=measures.started_ms,
            uptime_s=measures.uptime_s,
            market_time_ms=self._node.walk.market_ms or None,
            phases=[PhaseView(name=p.name, state=p.state.value, detail=p.detail) for p in self._startup.phases],
            problems=problems + ([self.rests] if self.rests else []),
        )

    def _cut_off(self) -> list[str]:
        """The live markets from which no stream can come now."""
        markets = () if self._feed is None else self._feed().markets
        return [
            f"No connection to the streams of {market.venue} {market.market} is open."
            for market in markets
            if market.streams is not None
            and market.streams.streams
            and all(connection.phase is not ConnectionPhase.OPEN for connection in market.streams.connections)
        ]

    def settings(self) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(self._node.settings)
        return shown

    def prometheus(self) -> bytes:
        metrics = self._node.measures.metrics
        for symbol in self._node.ledger.opening:
            equity = self._equity(symbol)
            if equity is not None:
                metrics.equity.labels(symbol).set(float(equity))
        metrics.history_buffer_rows.set(self._history.rows_waiting)
        return metrics.render()

    def _equity(self, currency: str) -> Decimal | None:
        marks = self._node.activity.marks
        line = marks[-1].currencies.get(currency) if marks else None
        return None if line is None else line.equity

    def metrics(self) -> MetricsView:
        measures = self._node.measures
        trust = self._node.book.trust_now(self._node.desk.timeframe, self._node.walk.market_ms)
        signals = measures.outcomes["signal"]
        return MetricsView(
            window_s=measures.window_s,
            uptime_s=measures.uptime_s,
            candles_total=measures.candles,
            candles_per_s=measures.candle_rate.rate(at_s=measures.clock.monotonic_s()),
            candle_defects={code: count for code, count in self._node.book.defects().items() if count},
            bars_closed_total=dict(measures.bars_closed),
            symbols_tracked=len(trust),
            symbols_ready=int((trust == Trust.READY).sum()),
            evaluations_total=measures.evaluations,
            signals_total=signals,
            consensus_rate=signals / measures.evaluations if measures.evaluations else None,
            decisions=dict(measures.decisions),
            orders_total=measures.orders,
            fills_total=measures.fills,
            heads_ms_p50=measures.quantile_ms("heads", 0.5),
            heads_ms_p99=measures.quantile_ms("heads", 0.99),
            walk_step_ms_p50=measures.quantile_ms("step", 0.5),
            walk_step_ms_p99=measures.quantile_ms("step", 0.99),
            journal_append_ms_p50=measures.quantile_ms("append", 0.5),
            journal_append_ms_p99=measures.quantile_ms("append", 0.99),
            event_loop_lag_ms_p99=measures.quantile_ms("lag", 0.99),
            history_rows_waiting=self._history.rows_waiting,
            memory_mb=self._process.memory_info().rss / 1e6,
        )

    def scheduler(self) -> SchedulerView:
        measures, frame_ms = self._node.measures, self._node.desk.timeframe.ms
        market_ms = self._node.walk.market_ms
        return SchedulerView(
            timeframe=self._node.desk.timeframe.value,
            deadline_ms=measures.deadline_ms,
            cycles_total=measures.cycles,
            evaluations_total=measures.evaluations,
            late_total=measures.late,
            signals_total=measures.outcomes["signal"],
            outcomes={code: count for code, count in measures.outcomes.items() if count},
            last_cycle_market_ms=measures.last_cycle_market_ms,
            next_cycle_market_ms=None if self.rests or not market_ms else (market_ms // frame_ms + 1) * frame_ms,
            cycle_ms_p50=measures.quantile_ms("heads", 0.5),
            cycle_ms_p99=measures.quantile_ms("heads", 0.99),
        )

    # ---- the market

    def timeframes(self) -> Sequence[Timeframe]:
        first = self._node.desk.timeframe
        return (first, *(frame for frame in self._frames() if frame is not first))

    def _frames(self) -> list[Timeframe]:
        book = self._node.book
        return sorted({book.base, *book.frames}, key=lambda frame: frame.ms)

    def symbol_keys(self) -> Sequence[Symbol]:
        return self._node.book.symbols

    def symbols(self) -> list[SymbolView]:
        frame = self._node.desk.timeframe
        shown = []
        for status in self._node.book.status(self._node.walk.market_ms):
            symbol, instrument = status.symbol, self._node.ground.instruments[status.symbol]
            shown.append(
                SymbolView(
                    venue=symbol.venue,
                    market=symbol.market,
                    symbol=symbol.name,
                    base=instrument.base,
                    quote=instrument.quote,
                    trust=status.trust[frame].name.lower(),
                    bars=status.bars,
                    last_open_ms=status.newest_open_ms,
                    last_close=None if status.last_close is None else plain(Decimal(repr(status.last_close))),
                    gaps=status.gaps[frame],
                    defects={code: count for code, count in status.defects.items() if count},
                    enabled=symbol not in self._node.pairs.disabled,
                )
            )
        return shown

    def pairs(self) -> list[PairView]:
        return [self._node.pairs.show(symbol) for symbol in self._node.book.symbols]

    def candles(self, symbol: Symbol, timeframe: Timeframe, *, limit: int) -> list[Candle]:
        return self._history.read_candles(symbol, timeframe, limit=limit)

    def websocket(self) -> dict[str, Any] | None:
        status: dict[str, Any] | None = None if self._feed is None else msgspec.to_builtins(self._feed())
        return status

    # ---- signals

    def heads(self) -> list[HeadView]:
        return [
            HeadView(
                name=head.name,
                version=head.version,
                summary=head.summary,
                memory=head.memory,
                inputs=list(head.inputs),
                reasons=dict(head.reasons),
                abstentions={**COMMON_ABSTENTIONS, **head.abstentions},
                weight=self._node.desk.weights.weight(head.name),
            )
            for head in self._node.desk.panel.heads
        ]

    def signal(self, symbol: Symbol, timeframe: Timeframe) -> SignalView | None:
        signal = self._node.desk.newest(symbol, timeframe)
        return None if signal is None else view_signal(signal, self._node.desk.weights)

    def recent_signals(self, *, symbol: Symbol | None, limit: int) -> list[SignalView]:
        stored = self._history.read_signals(symbol=symbol, limit=limit)
        return [view_signal(signal, self._node.desk.weights) for signal in stored]

    # ---- the account

    def decisions(self, *, limit: int) -> list[DecisionView]:
        return self._node.activity.show_decisions(limit=limit)

    def performance(self) -> list[PerformanceView]:
        return self._node.activity.results(self._node.ledger)

    def positions(self) -> list[PositionView]:
        return self._node.activity.positions(self._node.ledger, self._node.trading.marks())

    def orders(self, *, limit: int) -> list[OrderView]:
        return self._node.activity.orders(limit=limit)

    def fills(self, *, symbol: Symbol | None, limit: int) -> list[FillView]:
        return self._node.activity.show_fills(symbol=symbol, limit=limit)


def view_signal(signal: Signal, weights: WeightSet) -> SignalView:
    """A signal as the API shows it, each vote with the weight its head has now."""
    return SignalView(
        id=signal.id,
        venue=signal.symbol.venue,
        market=signal.symbol.market,
        symbol=signal.symbol.name,
        timeframe=signal.timeframe.value,
        bar_open_ms=signal.bar_open_ms,
        bar_close_ms=signal.bar_close_ms,
        direction=signal.direction.name.lower(),
        probability=signal.probability,
        probability_calibrated=weights.calibrated,
        confidence=signal.confidence,
        consensus=signal.consensus,
        agreeing_heads=list(signal.agreeing),
        outcome=signal.outcome,
        close=signal.close,
        atr=signal.atr,
        data_hash=signal.data_hash,
        policy=signal.policy,
        votes=[
            VoteView(
                head=vote.head,
                version=vote.head_version,
                direction=vote.direction.name.lower(),
                probability=vote.probability,
                confidence=vote.confidence,
                reasons=list(vote.reasons),
                abstained=vote.abstained,
                measures=vote.measures,
                weight=weights.weight(vote.head),
            )
            for vote in signal.votes
        ],
    )
