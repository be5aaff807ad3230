"""The signals that were emitted, newest first, and the dialog that opens the votes behind one of them."""

from __future__ import annotations

from nicegui import ui

from holdfast.api.views import SignalView
from holdfast.cockpit import words
from holdfast.cockpit.facts import Facts
from holdfast.cockpit.panel import heading, panel
from holdfast.cockpit.shared import SharedView
from holdfast.cockpit.table import Row, Table
from holdfast.cockpit.votes import Ballot, pips

_COLUMNS = (
    ("closed, UTC", "text"),
    ("symbol", "title"),
    ("signal", "mark"),
    ("consensus", "number"),
    ("p", "number"),
    ("votes", "text"),
)


class Signals:
    def __init__(self, shared: SharedView) -> None:
        self._shared = shared
        self._shown: dict[str, SignalView] = {}
        with panel("Signals", area="area-signals"):
            heading("Signals", note="newest first; open one for its votes")
            with ui.element("div").classes("scroll"):
                self._table = Table(
                    _COLUMNS,
                    label="signals",
                    empty="No signal yet: enough heads must agree on a closed bar.",
                    on_pick=self.open,
                ).classes("signals")
        self._dialog = ui.dialog().classes("votes-dialog")
        with self._dialog, ui.element("div").classes("sheet").props('role="document"'):
            with ui.element("header"):
                self._title = ui.label().classes("sheet-title")
                ui.button("Close", on_click=self._dialog.close).props("flat dense no-caps").classes("close")
            self._ballot = Ballot(waiting="No vote is stored with this signal.")
            self._source = Facts(label="source").classes("figures source")

    def refresh(self) -> None:
        signals = self._shared.recent_signals()
        self._shown = {signal.id: signal for signal in signals}
        self._table.show([_row(signal) for signal in signals])

    def open(self, signal_id: str) -> None:
        """Opens the votes of a signal of the list."""
        signal = self._shown.get(signal_id)
        if signal is None:
            ui.notify("This signal has just left the list.")
            return
        self._title.set_text(f"{signal.symbol} · {signal.market} · {signal.timeframe}")
        self._ballot.show(signal, self._shared.heads())
        self._source.show(
            [
                (
                    "bar, UTC",
                    words.text(f"{words.minute(signal.bar_open_ms)} to {words.minute(signal.bar_close_ms)[11:]}"),
                ),
                ("close", words.measured(signal.close, 8 if signal.close < 10 else 2)),
                ("average true range", words.measured(signal.atr, 8 if signal.close < 10 else 2, why="no range yet")),
                ("venue", words.text(signal.venue)),
                ("policy", words.text(signal.policy, tone="code", why="heads, weights and thresholds")),
                (
                    "data",
                    words.text(
                        signal.data_hash[:16], tone="code", why=f"SHA-256 of what the heads read: {signal.data_hash}"
                    ),
                ),
                ("signal", words.text(signal.id[:24], tone="code", why=signal.id)),
            ]
        )
        self._dialog.open()


def _row(signal: SignalView) -> Row:
    cells = [
        words.time(signal.bar_close_ms),
        words.market(signal.symbol, f"{signal.market} {signal.timeframe}", signal.venue),
        words.direction(signal.direction),
        words.percent(signal.consensus, 0, why="no vote is qualified"),
        words.measured(signal.probability, 2, why="no vote is qualified"),
        pips(signal.votes),
    ]
    return {"key": signal.id, "cells": cells}
