"""What the page asks the node. Answers are kept for most of a second, so that ten open pages cost what one costs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar, cast

from holdfast.api.views import (
    DecisionView,
    FillView,
    HeadView,
    HealthView,
    MetricsView,
    NodeView,
    OrderView,
    PerformanceView,
    PositionView,
    SignalView,
    SymbolView,
)
from holdfast.model.candle import Candle
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe
from holdfast.ports.clock import Clock

_KEPT_S = 0.8
_ROWS = 40
_T = TypeVar("_T")


class SharedView:
    """The node as all open pages see it. An answer is at most 0.8 s old; one that nobody asks for is forgotten."""

    def __init__(self, view: NodeView, clock: Clock) -> None:
        self._view, self._clock = view, clock
        self._kept: dict[Hashable, tuple[float, object]] = {}

    def _once(self, key: Hashable, ask: Callable[[], _T]) -> _T:
        now_s = self._clock.monotonic_s()
        kept = self._kept.get(key)
        if kept is not None and now_s - kept[0] < _KEPT_S:
            return cast(_T, kept[1])
        self._kept = {name: pair for name, pair in self._kept.items() if now_s - pair[0] < _KEPT_S}
        answer = ask()
        self._kept[key] = (now_s, answer)
        return answer

    def health(self) -> HealthView:
        return self._once("health", self._view.health)

    def timeframes(self) -> Sequence[Timeframe]:
        return self._view.timeframes()

    def symbol_keys(self) -> Sequence[Symbol]:
        return self._once("keys", self._view.symbol_keys)

    def symbols(self) -> list[SymbolView]:
        return self._once("symbols", self._view.symbols)

    def heads(self) -> dict[str, HeadView]:
        return self._once("heads", lambda: {head.name: head for head in self._view.heads()})

    def signal(self, symbol: Symbol, timeframe: Timeframe) -> SignalView | None:
        return self._once(("signal", symbol, timeframe), lambda: self._view.signal(symbol, timeframe))

    def recent_signals(self) -> list[SignalView]:
        return self._once("signals", lambda: self._view.recent_signals(symbol=None, limit=_ROWS))

    def decisions(self) -> list[DecisionView]:
        return self._once("decisions", lambda: self._view.decisions(limit=_ROWS))

    def metrics(self) -> MetricsView:
        return self._once("metrics", self._view.metrics)

    def performance(self) -> list[PerformanceView]:
        return self._once("performance", self._view.performance)

    def positions(self) -> list[PositionView]:
        return self._once("positions", self._view.positions)

    def orders(self) -> list[OrderView]:
        return self._once("orders", lambda: self._view.orders(limit=_ROWS))

    def fills(self) -> list[FillView]:
        return self._once("fills", lambda: self._view.fills(symbol=None, limit=_ROWS))

    def fills_of(self, symbol: Symbol) -> list[FillView]:
        return self._once(("fills", symbol), lambda: self._view.fills(symbol=symbol, limit=200))

    def candles(self, symbol: Symbol, timeframe: Timeframe, *, limit: int) -> list[Candle]:
        asked = ("candles", symbol, timeframe, limit)
        return self._once(asked, lambda: self._view.candles(symbol, timeframe, limit=limit))
