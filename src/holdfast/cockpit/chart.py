"""The chart panel: the choice of symbol, timeframe and bars, and the candlestick chart of them."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from holdfast.cockpit import candles
from holdfast.cockpit.chosen import BARS, Chosen
from holdfast.cockpit.panel import choices, heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

_KEY = "▲ ▼ entry · ◇ exit · lines: entry, stop, target of the open position · times in UTC"


class Chart:
    """`changed` is called when the operator looks at something else."""

    def __init__(self, shared: SharedView, chosen: Chosen, changed: Callable[[], None]) -> None:
        self._shared, self._chosen, self._changed = shared, chosen, changed
        self._last: tuple[object, ...] = ()
        frames = sorted(shared.timeframes(), key=lambda frame: frame.ms)
        with panel("Chart", area="area-chart"):
            with heading("Chart"):
                self._symbol = ui.select({}, with_input=True).props("dense outlined options-dense")
                self._symbol.props('aria-label="symbol"').classes("symbol-choice")
                self._frames = choices([frame.value for frame in frames], value=chosen.timeframe.value)
                self._bars = choices(list(BARS), value=str(chosen.bars)).props('aria-label="bars"')
            with ui.element("div").classes("plot"):
                self._empty = ui.label("Waiting for the first closed bar…").classes("empty")
                self._plot = ui.echart({}, renderer="svg").classes("candles")
            ui.html(_KEY, tag="small", sanitize=False).classes("chart-key")
        self._symbol.on_value_change(self._pick)
        self._frames.on_value_change(self._pick_frame)
        self._bars.on_value_change(self._pick_bars)

    def look_at(self, symbol: Symbol) -> None:
        """Shows this symbol, as if it had been chosen here."""
        self._chosen.pinned = symbol
        self._changed()

    def show_bars(self, bars: int) -> None:
        self._bars.set_value(str(bars))

    def _pick(self, event: ValueChangeEventArguments[str | None]) -> None:
        if event.value is not None and event.value != str(self._chosen.symbol(self._shared)):
            self.look_at(Symbol.parse(event.value))

    def _pick_frame(self, event: ValueChangeEventArguments[str]) -> None:
        self._chosen.timeframe = Timeframe(event.value)
        self._changed()

    def _pick_bars(self, event: ValueChangeEventArguments[str]) -> None:
        self._chosen.bars = int(event.value)
        self._changed()

    def refresh(self) -> None:
        names = {str(key): f"{key.name} · {key.market}" for key in self._shared.symbol_keys()}
        symbol = self._chosen.symbol(self._shared)
        if names != self._symbol.options:
            self._symbol.set_options(names)
        if symbol is None:
            return
        if self._symbol.value != str(symbol):
            self._symbol.set_value(str(symbol))
        frame, shared = self._chosen.timeframe, self._shared
        bars = shared.candles(symbol, frame, limit=self._chosen.bars)
        fills = shared.fills_of(symbol)
        held = next((p for p in shared.positions() if (p.venue, p.market, p.symbol) == _key(symbol)), None)
        lines = candles.position_lines(held)
        drawn = (symbol, frame, len(bars), bars[-1] if bars else None, len(fills), fills[:1], str(lines))
        if drawn == self._last:
            return
        self._last = drawn
        self._empty.set_visibility(not bars)
        self._plot.set_visibility(bool(bars))
        if bars:
            self._plot.options.clear()
            self._plot.options.update(candles.options(bars, frame_ms=frame.ms, fills=fills, position=held))
            self._plot.update()


def _key(symbol: Symbol) -> tuple[str, str, str]:
    return symbol.venue, symbol.market, symbol.name
