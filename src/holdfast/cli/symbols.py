"""Finds the symbol that an operator means among those that are there, and names the nearest ones when there is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from holdfast.model.errors import BadInput
from holdfast.model.symbol import Symbol


def find_symbol(text: str, known: Iterable[Symbol], *, market: str | None = None, venue: str | None = None) -> Symbol:
    """The one symbol called `text` (BTCUSDT, in any case, or binance:spot:BTCUSDT). BadInput for none or several."""
    keys = sorted(known)
    named = [key for key in keys if text.upper() in (key.name.upper(), str(key).upper())]
    fitting = [key for key in named if market in (None, key.market) and venue in (None, key.venue)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        told = ", ".join(map(str, fitting))
        raise BadInput(f"{text} is more than one symbol: {told}.", "Give --market, or one of these in full.")
    if named:
        told = ", ".join(map(str, named))
        raise BadInput(f"{text} is not on {' '.join(filter(None, (venue, market)))}.", f"It is {told}.")
    names = sorted({key.name for key in keys})
    nearest = difflib.get_close_matches(text.upper().rpartition(":")[2], names, n=3, cutoff=0.4) or names[:3]
    raise BadInput(f"There is no symbol {text} here.", f"Nearest of {len(names)}: {', '.join(nearest)}.")
