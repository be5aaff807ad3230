"""What one open page looks at: a symbol, a timeframe, how many bars. Each page has its own."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.cockpit.shared import SharedView
from holdfast.model.symbol import Symbol
from holdfast.model.timeframe import Timeframe

BARS = ("60", "120", "200")


@dataclass(slots=True)
class Chosen:
    """`symbol` is None until the operator has picked one: then the page follows what is most worth seeing."""

    timeframe: Timeframe
    bars: int = 120
    picked: Symbol | None = None

    def symbol(self, shared: SharedView) -> Symbol | None:
        """The picked symbol; else that of the newest position; else the first; None while none is followed."""
        keys = shared.symbol_keys()
        if self.picked in keys:
            return self.picked
        for position in sorted(shared.positions(), key=lambda position: -position.opened_at_ms):
            held = Symbol(position.venue, position.market, position.symbol)
            if held in keys:
                return held
        return keys[0] if keys else None
