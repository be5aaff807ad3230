"""What one open page looks at: a symbol, a timeframe, how many bars. Each page has its own."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.api.views import FillView, PositionView
from holdfast.cockpit.shared import SharedView
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

BARS = ("60", "120", "200")


@dataclass(slots=True)
class Chosen:
    """`pinned` is what the operator picked, or the first symbol seen to be traded; None until there is one."""

    timeframe: Timeframe
    bars: int = 120
    pinned: Symbol | None = None

    def symbol(self, shared: SharedView) -> Symbol | None:
        """The pinned symbol; else that of the newest position or fill, pinned from then on, so that the page does not
        jump with every trade; else the first; None while none is followed."""
        keys = shared.symbol_keys()
        if self.pinned in keys:
            return self.pinned
        newest_first = sorted(shared.positions(), key=lambda position: -position.opened_at_ms)
        trades: list[PositionView | FillView] = [*newest_first, *shared.fills()]
        for trade in trades:
            traded = Symbol(trade.venue, trade.market, trade.symbol)
            if traded in keys:
                self.pinned = traded
                return traded
        return keys[0] if keys else None
