"""Every followed symbol: whether its series can be trusted, and what was wrong with its candles."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from holdfast.api.views import SymbolView
from holdfast.cockpit import words
from holdfast.cockpit.panel import heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.table import Row, Table
from holdfast.model.symbol import Symbol

_COLUMNS = (
    ("symbol", "title"),
    ("trust", "mark"),
    ("bars", "number"),
    ("last close", "number"),
    ("newest bar, UTC", "text"),
    ("gaps", "number"),
    ("refused candles", "words"),
)


class Symbols:
    def __init__(self, shared: SharedView, look_at: Callable[[Symbol], None]) -> None:
        self._shared = shared

        def picked(key: str) -> None:
            look_at(Symbol.parse(key))

        with panel("Symbols", area="area-symbols"):
            heading("Symbols", note="open one in the chart")
            with ui.element("div").classes("scroll"):
                self._table = Table(_COLUMNS, label="symbols", empty="No symbol is followed yet.", on_pick=picked)

    def refresh(self) -> None:
        self._table.show([symbol_row(symbol) for symbol in self._shared.symbols()])


def symbol_row(symbol: SymbolView) -> Row:
    shown, tone, why = words.TRUST.get(symbol.trust, (symbol.trust, "warn", ""))
    if not symbol.enabled:
        shown, tone, why = f"disabled, {shown}", "warn", "an operator disabled this pair: no entry, protection stays"
    defects = ", ".join(f"{words.plain(code)} {count:,}" for code, count in sorted(symbol.defects.items()) if count)
    waiting = "no bar has closed yet"
    return {
        "key": f"{symbol.venue}:{symbol.market}:{symbol.symbol}",
        "cells": [
            words.market(symbol.symbol, symbol.market, symbol.venue),
            words.text(shown, tone=tone, why=why),
            words.text(f"{symbol.bars:,}"),
            words.exact(symbol.last_close, why=waiting),
            words.time(symbol.last_open_ms, why=waiting),
            words.text(f"{symbol.gaps:,}", tone="" if symbol.gaps else "muted"),
            words.text(defects, tone="warn") if defects else words.text("none", tone="muted"),
        ],
    }
