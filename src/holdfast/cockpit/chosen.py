"""What one open page looks at: a symbol, a timeframe, how many bars. Each page has its own."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.cockpit.shared import SharedView
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

BARS = ("60", "120", "200")


@dataclass(slots=True)
class Chosen:
    """`pinned` is what the operator picked, or the first symbol seen to be held; None until there is one."""

    timeframe: Timeframe
    bars: int = 120
    pinned: Symbol | None = None

    def symbol(self, shared: SharedView) -> Symbol | None:
        """The pinned symbol; else that of the newest position, pinned from then on, so that the page does not jump
        with every trade; else the first; None while none is followed."""
        keys = shared.symbol_keys()
        if self.pinned in keys:
            return self.pinned
        for position in sorted(shared.positions(), key=lambda position: -position.opened_at_ms):
            held = Symbol(position.venue, position.market, position.symbol)
            if held in keys:
                self.pinned = held
                return held
        return keys[0] if keys else None
